/* agent/kedged/operator and run: the operator's word is on disk, and grants wait for that. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kedged/operator.h"
#include "agent/kedged/run.h"
#include "agent/kedged/util.h"
#include "fake_chain.h"

static char dir[] = "/tmp/kedge-operator-XXXXXX";
static int dir_fd;

static void setup(void) {
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void) {
        char command[64];

        (void) snprintf(command, sizeof(command), "rm -rf %s", dir);
        ck_assert_int_eq(system(command), 0);
        close(dir_fd);
}

static struct block_ref ref(uint64_t number) {
        struct block_ref r = { .number = number };

        memset(r.hash.b, (int) number, HASH32_SIZE);
        return r;
}

static struct operator_entry entry(const char *chain, uint64_t configured, uint64_t imported) {
        struct operator_entry e = { .least = 3, .begun = imported & 1 };

        (void) snprintf(e.chain, sizeof(e.chain), "%s", chain);
        if (configured > 0)
                e.configured = ref(configured);
        e.imported = ref(imported);
        return e;
}

START_TEST(words_outlive_a_restart_and_stand_for_what_was_configured) {
        struct operator_words o, again;
        struct operator_entry a = entry("diode", 200, 301), b = entry("mainnet", 0, 40);
        struct config *c = calloc(1, sizeof(*c));

        ck_assert_int_eq(operator_open(&o, dir_fd), 0);
        ck_assert_int_eq(operator_set(&o, &a), 0);
        ck_assert_int_eq(operator_set(&o, &b), 0);
        a.begun = false;
        ck_assert_int_eq(operator_set(&o, &a), 0);
        ck_assert_int_eq(operator_open(&again, dir_fd), 0);
        ck_assert_uint_eq(again.n, 2);
        ck_assert(!operator_find(&again, "diode")->begun);
        ck_assert_uint_eq(operator_find(&again, "diode")->least, 3);
        ck_assert_ptr_null(operator_find(&again, "sepolia"));

        c->n_chains = 3;
        strcpy(c->chain[0].name, "diode");
        c->chain[0].checkpoint = ref(200);
        strcpy(c->chain[1].name, "mainnet"); /* for which nothing is configured */
        strcpy(c->chain[2].name, "sepolia");
        operator_apply(&again, c);
        ck_assert(c->chain[0].imported && c->chain[1].imported && !c->chain[2].imported);
        ck_assert_uint_eq(c->chain[0].checkpoint.number, 301);
        ck_assert_uint_eq(c->chain[1].checkpoint.number, 40);
        operator_prune(&again, c);
        ck_assert_uint_eq(again.n, 2);

        c->chain[0].checkpoint = ref(201); /* the file says something else now */
        c->chain[1].checkpoint = (struct block_ref){ 0 };
        operator_apply(&again, c);
        ck_assert(!c->chain[0].imported && c->chain[1].imported);
        ck_assert_uint_eq(c->chain[0].checkpoint.number, 201);
        operator_prune(&again, c);
        ck_assert_ptr_null(operator_find(&again, "diode"));
        ck_assert_int_eq(operator_open(&o, dir_fd), 0);
        ck_assert_uint_eq(o.n, 1);
        free(c);
} END_TEST

START_TEST(what_cannot_be_saved_is_not_said) {
        struct operator_words o;
        struct operator_entry a = entry("diode", 200, 301), b = entry("diode", 200, 333);

        ck_assert_int_eq(operator_open(&o, dir_fd), 0);
        o.store.dir_fd = -1;
        ck_assert_int_lt(operator_set(&o, &a), 0);
        ck_assert_uint_eq(o.n, 0);
        o.store.dir_fd = dir_fd;
        ck_assert_int_eq(operator_set(&o, &a), 0);
        o.store.dir_fd = -1;
        ck_assert_int_lt(operator_set(&o, &b), 0);
        ck_assert_uint_eq(operator_find(&o, "diode")->imported.number, 301);
        o.store.dir_fd = dir_fd;
        for (unsigned i = 0; i + 1 < OPERATOR_CHAINS_MAX; i++) {
                (void) snprintf(b.chain, sizeof(b.chain), "c%u", i);
                ck_assert_int_eq(operator_set(&o, &b), 0);
        }
        strcpy(b.chain, "one-too-many");
        ck_assert_int_eq(operator_set(&o, &b), -E2BIG);
} END_TEST

START_TEST(operator_parse_refuses_what_is_cut_or_twice) {
        static const uint8_t zero_hash[1 + 1 + 2 + 40 + 40 + 9] = { 1, 2, 'a', 'b' };
        uint8_t one[sizeof(zero_hash)], two[2 * sizeof(zero_hash) - 1];
        struct operator_words o;

        ck_assert_int_eq(operator_parse(&o, VIEW(zero_hash, sizeof(zero_hash))), -EBADMSG);
        memcpy(one, zero_hash, sizeof(one));
        one[4 + 40 + 8] = 1; /* imported's hash */
        ck_assert_int_eq(operator_parse(&o, VIEW(one, sizeof(one))), 0);
        for (size_t n = 0; n < sizeof(one); n++)
                ck_assert_int_eq(operator_parse(&o, VIEW(one, n)), -EBADMSG);
        memcpy(two, one, sizeof(one));
        ck_assert_int_eq(operator_parse(&o, VIEW(two, sizeof(one) + 1)), -EBADMSG);
        memcpy(two + sizeof(one), one + 1, sizeof(one) - 1);
        two[0] = 2;
        ck_assert_int_eq(operator_parse(&o, VIEW(two, sizeof(two))), -EBADMSG);
        two[sizeof(one) + 1] = 'c';
        ck_assert_int_eq(operator_parse(&o, VIEW(two, sizeof(two))), 0);
        one[3] = 0; /* a name with a NUL inside */
        ck_assert_int_eq(operator_parse(&o, VIEW(one, sizeof(one))), -EBADMSG);
        one[3] = 'b';
        one[sizeof(one) - 1] = 2; /* neither begun nor not */
        ck_assert_int_eq(operator_parse(&o, VIEW(one, sizeof(one))), -EBADMSG);
        one[sizeof(one) - 1] = 1;
        one[0] = OPERATOR_CHAINS_MAX + 1;
        ck_assert_int_eq(operator_parse(&o, VIEW(one, sizeof(one))), -EBADMSG);
} END_TEST

static void touch(const char *name) {
        close(openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool there(const char *name) {
        return faccessat(dir_fd, name, F_OK, 0) == 0;
}

START_TEST(a_former_state_is_renamed_and_never_overwritten) {
        char name[STORE_NAME_MAX + 16];

        ck_assert_int_eq(operator_move_aside(dir_fd, "diode", name), 0);
        ck_assert_str_eq(name, "");
        touch("chain-diode.state");
        touch("chain-diode.state.1");
        ck_assert_int_eq(operator_move_aside(dir_fd, "diode", name), 0);
        ck_assert_str_eq(name, "chain-diode.state.before-1");
        ck_assert(there("chain-diode.state.before-1") && there("chain-diode.state.before-1.1"));
        ck_assert(!there("chain-diode.state") && !there("chain-diode.state.1"));
        touch("chain-diode.state.1"); /* a power cut between the two renames leaves this */
        ck_assert_int_eq(operator_move_aside(dir_fd, "diode", name), 0);
        ck_assert(there("chain-diode.state.before-2.1") && !there("chain-diode.state.1"));
        for (unsigned i = 3; i <= OPERATOR_ASIDE_MAX; i++) {
                (void) snprintf(name, sizeof(name), "chain-diode.state.before-%u", i);
                touch(name);
        }
        touch("chain-diode.state");
        ck_assert_int_eq(operator_move_aside(dir_fd, "diode", name), -EDQUOT);
        ck_assert(there("chain-diode.state"));
} END_TEST

/* ---- a run ---- */

static unsigned moved;
static bool moved_free; /* of conflict, as the last move showed it */

static void on_answer(void *userdata _unused_, struct run *run _unused_,
                const struct chain_answer *answer _unused_) {
}

static void on_moved(void *userdata _unused_, struct run *run) {
        moved++;
        moved_free = run->status.state == CHAIN_FOLLOWING && !run->status.conflict;
}

static struct run *run_in_conflict(struct fake_chain *fake) {
        const struct run_hooks hooks = { .answer = on_answer, .moved = on_moved };
        struct config_chain chain = { .name = "diode" };
        uint8_t *state = NULL;
        struct run *run;
        size_t n = 0;

        fake_init(fake);
        fake->status.conflict = true;
        fake->status.state = CHAIN_STUCK;
        fake->status.conflict_ours = ref(7);
        fake->status.conflict_theirs = ref(8).hash;
        ck_assert_int_eq(run_new(&chain, 0, 0, &fake->chain, NULL, &hooks, &run), 0);
        run->linked = true;
        ck_assert_int_eq(store_open(&run->store, dir_fd, "chain", 100, &state, &n), -ENOENT);
        moved = 0;
        moved_free = false;
        return run;
}

START_TEST(grants_wait_until_the_word_is_on_disk) {
        struct fake_chain fake;
        _cleanup_(run_freep) struct run *run = run_in_conflict(&fake);
        struct hash32 ours = ref(7).hash;

        run->store.dir_fd = -1;
        ck_assert_int_eq(run_accept(run, &ours), -EIO);
        ck_assert(!fake.status.conflict); /* the machine would go on */
        ck_assert_int_eq(run->status.state, CHAIN_STUCK);
        ck_assert_ptr_nonnull(strstr(run->status.text, "not on disk"));
        ck_assert(!moved_free);
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        run_retry(run);
        ck_assert_int_eq(run->status.state, CHAIN_STUCK);
        ck_assert(!moved_free);
        run->store.dir_fd = dir_fd;
        run_retry(run);
        ck_assert_int_eq(run->status.state, CHAIN_FOLLOWING);
        ck_assert(moved_free);
} END_TEST

START_TEST(a_word_that_is_saved_counts_at_once) {
        struct fake_chain fake;
        _cleanup_(run_freep) struct run *run = run_in_conflict(&fake);
        struct hash32 ours = ref(7).hash, none = ref(9).hash;

        ck_assert_int_eq(run_accept(run, &none), 0); /* nothing waits for it */
        ck_assert(run->status.conflict && !moved_free);
        ck_assert_int_eq(run_accept(run, &ours), 0);
        ck_assert(!run->status.conflict && moved_free && there("chain"));
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged_operator");
        TCase *t = tcase_create("kedged_operator");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, words_outlive_a_restart_and_stand_for_what_was_configured);
        tcase_add_test(t, what_cannot_be_saved_is_not_said);
        tcase_add_test(t, operator_parse_refuses_what_is_cut_or_twice);
        tcase_add_test(t, a_former_state_is_renamed_and_never_overwritten);
        tcase_add_test(t, grants_wait_until_the_word_is_on_disk);
        tcase_add_test(t, a_word_that_is_saved_counts_at_once);
        suite_add_tcase(s, t);
        return unit_run(s);
}
