/* base/ip: texts, prefixes bit by bit, and which addresses a packet can be sent to. */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/ip.h"

static struct ip ip(const char *text) {
        struct ip a = { 0 };

        if (strcmp(text, "none") != 0)
                ck_assert_msg(ip_parse(VIEW_TEXT(text), &a) == 0, "%s", text);
        return a;
}

static struct ip_prefix prefix(const char *text) {
        struct ip_prefix p = { 0 };

        if (strcmp(text, "none") != 0)
                ck_assert_msg(ip_prefix_parse(VIEW_TEXT(text), &p) == 0, "%s", text);
        return p;
}

static const struct text_case {
        const char *text, *want; /* NULL: refused */
} ip_cases[] = {
        { "10.0.0.1", "10.0.0.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "fd00::1", "fd00::1" },
        { "FD00:0:0::1", "fd00::1" },
        { "::", "::" },
        { "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888" },
        { "1111:2222:3333:4444:5555:6666:123.123.123.123",
                "1111:2222:3333:4444:5555:6666:7b7b:7b7b" },
        { "::ffff:10.0.0.1", "10.0.0.1" },
        { "::ffff:a00:1", "10.0.0.1" },
        { "::fffe:10.0.0.1", "::fffe:a00:1" },
        { "1::ffff:10.0.0.1", "1::ffff:a00:1" },
        { "", NULL },
        { "none", NULL },
        { "10.0.0", NULL },
        { "010.0.0.1", NULL },
        { "10.0.0.1 ", NULL },
        { " 10.0.0.1", NULL },
        { "10.0.0.256", NULL },
        { "10.0.0.1/8", NULL },
        { "fe80::1%lo", NULL },
        { "[fd00::1]", NULL },
        { "fd00::1::2", NULL },
        { "localhost", NULL },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", NULL },
}, prefix_cases[] = {
        { "10.0.0.0/8", "10.0.0.0/8" },
        { "10.1.2.3/8", "10.1.2.3/8" },
        { "0.0.0.0/0", "0.0.0.0/0" },
        { "10.0.0.1/32", "10.0.0.1/32" },
        { "fd00::/64", "fd00::/64" },
        { "fd00::1/128", "fd00::1/128" },
        { "::/0", "::/0" },
        { "::ffff:10.0.0.0/104", "10.0.0.0/8" },
        { "::ffff:10.0.0.0/128", "10.0.0.0/32" },
        { "::ffff:10.0.0.0/96", "10.0.0.0/0" },
        { "::ffff:10.0.0.0/95", NULL },
        { "::ffff:10.0.0.0/129", NULL },
        { "10.0.0.0/33", NULL },
        { "fd00::/129", NULL },
        { "10.0.0.0", NULL },
        { "10.0.0.0/", NULL },
        { "10.0.0.0/08", NULL },
        { "10.0.0.0/00", NULL },
        { "10.0.0.0/ 8", NULL },
        { "10.0.0.0/+8", NULL },
        { "10.0.0.0/8/8", NULL },
        { "10.0.0.0/0x8", NULL },
        { "fd00::/1000", NULL },
        { "/8", NULL },
        { "", NULL },
};

START_TEST(an_address_has_one_reading) {
        const struct text_case *c = &ip_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        struct ip a = { .family = 9 };
        char text[IP_TEXT_MAX];
        int r = ip_parse(in, &a);

        ck_assert_msg(r == (c->want ? 0 : -EINVAL), "%s: got %d", c->text, r);
        if (c->want)
                ck_assert_str_eq(ip_text(&a, text), c->want);
        else
                ck_assert_uint_eq(a.family, 9);
        ck_assert(!c->want || ip_is_sane(&a));
        heap_drop(in);
}
END_TEST

START_TEST(a_prefix_has_one_reading) {
        const struct text_case *c = &prefix_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        struct ip_prefix p = { .len = 99 };
        char text[IP_TEXT_MAX];
        int r = ip_prefix_parse(in, &p);

        ck_assert_msg(r == (c->want ? 0 : -EINVAL), "%s: got %d", c->text, r);
        if (c->want)
                ck_assert_str_eq(ip_prefix_text(&p, text), c->want);
        else
                ck_assert_uint_eq(p.len, 99);
        ck_assert(!c->want || ip_prefix_is_sane(&p));
        heap_drop(in);
}
END_TEST

START_TEST(a_zero_byte_ends_no_text) {
        struct ip_prefix p;
        struct ip a;

        ck_assert_int_eq(ip_parse(VIEW("10.0.0.1\0", 9), &a), -EINVAL);
        ck_assert_int_eq(ip_parse(VIEW("10.0.0.1\0x", 10), &a), -EINVAL);
        ck_assert_int_eq(ip_prefix_parse(VIEW("10.0.0.1\0/8", 11), &p), -EINVAL);
}
END_TEST

START_TEST(texts_of_all_forms_fit) {
        struct ip_endpoint e = { .ip = ip("10.0.0.1"), .port = 51820 };
        char text[IP_TEXT_MAX];

        ck_assert_str_eq(ip_endpoint_text(&e, text), "10.0.0.1:51820");
        e.ip = ip("1111:2222:3333:4444:5555:6666:7777:8888");
        e.port = 65535;
        ck_assert_str_eq(ip_endpoint_text(&e, text),
                        "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
        e = (struct ip_endpoint){ 0 };
        ck_assert_str_eq(ip_endpoint_text(&e, text), "none");
        ck_assert_str_eq(ip_text(&e.ip, text), "none");
        ck_assert_str_eq(ip_prefix_text(&(struct ip_prefix){ 0 }, text), "none");
        ck_assert_str_eq(ip_text(&(struct ip){ .family = 5 }, text), "none");
}
END_TEST

START_TEST(only_what_has_one_form_is_sane) {
        struct ip_endpoint e = { .ip = ip("10.0.0.1") };
        struct ip a = ip("10.0.0.1");
        struct ip_prefix p = prefix("10.0.0.0/8");

        a.b[4] = 1;
        ck_assert(!ip_is_sane(&a));
        a.b[4] = 0;
        a.b[15] = 1;
        ck_assert(!ip_is_sane(&a));
        a.family = 6;
        ck_assert(ip_is_sane(&a));
        a.family = 5;
        ck_assert(!ip_is_sane(&a));
        a = (struct ip){ 0 };
        ck_assert(ip_is_sane(&a));
        a.b[0] = 1;
        ck_assert(!ip_is_sane(&a));

        p.len = 32;
        ck_assert(ip_prefix_is_sane(&p));
        p.len = 33;
        ck_assert(!ip_prefix_is_sane(&p));
        p = prefix("fd00::/128");
        ck_assert(ip_prefix_is_sane(&p));
        p.len = 129;
        ck_assert(!ip_prefix_is_sane(&p));
        p = (struct ip_prefix){ 0 };
        ck_assert(ip_prefix_is_sane(&p));
        p.len = 1;
        ck_assert(!ip_prefix_is_sane(&p));

        ck_assert(ip_endpoint_is_sane(&e));
        e.port = 1;
        ck_assert(ip_endpoint_is_sane(&e));
        e.zero = 1;
        ck_assert(!ip_endpoint_is_sane(&e));
        e = (struct ip_endpoint){ 0 };
        ck_assert(ip_endpoint_is_sane(&e));
        e.port = 1;
        ck_assert(!ip_endpoint_is_sane(&e));
}
END_TEST

static const struct in_case {
        const char *ip, *prefix;
        bool in, host;
} in_cases[] = {
        { "10.0.0.1", "10.0.0.0/8", true, true },
        { "10.0.0.0", "10.0.0.0/8", true, false },
        { "10.255.255.255", "10.0.0.0/8", true, false },
        { "10.255.255.254", "10.9.9.9/8", true, true },
        { "11.0.0.1", "10.0.0.0/8", false, false },
        { "10.7.255.255", "10.0.0.0/13", true, false },
        { "10.8.0.1", "10.0.0.0/13", false, false },
        { "10.0.0.2", "10.0.0.0/31", false, false },
        { "10.0.0.0", "10.0.0.0/31", true, true },
        { "10.0.0.1", "10.0.0.0/31", true, true },
        { "10.0.0.0", "10.0.0.0/30", true, false },
        { "10.0.0.3", "10.0.0.0/30", true, false },
        { "10.0.0.2", "10.0.0.0/30", true, true },
        { "10.0.0.7", "10.0.0.7/32", true, true },
        { "10.0.0.6", "10.0.0.7/32", false, false },
        { "1.2.3.4", "0.0.0.0/0", true, true },
        { "fd00::1", "fd00::/64", true, true },
        { "fd00::", "fd00::/64", true, false },
        { "fd00::ffff:ffff:ffff:ffff", "fd00::/64", true, true },
        { "fd00:0:0:1::1", "fd00::/64", false, false },
        { "fd00:0:0:1::1", "fd00::/63", true, true },
        { "fd00::", "fd00::/127", true, true },
        { "fd00::1", "fd00::/127", true, true },
        { "fd00::", "fd00::/126", true, false },
        { "fd00::7", "fd00::7/128", true, true },
        { "fd00::6", "fd00::7/128", false, false },
        { "a00:1::", "10.0.0.0/8", false, false },
        { "10.0.0.1", "a00::/8", false, false },
        { "10.0.0.1", "::/0", false, false },
        { "::ffff:10.0.0.1", "10.0.0.0/8", true, true },
        { "none", "0.0.0.0/0", false, false },
        { "none", "none", false, false },
        { "10.0.0.1", "none", false, false },
};

START_TEST(an_address_lies_in_a_prefix_bit_by_bit) {
        const struct in_case *c = &in_cases[_i];
        struct ip a = ip(c->ip);
        struct ip_prefix p = prefix(c->prefix);

        ck_assert_msg(ip_in_prefix(&a, &p) == c->in, "%s in %s", c->ip, c->prefix);
        ck_assert_msg(ip_is_host_of(&a, &p) == c->host, "%s host of %s", c->ip, c->prefix);
}
END_TEST

START_TEST(a_length_over_the_familys_has_nothing_in_it) {
        struct ip_prefix p = prefix("10.0.0.1/32");
        struct ip a = p.ip;

        p.len = 33;
        ck_assert(!ip_in_prefix(&a, &p));
        p.len = 255;
        ck_assert(!ip_in_prefix(&a, &p) && !ip_is_host_of(&a, &p));
}
END_TEST

static const struct overlap_case {
        const char *p, *q;
        bool overlap;
} overlap_cases[] = {
        { "10.0.0.0/8", "10.1.0.0/16", true },
        { "10.0.0.0/8", "10.0.0.0/8", true },
        { "10.0.0.0/9", "10.128.0.0/9", false },
        { "10.0.0.0/8", "11.0.0.0/8", false },
        { "0.0.0.0/0", "192.0.2.1/32", true },
        { "0.0.0.0/0", "::/0", false },
        { "fd00::/64", "fd00::1/128", true },
        { "fd00::/64", "fd00:0:0:1::/64", false },
        { "10.9.9.9/8", "10.1.0.0/16", true },
        { "none", "0.0.0.0/0", false },
        { "none", "none", false },
};

START_TEST(prefixes_overlap_both_ways_or_not) {
        const struct overlap_case *c = &overlap_cases[_i];
        struct ip_prefix p = prefix(c->p), q = prefix(c->q);

        ck_assert_msg(ip_prefixes_overlap(&p, &q) == c->overlap, "%s %s", c->p, c->q);
        ck_assert_msg(ip_prefixes_overlap(&q, &p) == c->overlap, "%s %s", c->q, c->p);
}
END_TEST

static const struct route_case {
        const char *ip;
        bool routable;
} route_cases[] = {
        { "10.0.0.1", true },
        { "192.0.2.1", true },
        { "1.0.0.0", true },
        { "223.255.255.255", true },
        { "169.253.0.1", true },
        { "169.255.0.1", true },
        { "128.0.0.1", true },
        { "126.255.255.255", true },
        { "0.0.0.0", false },
        { "0.0.0.1", false },
        { "0.255.255.255", false },
        { "127.0.0.1", false },
        { "127.255.255.255", false },
        { "169.254.0.1", false },
        { "169.254.255.255", false },
        { "224.0.0.1", false },
        { "239.255.255.255", false },
        { "240.0.0.1", false },
        { "255.255.255.255", false },
        { "none", false },
        { "fd00::1", true },
        { "2001:db8::1", true },
        { "fec0::1", true },
        { "fe00::1", true },
        { "64:ff9b::a00:1", true },
        { "::1:0:0:1", true },
        { "::", false },
        { "::1", false },
        { "::2", false },
        { "::10.0.0.1", false },
        { "fe80::1", false },
        { "febf:ffff::1", false },
        { "ff02::1", false },
        { "ffff::1", false },
        { "::ffff:127.0.0.1", false },
        { "::ffff:10.0.0.1", true },
};

START_TEST(what_packets_can_be_sent_to) {
        const struct route_case *c = &route_cases[_i];
        struct ip a = ip(c->ip);

        ck_assert_msg(ip_is_routable(&a) == c->routable, "%s", c->ip);
}
END_TEST

/* No text yields it, but a message could. */
START_TEST(a_mapped_address_is_judged_as_its_ipv4) {
        struct ip a = { .family = 6 };

        memset(a.b + 10, 0xff, 2);
        memcpy(a.b + 12, (const uint8_t[]){ 10, 0, 0, 1 }, 4);
        ck_assert(ip_is_routable(&a));
        a.b[12] = 127;
        ck_assert(!ip_is_routable(&a));
        a.family = 5;
        ck_assert(!ip_is_routable(&a));
}
END_TEST

START_TEST(addresses_sort_by_family_then_bytes) {
        struct ip a = ip("255.0.0.1"), b = ip("255.0.0.2"), c = ip("::1");

        ck_assert(ip_cmp(&a, &b) < 0 && ip_cmp(&b, &c) < 0 && ip_cmp(&c, &a) > 0);
        ck_assert(ip_cmp(&a, &a) == 0 && ip_eq(&a, &a) && !ip_eq(&a, &b));
        ck_assert_uint_eq(ip_bits(&a), 32);
        ck_assert_uint_eq(ip_bits(&c), 128);
        ck_assert_uint_eq(ip_bits(&(struct ip){ 0 }), 0);
}
END_TEST

int main(void) {
        Suite *s = suite_create("ip");
        TCase *t = tcase_create("ip");

        tcase_add_loop_test(t, an_address_has_one_reading, 0, ELEMENTSOF(ip_cases));
        tcase_add_loop_test(t, a_prefix_has_one_reading, 0, ELEMENTSOF(prefix_cases));
        tcase_add_test(t, a_zero_byte_ends_no_text);
        tcase_add_test(t, texts_of_all_forms_fit);
        tcase_add_test(t, only_what_has_one_form_is_sane);
        tcase_add_loop_test(t, an_address_lies_in_a_prefix_bit_by_bit, 0, ELEMENTSOF(in_cases));
        tcase_add_test(t, a_length_over_the_familys_has_nothing_in_it);
        tcase_add_loop_test(t, prefixes_overlap_both_ways_or_not, 0, ELEMENTSOF(overlap_cases));
        tcase_add_loop_test(t, what_packets_can_be_sent_to, 0, ELEMENTSOF(route_cases));
        tcase_add_test(t, a_mapped_address_is_judged_as_its_ipv4);
        tcase_add_test(t, addresses_sort_by_family_then_bytes);
        suite_add_tcase(s, t);
        return unit_run(s);
}
