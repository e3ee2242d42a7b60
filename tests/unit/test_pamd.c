/* agent/kedgectl/pamd: stacks as libpam reads and runs them, and whether pam_kedge.so has the last word. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "agent/kedgectl/pamd.h"

#define KEDGE "account [success=ok ignore=ignore default=bad] pam_kedge.so\n"
#define UNIX                                                                                        \
        "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"                    \
        "account requisite pam_deny.so\naccount required pam_permit.so\n"

struct file {
        const char *name, *text;
};

static const struct file common[] = {
        { "kedge", KEDGE },
        { "common-account", UNIX },
        { "both", KEDGE UNIX },
        { "loop", "account include loop\n" },
        { "bomb", "account include bomb2\naccount include bomb2\n" },
        { "bomb2", "account include bomb3\naccount include bomb3\n" },
        { "bomb3", "account include both\naccount include both\naccount include both\n" },
        { "sub", "account sufficient pam_localuser.so\n" KEDGE },
        { "wrong", KEDGE "wrong required pam_permit.so\n" },
        { "done", "account sufficient pam_localuser.so\n" },
        { "/abs", KEDGE UNIX },
        { "other", KEDGE "account required pam_permit.so\n" },
};

static bool find(void *userdata, const char *name, struct view *ret) {
        const char *text = userdata;

        if (strcmp(name, "test") == 0) {
                *ret = VIEW_TEXT(text);
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                if (strcmp(name, common[i].name) == 0) {
                        *ret = VIEW_TEXT(common[i].text);
                        return true;
                }
        return false;
}

static const struct stack_case {
        const char *text;
        enum pamd_verdict want;
        const char *word;
} cases[] = {
        /* What is well. */
        { KEDGE UNIX, PAMD_GOOD, "" },
        { "@include both\n", PAMD_GOOD, "" },
        { "account include both", PAMD_GOOD, "" },
        { "account include /abs\n", PAMD_GOOD, "" },
        { "account required pam_nologin.so\n@include kedge\n@include common-account\n", PAMD_GOOD, "" },
        { "account requisite pam_kedge.so\n" UNIX, PAMD_GOOD, "" },
        { "ACCOUNT Required /lib/x/pam_kedge.so debug\n" UNIX, PAMD_GOOD, "" },
        { "-account required pam_kedge.so\n" UNIX, PAMD_GOOD, "" },
        { "account required pam_kedge.so groups\n" UNIX, PAMD_GOOD, "" }, /* of auth alone */
        { "account [default=bad \\\n  success=ok ignore=ignore] pam_kedge.so # so\n" UNIX, PAMD_GOOD, "" },
        { UNIX KEDGE, PAMD_GOOD, "" }, /* last, and none leads past it */
        { "account substack sub\n" KEDGE "account required pam_permit.so\n", PAMD_GOOD, "" },
        { "auth sufficient pam_permit.so\n" KEDGE UNIX, PAMD_GOOD, "" }, /* another stack */
        { "auth required pam_unix.so\n", PAMD_GOOD, "" }, /* without lines: other */
        { "account sufficient pam_deny.so\n" KEDGE UNIX, PAMD_GOOD, "" }, /* never leads anywhere */
        { KEDGE "account sufficient pam_localuser.so\n" UNIX, PAMD_GOOD, "" }, /* a no sticks */
        /* It is not there. */
        { UNIX, PAMD_ABSENT, "" },
        { "account required pam_kedge2.so\n", PAMD_ABSENT, "" },
        { "#" KEDGE UNIX, PAMD_ABSENT, "" },
        { "session required pam_kedge.so\n" UNIX, PAMD_ABSENT, "" },
        { "account include pam_kedge.so\n", PAMD_ABSENT, "" }, /* a file that is not there */
        /* It is passed by. */
        { "account sufficient pam_localuser.so\n" KEDGE UNIX, PAMD_SKIPPED, "pam_localuser.so" },
        { "@include done\n" KEDGE UNIX, PAMD_SKIPPED, "pam_localuser.so" },
        { "account [success=1 default=ignore] pam_x.so\n" KEDGE UNIX, PAMD_SKIPPED, "pam_x.so" },
        { "account [success=2 default=ignore] pam_x.so\naccount optional pam_y.so\n" KEDGE UNIX,
                        PAMD_SKIPPED, "pam_x.so" },
        { "account [default=done success=ok] pam_x.so\n" KEDGE UNIX, PAMD_GOOD, "" }, /* done, but failing */
        { "account [success=done] pam_x.so\n" KEDGE UNIX, PAMD_SKIPPED, "pam_x.so" },
        { "account substack sub\naccount required pam_permit.so\n", PAMD_SKIPPED, "pam_localuser.so" },
        { "account [success=1 default=ignore] pam_x.so\naccount substack both\naccount required pam_permit.so\n",
                        PAMD_SKIPPED, "pam_x.so" },
        { "account required pam_a.so\naccount sufficient pam_b.so\n" KEDGE, PAMD_SKIPPED, "pam_b.so" },
        /* Its no is not the last word. */
        { "account sufficient pam_kedge.so\n" UNIX, PAMD_WEAK, "pam_unix.so" },
        { "account optional pam_kedge.so\n" UNIX, PAMD_WEAK, "pam_unix.so" },
        { "account optional pam_kedge.so groups\n" UNIX, PAMD_WEAK, "pam_unix.so" }, /* of auth alone */
        { "account [success=ok ignore=ignore authinfo_unavail=ignore default=bad] pam_kedge.so\n" UNIX,
                        PAMD_WEAK, "pam_unix.so" },
        { "account [success=ok perm_denied=1 default=bad] pam_kedge.so\naccount required pam_deny.so\n"
          "account required pam_permit.so\n", PAMD_WEAK, "pam_deny.so" },
        { KEDGE "account [default=reset] pam_x.so\n" UNIX, PAMD_WEAK, "pam_x.so" },
        { KEDGE "account sufficient pam_permit.so\naccount [default=reset] pam_x.so\n" UNIX, PAMD_WEAK,
                        "pam_permit.so" }, /* done does not end what is lost */
        /* Nobody gets in. */
        { KEDGE "account required pam_deny.so\n", PAMD_SHUT, "" },
        { KEDGE, PAMD_SHUT, "" }, /* who is not managed has nobody to say yes */
        { "account [success=ok default=bad] pam_kedge.so\n" UNIX, PAMD_SHUT, "" }, /* ignore is bad */
        { KEDGE "account frobnicate pam_permit.so\n", PAMD_SHUT, "" },
        { KEDGE "account required\n" UNIX, PAMD_SHUT, "" },
        { KEDGE "wrong required pam_permit.so\n" UNIX, PAMD_GOOD, "" }, /* taken for one of auth */
        { "account include wrong\n" UNIX, PAMD_SHUT, "" }, /* here for one of account */
        { "@include wrong\n" UNIX, PAMD_GOOD, "" },
        { KEDGE "account include nowhere\n" UNIX, PAMD_SHUT, "" },
        { KEDGE "account [success=9 default=ignore] pam_x.so\naccount [success=9 default=bad] pam_permit.so\n",
                        PAMD_SHUT, "" },
};

START_TEST(pamd_judges_each_stack) {
        const struct stack_case *c = &cases[_i];
        struct pamd_source source = { find, (void *) (uintptr_t) c->text };
        static struct pamd_stack stack;
        char word[PAMD_MODULE_MAX];
        enum pamd_verdict v;

        ck_assert_msg(pamd_read(&source, "test", PAMD_ACCOUNT, &stack) == 0, "%s", c->text);
        v = pamd_judge(&stack, word);
        ck_assert_msg(v == c->want && strcmp(word, c->word) == 0, "%s: got %d %s", c->text, (int) v, word);
        ck_assert((pamd_kedge(&stack) != NULL) == (v != PAMD_ABSENT));
} END_TEST

START_TEST(pamd_judges_auth_by_itself) {
        static const struct stack_case rows[] = {
                { "auth requisite pam_kedge.so\nauth required pam_unix.so\n", PAMD_GOOD, "" },
                { "auth [success=2 ignore=ignore default=die] pam_kedge.so\n"
                  "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
                  "auth required pam_permit.so\n", PAMD_GOOD, "" },
                { "auth sufficient pam_rootok.so\nauth requisite pam_kedge.so\nauth required pam_unix.so\n",
                  PAMD_GOOD, "" }, /* su of root's */
                { "auth sufficient pam_kedge.so\nauth required pam_unix.so\n", PAMD_WEAK, "pam_unix.so" },
                { "auth sufficient pam_unix.so\nauth required pam_kedge.so\n", PAMD_SKIPPED, "pam_unix.so" },
                /* for setcred alone, as pam_kedge(8) has it for sshd */
                { "auth [success=ok ignore=ignore default=ignore] pam_kedge.so debug groups\n"
                  "auth required pam_unix.so\n", PAMD_ABSENT, "" },
                { "auth required pam_kedge.so groups\nauth requisite pam_kedge.so\nauth required pam_unix.so\n",
                  PAMD_GOOD, "" },
                { "auth required pam_kedge.so groups\nauth sufficient pam_unix.so\nauth required pam_kedge.so\n",
                  PAMD_SKIPPED, "pam_unix.so" },
                { "auth sufficient pam_kedge.so xgroups\nauth required pam_unix.so\n", PAMD_WEAK, "pam_unix.so" },
                { "auth required pam_kedge.so\nwrong required pam_permit.so\nauth required pam_unix.so\n",
                  PAMD_SHUT, "" },
                /* It brings groups alone, and is no word at all. */
                { "auth [success=ok ignore=ignore default=ignore] pam_kedge.so groups\n"
                  "auth required pam_unix.so\n", PAMD_ABSENT, "" },
                { "auth optional /lib/x/pam_kedge.so timeout=1s groups\nauth requisite pam_kedge.so\n"
                  "auth required pam_unix.so\n", PAMD_GOOD, "" },
                { "auth sufficient pam_kedge.so groups\nauth requisite pam_kedge.so\n"
                  "auth required pam_unix.so\n", PAMD_GOOD, "" },
                { "auth optional pam_kedge.so groups2\nauth required pam_unix.so\n", PAMD_WEAK, "pam_unix.so" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct pamd_source source = { find, (void *) (uintptr_t) rows[i].text };
                static struct pamd_stack stack;
                char word[PAMD_MODULE_MAX];

                ck_assert_int_eq(pamd_read(&source, "test", PAMD_AUTH, &stack), 0);
                ck_assert_msg(pamd_judge(&stack, word) == rows[i].want && strcmp(word, rows[i].word) == 0,
                                "%s: %s", rows[i].text, word);
        }
} END_TEST

START_TEST(pamd_reads_no_further_than_libpam) {
        static char text[2 * PAMD_LINE_MAX + 400 * 40];
        struct pamd_source source = { find, text };
        static struct pamd_stack stack;
        size_t n = 0;

        ck_assert_int_eq(pamd_read(&source, "nowhere", PAMD_ACCOUNT, &stack), -ENOENT);
        strcpy(text, "account required pam_kedge.so \\\n");
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), -EBADMSG);
        (void) snprintf(text, sizeof(text), "account required pam_kedge.so %1100s\n", "x");
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), -EBADMSG);
        (void) snprintf(text, sizeof(text), "account required %300s\n", "x");
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), 0);
        (void) snprintf(text, sizeof(text), "account required ");
        memset(text + 17, 'x', 300);
        text[317] = '\0';
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), -E2BIG);
        ck_assert_int_eq(pamd_read(&source, "loop", PAMD_ACCOUNT, &stack), -ELOOP);
        ck_assert_int_eq(pamd_read(&source, "bomb", PAMD_ACCOUNT, &stack), 0);
        for (size_t i = 0; i < PAMD_LINES_MAX + 1; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "account required pam_permit.so\n");
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), -E2BIG);
        text[n - strlen("account required pam_permit.so\n")] = '\0';
        ck_assert_int_eq(pamd_read(&source, "test", PAMD_ACCOUNT, &stack), 0);
        ck_assert_uint_eq(stack.n, PAMD_LINES_MAX);
} END_TEST

int main(void) {
        Suite *s = suite_create("pamd");
        TCase *t = tcase_create("pamd");

        tcase_add_loop_test(t, pamd_judges_each_stack, 0, ELEMENTSOF(cases));
        tcase_add_test(t, pamd_judges_auth_by_itself);
        tcase_add_test(t, pamd_reads_no_further_than_libpam);
        suite_add_tcase(s, t);
        return unit_run(s);
}
