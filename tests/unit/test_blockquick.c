/* chain/blockquick: what _new() refuses, and what a step refuses. The conversations stand in
 * tests/replay. */

#include "unit.h"

#include <errno.h>

#include "chain/bq.h"
#include "core/sha256.h"

static struct blockquick_config good(void) {
        struct blockquick_config c = {
                .checkpoint = { .number = 200 },
                .n_upstreams = 2,
                .max_gap = 1000,
                .head_share = 25,
                .poll_ms = 5000,
                .ticket_version = 1,
        };

        memset(c.checkpoint.hash.b, 7, HASH32_SIZE);
        memset(c.device_key, 9, SECP_PRIVKEY_SIZE);
        return c;
}

static const struct config_case {
        const char *what;
        size_t at, size;
        uint64_t value;
        int want;
} config_cases[] = {
#define FIELD(f) offsetof(struct blockquick_config, f), sizeof(((struct blockquick_config *) 0)->f)
        { "as it is", FIELD(n_upstreams), 2, 0 },
        { "no upstream", FIELD(n_upstreams), 0, -EINVAL },
        { "too many upstreams", FIELD(n_upstreams), BLOCKQUICK_UPSTREAMS_MAX + 1, -EINVAL },
        { "checkpoint below a window", FIELD(checkpoint.number), 99, -EINVAL },
        { "no gap", FIELD(max_gap), 0, -EINVAL },
        { "no share", FIELD(head_share), 0, -EINVAL },
        { "share over half", FIELD(head_share), 51, -EINVAL },
        { "share of half", FIELD(head_share), 50, 0 },
        { "no polling", FIELD(poll_ms), 0, -EINVAL },
        { "ticket version 0", FIELD(ticket_version), 0, -EINVAL },
        { "ticket version 3", FIELD(ticket_version), 3, -EINVAL },
        { "request deadline of the default", FIELD(request_ms), 0, 0 },
};

START_TEST(blockquick_config_case) {
        const struct config_case *c = &config_cases[_i];
        struct blockquick_config config = good();
        struct chain *chain = NULL;

        memcpy((uint8_t *) &config + c->at, &c->value, c->size);
        ck_assert_msg(blockquick_new(&config, &chain) == c->want, "%s", c->what);
        ck_assert_msg((chain != NULL) == (c->want == 0), "%s: output", c->what);
        (void) chain_free(chain);
} END_TEST

START_TEST(blockquick_needs_an_anchor_and_a_key) {
        struct blockquick_config config = good();
        struct chain *chain = NULL;

        memset(config.checkpoint.hash.b, 0, HASH32_SIZE);
        ck_assert_int_eq(blockquick_new(&config, &chain), -EINVAL);
        config = good();
        memset(config.device_key, 0, SECP_PRIVKEY_SIZE);
        ck_assert_int_eq(blockquick_new(&config, &chain), -EINVAL);
        ck_assert_ptr_null(chain);
} END_TEST

START_TEST(blockquick_refuses_events_that_are_none) {
        static struct chain_out out;
        struct blockquick_config config = good();
        struct chain_ask ask = { .id = 1, .n_slots = CHAIN_KEYS_MAX + 1 };
        struct chain_in in = { .event = CHAIN_EV_UP, .upstream = 2 };
        struct chain *chain;
        size_t memory;

        ck_assert_int_eq(blockquick_new(&config, &chain), 0);
        memory = chain_memory(chain);
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        in = (struct chain_in){ .event = (enum chain_event) 99 };
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        in = (struct chain_in){ .event = CHAIN_EV_ASK, .ask = &ask };
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        ask.n_slots = 1; /* good, but nothing is trusted yet */
        ck_assert_int_eq(chain_step(chain, &in, &out), 0);
        ck_assert_uint_ge(out.n, 1);
        ck_assert_int_eq(out.action[0].kind, CHAIN_DO_ANSWER);
        ck_assert_int_eq(out.action[0].answer->verdict, CHAIN_UNPROVEN);
        ck_assert_uint_eq(chain_memory(chain), memory);
        chain_freep(&chain);
        ck_assert_ptr_null(chain);
} END_TEST

/* A state as full as one can be: two hundred miners, a full ledger, a conflict. */
static struct view full_state(struct buf *b, struct bq *bq) {
        struct view v;

        bq->rep.number = 5000;
        bq->rep.n_older = REPUTATION_WINDOW;
        memset(bq->rep.state_hash.b, 1, HASH32_SIZE);
        for (unsigned i = 0; i < REPUTATION_WINDOW; i++) {
                memset(bq->rep.block[i].hash.b, (int) i + 1, HASH32_SIZE);
                memset(bq->rep.block[i].miner.b, (int) i + 1, ADDRESS_SIZE);
                memset(bq->rep.older[i].b, (int) i + 101, ADDRESS_SIZE);
                bq->rep.block[i].timestamp = 1000 + i;
        }
        for (unsigned i = 0; i < BQ_LEDGER; i++)
                bq->ledger[i] = (struct bq_ledger){
                        .version = 2, .epoch = i, .bytes = 5, .conns = 1, .counted = 4
                };
        bq->conflict = true;
        ck_assert_int_eq(bq_state_encode(bq, b), 0);
        ck_assert_int_eq(buf_done(b, &v), 0);
        return v;
}

START_TEST(blockquick_state_fits_and_every_byte_counts) {
        static struct bq full, back;
        static uint8_t bytes[BLOCKQUICK_STATE_MAX];
        struct buf b = BUF(bytes);
        struct view v = full_state(&b, &full), copy;

        ck_assert_uint_le(v.n, BLOCKQUICK_STATE_MAX);
        copy = heap_copy(v);
        ck_assert_int_eq(bq_state_decode(&back, copy), 0);
        ck_assert_mem_eq(&back.rep, &full.rep, sizeof(full.rep));
        ck_assert_mem_eq(back.ledger, full.ledger, sizeof(full.ledger));
        ck_assert(back.conflict);
        for (size_t i = 0; i < v.n; i++) {
                ((uint8_t *) copy.p)[i] ^= 1;
                ck_assert_msg(bq_state_decode(&back, copy) < 0, "byte %zu", i);
                ((uint8_t *) copy.p)[i] ^= 1;
        }
        heap_drop(copy);
        for (size_t n = 0; n < v.n; n += 61) {
                copy = heap_copy(VIEW(v.p, n));
                ck_assert_msg(bq_state_decode(&back, copy) < 0, "cut to %zu bytes", n);
                heap_drop(copy);
        }
} END_TEST

/* An operator has the chain begin anew: nodes go on counting what they have carried. */
START_TEST(blockquick_tickets_outlive_a_chain_that_begins_anew) {
        static uint8_t bytes[BLOCKQUICK_STATE_MAX];
        static struct bq was;
        struct blockquick_config config = good();
        struct buf b = BUF(bytes);
        struct chain *chain;
        const struct bq *bq;

        config.before = full_state(&b, &was);
        ck_assert_int_eq(blockquick_new(&config, &chain), 0);
        bq = (const struct bq *) chain;
        for (size_t i = 0; i < BQ_LEDGER; i++) /* the connections of before have ended */
                if (was.ledger[i].version != 0)
                        was.ledger[i].counted += BQ_TICKET_LOST;
        ck_assert_mem_eq(bq->ledger, was.ledger, sizeof(was.ledger));
        ck_assert(!bq->has_rep && !bq->conflict && bq->rep.number == 0);
        (void) chain_free(chain);
        bytes[9] ^= 1;
        ck_assert_int_eq(blockquick_new(&config, &chain), -EBADMSG);
} END_TEST

/* As version 1 wrote it: without the operator's word. */
START_TEST(blockquick_state_of_the_first_version_is_read) {
        static struct bq full, back;
        static uint8_t bytes[BLOCKQUICK_STATE_MAX];
        struct buf b = BUF(bytes);
        struct view v = full_state(&b, &full);
        size_t word = 4 + 2 + 8 + 32 + 1 + 72 + 8, n = v.n - 2;
        struct hash32 sum;

        ck_assert(bytes[5] == 2 && bytes[word] == 0 && bytes[word + 1] == 0);
        memmove(bytes + word, bytes + word + 2, v.n - word - 2);
        bytes[5] = 1;
        sha256(VIEW(bytes, n - HASH32_SIZE), &sum);
        memcpy(bytes + n - HASH32_SIZE, sum.b, HASH32_SIZE);
        ck_assert_int_eq(bq_state_decode(&back, VIEW(bytes, n)), 0);
        ck_assert_mem_eq(&back.rep, &full.rep, sizeof(full.rep));
        ck_assert(back.conflict && back.n_refused == 0 && hash32_is_zero(&back.chosen.hash));
        bytes[5] = 0;
        sha256(VIEW(bytes, n - HASH32_SIZE), &sum);
        memcpy(bytes + n - HASH32_SIZE, sum.b, HASH32_SIZE);
        ck_assert_int_eq(bq_state_decode(&back, VIEW(bytes, n)), -EBADMSG);
} END_TEST

START_TEST(blockquick_state_of_a_later_version_is_told_apart) {
        static struct bq full, back;
        static uint8_t bytes[BLOCKQUICK_STATE_MAX];
        struct buf b = BUF(bytes);
        struct view v = full_state(&b, &full);

        bytes[5]++;
        ck_assert_int_eq(bq_state_decode(&back, v), -EPROTONOSUPPORT);
} END_TEST

/* The checksum is right, what it says cannot be. */
START_TEST(blockquick_state_must_be_consistent) {
        static struct bq full, back;
        static uint8_t bytes[BLOCKQUICK_STATE_MAX];
        struct buf b = BUF(bytes);
        struct view v;

        (void) full_state(&b, &full);
        full.rep.block[3].hash = full.rep.block[4].hash; /* two numbers, one hash */
        b = BUF(bytes);
        ck_assert_int_eq(bq_state_encode(&full, &b), 0);
        ck_assert_int_eq(buf_done(&b, &v), 0);
        ck_assert_int_eq(bq_state_decode(&back, v), -EBADMSG);
} END_TEST

START_TEST(texts_are_cut_never_overrun) {
        struct hash32 h = { { 0xab } };
        char text[12];

        ck_assert_uint_eq(chain_say(text, sizeof(text), "%n %s", UINT64_MAX, "x"), sizeof(text) - 1);
        ck_assert_str_eq(text, "18446744073");
        ck_assert_uint_eq(chain_say(text, sizeof(text), "%n", (uint64_t) 0), 1);
        ck_assert_str_eq(text, "0");
        (void) chain_say(text, sizeof(text), "%h", &h);
        ck_assert_str_eq(text, "0xab0000000");
} END_TEST

int main(void) {
        Suite *s = suite_create("blockquick");
        TCase *t = tcase_create("blockquick");

        tcase_add_loop_test(t, blockquick_config_case, 0, ELEMENTSOF(config_cases));
        tcase_add_test(t, blockquick_needs_an_anchor_and_a_key);
        tcase_add_test(t, blockquick_refuses_events_that_are_none);
        tcase_add_test(t, blockquick_state_fits_and_every_byte_counts);
        tcase_add_test(t, blockquick_tickets_outlive_a_chain_that_begins_anew);
        tcase_add_test(t, blockquick_state_of_the_first_version_is_read);
        tcase_add_test(t, blockquick_state_of_a_later_version_is_told_apart);
        tcase_add_test(t, blockquick_state_must_be_consistent);
        tcase_add_test(t, texts_are_cut_never_overrun);
        suite_add_tcase(s, t);
        return unit_run(s);
}
