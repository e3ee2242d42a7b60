/* agent/kedgectl/nsswitch: each way in which the line hosts: keeps our module from working. */

#include "unit.h"

#include "agent/kedgectl/nsswitch.h"

static const struct {
        const char *text;
        enum nsswitch_verdict want;
        const char *word;
} cases[] = {
        { "hosts: files kedge [!UNAVAIL=return] dns\n", NSSWITCH_GOOD, "" },
        { "passwd: files\nhosts:\tfiles  kedge\t[ !unavail=RETURN ] dns # with hosts: in it\n", NSSWITCH_GOOD, "" },
        { "hosts : files kedge[!UNAVAIL=return]dns", NSSWITCH_GOOD, "" },
        { "hosts: kedge", NSSWITCH_GOOD, "" },
        { "hosts: files mymachines kedge [NOTFOUND=return TRYAGAIN=return] resolve [!UNAVAIL=return] dns", NSSWITCH_GOOD, "" },
        { "hosts: files [SUCCESS=merge] kedge myhostname", NSSWITCH_GOOD, "" },
        { "hosts: files [SUCCESS=return TRYAGAIN=return] kedge\n", NSSWITCH_GOOD, "" },
        { "", NSSWITCH_NO_HOSTS, "" },
        { "# hosts: kedge\nhost: kedge\nhostss: kedge\n", NSSWITCH_NO_HOSTS, "" },
        { "hosts: files dns\n", NSSWITCH_NO_KEDGE, "" },
        { "hosts: files kedges dns\n", NSSWITCH_NO_KEDGE, "" },
        { "hosts:", NSSWITCH_NO_KEDGE, "" },
        { "hosts: files dns kedge [!UNAVAIL=return]\n", NSSWITCH_LATE, "dns" },
        { "hosts: resolve [!UNAVAIL=return] files kedge [!UNAVAIL=return] dns\n", NSSWITCH_LATE, "resolve" },
        { "hosts: mdns4_minimal [NOTFOUND=return] kedge\n", NSSWITCH_LATE, "mdns4_minimal" },
        { "hosts: files [NOTFOUND=return] kedge [!UNAVAIL=return] dns\n", NSSWITCH_NEVER, "files" },
        { "hosts: db [UNAVAIL=return] kedge [!UNAVAIL=return] dns\n", NSSWITCH_NEVER, "db" },
        { "hosts: files [!SUCCESS=return] kedge\n", NSSWITCH_NEVER, "files" },
        { "hosts: files kedge dns\n", NSSWITCH_LEAKS, "dns" },
        { "hosts: files kedge [NOTFOUND=return] dns\n", NSSWITCH_LEAKS, "dns" },
        { "hosts: files kedge [TRYAGAIN=return] myhostname resolve\n", NSSWITCH_LEAKS, "resolve" },
        { "hosts: files kedge [!UNAVAIL=return] [TRYAGAIN=continue] dns\n", NSSWITCH_LEAKS, "dns" },
        { "hosts: files kedge [!UNAVAIL=return SUCCESS=merge] dns\n", NSSWITCH_LEAKS, "dns" },
        { "hosts: files kedge [!SUCCESS=return] dns\n", NSSWITCH_CUTS, "dns" },
        { "hosts: files kedge [!UNAVAIL=return UNAVAIL=return] dns\n", NSSWITCH_CUTS, "dns" },
        { "hosts: kedge\nhosts: dns\n", NSSWITCH_MALFORMED, "" },
        { "hosts kedge\n", NSSWITCH_MALFORMED, "" },
        { "hosts: [!UNAVAIL=return] kedge\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge [!UNAVAIL=return\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge [!UNAVAIL]\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge [!UNAVAIL=stop]\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge [NEVER=return]\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge ] dns\n", NSSWITCH_MALFORMED, "" },
        { "hosts: kedge \033[31m\n", NSSWITCH_MALFORMED, "" },
        { "hosts: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa kedge\n", NSSWITCH_MALFORMED, "" },
        { "hosts: a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a kedge\n", NSSWITCH_MALFORMED, "" },
};

START_TEST(nsswitch_judges) {
        struct view text = heap_copy(VIEW_TEXT(cases[_i].text));
        char word[NSSWITCH_WORD_MAX];
        enum nsswitch_verdict v = nsswitch_judge(text, word);

        ck_assert_msg(v == cases[_i].want && strcmp(word, cases[_i].word) == 0, "%s: %d, '%s'",
                        cases[_i].text, (int) v, word);
        heap_drop(text);
} END_TEST

START_TEST(nsswitch_has_a_limit) {
        static char text[NSSWITCH_FILE_MAX + 1];
        char word[NSSWITCH_WORD_MAX];

        memset(text, '\n', sizeof(text));
        memcpy(text, "hosts: kedge", 12);
        ck_assert_int_eq(nsswitch_judge(VIEW(text, NSSWITCH_FILE_MAX), word), NSSWITCH_GOOD);
        ck_assert_int_eq(nsswitch_judge(VIEW(text, NSSWITCH_FILE_MAX + 1), word), NSSWITCH_MALFORMED);
        ck_assert_int_eq(nsswitch_judge(VIEW("hosts: \0 kedge", 14), word), NSSWITCH_MALFORMED);
} END_TEST

int main(void) {
        Suite *s = suite_create("nsswitch");
        TCase *t = tcase_create("nsswitch");

        tcase_add_loop_test(t, nsswitch_judges, 0, ELEMENTSOF(cases));
        tcase_add_test(t, nsswitch_has_a_limit);
        suite_add_tcase(s, t);
        return unit_run(s);
}
