/* core/slot: where a mapping keeps a key, and what a key text becomes. */

#include "unit.h"

#include <errno.h>

#include "core/keccak.h"
#include "core/slot.h"

static const struct slot_case {
        uint8_t key;
        uint64_t slot;
        const char *want;
} slot_cases[] = {
        { 0, 0, "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5" },
        { 0, 1, "a6eef7e35abe7026729641147f7915573c7e97b47efa546f5f6e3230263bcb49" },
        { 1, 0, "ada5013122d395ba3c54772283fb069b10426056ef8ca54750cb9bb552a59e7d" },
        { 1, 1, "cc69885fda6bcc1a4ace058b4a62bf5e179ea78fd58a1ccd71c22cc9b688792f" },
};

START_TEST(slot_of_mapping_is_soliditys) {
        const struct slot_case *c = &slot_cases[_i];
        char text[2 * HASH32_SIZE + 1];
        struct hash32 key = { 0 }, got;

        key.b[31] = c->key;
        slot_of_mapping(&key, c->slot, &got);
        ck_assert_str_eq(hex_encode(got.b, sizeof(got.b), text), c->want);
} END_TEST

START_TEST(slot_number_fills_all_eight_bytes) {
        struct hash32 key = { 0 }, got, want;
        uint8_t bytes[64] = { 0 };

        for (size_t i = 0; i < 8; i++)
                bytes[56 + i] = (uint8_t) (i + 1);
        keccak256(VIEW(bytes, sizeof(bytes)), &want);
        slot_of_mapping(&key, UINT64_C(0x0102030405060708), &got);
        ck_assert(hash32_eq(&got, &want));
} END_TEST

#define TEXT_31 "0123456789012345678901234567890"

static const struct text_case {
        const char *text;
        int want;
        const char *key; /* hex; NULL: the text's Keccak-256 */
} text_cases[] = {
        { "server_ip", 0, "7365727665725f69700000000000000000000000000000000000000000000000" },
        { TEXT_31 "~", 0, "303132333435363738393031323334353637383930313233343536373839307e" },
        { TEXT_31 "~~", 0, NULL },
        { "!", 0, "2100000000000000000000000000000000000000000000000000000000000000" },
        { "", -EINVAL },
        { "a b", -EINVAL },
        { "a\x7f", -EINVAL },
        { "a\xc3\xa4", -EINVAL },
        { "a\n", -EINVAL },
};

START_TEST(slot_key_of_text_case) {
        const struct text_case *c = &text_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char text[2 * HASH32_SIZE + 1];
        struct hash32 got = { { 0xaa } }, hash;

        ck_assert_int_eq(slot_key_of_text(in, &got), c->want);
        keccak256(in, &hash);
        if (c->want < 0)
                ck_assert_uint_eq(got.b[0], 0xaa);
        else if (c->key)
                ck_assert_str_eq(hex_encode(got.b, sizeof(got.b), text), c->key);
        else
                ck_assert(hash32_eq(&got, &hash));
        heap_drop(in);
} END_TEST

START_TEST(slot_key_refuses_a_zero_byte_in_the_text) {
        struct hash32 got;

        ck_assert_int_eq(slot_key_of_text(VIEW("a\0b", 3), &got), -EINVAL);
} END_TEST

START_TEST(slot_key_text_has_a_limit) {
        static uint8_t text[SLOT_TEXT_MAX + 1];
        struct hash32 got;

        memset(text, 'x', sizeof(text));
        ck_assert_int_eq(slot_key_of_text(VIEW(text, SLOT_TEXT_MAX), &got), 0);
        ck_assert_int_eq(slot_key_of_text(VIEW(text, SLOT_TEXT_MAX + 1), &got), -E2BIG);
} END_TEST

int main(void) {
        Suite *s = suite_create("slot");
        TCase *t = tcase_create("slot");

        tcase_add_loop_test(t, slot_of_mapping_is_soliditys, 0, ELEMENTSOF(slot_cases));
        tcase_add_test(t, slot_number_fills_all_eight_bytes);
        tcase_add_loop_test(t, slot_key_of_text_case, 0, ELEMENTSOF(text_cases));
        tcase_add_test(t, slot_key_refuses_a_zero_byte_in_the_text);
        tcase_add_test(t, slot_key_text_has_a_limit);
        suite_add_tcase(s, t);
        return unit_run(s);
}
