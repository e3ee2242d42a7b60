/* agent/kedged/proof, lookup, watch, keys: from a question to what may be said, over a scripted chain. */

#include "watch_world.h"

START_TEST(lookup_takes_the_longest_zone) {
        static const struct {
                const char *name, *host;
                size_t zone;
                int want;
        } rows[] = {
                { "plant.fleet", "", 0, 0 },
                { "pump1.plant.fleet", "pump1", 0, 0 },
                { "a.b.plant.fleet", "a.b", 0, 0 },
                { "hall.plant.fleet", "", 1, 0 },
                { "x.hall.plant.fleet", "x", 1, 0 },
                { "xhall.plant.fleet", "xhall", 0, 0 },
                { "xplant.fleet", "", 0, -ENOENT },
                { "fleet", "", 0, -ENOENT },
                { "plant.fleet.example", "", 0, -ENOENT },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t z = 99;
                struct view host = VIEW(NULL, 0);

                ck_assert_msg(lookup_zone(&w.config, rows[i].name, &z, &host) == rows[i].want, "row %zu", i);
                if (rows[i].want < 0)
                        continue;
                ck_assert_uint_eq(z, rows[i].zone);
                ck_assert_msg(view_eq_text(host, rows[i].host), "row %zu", i);
        }
} END_TEST

START_TEST(proof_waits_for_a_head_then_ends) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.fake.asks, 0);
        heads(100, 100);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.fake.asks, 1); /* no head is ahead: one question */
        ck_assert_uint_eq(w.n_proofs, 1);
        ck_assert(w.proof[0].proven);
        ck_assert_uint_eq(w.proof[0].head.block.ref.number, 100);

        heads(100, 103);
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.fake.asks, 3);
        ck_assert(w.proof[1].proven);
        ck_assert_uint_eq(w.proof[1].final.block.ref.number, 100);
        ck_assert_uint_eq(w.proof[1].head.block.ref.number, 103);
} END_TEST

START_TEST(proof_ends_unproven_at_its_deadline) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        heads(100, 103);
        w.fake.silent = true;
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.n_proofs, 0);
        proofs_pump(&w.proofs, now_ms() + PROOF_DEADLINE_MS + 1);
        ck_assert_uint_eq(w.n_proofs, 1);
        ck_assert(!w.proof[0].proven);
        ck_assert_ptr_nonnull(strstr(w.proof[0].why, "in time"));
        ck_assert_uint_eq(w.fake.cancels, 2);
} END_TEST

START_TEST(proof_of_a_stuck_chain_is_refused) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        heads(100, 103);
        w.fake.status.conflict = true;
        strcpy(w.fake.status.text, "two finalized headers");
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.fake.asks, 0);
        ck_assert(!w.proof[0].proven);
        ck_assert_str_eq(w.proof[0].why, "two finalized headers");
} END_TEST

START_TEST(proof_one_unproven_half_is_unproven) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        heads(100, 103);
        w.fake.fail = "account does not exist";
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.n_proofs, 1);
        ck_assert(!w.proof[0].proven);
        ck_assert_str_eq(w.proof[0].why, "account does not exist");
} END_TEST

START_TEST(proof_count_is_bounded) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        heads(100, 103);
        w.fake.silent = true;
        for (size_t i = 0; i < PROOFS_MAX; i++)
                ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), -EBUSY);
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(w.fake.asks, PROOF_ASKS_MAX); /* the chain's own limit is respected */
} END_TEST

START_TEST(proof_without_fetch_says_so) {
        struct proof_question q = { .run = w.runs[0], .n_slots = 1 };

        heads(100, 103);
        run_link(w.runs[0], false);
        ck_assert_int_eq(proof_start(&w.proofs, &q, on_proof, NULL, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms() + PROOF_DEADLINE_MS);
        ck_assert_str_eq(w.proof[0].why, "kedge-fetch is not connected");
} END_TEST

START_TEST(watch_answers_a_proven_name) {
        const struct watch_reply *r;
        struct watch_reply again;

        pump1();
        heads(100, 103);
        r = ask("pump1.plant.fleet");
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->answer.verdict, NAME_PRESENT);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_uint_eq(r->answer.addr[0].b[0], 10);
        ck_assert_uint_eq(r->answer.n_pins, 1);
        ck_assert_uint_eq(r->answer.pin[0].b[0], 0xaa);
        ck_assert_uint_eq(r->answer.deadline_ms, w.fake.status.head_moved_ms + 3600000);
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &again));
        ck_assert(!watch_peek(&w.watch, "pump2.plant.fleet", now_ms(), &again));
} END_TEST

START_TEST(watch_joins_questions_for_one_name) {
        pump1();
        heads(100, 103);
        for (uint64_t i = 0; i < 5; i++)
                ck_assert_int_eq(watch_ask(&w.watch, "pump1.plant.fleet", i, 1, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.n_replies, 5);
        ck_assert_uint_eq(w.fake.asks, 2);
} END_TEST

START_TEST(watch_says_absent_only_when_proven) {
        heads(100, 103);
        ck_assert_int_eq(ask("nobody.plant.fleet")->result, QUERY_ABSENT);
        ck_assert_int_eq(ask("nobody.plant.fleet")->record_why, SERVED_ABSENT);
        w.fake.fail = "withheld";
        ck_assert_int_eq(ask("other.plant.fleet")->result, QUERY_UNPROVEN);
        ck_assert_uint_eq(w.watch.n, 1); /* what was never proven is not kept */
        ck_assert_int_eq(watch_ask(&w.watch, "foreign.example", 1, 1, now_ms()), -ENOENT);
} END_TEST

START_TEST(watch_new_name_waits_for_finality) {
        set("pump1.server_ip", RECORD_SERVER_IP, "", "10.0.0.1");
        w.fake.head_root.b[0] = 1;
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_UNPROVEN);
} END_TEST

START_TEST(watch_bad_value_is_named_and_nothing_served) {
        const struct watch_reply *r;

        pump1();
        set("pump1.port", RECORD_SIGNATURE, PIN_A, PIN_A); /* no port is that large */
        heads(100, 103);
        r = ask("pump1.plant.fleet");
        ck_assert_int_eq(r->result, QUERY_INVALID);
        ck_assert_ptr_nonnull(strstr(r->why, "port at block 103"));
        ck_assert_uint_eq(r->answer.n_addrs + r->answer.n_pins, 0);
        ck_assert_uint_eq(r->answer.verdict, NAME_UNPROVEN);
} END_TEST

static size_t published(struct name_answer *ret) {
        struct snapshot_entry e[8];
        size_t n = watch_entries(&w.watch, now_ms(), e, 8);

        if (n == 1)
                *ret = e[0].answer;
        return n;
}

START_TEST(watch_revocation_is_on_disk_and_in_effect) {
        struct name_answer a;

        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_eq(a.verdict, NAME_PRESENT);

        /* head 104 holds the record no more: nobody asks, and the name goes all the same */
        set("pump1.server_ip", RECORD_SERVER_IP, NULL, "");
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        w.fake.head_root.b[0] = 2;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_eq(a.verdict, NAME_ABSENT);
        ck_assert(w.watch.urgent);
        ck_assert(!w.book.dirty);

        /* killed, and upstreams show only the older head: it stays revoked */
        proofs_done(&w.proofs);
        watch_done(&w.watch);
        book_done(&w.book);
        parts();
        set("pump1.server_ip", RECORD_SERVER_IP, NULL, "10.0.0.1");
        set("pump1.signature", RECORD_SIGNATURE, NULL, PIN_A);
        w.fake.head_root.b[0] = 1;
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_ABSENT);
        ck_assert_int_eq(ask("pump1.plant.fleet")->record_why, SERVED_REVOKED_EARLIER);

        /* a finalized block above lists it again */
        heads(105, 106);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_uint_eq(book_count(&w.book), 1);

        /* the note goes once no restart can come back to a finalized block below the revoking head */
        w.runs[0]->store.fallback = 104;
        heads(106, 107);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_uint_eq(book_count(&w.book), 0);
} END_TEST

START_TEST(watch_key_that_head_garbles_is_revoked) {
        struct fake_value *v;
        struct hash32 key, slot;

        set("pump1.device", RECORD_DEVICE, "0x00112233445566778899aabbccddeeff00112233", "");
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT("pump1.device"), &key), 0);
        slot_of_mapping(&key, 0, &slot);
        v = fake_slot(&w.fake, &slot);
        memset(v->head.b, 0xff, sizeof(v->head.b)); /* not left-padded: no address */
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_INVALID);
        ck_assert_uint_eq(book_count(&w.book), 1);
} END_TEST

START_TEST(watch_revocation_takes_effect_on_a_full_disk) {
        struct name_answer a;

        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_int_eq(mkdirat(w.dir_fd, "revocations.new", 0700), 0); /* in the way of the draft */
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        w.fake.head_root.b[0] = 2;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_eq(a.n_pins, 0);
        ck_assert(w.book.dirty);
        ck_assert_uint_eq(w.watch.n_announced, 1); /* not announced yet */
        ck_assert_int_eq(unlinkat(w.dir_fd, "revocations.new", AT_REMOVEDIR), 0);
        watch_announce(&w.watch);
        ck_assert(!w.book.dirty);
        ck_assert_uint_eq(w.watch.n_announced, 0);
} END_TEST

START_TEST(watch_unchanged_contract_costs_one_proof_per_block) {
        char name[64];

        pump1();
        heads(100, 103);
        for (int i = 0; i < 20; i++) {
                (void) snprintf(name, sizeof(name), "host%d.plant.fleet", i);
                (void) ask(name);
        }
        ck_assert_uint_eq(w.fake.asks, 40);
        heads(101, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 42); /* one at finalized, one at head, for twenty names */
        ck_assert_uint_eq(w.fake.unchanged, 2);
        for (struct watch_entry *e = w.watch.groups->entries; e; e = e->group_next) {
                ck_assert_uint_eq(e->values.head_at.number, 104);
                ck_assert_uint_eq(e->values.final_at.number, 101);
                ck_assert_uint_eq(e->values.proven_ms, w.fake.status.head_moved_ms);
        }
} END_TEST

START_TEST(watch_changed_contract_is_fetched_and_becomes_final) {
        struct name_answer a;

        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        set("pump1.server_ip", RECORD_SERVER_IP, NULL, "10.0.0.2");
        w.fake.head_root.b[0] = 2;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_eq(a.addr[0].b[3], 1); /* a location stays as finalized */
        ck_assert_uint_eq(a.head_number, 104);

        /* finalized reaches the root that head had: known without fetching */
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.2", NULL);
        w.fake.final_root.b[0] = 2;
        heads(104, 104);
        w.fake.asks = 0;
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(w.fake.asks, 1);
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_eq(a.addr[0].b[3], 2);
} END_TEST

START_TEST(watch_proof_put_before_a_change_is_followed_by_another) {
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        w.fake.silent = true; /* a proof is open at 103 when 104 comes */
        ck_assert_int_eq(watch_ask(&w.watch, "pump1.plant.fleet", 7, 9, now_ms()), 0);
        pump();
        w.fake.silent = false;
        set("pump1.signature", RECORD_SIGNATURE, NULL, "");
        contract_changes(104);
        pump();
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 103);
        clock_ms += PROOF_DEADLINE_MS + 1;
        pump();
        ck_assert_uint_eq(entry("pump1.plant.fleet")->values.head_at.number, 104);
        ck_assert_uint_eq(entry("pump1.plant.fleet")->reply.answer.n_pins, 0);
} END_TEST

static void ask_for_absent(int n) {
        char name[64];

        for (int i = 0; i < n; i++) {
                (void) snprintf(name, sizeof(name), "n%d.plant.fleet", i);
                (void) ask(name);
        }
}

START_TEST(watch_absent_names_do_not_delay_those_that_are_there) {
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        ask_for_absent(2 * WATCH_FETCH_MAX);
        contract_changes(104);
        watch_pump(&w.watch, now_ms());
        proofs_pump(&w.proofs, now_ms());
        w.fake.silent = true;
        watch_pump(&w.watch, now_ms());
        ck_assert(entry("pump1.plant.fleet")->running);
} END_TEST

START_TEST(watch_absent_names_are_not_followed_through_a_change) {
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        ask_for_absent(20);
        clock_ms += WATCH_KEEP_ABSENT_MS + 1;
        w.fake.asks = 0;
        contract_changes(104);
        pump();
        ck_assert_uint_eq(w.watch.n, 1);
        ck_assert_uint_eq(w.fake.asks, 3); /* the account at two blocks; the one name at the head, since finalized is as it was */
        w.n_replies = 0;
        ck_assert_int_eq(ask("n3.plant.fleet")->result, QUERY_ABSENT);
} END_TEST

START_TEST(watch_contract_of_absent_names_alone_is_let_go) {
        pump1();
        heads(100, 103);
        ask_for_absent(3);
        clock_ms += WATCH_KEEP_ABSENT_MS + 1;
        contract_changes(104);
        pump();
        ck_assert_uint_eq(w.watch.n, 0);
        ck_assert_ptr_null(w.watch.groups);
} END_TEST

/* The chain begins anew: what was proven on it says nothing any more, what was revoked does. */
START_TEST(watch_forgets_a_chain_that_begins_anew) {
        struct watch_reply peek;
        struct name_answer a;

        pump1();
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, "");
        w.fake.head_root.b[0] = 2;
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(book_count(&w.book), 1);
        watch_forget_chain(&w.watch, w.runs[0]);
        ck_assert(w.watch.changed && w.watch.urgent);
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        ck_assert_uint_eq(published(&a), 0);
        ck_assert_uint_eq(w.watch.n, 0);
        ck_assert_uint_eq(book_count(&w.book), 1);
} END_TEST

START_TEST(watch_frozen_head_makes_stale) {
        const struct watch_reply *r;
        struct watch_reply peek;
        struct name_answer a;

        w.config.role[ROLE_NAMES].max_age_ms = 1000;
        pump1();
        fake_heads(&w.fake, 100, 103, now_ms() - 5000);
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        r = ask("pump1.plant.fleet"); /* proven again at the same old head: it is no younger for that */
        ck_assert_int_eq(r->result, QUERY_STALE);
        ck_assert_ptr_nonnull(strstr(r->why, "last proven 5 s ago"));
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        ck_assert_uint_eq(published(&a), 0);
} END_TEST

START_TEST(watch_withheld_proof_makes_stale_while_heads_go_on) {
        struct watch_reply peek;

        w.config.role[ROLE_NAMES].max_age_ms = 3000;
        pump1();
        fake_heads(&w.fake, 100, 103, now_ms() - 2000);
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        w.fake.fail = "withheld";
        heads(101, 104);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek)); /* until its deadline */
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms() + 1500, &peek));
} END_TEST

START_TEST(watch_pins_go_before_addresses_when_older) {
        const struct watch_reply *r;

        w.config.role[ROLE_TLS].max_age_ms = 1000;
        pump1();
        fake_heads(&w.fake, 100, 103, now_ms() - 5000);
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        r = ask("pump1.plant.fleet");
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_uint_eq(r->answer.n_pins, 0);
} END_TEST

/* What the agent has read, for a head that says it is late_s behind. */
static void clocks(uint64_t late_s) {
        w.runs[0]->clocks = (struct freshness_clocks){ .now_ms = now_ms(), .floor_s = 1800000000 };
        w.fake.status.time_head = 1800000000 - late_s;
}

START_TEST(watch_record_of_an_old_head_is_not_fresh_though_proven_just_now) {
        const struct watch_reply *r;
        struct watch_reply peek;
        struct name_answer a;

        pump1();
        clocks(30 * 86400);
        heads(100, 103);
        r = ask("pump1.plant.fleet");
        ck_assert_int_eq(r->result, QUERY_STALE);
        ck_assert_int_eq(r->answer.state, STATE_BEHIND);
        ck_assert_uint_eq(r->answer.n_addrs + r->answer.n_pins, 0);
        ck_assert_ptr_nonnull(strstr(r->why, "last proven 29 d ago"));
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        ck_assert_uint_eq(published(&a), 0);
} END_TEST

START_TEST(watch_clock_that_comes_later_makes_old_what_was_fresh) {
        struct watch_reply peek;
        struct name_answer a;

        pump1();
        clocks(60);
        heads(100, 103);
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_int_eq(a.state, STATE_FOLLOWING);
        w.runs[0]->clocks.wall_s = 1800000000 + 86400;
        ck_assert(!watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        ck_assert_uint_eq(published(&a), 0);
        w.runs[0]->clocks.wall_s = 0; /* and it goes again */
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
} END_TEST

START_TEST(watch_stale_is_served_where_the_role_says_so_and_told_apart) {
        const struct watch_reply *r;
        struct name_answer a;

        w.config.role[ROLE_NAMES].stale = w.config.role[ROLE_TLS].stale = STALE_SERVE;
        w.config.role[ROLE_NAMES].stale_max_ms = 40ull * 86400000;
        w.config.role[ROLE_TLS].stale_max_ms = 86400000;
        pump1();
        clocks(30 * 86400);
        heads(100, 103);
        r = ask("pump1.plant.fleet");
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_int_eq(r->answer.state, STATE_BEHIND);
        ck_assert_uint_eq(r->answer.n_addrs, 1);
        ck_assert_uint_eq(r->answer.n_pins, 0); /* [tls] does not wait so long */
        ck_assert_uint_lt(r->answer.fresh_ms, now_ms());
        ck_assert_uint_gt(r->answer.deadline_ms, now_ms());
        ck_assert_uint_eq(published(&a), 1);
        ck_assert_uint_lt(a.fresh_ms, now_ms());
} END_TEST

START_TEST(watch_served_stale_never_revives_a_revocation) {
        w.config.role[ROLE_NAMES].stale = w.config.role[ROLE_TLS].stale = STALE_SERVE;
        w.config.role[ROLE_NAMES].stale_max_ms = w.config.role[ROLE_TLS].stale_max_ms = 86400000;
        w.config.role[ROLE_NAMES].max_age_ms = w.config.role[ROLE_TLS].max_age_ms = 1000;
        pump1();
        heads(100, 103);
        ck_assert_uint_eq(ask("pump1.plant.fleet")->answer.n_pins, 1);
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, "");
        contract_changes(104);
        pump();
        clock_ms += 5000; /* stale, and served */
        ck_assert_int_eq(ask("pump1.plant.fleet")->result, QUERY_OK);
        ck_assert_uint_eq(w.reply[w.n_replies - 1].answer.n_pins, 0);
} END_TEST

START_TEST(watch_table_is_bounded_and_keeps_names_that_exist) {
        struct watch_reply peek;
        int there = 0;
        char name[64];

        pump1();
        heads(100, 100);
        (void) ask("pump1.plant.fleet");
        for (int i = 0; i < WATCH_MAX + 10; i++) {
                (void) snprintf(name, sizeof(name), "n%d.plant.fleet", i);
                clock_ms++;
                w.n_replies = 0;
                (void) ask(name);
        }
        ck_assert_uint_eq(w.watch.n, WATCH_MAX);
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        /* Eleven of the absent ones went, the oldest; which of a millisecond's is nobody's business. */
        for (int i = 0; i < WATCH_MAX + 10; i++) {
                (void) snprintf(name, sizeof(name), "n%d.plant.fleet", i);
                there += watch_peek(&w.watch, name, now_ms(), &peek);
        }
        ck_assert_int_eq(there, WATCH_MAX - 1);
        ck_assert(watch_peek(&w.watch, name, now_ms(), &peek));
} END_TEST

/* Names that do not exist, for both: what is there of the other stays. */
START_TEST(what_a_desk_holds_is_counted_apart) {
        struct watch_reply peek;
        char name[64];

        pump1();
        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        heads(100, 100);
        (void) ask("pump1.plant.fleet");
        ck_assert_int_eq(watch_ask(&w.watch, "_wg.gw1.plant.fleet", WATCH_DESK, 0, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.watch.n_desk, 1);
        for (int i = 0; i < WATCH_DESK_MAX + 10; i++) {
                uint64_t client = i < 10 ? 7 : WATCH_DESK;

                (void) snprintf(name, sizeof(name), "_wg.n%d.plant.fleet", i);
                clock_ms++;
                w.n_replies = 0;
                ck_assert_int_eq(watch_ask(&w.watch, name, client, 0, now_ms()), 0);
                proofs_pump(&w.proofs, now_ms());
        }
        ck_assert_uint_eq(w.watch.n_desk, WATCH_DESK_MAX);
        ck_assert_uint_eq(w.watch.n, WATCH_DESK_MAX + 11);
        for (int i = 0; i < WATCH_MAX + 10; i++) {
                (void) snprintf(name, sizeof(name), "n%d.plant.fleet", i);
                clock_ms++;
                w.n_replies = 0;
                ck_assert_int_eq(watch_ask(&w.watch, name, 7, 0, now_ms()), 0);
                proofs_pump(&w.proofs, now_ms());
        }
        ck_assert_uint_eq(w.watch.n, WATCH_DESK_MAX + WATCH_MAX);
        ck_assert(watch_peek(&w.watch, "_wg.gw1.plant.fleet", now_ms(), &peek));
        ck_assert(watch_peek(&w.watch, "pump1.plant.fleet", now_ms(), &peek));
        ck_assert_uint_eq(w.watch.n_desk, WATCH_DESK_MAX);
} END_TEST

START_TEST(a_desk_takes_over_what_a_client_had_asked_for) {
        pump1();
        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        heads(100, 100);
        (void) ask("_wg.gw1.plant.fleet");
        ck_assert_uint_eq(w.watch.n_desk, 0);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(watch_ask(&w.watch, "_wg.gw1.plant.fleet", WATCH_DESK, 0, now_ms()), 0);
                pump();
                ck_assert_uint_eq(w.watch.n_desk, 1);
        }
        (void) ask("_wg.gw1.plant.fleet");
        ck_assert_uint_eq(w.watch.n_desk, 1);
        watch_expire(&w.watch, now_ms() + WATCH_KEEP_MS + 1000);
        ck_assert_uint_eq(w.watch.n_desk, 0);
        ck_assert_uint_eq(w.watch.n, 0);
} END_TEST

START_TEST(watch_forgets_what_nobody_asks_for) {
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        watch_expire(&w.watch, now_ms() + WATCH_KEEP_MS - 1000);
        ck_assert_uint_eq(w.watch.n, 1);
        watch_expire(&w.watch, now_ms() + WATCH_KEEP_MS + 1000);
        ck_assert_uint_eq(w.watch.n, 0);
        ck_assert_ptr_null(w.watch.groups);
} END_TEST

START_TEST(watch_forgets_names_of_zones_that_changed) {
        pump1();
        heads(100, 103);
        (void) ask("pump1.plant.fleet");
        (void) ask("x.hall.plant.fleet");
        w.other = w.config;
        w.other.zone[1].contract.b[0] = 9;
        watch_reconfigure(&w.watch, &w.other);
        ck_assert_uint_eq(w.watch.n, 1);
        w.config = w.other;
        w.config.n_zones = 0;
        watch_reconfigure(&w.watch, &w.config);
        ck_assert_uint_eq(w.watch.n, 0);
} END_TEST

START_TEST(watch_forgotten_while_proving_is_answered) {
        pump1();
        heads(100, 103);
        w.fake.silent = true;
        ck_assert_int_eq(watch_ask(&w.watch, "pump1.plant.fleet", 1, 1, now_ms()), 0);
        proofs_pump(&w.proofs, now_ms());
        w.other = w.config;
        w.other.n_zones = 0;
        watch_reconfigure(&w.watch, &w.other);
        ck_assert_uint_eq(w.n_replies, 1);
        ck_assert_int_eq(w.reply[0].result, QUERY_UNPROVEN);
        proofs_pump(&w.proofs, now_ms() + PROOF_DEADLINE_MS);
        ck_assert_uint_eq(w.n_replies, 1);
} END_TEST

static struct keys_question key_question(const char *text) {
        struct keys_question q = { .run = w.runs[0], .contract.b[0] = 1 };

        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(text), &q.key), 0);
        return q;
}

static const struct query_reply *ask_key(const char *text) {
        struct keys_question q = key_question(text);

        w.n_key_replies = 0;
        ck_assert_int_eq(keys_ask(&w.keys, &q, 1, 5, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.n_key_replies, 1);
        ck_assert_uint_eq(w.key_reply[0].id, 5);
        return &w.key_reply[0];
}

START_TEST(keys_grant_what_both_hold) {
        static const struct {
                const char *final, *head;
                enum query_result want;
                const char *reason;
        } rows[] = {
                { PIN_A, PIN_A, QUERY_OK, "" },
                { "", "", QUERY_ABSENT, "the map holds nothing" },
                { PIN_A, "", QUERY_ABSENT, "revoked at head" },
                { PIN_A, PIN_B, QUERY_UNPROVEN, "changed at head, not final yet" },
                { "", PIN_B, QUERY_UNPROVEN, "not final yet" },
        };

        heads(100, 103);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char key[16];
                const struct query_reply *r;

                (void) snprintf(key, sizeof(key), "key%zu", i);
                set(key, RECORD_SIGNATURE, rows[i].final, rows[i].head);
                r = ask_key(key);
                ck_assert_msg(r->result == rows[i].want, "row %zu: %d", i, r->result);
                ck_assert_msg(strstr(r->reason, rows[i].reason), "row %zu: %s", i, r->reason);
                ck_assert_msg(hash32_is_zero(&r->lookup.value) == (r->result != QUERY_OK), "row %zu", i);
        }
} END_TEST

START_TEST(keys_revoked_stays_revoked_under_an_older_head) {
        set("signature", RECORD_SIGNATURE, PIN_A, "");
        heads(100, 104);
        ck_assert_int_eq(ask_key("signature")->result, QUERY_ABSENT);
        set("signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        heads(100, 103);
        ck_assert_int_eq(ask_key("signature")->result, QUERY_ABSENT);
        heads(104, 105);
        ck_assert_int_eq(ask_key("signature")->result, QUERY_OK);
} END_TEST

START_TEST(keys_know_what_was_revoked_by_name) {
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, "");
        heads(100, 104);
        (void) ask("pump1.plant.fleet");
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        heads(100, 103);
        ck_assert_int_eq(ask_key("pump1.signature")->result, QUERY_ABSENT);
} END_TEST

START_TEST(keys_age_by_the_stricter_role) {
        w.config.role[ROLE_TLS].max_age_ms = 1000;
        set("signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        fake_heads(&w.fake, 100, 103, now_ms() - 5000);
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_int_eq(ask_key("signature")->result, QUERY_STALE);
        ck_assert_ptr_nonnull(strstr(w.key_reply[0].reason, "5 s ago"));
        ck_assert(hash32_is_zero(&w.key_reply[0].lookup.value));
} END_TEST

START_TEST(keys_of_an_old_head_are_told_by_which_clock) {
        set("signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        clocks(7200);
        heads(100, 103);
        ck_assert_int_eq(ask_key("signature")->result, QUERY_STALE);
        ck_assert_ptr_nonnull(strstr(w.key_reply[0].reason, "it is at least"));
        w.config.role[ROLE_NAMES].stale = w.config.role[ROLE_TLS].stale = STALE_SERVE;
        w.config.role[ROLE_NAMES].stale_max_ms = w.config.role[ROLE_TLS].stale_max_ms = 86400000;
        ck_assert_int_eq(ask_key("signature")->result, QUERY_OK);
        ck_assert_uint_eq(w.key_reply[0].lookup.stale, 1);
        ck_assert_uint_eq(w.key_reply[0].lookup.state, STATE_BEHIND);
        clocks(60);
        heads(104, 105);
        ck_assert_int_eq(ask_key("signature")->result, QUERY_OK);
        ck_assert_uint_eq(w.key_reply[0].lookup.stale, 0);
        ck_assert_uint_eq(w.key_reply[0].lookup.state, STATE_FOLLOWING);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged watch");
        TCase *t = tcase_create("watch");

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, lookup_takes_the_longest_zone);
        tcase_add_test(t, proof_waits_for_a_head_then_ends);
        tcase_add_test(t, proof_ends_unproven_at_its_deadline);
        tcase_add_test(t, proof_of_a_stuck_chain_is_refused);
        tcase_add_test(t, proof_one_unproven_half_is_unproven);
        tcase_add_test(t, proof_count_is_bounded);
        tcase_add_test(t, proof_without_fetch_says_so);
        tcase_add_test(t, watch_answers_a_proven_name);
        tcase_add_test(t, watch_joins_questions_for_one_name);
        tcase_add_test(t, watch_says_absent_only_when_proven);
        tcase_add_test(t, watch_new_name_waits_for_finality);
        tcase_add_test(t, watch_bad_value_is_named_and_nothing_served);
        tcase_add_test(t, watch_revocation_is_on_disk_and_in_effect);
        tcase_add_test(t, watch_key_that_head_garbles_is_revoked);
        tcase_add_test(t, watch_revocation_takes_effect_on_a_full_disk);
        tcase_add_test(t, watch_unchanged_contract_costs_one_proof_per_block);
        tcase_add_test(t, watch_changed_contract_is_fetched_and_becomes_final);
        tcase_add_test(t, watch_proof_put_before_a_change_is_followed_by_another);
        tcase_add_test(t, watch_absent_names_do_not_delay_those_that_are_there);
        tcase_add_test(t, watch_absent_names_are_not_followed_through_a_change);
        tcase_add_test(t, watch_contract_of_absent_names_alone_is_let_go);
        tcase_add_test(t, watch_forgets_a_chain_that_begins_anew);
        tcase_add_test(t, watch_frozen_head_makes_stale);
        tcase_add_test(t, watch_withheld_proof_makes_stale_while_heads_go_on);
        tcase_add_test(t, watch_pins_go_before_addresses_when_older);
        tcase_add_test(t, watch_record_of_an_old_head_is_not_fresh_though_proven_just_now);
        tcase_add_test(t, watch_clock_that_comes_later_makes_old_what_was_fresh);
        tcase_add_test(t, watch_stale_is_served_where_the_role_says_so_and_told_apart);
        tcase_add_test(t, watch_served_stale_never_revives_a_revocation);
        tcase_add_test(t, keys_of_an_old_head_are_told_by_which_clock);
        tcase_add_test(t, watch_table_is_bounded_and_keeps_names_that_exist);
        tcase_add_test(t, what_a_desk_holds_is_counted_apart);
        tcase_add_test(t, a_desk_takes_over_what_a_client_had_asked_for);
        tcase_add_test(t, watch_forgets_what_nobody_asks_for);
        tcase_add_test(t, watch_forgets_names_of_zones_that_changed);
        tcase_add_test(t, watch_forgotten_while_proving_is_answered);
        tcase_add_test(t, keys_grant_what_both_hold);
        tcase_add_test(t, keys_revoked_stays_revoked_under_an_older_head);
        tcase_add_test(t, keys_know_what_was_revoked_by_name);
        tcase_add_test(t, keys_age_by_the_stricter_role);
        suite_add_tcase(s, t);
        return unit_run(s);
}
