/* What the machine keeps across restarts, as bytes.
 *
 *   "KETH"  version:u16  origin  trust slot:u64 root  jumps:u64
 *   conflict:u8 [slot:u64 ours theirs]
 *   refused: n:u8, n * root   accepted: root or zero    since version 2
 *   final:u8 [number:u64 hash time:u64 state root]    the execution block, where it is known
 *   n:u32  the store (lc_store_encode())
 *   SHA-256 of all before
 *
 * Reading is all or nothing: damaged bytes change nothing. Numbers are big endian. */

#include "chain/eth.h"

#include <errno.h>

#include "core/sha256.h"

#define STATE_MAGIC   "KETH"
#define STATE_VERSION 2

static void put_conflict(const struct eth *eth, struct buf *b) {
        buf_put_u8(b, eth->conflict);
        if (!eth->conflict)
                return;
        buf_put_be(b, eth->conflict_slot, 8);
        buf_put(b, eth->conflict_ours.b, HASH32_SIZE);
        buf_put(b, eth->conflict_theirs.b, HASH32_SIZE);
}

static void put_word(const struct eth *eth, struct buf *b) {
        buf_put_u8(b, (uint8_t) eth->n_refused);
        for (size_t i = 0; i < eth->n_refused; i++)
                buf_put(b, eth->refused[i].b, HASH32_SIZE);
        buf_put(b, eth->accepted_root.b, HASH32_SIZE);
}

static void put_final(const struct eth *eth, struct buf *b) {
        buf_put_u8(b, eth->has_final);
        if (!eth->has_final)
                return;
        buf_put_be(b, eth->final.ref.number, 8);
        buf_put(b, eth->final.ref.hash.b, HASH32_SIZE);
        buf_put_be(b, eth->final.timestamp, 8);
        buf_put(b, eth->final.state_hash.b, HASH32_SIZE);
}

void eth_state_encode(const struct eth *eth, struct buf *b) {
        size_t begin = b->n, at;
        struct hash32 sum;

        buf_put(b, STATE_MAGIC, 4);
        buf_put_be(b, STATE_VERSION, 2);
        buf_put(b, eth->origin.b, HASH32_SIZE);
        buf_put_be(b, eth->trust_slot, 8);
        buf_put(b, eth->trust_root.b, HASH32_SIZE);
        buf_put_be(b, eth->jumps, 8);
        put_conflict(eth, b);
        put_word(eth, b);
        put_final(eth, b);
        at = b->n;
        buf_put_be(b, 0, 4);
        lc_store_encode(&eth->store, b);
        if (b->full)
                return;
        for (size_t i = 0; i < 4; i++) /* its length, now that it is known */
                b->p[at + i] = (uint8_t) ((b->n - at - 4) >> (24 - 8 * i));
        sha256(VIEW(b->p + begin, b->n - begin), &sum);
        buf_put(b, sum.b, HASH32_SIZE);
}

static bool take_conflict(struct view *v, struct eth *eth) {
        uint64_t on;

        if (!view_take_be(v, 1, &on) || on > 1)
                return false;
        eth->conflict = on == 1;
        return !eth->conflict ||
               (view_take_be(v, 8, &eth->conflict_slot) &&
                               view_take_copy(v, eth->conflict_ours.b, HASH32_SIZE) &&
                               view_take_copy(v, eth->conflict_theirs.b, HASH32_SIZE));
}

/* The operator's word; before version 2 there was none to keep. */
static bool take_word(struct view *v, struct eth *eth, uint64_t version) {
        uint64_t n;

        if (version < 2)
                return true;
        if (!view_take_be(v, 1, &n) || n > ETH_REFUSALS)
                return false;
        for (; eth->n_refused < n; eth->n_refused++)
                if (!view_take_copy(v, eth->refused[eth->n_refused].b, HASH32_SIZE))
                        return false;
        return view_take_copy(v, eth->accepted_root.b, HASH32_SIZE);
}

static bool take_final(struct view *v, struct eth *eth) {
        uint64_t on;

        if (!view_take_be(v, 1, &on) || on > 1)
                return false;
        eth->has_final = on == 1;
        return !eth->has_final ||
               (view_take_be(v, 8, &eth->final.ref.number) &&
                               view_take_copy(v, eth->final.ref.hash.b, HASH32_SIZE) &&
                               view_take_be(v, 8, &eth->final.timestamp) &&
                               view_take_copy(v, eth->final.state_hash.b, HASH32_SIZE));
}

static int take_store(struct view *v, struct eth *eth) {
        struct view bytes;
        uint64_t n;
        int r;

        if (!view_take_be(v, 4, &n) || n > v->n || !view_take(v, n, &bytes) || v->n != 0)
                return -EBADMSG;
        r = lc_store_decode(&eth->store, bytes);
        if (r < 0)
                return r;
        if (eth->store.finalized.beacon.slot < eth->trust_slot ||
                        eth->store.finalized.beacon.slot > ETH_SLOT_MAX)
                return -EBADMSG;
        return 0;
}

static int take_all(struct view *v, struct eth *eth, uint64_t version) {
        struct chain_block block;
        int r;

        if (!view_take_copy(v, eth->origin.b, HASH32_SIZE) ||
                        !view_take_be(v, 8, &eth->trust_slot) ||
                        !view_take_copy(v, eth->trust_root.b, HASH32_SIZE) ||
                        !view_take_be(v, 8, &eth->jumps) || !take_conflict(v, eth) ||
                        !take_word(v, eth, version) || !take_final(v, eth))
                return -EBADMSG;
        r = take_store(v, eth);
        if (r < 0)
                return r;
        if (eth->has_final && eth->final.timestamp > 0)
                eth->block[eth->next_block++] = eth->final;
        if (eth_block_of(eth, &eth->store.finalized, &block)) {
                eth->final = block;
                eth->has_final = true;
        }
        eth_finals_note(eth);
        return 0;
}

int eth_state_decode(struct eth *eth, struct view state) {
        struct view v = state, body;
        uint8_t magic[4];
        struct hash32 sum;
        uint64_t version;

        if (!view_take_copy(&v, magic, 4) || memcmp(magic, STATE_MAGIC, 4) != 0 ||
                        !view_take_be(&v, 2, &version))
                return -EBADMSG;
        if (version > STATE_VERSION)
                return -EPROTONOSUPPORT;
        if (version < 1 || state.n > ETH_STATE_MAX || v.n < HASH32_SIZE)
                return -EBADMSG;

        body = VIEW(state.p, state.n - HASH32_SIZE);
        sha256(body, &sum);
        if (memcmp(sum.b, state.p + body.n, HASH32_SIZE) != 0)
                return -EBADMSG;
        v.n -= HASH32_SIZE;
        return take_all(&v, eth, version);
}
