/* agent/kedged/ens_zone, over a scripted chain: each step is proven, at one block, and what code
 * would have to tell is not guessed. Also: what a proof need not ask. */

#include "unit.h"
#include "fake_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/kedged/ens_zone.h"
#include "agent/kedged/util.h"
#include "agent/kedged/watch.h"
#include "core/ens.h"

#define PIN_A "0xaa00000000000000000000000000000000000000000000000000000000000001"
#define NAME  "pump1.alice.eth"

static uint64_t clock_ms = UINT64_C(1000000000);

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
        if (id != CLOCK_BOOTTIME)
                return __real_clock_gettime(id, ret);
        *ret = (struct timespec){ (time_t) (clock_ms / 1000), (long) (clock_ms % 1000) * 1000000 };
        return 0;
}

static const struct address mainnet_2023 = { { 0x23, 0x1b, 0x0e, 0xe1, 0x40, 0x48, 0xe9, 0xdc, 0xcd,
                0x1d, 0x24, 0x77, 0x44, 0xd1, 0x14, 0xa4, 0xeb, 0x5e, 0x8e, 0x63 } };
static const struct address mainnet_2020 = { { 0x49, 0x76, 0xfb, 0x03, 0xc3, 0x2e, 0x5b, 0x8c, 0xfe,
                0x2b, 0x6c, 0xcb, 0x31, 0xc0, 0x9b, 0xa7, 0x8e, 0xba, 0xba, 0x41 } };

enum where { FINAL = 1, HEAD = 2, BOTH = 3 };

static struct world {
        struct config config;
        struct fake_chain fake;
        struct run *runs[1];
        struct proofs proofs;
        struct book book;
        struct watch watch;
        char dir[32];
        int dir_fd;
        struct hash32 node;
        size_t n_replies, n_proofs;
        struct watch_reply reply[64];
        struct proof_result proof;
} w;

static void on_answer(void *userdata _unused_, struct run *run, const struct chain_answer *answer) {
        proofs_answer(&w.proofs, run, answer);
}

static void on_moved(void *userdata _unused_, struct run *run) {
        watch_moved(&w.watch, run);
}

static void on_reply(void *userdata _unused_, uint64_t client _unused_, uint32_t id _unused_,
                const struct watch_reply *reply) {
        w.reply[w.n_replies++] = *reply;
}

static void on_proof(void *userdata _unused_, const struct proof_result *result) {
        w.proof = *result;
        w.n_proofs++;
}

static void setup(void) {
        const struct run_hooks hooks = { .answer = on_answer, .moved = on_moved };
        struct config_chain chain = { .name = "mainnet", .backend = "ethereum", .chain_id = 1 };
        uint8_t *state = NULL;
        size_t n = 0;

        memset(&w, 0, sizeof(w));
        strcpy(w.dir, "/tmp/kedge-ens-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(w.dir));
        w.dir_fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ROLES; i++)
                w.config.role[i].max_age_ms = 3600000;
        strcpy(w.config.zone[0].suffix, "eth");
        w.config.zone[0].kind = ZONE_ENS;
        w.config.n_zones = 1;
        fake_init(&w.fake);
        ck_assert_int_eq(run_new(&chain, 0, 0, &w.fake.chain, NULL, &hooks, &w.runs[0]), 0);
        w.runs[0]->linked = true;
        ck_assert_int_eq(
                        store_open(&w.runs[0]->store, w.dir_fd, "chain", 100, &state, &n), -ENOENT);
        watch_init(&w.watch, &w.config, w.runs, &w.proofs, &w.book, on_reply, NULL);
        ck_assert_int_eq(book_open(&w.book, w.dir_fd), 0);
        ck_assert_int_eq(ens_node(VIEW_TEXT(NAME), &w.node), 0);
}

static void teardown(void) {
        static const char *const names[] = { "revocations", "revocations.1", "chain", "chain.1" };

        proofs_done(&w.proofs);
        watch_done(&w.watch);
        book_done(&w.book);
        w.runs[0] = run_free(w.runs[0]);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(w.dir_fd, names[i], 0);
        close(w.dir_fd);
        (void) rmdir(w.dir);
}

static void heads(uint64_t final, uint64_t head) {
        fake_heads(&w.fake, final, head, now_ms());
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
}

static void pump(void) {
        for (int i = 0; i < 40; i++) {
                watch_pump(&w.watch, now_ms() + 10000);
                proofs_pump(&w.proofs, now_ms());
        }
}

static void put(const struct hash32 *slot, const struct hash32 *value, enum where where) {
        struct fake_value *v = fake_slot(&w.fake, slot);

        if (where & FINAL)
                v->final = *value;
        if (where & HEAD)
                v->head = *value;
}

static void resolver(const struct address *a, enum where where) {
        struct hash32 owner, slot, value = { 0 };

        ens_registry_slots(&w.node, &owner, &slot);
        memcpy(value.b + 12, a->b, ADDRESS_SIZE);
        value.b[11] = 7; /* the ttl beside it */
        put(&slot, &value, where);
}

/* The resolver's code is the known one. */
static void code_of(const struct address *a) {
        const struct ens_resolver *known = ens_resolver_find(a);

        ck_assert_ptr_nonnull(known);
        w.fake.code_hash = known->code_hash;
}

static void version(uint8_t v, enum where where) {
        struct hash32 slot, value = { 0 };

        ens_version_slot(&w.node, &slot);
        value.b[31] = v;
        put(&slot, &value, where);
}

/* Solidity's string at the slot of a text record. */
static void text_at(enum ens_layout layout, uint64_t v, const char *key, const char *text,
                enum where where) {
        size_t n = strlen(text);
        struct hash32 slot, value = { 0 }, word;

        ck_assert_int_eq(ens_text_slot(layout, &w.node, v, VIEW_TEXT(key), &slot), 0);
        if (n <= 31) {
                memcpy(value.b, text, n);
                value.b[31] = (uint8_t) (2 * n);
                put(&slot, &value, where);
                return;
        }
        value.b[30] = (uint8_t) ((2 * n + 1) >> 8);
        value.b[31] = (uint8_t) (2 * n + 1);
        put(&slot, &value, where);
        for (size_t i = 0; 32 * i < n; i++) {
                memset(&value, 0, sizeof(value));
                memcpy(value.b, text + 32 * i, MIN(n - 32 * i, (size_t) 32));
                ens_string_word_slot(&slot, i, &word);
                put(&word, &value, where);
        }
}

static void text(const char *key, const char *value, enum where where) {
        text_at(ENS_LAYOUT_2023, 3, key, value, where);
}

/* A name with one of each, of the resolver of 2023 at version 3. */
static void alice(void) {
        resolver(&mainnet_2023, BOTH);
        code_of(&mainnet_2023);
        version(3, BOTH);
        text("server_ip", "10.0.0.1", BOTH);
        text("port", "8883", BOTH);
        text("signature", PIN_A, BOTH);
        text("device", "0x00112233445566778899aabbccddeeff00112233", BOTH);
        heads(100, 104);
}

static const struct watch_reply *ask(const char *name) {
        size_t n = w.n_replies;

        ck_assert_int_eq(watch_ask(&w.watch, name, 7, 9, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.n_replies, n + 1);
        return &w.reply[n];
}

START_TEST(ens_name_is_proven_step_by_step) {
        const struct watch_reply *r;

        alice();
        text_at(ENS_LAYOUT_2023, 2, "server_ip", "10.0.0.2", BOTH); /* of an older version */
        text_at(ENS_LAYOUT_2023, 2, "server_ip6", "2001:db8::2", BOTH);
        r = ask(NAME);
        ck_assert_msg(r->result == QUERY_OK, "%s", r->why);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_uint_eq(r->answer.addr[0].b[3], 1);
        ck_assert_uint_eq(r->answer.port, 8883);
        ck_assert_uint_eq(r->answer.n_pins, 1);
        ck_assert_uint_eq(r->answer.pin[0].b[0], 0xaa);
        ck_assert_uint_eq(r->answer.has_device, 1);
        ck_assert_uint_eq(r->answer.device[0].b[19], 0x33);
        ck_assert_uint_eq(r->answer.final_number, 100);
        ck_assert_uint_eq(r->answer.head_number, 104);
        ck_assert_uint_eq(w.fake.asks, 8); /* registry, resolver, texts, words; twice */
}
END_TEST

START_TEST(ens_older_resolver_has_no_versions) {
        resolver(&mainnet_2020, BOTH);
        code_of(&mainnet_2020);
        version(3, BOTH); /* another thing stands there */
        text_at(ENS_LAYOUT_2020, 0, "server_ip", "10.0.0.1", BOTH);
        heads(100, 104);
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK);
}
END_TEST

static const struct {
        const char *what, *says;
} unverifiable[] = {
        { "no resolver", "cannot be verified by storage" },
        { "unknown resolver", "unknown resolver 0x4242424242424242424242424242424242424242, code "
                              "hash 0x55" },
        { "other code", "unknown resolver 0x231b0ee14048e9dccd1d247744d114a4eb5e8e63, code hash "
                        "0x55" },
        { "a version that is none", "unknown resolver 0x231b0ee14048e9dccd1d247744d114a4eb5e8e63" },
};

START_TEST(ens_what_code_decides_is_not_guessed) {
        struct address other, none = { 0 };
        const struct watch_reply *r;
        struct hash32 slot, all;

        alice();
        memset(&other, 0x42, sizeof(other));
        memset(&all, 0xff, sizeof(all));
        ens_version_slot(&w.node, &slot);
        if (_i == 0)
                resolver(&none, BOTH);
        if (_i == 1)
                resolver(&other, BOTH);
        if (_i == 1 || _i == 2)
                memset(&w.fake.code_hash, 0x55, HASH32_SIZE);
        if (_i == 3)
                put(&slot, &all, BOTH);
        r = ask(NAME);
        ck_assert_msg(r->result == QUERY_UNPROVEN, "%s", unverifiable[_i].what);
        ck_assert_msg(strstr(r->why, unverifiable[_i].says) != NULL, "%s: %s",
                        unverifiable[_i].what, r->why);
        ck_assert_uint_eq(r->answer.n_addrs + r->answer.n_pins + r->answer.has_device, 0);
        ck_assert_uint_eq(book_count(&w.book), 0);
}
END_TEST

static const struct {
        const char *key, *text;
} bad_texts[] = {
        { "server_ip", "10.0.0.256" },
        { "server_ip", "0x0a000001" },
        { "port", "65536" },
        { "port", " 80" },
        { "signature", "0xaa" },
        { "signature", "aa00000000000000000000000000000000000000000000000000000000000001 and more "
                       "of it" },
        { "device", "0x00112233445566778899aabbccddeeff0011223" },
};

START_TEST(ens_text_that_is_no_value_is_named) {
        const struct watch_reply *r;

        alice();
        text(bad_texts[_i].key, bad_texts[_i].text, BOTH);
        r = ask(NAME);
        ck_assert_msg(r->result == QUERY_INVALID, "%s: %s", bad_texts[_i].text, r->why);
        ck_assert_msg(strstr(r->why, bad_texts[_i].key) != NULL, "%s", r->why);
        ck_assert_uint_eq(r->answer.n_addrs, 0);
}
END_TEST

START_TEST(ens_string_that_is_none_is_named) {
        struct hash32 slot, value = { 0 };

        alice();
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &w.node, 3, VIEW_TEXT("port"), &slot), 0);
        memcpy(value.b, "8883", 4);
        value.b[10] = 1; /* behind its end */
        value.b[31] = 8;
        put(&slot, &value, BOTH);
        ck_assert_int_eq(ask(NAME)->result, QUERY_INVALID);
        value = (struct hash32){ 0 };
        value.b[30] = 2; /* 256 bytes */
        value.b[31] = 1;
        put(&slot, &value, BOTH);
        heads(100, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask(NAME)->result, QUERY_INVALID);
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &w.node, 3, VIEW_TEXT("port"), &slot), 0);
        memset(&value, 0, sizeof(value));
        put(&slot, &value, BOTH);
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &w.node, 3, VIEW_TEXT("signature"), &slot),
                        0);
        ens_string_word_slot(&slot, 2, &slot);
        value.b[2] = 1; /* behind the end of the last word */
        memcpy(value.b, "01", 2);
        put(&slot, &value, BOTH);
        heads(100, 106);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask(NAME)->result, QUERY_INVALID);
        ck_assert_ptr_nonnull(strstr(w.reply[w.n_replies - 1].why, "signature"));
}
END_TEST

START_TEST(ens_all_steps_are_at_one_block) {
        const struct watch_reply *r;

        alice();
        w.fake.moves = 2; /* between the first and the second step */
        r = ask(NAME);
        ck_assert_msg(r->result == QUERY_OK, "%s", r->why);
        ck_assert_uint_eq(r->answer.head_number, 106);
        w.fake.asks = 0;
        w.fake.moves = 1000; /* at each step */
        ck_assert_int_eq(watch_ask(&w.watch, "x.alice.eth", 7, 9, now_ms()), 0);
        ens_node(VIEW_TEXT("x.alice.eth"), &w.node) < 0 ? abort() : resolver(&mainnet_2023, BOTH);
        pump();
        ck_assert_int_eq(w.reply[w.n_replies - 1].result, QUERY_UNPROVEN);
        ck_assert_ptr_nonnull(strstr(w.reply[w.n_replies - 1].why, "moves on faster"));
        ck_assert_uint_le(w.fake.asks, 16);
}
END_TEST

static bool in_book(const char *name) {
        struct book_key key = { .chain_id = 1, .slot = UINT64_MAX, .contract = ens_registry };

        strcpy(key.host, name);
        return book_find(&w.book, &key) != NULL;
}

START_TEST(ens_key_that_head_lacks_is_revoked) {
        const struct watch_reply *r;

        alice();
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
        text("signature", "", HEAD);
        heads(100, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        r = ask(NAME);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_uint_eq(r->answer.n_pins, 0);
        ck_assert(in_book(NAME));
        text("signature", PIN_A, HEAD); /* upstreams that show an older head */
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 0);
}
END_TEST

START_TEST(ens_resolver_taken_away_revokes) {
        struct address other = { 0 };
        const struct watch_reply *r;

        alice();
        ck_assert_int_eq(ask(NAME)->result, QUERY_OK);
        if (_i == 1)
                memset(&other, 0x42, sizeof(other));
        resolver(&other, HEAD);
        heads(100, 105);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        r = ask(NAME);
        ck_assert_int_eq(r->result, _i == 0 ? QUERY_ABSENT : QUERY_UNPROVEN);
        ck_assert_ptr_nonnull(strstr(r->why, _i == 0 ? "revoked" : "unknown resolver 0x4242"));
        ck_assert_uint_eq(r->answer.n_addrs + r->answer.n_pins + r->answer.has_device, 0);
        ck_assert(in_book(NAME));
}
END_TEST

START_TEST(ens_new_name_waits_for_finality) {
        struct address none = { 0 };

        alice();
        resolver(&none, FINAL);
        ck_assert_int_eq(ask(NAME)->result, QUERY_UNPROVEN);
        ck_assert_ptr_null(strstr(w.reply[0].why, "storage"));
        ck_assert_uint_eq(w.reply[0].answer.n_addrs, 0);
}
END_TEST

START_TEST(ens_refuses_names_that_take_its_tables) {
        alice();
        ck_assert_int_eq(watch_ask(&w.watch, "ab--c.eth", 7, 9, now_ms()), -EINVAL);
        ck_assert_uint_eq(w.watch.n, 0);
}
END_TEST

START_TEST(ens_unproven_step_is_told) {
        alice();
        w.fake.fail = "withheld";
        ck_assert_int_eq(ask(NAME)->result, QUERY_UNPROVEN);
        ck_assert_ptr_nonnull(strstr(w.reply[0].why, "withheld"));
        ck_assert_uint_eq(w.watch.n, 0);
        ck_assert_uint_eq(w.proofs.n, 0);
}
END_TEST

START_TEST(ens_names_that_cannot_be_proven_are_soon_forgotten) {
        struct address none = { 0 };

        alice();
        resolver(&none, BOTH);
        ck_assert_int_eq(ask(NAME)->result, QUERY_UNPROVEN);
        ck_assert_uint_eq(w.watch.n, 1);
        clock_ms += WATCH_KEEP_ABSENT_MS + 1;
        heads(100, 106);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.watch.n, 0);
}
END_TEST

START_TEST(proof_asks_no_finalized_block_twice) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1, .has_known_final = true };

        heads(100, 104);
        q.known_final_at = w.fake.status.finalized.ref.hash;
        q.known_final_root.b[0] = 9;
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.fake.asks, 1);
        ck_assert(w.proof.proven);
        ck_assert_int_eq(w.proof.final.verdict, CHAIN_UNCHANGED);
        ck_assert_uint_eq(w.proof.final.storage_root.b[0], 9);
        ck_assert_uint_eq(w.proof.final.block.ref.number, 100);
        ck_assert_uint_eq(w.proof.head.block.ref.number, 104);

        heads(101, 104); /* another finalized block: what was known says nothing of it */
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.fake.asks, 3);
        ck_assert_uint_eq(w.proof.final.storage_root.b[0], 0);

        heads(104, 104); /* nothing is left to ask */
        q.known_final_at = w.fake.status.finalized.ref.hash;
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.fake.asks, 3);
        ck_assert_uint_eq(w.n_proofs, 3);
        ck_assert(w.proof.proven && w.proof.head.storage_root.b[0] == 9);
}
END_TEST

START_TEST(proof_of_one_side_asks_once) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1, .only = PROOF_FINAL };

        heads(100, 104);
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.fake.asks, 1);
        ck_assert_uint_eq(w.proof.final.block.ref.number, 100);
        q.only = PROOF_HEAD;
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.fake.asks, 2);
        ck_assert_uint_eq(w.proof.head.block.ref.number, 104);
        ck_assert(w.proof.proven);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged ens");
        TCase *t = tcase_create("ens");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, ens_name_is_proven_step_by_step);
        tcase_add_test(t, ens_older_resolver_has_no_versions);
        tcase_add_loop_test(t, ens_what_code_decides_is_not_guessed, 0, ELEMENTSOF(unverifiable));
        tcase_add_loop_test(t, ens_text_that_is_no_value_is_named, 0, ELEMENTSOF(bad_texts));
        tcase_add_test(t, ens_string_that_is_none_is_named);
        tcase_add_test(t, ens_all_steps_are_at_one_block);
        tcase_add_test(t, ens_key_that_head_lacks_is_revoked);
        tcase_add_loop_test(t, ens_resolver_taken_away_revokes, 0, 2);
        tcase_add_test(t, ens_new_name_waits_for_finality);
        tcase_add_test(t, ens_refuses_names_that_take_its_tables);
        tcase_add_test(t, ens_unproven_step_is_told);
        tcase_add_test(t, ens_names_that_cannot_be_proven_are_soon_forgotten);
        tcase_add_test(t, proof_asks_no_finalized_block_twice);
        tcase_add_test(t, proof_of_one_side_asks_once);
        suite_add_tcase(s, t);
        return unit_run(s);
}
