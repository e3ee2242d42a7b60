/* kedgectl watch against a scripted agent: each change is told once, and an agent that goes away is
 * no end. */

#include "unit.h"

#include "kedgectl.h"

/* What the agent knows: one name, and one chain. */
static struct {
        uint64_t begun_us;
        unsigned looks; /* STATUS was asked so often */
        unsigned changes_at[4], revoked_at, undone_at, again_at; /* looks; 0: never */
        unsigned stuck_at, moved_at, restart_at, gone_from, gone_to;
        bool stands; /* a change that is never newer than the cursor */
} script;

static unsigned changes_so_far(void) {
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(script.changes_at); i++)
                n += script.changes_at[i] > 0 && script.looks >= script.changes_at[i];
        return n;
}

static bool since(unsigned look) {
        return look > 0 && script.looks >= look;
}

static bool is_revoked(void) {
        return (since(script.revoked_at) && !since(script.undone_at)) || since(script.again_at);
}

static void put_status(struct query_reply *reply) {
        script.looks++;
        reply->status = (struct query_status){ .version = "0.1.0", .chain = "diode",
                                               .state = STATE_FOLLOWING, .n_chains = 1,
                                               .has_head = 1, .uptime_ms = 100000 + script.looks };
        reply->status.head.number = 1003;
        if (since(script.moved_at)) {
                reply->status.head.number = 1004;
                reply->status.head.hash.b[0] = 4;
        }
        if (since(script.stuck_at)) {
                reply->status.state = STATE_STUCK;
                strcpy(reply->status.text, "two \033[31mheaders");
        }
        if (since(script.restart_at))
                reply->status.uptime_ms = script.looks;
}

static void put_watched(const struct query_request *q, struct query_reply *reply) {
        uint64_t last = script.begun_us + UINT64_C(3600000000) + changes_so_far();

        if (q->item == 0 || changes_so_far() == 0 || (q->slot >= last && !script.stands)) {
                reply->result = QUERY_UNKNOWN;
                return;
        }
        strcpy(reply->watched.name, "pump1.plant.fleet");
        strcpy(reply->watched.chain, "diode");
        reply->watched.result = QUERY_OK;
        reply->watched.changed_us = script.stands ? q->slot : last;
        reply->watched.head_number = 1003;
}

static void put_explain(const struct query_request *q, struct query_reply *reply) {
        struct query_explain *e = &reply->explain;

        *e = (struct query_explain){ .zone = "plant.fleet", .chain = "diode", .n_fields = 2,
                                     .n_revocations = is_revoked(), .serial = 1 };
        if (q->item == 0) {
                strcpy(e->field, "server_ip");
                strcpy(e->why, "served as finalized; the head's is not final yet");
                memcpy(e->field_final.b, "10.1.2.3", 8);
                if (is_revoked()) {
                        strcpy(e->revoked, "signature");
                        e->revoked_key.b[0] = 0x11;
                        e->revoked_at.number = 1003;
                }
        } else {
                strcpy(e->field, "signature");
                strcpy(e->why, is_revoked() ? "revoked at head" : "granted");
                e->field_final.b[0] = 0x11;
        }
}

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        if (q->verb == QUERY_STATUS)
                put_status(reply);
        else if (q->verb == QUERY_WATCHED)
                put_watched(q, reply);
        else if (q->verb == QUERY_EXPLAIN)
                put_explain(q, reply);
        return since(script.gone_from) && !since(script.gone_to) ? AGENT_CLOSE : AGENT_REPLY;
}

static void begin(void) {
        agent_start(&agent);
        agent.fn = says;
        memset(&script, 0, sizeof(script));
        script.begun_us = agent_now_ms() * 1000;
}

static void end(void) {
        agent_stop(&agent);
}

/* The line's end after its date. */
static void assert_line(const char *text, int n) {
        const char *at = out;

        for (int i = 0; i < n && at; i++)
                at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
        ck_assert_msg(at && strlen(at) > 25 && strncmp(at + 25, text, strlen(text)) == 0, "line %d: %s",
                        n, out);
}

START_TEST(watch_tells_a_revocation_once) {
        begin();
        script.changes_at[0] = script.revoked_at = 2;
        script.changes_at[1] = 4;
        script.changes_at[2] = script.undone_at = 6;
        script.changes_at[3] = script.again_at = 7;
        script.stuck_at = 12; /* so that it ends in any case */
        ck_assert_int_eq(run("watch --count 6"), 0);
        assert_line("Revoked        pump1.plant.fleet  signature 0x1100", 0);
        assert_line("RecordChanged  pump1.plant.fleet  server_ip 10.1.2.3\n", 1);
        assert_line("RecordChanged  pump1.plant.fleet  server_ip 10.1.2.3\n", 2);
        assert_line("RecordChanged  pump1.plant.fleet  server_ip 10.1.2.3, signature 0x1100", 3);
        assert_line("Revoked        pump1.plant.fleet  signature 0x1100", 4);
        assert_line("RecordChanged  pump1.plant.fleet  server_ip 10.1.2.3\n", 5);
        end();
} END_TEST

START_TEST(watch_tells_of_chains) {
        json_t *o;

        begin();
        script.moved_at = 2;
        script.stuck_at = 3;
        ck_assert_int_eq(run("watch --count 1"), 0);
        assert_line("StateChanged   diode  stuck: two ?[31mheaders\n", 0);
        script.looks = 0;
        ck_assert_int_eq(run("--json --heads watch --count 1"), 0);
        o = json_loads(out, 0, NULL);
        ck_assert_str_eq(json_string_value(json_object_get(o, "event")), "HeadChanged");
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "head"), "number")),
                        1004);
        json_decref(o);
        end();
} END_TEST

START_TEST(watch_of_names_tells_of_these) {
        begin();
        script.changes_at[0] = 2;
        script.stuck_at = 4;
        ck_assert_int_eq(run("watch other.plant.fleet --count 1"), 0);
        assert_line("StateChanged   diode  stuck", 0);
        script.looks = 0;
        ck_assert_int_eq(run("watch PUMP1.plant.fleet --count 1"), 0);
        assert_line("RecordChanged  pump1.plant.fleet", 0);
        end();
} END_TEST

START_TEST(watch_survives_the_agent) {
        begin();
        script.gone_from = 3;
        script.gone_to = script.restart_at = 5;
        ck_assert_int_eq(run("watch --count 2"), 0);
        assert_line("AgentLost      agent  the agent closed the connection", 0);
        assert_line("AgentFound     agent  kedged 0.1.0 answers, up 0 s\n", 1);
        memset(&script, 0, sizeof(script));
        script.restart_at = 3; /* so short that nobody noticed */
        ck_assert_int_eq(run("watch --count 1"), 0);
        assert_line("AgentFound     agent", 0);
        end();
} END_TEST

/* A list that does not move on would be asked for without end. */
START_TEST(watch_takes_no_change_twice) {
        begin();
        script.changes_at[0] = 2;
        script.stands = true;
        ck_assert_int_eq(run("watch --count 1"), 0);
        assert_line("AgentLost      agent  the agent's answer does not parse", 0);
        end();
} END_TEST

START_TEST(watch_needs_an_agent_to_begin_with) {
        begin();
        ck_assert_int_eq(run("watch a_b"), 2);
        assert_one_line_on_stderr("'a_b'");
        agent_halt(&agent);
        ck_assert_int_eq(run("watch"), 6);
        assert_one_line_on_stderr("systemctl start kedged");
        agent_remove_dir(&agent);
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_watch");
        TCase *t = tcase_create("kedgectl_watch");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, watch_tells_a_revocation_once);
        tcase_add_test(t, watch_tells_of_chains);
        tcase_add_test(t, watch_of_names_tells_of_these);
        tcase_add_test(t, watch_survives_the_agent);
        tcase_add_test(t, watch_takes_no_change_twice);
        tcase_add_test(t, watch_needs_an_agent_to_begin_with);
        suite_add_tcase(s, t);
        return unit_run(s);
}
