/* agent/netd/curve: the public key of a private one. */

#include "unit.h"

#include <errno.h>

#include "agent/netd/curve.h"

START_TEST(public_keys_are_those_of_rfc_7748) { /* section 6.1 */
        static const char bob[] =
                        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        static const char public[] =
                        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        uint8_t private_key[NETD_KEY_SIZE], want[NETD_KEY_SIZE], got[NETD_KEY_SIZE];

        ck_assert_int_eq(hex_decode(VIEW_TEXT(bob), private_key, sizeof(private_key)), 0);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(public), want, sizeof(want)), 0);
        ck_assert_int_eq(curve_public(private_key, got), 0);
        ck_assert_mem_eq(got, want, sizeof(want));

        curve_clamp(private_key); /* the same key, clamped by hand */
        memset(got, 0, sizeof(got));
        ck_assert_int_eq(curve_public(private_key, got), 0);
        ck_assert_mem_eq(got, want, sizeof(want));

        memset(private_key, 0, sizeof(private_key));
        ck_assert_int_eq(curve_public(private_key, got), -EINVAL);
        ck_assert_mem_eq(got, want, sizeof(want));
}
END_TEST

int main(void) {
        Suite *s = suite_create("netd_curve");
        TCase *t = tcase_create("all");

        tcase_add_test(t, public_keys_are_those_of_rfc_7748);
        suite_add_tcase(s, t);
        return unit_run(s);
}
