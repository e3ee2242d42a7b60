/* agent/kedged/login: the rule that decides a login. One row of the table is a yes. */

#include "unit.h"

#include <stdio.h>

#include "agent/kedged/login.h"

static struct login_config config;
static struct watch_reply user, host;
static struct query_login got;
static char why[LOOKUP_WHY_MAX];

static void bit(struct hash32 *bits, unsigned n) {
        bits->b[31 - n / 8] |= (uint8_t) (1u << n % 8);
}

static struct login_role *role(unsigned n, const char *service, const char *group) {
        struct login_role *r = &config.role[config.n_roles++];

        r->bit = (uint8_t) n;
        if (strcmp(service, "*") == 0)
                r->any_service = true;
        else
                strcpy(r->service[r->n_services++], service);
        if (group)
                strcpy(r->group[r->n_groups++], group);
        return r;
}

/* alice holds bits 3 and 200; role 3 brings sshd, role 7 sudo, role 200 login where the host has bit 4. */
static void setup(void) {
        struct login_role *r;

        memset(&config, 0, sizeof(config));
        memset(&user, 0, sizeof(user));
        memset(&host, 0, sizeof(host));
        config.on = true;
        (void) role(3, "sshd", "dialout");
        (void) role(7, "sudo", "sudo");
        r = role(200, "login", "audio");
        r->has_hosts = true;
        bit(&r->hosts, 4);
        strcpy(config.denied[config.n_denied++], "mallory");
        user.result = host.result = QUERY_OK;
        user.record_why = SERVED_GRANTED;
        user.answer.final_number = 90;
        user.answer.head_number = 100;
        bit(&user.role, 3);
        bit(&user.role, 200);
        bit(&host.role, 4);
}

static enum login_verdict decide(const char *name, const char *service) {
        const struct login_case c = { .config = &config, .user = name, .service = service,
                                      .record = &user, .host_record = &host };

        memset(&got, 0x55, sizeof(got));
        memset(why, 0x55, sizeof(why));
        login_decide(&c, &got, why);
        ck_assert_ptr_nonnull(memchr(why, 0, sizeof(why)));
        ck_assert(why[0] != 0);
        if (got.verdict != LOGIN_ADMITTED)
                ck_assert_uint_eq(got.n_groups, 0);
        return (enum login_verdict) got.verdict;
}

START_TEST(admits_by_a_role) {
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_str_eq(why, "role 3 brings sshd (final block 90, head 100)");
        ck_assert_uint_eq(got.n_groups, 1);
        ck_assert_str_eq(got.group[0], "dialout");
        ck_assert(hash32_eq(&got.role, &user.role));
        ck_assert(hash32_is_zero(&got.host_role)); /* no role asked for it */
        ck_assert_int_eq(decide("alice", "login"), LOGIN_ADMITTED);
        ck_assert_str_eq(why, "role 200 brings login (final block 90, head 100)");
        ck_assert(hash32_eq(&got.host_role, &host.role));
        ck_assert_str_eq(got.group[0], "audio");
}
END_TEST

START_TEST(denies_without_a_role) {
        ck_assert_int_eq(decide("alice", "sudo"), LOGIN_NO_ROLE);
        ck_assert_str_eq(why, "no role of his brings sudo (final block 90, head 100)");
        ck_assert_int_eq(decide("alice", "su"), LOGIN_NO_ROLE);
        ck_assert_int_eq(decide("alice", "sshd2"), LOGIN_NO_ROLE);
        ck_assert_int_eq(decide("alice", "ssh"), LOGIN_NO_ROLE);
        ck_assert_int_eq(decide("alice", "SSHD"), LOGIN_NO_ROLE);
        memset(&user.role, 0, sizeof(user.role));
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_NO_ROLE);
        memset(&user.role, 0xff, sizeof(user.role));
        user.role.b[31] = 0xf7; /* all but bit 3 */
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_NO_ROLE);
        config.n_roles = 0;
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_NO_ROLE);
}
END_TEST

START_TEST(denied_here_wins) {
        ck_assert_int_eq(decide("mallory", "sshd"), LOGIN_DENIED_HERE);
        user.result = QUERY_UNPROVEN;
        ck_assert_int_eq(decide("mallory", "sshd"), LOGIN_DENIED_HERE);
        user.result = QUERY_OK;
        ck_assert_int_eq(decide("mallor", "sshd"), LOGIN_ADMITTED);
        ck_assert_int_eq(decide("mallory2", "sshd"), LOGIN_ADMITTED);
}
END_TEST

/* Every result of the record, with every reason: one yes. */
START_TEST(record_table) {
        static const struct {
                enum query_result result;
                enum login_verdict want;
        } rows[] = {
                { QUERY_UNPROVEN, LOGIN_UNPROVEN }, { QUERY_OK, LOGIN_ADMITTED },
                { QUERY_ABSENT, LOGIN_NO_RECORD },  { QUERY_STALE, LOGIN_STALE },
                { QUERY_REFUSED, LOGIN_UNPROVEN },  { QUERY_UNKNOWN, LOGIN_UNPROVEN },
                { QUERY_INVALID, LOGIN_INVALID },   { QUERY_DENIED, LOGIN_UNPROVEN },
                { 77, LOGIN_UNPROVEN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (enum served_why w = SERVED_UNPROVEN; w <= SERVED_REVOKED_EARLIER; w++) {
                        bool gone = w == SERVED_REVOKED_AT_HEAD || w == SERVED_REVOKED_EARLIER;

                        user.result = rows[i].result;
                        user.record_why = w;
                        ck_assert_int_eq(decide("alice", "sshd"),
                                        rows[i].result == QUERY_ABSENT && gone ? LOGIN_REVOKED
                                                                               : rows[i].want);
                        if (rows[i].result != QUERY_OK)
                                ck_assert(hash32_is_zero(&got.role));
                }
}
END_TEST

START_TEST(knows_nothing_without_a_record) {
        const struct login_case c = { .config = &config, .user = "alice", .service = "sshd",
                                      .host_record = &host };

        login_decide(&c, &got, why);
        ck_assert_int_eq(got.verdict, LOGIN_UNPROVEN);
        ck_assert_str_eq(why, "his record is not proven: nothing is known of it yet");
}
END_TEST

START_TEST(host_table) {
        static const struct {
                enum query_result result;
                enum login_verdict want;
        } rows[] = {
                { QUERY_UNPROVEN, LOGIN_UNPROVEN }, { QUERY_OK, LOGIN_ADMITTED },
                { QUERY_ABSENT, LOGIN_NO_ROLE },    { QUERY_STALE, LOGIN_STALE },
                { QUERY_REFUSED, LOGIN_UNPROVEN },  { QUERY_UNKNOWN, LOGIN_UNPROVEN },
                { QUERY_INVALID, LOGIN_INVALID },   { QUERY_DENIED, LOGIN_UNPROVEN },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                host.result = rows[i].result;
                ck_assert_int_eq(decide("alice", "login"), rows[i].want);
                ck_assert_int_eq(decide("alice", "sshd"), LOGIN_ADMITTED); /* needs no host */
                ck_assert_int_eq(decide("alice", "sudo"), LOGIN_NO_ROLE);
        }
        host.result = QUERY_OK;
        memset(&host.role, 0xff, sizeof(host.role));
        host.role.b[31] = 0xef; /* all but bit 4 */
        ck_assert_int_eq(decide("alice", "login"), LOGIN_NO_ROLE);
        ck_assert_str_eq(why, "no role of his brings login on this kind of host (final block 90, head 100)");
}
END_TEST

START_TEST(host_unproven_is_no_no) {
        struct login_case c = { .config = &config, .user = "alice", .service = "login",
                                .record = &user };

        login_decide(&c, &got, why);
        ck_assert_int_eq(got.verdict, LOGIN_UNPROVEN);
        /* who has no such role at all is refused whatever the host is */
        memset(&user.role, 0, sizeof(user.role));
        login_decide(&c, &got, why);
        ck_assert_int_eq(got.verdict, LOGIN_NO_ROLE);
        /* and who has another that opens it everywhere gets in, without the groups of the first */
        bit(&user.role, 200);
        bit(&user.role, 9);
        (void) role(9, "login", "video");
        login_decide(&c, &got, why);
        ck_assert_int_eq(got.verdict, LOGIN_ADMITTED);
        ck_assert_uint_eq(got.n_groups, 1);
        ck_assert_str_eq(got.group[0], "video");
}
END_TEST

START_TEST(groups_of_all_roles_that_open_it) {
        bit(&user.role, 7);
        bit(&user.role, 20);
        bit(&user.role, 21);
        strcpy(role(20, "*", "dialout")->group[1], "plugdev");
        config.role[config.n_roles - 1].n_groups = 2;
        (void) role(21, "login", "video");
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_uint_eq(got.n_groups, 2); /* dialout once; not sudo, not video */
        ck_assert_str_eq(got.group[0], "dialout");
        ck_assert_str_eq(got.group[1], "plugdev");

        /* no more than there is room for */
        config.n_roles = 0;
        for (unsigned i = 0; i < 3; i++) {
                struct login_role *r = role(3 + 97 * i, "*", NULL);

                bit(&user.role, r->bit);
                for (r->n_groups = 0; r->n_groups < 4; r->n_groups++)
                        (void) sprintf(r->group[r->n_groups], "g%u", i * 4 + (unsigned) r->n_groups);
        }
        ck_assert_int_eq(decide("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_uint_eq(got.n_groups, LOGIN_GROUPS_MAX);
        ck_assert_str_eq(got.group[7], "g7");
}
END_TEST

START_TEST(any_service) {
        config.role[0].any_service = true;
        ck_assert_int_eq(decide("alice", "anything"), LOGIN_ADMITTED);
        ck_assert_int_eq(decide("alice", ""), LOGIN_ADMITTED);
}
END_TEST

START_TEST(stale_is_told) {
        struct login_case c = { .config = &config, .user = "alice", .service = "sshd",
                                .record = &user, .host_record = &host, .stale = true };

        login_decide(&c, &got, why);
        ck_assert(got.verdict == LOGIN_ADMITTED && got.stale == 1);
}
END_TEST

START_TEST(results_of_verdicts) {
        for (unsigned v = 0; v < LOGIN_VERDICTS; v++)
                ck_assert_int_eq(login_result((enum login_verdict) v) == QUERY_OK, v == LOGIN_ADMITTED);
        ck_assert_int_eq(login_result(LOGIN_UNPROVEN), QUERY_UNPROVEN);
        ck_assert_int_eq(login_result(LOGIN_STALE), QUERY_STALE);
        ck_assert_int_eq(login_result(LOGIN_INVALID), QUERY_INVALID);
        for (unsigned v = LOGIN_DENIED_HERE; v < LOGIN_INVALID; v++)
                ck_assert_int_eq(login_result((enum login_verdict) v), QUERY_DENIED);
        ck_assert_int_eq(login_result((enum login_verdict) 99), QUERY_UNPROVEN);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kedged login");
        TCase *tc = tcase_create("login");

        tcase_add_checked_fixture(tc, setup, NULL);
        tcase_add_test(tc, admits_by_a_role);
        tcase_add_test(tc, denies_without_a_role);
        tcase_add_test(tc, denied_here_wins);
        tcase_add_test(tc, record_table);
        tcase_add_test(tc, knows_nothing_without_a_record);
        tcase_add_test(tc, host_table);
        tcase_add_test(tc, host_unproven_is_no_no);
        tcase_add_test(tc, groups_of_all_roles_that_open_it);
        tcase_add_test(tc, any_service);
        tcase_add_test(tc, stale_is_told);
        tcase_add_test(tc, results_of_verdicts);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
