/* core/wg_address: the address that a key has under a prefix. The wanted ones are what Python's
 * hashlib and ipaddress make of the same. */

#include "unit.h"

#include <errno.h>

#include "core/wg_address.h"

static const struct address_case {
        const char *prefix, *want; /* NULL: -ERANGE */
} address_cases[] = {
        { "fd00:1:2:3::/64", "fd00:1:2:3:825d:55e3:856a:d27f" },
        { "fd00:1:2:3:ffff::1/64", "fd00:1:2:3:825d:55e3:856a:d27f" },
        { "fd00:1:2::/48", "fd00:1:2:825d:55e3:856a:d27f:28aa" },
        { "fd00:1:2:3::/63", "fd00:1:2:3:4ba:abc7:ad5:a4fe" },
        { "fd00::/61", "fd00::4:12ea:af1c:2b56:93f9" },
        { "fd00:0:0:5::/61", "fd00::4:12ea:af1c:2b56:93f9" },
        { "::/0", "825d:55e3:856a:d27f:28aa:7501:7820:a047" },
        { "fd00:1:2:3::/65", NULL },
        { "fd00:1:2:3::/128", NULL },
        { "10.0.0.0/8", NULL },
        { "0.0.0.0/0", NULL },
};

START_TEST(an_address_follows_from_key_and_prefix) {
        const struct address_case *c = &address_cases[_i];
        struct ip got = { .family = 9 };
        struct ip_prefix p;
        char text[IP_TEXT_MAX];
        struct hash32 key;
        int r;

        for (uint8_t i = 0; i < sizeof(key.b); i++)
                key.b[i] = i;
        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT(c->prefix), &p), 0);
        r = wg_address_of_key(&key, &p, &got);
        ck_assert_int_eq(r, c->want ? 0 : -ERANGE);
        if (!c->want) {
                ck_assert_uint_eq(got.family, 9);
                return;
        }
        ck_assert_str_eq(ip_text(&got, text), c->want);
        ck_assert(ip_is_sane(&got) && ip_is_host_of(&got, &p));
}
END_TEST

START_TEST(another_key_has_another_address) {
        struct hash32 key = { 0 };
        struct ip first, second;
        struct ip_prefix p;

        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT("fd00::/64"), &p), 0);
        ck_assert_int_eq(wg_address_of_key(&key, &p, &first), 0);
        for (size_t i = 0; i < sizeof(key.b); i++) {
                key.b[i] = 1;
                ck_assert_int_eq(wg_address_of_key(&key, &p, &second), 0);
                ck_assert(!ip_eq(&first, &second));
                key.b[i] = 0;
        }
}
END_TEST

START_TEST(no_prefix_has_no_address) {
        const struct ip_prefix none = { 0 };
        struct hash32 key = { 0 };
        struct ip got;

        ck_assert_int_eq(wg_address_of_key(&key, &none, &got), -ERANGE);
}
END_TEST

int main(void) {
        Suite *s = suite_create("wg_address");
        TCase *t = tcase_create("wg_address");

        tcase_add_loop_test(
                        t, an_address_follows_from_key_and_prefix, 0, ELEMENTSOF(address_cases));
        tcase_add_test(t, another_key_has_another_address);
        tcase_add_test(t, no_prefix_has_no_address);
        suite_add_tcase(s, t);
        return unit_run(s);
}
