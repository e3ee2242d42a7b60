/* core/lc_state: what is written comes back; what was not written by us does not. */

#include "lc_forge.h"

#include <errno.h>

static struct forge forge32;

static void start(
                struct lc_store *s, const struct eth_network *net, enum eth_fork form, bool next) {
        struct forged_header h = { .form = form, .beacon.slot = 640, .n_extra = 3 };

        if (!forge_is_full(form))
                h.n_extra = 0;
        memset(s, 0, sizeof(*s));
        s->net = net;
        s->is_set = true;
        s->has_next = next;
        forge_header(net, &h);
        ck_assert_int_eq(forge_parse_header(&h, &s->finalized), 0);
        s->optimistic = s->finalized;
        s->optimistic.beacon.slot = 650;
        memset(s->current.ssz, 0xc1, LC_COMMITTEE_SIZE(net->committee_size));
        if (next)
                memset(s->next.ssz, 0xc2, LC_COMMITTEE_SIZE(net->committee_size));
        s->previous_max = 31;
        s->current_max = 32;
        s->finalized_participants = 30;
        s->optimistic_participants = 29;
}

static uint8_t bytes[LC_STATE_MAX];

static size_t encode(const struct lc_store *s) {
        struct buf b = BUF(bytes);

        lc_store_encode(s, &b);
        ck_assert(!b.full);
        return b.n;
}

static int decode(struct lc_store *s, const struct eth_network *net, size_t n) {
        struct view v = heap_copy(VIEW(bytes, n));
        static struct lc_store before;
        int r;

        memset(s, 0, sizeof(*s));
        s->net = net;
        memcpy(&before, s, sizeof(before));
        r = lc_store_decode(s, v);
        if (r < 0)
                ck_assert_mem_eq(s, &before, sizeof(before));
        heap_drop(v);
        return r;
}

START_TEST(what_is_written_comes_back) {
        enum eth_fork form = (enum eth_fork)(ETH_ALTAIR + _i / 4);
        struct eth_network net = forge_network(form, _i & 1 ? 512 : 32);
        static struct lc_store s, back;
        static struct lc_best best = { .is_set = true };

        start(&s, &net, form, _i & 2);
        ck_assert_uint_le(encode(&s), LC_STATE_MAX);
        ck_assert_int_eq(decode(&back, &net, encode(&s)), 0);
        s.optimistic = s.finalized;
        s.optimistic_participants = s.finalized_participants;
        ck_assert_int_eq(lc_header_check(&net, &back.finalized), LC_HEADER_VALID);
        ck_assert_mem_eq(&s.current, &back.current, sizeof(s.current));
        ck_assert_mem_eq(&s.next, &back.next, sizeof(s.next));
        ck_assert(back.is_set && back.has_next == s.has_next);
        ck_assert_uint_eq(back.previous_max, 31);
        ck_assert_uint_eq(back.current_max, 32);
        ck_assert_uint_eq(back.finalized_participants, 30);
        ck_assert_uint_eq(back.optimistic_participants, 30);
        ck_assert_uint_eq(back.optimistic.beacon.slot, 640);

        back.best = &best;
        ck_assert_int_eq(lc_store_decode(&back, VIEW(bytes, encode(&s))), 0);
        ck_assert(!best.is_set && back.best == &best);
        ck_assert_int_eq(back.finalized.execution, s.finalized.execution);
        ck_assert_mem_eq(&back.finalized.block_hash, &s.finalized.block_hash, 32);
        ck_assert_mem_eq(&back.finalized.state_root, &s.finalized.state_root, 32);
        ck_assert_mem_eq(&back.finalized.receipts_root, &s.finalized.receipts_root, 32);
        ck_assert_mem_eq(&back.finalized.capella_root, &s.finalized.capella_root, 32);
        ck_assert_uint_eq(back.finalized.number, s.finalized.number);
        ck_assert_uint_eq(back.finalized.timestamp, s.finalized.timestamp);
        ck_assert_int_eq(back.finalized.form, s.finalized.form);
}
END_TEST

START_TEST(no_byte_more_or_less) {
        static struct lc_store s, back;

        for (int next = 0; next < 2; next++) {
                size_t n;

                start(&s, &forge32.net, ETH_ELECTRA, next);
                n = encode(&s);
                for (size_t i = 0; i < n; i++)
                        ck_assert_int_eq(decode(&back, &forge32.net, i), -EBADMSG);
                bytes[n] = 0;
                ck_assert_int_eq(decode(&back, &forge32.net, n + 1), -EBADMSG);
        }
}
END_TEST

/* Places in a state of 32 members: version 1, root 32, size 2, then the header. */
#define HEADER 35
#define BRANCH (HEADER + 3 + 16 + 96 + 96 + 16 + 64)
#define COUNTS (BRANCH + 1 + 4 * 32)
#define FLAG   (COUNTS + 6 + 1584)

static const struct byte_case {
        const char *name;
        size_t at;
        uint8_t value;
        int want;
} byte_cases[] = {
        { "as it is", 0, 1, 0 },
        { "a later version", 0, 2, -EPROTONOSUPPORT },
        { "another network's root", 1, 0x78, -EINVAL },
        { "another size of committees", 33, 2, -EINVAL },
        { "a form that is no fork", HEADER, ETH_FORKS, -EBADMSG },
        { "an execution part that is none", HEADER + 1, 3, -EBADMSG },
        { "a block hash alone in Electra", HEADER + 1, LC_EXECUTION_HASH, -EBADMSG },
        { "no execution part", HEADER + 1, LC_EXECUTION_NONE, -EBADMSG },
        { "everything in Gloas", HEADER, ETH_GLOAS, -EBADMSG },
        { "a flag of two", HEADER + 2, 2, -EBADMSG },
        { "a slot after the last", HEADER + 3, 1, -EBADMSG },
        { "another body root", HEADER + 3 + 16 + 64, 0x99, -EBADMSG },
        { "another execution root", BRANCH - 64, 0x99, -EBADMSG },
        { "a branch that is too short", BRANCH, 3, -EBADMSG },
        { "a branch that is too long", BRANCH, 12, -EBADMSG },
        { "another branch", BRANCH + 1, 0x99, -EBADMSG },
        { "more signers than members, before", COUNTS + 1, 33, -EBADMSG },
        { "more signers than members, now", COUNTS + 3, 33, -EBADMSG },
        { "more signers than members, finalized", COUNTS + 5, 33, -EBADMSG },
        { "a flag of two for the next committee", FLAG, 2, -EBADMSG },
        { "no next committee, and its bytes", FLAG, 0, -EBADMSG },
};

START_TEST(byte_case) {
        const struct byte_case *c = &byte_cases[_i];
        static struct lc_store s, back;
        size_t n;

        start(&s, &forge32.net, ETH_ELECTRA, true);
        n = encode(&s);
        ck_assert_uint_eq(bytes[BRANCH], 4);
        ck_assert_uint_eq(bytes[FLAG], 1);
        bytes[c->at] = c->value;
        ck_assert_msg(decode(&back, &forge32.net, n) == c->want, "%s", c->name);
}
END_TEST

START_TEST(a_state_of_a_fork_that_is_not_known_is_kept_for_who_knows_it) {
        struct eth_network net = forge32.net;
        static struct lc_store s, back;
        size_t n;

        start(&s, &forge32.net, ETH_ELECTRA, true);
        n = encode(&s);
        net.unknown_epoch = 640 / 8;
        ck_assert_int_eq(decode(&back, &net, n), -EPROTONOSUPPORT);
        net.unknown_epoch++;
        ck_assert_int_eq(decode(&back, &net, n), 0);
}
END_TEST

static void setup(void) {
        forge32.net = forge_network(ETH_ELECTRA, 32);
        forge32.fork = ETH_ELECTRA;
}

int main(void) {
        Suite *s = suite_create("lc_state");
        TCase *t = tcase_create("lc_state");

        tcase_add_unchecked_fixture(t, setup, NULL);
        tcase_add_loop_test(t, what_is_written_comes_back, 0, 4 * (ETH_FORKS - ETH_ALTAIR));
        tcase_add_test(t, no_byte_more_or_less);
        tcase_add_loop_test(t, byte_case, 0, ELEMENTSOF(byte_cases));
        tcase_add_test(t, a_state_of_a_fork_that_is_not_known_is_kept_for_who_knows_it);
        suite_add_tcase(s, t);
        return unit_run(s);
}
