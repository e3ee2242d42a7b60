/* kedgectl doctor on a machine of our making: well when all is well, and each thing that is wrong is
 * found alone. And status --wait. */

#include "unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "config.h"
#include "kedgectl.h"
#include "wire/snapshot.h"

static struct {
        struct query_status status;
        struct query_checkpoint checkpoint;
        struct query_time time;
        struct query_upstream upstream[3];
        struct query_role role;
        unsigned evidence, behind; /* behind: so many times, then following */
        enum query_result evidence_result;
} script;

static char root[PATH_MAX];

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        reply->result = q->index == 0 ? QUERY_OK : QUERY_UNKNOWN;
        switch ((enum query_verb) q->verb) {
        case QUERY_STATUS:
                reply->status = script.status;
                if (script.behind > 0) {
                        script.behind--;
                        reply->status.state = STATE_BEHIND;
                        strcpy(reply->status.text, "catching \033[2Jup");
                }
                break;
        case QUERY_UPSTREAM:
                if (q->item < script.status.n_upstreams)
                        reply->upstream = script.upstream[q->item];
                else
                        reply->result = QUERY_UNKNOWN;
                break;
        case QUERY_ZONE:
                memset(&reply->zone, 0, sizeof(reply->zone));
                strcpy(reply->zone.suffix, "plant.fleet");
                break;
        case QUERY_CHECKPOINT:
                reply->checkpoint = script.checkpoint;
                break;
        case QUERY_TIME:
                reply->time = script.time;
                break;
        case QUERY_ROLE:
                if (q->item < 2)
                        reply->role = script.role;
                else
                        reply->result = QUERY_UNKNOWN;
                break;
        case QUERY_EVIDENCE:
                reply->result = q->index < script.evidence ? script.evidence_result : QUERY_UNKNOWN;
                reply->evidence = (struct query_evidence){ .n = script.evidence };
                break;
        case QUERY_LOGIN:
        case QUERY_CHALLENGE:
        case QUERY_RESPONSE:
        case QUERY_KEY:
        case QUERY_NET:
        case QUERY_NET_PEER:
        case QUERY_RESOLVE:
        case QUERY_LOOKUP:
        case QUERY_EXPLAIN:
        case QUERY_WATCHED:
        case QUERY_PROVE:
                reply->result = QUERY_UNKNOWN;
                break;
        }
        return a->act;
}

static void folder(const char *name) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s%s", root, name);
        ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void file(const char *name, const void *data, size_t n) {
        char path[PATH_MAX];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%.200s%s", root, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(data, 1, n, f), n);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, 0644), 0);
}

static void text(const char *name, const char *data) {
        file(name, data, strlen(data));
}

static void snapshot(const char *path) {
        struct snapshot_entry entry = { .name = "plant.fleet", .answer = agent_record(0) };
        uint8_t boot_id[16] = { 0 }, image[65536];
        size_t n;

        ck_assert_int_eq(snapshot_boot_id(boot_id), 0);
        ck_assert_int_eq(snapshot_build(&entry, 1, boot_id, agent_now_ms(), image, sizeof(image), &n), 0);
        file(path, image, n);
}

static void begin(void) {
        char path[PATH_MAX];

        agent_start(&agent);
        ck_assert_int_eq(chmod(agent.path, 0666), 0);
        agent.fn = says;
        memset(&script, 0, sizeof(script));
        script.status = (struct query_status){
                .version = KEDGE_VERSION, .chain = "diode", .backend = "blockquick",
                .state = STATE_FOLLOWING, .has_head = 1, .has_finalized = 1, .n_chains = 1,
                .n_upstreams = 3, .n_upstreams_up = 3, .n_zones = 1, .uptime_ms = 61000,
        };
        script.status.head.number = 1000;
        for (size_t i = 0; i < 3; i++) {
                (void) snprintf(script.upstream[i].url, sizeof(script.upstream[i].url),
                                "diode://0x01@host%zu:41046", i);
                script.upstream[i].state = 3;
                script.upstream[i].peak = 1500;
        }
        script.checkpoint = (struct query_checkpoint){ .now_s = 1700000000, .limit_s = 1000000 };
        script.checkpoint.anchor.timestamp = 1700000000 - 700000;
        script.time = (struct query_time){ .wall = 1700000000, .lower = 1700000000, .state = STATE_FOLLOWING };
        script.role = (struct query_role){ .role = "tls", .verdict = QUERY_ROLE_FRESH, .state = STATE_FOLLOWING };
        script.evidence_result = QUERY_OK;

        (void) snprintf(root, sizeof(root), "%s", agent.dir);
        folder("/etc");
        folder("/usr");
        folder("/usr/share");
        folder("/usr/share/dbus-1");
        folder("/usr/share/dbus-1/system.d");
        folder("/state");
        folder("/state/public");
        text("/etc/nsswitch.conf", "hosts: files kedge [!UNAVAIL=return] dns\n");
        text("/usr/share/dbus-1/system.d/org.kedge.Agent1.conf", "<busconfig/>\n");
        text("/state/public/suffixes", "plant.fleet\n");
        snapshot("/names");
        (void) snprintf(path, sizeof(path), "%.200s/state", root);
        ck_assert_int_eq(setenv("KEDGE_STATE_DIR", path, 1), 0);
}

static void end(void) {
        char command[PATH_MAX];

        agent_halt(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%.200s'", agent.dir);
        ck_assert_int_eq(system(command), 0);
}

static int doctor(const char *options) {
        char args[PATH_MAX];

        (void) snprintf(args, sizeof(args), "%s doctor --root %.200s", options, root);
        return run(args);
}

/* How many lines begin so. */
static unsigned count(const char *word) {
        unsigned n = 0;

        for (const char *at = out; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
                n += strncmp(at, word, strlen(word)) == 0;
        return n;
}

START_TEST(doctor_finds_nothing_where_all_is_well) {
        json_t *o;

        begin();
        ck_assert_msg(doctor("") == 0, "%s%s", out, err);
        ck_assert_str_eq(err, "");
        ck_assert_uint_eq(count("FAIL"), 0);
        ck_assert_msg(count("warn") == 0, "%s", out);
        ck_assert_uint_eq(count("ok  "), 14);
        ck_assert_ptr_nonnull(strstr(out, "ok    chain       diode: following, its head moved 0 s ago\n"));
        ck_assert_int_eq(doctor("--json"), 0);
        o = parse_out("ok");
        ck_assert_uint_eq(json_array_size(json_object_get(o, "checks")), 14);
        json_decref(o);
        end();
} END_TEST

static void no_agent(void) {
        agent.act = AGENT_CLOSE;
}
static void other_version(void) {
        strcpy(script.status.version, "0.0.9");
}
static void closed_socket(void) {
        ck_assert_int_eq(chmod(agent.path, 0600), 0);
}
static void clock_is_behind(void) {
        script.checkpoint.now_s = UINT64_C(10000000000);
        script.checkpoint.anchor.timestamp = UINT64_C(10000000000) - 1;
}
static void clock_is_nobodys(void) {
        script.time.wall = 0;
}
static void stuck(void) {
        script.status.state = STATE_STUCK;
        strcpy(script.status.text, "two \033headers");
}
static void conflict(void) {
        stuck();
        script.status.conflict = 1;
}
static void stale(void) {
        script.status.state = STATE_STALE;
}
static void behind(void) {
        script.status.state = STATE_BEHIND;
}
static void starting(void) {
        script.status.state = STATE_STARTING;
}
static void too_old(void) {
        script.checkpoint.too_old = 1;
}
static void soon_too_old(void) {
        script.checkpoint.anchor.timestamp = 1700000000 - 750001;
}
static void fork_alarm(void) {
        strcpy(script.status.alarm, "a fork at epoch 7 \033[2J");
}
static void none_up(void) {
        script.status.n_upstreams_up = 0;
}
static void one_up(void) {
        script.status.n_upstreams_up = 1;
}
static void one_host(void) {
        strcpy(script.upstream[0].url, "https://host1/path@else");
        strcpy(script.upstream[2].url, "host1:7");
}
static void a_liar(void) {
        script.upstream[1].lies = 3;
}
static void role_refused(void) {
        script.role.verdict = QUERY_ROLE_REFUSED;
        strcpy(script.role.why, "the head is 2 h old");
}
static void role_served(void) {
        script.role.verdict = QUERY_ROLE_SERVED;
}
static void evidence(void) {
        script.evidence = 2;
}
static void bad_evidence(void) {
        script.evidence = 1;
        script.evidence_result = QUERY_INVALID;
}
static void no_kedge(void) {
        text("/etc/nsswitch.conf", "hosts: files dns\n");
}
static void leaks(void) {
        text("/etc/nsswitch.conf", "hosts: files kedge dns\n");
}
static void remove_file(const char *name) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s%s", root, name);
        ck_assert_int_eq(unlink(path), 0);
}
static void no_nsswitch(void) {
        remove_file("/etc/nsswitch.conf");
}
static void no_suffixes(void) {
        remove_file("/state/public/suffixes");
}
static void bad_suffixes(void) {
        text("/state/public/suffixes", "plant.fleet\n-bad-\n");
}
static void missing_suffix(void) {
        text("/state/public/suffixes", "other.fleet\n");
}
static void open_file(const char *name) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s%s", root, name);
        ck_assert_int_eq(chmod(path, 0666), 0);
}
static void open_suffixes(void) {
        open_file("/state/public/suffixes");
}
static void no_snapshot(void) {
        remove_file("/names");
}
static void bad_snapshot(void) {
        text("/names", "nothing of ours");
}
static void open_snapshot(void) {
        open_file("/names");
}
static void no_policy(void) {
        remove_file("/usr/share/dbus-1/system.d/org.kedge.Agent1.conf");
}
static void no_state(void) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%.200s/nowhere", root);
        ck_assert_int_eq(setenv("KEDGE_STATE_DIR", path, 1), 0);
}

static const struct {
        void (*spoil)(void);
        const char *line; /* how the one line begins that is not ok */
        const char *cure;
        unsigned n; /* such lines; 0: one */
} cases[] = {
        { no_agent, "FAIL  agent", "journalctl -u kedged" },
        { other_version, "FAIL  agent       kedged 0.0.9 runs", "systemctl restart kedged" },
        { closed_socket, "FAIL  agent       not everybody", "chmod 666" },
        { clock_is_behind, "FAIL  clock", "kedge-timed" },
        { clock_is_nobodys, "warn  clock", "chrony" },
        { stuck, "FAIL  chain       diode: stuck: two ?headers", "kedgectl checkpoint show diode" },
        { conflict, "FAIL  chain       diode: stuck", "kedgectl checkpoint accept diode ROOT" },
        { stale, "FAIL  chain       diode: stale", "kedgectl upstreams" },
        { behind, "warn  chain       diode: behind", "kedgectl status --wait" },
        { starting, "warn  chain       diode: starting", "kedgectl status --wait" },
        { too_old, "FAIL  checkpoint", "kedgectl checkpoint fetch diode" },
        { soon_too_old, "warn  checkpoint", "kedgectl checkpoint fetch diode" },
        { fork_alarm, "FAIL  forks       diode: a fork at epoch 7 ?[2J",
          "apt-get -y install --only-upgrade ./*.deb, with all" },
        { none_up, "FAIL  upstreams   diode: none of 3", "systemctl status kedge-fetch" },
        { one_up, "warn  upstreams   diode: one alone", "Upstream=" },
        { one_host, "warn  upstreams   diode: all are on one host", "Upstream=" },
        { a_liar, "warn  upstreams   diode: diode://0x01@host1:41046 has lied 3 times", "take it out" },
        { role_refused, "FAIL  roles       diode: [tls] refused: the head is 2 h old", "kedgectl roles", 2 },
        { role_served, "warn  roles       diode: [tls] served", "kedgectl roles", 2 },
        { evidence, "warn  evidence    2 conflicts", "kedgectl evidence" },
        { bad_evidence, "FAIL  evidence", "journalctl" },
        { no_kedge, "FAIL  nsswitch    kedge is not asked", "hosts: files kedge [!UNAVAIL=return] dns" },
        { leaks, "FAIL  nsswitch    without", "hosts: files kedge [!UNAVAIL=return] dns" },
        { no_nsswitch, "FAIL  nsswitch", "hosts: files kedge [!UNAVAIL=return] dns" },
        { no_suffixes, "FAIL  suffixes", "systemctl enable --now kedged" },
        { bad_suffixes, "FAIL  suffixes", "systemctl restart kedged" },
        { open_suffixes, "FAIL  suffixes", "rm /" },
        { missing_suffix, "FAIL  suffixes", "systemctl restart kedged" },
        { no_snapshot, "FAIL  snapshot", "systemctl restart kedged" },
        { bad_snapshot, "FAIL  snapshot", "systemctl restart kedged" },
        { open_snapshot, "FAIL  snapshot", "rm /" },
        { no_policy, "FAIL  bus", "systemctl reload dbus" },
        { no_state, "FAIL  disk", "systemctl enable --now kedged" },
};

START_TEST(doctor_finds_each_alone) {
        bool fails = cases[_i].line[0] == 'F';
        unsigned n = cases[_i].n ? cases[_i].n : 1;
        const char *line;

        begin();
        cases[_i].spoil();
        ck_assert_msg(doctor("") == (fails ? 1 : 0), "%s: %s", cases[_i].line, out);
        line = strstr(out, cases[_i].line);
        ck_assert_msg(line && count(cases[_i].line) == n, "%s: %s", cases[_i].line, out);
        ck_assert_msg(strstr(line, "; cure: ") && strstr(line, cases[_i].cure) &&
                        strstr(line, cases[_i].cure) < strchr(line, '\n'), "%s: %s", cases[_i].cure, out);
        if (cases[_i].spoil != no_state) /* and then there is no list of suffixes, either */
                ck_assert_msg(count("FAIL") + count("warn") == n, "%s: %s", cases[_i].line, out);
        ck_assert_ptr_null(strchr(out, '\033'));
        end();
} END_TEST

START_TEST(doctor_tells_programs_the_same) {
        json_t *o, *f;
        size_t i;

        begin();
        script.status.n_upstreams_up = 0;
        ck_assert_int_eq(doctor("--json"), 1);
        o = parse_out("failure");
        json_array_foreach(json_object_get(o, "checks"), i, f)
                if (strcmp(json_string_value(json_object_get(f, "level")), "FAIL") == 0)
                        ck_assert_str_eq(json_string_value(json_object_get(f, "check")), "upstreams");
        json_decref(o);
        end();
} END_TEST

START_TEST(status_waits_until_the_chain_is_followed) {
        begin();
        script.behind = 2;
        ck_assert_int_eq(run("status --wait=30"), 0);
        ck_assert_str_eq(err, "diode: behind, catching ?[2Jup, 500 blocks left\ndiode: following\n");
        ck_assert_ptr_nonnull(strstr(out, "diode (blockquick)  following"));
        script.behind = 2;
        ck_assert_int_eq(run("--json --wait status"), 0);
        ck_assert_str_eq(err, "");
        json_decref(parse_out("ok"));
        script.behind = 1000;
        ck_assert_int_eq(run("status --wait=1"), 3);
        script.behind = 0;
        script.status.state = STATE_STUCK; /* no waiting mends it */
        ck_assert_int_eq(run("status --wait"), 4);
        ck_assert_int_eq(run("status --wait=0"), 2);
        agent.act = AGENT_CLOSE;
        ck_assert_int_eq(run("status --wait=1"), 6);
        ck_assert_ptr_nonnull(strstr(err, "the agent does not answer yet\n"));
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl_doctor");
        TCase *t = tcase_create("kedgectl_doctor");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_test(t, doctor_finds_nothing_where_all_is_well);
        tcase_add_loop_test(t, doctor_finds_each_alone, 0, ELEMENTSOF(cases));
        tcase_add_test(t, doctor_tells_programs_the_same);
        tcase_add_test(t, status_waits_until_the_chain_is_followed);
        suite_add_tcase(s, t);
        return unit_run(s);
}
