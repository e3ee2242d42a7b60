/* agent/kedgectl/sshd_conf: which value of sshd_config(5) holds, outside of Match and in it. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "agent/kedgectl/sshd_conf.h"

static int include(void *userdata, struct sshd_conf *conf, const char *pattern, unsigned block,
                unsigned depth) {
        if (strcmp(pattern, "match") == 0)
                return sshd_conf_read(conf, VIEW_TEXT("Match User x\nUsePAM in\n"), block, depth, include,
                                userdata);
        if (strcmp(pattern, "plain") == 0)
                return sshd_conf_read(conf, VIEW_TEXT("UsePAM plain\n"), block, depth, include, userdata);
        if (strcmp(pattern, "loop") == 0)
                return sshd_conf_read(conf, VIEW_TEXT("include loop\n"), block, depth, include, userdata);
        return 0; /* nothing is called so */
}

static const struct conf_case {
        const char *text;
        const char *global, *block1; /* of UsePAM */
        unsigned blocks;
} cases[] = {
        { "", NULL, NULL, 0 },
        { "UsePAM yes\n", "yes", "yes", 0 },
        { "usepam=yes", "yes", "yes", 0 },
        { "\t USEPAM = \"a b\" c\r\n", "a b", "a b", 0 },
        { "UsePAM yes\nUsePAM no\n", "yes", "yes", 0 },
        { "#UsePAM yes\n", NULL, NULL, 0 },
        { "UsePAM #yes\n", "", "", 0 },
        { "UsePAMs yes\n", NULL, NULL, 0 },
        { "UsePAM yes\nMatch User a\nUsePAM no\n", "yes", "no", 1 },
        { "Match User a\nUsePAM no\n", NULL, "no", 1 },
        { "Match User a\nX y\nMatch all\nUsePAM no\n", NULL, NULL, 2 },
        { "Include plain\nUsePAM yes\n", "plain", "plain", 0 },
        { "Include nowhere plain\n", "plain", "plain", 0 },
        { "Include match\nUsePAM yes\n", "yes", "in", 1 }, /* a Match ends with its file */
        { "Match all\nInclude plain\n", NULL, "plain", 1 },
};

START_TEST(sshd_conf_case) {
        const struct conf_case *c = &cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));
        static struct sshd_conf conf;
        const char *got;

        memset(&conf, 0, sizeof(conf));
        ck_assert_int_eq(sshd_conf_read(&conf, in, 0, 0, include, NULL), 0);
        ck_assert_msg(conf.n_blocks == c->blocks, "%s", c->text);
        got = sshd_conf_get(&conf, 0, SSHD_USE_PAM);
        ck_assert_msg(!got == !c->global && (!got || strcmp(got, c->global) == 0), "%s: %s", c->text, got);
        got = sshd_conf_get(&conf, 1, SSHD_USE_PAM);
        ck_assert_msg(!got == !c->block1 && (!got || strcmp(got, c->block1) == 0), "%s: %s", c->text, got);
        heap_drop(in);
} END_TEST

START_TEST(sshd_conf_has_limits) {
        static char text[SSHD_CONF_BLOCKS * 32];
        static struct sshd_conf conf;
        size_t n = 0;

        ck_assert_int_eq(sshd_conf_read(&conf, VIEW_TEXT("Include loop\n"), 0, 0, include, NULL), -ELOOP);
        for (size_t i = 0; i < SSHD_CONF_BLOCKS + 1; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "Match all\n");
        memset(&conf, 0, sizeof(conf));
        ck_assert_int_eq(sshd_conf_read(&conf, VIEW(text, n), 0, 0, include, NULL), -E2BIG);
        memset(&conf, 0, sizeof(conf));
        ck_assert_int_eq(sshd_conf_read(&conf, VIEW(text, n - 10), 0, 0, include, NULL), 0);
        memset(text, 'x', 300);
        memcpy(text, "UsePAM ", 7);
        memset(&conf, 0, sizeof(conf));
        ck_assert_int_eq(sshd_conf_read(&conf, VIEW(text, 300), 0, 0, include, NULL), -E2BIG);
        ck_assert_int_eq(sshd_conf_read(&conf, VIEW(text, 7 + 255), 0, 0, include, NULL), 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("sshd_conf");
        TCase *t = tcase_create("sshd_conf");

        tcase_add_loop_test(t, sshd_conf_case, 0, ELEMENTSOF(cases));
        tcase_add_test(t, sshd_conf_has_limits);
        suite_add_tcase(s, t);
        return unit_run(s);
}
