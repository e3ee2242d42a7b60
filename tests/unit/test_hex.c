/* base/hex: text that is not exactly the wanted bytes is refused and writes nothing. */

#include "unit.h"

#include <errno.h>

static const struct hex_case {
        const char *text;
        size_t n;
        int want;
} hex_cases[] = {
        { "00ff", 2, 0 },
        { "0x00FF", 2, 0 },
        { "0X00ff", 2, 0 },
        { "", 0, 0 },
        { "00f", 2, -EINVAL },
        { "00fg", 2, -EINVAL },
        { "00ff00", 2, -EINVAL },
        { "00", 2, -EINVAL },
        { "0x", 1, -EINVAL },
};

START_TEST(hex_decode_case) {
        const struct hex_case *c = &hex_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        uint8_t got[4] = { 0xaa, 0xaa, 0xaa, 0xaa };

        ck_assert_int_eq(hex_decode(in, got, c->n), c->want);
        if (c->want < 0)
                ck_assert_uint_eq(got[0], 0xaa);
        else if (c->n == 2)
                ck_assert(got[0] == 0x00 && got[1] == 0xff && got[2] == 0xaa);
        heap_drop(in);
} END_TEST

START_TEST(hex_round_trip) {
        const uint8_t data[] = { 0x00, 0x7f, 0x80, 0xff };
        uint8_t back[sizeof(data)];
        char text[2 * sizeof(data) + 1];

        ck_assert_str_eq(hex_encode(data, sizeof(data), text), "007f80ff");
        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), back, sizeof(back)), 0);
        ck_assert_mem_eq(data, back, sizeof(data));
} END_TEST

int main(void) {
        Suite *s = suite_create("hex");
        TCase *t = tcase_create("hex");

        tcase_add_loop_test(t, hex_decode_case, 0, ELEMENTSOF(hex_cases));
        tcase_add_test(t, hex_round_trip);
        suite_add_tcase(s, t);
        return unit_run(s);
}
