/* base/base64: RFC 4648's own rows, and texts that are refused: each wrong in one way. */

#include "unit.h"

#include <errno.h>

#include "base/base64.h"

static const struct base64_case {
        const char *text;
        enum base64_end end;
        int want;
        const char *bytes;
} cases[] = {
        { "", BASE64_PADDED, 0, "" },
        { "Zg==", BASE64_PADDED, 0, "f" },
        { "Zm8=", BASE64_PADDED, 0, "fo" },
        { "Zm9v", BASE64_PADDED, 0, "foo" },
        { "Zm9vYg==", BASE64_PADDED, 0, "foob" },
        { "Zm9vYmE=", BASE64_PADDED, 0, "fooba" },
        { "Zm9vYmFy", BASE64_PADDED, 0, "foobar" },
        { "+/AZ", BASE64_PADDED, 0, "\xfb\xf0\x19" },
        { "", BASE64_BARE, 0, "" },
        { "Zg", BASE64_BARE, 0, "f" },
        { "Zm8", BASE64_BARE, 0, "fo" },
        { "Zm9v", BASE64_BARE, 0, "foo" },
        { "Zg==", BASE64_BARE, -EINVAL, NULL },
        { "Zg", BASE64_PADDED, -EINVAL, NULL },
        { "Zg=", BASE64_PADDED, -EINVAL, NULL },
        { "Z===", BASE64_PADDED, -EINVAL, NULL },
        { "Z", BASE64_BARE, -EINVAL, NULL },
        { "Zh==", BASE64_PADDED, -EINVAL, NULL }, /* bits behind the last byte */
        { "Zm9=", BASE64_PADDED, -EINVAL, NULL },
        { "Zh", BASE64_BARE, -EINVAL, NULL },
        { "Zm9", BASE64_BARE, -EINVAL, NULL },
        { "Zg==Zg==", BASE64_PADDED, -EINVAL, NULL },
        { "Zm9v\n", BASE64_BARE, -EINVAL, NULL },
        { "Zm-v", BASE64_PADDED, -EINVAL, NULL },
        { "Zm9vYmF", BASE64_BARE, -EINVAL, NULL },
        { "Zm9vYmFyZm8", BASE64_BARE, -E2BIG, NULL },
};

START_TEST(base64_decode_case) {
        const struct base64_case *c = &cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        uint8_t got[7] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };
        size_t n = 77;

        ck_assert_msg(base64_decode(in, c->end, got, 6, &n) == c->want, "%s", c->text);
        if (c->want < 0)
                ck_assert(n == 77 && got[0] == 0xaa);
        else {
                ck_assert_uint_eq(n, strlen(c->bytes));
                ck_assert_mem_eq(got, c->bytes, n);
                ck_assert_uint_eq(got[n], 0xaa);
        }
        heap_drop(in);
} END_TEST

START_TEST(base64_encode_is_the_other_way) {
        const struct base64_case *c = &cases[_i];
        char text[BASE64_ROOM(6)];

        if (c->want < 0 || c->end != BASE64_PADDED)
                return;
        ck_assert_ptr_eq(base64_encode(VIEW_TEXT(c->bytes), text), text);
        ck_assert_str_eq(text, c->text);
} END_TEST

START_TEST(base64_encode_knows_every_digit) {
        uint8_t bytes[48], back[48];
        char text[BASE64_ROOM(48)];
        size_t n;

        for (unsigned i = 0; i < 64; i += 4) { /* 0, 1, ... 63, six bits each */
                bytes[i / 4 * 3] = (uint8_t) (i << 2 | (i + 1) >> 4);
                bytes[i / 4 * 3 + 1] = (uint8_t) ((i + 1) << 4 | (i + 2) >> 2);
                bytes[i / 4 * 3 + 2] = (uint8_t) ((i + 2) << 6 | (i + 3));
        }
        (void) base64_encode(VIEW(bytes, sizeof(bytes)), text);
        ck_assert_str_eq(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        ck_assert_int_eq(base64_decode(VIEW_TEXT(text), BASE64_PADDED, back, sizeof(back), &n), 0);
        ck_assert_mem_eq(bytes, back, sizeof(bytes));
} END_TEST

int main(void) {
        Suite *s = suite_create("base64");
        TCase *t = tcase_create("base64");

        tcase_add_loop_test(t, base64_decode_case, 0, ELEMENTSOF(cases));
        tcase_add_loop_test(t, base64_encode_is_the_other_way, 0, ELEMENTSOF(cases));
        tcase_add_test(t, base64_encode_knows_every_digit);
        suite_add_tcase(s, t);
        return unit_run(s);
}
