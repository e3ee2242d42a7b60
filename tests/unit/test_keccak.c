/* core/keccak: Keccak-256, not SHA3-256, for each of several hashes in a row. */

#include "unit.h"

#include "core/keccak.h"

static const struct keccak_case {
        const char *text, *want;
} keccak_cases[] = {
        { "", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
        { "abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45" },
        { "transfer(address,uint256)",
                        "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b" },
};

static void check(const struct keccak_case *c) {
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char text[2 * HASH32_SIZE + 1];
        struct hash32 got;

        keccak256(in, &got);
        ck_assert_str_eq(hex_encode(got.b, sizeof(got.b), text), c->want);
        heap_drop(in);
}

START_TEST(keccak_is_keccak) {
        check(&keccak_cases[_i]);
} END_TEST

START_TEST(keccak_is_keccak_the_second_time_too) {
        for (size_t i = 0; i < 2 * ELEMENTSOF(keccak_cases); i++)
                check(&keccak_cases[i / 2]);
} END_TEST

int main(void) {
        Suite *s = suite_create("keccak");
        TCase *t = tcase_create("keccak");

        tcase_add_loop_test(t, keccak_is_keccak, 0, ELEMENTSOF(keccak_cases));
        tcase_add_test(t, keccak_is_keccak_the_second_time_too);
        suite_add_tcase(s, t);
        return unit_run(s);
}
