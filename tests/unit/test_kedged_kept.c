/* agent/kedged/kept: names over a reboot without an uplink, by Stale=serve: as old as they are, never
 * fresh, and no revocation comes back. */

#include "watch_world.h"

#include "agent/kedged/floor.h"
#include "agent/kedged/kept.h"
#include "base/buf.h"

#define NAME  "pump1.plant.fleet"
#define FLOOR UINT64_C(1800000000)
#define HOUR  UINT64_C(3600000)

static struct kept kept;
static const uint8_t first_boot[16] = { 1 }, second_boot[16] = { 2 };

static void clocks_are(uint64_t floor_s) {
        w.runs[0]->clocks = (struct freshness_clocks){ .now_ms = now_ms(), .floor_s = floor_s };
        w.fake.status.time_head = floor_s;
}

static void roles_say(enum config_stale stale) {
        for (size_t i = ROLE_NAMES; i <= ROLE_TLS; i++) {
                w.config.role[i].stale = stale;
                w.config.role[i].stale_max_ms = stale == STALE_SERVE ? 24 * HOUR : 0;
        }
}

static void begin(void) {
        setup();
        w.config.chain[0].chain_id = 15;
        roles_say(STALE_SERVE);
        pump1();
        kept_open(&kept, w.dir_fd, first_boot, &w.watch, now_ms());
        clocks_are(FLOOR);
        heads(100, 103);
}

static bool on_disk(void) {
        return faccessat(w.dir_fd, KEPT_FILE, F_OK, 0) == 0 ||
               faccessat(w.dir_fd, KEPT_FILE ".1", F_OK, 0) == 0;
}

static void end(void) {
        (void) unlinkat(w.dir_fd, KEPT_FILE, 0);
        (void) unlinkat(w.dir_fd, KEPT_FILE ".1", 0);
        (void) unlinkat(w.dir_fd, KEPT_FILE ".new", AT_REMOVEDIR);
        (void) unlinkat(w.dir_fd, KEPT_FILE ".1.new", AT_REMOVEDIR);
        teardown();
}

/* Everything but the disk is new; so long after the boot, the floor says floor_s, and nobody
 * answers. */
static void boots(const uint8_t boot_id[16], uint64_t up_ms, uint64_t floor_s) {
        struct chain_status none = { .state = CHAIN_STARTING };

        watch_done(&w.watch);
        book_done(&w.book);
        w.n_replies = 0;
        clock_ms = up_ms;
        w.fake.status = none;
        w.runs[0]->status = none;
        parts();
        kept_open(&kept, w.dir_fd, boot_id, &w.watch, now_ms());
        clocks_are(floor_s);
}

static bool peek(struct watch_reply *ret) {
        return watch_peek(&w.watch, NAME, now_ms(), ret);
}

START_TEST(kept_name_is_served_stale_in_the_next_boot) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(second_boot, 20000, FLOOR + 7200);
        ck_assert(peek(&r));
        ck_assert_int_eq(r.result, QUERY_OK);
        ck_assert_uint_eq(r.answer.n_addrs, 1);
        ck_assert_uint_eq(r.answer.n_pins, 1);
        ck_assert_int_eq(r.answer.state, STATE_STARTING);
        ck_assert(r.answer.fresh_ms == 0 && r.answer.pins_fresh_ms == 0 && r.answer.proven_ms == 0);
        /* two hours old, of twenty-five */
        ck_assert_uint_eq(r.answer.deadline_ms, now_ms() + 23 * HOUR);
        /* a head, and it is like any other */
        heads(200, 203);
        clocks_are(FLOOR + 7200);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert(peek(&r));
        ck_assert_uint_gt(r.answer.fresh_ms, now_ms());
        ck_assert_uint_eq(r.answer.final_number, 200);
} END_TEST

START_TEST(kept_name_is_young_and_stale_right_after_a_boot) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(second_boot, 1000, FLOOR + 1);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.fresh_ms, 0);
} END_TEST

START_TEST(kept_name_ends_with_stale_max) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(second_boot, 20000, FLOOR + 25 * 3600 - 1);
        ck_assert(peek(&r));
        boots(second_boot, 20000, FLOOR + 25 * 3600 + 1);
        ck_assert(!peek(&r));
        boots(second_boot, 30 * HOUR, FLOOR); /* a floor that was not saved: the boot alone is longer */
        ck_assert(!peek(&r));
} END_TEST

START_TEST(kept_name_that_nobody_asks_for_stays_while_nobody_answers) {
        struct watch_reply r;

        w.config.role[ROLE_NAMES].stale_max_ms = 100 * HOUR;
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(second_boot, 20000, FLOOR + 60);
        clock_ms += 30 * HOUR;
        watch_expire(&w.watch, now_ms());
        ck_assert(peek(&r));
        clock_ms += 30 * HOUR;
        heads(200, 203); /* and now it can be asked for again */
        clocks_are(FLOOR + 60);
        w.runs[0]->status.time_head = FLOOR + 60;
        watch_expire(&w.watch, now_ms());
        ck_assert_uint_eq(w.watch.n, 0);
} END_TEST

/* Without the floor each boot would make it young again. */
START_TEST(kept_name_is_refused_where_the_floor_was_lost) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(second_boot, 20000, FLOOR - 2 * FLOOR_EVERY_S); /* power went before it was saved */
        ck_assert(peek(&r));
        boots(second_boot, 20000, FLOOR - 2 * FLOOR_EVERY_S - 1);
        ck_assert(!peek(&r));
} END_TEST

START_TEST(kept_age_goes_on_over_several_boots) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        for (unsigned i = 1; i <= 3; i++) {
                boots(i & 1 ? second_boot : first_boot, 20000, FLOOR + i * 5 * 3600);
                ck_assert(peek(&r));
                ck_assert_uint_eq(r.answer.deadline_ms, now_ms() + (25 - 5 * i) * HOUR);
                kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        }
} END_TEST

START_TEST(kept_in_the_same_boot_is_as_old_as_it_was) {
        uint64_t now = now_ms();
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now);
        boots(first_boot, now + 60000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.proven_ms, now);
        ck_assert_uint_eq(r.answer.fresh_ms, now + HOUR);
} END_TEST

/* What kedgectl roles says before a head is accepted is what the doors tell. */
START_TEST(kept_in_the_same_boot_is_fresh_to_a_role_as_it_is_at_the_door) {
        uint64_t now = now_ms();
        const struct run *run;
        struct watch_reply r;

        w.config.role[ROLE_TLS].stale = STALE_DENY;
        w.config.role[ROLE_TLS].stale_max_ms = 0;
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now);
        boots(first_boot, now + 60000, FLOOR + 60);
        run = w.runs[0];
        ck_assert(peek(&r) && r.answer.n_pins == 1);
        ck_assert_uint_eq(watch_fresh_until(&w.watch, run, ROLE_NAMES), r.answer.fresh_ms);
        ck_assert_uint_eq(watch_fresh_until(&w.watch, run, ROLE_TLS), r.answer.pins_fresh_ms);
        ck_assert_uint_gt(r.answer.pins_fresh_ms, now_ms());
        ck_assert_uint_eq(watch_fresh_until(&w.watch, run, ROLE_PAM), 0);
        ck_assert_uint_eq(watch_fresh_until(&w.watch, NULL, ROLE_TLS), 0);
        clock_ms = r.answer.pins_fresh_ms + 1;
        ck_assert(peek(&r) && r.answer.n_pins == 0);
        ck_assert_uint_lt(watch_fresh_until(&w.watch, run, ROLE_TLS), now_ms());
        boots(second_boot, 20000, FLOOR + 120);
        ck_assert(peek(&r) && r.answer.n_pins == 0);
        ck_assert_uint_eq(watch_fresh_until(&w.watch, w.runs[0], ROLE_TLS), 0);
} END_TEST

/* A name without a key is nothing that [tls] gets. */
START_TEST(kept_without_a_key_is_nothing_to_the_role_of_keys) {
        set("pump1.signature", RECORD_SIGNATURE, "", "");
        contract_changes(104);
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        boots(first_boot, now_ms() + 1000, FLOOR + 1);
        ck_assert_uint_gt(watch_fresh_until(&w.watch, w.runs[0], ROLE_NAMES), now_ms());
        ck_assert_uint_eq(watch_fresh_until(&w.watch, w.runs[0], ROLE_TLS), 0);
} END_TEST

START_TEST(kept_keys_go_by_their_own_role) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        w.config.role[ROLE_TLS].stale = STALE_DENY;
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert(r.answer.n_addrs == 1 && r.answer.n_pins == 0);
} END_TEST

START_TEST(kept_is_neither_written_nor_read_with_deny) {
        struct watch_reply r;

        roles_say(STALE_DENY);
        kept_reconfigure(&kept, &w.watch, now_ms());
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert(!on_disk());
        roles_say(STALE_SERVE);
        kept_reconfigure(&kept, &w.watch, now_ms());
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert(on_disk());
        roles_say(STALE_DENY); /* and nobody keeps it in step from now on: it goes */
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert_uint_eq(w.watch.n, 0);
        ck_assert(!on_disk());
        roles_say(STALE_SERVE);
        boots(second_boot, 30000, FLOOR + 70);
        ck_assert(!peek(&r));
} END_TEST

START_TEST(kept_is_forgotten_whichever_generation_it_is) {
        for (unsigned i = 0; i < 2; i++) {
                struct watch_reply r;

                (void) ask(NAME);
                for (unsigned k = 0; k <= i; k++)
                        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
                ck_assert(on_disk());
                ck_assert_int_eq(kept_forget(w.dir_fd), 0);
                ck_assert(!on_disk());
                boots(second_boot, 20000, FLOOR + 60);
                ck_assert(!peek(&r));
                heads(100, 103);
        }
        ck_assert_int_eq(kept_forget(w.dir_fd), 0);
} END_TEST

START_TEST(kept_is_removed_by_a_reload_to_deny) {
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert(on_disk());
        roles_say(STALE_DENY);
        kept_reconfigure(&kept, &w.watch, now_ms());
        ck_assert(!on_disk());
} END_TEST

/* Nobody stops it: the power is cut. */
START_TEST(kept_is_written_by_a_reload_to_serve) {
        struct watch_reply r;

        roles_say(STALE_DENY);
        kept_reconfigure(&kept, &w.watch, now_ms());
        (void) ask(NAME);
        ck_assert(!on_disk());
        roles_say(STALE_SERVE);
        kept_reconfigure(&kept, &w.watch, now_ms());
        ck_assert(on_disk());
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert(r.answer.n_addrs == 1 && r.answer.n_pins == 1);
} END_TEST

/* A role may have said serve until then: what is on disk may hold its records. */
START_TEST(kept_that_a_reload_cannot_replace_is_removed) {
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert(on_disk());
        ck_assert_int_eq(mkdirat(w.dir_fd, KEPT_FILE ".1.new", 0700), 0);
        kept_reconfigure(&kept, &w.watch, now_ms());
        ck_assert(!on_disk());
} END_TEST

/* The head takes the key back, and a later final block makes the book forget the note. */
static void revoke_and_settle(void) {
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, "");
        contract_changes(104);
        pump();
        ck_assert(w.watch.urgent);
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms());
        set("pump1.signature", RECORD_SIGNATURE, "", "");
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        w.runs[0]->store.fallback = 200;
        heads(200, 201);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(book_count(&w.book), 0);
}

START_TEST(kept_never_revives_a_revocation) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        revoke_and_settle();
        boots(second_boot, 20000, FLOOR + 60); /* power went before anything else was saved */
        ck_assert(peek(&r));
        ck_assert(r.answer.n_addrs == 1 && r.answer.n_pins == 0);
} END_TEST

START_TEST(kept_never_revives_a_revocation_that_only_the_book_knows) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, "");
        contract_changes(104);
        pump();
        watch_announce(&w.watch);
        boots(second_boot, 20000, FLOOR + 60); /* killed between the two */
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.n_pins, 0);
} END_TEST

/* Both blocks have moved past the change at once, as they do after an outage: what finalized has
 * taken back does not come back. */
static void key_ends_at_final(const char *next, bool with_device) {
        struct watch_reply r;

        if (with_device)
                set("pump1.device", RECORD_DEVICE, "0x00000000000000000000000000000000000000d1",
                                "0x00000000000000000000000000000000000000d1");
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        w.watch.urgent = false;
        if (with_device)
                set("pump1.device", RECORD_DEVICE, "", "");
        else
                set("pump1.signature", RECORD_SIGNATURE, next, next);
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(book_count(&w.book), 1);
        ck_assert(w.watch.urgent);
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms());
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.has_device, 0);
}

START_TEST(kept_never_revives_what_a_final_block_took_back) {
        struct watch_reply r;

        key_ends_at_final(PIN_B, false);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.n_pins, 1);
        ck_assert_uint_eq(r.answer.pin[0].b[0], 0xbb);
} END_TEST

START_TEST(kept_never_revives_a_device_that_a_final_block_took_back) {
        key_ends_at_final("", true);
} END_TEST

/* And a head lists it again: nothing is revoked, and what is on disk is as old as before. */
static void is_on_its_way_back(const char *key_text, enum record_field f) {
        w.watch.urgent = false;
        set(key_text, f, "", NULL);
        w.fake.final_root.b[0] = 77;
        w.fake.head_root.b[0] = 78;
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(book_count(&w.book), 0);
        ck_assert(w.watch.urgent);
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms());
}

START_TEST(kept_never_revives_a_key_on_its_way_back) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        is_on_its_way_back("pump1.signature", RECORD_SIGNATURE);
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.n_pins, 0);
} END_TEST

START_TEST(kept_never_revives_a_key_on_its_way_back_behind_another) {
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        set("pump1.signature", RECORD_SIGNATURE, PIN_B, NULL);
        set("pump1.signature_next", RECORD_SIGNATURE_NEXT, NULL, PIN_B);
        is_on_its_way_back("pump1.port", RECORD_PORT);
        ck_assert_uint_eq(ask(NAME)->answer.n_pins, 1);
} END_TEST

START_TEST(kept_never_revives_a_device_on_its_way_back) {
        const char *device = "0x00000000000000000000000000000000000000d1";
        struct watch_reply r;

        set("pump1.device", RECORD_DEVICE, device, device);
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        is_on_its_way_back("pump1.device", RECORD_DEVICE);
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
        ck_assert_uint_eq(r.answer.has_device, 0);
} END_TEST

START_TEST(kept_never_revives_a_record_on_its_way_back) {
        set("pump1.signature", RECORD_SIGNATURE, "", "");
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        is_on_its_way_back("pump1.server_ip", RECORD_SERVER_IP);
        ck_assert(!on_disk());
} END_TEST

START_TEST(kept_name_that_a_final_block_took_back_is_gone) {
        set("pump1.signature", RECORD_SIGNATURE, "", "");
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        w.watch.urgent = false;
        set("pump1.server_ip", RECORD_SERVER_IP, "", "");
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert(w.watch.urgent);
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms());
        ck_assert(!on_disk());
} END_TEST

START_TEST(kept_key_that_is_added_is_not_urgent) {
        (void) ask(NAME);
        w.watch.urgent = false;
        set("pump1.signature_next", RECORD_SIGNATURE_NEXT, PIN_B, PIN_B);
        w.fake.final_root.b[0] = ++w.fake.head_root.b[0];
        heads(200, 203);
        watch_moved(&w.watch, w.runs[0]);
        pump();
        ck_assert_uint_eq(entry(NAME)->reply.answer.n_pins, 2);
        ck_assert(!w.watch.urgent);
} END_TEST

START_TEST(kept_that_cannot_be_replaced_is_removed) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert_int_eq(mkdirat(w.dir_fd, KEPT_FILE ".1.new", 0700), 0);
        revoke_and_settle();
        ck_assert(!on_disk());
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(!peek(&r));
} END_TEST

START_TEST(kept_older_generation_does_not_stay) {
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert_int_ne(faccessat(w.dir_fd, KEPT_FILE, F_OK, 0), 0);
        ck_assert_int_eq(faccessat(w.dir_fd, KEPT_FILE ".1", F_OK, 0), 0);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        ck_assert_int_eq(faccessat(w.dir_fd, KEPT_FILE, F_OK, 0), 0);
        ck_assert_int_ne(faccessat(w.dir_fd, KEPT_FILE ".1", F_OK, 0), 0);
} END_TEST

START_TEST(kept_is_written_seldom) {
        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_NOW_AND_THEN, now_ms());
        kept_save(&kept, &w.watch, KEPT_REVOKED, now_ms()); /* nothing is there to hold it */
        ck_assert(!on_disk());
        clock_ms += KEPT_CHANGED_MS;
        kept_save(&kept, &w.watch, KEPT_NOW_AND_THEN, now_ms());
        ck_assert_uint_eq(kept.store.serial, 1);
        for (unsigned i = 0; i < 5; i++) {
                clock_ms += KEPT_CHANGED_MS;
                clocks_are(FLOOR);
                kept_save(&kept, &w.watch, KEPT_NOW_AND_THEN, now_ms());
        }
        ck_assert_uint_eq(kept.store.serial, 1); /* the same values */
        clock_ms += KEPT_AGED_MS;
        kept_save(&kept, &w.watch, KEPT_NOW_AND_THEN, now_ms());
        ck_assert_uint_eq(kept.store.serial, 2);
} END_TEST

START_TEST(kept_name_that_means_something_else_now_is_left) {
        struct watch_reply r;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        w.config.zone[0].slot++;
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(!peek(&r));
        w.config.zone[0].slot--;
        w.config.zone[0].contract.b[5]++;
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(!peek(&r));
        w.config.zone[0].contract.b[5]--;
        w.config.chain[0].chain_id++;
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(!peek(&r));
        w.config.chain[0].chain_id--;
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(peek(&r));
} END_TEST

START_TEST(kept_damaged_is_removed_and_nothing_fails) {
        struct watch_reply r;
        int fd;

        (void) ask(NAME);
        kept_save(&kept, &w.watch, KEPT_AT_END, now_ms());
        fd = openat(w.dir_fd, KEPT_FILE, O_WRONLY | O_CLOEXEC);
        ck_assert_int_eq(pwrite(fd, "X", 1, 60), 1);
        close(fd);
        boots(second_boot, 20000, FLOOR + 60);
        ck_assert(!peek(&r));
        ck_assert(!on_disk());
} END_TEST

static void count(void *userdata, const struct kept_record *r _unused_) {
        ++*(size_t *) userdata;
}

/* A record of "a.b" without a value, then its times. */
static size_t payload(uint8_t p[512], uint64_t n, const char *name, uint8_t kind, uint8_t tag) {
        const struct name_record_shape *shape = name_record_shape_of_name(VIEW_TEXT(name));
        struct buf b = { .p = p, .cap = 512 };
        static const uint8_t zero[104];

        buf_put(&b, first_boot, 16);
        buf_put_be(&b, n, 4);
        buf_put(&b, zero, 16);
        buf_put_u8(&b, kind);
        buf_put(&b, zero, ADDRESS_SIZE);
        buf_put_u8(&b, (uint8_t) strlen(name));
        buf_put(&b, name, strlen(name));
        buf_put_u8(&b, tag);
        buf_put(&b, zero, tag ? HASH32_SIZE : 0);
        buf_put(&b, zero, shape ? shape->n - 1 : LOOKUP_FIELDS - 1);
        buf_put(&b, zero, sizeof(zero));
        return b.n;
}

START_TEST(kept_parse_takes_its_own_bytes_alone) {
        uint8_t p[513] = { 0 };
        size_t seen = 0, n = payload(p, 1, "a.b", 0, 0);

        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), 0);
        ck_assert_uint_eq(seen, 1);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(kept_parse(VIEW(p, i), first_boot, count, &seen), -EBADMSG);
        ck_assert_uint_eq(seen, 1);
        ck_assert_int_eq(kept_parse(VIEW(p, n + 1), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 2, "a.b", 0, 0);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, KEPT_RECORDS_MAX + 1, "a.b", 0, 0);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -E2BIG);
        n = payload(p, 1, "A.b", 0, 0); /* not as we write it */
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 1, "", 0, 0);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 1, "_user.alice.b", 0, 0); /* six fields */
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), 0);
        n = payload(p, 1, "_host.b", 0, 0); /* two */
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), 0);
        n = payload(p, 1, "_other.b", 0, 0); /* how many of that, nobody knows */
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 1, "a.b", 2, 0);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 1, "a.b", 0, 3);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), -EBADMSG);
        n = payload(p, 1, "a.b", 0, 1);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), 0);
        n = payload(p, 1, "a.b", 1, 0);
        ck_assert_int_eq(kept_parse(VIEW(p, n), first_boot, count, &seen), 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged kept");
        TCase *t = tcase_create("kept");

        tcase_add_checked_fixture(t, begin, end);
        tcase_add_test(t, kept_name_is_served_stale_in_the_next_boot);
        tcase_add_test(t, kept_name_is_young_and_stale_right_after_a_boot);
        tcase_add_test(t, kept_name_ends_with_stale_max);
        tcase_add_test(t, kept_name_that_nobody_asks_for_stays_while_nobody_answers);
        tcase_add_test(t, kept_name_is_refused_where_the_floor_was_lost);
        tcase_add_test(t, kept_age_goes_on_over_several_boots);
        tcase_add_test(t, kept_in_the_same_boot_is_as_old_as_it_was);
        tcase_add_test(t, kept_in_the_same_boot_is_fresh_to_a_role_as_it_is_at_the_door);
        tcase_add_test(t, kept_without_a_key_is_nothing_to_the_role_of_keys);
        tcase_add_test(t, kept_keys_go_by_their_own_role);
        tcase_add_test(t, kept_is_neither_written_nor_read_with_deny);
        tcase_add_test(t, kept_is_forgotten_whichever_generation_it_is);
        tcase_add_test(t, kept_is_removed_by_a_reload_to_deny);
        tcase_add_test(t, kept_is_written_by_a_reload_to_serve);
        tcase_add_test(t, kept_that_a_reload_cannot_replace_is_removed);
        tcase_add_test(t, kept_never_revives_a_revocation);
        tcase_add_test(t, kept_never_revives_a_revocation_that_only_the_book_knows);
        tcase_add_test(t, kept_never_revives_what_a_final_block_took_back);
        tcase_add_test(t, kept_never_revives_a_device_that_a_final_block_took_back);
        tcase_add_test(t, kept_never_revives_a_key_on_its_way_back);
        tcase_add_test(t, kept_never_revives_a_key_on_its_way_back_behind_another);
        tcase_add_test(t, kept_never_revives_a_device_on_its_way_back);
        tcase_add_test(t, kept_never_revives_a_record_on_its_way_back);
        tcase_add_test(t, kept_name_that_a_final_block_took_back_is_gone);
        tcase_add_test(t, kept_key_that_is_added_is_not_urgent);
        tcase_add_test(t, kept_that_cannot_be_replaced_is_removed);
        tcase_add_test(t, kept_older_generation_does_not_stay);
        tcase_add_test(t, kept_is_written_seldom);
        tcase_add_test(t, kept_name_that_means_something_else_now_is_left);
        tcase_add_test(t, kept_damaged_is_removed_and_nothing_fails);
        tcase_add_test(t, kept_parse_takes_its_own_bytes_alone);
        suite_add_tcase(s, t);
        return unit_run(s);
}
