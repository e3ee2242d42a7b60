/* kedgectl explain, list, roles, evidence against a scripted agent. */

#include "unit.h"

#include "kedgectl.h"

static const char zeros[] = "0x0000000000000000000000000000000000000000000000000000000000000000";

static struct query_explain a_proof(void) {
        struct query_explain e = {
                .zone = "plant.fleet",
                .chain = "diode",
                .final_upstream = "diode://one",
                .head_upstream = "diode://\033[2Jtwo",
                .n_fields = 3,
                .n_revocations = 1,
                .state = STATE_FOLLOWING,
                .slot = 7,
                .proven_ms = agent_now_ms(),
                .final = { .number = 1000, .timestamp = 1700000000 },
                .head = { .number = 1003, .timestamp = 1700000045 },
                .serial = 5,
        };

        e.contract.b[0] = 0xdb;
        e.final_root.b[0] = e.head_root.b[0] = 0x77;
        return e;
}

static void put_item(uint32_t i, struct query_explain *e) {
        e->field_slot.b[31] = (uint8_t) (i + 1);
        if (i == 0) {
                strcpy(e->field, "server_ip");
                strcpy(e->why, "granted");
                memcpy(e->field_final.b, "10.1.2.3", 8);
                memcpy(e->field_head.b, "10.1.2.3", 8);
                strcpy(e->revoked, "signature");
                e->revoked_key.b[0] = 0x11;
                e->revoked_at.number = 1002;
        } else if (i == 1) {
                strcpy(e->field, "signature");
                strcpy(e->why, "revoked at head");
                e->field_final.b[0] = 0x11;
        } else {
                strcpy(e->field, "port");
                strcpy(e->why, "proven absent");
        }
}

static struct {
        unsigned moving; /* so many times another proof comes between two items */
        enum query_result result;
        uint8_t n_fields; /* 0: as the proof has them */
        bool ens, saved;
} script;

static struct query_request explained;

static enum agent_act explains(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        if (q->verb == QUERY_NET) { /* is not of the proof */
                a->asked--;
                reply->result = QUERY_UNKNOWN;
                return AGENT_REPLY;
        }
        explained = *q;
        if (q->verb == QUERY_RESOLVE) {
                reply->result = (uint16_t) script.result;
                return AGENT_REPLY;
        }
        reply->result = a->script.result;
        reply->explain = a_proof();
        put_item(q->item, &reply->explain);
        if (script.ens) {
                reply->explain.kind = 1;
                memset(&reply->explain.contract, 0, ADDRESS_SIZE);
                memset(&reply->explain.field_slot, 0, HASH32_SIZE);
                memset(&reply->explain.final_root, 0, HASH32_SIZE);
                memset(&reply->explain.head_root, 0, HASH32_SIZE);
        }
        if (script.saved)
                reply->explain.proven_ms = reply->explain.final.timestamp =
                                reply->explain.head.timestamp = 0;
        if (script.n_fields > 0)
                reply->explain.n_fields = script.n_fields;
        if (q->item == 1 && script.moving > 0) {
                script.moving--;
                reply->explain.serial++;
        }
        return AGENT_REPLY;
}

static void begin(agent_fn *fn) {
        agent_start(&agent);
        agent.fn = fn;
        script.moving = 0;
        script.result = QUERY_OK;
}

static void end(void) {
        agent_stop(&agent);
}

START_TEST(explain_reads_well) {
        begin(explains);
        ck_assert_int_eq(run("explain Pump1.plant.fleet"), 0);
        ck_assert_str_eq(err, "");
        ck_assert_str_eq(explained.name, "pump1.plant.fleet");
        ck_assert_str_eq(out,
                "pump1.plant.fleet  ok\n"
                "  zone        plant.fleet, on chain diode (following)\n"
                "  contract    0xdb00000000000000000000000000000000000000, mapping at slot 7\n"
                "  storage     root 0x7700000000000000... at head, the same at finalized\n"
                "  proven      0 s ago\n"
                "  finalized   1000       2023-11-14 22:13:20 UTC  0x0000000000000000...\n"
                "              grants are read here; proven by diode://one\n"
                "  head        1003       2023-11-14 22:14:05 UTC  0x0000000000000000...\n"
                "              revocations are read here; proven by diode://?[2Jtwo\n"
                "\n"
                "  server_ip\n"
                "  value       10.1.2.3\n"
                "  so it is    granted\n"
                "  key         pump1.server_ip\n"
                "  slot        0x0000000000000000000000000000000000000000000000000000000000000001\n"
                "\n"
                "  signature\n"
                "  finalized   0x1100000000000000000000000000000000000000000000000000000000000000\n"
                "  head        absent\n"
                "  so it is    revoked at head\n"
                "  key         pump1.signature\n"
                "  slot        0x0000000000000000000000000000000000000000000000000000000000000002\n"
                "\n"
                "  proven absent at both: port\n"
                "\n"
                "  revoked: signature\n"
                "  value       0x1100000000000000000000000000000000000000000000000000000000000000\n"
                "  at head     1002  0x0000000000000000...\n"
                "  until       a finalized block at or above it lists it again\n");
        end();
} END_TEST

/* What is on disk has the blocks' numbers and hashes, and no times. */
START_TEST(explain_of_what_was_saved_before_this_boot_knows_no_time) {
        json_t *o, *head;

        begin(explains);
        script.saved = true;
        ck_assert_int_eq(run("explain pump1.plant.fleet"), 0);
        ck_assert_ptr_nonnull(strstr(out,
                        "  proven      before this boot\n"
                        "  finalized   1000       (time not known)         0x0000000000000000...\n"));
        ck_assert_ptr_nonnull(strstr(out,
                        "  head        1003       (time not known)         0x0000000000000000...\n"));
        ck_assert_int_eq(run("--json explain pump1.plant.fleet"), 0);
        o = parse_out("ok");
        head = json_object_get(o, "head");
        ck_assert(json_is_null(json_object_get(o, "age_ms")));
        ck_assert(json_is_null(json_object_get(head, "timestamp")));
        ck_assert_int_eq(json_integer_value(json_object_get(head, "number")), 1003);
        json_decref(o);
        script.saved = false;
        end();
} END_TEST

START_TEST(explain_tells_it_to_programs) {
        json_t *o, *field;

        begin(explains);
        ck_assert_int_eq(run("--json explain plant.fleet"), 0);
        o = parse_out("ok");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "fields")), 3);
        field = json_array_get(json_object_get(o, "fields"), 1);
        ck_assert_str_eq(json_string_value(json_object_get(field, "key")), "signature");
        ck_assert_str_eq(json_string_value(json_object_get(field, "head")), zeros);
        ck_assert_str_eq(json_string_value(json_object_get(field, "why")), "revoked at head");
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(o, "head"), "upstream")),
                        "diode://?[2Jtwo");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "revocations")), 1);
        json_decref(o);
        end();
} END_TEST

START_TEST(explain_is_of_one_proof) {
        begin(explains);
        script.moving = 3;
        ck_assert_int_eq(run("explain plant.fleet"), 0);
        ck_assert_uint_eq(agent.asked, 1 + 3 * 2 + 3);
        script.moving = 1000;
        ck_assert_int_eq(run("explain plant.fleet"), 1);
        assert_one_line_on_stderr("faster than the proof can be read");
        ck_assert_str_eq(out, "");
        end();
} END_TEST

/* ---- a record that logins stand on ---- */

static unsigned unproven; /* so many questions more */

static enum agent_act explains_alice(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        struct query_explain *e = &reply->explain;

        (void) agent_says_script(a, q, reply);
        if (q->verb != QUERY_EXPLAIN) {
                reply->result = QUERY_REFUSED;
                return AGENT_REPLY;
        }
        if (unproven > 0) {
                unproven--;
                reply->result = QUERY_UNPROVEN;
                strcpy(reply->reason, "it is being proven");
                return AGENT_REPLY;
        }
        reply->result = QUERY_OK;
        *e = a_proof();
        e->n_fields = 2;
        e->result = (uint8_t) script.result;
        strcpy(e->field, q->item == 0 ? "role" : "role_next");
        strcpy(e->why, q->item == 0 ? "granted, but for bits that are revoked" : "granted");
        e->field_final.b[31] = q->item == 0 ? 0x0b : 0x40;
        e->field_head.b[31] = q->item == 0 ? 0x09 : 0x40;
        if (q->item == 0) {
                strcpy(e->revoked, "role");
                e->revoked_key.b[31] = 0x02;
                e->revoked_at.number = 1002;
        }
        return AGENT_REPLY;
}

START_TEST(explain_asks_why_until_a_record_is_proven) {
        begin(explains_alice);
        unproven = 3;
        ck_assert_int_eq(run("explain _user.alice.plant.fleet"), 0);
        ck_assert_uint_eq(agent.asked, 3 + 2);
        ck_assert_ptr_nonnull(strstr(out, "_user.alice.plant.fleet  ok"));
        ck_assert_ptr_nonnull(strstr(out, "  key         _user.alice.role\n"));
        ck_assert_ptr_nonnull(strstr(out,
                        "  so it is    granted, but for bits that are revoked\n"
                        "  granted     0x0000000000000000000000000000000000000000000000000000000000000009\n"));
        ck_assert_ptr_nonnull(strstr(out, "  revoked: role\n"));
        script.result = QUERY_STALE;
        ck_assert_int_eq(run("explain _user.alice.plant.fleet"), 3);
        unproven = 1000000;
        ck_assert_int_eq(run("--timeout 1 explain _user.alice.plant.fleet"), 4);
        assert_one_line_on_stderr("not proven: it is being proven");
        ck_assert_int_eq(run("explain _user.Alice.plant.fleet"), 2);
        assert_one_line_on_stderr("neither a host name nor a record name");
        end();
} END_TEST

/* What kedge knows of a name of ENS has no slots of its own; it is not given any. */
START_TEST(explain_of_ens_says_what_is_true) {
        json_t *o;

        begin(explains);
        script.ens = true;
        ck_assert_int_eq(run("explain plant.eth"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  contract    ENS: the registry, and the resolver that it names\n"));
        ck_assert_ptr_null(strstr(out, "  slot "));
        ck_assert_ptr_null(strstr(out, "  key "));
        ck_assert_ptr_null(strstr(out, "  storage "));
        ck_assert_int_eq(run("--json explain plant.eth"), 0);
        o = parse_out("ok");
        ck_assert(json_is_null(json_object_get(o, "contract")));
        ck_assert(json_is_null(json_object_get(json_object_get(o, "head"), "storage_root")));
        ck_assert(json_is_null(json_object_get(json_array_get(json_object_get(o, "fields"), 0), "slot")));
        json_decref(o);
        script.ens = false;
        end();
} END_TEST

START_TEST(explain_takes_so_many_items) {
        begin(explains);
        script.n_fields = 32;
        ck_assert_int_eq(run("explain plant.fleet"), 0);
        script.n_fields = 33;
        ck_assert_int_eq(run("explain plant.fleet"), 1);
        assert_one_line_on_stderr("does not parse");
        script.n_fields = 0;
        end();
} END_TEST

static const struct {
        enum query_result resolve, explain;
        int code;
        const char *says; /* NULL: it is explained */
} explain_cases[] = {
        { QUERY_OK, QUERY_OK, 0, NULL },
        { QUERY_ABSENT, QUERY_OK, 5, NULL },
        { QUERY_STALE, QUERY_OK, 3, NULL },
        { QUERY_UNPROVEN, QUERY_OK, 4, NULL },
        { QUERY_INVALID, QUERY_OK, 1, NULL },
        { QUERY_UNPROVEN, QUERY_UNPROVEN, 4, "not proven" },
        { QUERY_STALE, QUERY_UNPROVEN, 3, "stale" },
        { QUERY_OK, QUERY_UNPROVEN, 4, "not proven" },
        { QUERY_UNKNOWN, QUERY_OK, 1, "not configured" },
        { QUERY_REFUSED, QUERY_OK, 1, "refused" },
};

START_TEST(explain_exits_as_the_name_does) {
        begin(explains);
        script.result = explain_cases[_i].resolve;
        agent.script.result = (uint16_t) explain_cases[_i].explain;
        ck_assert_int_eq(run("explain plant.fleet"), explain_cases[_i].code);
        if (explain_cases[_i].says)
                assert_one_line_on_stderr(explain_cases[_i].says);
        else
                ck_assert_ptr_nonnull(strstr(out, "  contract    0xdb"));
        end();
} END_TEST

static unsigned refuse; /* so many questions are refused first */

static enum agent_act lists(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        static const char *const names[] = { "a.fleet", "b.fleet", "c.fleet" };
        uint64_t now = agent_now_ms();
        size_t i = 0;

        (void) agent_says_script(a, q, reply);
        while (i < ELEMENTSOF(names) && strcmp(names[i], q->name) <= 0)
                i++;
        reply->result = i < ELEMENTSOF(names) ? QUERY_OK : QUERY_UNKNOWN;
        if (refuse > 0) {
                refuse--;
                reply->result = QUERY_REFUSED;
        }
        if (reply->result != QUERY_OK)
                return AGENT_REPLY;
        strcpy(reply->watched.name, names[i]);
        strcpy(reply->watched.chain, "diode");
        strcpy(reply->watched.why, i == 1 ? "\033[31mbad" : "");
        reply->watched.result = i == 0 ? QUERY_OK : i == 1 ? QUERY_INVALID : QUERY_ABSENT;
        reply->watched.state = STATE_FOLLOWING;
        reply->watched.n_revocations = i == 1 ? 2 : 0;
        reply->watched.proven_ms = i == 2 ? 0 : now - 61500;
        reply->watched.deadline_ms = now + 3601000;
        reply->watched.final_number = 1000;
        reply->watched.head_number = 1003;
        return AGENT_REPLY;
}

START_TEST(list_walks_all_names) {
        json_t *o, *one;

        begin(lists);
        refuse = 2;
        ck_assert_int_eq(run("list"), 0);
        ck_assert_str_eq(err, "");
        ck_assert_ptr_nonnull(strstr(out, "NAME  "));
        ck_assert_ptr_nonnull(strstr(out, "\na.fleet                                  ok        1 min 1 s     1 h"));
        ck_assert_ptr_nonnull(strstr(out, "\nb.fleet                                  invalid   1 min 1 s     -"));
        ck_assert_ptr_nonnull(strstr(out, "\nc.fleet                                  absent    before boot   1 h"));
        ck_assert_int_eq(run("--json list"), 0);
        o = parse_out("ok");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "names")), 3);
        one = json_array_get(json_object_get(o, "names"), 1);
        ck_assert_str_eq(json_string_value(json_object_get(one, "answer")), "invalid");
        ck_assert_str_eq(json_string_value(json_object_get(one, "reason")), "?[31mbad");
        ck_assert_int_eq(json_integer_value(json_object_get(one, "revocations")), 2);
        json_decref(o);
        refuse = 1000;
        ck_assert_int_eq(run("--timeout 1 list"), 1);
        assert_one_line_on_stderr("refused");
        end();
} END_TEST

static enum agent_act has_roles(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        static const char *const roles[] = { "names", "tls", "pam", "net" };

        (void) agent_says_script(a, q, reply);
        reply->result = q->index == 0 && q->item < ELEMENTSOF(roles) ? QUERY_OK : QUERY_UNKNOWN;
        if (reply->result != QUERY_OK)
                return AGENT_REPLY;
        strcpy(reply->role.chain, "diode");
        strcpy(reply->role.role, roles[q->item]);
        reply->role.policy = (uint8_t) (q->item % 3);
        reply->role.verdict = (uint8_t) q->item;
        reply->role.state = STATE_STALE;
        reply->role.max_age_ms = 3600000;
        reply->role.stale_max_ms = 7200000;
        reply->role.age_ms = 5400000;
        if (q->item == 0)
                strcpy(reply->role.why, "too \033old");
        return AGENT_REPLY;
}

START_TEST(roles_read_well) {
        json_t *o;

        begin(has_roles);
        ck_assert_int_eq(run("roles"), 0);
        ck_assert_str_eq(out, "diode  stale, head: 1 h 30 min old\n"
                              "  [names]     refused: too ?old\n"
                              "              MaxAge=1 h, Stale=deny\n"
                              "  [tls]       fresh\n"
                              "              MaxAge=1 h, Stale=serve, StaleMax=2 h\n"
                              "  [pam]       stale, and served\n"
                              "              MaxAge=1 h, Stale=keep\n"
                              "  [net]       stale, what stands is kept\n"
                              "              MaxAge=1 h, Stale=deny\n");
        ck_assert_int_eq(run("--json roles"), 0);
        o = parse_out("ok");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "roles")), 4);
        ck_assert_str_eq(json_string_value(json_object_get(
                                         json_array_get(json_object_get(o, "roles"), 3), "verdict")),
                        "kept");
        json_decref(o);
        end();
} END_TEST

static enum agent_act has_evidence(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        reply->result = q->index < a->script.id ? QUERY_OK : QUERY_UNKNOWN;
        if (reply->result != QUERY_OK)
                return AGENT_REPLY;
        strcpy(reply->evidence.file, "0011223344556677.txt");
        strcpy(reply->evidence.chain, "diode");
        strcpy(reply->evidence.text, "two \033headers");
        reply->evidence.kept_s = 1700000000;
        return AGENT_REPLY;
}

START_TEST(evidence_reads_well) {
        begin(has_evidence);
        ck_assert_int_eq(run("evidence"), 0);
        ck_assert_str_eq(out, "no evidence was kept\n");
        agent.script.id = 1; /* how many files */
        ck_assert_int_eq(run("evidence"), 0);
        ck_assert_str_eq(out, "0011223344556677.txt\n"
                              "  chain       diode\n"
                              "  says        two ?headers\n"
                              "  kept        2023-11-14 22:13:20 UTC, by the system's clock of then\n");
        ck_assert_int_eq(run("--json evidence"), 0);
        json_decref(parse_out("ok"));
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_list");
        TCase *t = tcase_create("kedgectl_list");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, explain_reads_well);
        tcase_add_test(t, explain_tells_it_to_programs);
        tcase_add_test(t, explain_of_what_was_saved_before_this_boot_knows_no_time);
        tcase_add_test(t, explain_is_of_one_proof);
        tcase_add_test(t, explain_asks_why_until_a_record_is_proven);
        tcase_add_test(t, explain_takes_so_many_items);
        tcase_add_test(t, explain_of_ens_says_what_is_true);
        tcase_add_loop_test(t, explain_exits_as_the_name_does, 0, ELEMENTSOF(explain_cases));
        tcase_add_test(t, list_walks_all_names);
        tcase_add_test(t, roles_read_well);
        tcase_add_test(t, evidence_reads_well);
        suite_add_tcase(s, t);
        return unit_run(s);
}
