/* What the machine keeps across restarts, as bytes.
 *
 *   "KBQS"  version:u16  F:u64  state_hash  conflict:u8 [number:u64 ours theirs]  jumps:u64
 *   refused: n:u8, n * hash     since version 2
 *   chosen:  on:u8 [number:u64 hash]   since version 2
 *   addresses: n:u8, n * 20     each miner once, in order of first use
 *   blocks:    100 * (hash, timestamp:u64, address index:u8), F last
 *   older:     n:u8, n * index:u8, newest last
 *   ledger:    n:u8, n * (version:u8 node fleet epoch:u64 bytes:u64 conns:u64 counted:u64)
 *   SHA-256 of all before
 *
 * Reading is all or nothing: damaged bytes change nothing. Numbers are big endian. */

#include "chain/bq.h"

#include <errno.h>

#include "core/sha256.h"

#define STATE_MAGIC    "KBQS"
#define STATE_VERSION  2
#define ADDRESSES_MAX  (2 * REPUTATION_WINDOW)

struct addresses {
        size_t n;
        struct address a[ADDRESSES_MAX];
};

static uint8_t index_of(struct addresses *list, const struct address *a) {
        for (size_t i = 0; i < list->n; i++)
                if (address_eq(&list->a[i], a))
                        return (uint8_t) i;
        list->a[list->n] = *a;
        return (uint8_t) list->n++;
}

static void put_ledger(const struct bq *bq, struct buf *b) {
        uint8_t n = 0;

        for (size_t i = 0; i < BQ_LEDGER; i++)
                n += bq->ledger[i].version != 0;
        buf_put_u8(b, n);
        for (size_t i = 0; i < BQ_LEDGER; i++) {
                const struct bq_ledger *l = &bq->ledger[i];

                if (l->version == 0)
                        continue;
                buf_put_u8(b, l->version);
                buf_put(b, l->node.b, ADDRESS_SIZE);
                buf_put(b, l->fleet.b, ADDRESS_SIZE);
                buf_put_be(b, l->epoch, 8);
                buf_put_be(b, l->bytes, 8);
                buf_put_be(b, l->conns, 8);
                buf_put_be(b, l->counted, 8);
        }
}

static void put_word(const struct bq *bq, struct buf *b) {
        bool on = !hash32_is_zero(&bq->chosen.hash);

        buf_put_u8(b, (uint8_t) bq->n_refused);
        for (size_t i = 0; i < bq->n_refused; i++)
                buf_put(b, bq->refused[i].b, HASH32_SIZE);
        buf_put_u8(b, on);
        if (!on)
                return;
        buf_put_be(b, bq->chosen.number, 8);
        buf_put(b, bq->chosen.hash.b, HASH32_SIZE);
}

static void put_table(const struct reputation *t, struct buf *b) {
        uint8_t recent[REPUTATION_WINDOW], older[REPUTATION_WINDOW];
        struct addresses list = { 0 };
        uint32_t n_older = MIN(t->n_older, (uint32_t) REPUTATION_WINDOW);
        const struct address *old = t->older + (REPUTATION_WINDOW - n_older);

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                recent[i] = index_of(&list, &t->block[i].miner);
        for (size_t i = 0; i < n_older; i++)
                older[i] = index_of(&list, &old[i]);

        buf_put_u8(b, (uint8_t) list.n);
        for (size_t i = 0; i < list.n; i++)
                buf_put(b, list.a[i].b, ADDRESS_SIZE);
        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                buf_put(b, t->block[i].hash.b, HASH32_SIZE);
                buf_put_be(b, t->block[i].timestamp, 8);
                buf_put_u8(b, recent[i]);
        }
        buf_put_u8(b, (uint8_t) n_older);
        buf_put(b, older, n_older);
}

int bq_state_encode(const struct bq *bq, struct buf *b) {
        struct hash32 sum;
        size_t begin = b->n;

        buf_put(b, STATE_MAGIC, 4);
        buf_put_be(b, STATE_VERSION, 2);
        buf_put_be(b, bq->rep.number, 8);
        buf_put(b, bq->rep.state_hash.b, HASH32_SIZE);
        buf_put_u8(b, bq->conflict);
        if (bq->conflict) {
                buf_put_be(b, bq->conflict_ours.number, 8);
                buf_put(b, bq->conflict_ours.hash.b, HASH32_SIZE);
                buf_put(b, bq->conflict_theirs.b, HASH32_SIZE);
        }
        buf_put_be(b, bq->jumps, 8);
        put_word(bq, b);
        put_table(&bq->rep, b);
        put_ledger(bq, b);
        if (b->full)
                return -ENOBUFS;
        sha256(VIEW(b->p + begin, b->n - begin), &sum);
        buf_put(b, sum.b, HASH32_SIZE);
        return b->full ? -ENOBUFS : 0;
}

static bool take_ledger(struct view *v, struct bq_ledger *ret) {
        uint64_t n, version;

        if (!view_take_be(v, 1, &n) || n > BQ_LEDGER)
                return false;
        for (size_t i = 0; i < n; i++) {
                struct bq_ledger *l = &ret[i];

                if (!view_take_be(v, 1, &version) || version < 1 || version > 2 ||
                                !view_take_copy(v, l->node.b, ADDRESS_SIZE) ||
                                !view_take_copy(v, l->fleet.b, ADDRESS_SIZE) ||
                                !view_take_be(v, 8, &l->epoch) || !view_take_be(v, 8, &l->bytes) ||
                                !view_take_be(v, 8, &l->conns) || !view_take_be(v, 8, &l->counted))
                        return false;
                l->version = (uint8_t) version;
                if (l->bytes > TICKET_BYTES_MAX || l->conns > TICKET_CONNS_MAX ||
                                l->counted > TICKET_BYTES_MAX)
                        return false;
        }
        return true;
}

static bool take_address(struct view *v, const struct addresses *list, struct address *ret) {
        uint64_t i;

        if (!view_take_be(v, 1, &i) || i >= list->n)
                return false;
        *ret = list->a[i];
        return true;
}

static bool take_table(struct view *v, struct reputation *t) {
        struct addresses list = { 0 };
        uint64_t n;

        if (!view_take_be(v, 1, &n) || n < 1 || n > ADDRESSES_MAX)
                return false;
        list.n = n;
        for (size_t i = 0; i < list.n; i++)
                if (!view_take_copy(v, list.a[i].b, ADDRESS_SIZE))
                        return false;

        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                if (!view_take_copy(v, t->block[i].hash.b, HASH32_SIZE) ||
                    !view_take_be(v, 8, &t->block[i].timestamp) ||
                    !take_address(v, &list, &t->block[i].miner))
                        return false;

        if (!view_take_be(v, 1, &n) || n > REPUTATION_WINDOW)
                return false;
        t->n_older = (uint32_t) n;
        for (size_t i = REPUTATION_WINDOW - n; i < REPUTATION_WINDOW; i++)
                if (!take_address(v, &list, &t->older[i]))
                        return false;
        return true;
}

static bool take_conflict(struct view *v, struct bq *bq, uint64_t final) {
        uint64_t conflict;

        if (!view_take_be(v, 1, &conflict) || conflict > 1)
                return false;
        bq->conflict = conflict == 1;
        if (!bq->conflict)
                return true;
        return view_take_be(v, 8, &bq->conflict_ours.number) &&
               bq->conflict_ours.number <= BQ_PEAK_MAX &&
               view_take_copy(v, bq->conflict_ours.hash.b, HASH32_SIZE) &&
               view_take_copy(v, bq->conflict_theirs.b, HASH32_SIZE) && final > 0;
}

/* The operator's word; before version 2 there was none to keep. */
static bool take_word(struct view *v, struct bq *bq, uint64_t version) {
        uint64_t n, on;

        bq->n_refused = 0;
        bq->chosen = (struct block_ref){ 0 };
        if (version < 2)
                return true;
        if (!view_take_be(v, 1, &n) || n > BQ_REFUSALS)
                return false;
        for (; bq->n_refused < n; bq->n_refused++)
                if (!view_take_copy(v, bq->refused[bq->n_refused].b, HASH32_SIZE))
                        return false;
        if (!view_take_be(v, 1, &on) || on > 1)
                return false;
        return on == 0 || (view_take_be(v, 8, &bq->chosen.number) &&
                                          bq->chosen.number <= BQ_PEAK_MAX &&
                                          view_take_copy(v, bq->chosen.hash.b, HASH32_SIZE) &&
                                          !hash32_is_zero(&bq->chosen.hash));
}

/* A table that says of itself what cannot be is damaged, even with a good checksum. */
static bool table_consistent(const struct reputation *t) {
        if (t->number < REPUTATION_WINDOW - 1 || t->number > BQ_PEAK_MAX ||
                        hash32_is_zero(&t->state_hash) ||
                        t->n_older > t->number - (REPUTATION_WINDOW - 1))
                return false;
        for (size_t i = 0; i < REPUTATION_WINDOW; i++) {
                if (hash32_is_zero(&t->block[i].hash))
                        return false;
                for (size_t k = 0; k < i; k++)
                        if (hash32_eq(&t->block[i].hash, &t->block[k].hash))
                                return false;
        }
        return true;
}

int bq_state_decode(struct bq *bq, struct view state) {
        struct view v = state, body;
        uint8_t magic[4];
        struct hash32 sum;
        uint64_t version;

        if (!view_take_copy(&v, magic, 4) || memcmp(magic, STATE_MAGIC, 4) != 0 ||
            !view_take_be(&v, 2, &version))
                return -EBADMSG;
        if (version > STATE_VERSION)
                return -EPROTONOSUPPORT;
        if (version < 1 || state.n > BLOCKQUICK_STATE_MAX || v.n < HASH32_SIZE)
                return -EBADMSG;

        body = VIEW(state.p, state.n - HASH32_SIZE);
        sha256(body, &sum);
        if (memcmp(sum.b, state.p + body.n, HASH32_SIZE) != 0)
                return -EBADMSG;

        v.n -= HASH32_SIZE;
        if (!view_take_be(&v, 8, &bq->rep.number) ||
            !view_take_copy(&v, bq->rep.state_hash.b, HASH32_SIZE) ||
            !take_conflict(&v, bq, bq->rep.number) || !view_take_be(&v, 8, &bq->jumps) ||
            !take_word(&v, bq, version) || !take_table(&v, &bq->rep) || !take_ledger(&v, bq->ledger) || v.n != 0 ||
            !table_consistent(&bq->rep))
                return -EBADMSG;
        return 0;
}
