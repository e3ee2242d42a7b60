/* kedged/members: a list is taken whole or not at all, of one storage root; who head lists no
 * longer is revoked. */

#include "watch_world.h"

#include <stdarg.h>

#include "agent/kedged/members.h"
#include "agent/kedged/news.h"
#include "agent/kedged/wg_record.h"

#define INDEX   65536
#define ENTRIES (MEMBERS_MAX + 32)

/* A list as a side of the chain holds it. */
struct held {
        uint8_t root;
        struct hash32 count;
        size_t n;
        struct hash32 *entry; /* ENTRIES */
};

static struct lists {
        struct held side[2];             /* finalized, head */
        struct hash32 count_slot, *slot; /* of _members and _member.N */
        uint16_t *at;                    /* by the first bytes of a slot: its N + 1 */
        unsigned asks, unchanged, slots;
        unsigned change_in;       /* at so many questions more at head its list becomes next */
        unsigned fail_in, fail_n; /* at so many questions more they fail, so many times */
        struct held next;
        struct chain_answer answer;
} l;

static struct members *m;
static size_t n_changes;

static struct hash32 text_value(const char *text) {
        struct hash32 v = { 0 };

        memcpy(v.b, text, strlen(text));
        return v;
}

static struct hash32 number_value(uint64_t x) {
        struct hash32 v = { 0 };

        for (size_t i = 0; i < 8; i++)
                v.b[31 - i] = (uint8_t) (x >> 8 * i);
        return v;
}

static void hold(struct held *h, uint8_t root, size_t n, ...) {
        va_list names;

        va_start(names, n);
        h->root = root;
        h->n = n;
        h->count = number_value(n);
        memset(h->entry, 0, ENTRIES * sizeof(*h->entry));
        for (size_t i = 0; i < n; i++)
                h->entry[i] = text_value(va_arg(names, const char *));
        va_end(names);
}

#define HOLD(at, root, ...)                                                                        \
        hold(&l.side[at], root, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),          \
                        __VA_ARGS__)

static void copy_held(struct held *to, const struct held *from) {
        to->root = from->root;
        to->count = from->count;
        to->n = from->n;
        memcpy(to->entry, from->entry, ENTRIES * sizeof(*to->entry));
}

static struct hash32 value_at(const struct held *h, const struct hash32 *slot) {
        size_t i = (size_t) slot->b[0] << 8 | slot->b[1];

        if (hash32_eq(slot, &l.count_slot))
                return h->count;
        for (; l.at[i] != 0; i = (i + 1) % INDEX)
                if (hash32_eq(&l.slot[l.at[i] - 1], slot))
                        return h->entry[l.at[i] - 1];
        return (struct hash32){ 0 };
}

static void answer(const struct chain_ask *ask, struct chain_answer *a) {
        bool head = ask->at == CHAIN_AT_HEAD;
        const struct held *h = &l.side[head];
        struct hash32 root = { { h->root } };

        l.asks++;
        if (head && l.change_in > 0 && --l.change_in == 0)
                copy_held(&l.side[1], &l.next);
        root.b[0] = h->root;
        *a = (struct chain_answer){ .id = ask->id,
                .at = ask->at,
                .verdict = CHAIN_PROVEN,
                .storage_root = root,
                .n_values = ask->n_slots };
        a->block = head ? w.fake.status.head : w.fake.status.finalized;
        if (l.fail_in > 0 && --l.fail_in == 0 && l.fail_n > 0) {
                l.fail_n--;
                l.fail_in = 1;
                a->verdict = CHAIN_UNPROVEN;
                strcpy(a->why, "nobody answers");
        } else if (ask->has_known_root && hash32_eq(&ask->known_root, &root)) {
                a->verdict = CHAIN_UNCHANGED;
                a->n_values = 0;
                l.unchanged++;
        } else {
                l.slots += (unsigned) ask->n_slots;
                for (size_t i = 0; i < ask->n_slots; i++)
                        a->values[i] = value_at(h, &ask->slots[i]);
        }
}

static int lists_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        if (in->event != CHAIN_EV_ASK || w.fake.silent)
                return fake_step(c, in, out);
        answer(in->ask, &l.answer);
        out->action[out->n++] =
                        (struct chain_action){ .kind = CHAIN_DO_ANSWER, .answer = &l.answer };
        return 0;
}

static const struct chain_ops lists_ops = {
        .step = lists_step, .status = fake_status, .memory = fake_memory, .free = fake_free
};

static void index_slots(void) {
        for (size_t k = 0; k < ENTRIES; k++) {
                char text[32];
                struct hash32 key;
                size_t i;

                (void) snprintf(text, sizeof(text), "_member.%zu", k);
                ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(text), &key), 0);
                slot_of_mapping(&key, w.config.zone[0].slot, &l.slot[k]);
                i = (size_t) l.slot[k].b[0] << 8 | l.slot[k].b[1];
                while (l.at[i] != 0)
                        i = (i + 1) % INDEX;
                l.at[i] = (uint16_t) (k + 1);
        }
}

static void on_changed(void *userdata _unused_, struct members *which) {
        ck_assert(which == m);
        n_changes++;
}

static void lists_setup(void) {
        struct hash32 key;

        setup();
        w.fake.chain.ops = &lists_ops;
        memset(&l, 0, sizeof(l));
        l.slot = calloc(ENTRIES, sizeof(*l.slot));
        l.at = calloc(INDEX, sizeof(*l.at));
        l.side[0].entry = calloc(ENTRIES, sizeof(struct hash32));
        l.side[1].entry = calloc(ENTRIES, sizeof(struct hash32));
        l.next.entry = calloc(ENTRIES, sizeof(struct hash32));
        ck_assert(l.slot && l.at && l.side[0].entry && l.side[1].entry && l.next.entry);
        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT("_members"), &key), 0);
        slot_of_mapping(&key, w.config.zone[0].slot, &l.count_slot);
        index_slots();
        n_changes = 0;
        ck_assert_int_eq(members_new(w.runs[0], &w.config.zone[0], &w.proofs, &w.watch, on_changed,
                                         NULL, &m),
                        0);
}

static void lists_teardown(void) {
        m = members_free(m);
        teardown();
        free(l.slot);
        free(l.at);
        free(l.side[0].entry);
        free(l.side[1].entry);
        free(l.next.entry);
}

static void run_on(void) {
        for (int i = 0; i < 400; i++) {
                members_pump(m, now_ms());
                proofs_pump(&w.proofs, now_ms());
        }
}

/* The chain moves on to these blocks. */
static void move(uint64_t final, uint64_t head) {
        heads(final, head);
        clock_ms += 100;
        members_moved(m);
        run_on();
}

static const char *why(void) {
        const struct member *list;
        struct block_ref f, h;
        const char *text;
        uint64_t ms;
        size_t n;

        (void) !members_list(m, &list, &n, &f, &h, &ms, &text);
        return text;
}

/* "a b- -c": a listed at both, b at finalized alone, c at head alone. */
static const char *told(void) {
        static char text[1000];
        const struct member *list;
        struct block_ref f, h;
        const char *reason;
        size_t n, at = 0;
        uint64_t ms;

        if (!members_list(m, &list, &n, &f, &h, &ms, &reason))
                return "nothing";
        text[0] = 0;
        for (size_t i = 0; i < n; i++)
                at += (size_t) snprintf(text + at, sizeof(text) - at, "%s%s%s%s", i > 0 ? " " : "",
                                list[i].final ? "" : "-", list[i].label, list[i].head ? "" : "-");
        return text;
}

START_TEST(a_list_is_sorted_and_told_once) {
        HOLD(0, 1, "gw2", "gw1", "pump-1.a");
        HOLD(1, 1, "gw2", "gw1", "pump-1.a");
        ck_assert_str_eq(told(), "nothing");
        ck_assert_str_eq(why(), "the list of members is not proven yet");
        move(100, 110);
        ck_assert_str_eq(told(), "gw1 gw2 pump-1.a");
        ck_assert_str_eq(why(), "");
        ck_assert_uint_eq(n_changes, 1);
        ck_assert(members_find(m, "gw2") && members_find(m, "gw2")->head);
        ck_assert_ptr_null(members_find(m, "gw"));
        ck_assert_ptr_null(members_find(m, "gw3"));
}
END_TEST

START_TEST(an_unchanged_contract_costs_one_small_proof) {
        struct block_ref final, head;
        const struct member *list;
        const char *reason;
        unsigned asks, slots;
        uint64_t ms;
        size_t n;

        HOLD(0, 1, "gw1");
        HOLD(1, 1, "gw1");
        move(100, 110);
        asks = l.asks;
        slots = l.slots;
        move(100, 111);
        ck_assert_uint_eq(l.asks, asks + 1); /* of head alone */
        ck_assert_uint_eq(l.slots, slots);
        move(101, 112);
        ck_assert_uint_eq(l.asks, asks + 3);
        ck_assert_uint_eq(l.slots, slots);
        ck_assert_uint_eq(n_changes, 1);
        ck_assert(members_list(m, &list, &n, &final, &head, &ms, &reason));
        ck_assert_uint_eq(final.number, 101);
        ck_assert_uint_eq(head.number, 112);
        ck_assert_uint_eq(ms, w.fake.status.head_moved_ms);
        run_on();
        ck_assert_uint_eq(l.asks, asks + 3);
}
END_TEST

START_TEST(who_comes_is_listed_at_head_then_final) {
        HOLD(0, 1, "gw1");
        HOLD(1, 1, "gw1");
        move(100, 110);
        HOLD(1, 2, "gw1", "gw2");
        move(100, 111);
        ck_assert_str_eq(told(), "gw1 -gw2");
        HOLD(0, 2, "gw1", "gw2");
        l.slots = 0;
        move(111, 112);
        ck_assert_str_eq(told(), "gw1 gw2");
        ck_assert_uint_eq(l.slots, 0); /* what head had is what finalized has */
        ck_assert_uint_eq(n_changes, 3);
}
END_TEST

/* Head's former list has become finalized's in the moment in which head has another. */
START_TEST(what_was_heads_list_is_finalizeds_without_a_scan) {
        HOLD(0, 1, "gw1");
        HOLD(1, 2, "gw1", "gw2");
        move(100, 110);
        ck_assert_str_eq(told(), "gw1 -gw2");
        HOLD(0, 2, "gw1", "gw2");
        HOLD(1, 3, "gw1", "gw2", "gw3");
        l.slots = 0;
        move(110, 120);
        ck_assert_str_eq(told(), "gw1 gw2 -gw3");
        ck_assert_uint_eq(l.slots, 1 + 3); /* head's count and entries */
}
END_TEST

START_TEST(an_empty_list_is_one) {
        hold(&l.side[0], 1, 0);
        hold(&l.side[1], 1, 0);
        move(100, 110);
        ck_assert_str_eq(told(), "");
        HOLD(1, 2, "gw1");
        move(100, 111);
        ck_assert_str_eq(told(), "-gw1");
        hold(&l.side[1], 3, 0);
        move(100, 112);
        ck_assert_str_eq(told(), "");
        ck_assert_uint_eq(n_changes, 3);
}
END_TEST

static void fill(struct held *h, uint8_t root, size_t n) {
        hold(h, root, 0);
        h->n = n;
        h->count = number_value(n);
        for (size_t i = 0; i < n && i < ENTRIES; i++) {
                char text[32];

                (void) snprintf(text, sizeof(text), "host%zu", i);
                h->entry[i] = text_value(text);
        }
}

START_TEST(as_many_as_there_may_be) {
        const struct member *list;
        struct block_ref f, h;
        const char *text;
        uint64_t ms;
        size_t n;

        fill(&l.side[0], 1, MEMBERS_MAX);
        fill(&l.side[1], 1, MEMBERS_MAX);
        move(100, 110);
        ck_assert(members_list(m, &list, &n, &f, &h, &ms, &text));
        ck_assert_uint_eq(n, MEMBERS_MAX);
        for (size_t i = 1; i < n; i++)
                ck_assert(strcmp(list[i - 1].label, list[i].label) < 0);
        ck_assert_uint_eq(l.slots, MEMBERS_MAX + 2); /* the count at both, and the entries once */
        fill(&l.side[1], 2, MEMBERS_MAX + 1);
        move(100, 111);
        ck_assert_str_eq(why(), "_members at block 111 is over 16384: the list before it stands");
        ck_assert(members_list(m, &list, &n, &f, &h, &ms, &text));
        ck_assert_uint_eq(n, MEMBERS_MAX);
        ck_assert_uint_eq(h.number, 110);
}
END_TEST

/* Each wrong in one way. */
static const struct bad_case {
        const char *name, *third;
        uint8_t byte31; /* of the third entry */
        uint8_t count0; /* the count's highest byte */
        const char *why;
} bad_cases[] = {
        { "a hole", "", 0, 0, "_member.2 at block 111 is empty: the list before it stands" },
        { "twice", "gw1", 0, 0,
                        "gw1 is twice in the list of members at block 111: the list before it "
                        "stands" },
        { "capitals", "GW3", 0, 0,
                        "_member.2 at block 111 is no host name: the list before it stands" },
        { "a label of ours", "_wg", 0, 0,
                        "_member.2 at block 111 is no host name: the list before it stands" },
        { "an empty label", "gw3..a", 0, 0,
                        "_member.2 at block 111 is no host name: the list before it stands" },
        { "bytes behind", "gw3", 'x', 0,
                        "_member.2 at block 111 holds bytes behind its end: the list before it "
                        "stands" },
        { "over all bounds", "gw3", 0, 1,
                        "_members at block 111 is over 16384: the list before it stands" },
};

START_TEST(the_last_good_list_stands) {
        const struct bad_case *c = &bad_cases[_i];
        unsigned slots;

        HOLD(0, 1, "gw1", "gw2");
        HOLD(1, 1, "gw1", "gw2");
        move(100, 110);
        HOLD(1, 2, "gw1", "gw2", c->third);
        if (c->byte31)
                l.side[1].entry[2].b[31] = c->byte31;
        l.side[1].count.b[0] = c->count0;
        move(100, 111);
        ck_assert_str_eq(told(), "gw1 gw2");
        ck_assert_str_eq(why(), c->why);
        ck_assert_uint_eq(n_changes, 1);
        slots = l.slots;
        move(100, 112); /* it is not proven again while it is the same */
        ck_assert_uint_le(l.slots, slots + 1);
        ck_assert_str_eq(told(), "gw1 gw2");
        HOLD(1, 3, "gw1", "gw2", "gw3");
        move(100, 113);
        ck_assert_str_eq(told(), "gw1 gw2 -gw3");
        ck_assert_str_eq(why(), "");
}
END_TEST

START_TEST(a_first_list_that_is_none_is_nothing) {
        HOLD(0, 1, "gw1", "gw1");
        HOLD(1, 1, "gw1", "gw1");
        move(100, 110);
        ck_assert_str_eq(told(), "nothing");
        ck_assert_ptr_null(members_find(m, "gw1"));
        ck_assert_uint_eq(n_changes, 0);
        HOLD(1, 2, "gw1");
        move(100, 111);
        ck_assert_str_eq(told(), "nothing"); /* of finalized nothing good is known */
        HOLD(0, 2, "gw1");
        move(111, 111);
        ck_assert_str_eq(told(), "gw1");
}
END_TEST

START_TEST(a_name_of_32_bytes_needs_no_end) {
        HOLD(0, 1, "abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz01234");
        HOLD(1, 1, "abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz01234");
        move(100, 110);
        ck_assert_str_eq(
                        told(), "abcdefghijklmnopqrstuvwxyz01234 abcdefghijklmnopqrstuvwxyz012345");
}
END_TEST

/* The last of the list takes the place of one that goes: a mixture would lack it. */
START_TEST(a_list_that_changes_meanwhile_is_of_one_root) {
        fill(&l.side[0], 1, 40);
        fill(&l.side[1], 1, 40);
        move(100, 110);
        ck_assert_uint_eq(n_changes, 1);
        fill(&l.side[1], 2, 40);
        fill(&l.next, 3, 39);
        l.next.entry[3] = l.side[1].entry[39];
        l.change_in = 4; /* after the look and some pages */
        move(100, 111);
        ck_assert_uint_eq(n_changes, 2);
        ck_assert(members_find(m, "host39") && members_find(m, "host39")->head);
        ck_assert(members_find(m, "host3") && !members_find(m, "host3")->head);
        for (size_t i = 0; i < 40; i++) {
                char text[32];

                (void) snprintf(text, sizeof(text), "host%zu", i);
                ck_assert(i == 3 || members_find(m, text)->head);
        }
}
END_TEST

START_TEST(a_proof_that_fails_is_tried_again) {
        fill(&l.side[0], 1, 100);
        fill(&l.side[1], 1, 100);
        l.fail_in = 4;
        l.fail_n = 3;
        move(100, 110);
        ck_assert_str_eq(told(), "nothing");
        for (int i = 0; i < 3; i++) {
                clock_ms += MEMBERS_RETRY_MS;
                run_on();
        }
        ck_assert_ptr_nonnull(members_find(m, "host99"));
}
END_TEST

START_TEST(proofs_that_fail_for_long_are_told) {
        fill(&l.side[0], 1, 100);
        fill(&l.side[1], 1, 100);
        l.fail_in = 1;
        l.fail_n = 1;
        move(100, 110);
        ck_assert_str_eq(why(), "nobody answers");
        l.fail_in = 3;
        l.fail_n = 1000;
        for (int i = 0; i < 2 * MEMBERS_TRIES; i++) {
                clock_ms += MEMBERS_RETRY_MS;
                run_on();
        }
        ck_assert_str_eq(told(), "nothing");
        ck_assert_str_eq(why(), "nobody answers");
        l.fail_n = 0;
        clock_ms += MEMBERS_RETRY_MS;
        run_on();
        clock_ms += MEMBERS_RETRY_MS;
        run_on();
        ck_assert_ptr_nonnull(members_find(m, "host99"));
        ck_assert_str_eq(why(), "");
}
END_TEST

static const struct revocations *in_book(const char *host) {
        struct book_key key = { .chain_id = 15, .contract = w.config.zone[0].contract };

        (void) snprintf(key.host, sizeof(key.host), "%s", host);
        return book_find(&w.book, &key);
}

START_TEST(who_head_does_not_list_is_revoked_for_good) {
        HOLD(0, 1, "gw1", "gw2");
        HOLD(1, 1, "gw1", "gw2");
        move(100, 110);
        ck_assert_uint_eq(book_count(&w.book), 0);
        HOLD(1, 2, "gw1");
        move(100, 111);
        ck_assert_str_eq(told(), "gw1 gw2-");
        ck_assert_uint_eq(book_count(&w.book), 1);
        ck_assert(in_book("_wg.gw2") && in_book("_wg.gw2")->r[0].field == RECORD_FIELDS);
        ck_assert_uint_eq(in_book("_wg.gw2")->r[0].at.number, 111);
        ck_assert(!w.book.dirty && w.watch.urgent);
        move(100, 112); /* it still does not */
        ck_assert_uint_eq(in_book("_wg.gw2")->r[0].at.number, 112);
        HOLD(1, 1, "gw1", "gw2"); /* an upstream shows the older head */
        move(100, 112);
        ck_assert_str_eq(told(), "gw1 gw2");
        ck_assert_uint_eq(in_book("_wg.gw2")->r[0].at.number, 112);
        ck_assert_uint_eq(book_count(&w.book), 1);
}
END_TEST

/* Between two looks the list without it has become final. */
START_TEST(who_is_gone_from_both_lists_at_once_is_revoked) {
        HOLD(0, 1, "gw1", "gw2", "gw3");
        HOLD(1, 1, "gw1", "gw2", "gw3");
        move(100, 110);
        HOLD(0, 2, "gw1", "gw3");
        HOLD(1, 2, "gw1", "gw3");
        move(112, 113);
        ck_assert_str_eq(told(), "gw1 gw3");
        ck_assert(in_book("_wg.gw2") && in_book("_wg.gw2")->r[0].field == RECORD_FIELDS);
        ck_assert_uint_eq(in_book("_wg.gw2")->r[0].at.number, 113);
        ck_assert_uint_eq(book_count(&w.book), 1);
        HOLD(0, 3, "gw1"); /* the head's list is no other */
        HOLD(1, 3, "gw1");
        move(114, 114);
        ck_assert(in_book("_wg.gw3"));
}
END_TEST

static void count_revoked(void *userdata, const struct news *news) {
        *(size_t *) userdata += news->kind == NEWS_REVOKED;
}

/* The book keeps the first note for a restart: it is none of the second time. */
START_TEST(who_was_listed_again_is_revoked_again) {
        struct news_desk desk = { 0 };
        size_t n = 0;

        ck_assert_int_eq(news_listen(&desk, count_revoked, &n), 0);
        w.watch.news = &desk;
        HOLD(0, 1, "gw1", "gw2");
        HOLD(1, 1, "gw1", "gw2");
        move(100, 110);
        HOLD(1, 2, "gw1");
        move(100, 111);
        HOLD(0, 3, "gw1", "gw2");
        HOLD(1, 3, "gw1", "gw2");
        move(120, 121);
        ck_assert_uint_eq(n, 1);
        HOLD(1, 4, "gw1");
        move(120, 122);
        ck_assert_uint_eq(in_book("_wg.gw2")->r[0].at.number, 122);
        ck_assert_uint_eq(n, 2);
        w.watch.news = NULL;
}
END_TEST

START_TEST(who_is_in_neither_list_is_not_noted) {
        HOLD(0, 1, "gw1");
        HOLD(1, 2, "gw1", "gw2");
        move(100, 110);
        HOLD(1, 3, "gw1");
        move(100, 111);
        ck_assert_str_eq(told(), "gw1");
        ck_assert_uint_eq(book_count(&w.book), 0);
}
END_TEST

START_TEST(a_watched_record_of_it_is_judged_at_once) {
        const struct watch_entry *e;
        struct lookup_values v = {
                .final_at = { .number = 100 }, .head_at = { .number = 110 }, .proven_ms = clock_ms
        };

        v.head_at.hash.b[0] = 110;
        v.final_at.hash.b[0] = 100;
        v.final[5].b[0] = v.head[5].b[0] = 9; /* wg_key */
        ck_assert_int_eq(watch_restore(&w.watch, "_wg.gw2.plant.fleet", &v, now_ms()), 0);
        e = watch_find(&w.watch, "_wg.gw2.plant.fleet");
        ck_assert_int_eq(e->reply.result, QUERY_OK);
        HOLD(0, 1, "gw1", "gw2");
        HOLD(1, 2, "gw1");
        move(100, 111);
        ck_assert_int_eq(e->reply.result, QUERY_ABSENT);
        ck_assert_int_eq(e->reply.record_why, SERVED_REVOKED_EARLIER);
        ck_assert(!e->untold);
}
END_TEST

/* A book that is large is not written for each of many revocations. */
START_TEST(a_large_book_is_written_now_and_then) {
        const struct block_ref at = { .number = 111 };
        char name[64];

        heads(100, 111);
        w.watch.save_ms = now_ms() + 1000;
        for (int i = 0; i < 5000; i++) {
                (void) snprintf(name, sizeof(name), "_wg.host%d.plant.fleet", i);
                watch_revoke(&w.watch, name, &at);
                watch_announce(&w.watch);
                ck_assert(i >= WATCH_SAVE_FROM - 1 || !w.book.dirty);
        }
        ck_assert(w.book.dirty);
        ck_assert_uint_eq(w.book.n, 5000);
        watch_pump(&w.watch, now_ms());
        ck_assert(w.book.dirty);
        clock_ms += 1000;
        watch_pump(&w.watch, now_ms());
        ck_assert(!w.book.dirty);
        book_done(&w.book);
        ck_assert_int_eq(book_open(&w.book, w.dir_fd), 0);
        ck_assert_uint_eq(w.book.n, 5000);
} END_TEST

/* Nothing of it comes back with an older head, and finalized decides. */
START_TEST(what_the_book_has_no_room_for_is_not_served) {
        struct lookup_values v = { .final_at = { .number = 100 }, .head_at = { .number = 110 },
                                   .proven_ms = clock_ms };
        const struct revocations *none = NULL;
        struct revocations full = { .n = SERVED_REVOCATIONS_MAX };
        struct net_member told_of = { 0 };
        struct watch_entry *e;
        struct book_key key = { 0 };

        v.head_at.hash.b[0] = 110;
        v.final[5].b[0] = v.head[5].b[0] = 9; /* wg_key */
        ck_assert_int_eq(watch_restore(&w.watch, "_wg.gw2.plant.fleet", &v, now_ms()), 0);
        e = watch_find_entry(&w.watch, "_wg.gw2.plant.fleet");
        for (size_t i = 0; i < full.n; i++)
                full.r[i] = (struct revocation){ .field = RECORD_WG_KEY, .at.number = 1000,
                                                 .key.b[0] = (uint8_t) i };
        while (book_set(&w.book, &key, &full) == 0)
                key.slot++;
        full.n = 1;
        while (book_set(&w.book, &key, &full) == 0)
                key.slot++;
        memset(e->values.head, 0, sizeof(e->values.head));
        watch_apply(&w.watch, e);
        ck_assert_int_eq(e->reply.result, QUERY_UNPROVEN);
        e->values = v; /* an older head, at which it is there */
        watch_apply(&w.watch, e);
        ck_assert_int_eq(e->reply.result, QUERY_UNPROVEN);
        wg_record_read(e, none, &told_of);
        ck_assert_int_eq(told_of.known, NET_REVOKED);
        e->values.final_at.number = 111;
        e->values.head_at.number = 112;
        watch_apply(&w.watch, e);
        ck_assert_int_eq(e->reply.result, QUERY_OK);
        wg_record_read(e, none, &told_of);
        ck_assert_int_eq(told_of.known, NET_GRANTED);
} END_TEST

START_TEST(what_nobody_wants_any_more_ends_quietly) {
        HOLD(0, 1, "gw1");
        HOLD(1, 1, "gw1");
        heads(100, 110);
        w.fake.silent = true;
        members_pump(m, now_ms());
        proofs_pump(&w.proofs, now_ms());
        m = members_free(m);
        clock_ms += PROOF_DEADLINE_MS + 1;
        proofs_pump(&w.proofs, now_ms());
        ck_assert_uint_eq(n_changes, 0);
        ck_assert_uint_eq(w.proofs.n, 0);
}
END_TEST

START_TEST(a_budget_that_is_spent_waits_but_for_the_first) {
        HOLD(0, 1, "gw1");
        HOLD(1, 1, "gw1");
        budget_init(&w.runs[0]->budget, "diode", BUDGET_MIN, now_ms());
        budget_count(&w.runs[0]->budget, BUDGET_MAX, now_ms());
        budget_charge(&w.runs[0]->budget, BUDGET_MAX);
        move(100, 110);
        ck_assert_str_eq(told(), "gw1");
        HOLD(1, 2, "gw1", "gw2");
        move(100, 111);
        ck_assert_str_eq(told(), "gw1");
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged_members");
        TCase *t = tcase_create("kedged_members");

        tcase_add_checked_fixture(t, lists_setup, lists_teardown);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, a_list_is_sorted_and_told_once);
        tcase_add_test(t, an_unchanged_contract_costs_one_small_proof);
        tcase_add_test(t, who_comes_is_listed_at_head_then_final);
        tcase_add_test(t, what_was_heads_list_is_finalizeds_without_a_scan);
        tcase_add_test(t, an_empty_list_is_one);
        tcase_add_test(t, as_many_as_there_may_be);
        tcase_add_loop_test(t, the_last_good_list_stands, 0, ELEMENTSOF(bad_cases));
        tcase_add_test(t, a_first_list_that_is_none_is_nothing);
        tcase_add_test(t, a_name_of_32_bytes_needs_no_end);
        tcase_add_test(t, a_list_that_changes_meanwhile_is_of_one_root);
        tcase_add_test(t, a_proof_that_fails_is_tried_again);
        tcase_add_test(t, proofs_that_fail_for_long_are_told);
        tcase_add_test(t, who_head_does_not_list_is_revoked_for_good);
        tcase_add_test(t, who_is_gone_from_both_lists_at_once_is_revoked);
        tcase_add_test(t, who_was_listed_again_is_revoked_again);
        tcase_add_test(t, who_is_in_neither_list_is_not_noted);
        tcase_add_test(t, a_watched_record_of_it_is_judged_at_once);
        tcase_add_test(t, a_large_book_is_written_now_and_then);
        tcase_add_test(t, what_the_book_has_no_room_for_is_not_served);
        tcase_add_test(t, what_nobody_wants_any_more_ends_quietly);
        tcase_add_test(t, a_budget_that_is_spent_waits_but_for_the_first);
        suite_add_tcase(s, t);
        return unit_run(s);
}
