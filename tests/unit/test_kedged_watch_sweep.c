/* kedged/watch_sweep: of many tunnels' records in a contract that has changed, the one whose key is
 * another is fetched first, wherever it stands. */

#include "watch_world.h"

#define HOSTS 1000

/* Of host n at head: its key's first byte; 0: none. Each is a slot of its own. */
static struct hash32 key_slot[HOSTS];
static uint8_t key_at_head[HOSTS];
static size_t n_asks, asked_at; /* questions at head, and which of them asked for the changed host
                                   alone */
static size_t changed_host;
static bool fail_sweeps;
static struct chain_answer told;

static struct hash32 value_of_slot(const struct hash32 *slot, bool head) {
        for (size_t i = 0; i < HOSTS; i++)
                if (hash32_eq(slot, &key_slot[i]))
                        return (struct hash32){ { head ? key_at_head[i] : 1 } };
        return (struct hash32){ 0 };
}

static int sweep_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        const struct chain_ask *ask = in->ask;
        bool head;

        if (in->event != CHAIN_EV_ASK || w.fake.silent)
                return fake_step(c, in, out);
        head = ask->at == CHAIN_AT_HEAD;
        told = (struct chain_answer){
                .id = ask->id, .at = ask->at, .verdict = CHAIN_PROVEN, .n_values = ask->n_slots
        };
        told.storage_root = head ? w.fake.head_root : w.fake.final_root;
        told.block = head ? w.fake.status.head : w.fake.status.finalized;
        for (size_t i = 0; i < ask->n_slots; i++)
                told.values[i] = value_of_slot(&ask->slots[i], head);
        if (ask->has_known_root && hash32_eq(&ask->known_root, &told.storage_root))
                told.verdict = CHAIN_UNCHANGED;
        n_asks += head;
        if (head && ask->n_slots == 7 && hash32_eq(&ask->slots[5], &key_slot[changed_host]))
                asked_at = n_asks;
        if (fail_sweeps && head && ask->n_slots > 7)
                told.verdict = CHAIN_UNPROVEN;
        out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_ANSWER, .answer = &told };
        return 0;
}

static const struct chain_ops sweep_ops = {
        .step = sweep_step, .status = fake_status, .memory = fake_memory, .free = fake_free
};

static void run_on(void) {
        for (int i = 0; i < 2 * HOSTS; i++) {
                watch_pump(&w.watch, now_ms());
                proofs_pump(&w.proofs, now_ms());
        }
}

static void name_of(size_t i, char ret[64]) {
        (void) snprintf(ret, 64, "_wg.host%zu.plant.fleet", i);
}

static void sweep_setup(void) {
        char name[64];

        setup();
        w.fake.chain.ops = &sweep_ops;
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        fail_sweeps = false;
        for (size_t i = 0; i < HOSTS; i++) {
                struct hash32 key;

                (void) snprintf(name, sizeof(name), "host%zu.wg_key", i);
                ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(name), &key), 0);
                slot_of_mapping(&key, 0, &key_slot[i]);
                key_at_head[i] = 1;
        }
        heads(100, 103);
        for (size_t i = 0; i < HOSTS; i++) {
                name_of(i, name);
                ck_assert_int_eq(watch_ask(&w.watch, name, WATCH_DESK, 0, now_ms()), 0);
                proofs_pump(&w.proofs, now_ms());
                w.n_replies = 0;
        }
        run_on();
        w.watch.urgent = false;
        ck_assert_uint_eq(w.watch.n, HOSTS);
}

static void change(size_t host, uint8_t key) {
        changed_host = host;
        key_at_head[host] = key;
        n_asks = asked_at = 0;
        w.fake.head_root.b[0]++;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
}

static const struct watch_entry *host(size_t i) {
        char name[64];

        name_of(i, name);
        return watch_find(&w.watch, name);
}

static const size_t hosts[] = { 0, 1, 499, 999 };

START_TEST(the_one_whose_key_has_changed_is_fetched_first) {
        change(hosts[_i], (uint8_t) (hosts[_i] % 2 == 0 ? 0 : 9));
        run_on();
        ck_assert_int_eq(host(hosts[_i])->reply.result,
                        hosts[_i] % 2 == 0 ? QUERY_ABSENT : QUERY_OK);
        ck_assert(w.watch.urgent);
        /* The look, a proof for every 16 hosts, what was in flight, and it. */
        ck_assert_uint_gt(asked_at, 0);
        ck_assert_uint_le(asked_at, 1 + HOSTS / CHAIN_KEYS_MAX + 1 + HOSTS / 8);
        ck_assert_uint_eq(w.watch.n_sweeping, 0);
        for (size_t i = 0; i < HOSTS; i++) {
                ck_assert_uint_eq(host(i)->values.head_at.number, 104);
                ck_assert(i == hosts[_i] || host(i)->reply.result == QUERY_OK);
        }
}
END_TEST

START_TEST(a_sweep_that_fails_costs_nothing_but_its_time) {
        fail_sweeps = true;
        change(500, 0);
        run_on();
        ck_assert_int_eq(host(500)->reply.result, QUERY_ABSENT);
        ck_assert_int_eq(host(501)->reply.result, QUERY_OK);
        ck_assert_uint_eq(w.watch.n_sweeping, 0);
        for (size_t i = 0; i < HOSTS; i++)
                ck_assert_uint_eq(host(i)->values.head_at.number, 104);
}
END_TEST

START_TEST(names_may_go_while_they_are_swept) {
        w.fake.silent = true;
        change(500, 0);
        w.fake.silent = false;
        watch_pump(&w.watch, now_ms());
        proofs_pump(&w.proofs, now_ms()); /* the look is answered */
        w.fake.silent = true;
        watch_pump(&w.watch, now_ms());
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_gt(w.watch.n_sweeping, 0);
        watch_expire(&w.watch, now_ms() + WATCH_KEEP_MS + 1000);
        clock_ms += PROOF_DEADLINE_MS + 1;
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.watch.n_sweeping, 0);
        ck_assert_uint_le(w.watch.n, WATCH_FETCH_SWEEPING); /* those were being fetched */
}
END_TEST

START_TEST(a_few_records_are_not_swept) {
        watch_expire(&w.watch, now_ms() + WATCH_KEEP_MS + 1000);
        for (size_t i = 0; i < WATCH_SWEEP_FROM; i++) {
                char name[64];

                name_of(i, name);
                ck_assert_int_eq(watch_ask(&w.watch, name, WATCH_DESK, 0, now_ms()), 0);
                proofs_pump(&w.proofs, now_ms());
                w.n_replies = 0;
        }
        run_on();
        change(7, 0);
        run_on();
        ck_assert_uint_eq(n_asks, 1 + WATCH_SWEEP_FROM);
        ck_assert_int_eq(host(7)->reply.result, QUERY_ABSENT);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged watch sweep");
        TCase *t = tcase_create("sweep");

        tcase_add_checked_fixture(t, sweep_setup, teardown);
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(
                        t, the_one_whose_key_has_changed_is_fetched_first, 0, ELEMENTSOF(hosts));
        tcase_add_test(t, a_sweep_that_fails_costs_nothing_but_its_time);
        tcase_add_test(t, names_may_go_while_they_are_swept);
        tcase_add_test(t, a_few_records_are_not_swept);
        suite_add_tcase(s, t);
        return unit_run(s);
}
