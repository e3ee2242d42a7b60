/* core/ens: the same node hashes and slots as the contracts compute, strings with one spelling, and
 * no resolver that is not a row. */

#include "unit.h"

#include <errno.h>

#include "core/ens.h"
#include "core/keccak.h"

static struct hash32 hash_of(const char *text) {
        struct hash32 h;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), h.b, sizeof(h.b)), 0);
        return h;
}

static const char *text_of(const struct hash32 *h) {
        static char text[65];

        return hex_encode(h->b, sizeof(h->b), text);
}

/* ---- names ---- */

static const struct name_case {
        const char *name, *node; /* NULL: refused */
} name_cases[] = {
        { "eth", "93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae" },
        { "foo.eth", "de9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f" },
        { "demo.eth", "e16d706abaf956b7ea28cbd2c8fdee2870106a93d02046daf8c54bc46bf61cbf" },
        { "sub.demo.eth", "2b51c87e54952904a196790c40c8cae27f8dbdd379dc68968a850bc902367eb0" },
        { "", NULL },
        { ".", NULL },
        { "eth.", NULL },
        { ".eth", NULL },
        { "a..eth", NULL },
        { "Foo.eth", NULL },
        { "foo.Eth", NULL },
        { "f o.eth", NULL },
        { "f\xc3\xb6o.eth", NULL },
        { "foo!.eth", NULL },
        { "f_o.eth", NULL },
        { "foo_.eth", NULL },
        { "ab--c.eth", NULL },
        { "ab--.eth", NULL },
        { "foo/eth", NULL },
        { "foo{.eth", NULL },
        { "foo`.eth", NULL },
        { "foo:.eth", NULL },
};

START_TEST(ens_node_case) {
        const struct name_case *c = &name_cases[_i];
        struct view name = heap_copy(VIEW_TEXT(c->name));
        struct hash32 node = { { 77 } };
        int r = ens_node(name, &node);

        ck_assert_msg(r == (c->node ? 0 : -EINVAL), "\"%s\": %d", c->name, r);
        if (c->node)
                ck_assert_str_eq(text_of(&node), c->node);
        else
                ck_assert_uint_eq(node.b[0], 77);
        heap_drop(name);
}
END_TEST

static const char *const good_names[] = { "_x.eth", "__x.eth", "a-b.eth", "-a.eth", "a.b-",
        "a--b.eth", "x--", "0.9", "abc--d.eth", "_" };

START_TEST(ens_node_takes_what_needs_no_table) {
        struct hash32 node;

        ck_assert_msg(ens_node(VIEW_TEXT(good_names[_i]), &node) == 0, "%s", good_names[_i]);
}
END_TEST

START_TEST(ens_node_has_a_limit) {
        struct hash32 node;
        char name[ENS_NAME_MAX + 1];

        memset(name, 'a', sizeof(name));
        ck_assert_int_eq(ens_node(VIEW(name, ENS_NAME_MAX), &node), 0);
        ck_assert_int_eq(ens_node(VIEW(name, ENS_NAME_MAX + 1), &node), -EINVAL);
}
END_TEST

/* ---- slots; the values are those of a resolver whose storage was proven ---- */

#define NODE  "e16d706abaf956b7ea28cbd2c8fdee2870106a93d02046daf8c54bc46bf61cbf"
#define NODE2 "2b51c87e54952904a196790c40c8cae27f8dbdd379dc68968a850bc902367eb0"

START_TEST(ens_slots_are_the_contracts) {
        struct hash32 node = hash_of(NODE), node2 = hash_of(NODE2), a, b;

        ens_registry_slots(&node, &a, &b);
        ck_assert_str_eq(text_of(&a),
                        "af946401414fcd796ed8c8eaf1c08e6c2465732f1980dbfa76a8d9c630e46ba0");
        ck_assert_str_eq(text_of(&b),
                        "af946401414fcd796ed8c8eaf1c08e6c2465732f1980dbfa76a8d9c630e46ba1");
        ens_version_slot(&node2, &a);
        ck_assert_str_eq(text_of(&a),
                        "24bae89103ad644448e6e72261c862933c16c97954f3063aa529147212f7679a");
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &node, 0, VIEW_TEXT("url"), &a), 0);
        ck_assert_str_eq(text_of(&a),
                        "849d180de3334355bc63d77391c91059e07da8f1222453eec1368cad11d8b9b4");
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &node2, 1, VIEW_TEXT("url"), &a), 0);
        ck_assert_str_eq(text_of(&a),
                        "52593f5ce1e28c843383b47aa860c12b43ebbab10abdbf6db118ce195de24aea");
        a = hash_of("f433fe4b45c278b54e29d78ce8f7dc8be04d26f8edc0e95fb5bf62097aaa1c69");
        ens_string_word_slot(&a, 0, &b);
        ck_assert_str_eq(text_of(&b),
                        "cd35ce1adaaf54330996e3022800e59b968b7c20fb15602302130a8e7363b65a");
}
END_TEST

/* From the storage that the code of 2020 wrote: setText(keccak256("some node"), "server_ip", ...).
 */
START_TEST(ens_slots_of_2020_have_no_version) {
        struct hash32 node, a, b;

        keccak256(VIEW_TEXT("some node"), &node);
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2020, &node, 0, VIEW_TEXT("server_ip"), &a), 0);
        ck_assert_str_eq(text_of(&a),
                        "69ce937604c3b91c6dbfaaea0a74eca4816bc6e5ba16fec7933119635a9a0225");
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2020, &node, 5, VIEW_TEXT("server_ip"), &b), 0);
        ck_assert(hash32_eq(&a, &b));
        ck_assert_int_eq(ens_text_slot(ENS_LAYOUT_2023, &node, 5, VIEW_TEXT("server_ip"), &b), 0);
        ck_assert(!hash32_eq(&a, &b));
}
END_TEST

START_TEST(ens_text_slot_refuses_what_it_does_not_know) {
        struct hash32 node = hash_of(NODE), slot = { { 77 } };
        char key[ENS_KEY_MAX + 1];

        memset(key, 'k', sizeof(key));
        ck_assert_int_eq(
                        ens_text_slot(ENS_LAYOUT_NONE, &node, 0, VIEW_TEXT("url"), &slot), -EINVAL);
        ck_assert_int_eq(
                        ens_text_slot(ENS_LAYOUT_2023, &node, 0, VIEW(key, ENS_KEY_MAX + 1), &slot),
                        -E2BIG);
        ck_assert_uint_eq(slot.b[0], 77);
        ck_assert_int_eq(
                        ens_text_slot(ENS_LAYOUT_2023, &node, 0, VIEW(key, ENS_KEY_MAX), &slot), 0);
}
END_TEST

START_TEST(ens_slots_are_added_over_every_byte) {
        struct hash32 node, owner, resolver;
        unsigned carried = 0;

        for (uint32_t i = 0; i < 2000; i++) {
                keccak256(VIEW(&i, sizeof(i)), &node);
                ens_registry_slots(&node, &owner, &resolver);
                if (owner.b[31] == 0xff) {
                        ck_assert_uint_eq(resolver.b[31], 0);
                        ck_assert_uint_eq(resolver.b[30], (uint8_t) (owner.b[30] + 1));
                        carried++;
                } else {
                        ck_assert_uint_eq(resolver.b[31], owner.b[31] + 1u);
                        ck_assert_mem_eq(resolver.b, owner.b, 31);
                }
        }
        ck_assert_uint_gt(carried, 0);
}
END_TEST

START_TEST(ens_version_is_a_uint64) {
        struct hash32 value = { 0 };
        uint64_t version = 77;

        memset(value.b + 24, 0xff, 8);
        ck_assert_int_eq(ens_version_of(&value, &version), 0);
        ck_assert(version == UINT64_MAX);
        for (size_t i = 0; i < 24; i++) {
                version = 77;
                value.b[i] = 1;
                ck_assert_int_eq(ens_version_of(&value, &version), -EBADMSG);
                ck_assert_uint_eq(version, 77);
                value.b[i] = 0;
        }
}
END_TEST

START_TEST(ens_address_is_in_the_low_bytes) {
        struct hash32 value =
                        hash_of("00000000000000000e10dc64a140aa3e981100a9beca4e685f962f0cf6c90000");
        struct address a;

        memmove(value.b + 2, value.b, 30);
        ens_low_address(&value, &a);
        ck_assert_mem_eq(a.b, value.b + 12, 20);
}
END_TEST

/* ---- resolvers ---- */

START_TEST(ens_resolver_is_a_row_or_nothing) {
        struct address a = { { 0x23, 0x1b, 0x0e, 0xe1, 0x40, 0x48, 0xe9, 0xdc, 0xcd, 0x1d, 0x24,
                        0x77, 0x44, 0xd1, 0x14, 0xa4, 0xeb, 0x5e, 0x8e, 0x63 } };
        const struct ens_resolver *r = ens_resolver_find(&a);

        ck_assert_ptr_nonnull(r);
        ck_assert(address_eq(&r->address, &a) && r->layout == ENS_LAYOUT_2023 && r->name);
        ck_assert_str_eq(text_of(&r->code_hash),
                        "19257636fde18e27704b400659de2cbaab55488586c18cd5b6d67f6417c8c19a");
        a.b[19] ^= 1;
        ck_assert_ptr_null(ens_resolver_find(&a));
}
END_TEST

/* ---- strings ---- */

static const struct string_case {
        const char *name, *value;
        int want;
        size_t n, n_words;
} string_cases[] = {
        { "empty", "0000000000000000000000000000000000000000000000000000000000000000", 0, 0, 0 },
        { "three letters", "6162630000000000000000000000000000000000000000000000000000000006", 0, 3,
                        0 },
        { "31 letters", "616161616161616161616161616161616161616161616161616161616161613e", 0, 31,
                        0 },
        { "32 letters in the word",
                        "6161616161616161616161616161616161616161616161616161616161616140",
                        -EBADMSG, 0, 0 },
        { "254 in the lowest byte",
                        "61616161616161616161616161616161616161616161616161616161616161fe",
                        -EBADMSG, 0, 0 },
        { "a letter too many", "6162636400000000000000000000000000000000000000000000000000000006",
                        -EBADMSG, 0, 0 },
        { "dirt before the length",
                        "6162630000000000000000000000000000000000000000000000000000000106",
                        -EBADMSG, 0, 0 },
        { "dirt in the empty one",
                        "0000000000000000000000000000000000000000000000000000000000000100",
                        -EBADMSG, 0, 0 },
        { "32 letters", "0000000000000000000000000000000000000000000000000000000000000041", 0, 32,
                        1 },
        { "33 letters", "0000000000000000000000000000000000000000000000000000000000000043", 0, 33,
                        2 },
        { "128 letters", "0000000000000000000000000000000000000000000000000000000000000101", 0, 128,
                        4 },
        { "129 letters", "0000000000000000000000000000000000000000000000000000000000000103", -E2BIG,
                        0, 0 },
        { "31 letters elsewhere",
                        "000000000000000000000000000000000000000000000000000000000000003f",
                        -EBADMSG, 0, 0 },
        { "none elsewhere", "0000000000000000000000000000000000000000000000000000000000000001",
                        -EBADMSG, 0, 0 },
        { "more than 64 bits", "0000000000000000000000000000000000000000000000010000000000000041",
                        -E2BIG, 0, 0 },
        { "2^255 letters", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                        -E2BIG, 0, 0 },
};

START_TEST(ens_string_case) {
        const struct string_case *c = &string_cases[_i];
        struct hash32 value = hash_of(c->value);
        struct ens_string s = { .n = 77 };
        int r = ens_string_begin(&value, &s);

        ck_assert_msg(r == c->want, "%s: %d", c->name, r);
        ck_assert_uint_eq(s.n, r == 0 ? c->n : 77);
        if (r == 0)
                ck_assert_uint_eq(s.n_words, c->n_words);
        if (r == 0 && s.n_words == 0)
                ck_assert_mem_eq(s.text, value.b, s.n);
}
END_TEST

START_TEST(ens_string_is_its_words) {
        struct hash32 begin = { 0 }, word;
        struct ens_string s;

        begin.b[31] = 2 * 40 + 1;
        ck_assert_int_eq(ens_string_begin(&begin, &s), 0);
        memset(word.b, 'a', sizeof(word.b));
        ck_assert_int_eq(ens_string_word(&s, 2, &word), -EINVAL);
        ck_assert_int_eq(ens_string_word(&s, 0, &word), 0);
        ck_assert_int_eq(ens_string_word(&s, 1, &word), -EBADMSG); /* eight letters, then zeros */
        memset(word.b + 8, 0, 24);
        for (size_t i = 8; i < 32; i++) {
                word.b[i] = 1;
                ck_assert_int_eq(ens_string_word(&s, 1, &word), -EBADMSG);
                word.b[i] = 0;
        }
        memset(word.b, 'b', 8);
        ck_assert_int_eq(ens_string_word(&s, 1, &word), 0);
        ck_assert_uint_eq(s.n, 40);
        for (size_t i = 0; i < 40; i++)
                ck_assert_uint_eq(s.text[i], i < 32 ? 'a' : 'b');
}
END_TEST

START_TEST(ens_string_words_stand_one_behind_the_other) {
        struct hash32 slot = hash_of(NODE), first, next;

        ens_string_word_slot(&slot, 0, &first);
        ens_string_word_slot(&slot, 2, &next);
        ck_assert_uint_eq((uint8_t) (first.b[31] + 2), next.b[31]);
}
END_TEST

int main(void) {
        Suite *s = suite_create("ens");
        TCase *t = tcase_create("ens");

        tcase_add_loop_test(t, ens_node_case, 0, ELEMENTSOF(name_cases));
        tcase_add_loop_test(t, ens_node_takes_what_needs_no_table, 0, ELEMENTSOF(good_names));
        tcase_add_test(t, ens_node_has_a_limit);
        tcase_add_test(t, ens_slots_are_the_contracts);
        tcase_add_test(t, ens_slots_of_2020_have_no_version);
        tcase_add_test(t, ens_text_slot_refuses_what_it_does_not_know);
        tcase_add_test(t, ens_slots_are_added_over_every_byte);
        tcase_add_test(t, ens_version_is_a_uint64);
        tcase_add_test(t, ens_address_is_in_the_low_bytes);
        tcase_add_test(t, ens_resolver_is_a_row_or_nothing);
        tcase_add_loop_test(t, ens_string_case, 0, ELEMENTSOF(string_cases));
        tcase_add_test(t, ens_string_is_its_words);
        tcase_add_test(t, ens_string_words_stand_one_behind_the_other);
        suite_add_tcase(s, t);
        return unit_run(s);
}
