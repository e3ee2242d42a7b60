/* kedgectl who: what this machine says by itself, before the agent is asked; what the agent decides;
 * and the exit code of each. */

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "kedgectl.h"

#define RECORD "_user.alice.plant.fleet"

static struct {
        enum query_result result;
        enum login_verdict verdict;
        bool stale, no_explain;
        unsigned logins;
        enum query_result other; /* of every service but the first; UNPROVEN: the same */
} script;

static struct query_block block(uint64_t number) {
        struct query_block b = { .number = number, .timestamp = 1700000000 + number };

        memset(b.hash.b, (int) number, HASH32_SIZE);
        return b;
}

static void tell_login(const struct query_request *q, struct query_reply *reply) {
        struct query_login *l = &reply->login;

        memset(l, 0, sizeof(*l));
        reply->result = (uint16_t) script.result;
        if (script.other != QUERY_UNPROVEN && strcmp(q->service, "sshd") != 0)
                reply->result = (uint16_t) script.other;
        l->verdict = (uint8_t) script.verdict;
        if (reply->result == QUERY_OK)
                l->verdict = LOGIN_ADMITTED;
        strcpy(reply->reason, "role 3 brings sshd \033[2J");
        if (reply->result == QUERY_UNKNOWN || reply->result == QUERY_REFUSED)
                return;
        strcpy(l->record, RECORD);
        l->state = STATE_FOLLOWING;
        l->stale = script.stale;
        l->age_ms = 12000;
        l->final = block(10);
        l->head = block(17);
        l->role.b[31] = 0x09;
        if (l->verdict == LOGIN_ADMITTED) {
                l->n_groups = 1;
                strcpy(l->group[0], "dialout");
                l->host_role.b[30] = 1;
        }
}

static void tell_explain(const struct query_request *q, struct query_reply *reply) {
        static const char *const fields[] = { "device", "device_next", "ssh", "ssh_next", "role", "role_next" };
        struct query_explain *e = &reply->explain;

        memset(e, 0, sizeof(*e));
        reply->result = q->item < 6 && !script.no_explain && strcmp(q->name, RECORD) == 0
                                        ? QUERY_OK
                                        : QUERY_UNKNOWN;
        strcpy(e->zone, "plant.fleet");
        strcpy(e->chain, "diode");
        e->state = STATE_FOLLOWING;
        e->n_fields = 6;
        e->serial = 7;
        e->final = block(10);
        e->head = block(17);
        strcpy(e->field, fields[q->item % 6]);
        strcpy(e->why, "granted");
        if (q->item == 0)
                memset(e->field_final.b + 12, 0x33, 20);
        if (q->item == 4) {
                e->field_final.b[31] = 0x0b;
                e->field_head.b[31] = 0x09;
                strcpy(e->why, "revoked at head");
        }
        if (q->item == 0)
                e->field_head = e->field_final;
        e->n_revocations = 1;
        if (q->item == 0) {
                strcpy(e->revoked, "role");
                e->revoked_key.b[31] = 2;
                e->revoked_at = block(17);
        }
}

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        enum agent_act act = agent_says_script(a, q, reply);

        if (q->verb == QUERY_LOGIN) {
                script.logins++;
                tell_login(q, reply);
        } else if (q->verb == QUERY_EXPLAIN)
                tell_explain(q, reply);
        else if (q->verb == QUERY_ROLE) {
                memset(&reply->role, 0, sizeof(reply->role));
                strcpy(reply->role.chain, "diode");
                strcpy(reply->role.role, q->item == 0 ? "tls" : "pam");
                reply->role.max_age_ms = q->item == 0 ? 1 : 60000;
                reply->result = q->index == 0 && q->item < 2 ? QUERY_OK : QUERY_UNKNOWN;
        } else
                reply->result = QUERY_UNKNOWN;
        return act;
}

static void conf(const char *text) {
        char path[PATH_MAX];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%.200s/login.conf", agent.dir);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0644), 0);
}

static void begin(void) {
        agent_start(&agent);
        agent.fn = says;
        memset(&script, 0, sizeof(script));
        script.result = QUERY_OK;
        conf("[Login]\nZone=plant.fleet\nManagedUsers=alice bob Carol root\nDenyUsers=mallory\n"
             "BreakGlass=root@console glass\n");
}

static void end(void) {
        char command[PATH_MAX];

        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

static int who(const char *args) {
        char whole[PATH_MAX];

        (void) snprintf(whole, sizeof(whole), "--config %.200s/kedged.conf %s", agent.dir, args);
        return run(whole);
}

START_TEST(who_says_all_of_an_admitted_user) {
        begin();
        ck_assert_msg(who("who alice sshd") == 0, "%s%s", out, err);
        ck_assert_str_eq(err, "");
        ck_assert_str_eq(out,
                        "alice\n"
                        "  here        managed: the chain decides\n"
                        "  sshd        admitted: role 3 brings sshd ?[2J\n"
                        "              group dialout\n"
                        "  record      " RECORD "\n"
                        "  zone        plant.fleet, on chain diode (following)\n"
                        "  device      0x3333333333333333333333333333333333333333: granted\n"
                        "  role        finalized bits 0 1 3, head bits 0 3: revoked at head\n"
                        "  holds       bits 0 3\n"
                        "  this host   bits 8\n"
                        "  finalized   10         2023-11-14 22:13:30 UTC  0x0a0a0a0a0a0a0a0a...\n"
                        "  head        17         2023-11-14 22:13:37 UTC  0x1111111111111111...\n"
                        "  proven      12 s ago\n"
                        "              good for 48 s more unless it is proven anew; then he is refused\n"
                        "\n"
                        "  revoked: role\n"
                        "  value       0x0000000000000000000000000000000000000000000000000000000000000002\n"
                        "  at head     17  0x1111111111111111...\n"
                        "  until       a finalized block at or above it lists it again\n");
        ck_assert_uint_eq(script.logins, 1);
        script.no_explain = true;
        ck_assert_int_eq(who("who alice sshd"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  record      " RECORD "\n  holds       bits 0 3\n"));
        end();
} END_TEST

START_TEST(who_asks_the_usual_services) {
        begin();
        ck_assert_int_eq(who("who alice"), 0);
        ck_assert_uint_eq(script.logins, 3);
        ck_assert(strstr(out, "\n  sshd ") && strstr(out, "\n  login ") && strstr(out, "\n  sudo "));
        script.stale = true;
        ck_assert_int_eq(who("who alice cron"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  stale, served by Stale=serve of [pam]\n"));
        ck_assert_str_eq(agent.last.service, ""); /* the last question was for [pam] */
        script.other = QUERY_STALE; /* the highest code counts */
        ck_assert_int_eq(who("who alice sshd login"), 3);
        end();
} END_TEST

START_TEST(who_tells_programs_the_same) {
        const char *here, *name, *service, *verdict, *record;
        int admitted_age, bit0, bit1, final;
        json_t *o;

        begin();
        ck_assert_int_eq(who("--json who alice sshd"), 0);
        o = parse_out("ok");
        ck_assert_int_eq(json_unpack(o, "{s:s, s:s, s:[{s:s, s:s, s:s, s:i, s:[i, i], s:{s:i}}]}",
                                         "here", &here, "user", &name, "services", "service",
                                         &service, "verdict", &verdict, "record", &record, "age_ms",
                                         &admitted_age, "bits", &bit0, &bit1, "finalized", "number",
                                         &final),
                        0);
        ck_assert_str_eq(here, "managed");
        ck_assert_str_eq(name, "alice");
        ck_assert_str_eq(service, "sshd");
        ck_assert_str_eq(verdict, "admitted");
        ck_assert_str_eq(record, RECORD);
        ck_assert(admitted_age == 12000 && bit0 == 0 && bit1 == 3 && final == 10);
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(o, "explain"), "name")), RECORD);
        ck_assert_int_eq(json_integer_value(json_object_get(o, "max_age_ms")), 60000);
        json_decref(o);
        ck_assert_int_eq(who("--json who nobody-at-all"), 1);
        o = parse_out("failure");
        ck_assert_str_eq(json_string_value(json_object_get(o, "here")), "not managed");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "services")), 0);
        json_decref(o);
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(who("--json who alice"), 6);
        json_decref(parse_out("unreachable"));
        end();
} END_TEST

static const struct answer_case {
        enum query_result result;
        enum login_verdict verdict;
        int code;
        const char *says;
} answers[] = {
        { QUERY_OK, LOGIN_ADMITTED, 0, "  sshd        admitted: role 3" },
        { QUERY_DENIED, LOGIN_NO_ROLE, 1, "  sshd        no role: role 3" },
        { QUERY_DENIED, LOGIN_DENIED_HERE, 1, "  sshd        denied here: " },
        { QUERY_DENIED, LOGIN_NO_RECORD, 5, "  sshd        no record: " },
        { QUERY_DENIED, LOGIN_REVOKED, 5, "  sshd        revoked: " },
        { QUERY_STALE, LOGIN_STALE, 3, "  sshd        stale: " },
        { QUERY_UNPROVEN, LOGIN_UNPROVEN, 4, "  sshd        unproven: " },
        { QUERY_INVALID, LOGIN_INVALID, 1, "  sshd        invalid: " },
        { QUERY_REFUSED, LOGIN_UNPROVEN, 1, "  sshd        refused: " },
        { QUERY_UNKNOWN, LOGIN_UNPROVEN, 1, "  sshd        unknown: " },
};

START_TEST(who_exits_as_the_agent_decides) {
        const struct answer_case *c = &answers[_i];

        begin();
        script.result = c->result;
        script.verdict = c->verdict;
        ck_assert_msg(who("who alice sshd") == c->code, "%s%s", out, err);
        ck_assert_msg(strstr(out, c->says) != NULL, "%s", out);
        ck_assert_ptr_null(strchr(out, '\033'));
        end();
} END_TEST

/* What is decided here asks no agent. */
static const struct here_case {
        const char *conf; /* NULL: the one above; "": none */
        const char *args;
        int code;
        const char *says;
} here_cases[] = {
        { NULL, "who dave", 1, "  here        not managed: kedge has no say" },
        { NULL, "who mallory", 1, "  here        denied: DenyUsers= of login.conf names him" },
        { NULL, "who Carol", 1, "  here        denied: managed, and no record can have this name" },
        { NULL, "who glass", 1, "  here        break-glass: kedge never judges him\n" },
        { "[Login]\nManagedUsers=dave\n", "who alice", 1, "not managed" },
        { "[Login]\nManagedGroup=root\n", "who daemon", 1, "not managed" },
        { "", "who alice", 4, "login.conf is not believed: there is none; nobody but root" },
        { "", "who root", 1, "break-glass: kedge never judges him; /" },
        { "[Logins]\n", "who alice", 4, "is empty, damaged or without [Login]" },
};

START_TEST(who_is_decided_here) {
        const struct here_case *c = &here_cases[_i];

        begin();
        if (c->conf && c->conf[0] == '\0') {
                char path[PATH_MAX];

                (void) snprintf(path, sizeof(path), "%.200s/login.conf", agent.dir);
                ck_assert_int_eq(unlink(path), 0);
        } else if (c->conf)
                conf(c->conf);
        ck_assert_msg(who(c->args) == c->code, "%s: %s%s", c->args, out, err);
        ck_assert_msg(strstr(out, c->says) != NULL, "%s: %s", c->args, out);
        ck_assert_uint_eq(agent.asked, 0);
        end();
} END_TEST

START_TEST(who_knows_the_console_and_a_file_of_others) {
        char path[PATH_MAX];

        begin();
        ck_assert_int_eq(who("who root sshd"), 0); /* managed, but for the console */
        ck_assert_ptr_nonnull(strstr(out, "  here        managed: the chain decides\n"
                                          "              break-glass at a terminal of the machine"));
        conf("[Login]\nManagedGroup=root\n");
        ck_assert_int_eq(who("who root sshd"), 0); /* by his group */
        ck_assert_ptr_nonnull(strstr(out, "managed: the chain"));
        (void) snprintf(path, sizeof(path), "%.200s/login.conf", agent.dir);
        ck_assert_int_eq(chmod(path, 0666), 0);
        ck_assert_int_eq(who("who alice"), 4);
        ck_assert_ptr_nonnull(strstr(out, "others may write to it"));
        end();
} END_TEST

START_TEST(who_refuses_what_is_none) {
        static const struct {
                const char *args, *has;
        } rows[] = {
                { "who", "who needs NAME [SERVICE...]" },
                { "who ''", "not a user's name" },
                { "who 'a b'", "not a user's name" },
                { "who alice .sshd", "'.sshd' is not a service" },
                { "who alice a/b", "'a/b' is not a service" },
                { "who alice ''", "'' is not a service" },
                { "who alice 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", "one word too many" },
        };

        begin();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ck_assert_msg(who(rows[i].args) == 2, "%s", rows[i].args);
                assert_one_line_on_stderr(rows[i].has);
        }
        ck_assert_uint_eq(agent.asked, 0);
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(who("who alice"), 6);
        ck_assert_ptr_nonnull(strstr(out, "  here        managed"));
        assert_one_line_on_stderr("closed the connection");
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_who");
        TCase *t = tcase_create("kedgectl_who");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, who_says_all_of_an_admitted_user);
        tcase_add_test(t, who_asks_the_usual_services);
        tcase_add_test(t, who_tells_programs_the_same);
        tcase_add_loop_test(t, who_exits_as_the_agent_decides, 0, ELEMENTSOF(answers));
        tcase_add_loop_test(t, who_is_decided_here, 0, ELEMENTSOF(here_cases));
        tcase_add_test(t, who_knows_the_console_and_a_file_of_others);
        tcase_add_test(t, who_refuses_what_is_none);
        suite_add_tcase(s, t);
        return unit_run(s);
}
