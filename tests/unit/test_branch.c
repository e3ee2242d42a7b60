/* core/branch: where a leaf stands is ours to say. */

#include "unit.h"

#include "core/branch.h"
#include "core/sha256.h"

#define DEPTH 5
#define LEAF  (32 + 23) /* gindex */

/* A tree of 32 leaves; node[g] is the node with gindex g. */
static struct hash32 node[64];

static void plant(void) {
        for (size_t i = 32; i < 64; i++)
                memset(node[i].b, (int) i, 32);
        for (size_t i = 31; i > 0; i--)
                sha256_pair(&node[2 * i], &node[2 * i + 1], &node[i]);
}

static void branch_of(size_t g, struct hash32 *ret) {
        for (; g > 1; g /= 2)
                *ret++ = node[g ^ 1];
}

START_TEST(every_node_is_proven) {
        for (size_t g = 1; g < 64; g++) {
                struct hash32 branch[DEPTH];

                branch_of(g, branch);
                ck_assert_int_eq(branch_verify(&node[1], &node[g], g, branch, branch_depth(g)),
                                BRANCH_PROVEN);
        }
}
END_TEST

START_TEST(a_wrong_bit_proves_nothing) {
        struct hash32 branch[DEPTH], leaf = node[LEAF], root = node[1];

        branch_of(LEAF, branch);
        for (size_t i = 0; i < DEPTH * 256; i++) {
                branch[i / 256].b[i % 256 / 8] ^= (uint8_t) (1 << i % 8);
                ck_assert_int_eq(branch_verify(&node[1], &node[LEAF], LEAF, branch, DEPTH),
                                BRANCH_WRONG_ROOT);
                branch[i / 256].b[i % 256 / 8] ^= (uint8_t) (1 << i % 8);
        }
        leaf.b[31] ^= 1;
        ck_assert_int_eq(branch_verify(&node[1], &leaf, LEAF, branch, DEPTH), BRANCH_WRONG_ROOT);
        root.b[0] ^= 0x80;
        ck_assert_int_eq(branch_verify(&root, &node[LEAF], LEAF, branch, DEPTH), BRANCH_WRONG_ROOT);
        ck_assert_int_eq(branch_verify(&node[1], &node[LEAF], LEAF ^ 1, branch, DEPTH),
                        BRANCH_WRONG_ROOT);
}
END_TEST

START_TEST(the_depth_is_that_of_the_gindex) {
        struct hash32 branch[64] = { 0 };

        branch_of(LEAF, branch);
        ck_assert_int_eq(branch_verify(&node[1], &node[LEAF], LEAF, branch, DEPTH - 1),
                        BRANCH_BAD_SHAPE);
        ck_assert_int_eq(branch_verify(&node[1], &node[LEAF], LEAF, branch, DEPTH + 1),
                        BRANCH_BAD_SHAPE);
        ck_assert_int_eq(branch_verify(&node[1], &node[LEAF], LEAF, branch, 64), BRANCH_BAD_SHAPE);
        ck_assert_int_eq(branch_verify(&node[1], &node[1], 0, branch, 0), BRANCH_BAD_SHAPE);
        ck_assert_int_eq(branch_verify(&node[1], &node[1], 1, branch, 0), BRANCH_PROVEN);
}
END_TEST

START_TEST(a_normalized_branch_has_zeros_in_front) {
        struct hash32 branch[DEPTH + 3] = { 0 };

        branch_of(LEAF, branch + 3);
        ck_assert_int_eq(branch_verify_normalized(&node[1], &node[LEAF], LEAF, branch, DEPTH + 3),
                        BRANCH_PROVEN);
        ck_assert_int_eq(branch_verify_normalized(&node[1], &node[LEAF], LEAF, branch + 3, DEPTH),
                        BRANCH_PROVEN);
        ck_assert_int_eq(branch_verify_normalized(
                                         &node[1], &node[LEAF], LEAF, branch + 3, DEPTH - 1),
                        BRANCH_BAD_SHAPE);
        branch[2].b[31] = 1;
        ck_assert_int_eq(branch_verify_normalized(&node[1], &node[LEAF], LEAF, branch, DEPTH + 3),
                        BRANCH_BAD_SHAPE);
}
END_TEST

START_TEST(depths) {
        ck_assert_uint_eq(branch_depth(1), 0);
        ck_assert_uint_eq(branch_depth(105), 6);
        ck_assert_uint_eq(branch_depth(169), 7);
        ck_assert_uint_eq(branch_depth(2946), 11);
        ck_assert_uint_eq(branch_depth(UINT64_MAX), 63);
}
END_TEST

int main(void) {
        Suite *s = suite_create("branch");
        TCase *t = tcase_create("branch");

        plant();
        tcase_add_test(t, every_node_is_proven);
        tcase_add_test(t, a_wrong_bit_proves_nothing);
        tcase_add_test(t, the_depth_is_that_of_the_gindex);
        tcase_add_test(t, a_normalized_branch_has_zeros_in_front);
        tcase_add_test(t, depths);
        suite_add_tcase(s, t);
        return unit_run(s);
}
