/* agent/kedged/lookup, watch, keys, kept: the records that logins stand on. Who holds which bits, until when it
 * may be believed, and that nobody finds them where the names of hosts are. */

#include "watch_world.h"

#include "agent/kedged/kept.h"

#define ALICE  "_user.alice.plant.fleet"
#define DEVICE "0x00000000000000000000000000000000000000d1"
#define MINUTE UINT64_C(60000)
#define HOUR   UINT64_C(3600000)
#define FLOOR  UINT64_C(1800000000)

static void alice(void) {
        set("_user.alice.role", RECORD_ROLE, "0x10b", "0x10b");
        set("_user.alice.ssh", RECORD_SSH, PIN_A, PIN_A);
        set("_user.alice.device", RECORD_DEVICE, DEVICE, DEVICE);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
}

static unsigned bits(const struct hash32 *role) {
        ck_assert(memcmp(role->b, (uint8_t[30]){ 0 }, 30) == 0);
        return (unsigned) (role->b[30] << 8 | role->b[31]);
}

static const struct watch_reply *reply_of(const char *name) {
        return &entry(name)->reply;
}

START_TEST(a_user_is_told_with_his_bits_and_keys) {
        const struct watch_reply *r;

        alice();
        set("_user.alice.role_next", RECORD_ROLE_NEXT, "0x40", "0x40");
        set("_user.alice.ssh_next", RECORD_SSH_NEXT, PIN_B, PIN_B);
        r = ask(ALICE);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(bits(&r->role), 0x14b);
        ck_assert_uint_eq(r->answer.n_pins, 2);
        ck_assert(r->answer.pin[0].b[0] == 0xaa && r->answer.pin[1].b[0] == 0xbb);
        ck_assert_uint_eq(r->answer.has_device, 1);
        ck_assert_uint_eq(r->answer.device[0].b[19], 0xd1);
        ck_assert_uint_eq(r->answer.n_addrs + r->answer.port, 0);
        ck_assert_uint_eq(entry(ALICE)->shape->n, 6);
} END_TEST

START_TEST(hosts_have_roles_and_ssh_keys_also_at_the_apex) {
        const struct watch_reply *r;

        set("_host.gw1.role", RECORD_ROLE, "5", "5");
        set("_host.role", RECORD_ROLE, "6", "6");
        set("gw1.ssh_host", RECORD_SSH_HOST, PIN_A, PIN_A);
        set("ssh_host", RECORD_SSH_HOST, PIN_B, PIN_B);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
        ck_assert_uint_eq(bits(&ask("_host.gw1.plant.fleet")->role), 5);
        r = ask("_host.plant.fleet");
        ck_assert_uint_eq(bits(&r->role), 6);
        ck_assert_uint_eq(r->answer.n_pins, 0);
        r = ask("_ssh.gw1.plant.fleet");
        ck_assert(r->answer.n_pins == 1 && r->answer.pin[0].b[0] == 0xaa);
        ck_assert(hash32_is_zero(&r->role));
        ck_assert_uint_eq(ask("_ssh.plant.fleet")->answer.pin[0].b[0], 0xbb);
        ck_assert_int_eq(ask("gw1.plant.fleet")->result, QUERY_ABSENT); /* that is another record */
} END_TEST

#define GW1 "_wg.gw1.plant.fleet"

START_TEST(a_gateway_is_told_with_its_keys_and_places) {
        const struct watch_reply *r;

        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        set("gw1.wg_key_next", RECORD_WG_KEY_NEXT, PIN_B, PIN_B);
        set("gw1.wg_endpoint", RECORD_WG_ENDPOINT, "192.0.2.1", "192.0.2.1");
        set("gw1.wg_ip", RECORD_WG_IP, "10.9.0.1", "10.9.0.1");
        set("gw1.wg_port", RECORD_WG_PORT, "51821", "51821");
        set("gw1.server_ip", RECORD_SERVER_IP, "192.0.2.7", "192.0.2.7");
        set("gw1.server_ip6", RECORD_SERVER_IP6, "2001:db8::7", "2001:db8::7");
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
        r = ask(GW1);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->answer.n_pins, 2);
        ck_assert_uint_eq(r->answer.n_addrs, 4);
        ck_assert_uint_eq(r->answer.port, 51821);
        ck_assert_uint_eq(ask("gw1.plant.fleet")->answer.n_addrs, 2);
} END_TEST

static size_t n_record_news;

static void count_records(void *userdata _unused_, const struct news *news) {
        n_record_news += news->kind == NEWS_RECORD;
}

/* Which address is the endpoint and which the tunnel's, an answer does not say. */
START_TEST(a_gateways_value_that_moves_to_another_field_is_news) {
        static const char *const fields[] = { "gw1.wg_endpoint", "gw1.wg_ip", "gw1.server_ip" };
        struct news_desk desk = { 0 };

        n_record_news = 0;
        ck_assert_int_eq(news_listen(&desk, count_records, NULL), 0);
        w.watch.news = &desk;
        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        set("gw1.wg_key_next", RECORD_WG_KEY_NEXT, PIN_B, PIN_B);
        set(fields[0], RECORD_WG_ENDPOINT, "192.0.2.1", "192.0.2.1");
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
        (void) ask(GW1);
        ck_assert_uint_eq(n_record_news, 1);
        contract_changes(104);
        pump();
        ck_assert_uint_eq(n_record_news, 1);
        for (size_t i = 1; i < ELEMENTSOF(fields); i++) {
                set(fields[i - 1], RECORD_WG_IP, "", "");
                set(fields[i], RECORD_WG_IP, "192.0.2.1", "192.0.2.1");
                w.fake.final_root.b[0]++;
                contract_changes(104 + i);
                pump();
                ck_assert_uint_eq(n_record_news, 1 + i);
        }
        set("gw1.wg_key", RECORD_WG_KEY, NULL, PIN_B); /* of two keys, head wants the other */
        set("gw1.wg_key_next", RECORD_WG_KEY_NEXT, NULL, PIN_A);
        contract_changes(110);
        pump();
        ck_assert_uint_eq(n_record_news, 4);
        ck_assert_uint_eq(entry(GW1)->reply.answer.n_pins, 2);
        w.fake.final_root = w.fake.head_root; /* finalized follows, and nothing is fetched for it */
        set("gw1.wg_key", RECORD_WG_KEY, PIN_B, NULL);
        set("gw1.wg_key_next", RECORD_WG_KEY_NEXT, PIN_A, NULL);
        heads(110, 111);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(n_record_news, 5);
        w.watch.news = NULL;
} END_TEST

START_TEST(a_gateways_age_is_judged_by_net_alone) {
        w.config.role[ROLE_NET].max_age_ms = 1000;
        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
        ck_assert_uint_eq(ask(GW1)->answer.deadline_ms, now_ms() + 1000);
} END_TEST

START_TEST(a_bit_that_head_took_is_gone_at_once_and_alone) {
        const struct watch_reply *r;

        alice();
        (void) ask(ALICE);
        w.watch.urgent = false;
        set("_user.alice.role", RECORD_ROLE, NULL, "0x103");
        contract_changes(104);
        pump();
        r = reply_of(ALICE);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(bits(&r->role), 0x103);
        ck_assert(r->answer.n_pins == 1 && r->answer.has_device == 1);
        ck_assert(w.watch.urgent);
        ck_assert_uint_eq(book_count(&w.book), 1);
        /* head has it again: it is good only when that is final */
        set("_user.alice.role", RECORD_ROLE, NULL, "0x10b");
        contract_changes(105);
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 0x103);
        w.fake.final_root.b[0] = w.fake.head_root.b[0];
        w.runs[0]->store.fallback = 105;
        heads(105, 106);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 0x10b);
        ck_assert_uint_eq(book_count(&w.book), 0);
} END_TEST

START_TEST(a_bit_that_finalized_took_is_urgent_too) {
        alice();
        (void) ask(ALICE);
        w.watch.urgent = false;
        set("_user.alice.role", RECORD_ROLE, "0x103", "0x103");
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 0x103);
        ck_assert_uint_eq(book_count(&w.book), 1);
        ck_assert(w.watch.urgent);
} END_TEST

START_TEST(a_bit_that_finalized_took_and_head_gives_is_urgent_too) {
        alice();
        (void) ask(ALICE);
        w.watch.urgent = false;
        set("_user.alice.role", RECORD_ROLE, "0x103", NULL);
        w.fake.final_root.b[0] = 77;
        w.fake.head_root.b[0] = 78;
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 0x103);
        ck_assert_uint_eq(book_count(&w.book), 0);
        ck_assert(w.watch.urgent);
} END_TEST

START_TEST(a_bit_that_was_given_is_told_and_not_urgent) {
        uint64_t before;

        alice();
        (void) ask(ALICE);
        w.watch.urgent = false;
        before = entry(ALICE)->changed_us;
        set("_user.alice.role", RECORD_ROLE, "0x10f", "0x10f");
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 0x10f);
        ck_assert(!w.watch.urgent);
        ck_assert_uint_gt(entry(ALICE)->changed_us, before); /* nothing but bits has changed */
} END_TEST

START_TEST(a_user_whose_record_is_gone_is_absent_and_revoked) {
        alice();
        (void) ask(ALICE);
        set("_user.alice.role", RECORD_ROLE, NULL, "");
        set("_user.alice.ssh", RECORD_SSH, NULL, "");
        set("_user.alice.device", RECORD_DEVICE, NULL, "");
        contract_changes(104);
        pump();
        ck_assert_int_eq(reply_of(ALICE)->result, QUERY_ABSENT);
        ck_assert_int_eq(reply_of(ALICE)->record_why, SERVED_REVOKED_AT_HEAD);
        ck_assert(hash32_is_zero(&reply_of(ALICE)->role));
        ck_assert_uint_eq(reply_of(ALICE)->answer.n_pins + reply_of(ALICE)->answer.has_device, 0);
} END_TEST

/* Nothing of one that does not parse, not even the bits that do. */
START_TEST(a_user_with_a_value_that_is_none_has_nothing) {
        const struct watch_reply *r;

        alice();
        set("_user.alice.device", RECORD_SIGNATURE, NULL, PIN_A);
        r = ask(ALICE);
        ck_assert_int_eq(r->result, QUERY_INVALID);
        ck_assert_ptr_nonnull(strstr(r->why, "device at block 103"));
        ck_assert(hash32_is_zero(&r->role));
        ck_assert_uint_eq(r->answer.n_pins + r->answer.has_device, 0);
} END_TEST

START_TEST(nothing_of_it_is_published) {
        struct snapshot_entry e[8];

        alice();
        set("alice.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        (void) ask(ALICE);
        (void) ask("_host.plant.fleet");
        (void) ask("_ssh.alice.plant.fleet");
        ck_assert_uint_eq(watch_entries(&w.watch, now_ms(), e, 8), 0);
        (void) ask("alice.plant.fleet");
        ck_assert_uint_eq(watch_entries(&w.watch, now_ms(), e, 8), 1);
        ck_assert_str_eq(e[0].name, "alice.plant.fleet");
} END_TEST

START_TEST(its_age_is_judged_by_pam_alone) {
        struct watch_reply r;
        uint64_t moved;

        w.config.role[ROLE_PAM].max_age_ms = 10 * MINUTE;
        alice();
        moved = w.fake.status.head_moved_ms;
        r = *ask(ALICE);
        ck_assert_uint_eq(r.answer.deadline_ms, moved + 10 * MINUTE);
        ck_assert_uint_eq(r.answer.pins_deadline_ms, moved + 10 * MINUTE);
        ck_assert_uint_eq(r.answer.fresh_ms, moved + 10 * MINUTE);
        ck_assert_uint_eq(r.answer.pins_fresh_ms, moved + 10 * MINUTE);
        clock_ms = moved + 10 * MINUTE;
        ck_assert(watch_peek(&w.watch, ALICE, now_ms(), &r));
        clock_ms++;
        ck_assert(!watch_peek(&w.watch, ALICE, now_ms(), &r));
        watch_stands(entry(ALICE), now_ms(), &r);
        ck_assert_int_eq(r.result, QUERY_STALE);
        ck_assert_int_eq(r.answer.state, STATE_STALE);
        ck_assert(hash32_is_zero(&r.role));
        /* and a longer one of [names] lends it nothing */
        w.config.role[ROLE_NAMES].stale = w.config.role[ROLE_TLS].stale = STALE_SERVE;
        w.config.role[ROLE_NAMES].stale_max_ms = w.config.role[ROLE_TLS].stale_max_ms = HOUR;
        ck_assert(!watch_peek(&w.watch, ALICE, now_ms(), &r));
        w.config.role[ROLE_PAM].stale = STALE_SERVE;
        w.config.role[ROLE_PAM].stale_max_ms = HOUR;
        ck_assert(watch_peek(&w.watch, ALICE, now_ms(), &r));
        ck_assert_uint_lt(r.answer.fresh_ms, now_ms());
        ck_assert_uint_eq(bits(&r.role), 0x10b);
} END_TEST

START_TEST(another_configuration_moves_its_deadlines) {
        alice();
        (void) ask(ALICE);
        w.other = w.config;
        w.other.role[ROLE_PAM].max_age_ms = 5 * MINUTE;
        watch_reconfigure(&w.watch, &w.other);
        ck_assert_uint_eq(reply_of(ALICE)->answer.deadline_ms,
                        w.fake.status.head_moved_ms + 5 * MINUTE);
} END_TEST

/* Nobody has asked for it for a day, and nobody answers: it stays where [pam] serves it. */
START_TEST(it_stays_without_an_uplink_where_pam_serves_it) {
        for (int serve = 0; serve < 2; serve++) {
                const struct chain_status none = { .state = CHAIN_STARTING };

                w.config.role[ROLE_PAM].stale = serve ? STALE_SERVE : STALE_DENY;
                w.config.role[ROLE_PAM].stale_max_ms = 100 * HOUR;
                alice();
                w.n_replies = 0;
                (void) ask(ALICE);
                w.runs[0]->status = none;
                clock_ms += WATCH_KEEP_MS + 1;
                watch_expire(&w.watch, now_ms());
                ck_assert_uint_eq(w.watch.n, (size_t) serve);
        }
} END_TEST

START_TEST(names_that_are_no_records_are_nobodys) {
        static const char *const names[] = { "_user.plant.fleet", "_user.a.b.plant.fleet",
                "_zone.plant.fleet", "_members.plant.fleet", "_member.0.plant.fleet", "_ssh._ssh.plant.fleet",
                "_user.alice", "_user.alice.example", "_host", "_user.alice.fleet", "a._user.plant.fleet" };

        heads(100, 103);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_msg(watch_ask(&w.watch, names[i], 1, 1, now_ms()) == -ENOENT, "%s", names[i]);
        ck_assert_uint_eq(w.watch.n, 0);
} END_TEST

START_TEST(a_zone_of_ens_has_hosts_alone) {
        struct view subject;
        size_t z;

        w.config.zone[1].kind = ZONE_ENS;
        ck_assert_int_eq(lookup_zone(&w.config, "_host.gw1.hall.plant.fleet", &z, &subject), -ENOENT);
        ck_assert_int_eq(lookup_zone(&w.config, "_user.alice.hall.plant.fleet", &z, &subject), -ENOENT);
        ck_assert_int_eq(lookup_zone(&w.config, "gw1.hall.plant.fleet", &z, &subject), 0);
        ck_assert_uint_eq(z, 1);
} END_TEST

/* There is a zone called hall.plant.fleet. */
static const struct name_case {
        enum name_record_kind kind;
        const char *who, *suffix;
        int want;
        const char *name;
        uint8_t contract;
} name_cases[] = {
        { NAME_RECORD_USER, "alice", "plant.fleet", 0, ALICE, 1 },
        { NAME_RECORD_USER, "hall", "plant.fleet", 0, "_user.hall.plant.fleet", 1 },
        { NAME_RECORD_USER, "alice", "hall.plant.fleet", 0, "_user.alice.hall.plant.fleet", 2 },
        { NAME_RECORD_USER, "_a-", "plant.fleet", 0, "_user._a-.plant.fleet", 1 },
        { NAME_RECORD_USER, "a.b", "plant.fleet", -EINVAL, NULL, 0 },
        { NAME_RECORD_USER, "", "plant.fleet", -EINVAL, NULL, 0 },
        { NAME_RECORD_USER, "Alice", "plant.fleet", -EINVAL, NULL, 0 },
        { NAME_RECORD_USER, "alice", "fleet", -ENOENT, NULL, 0 },
        { NAME_RECORD_USER, "alice", "other.example", -ENOENT, NULL, 0 },
        { NAME_RECORD_HOST_ROLE, "gw1", "plant.fleet", 0, "_host.gw1.plant.fleet", 1 },
        { NAME_RECORD_HOST_ROLE, "", "plant.fleet", 0, "_host.plant.fleet", 1 },
        { NAME_RECORD_HOST_ROLE, "", "hall.plant.fleet", 0, "_host.hall.plant.fleet", 2 },
        { NAME_RECORD_HOST_ROLE, "hall", "plant.fleet", -ENOENT, NULL, 0 },
        { NAME_RECORD_HOST_ROLE, "gw1.hall", "plant.fleet", -ENOENT, NULL, 0 },
        { NAME_RECORD_SSH, "a.gw1", "plant.fleet", 0, "_ssh.a.gw1.plant.fleet", 1 },
        { NAME_RECORD_SSH, "hall", "plant.fleet", -ENOENT, NULL, 0 },
        { NAME_RECORD_HOST, "pump1", "plant.fleet", 0, "pump1.plant.fleet", 1 },
};

START_TEST(a_record_name_is_of_the_zone_that_it_was_made_for) {
        const struct name_case *c = &name_cases[_i];
        char name[NAME_MAX_LEN + 1] = "untouched";
        struct view subject;
        size_t z;

        ck_assert_int_eq(lookup_record_name(&w.config, c->kind, c->who, c->suffix, name), c->want);
        ck_assert_str_eq(name, c->name ? c->name : "untouched");
        if (c->want < 0)
                return;
        ck_assert_int_eq(lookup_zone(&w.config, name, &z, &subject), 0);
        ck_assert_uint_eq(w.config.zone[z].contract.b[0], c->contract);
        ck_assert_int_eq(name_record_shape_of(subject)->kind, c->kind);
} END_TEST

START_TEST(a_record_name_has_room_or_is_refused) {
        char suffix[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];
        const char *who = "alice";

        memset(suffix, 'a', sizeof(suffix) - 1);
        for (size_t i = 50; i < sizeof(suffix) - 1; i += 50)
                suffix[i] = '.';
        for (size_t n = 240; n <= 243; n++) { /* _user.alice. and so many bytes */
                suffix[n] = 0;
                (void) snprintf(w.config.zone[0].suffix, sizeof(w.config.zone[0].suffix), "%s", suffix);
                ck_assert_int_eq(lookup_record_name(&w.config, NAME_RECORD_USER, who, suffix, name),
                                n <= 241 ? 0 : -E2BIG);
                suffix[n] = 'a';
        }
} END_TEST

/* ---- what many records cost ---- */

START_TEST(a_role_is_fetched_before_names_and_without_bytes) {
        struct budget *b = &w.runs[0]->budget;

        alice();
        set("_user.alice.ssh", RECORD_SSH, "", "");
        set("_user.alice.device", RECORD_DEVICE, "", "");
        (void) ask(ALICE);
        set("_user.alice.role", RECORD_ROLE, NULL, "1");
        contract_changes(104);
        budget_limit(b, 8000000, now_ms());
        watch_pump(&w.watch, now_ms() + 10000);
        budget_count(b, b->seen + 2000000, now_ms());
        b->kept = -8000000;
        pump();
        ck_assert_uint_eq(bits(&reply_of(ALICE)->role), 1);
} END_TEST

START_TEST(records_of_one_contract_share_its_proof) {
        alice();
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        (void) ask(ALICE);
        (void) ask("pump1.plant.fleet");
        (void) ask("_host.plant.fleet");
        heads(100, 104);
        watch_moved(&w.watch, w.runs[0]);
        w.fake.asks = 0;
        pump();
        ck_assert_uint_eq(w.fake.asks, 2); /* one contract, at finalized and at head */
        ck_assert_uint_eq(reply_of(ALICE)->answer.head_number, 104);
        ck_assert_uint_eq(reply_of("pump1.plant.fleet")->answer.head_number, 104);
} END_TEST

/* ---- the book ---- */

START_TEST(a_revoked_bit_is_on_disk_and_stays_revoked_after_a_crash) {
        alice();
        (void) ask(ALICE);
        set("_user.alice.role", RECORD_ROLE, NULL, "0x103");
        contract_changes(104);
        pump();
        watch_announce(&w.watch);
        watch_done(&w.watch);
        book_done(&w.book);
        parts();
        ck_assert_uint_eq(book_count(&w.book), 1);
        /* upstreams show an older head that has it */
        set("_user.alice.role", RECORD_ROLE, NULL, "0x10b");
        heads(100, 103);
        w.n_replies = 0;
        ck_assert_uint_eq(bits(&ask(ALICE)->role), 0x103);
} END_TEST

static struct revocations one(uint8_t mask, uint64_t at) {
        struct revocations r = { .n = 1, .r = { { .field = RECORD_ROLE, .at.number = at } } };

        r.r[0].key.b[31] = mask;
        return r;
}

START_TEST(the_book_keeps_bits_until_no_restart_can_bring_them_back) {
        struct book_key key = { .chain_id = 15, .host = "_user.alice" };
        struct revocations none = { 0 }, r = one(2, 105);
        const struct revocations *all;

        ck_assert_int_eq(book_settle(&w.book, &key, &r, 90), 0);
        r = one(6, 110); /* holds what was there: one note */
        ck_assert_int_eq(book_settle(&w.book, &key, &r, 90), 0);
        ck_assert_uint_eq(book_count(&w.book), 1);
        r = one(8, 112); /* does not */
        ck_assert_int_eq(book_settle(&w.book, &key, &r, 90), 0);
        ck_assert_uint_eq(book_count(&w.book), 2);
        r = one(14, 108); /* the bits, and not as high */
        ck_assert_int_eq(book_settle(&w.book, &key, &r, 110), 0);
        all = book_find(&w.book, &key);
        ck_assert_uint_eq(all->n, 2);
        ck_assert(all->r[0].key.b[31] == 14 && all->r[1].key.b[31] == 8 && all->r[1].at.number == 112);
        ck_assert_int_eq(book_settle(&w.book, &key, &none, 112), 0);
        ck_assert_uint_eq(book_count(&w.book), 0);
} END_TEST

START_TEST(a_revoked_bit_is_told_by_its_number) {
        struct revocations r = one(0x0a, 104);
        char text[160];

        lookup_revocation_text(&r.r[0], text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "role 1 3 revoked at block 104 0x00"));
        memset(r.r[0].key.b, 0xff, HASH32_SIZE);
        lookup_revocation_text(&r.r[0], text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "role 0 1 2 3 4 5 6 7 ... revoked at block 104 0x"));
        ck_assert_uint_eq(strlen(text), strlen("role 0 1 2 3 4 5 6 7 ... revoked at block 104 0x") + 64);
        memset(r.r[0].key.b, 0, 31);
        r.r[0].key.b[0] = 0x80;
        r.r[0].key.b[31] = 0;
        lookup_revocation_text(&r.r[0], text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "role 255 revoked"));
        r.r[0].field = RECORD_SSH;
        lookup_revocation_text(&r.r[0], text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "ssh revoked at"));
} END_TEST

/* ---- LOOKUP of a key text ---- */

static uint16_t look_up(const char *text) {
        struct keys_question q = { .run = w.runs[0], .contract.b[0] = 1 };
        size_t n = w.n_key_replies;

        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(text), &q.key), 0);
        ck_assert_int_eq(keys_ask(&w.keys, &q, 1, 5, now_ms()), 0);
        pump();
        ck_assert_uint_eq(w.n_key_replies, n + 1);
        return w.key_reply[n].result;
}

static void note(const char *subject, enum record_field f, const char *value) {
        struct book_key key = { .chain_id = 15, .contract.b[0] = 1 };
        struct revocations r = { .n = 1, .r = { { .field = f, .at.number = 105 } } };

        memcpy(key.host, subject, strlen(subject));
        if (value)
                r.r[0].key = value_of(f, value);
        ck_assert_int_eq(book_set(&w.book, &key, &r), 0);
}

START_TEST(a_look_up_knows_what_was_revoked_of_a_record) {
        alice();
        set("gw1.ssh_host", RECORD_SSH_HOST, PIN_A, PIN_A);
        ck_assert_uint_eq(look_up("_user.alice.role"), QUERY_OK);
        note("_user.alice", RECORD_ROLE, "0x30"); /* none of his */
        ck_assert_uint_eq(look_up("_user.alice.role"), QUERY_OK);
        note("_user.alice", RECORD_ROLE, "0x9"); /* two of his */
        ck_assert_uint_eq(look_up("_user.alice.role"), QUERY_ABSENT);
        ck_assert_uint_eq(look_up("_user.alice.ssh"), QUERY_OK);
        note("_user.alice", RECORD_FIELDS, NULL);
        ck_assert_uint_eq(look_up("_user.alice.ssh"), QUERY_ABSENT);

        ck_assert_uint_eq(look_up("gw1.ssh_host"), QUERY_OK);
        note("_ssh.gw1", RECORD_SSH_HOST, PIN_A);
        ck_assert_uint_eq(look_up("gw1.ssh_host"), QUERY_ABSENT);
} END_TEST

/* A key whose host is gone is gone too, of whichever record it is. */
START_TEST(a_look_up_of_a_host_that_was_revoked_is_refused) {
        set("gw1.ssh_host", RECORD_SSH_HOST, PIN_A, PIN_A);
        set("gw1.wg_key", RECORD_WG_KEY, PIN_A, PIN_A);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 103);
        note("gw1", RECORD_FIELDS, NULL);
        ck_assert_uint_eq(look_up("gw1.ssh_host"), QUERY_ABSENT);
        ck_assert_uint_eq(look_up("gw1.wg_key"), QUERY_ABSENT);
} END_TEST

/* ---- over a reboot ---- */

static struct kept kept;
static const uint8_t first_boot[16] = { 1 }, second_boot[16] = { 2 };

static void clocks_are(uint64_t floor_s) {
        w.runs[0]->clocks = (struct freshness_clocks){ .now_ms = now_ms(), .floor_s = floor_s };
        w.fake.status.time_head = floor_s;
}

static void say(enum config_role_id role, enum config_stale stale) {
        w.config.role[role].stale = stale;
        w.config.role[role].stale_max_ms = stale == STALE_SERVE ? 24 * HOUR : 0;
}

static void boots(void) {
        const struct chain_status none = { .state = CHAIN_STARTING };

        watch_done(&w.watch);
        book_done(&w.book);
        w.n_replies = 0;
        clock_ms = 20000;
        w.fake.status = w.runs[0]->status = none;
        parts();
        kept_open(&kept, w.dir_fd, second_boot, &w.watch, now_ms());
        clocks_are(FLOOR + 60);
}

/* Both are proven, and saved. */
static void begin(enum config_stale names, enum config_stale pam) {
        say(ROLE_NAMES, names);
        say(ROLE_PAM, pam);
        w.config.chain[0].chain_id = 15;
        kept_open(&kept, w.dir_fd, first_boot, &w.watch, now_ms());
        clocks_are(FLOOR);
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        alice();
        (void) ask(ALICE);
        (void) ask("pump1.plant.fleet");
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
}

static bool is_there(const char *name) {
        struct watch_reply r;

        return watch_peek(&w.watch, name, now_ms(), &r);
}

static bool on_disk(void) {
        return faccessat(w.dir_fd, KEPT_FILE, F_OK, 0) == 0 ||
               faccessat(w.dir_fd, KEPT_FILE ".1", F_OK, 0) == 0;
}

static void end(void) {
        (void) unlinkat(w.dir_fd, KEPT_FILE, 0);
        (void) unlinkat(w.dir_fd, KEPT_FILE ".1", 0);
        teardown();
}

START_TEST(a_user_is_kept_where_pam_says_serve) {
        struct watch_reply r;

        begin(STALE_DENY, STALE_SERVE);
        boots();
        ck_assert(!is_there("pump1.plant.fleet"));
        ck_assert(watch_peek(&w.watch, ALICE, now_ms(), &r));
        ck_assert_uint_eq(bits(&r.role), 0x10b);
        ck_assert(r.answer.n_pins == 1 && r.answer.has_device == 1);
        ck_assert(r.answer.fresh_ms == 0 && r.answer.pins_fresh_ms == 0);
} END_TEST

START_TEST(a_user_is_not_kept_where_names_alone_say_serve) {
        begin(STALE_SERVE, STALE_DENY);
        say(ROLE_PAM, STALE_SERVE); /* later: it was not written */
        boots();
        ck_assert(is_there("pump1.plant.fleet"));
        ck_assert(!is_there(ALICE));
} END_TEST

START_TEST(a_user_that_was_kept_is_not_read_where_pam_says_deny_now) {
        begin(STALE_SERVE, STALE_SERVE);
        say(ROLE_PAM, STALE_DENY);
        boots();
        ck_assert(is_there("pump1.plant.fleet"));
        ck_assert(!watch_find(&w.watch, ALICE));
} END_TEST

/* Not even where it says serve again before anything else is saved. */
START_TEST(a_user_is_gone_from_disk_when_pam_says_deny) {
        begin(STALE_SERVE, STALE_SERVE);
        say(ROLE_PAM, STALE_DENY);
        kept_reconfigure(&kept, &w.watch, now_ms());
        kept_save(&kept, &w.watch, KEPT_NOW_AND_THEN, now_ms());
        say(ROLE_PAM, STALE_SERVE);
        boots();
        ck_assert(is_there("pump1.plant.fleet"));
        ck_assert(!is_there(ALICE));
} END_TEST

START_TEST(nothing_is_kept_where_neither_says_serve) {
        begin(STALE_DENY, STALE_DENY);
        ck_assert(!on_disk());
        say(ROLE_PAM, STALE_SERVE);
        kept_reconfigure(&kept, &w.watch, now_ms());
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert(on_disk());
        say(ROLE_PAM, STALE_DENY);
        kept_reconfigure(&kept, &w.watch, now_ms());
        ck_assert(!on_disk());
} END_TEST

START_TEST(a_bit_that_was_revoked_is_not_kept) {
        struct watch_reply r;

        begin(STALE_DENY, STALE_SERVE);
        set("_user.alice.role", RECORD_ROLE, "0x103", "0x103");
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert(w.watch.urgent);
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms());
        boots();
        ck_assert(watch_peek(&w.watch, ALICE, now_ms(), &r));
        ck_assert_uint_eq(bits(&r.role), 0x103);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged records");
        TCase *t = tcase_create("records"), *k = tcase_create("kept");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, a_user_is_told_with_his_bits_and_keys);
        tcase_add_test(t, hosts_have_roles_and_ssh_keys_also_at_the_apex);
        tcase_add_test(t, a_gateway_is_told_with_its_keys_and_places);
        tcase_add_test(t, a_gateways_value_that_moves_to_another_field_is_news);
        tcase_add_test(t, a_gateways_age_is_judged_by_net_alone);
        tcase_add_test(t, a_bit_that_head_took_is_gone_at_once_and_alone);
        tcase_add_test(t, a_bit_that_finalized_took_is_urgent_too);
        tcase_add_test(t, a_bit_that_finalized_took_and_head_gives_is_urgent_too);
        tcase_add_test(t, a_bit_that_was_given_is_told_and_not_urgent);
        tcase_add_test(t, a_user_whose_record_is_gone_is_absent_and_revoked);
        tcase_add_test(t, a_user_with_a_value_that_is_none_has_nothing);
        tcase_add_test(t, nothing_of_it_is_published);
        tcase_add_test(t, its_age_is_judged_by_pam_alone);
        tcase_add_test(t, another_configuration_moves_its_deadlines);
        tcase_add_test(t, it_stays_without_an_uplink_where_pam_serves_it);
        tcase_add_test(t, names_that_are_no_records_are_nobodys);
        tcase_add_test(t, a_zone_of_ens_has_hosts_alone);
        tcase_add_loop_test(t, a_record_name_is_of_the_zone_that_it_was_made_for, 0, ELEMENTSOF(name_cases));
        tcase_add_test(t, a_record_name_has_room_or_is_refused);
        tcase_add_test(t, a_role_is_fetched_before_names_and_without_bytes);
        tcase_add_test(t, records_of_one_contract_share_its_proof);
        tcase_add_test(t, a_revoked_bit_is_on_disk_and_stays_revoked_after_a_crash);
        tcase_add_test(t, the_book_keeps_bits_until_no_restart_can_bring_them_back);
        tcase_add_test(t, a_revoked_bit_is_told_by_its_number);
        tcase_add_test(t, a_look_up_knows_what_was_revoked_of_a_record);
        tcase_add_test(t, a_look_up_of_a_host_that_was_revoked_is_refused);
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(k, setup, end);
        tcase_add_test(k, a_user_is_kept_where_pam_says_serve);
        tcase_add_test(k, a_user_is_not_kept_where_names_alone_say_serve);
        tcase_add_test(k, a_user_that_was_kept_is_not_read_where_pam_says_deny_now);
        tcase_add_test(k, a_user_is_gone_from_disk_when_pam_says_deny);
        tcase_add_test(k, nothing_is_kept_where_neither_says_serve);
        tcase_add_test(k, a_bit_that_was_revoked_is_not_kept);
        suite_add_tcase(s, k);
        return unit_run(s);
}
