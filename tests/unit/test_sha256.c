/* core/sha256: the examples of FIPS 180-4, and pairs. */

#include "unit.h"

#include "core/sha256.h"

static const struct sha256_case {
        const char *text, *want;
} sha256_cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

START_TEST(sha256_is_sha256) {
        const struct sha256_case *c = &sha256_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        char text[2 * HASH32_SIZE + 1];
        struct hash32 got;

        sha256(in, &got);
        ck_assert_str_eq(hex_encode(got.b, sizeof(got.b), text), c->want);
        heap_drop(in);
} END_TEST

START_TEST(sha256_pair_is_the_hash_of_both_in_order) {
        struct hash32 a, b, want, got;
        uint8_t both[2 * HASH32_SIZE];

        memset(a.b, 1, sizeof(a.b));
        memset(b.b, 2, sizeof(b.b));
        memcpy(both, a.b, sizeof(a.b));
        memcpy(both + sizeof(a.b), b.b, sizeof(b.b));
        sha256(VIEW(both, sizeof(both)), &want);

        sha256_pair(&a, &b, &got);
        ck_assert(hash32_eq(&got, &want));
        got = a;
        sha256_pair(&got, &b, &got);
        ck_assert_msg(hash32_eq(&got, &want), "the result may stand where the first stood");
        got = b;
        sha256_pair(&a, &got, &got);
        ck_assert_msg(hash32_eq(&got, &want), "the result may stand where the second stood");
} END_TEST

int main(void) {
        Suite *s = suite_create("sha256");
        TCase *t = tcase_create("sha256");

        tcase_add_loop_test(t, sha256_is_sha256, 0, ELEMENTSOF(sha256_cases));
        tcase_add_test(t, sha256_pair_is_the_hash_of_both_in_order);
        suite_add_tcase(s, t);
        return unit_run(s);
}
