/* Two finalized headers at one slot, both signed by two thirds of our own committee: one of them
 * is an attack, and no machine can say which. New grants stop until an operator accepts one; both
 * signed objects are kept as evidence.
 *
 *   evidence: "KETC"  2 * (form:u8 n:u32be finality update as SSZ)
 *
 * form is the number of the fork (enum eth_fork) in whose container the object is written. A full
 * update is kept without its committee, which makes it a finality update. */

#include "chain/eth.h"

static void put_le32(uint8_t *p, uint32_t x) {
        for (size_t i = 0; i < 4; i++)
                p[i] = (uint8_t) (x >> 8 * i);
}

static uint32_t get_le32(const uint8_t *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
               (uint32_t) p[3] << 24;
}

/* Cuts the committee and its branch out, and puts the offsets right. The object has been parsed,
 * so its shape is known to be good. 0: it does not fit. */
static size_t as_finality_update(const struct eth *eth, const struct lc_update *u,
                enum lc_kind kind, struct view ssz, uint8_t ret[ETH_KEPT_UPDATE]) {
        size_t cut = 0,
               at = u->form >= ETH_GLOAS || u->form < ETH_CAPELLA ? lc_header_size(u->form) : 4;

        if (kind == LC_UPDATE)
                cut = LC_COMMITTEE_SIZE(eth->net.committee_size) +
                      HASH32_SIZE * u->committee_branch.n;
        if (ssz.n < at + cut + 4 || ssz.n - cut > ETH_KEPT_UPDATE)
                return 0;
        memcpy(ret, ssz.p, at);
        memcpy(ret + at, ssz.p + at + cut, ssz.n - at - cut);
        if (cut > 0 && at == 4) { /* both headers stand behind the fixed part */
                put_le32(ret, get_le32(ret) - (uint32_t) cut);
                put_le32(ret + 4, get_le32(ret + 4) - (uint32_t) cut);
        }
        return ssz.n - cut;
}

void eth_finals_note(struct eth *eth) {
        size_t i = eth->n_finals++ % ETH_FINALS;

        eth->finals[i].slot = eth->store.finalized.beacon.slot;
        beacon_header_root(&eth->store.finalized.beacon, &eth->finals[i].root);
}

void eth_conflict_keep(
                struct eth *eth, const struct lc_update *u, enum lc_kind kind, struct view ssz) {
        eth->kept_n = as_finality_update(eth, u, kind, ssz, eth->kept);
        eth->kept_form = u->form;
}

static const struct hash32 *ours_at(const struct eth *eth, uint64_t slot) {
        for (size_t i = 0; i < MIN(eth->n_finals, (size_t) ETH_FINALS); i++)
                if (eth->finals[i].slot == slot)
                        return &eth->finals[i].root;
        return NULL;
}

bool eth_conflict_seen(const struct eth *eth, const struct lc_update *u) {
        const struct hash32 *ours;
        struct hash32 theirs;

        if (!u->has_finality || u->finalized_is_zero)
                return false;
        ours = ours_at(eth, u->finalized.beacon.slot);
        beacon_header_root(&u->finalized.beacon, &theirs);
        return ours && !hash32_eq(ours, &theirs);
}

static void put_object(struct buf *b, enum eth_fork form, const uint8_t *p, size_t n) {
        buf_put_u8(b, (uint8_t) form);
        buf_put_be(b, n, 4);
        buf_put(b, p, n);
}

void eth_conflict_enter(struct eth *eth, unsigned up, const struct lc_update *u, enum lc_kind kind,
                struct view ssz) {
        const struct hash32 *ours = ours_at(eth, u->finalized.beacon.slot);
        size_t cap = 2 * ETH_KEPT_UPDATE + 16, n;
        uint8_t *bytes = eth_claim(eth, cap);
        uint8_t theirs[ETH_KEPT_UPDATE];
        struct chain_action *a;

        eth->conflict = true;
        eth->conflict_slot = u->finalized.beacon.slot;
        beacon_header_root(&u->finalized.beacon, &eth->conflict_theirs);
        if (ours)
                eth->conflict_ours = *ours;
        else /* at another slot, with a number that falls */
                beacon_header_root(&eth->store.finalized.beacon, &eth->conflict_ours);
        eth->save_due = eth->head_due = true;

        a = eth_act(eth, CHAIN_DO_EVIDENCE, up);
        (void) chain_say(a->text, sizeof(a->text), "two finalized headers at slot %n: %h and %h",
                        eth->conflict_slot, &eth->conflict_ours, &eth->conflict_theirs);
        if (bytes) {
                struct buf b = { .p = bytes, .cap = cap };

                n = as_finality_update(eth, u, kind, ssz, theirs);
                buf_put(&b, "KETC", 4);
                put_object(&b, eth->kept_form, eth->kept, eth->kept_n);
                put_object(&b, u->form, theirs, n);
                if (buf_done(&b, &a->bytes) < 0)
                        a->bytes = VIEW(NULL, 0);
        }
}
