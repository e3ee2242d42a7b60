/* kedged/wg_record: which key is a peer's, and when it is none any more. */

#include "unit.h"

#include <stdio.h>

#include "agent/kedged/wg_record.h"

#define FINAL 100
#define HEAD  110

/* Values of wg_key and wg_key_next, at finalized and at head, by number; 0: absent. */
static const struct key_case {
        const char *name;
        uint8_t final, final_next, head, head_next;
        uint8_t revoked; /* by an earlier head, at 120; 255: the record */
        enum net_known want;
        uint8_t key, other;
        uint64_t block;
        const char *why;
} key_cases[] = {
        { "one key", 1, 0, 1, 0, 0, NET_GRANTED, 1, 0, FINAL, "" },
        { "the next one is published", 1, 2, 1, 2, 0, NET_GRANTED, 1, 2, FINAL, "" },
        { "published at head alone", 1, 0, 1, 2, 0, NET_GRANTED, 1, 0, FINAL, "" },
        { "promoted at head", 1, 2, 2, 0, 0, NET_GRANTED, 2, 0, FINAL, "" },
        { "exchanged at head", 1, 2, 2, 1, 0, NET_GRANTED, 2, 1, FINAL, "" },
        { "promoted and final", 2, 0, 2, 0, 0, NET_GRANTED, 2, 0, FINAL, "" },
        { "a new one at head beside the old", 1, 0, 2, 1, 0, NET_GRANTED, 1, 0, FINAL, "" },
        { "a new one at head instead", 1, 0, 2, 0, 0, NET_REVOKED, 0, 0, HEAD, "revoked at head" },
        { "a third at head, the next stays", 1, 2, 3, 2, 0, NET_REVOKED, 0, 0, HEAD,
                        "revoked at head" },
        { "gone at head, the next stays", 1, 2, 0, 2, 0, NET_REVOKED, 0, 0, HEAD,
                        "revoked at head" },
        { "gone at head", 1, 0, 0, 0, 0, NET_REVOKED, 0, 0, HEAD, "revoked at head" },
        { "revoked earlier", 1, 0, 1, 0, 1, NET_REVOKED, 0, 0, 120, "revoked by an earlier head" },
        { "promoted, but revoked earlier", 1, 2, 2, 0, 2, NET_REVOKED, 0, 0, HEAD,
                        "revoked at head" },
        { "the record revoked earlier", 1, 0, 1, 0, 255, NET_REVOKED, 0, 0, 120,
                        "revoked by an earlier head" },
        { "another key revoked earlier", 1, 0, 1, 0, 9, NET_GRANTED, 1, 0, FINAL, "" },
        { "not final yet", 0, 0, 1, 0, 0, NET_NO_KEY, 0, 0, FINAL, "wg_key is not final yet" },
        { "no key", 0, 0, 0, 0, 0, NET_NO_KEY, 0, 0, FINAL, "no wg_key" },
        { "a next one alone", 0, 2, 0, 2, 0, NET_NO_KEY, 0, 0, FINAL, "no wg_key" },
        { "a next one, promoted at head", 0, 2, 2, 0, 0, NET_GRANTED, 2, 0, FINAL, "" },
        { "the same as both", 1, 1, 1, 1, 0, NET_GRANTED, 1, 0, FINAL, "" },
};

static size_t place(enum record_field f) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_WG);
        size_t i = 0;

        while (shape->field[i] != f)
                i++;
        return i;
}

static void put(struct hash32 values[LOOKUP_FIELDS], enum record_field f, uint8_t x) {
        values[place(f)].b[31] = x;
}

static void put_text(struct hash32 values[LOOKUP_FIELDS], enum record_field f, const char *text) {
        ck_assert_int_eq(record_value_of_text(f, VIEW_TEXT(text), &values[place(f)]), 0);
}

static struct lookup_values values(void) {
        struct lookup_values v = { .final_at = { .number = FINAL }, .head_at = { .number = HEAD } };

        v.head_at.hash.b[0] = 1;
        put_text(v.final, RECORD_SERVER_IP, "192.0.2.7");
        memcpy(v.head, v.final, sizeof(v.head));
        return v;
}

static struct lookup_values with_key(uint8_t key) {
        struct lookup_values v = values();

        put(v.final, RECORD_WG_KEY, key);
        put(v.head, RECORD_WG_KEY, key);
        return v;
}

static struct net_member member(void) {
        struct net_member m = {
                .host = "gw1", .roles = 5, .key = { { 9 } }, .other_key = { { 9 } }
        };

        m.wg_ip.family = m.endpoint.ip.family = m.server[1].family = 6;
        m.endpoint.port = 9;
        return m;
}

START_TEST(head_says_which_of_two_keys_it_is) {
        const struct key_case *c = &key_cases[_i];
        struct revocations earlier = { .n = 1 };
        struct lookup_values v = values();
        struct net_member m = member();

        put(v.final, RECORD_WG_KEY, c->final);
        put(v.final, RECORD_WG_KEY_NEXT, c->final_next);
        put(v.head, RECORD_WG_KEY, c->head);
        put(v.head, RECORD_WG_KEY_NEXT, c->head_next);
        earlier.r[0].field = c->revoked == 255 ? RECORD_FIELDS : RECORD_WG_KEY;
        earlier.r[0].key.b[31] = c->revoked == 255 ? 0 : c->revoked;
        earlier.r[0].at.number = 120;
        wg_record_judge(&v, c->revoked ? &earlier : NULL, &m);
        ck_assert_msg(m.known == c->want, "%s: got %d", c->name, m.known);
        ck_assert_msg(m.key.b[31] == c->key && m.other_key.b[31] == c->other, "%s", c->name);
        ck_assert_msg(m.key.b[0] == 0 && m.other_key.b[0] == 0, "%s", c->name);
        ck_assert_msg(m.block == c->block, "%s: block %llu", c->name, (unsigned long long) m.block);
        ck_assert_str_eq(m.why, c->why);
        ck_assert_str_eq(m.host, "gw1");
        ck_assert_uint_eq(m.roles, 5);
}
END_TEST

START_TEST(places_are_as_finalized_has_them) {
        struct lookup_values v = with_key(1);
        struct net_member m = member();
        char text[IP_TEXT_MAX];

        wg_record_judge(&v, NULL, &m);
        ck_assert(ip_eq(&m.wg_ip, &(struct ip){ 0 }) && ip_eq(&m.server[1], &(struct ip){ 0 }));
        ck_assert(m.endpoint.ip.family == 0 && m.endpoint.port == 0);
        ck_assert_str_eq(ip_text(&m.server[0], text), "192.0.2.7");
        put_text(v.final, RECORD_WG_PORT, "51821");
        wg_record_judge(&v, NULL, &m);
        ck_assert(ip_endpoint_is_sane(&m.endpoint) && m.endpoint.port == 0);
        put_text(v.final, RECORD_WG_ENDPOINT, "2001:db8::9");
        put_text(v.head, RECORD_WG_ENDPOINT, "192.0.2.9");
        put_text(v.final, RECORD_WG_IP, "10.9.0.1");
        put_text(v.final, RECORD_SERVER_IP6, "2001:db8::7");
        wg_record_judge(&v, NULL, &m);
        ck_assert_int_eq(m.known, NET_GRANTED);
        ck_assert_str_eq(ip_endpoint_text(&m.endpoint, text), "[2001:db8::9]:51821");
        ck_assert_str_eq(ip_text(&m.wg_ip, text), "10.9.0.1");
        ck_assert_str_eq(ip_text(&m.server[1], text), "2001:db8::7");
}
END_TEST

START_TEST(a_record_with_a_bad_value_tells_its_key_and_why) {
        struct lookup_values v = with_key(1);
        struct net_member m = member();

        v.head[place(RECORD_WG_PORT)].b[0] = 1;
        wg_record_judge(&v, NULL, &m);
        ck_assert_int_eq(m.known, NET_INVALID);
        ck_assert_uint_eq(m.key.b[31], 1);
        ck_assert_uint_eq(m.block, HEAD);
        ck_assert_str_eq(m.why, "field wg_port at block 110 holds bytes that are no value of it");
        put(v.head, RECORD_WG_KEY, 2); /* a revocation is one, whatever else is wrong */
        wg_record_judge(&v, NULL, &m);
        ck_assert_int_eq(m.known, NET_REVOKED);
}
END_TEST

START_TEST(too_many_revocations_revoke_the_record) {
        struct revocations earlier = { .n = SERVED_REVOCATIONS_MAX };
        struct lookup_values v = with_key(1);
        struct net_member m = member();

        for (size_t i = 0; i < earlier.n; i++)
                earlier.r[i] = (struct revocation){ .field = RECORD_WG_KEY,
                        .key = { { (uint8_t) (i + 1) } },
                        .at = { .number = 120 } };
        wg_record_judge(&v, &earlier, &m);
        ck_assert_int_eq(m.known, NET_GRANTED);
        put(v.head, RECORD_WG_KEY, 2);
        wg_record_judge(&v, &earlier, &m);
        ck_assert_int_eq(m.known, NET_REVOKED);
        ck_assert(hash32_is_zero(&m.key));
}
END_TEST

START_TEST(a_head_below_finalized_says_nothing) {
        struct lookup_values v = with_key(1);
        struct net_member m = member();

        v.head_at.number = FINAL - 1;
        wg_record_judge(&v, NULL, &m);
        ck_assert_int_eq(m.known, NET_UNPROVEN);
        ck_assert(hash32_is_zero(&m.key));
}
END_TEST

START_TEST(what_is_not_watched_or_flushed_is_unproven) {
        struct watch_entry e = { .known = true, .flushed = true };
        struct net_member m = member();

        e.values = with_key(1);
        wg_record_read(NULL, NULL, &m);
        ck_assert_int_eq(m.known, NET_UNPROVEN);
        ck_assert(hash32_is_zero(&m.key) && m.server[0].family == 0);
        wg_record_read(&e, NULL, &m);
        ck_assert_int_eq(m.known, NET_UNPROVEN);
        e.flushed = false;
        wg_record_read(&e, NULL, &m);
        ck_assert_int_eq(m.known, NET_GRANTED);
        e.known = false;
        wg_record_read(&e, NULL, &m);
        ck_assert_int_eq(m.known, NET_UNPROVEN);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged_wg_record");
        TCase *t = tcase_create("kedged_wg_record");

        tcase_add_loop_test(t, head_says_which_of_two_keys_it_is, 0, ELEMENTSOF(key_cases));
        tcase_add_test(t, places_are_as_finalized_has_them);
        tcase_add_test(t, a_record_with_a_bad_value_tells_its_key_and_why);
        tcase_add_test(t, too_many_revocations_revoke_the_record);
        tcase_add_test(t, a_head_below_finalized_says_nothing);
        tcase_add_test(t, what_is_not_watched_or_flushed_is_unproven);
        suite_add_tcase(s, t);
        return unit_run(s);
}
