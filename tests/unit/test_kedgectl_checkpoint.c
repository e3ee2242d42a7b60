/* kedgectl checkpoint: sources compared, roots shown, files written, and what it tells an operator
 * to type next; against a scripted agent and a scripted kedge-fetch. */

#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent.h"
#include "agent/kedgectl/checkpoint.h"
#include "base/hex.h"
#include "core/sha256.h"

#define ROOT_A "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
#define ROOT_B "0x5b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
#define ZEROS  "0x0000000000000000000000000000000000000000000000000000000000000000"

static struct agent agent;
static const char *program;
static char out[16384], err[4096], work[64];

static struct checkpoint_source says(uint64_t slot, uint8_t root) {
        struct checkpoint_source s = { .answered = root != 0, .slot = slot };

        s.root.b[0] = root;
        return s;
}

static const struct {
        const char *what;
        size_t n;
        struct {
                uint64_t slot;
                uint8_t root; /* 0: no answer */
        } s[5];
        enum checkpoint_agreement want;
        size_t best, count;
} judged[] = {
        { "nobody", 0, { { 0, 0 } }, CHECKPOINT_NO_ANSWER, 0, 0 },
        { "no answers", 2, { { 9, 0 }, { 9, 0 } }, CHECKPOINT_NO_ANSWER, 0, 0 },
        { "one", 2, { { 9, 0 }, { 9, 1 } }, CHECKPOINT_ALONE, 1, 1 },
        { "two that say the same", 2, { { 9, 1 }, { 9, 1 } }, CHECKPOINT_AGREED, 0, 2 },
        { "two behind each other", 2, { { 9, 1 }, { 41, 2 } }, CHECKPOINT_ALONE, 1, 1 },
        { "one behind two", 3, { { 9, 1 }, { 41, 2 }, { 41, 2 } }, CHECKPOINT_AGREED, 1, 2 },
        { "one before two", 3, { { 41, 2 }, { 9, 1 }, { 9, 1 } }, CHECKPOINT_AGREED, 1, 2 },
        { "two roots at a slot", 2, { { 9, 1 }, { 9, 2 } }, CHECKPOINT_CONTRADICTION, 0, 1 },
        { "one against four", 5, { { 9, 1 }, { 9, 1 }, { 9, 2 }, { 9, 1 }, { 9, 1 } },
                        CHECKPOINT_CONTRADICTION, 0, 4 },
        { "a contradiction elsewhere", 5, { { 9, 1 }, { 9, 2 }, { 41, 3 }, { 41, 3 }, { 41, 3 } },
                        CHECKPOINT_CONTRADICTION, 2, 3 },
        { "two by two: the newer", 4, { { 9, 1 }, { 9, 1 }, { 41, 3 }, { 41, 3 } },
                        CHECKPOINT_AGREED, 2, 2 },
};

START_TEST(checkpoint_judges_what_sources_say) {
        static struct checkpoint_sources all;
        size_t best = 99, count = 99;

        all.n = judged[_i].n;
        for (size_t i = 0; i < all.n; i++)
                all.source[i] = says(judged[_i].s[i].slot, judged[_i].s[i].root);
        ck_assert_msg(checkpoint_judge(&all, &best, &count) == judged[_i].want, "%s",
                        judged[_i].what);
        ck_assert_msg(best == judged[_i].best && count == judged[_i].count, "%s: %zu, %zu",
                        judged[_i].what, best, count);
}
END_TEST

static const struct {
        const char *text;
        bool good;
} answers[] = {
        { "12345 " ROOT_A "\n", true },
        { "0 " ROOT_A, true },
        { "18446744073709551615 " ROOT_A "\n", true },
        { "18446744073709551616 " ROOT_A "\n", false },
        { "184467440737095516150 " ROOT_A "\n", false },
        { "12345" ROOT_A "\n", false },
        { " " ROOT_A "\n", false },
        { "12345  " ROOT_A "\n", false },
        { "-1 " ROOT_A "\n", false },
        { "12345 " ROOT_A "\n\n", false },
        { "12345 " ROOT_A " x\n", false },
        { "12345 4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95\n", false },
        { "12345 " ZEROS "\n", false },
        { "12345 0x4b\n", false },
        { "", false },
};

START_TEST(checkpoint_reads_answers_strictly) {
        struct view v = heap_copy(VIEW_TEXT(answers[_i].text));
        struct hash32 root;
        uint64_t slot;

        ck_assert_msg((checkpoint_parse(v, &slot, &root) == 0) == answers[_i].good, "%s",
                        answers[_i].text);
        heap_drop(v);
}
END_TEST

START_TEST(checkpoint_is_shown_in_groups) {
        char aloud[CHECKPOINT_ALOUD], brief[10];
        struct hash32 root;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(ROOT_A), root.b, HASH32_SIZE), 0);
        ck_assert_str_eq(checkpoint_aloud(&root, aloud),
                        "4b363db9 4e286120 d76eb905 340fdd4e 54bfe9f0 6bf33ff6 cf5ad27f 511bfe95");
        ck_assert_str_eq(checkpoint_short(&root, brief), "4b36-fe95");
}
END_TEST

/* ---- the program ---- */

static void path_of(const char *name, char ret[160]) {
        (void) snprintf(ret, 160, "%s/%s", work, name);
}

static void put(const char *name, const char *text, mode_t mode) {
        char path[160];
        FILE *f;

        path_of(name, path);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(chmod(path, mode), 0);
}

static void slurp(const char *name, char *ret, size_t cap) {
        char path[160];
        size_t n;
        FILE *f;

        path_of(name, path);
        f = fopen(path, "re");
        ck_assert_msg(f != NULL, "%s", path);
        n = fread(ret, 1, cap - 1, f);
        ret[n] = '\0';
        (void) fclose(f);
}

static int run(const char *args) {
        char command[2048];
        int status;

        (void) snprintf(command, sizeof(command),
                        "KEDGE_RUNTIME_DIR=%s KEDGE_NETWORKS_DIR=%s KEDGE_FETCH=%s/fetch "
                        "KEDGED=%s/kedged '%s' %s >%s/out 2>%s/err",
                        agent.dir, work, work, work, program, args, work, work);
        status = system(command);
        slurp("out", out, sizeof(out));
        slurp("err", err, sizeof(err));
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static enum agent_act answers_one_chain(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) agent_says_script(a, q, reply);
        if (q->index > 0)
                reply->result = QUERY_UNKNOWN;
        if (q->verb != QUERY_UPSTREAM)
                return AGENT_REPLY;
        memset(&reply->upstream, 0, sizeof(reply->upstream));
        reply->result = q->item < 3 ? QUERY_OK : QUERY_UNKNOWN;
        strcpy(reply->upstream.url, q->item == 0   ? "beacon+https://own.example"
                                    : q->item == 1 ? "execution+https://own.example"
                                                   : "beacon+https://hidden.example/...");
        return AGENT_REPLY;
}

/* kedge-fetch, as far as the verb goes: by host. */
static const char fetch[] = "#!/bin/sh\n"
                            "[ \"$1 $3\" = '--checkpoint --verify' ] || exit 2\n"
                            "case \"$2\" in\n"
                            "*a.example) echo \"64 " ROOT_A "\" ;;\n"
                            "*b.example) echo \"64 " ROOT_A "\" ;;\n"
                            "*old.example) echo \"32 " ROOT_B "\" ;;\n"
                            "*liar.example) echo \"64 " ROOT_B "\" ;;\n"
                            "*odd.example) echo \"64 " ROOT_A "\"; exit 1 ;;\n"
                            "*own.example) echo \"64 " ROOT_A "\" ;;\n"
                            "*) printf 'kedge-fetch: \\033[31mno such host\\n' >&2; exit 1 ;;\n"
                            "esac\n";

/* kedged, as far as that goes: there is no chain of this name, and no block of this root. */
static const char kedged[] =
                "#!/bin/sh\n"
                "[ \"$1\" = --check-config ] || exit 2\n"
                "grep -qs -e 'Chain typo' -e " ROOT_B " \"${2#--config=}\".d/*.conf || exit 0\n"
                "echo '<4>k.conf: a warning' >&2\n"
                "echo '<3>k.conf: [Chain typo] has no Upstream=' >&2\n"
                "exit 1\n";

static const char net[] =
                "# a network\n[Network]\nGenesisTime=1600000000\nSecondsPerSlot=12\n"
                "Upstream=beacon+https://a.example\nUpstream=execution+https://x.example\n"
                "Upstream=beacon+https://b.example\n";

static void begin(void) {
        strcpy(work, "/tmp/kedge-checkpoint-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(work));
        ck_assert_int_eq(chmod(work, 0755), 0);
        put("fetch", fetch, 0755);
        put("kedged", kedged, 0755);
        put("devnet.conf", net, 0644);
        agent_start(&agent);
        agent.fn = answers_one_chain;
        agent.script.checkpoint = (struct query_checkpoint){
                .chain = "devnet",
                .backend = "ethereum",
                .network = "devnet",
                .state = 1,
                .anchor = { .number = 64, .timestamp = 1600000768 },
                .now_s = 1600000768 + 183600,
                .limit_s = 14 * 86400,
        };
        ck_assert_int_eq(hex_decode(VIEW_TEXT(ROOT_A), agent.script.checkpoint.anchor.hash.b,
                                         HASH32_SIZE),
                        0);
        agent.script.checkpoint.configured = agent.script.checkpoint.anchor.hash;
}

static void end(void) {
        char command[128];

        agent_stop(&agent);
        (void) snprintf(command, sizeof(command), "rm -rf '%s'", work);
        ck_assert_int_eq(system(command), 0);
}

START_TEST(show_reads_well) {
        json_t *o, *c;

        begin();
        ck_assert_int_eq(run("checkpoint"), 0);
        ck_assert_str_eq(out, "devnet (ethereum)  following\n"
                              "  stands on   64  2020-09-13 12:39:28 UTC\n"
                              "  root        " ROOT_A "\n"
                              "  aloud       4b363db9 4e286120 d76eb905 340fdd4e 54bfe9f0 6bf33ff6 "
                              "cf5ad27f 511bfe95\n"
                              "  short       4b36-fe95\n"
                              "  age         2 days 3 h at least; trusted for 14 days\n"
                              "  configured  " ROOT_A "\n");
        ck_assert_int_eq(run("checkpoint show devnet"), 0);
        ck_assert_int_eq(run("checkpoint show other"), 1);
        ck_assert_ptr_nonnull(strstr(err, "follows no chain of this name"));
        ck_assert_int_eq(run("--json checkpoint show"), 0);
        o = json_loads(out, 0, NULL);
        c = json_array_get(json_object_get(o, "checkpoints"), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(c, "age_s")), 183600);
        ck_assert_str_eq(json_string_value(json_object_get(c, "configured")), ROOT_A);
        ck_assert(json_is_null(json_object_get(c, "accepted")));
        json_decref(o);
        end();
}
END_TEST

START_TEST(show_of_one_too_old_is_3_and_says_what_to_type) {
        begin();
        agent.script.checkpoint.too_old = 1;
        agent.script.checkpoint.state = 4;
        strcpy(agent.script.checkpoint.text, "20 days old");
        ck_assert_int_eq(run("checkpoint show"), 3);
        ck_assert_ptr_nonnull(strstr(out, "  too old     20 days old\n"));
        ck_assert_ptr_nonnull(strstr(out, "kedgectl checkpoint fetch devnet\n"));
        ck_assert_ptr_nonnull(strstr(out, "kedgectl checkpoint accept devnet " ROOT_A "\n"));
        end();
}
END_TEST

START_TEST(fetch_compares_the_agents_servers_and_the_networks) {
        char args[256];
        json_t *o;

        begin();
        ck_assert_int_eq(run("checkpoint fetch devnet"), 0);
        ck_assert_str_eq(err, "");
        ck_assert_ptr_nonnull(strstr(out, "  says        https://own.example: slot 64, " ROOT_A));
        ck_assert_ptr_nonnull(strstr(out, "https://a.example: slot 64"));
        ck_assert_ptr_nonnull(strstr(out, "https://b.example: slot 64"));
        ck_assert_ptr_null(strstr(out, "x.example"));
        ck_assert_ptr_null(strstr(out, "hidden.example"));
        ck_assert_ptr_nonnull(strstr(out, "  agree       3 of 3, on slot 64, 2020-09-13 12:39:28"));
        ck_assert_ptr_nonnull(strstr(
                        out, "  next        kedgectl checkpoint import devnet " ROOT_A "\n"));
        ck_assert_int_eq(run("--json checkpoint fetch devnet"), 0);
        o = json_loads(out, 0, NULL);
        ck_assert_int_eq(json_integer_value(json_object_get(o, "agree")), 3);
        ck_assert_str_eq(json_string_value(json_object_get(o, "root")), ROOT_A);
        ck_assert_uint_eq(json_array_size(json_object_get(o, "sources")), 3);
        json_decref(o);

        agent_halt(&agent); /* the first checkpoint is found before the agent runs */
        ck_assert_int_eq(run("checkpoint fetch devnet"), 0);
        ck_assert_ptr_nonnull(strstr(out, "  agree       2 of 2"));
        ck_assert_int_eq(run("checkpoint fetch other"), 1);
        ck_assert_ptr_nonnull(strstr(err, "nobody to ask"));
        put("k.conf",
                        "[Chain diode]\nNetwork=none\n[Chain home]\nNetwork=devnet\n"
                        "Upstream=beacon+https://own.example\n"
                        "Upstream=beacon+https://me:secret@b.example/x\n[Chain more]\n"
                        "Network=none\n",
                        0644);
        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint fetch home", work);
        ck_assert_int_eq(run(args), 0);
        ck_assert_ptr_nonnull(strstr(out, "  agree       3 of 3"));
        ck_assert_ptr_null(strstr(out, "secret"));
        ck_assert_ptr_nonnull(strstr(out, "  next        kedgectl checkpoint import home 0x"));
        agent_listen(&agent);
        agent_go(&agent);
        end();
}
END_TEST

static const struct {
        const char *urls;
        int code;
        const char *on_out, *on_err;
} fetched[] = {
        { "--url https://a.example --url https://b.example", 0, "agree       2 of 2", "" },
        { "--url https://a.example --url beacon+https://a.example", 4, "agree       1 of 1",
                        "no two sources name the same block" },
        { "--url https://a.example --url https://old.example", 4, "says else   https://old.example",
                        "no two sources name the same block" },
        { "--url https://a.example --url https://b.example --url https://old.example", 0,
                        "agree       2 of 3", "" },
        { "--url https://a.example --url https://b.example --url https://liar.example", 4,
                        "says else   https://liar.example", "contradict each other" },
        { "--url https://a.example --url https://gone.example", 4,
                        "no answer   https://gone.example: kedge-fetch: ?[31mno such host",
                        "no two" },
        { "--url https://odd.example", 6, "no answer   https://odd.example", "no source has" },
};

START_TEST(fetch_exits_as_the_sources_agree) {
        char args[256];
        json_t *o;

        begin();
        (void) snprintf(args, sizeof(args), "%s checkpoint fetch devnet", fetched[_i].urls);
        ck_assert_int_eq(run(args), fetched[_i].code);
        ck_assert_msg(strstr(out, fetched[_i].on_out) != NULL, "%s", out);
        ck_assert_msg(strstr(err, fetched[_i].on_err) != NULL, "%s", err);
        ck_assert_int_eq(fetched[_i].on_err[0] == '\0', err[0] == '\0');
        /* what contradicts itself is not offered for import */
        ck_assert(!strstr(fetched[_i].on_err, "contradict") || !strstr(out, "import"));
        (void) snprintf(args, sizeof(args), "--json %s checkpoint fetch devnet", fetched[_i].urls);
        ck_assert_int_eq(run(args), fetched[_i].code);
        o = json_loads(out, 0, NULL);
        ck_assert(json_is_object(o));
        json_decref(o);
        end();
}
END_TEST

START_TEST(import_and_accept_write_a_drop_in) {
        char args[256], text[512], path[160];
        struct stat st;

        begin();
        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint import devnet " ROOT_A,
                        work);
        ck_assert_int_eq(run(args), 0);
        ck_assert_ptr_nonnull(strstr(out, "systemctl reload-or-restart kedged"));
        slurp("k.conf.d/50-checkpoint-devnet.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "\n[Chain devnet]\nCheckpoint=" ROOT_A "\n"));
        path_of("k.conf.d/50-checkpoint-devnet.conf", path);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0644);
        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint import devnet " ROOT_B,
                        work);
        ck_assert_int_eq(run(args), 0); /* in place of the other */
        slurp("k.conf.d/50-checkpoint-devnet.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "Checkpoint=" ROOT_B "\n"));
        ck_assert_ptr_null(strstr(text, ROOT_A));
        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint accept devnet " ROOT_A,
                        work);
        ck_assert_int_eq(run(args), 0);
        slurp("k.conf.d/50-accept-devnet.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "\n[Chain devnet]\nAcceptOld=" ROOT_A "\n"));
        (void) snprintf(args, sizeof(args),
                        "--config %s/k.conf checkpoint import diode 10000000:" ROOT_A, work);
        ck_assert_int_eq(run(args), 0);
        slurp("k.conf.d/50-checkpoint-diode.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "Checkpoint=10000000:" ROOT_A "\n"));
        ck_assert_int_eq(run("--config /nonexistent/k.conf checkpoint import devnet " ROOT_A), 1);
        ck_assert_ptr_nonnull(strstr(err, "cannot be written: No such file"));
        end();
}
END_TEST

/* ---- a line for another machine ---- */

static struct checkpoint_words good_words(void) {
        struct checkpoint_words c = { .chain = "devnet", .backend = "ethereum", .network = "hoodi",
                                      .chain_id = 560048, .number = 64, .time_s = 1600000768 };

        ck_assert_int_eq(hex_decode(VIEW_TEXT(ROOT_A), c.hash.b, HASH32_SIZE), 0);
        return c;
}

static int parse_line(const char *text) {
        struct view v = heap_copy(VIEW_TEXT(text));
        struct checkpoint_words c;
        int r = checkpoint_line_parse(v, &c);

        heap_drop(v);
        return r;
}

START_TEST(a_line_comes_back_as_it_went) {
        struct checkpoint_words c = good_words(), back;
        char line[CHECKPOINT_LINE_MAX], cut[CHECKPOINT_LINE_MAX];

        checkpoint_line(&c, line);
        ck_assert_ptr_eq(strstr(line, "kedge-checkpoint 1 devnet ethereum hoodi 560048 64 " ROOT_A
                                      " 1600000768 "), line);
        ck_assert_int_eq(checkpoint_line_parse(VIEW_TEXT(line), &back), 0);
        ck_assert_mem_eq(&back, &c, sizeof(c));
        for (size_t i = 0; i < strlen(line); i++) {
                strcpy(cut, line);
                cut[i] ^= 1;
                ck_assert_msg(parse_line(cut) < 0, "byte %zu", i);
                cut[i] = '\0';
                ck_assert_msg(parse_line(cut) < 0, "cut at %zu", i);
        }
        memset(c.network, 0, sizeof(c.network));
        c.number = INT64_MAX;
        checkpoint_line(&c, line);
        ck_assert_int_eq(checkpoint_line_parse(VIEW_TEXT(line), &back), 0);
        ck_assert_mem_eq(&back, &c, sizeof(c));
        strcat(line, "\n");
        ck_assert_int_eq(parse_line(line), 0);
        strcat(line, "\n");
        ck_assert_int_eq(parse_line(line), -EILSEQ);
}
END_TEST

/* Each has a good sum. */
static const struct {
        const char *text;
        int want;
} lines[] = {
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 " ROOT_A " 7 ", 0 },
        { "kedge-checkpoint 1 devnet ethereum - 5 64 " ROOT_A " 7 ", 0 },
        { "kedge-checkpoint 2 devnet ethereum hoodi 5 64 " ROOT_A " 7 ", -EPROTONOSUPPORT },
        { "kedge-checkpoints 1 devnet ethereum hoodi 5 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 - ethereum hoodi 5 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 ../x ethereum hoodi 5 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet - hoodi 5 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet a-backend-of-so-long-a-name hoodi 5 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 05 64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 0x4B363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95 7 ",
                        -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 -64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 " ZEROS " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 0x4b36 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 " ROOT_A " x ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5  64 " ROOT_A " 7 ", -EBADMSG },
        { "kedge-checkpoint 1 devnet ethereum hoodi 5 64 " ROOT_A " 7 8 ", -EBADMSG },
};

START_TEST(a_line_is_read_strictly) {
        char line[CHECKPOINT_LINE_MAX], hex[2 * HASH32_SIZE + 1];
        struct hash32 sum;

        sha256(VIEW_TEXT(lines[_i].text), &sum);
        (void) snprintf(line, sizeof(line), "%s%.16s", lines[_i].text,
                        hex_encode(sum.b, HASH32_SIZE, hex));
        ck_assert_msg(parse_line(line) == lines[_i].want, "%s: %d", line, parse_line(line));
}
END_TEST

START_TEST(export_prints_what_import_takes) {
        char args[256], text[512], line[CHECKPOINT_LINE_MAX + 2];

        begin();
        agent.script.checkpoint.chain_id = 560048;
        ck_assert_int_eq(run("checkpoint export devnet"), 0);
        ck_assert_int_eq(parse_line(out), 0);
        strcpy(line, out);
        put("line", line, 0644);
        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint import %s/line", work, work);
        ck_assert_int_eq(run(args), 0);
        slurp("k.conf.d/50-checkpoint-devnet.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "\n[Chain devnet]\nCheckpoint=" ROOT_A "\n"));

        line[30] ^= 1;
        put("line", line, 0644);
        ck_assert_int_eq(run(args), 4);
        ck_assert_ptr_nonnull(strstr(err, "its sum is wrong"));
        put("line", "nothing of ours\n", 0644);
        ck_assert_int_eq(run(args), 1);
        ck_assert_ptr_nonnull(strstr(err, "holds no line"));
        ck_assert_int_eq(run("checkpoint import /nonexistent/line"), 1);
        ck_assert_ptr_nonnull(strstr(err, "cannot be read: No such file"));

        ck_assert_int_eq(run("checkpoint export other"), 1);
        agent.script.checkpoint.state = 4;
        strcpy(agent.script.checkpoint.text, "block 7: ours 0x1 or 0x2");
        ck_assert_int_eq(run("checkpoint export devnet"), 4);
        ck_assert_ptr_nonnull(strstr(err, "devnet is stuck, so nobody should begin from it: block 7"));
        agent.script.checkpoint.state = 0;
        memset(&agent.script.checkpoint.anchor, 0, sizeof(agent.script.checkpoint.anchor));
        ck_assert_int_eq(run("checkpoint export devnet"), 4);
        ck_assert_ptr_nonnull(strstr(err, "nothing is final here yet"));
        end();
}
END_TEST

START_TEST(a_line_of_another_network_is_not_imported) {
        struct checkpoint_words c = good_words();
        char args[256], line[CHECKPOINT_LINE_MAX];

        begin();
        agent.script.checkpoint.chain_id = 1;
        checkpoint_line(&c, line);
        put("line", line, 0644);
        (void) snprintf(args, sizeof(args), "checkpoint import %s/line", work);
        ck_assert_int_eq(run(args), 1);
        ck_assert_ptr_nonnull(strstr(err, "chain id 560048; chain devnet here is of ethereum, chain id 1"));
        end();
}
END_TEST

static void set_to(const char *chain, const char *root, int want) {
        char args[256];

        (void) snprintf(args, sizeof(args), "--config %s/k.conf checkpoint import %s %s", work,
                        chain, root);
        ck_assert_int_eq(run(args), want);
}

static bool is_there(const char *name) {
        char path[160];

        path_of(name, path);
        return access(path, F_OK) == 0;
}

START_TEST(what_kedged_would_not_start_with_is_taken_back) {
        char text[512];

        begin();
        put("k.conf", "", 0644);
        set_to("typo", ROOT_A, 1);
        ck_assert_ptr_nonnull(strstr(err, "kedged would not start with Checkpoint="));
        ck_assert_ptr_nonnull(strstr(err, ": k.conf: [Chain typo] has no Upstream=\n"));
        ck_assert(!is_there("k.conf.d/50-checkpoint-typo.conf"));
        set_to("devnet", ROOT_A, 0);
        set_to("devnet", ROOT_B, 1);
        slurp("k.conf.d/50-checkpoint-devnet.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "Checkpoint=" ROOT_A "\n"));
        ck_assert(!is_there("k.conf.d/50-checkpoint-devnet.conf.before"));
        ck_assert(!is_there("k.conf.d/50-checkpoint-devnet.conf.new"));
        put("kedged", "", 0644); /* nobody to ask */
        set_to("devnet", ROOT_B, 0);
        ck_assert(!is_there("k.conf.d/50-checkpoint-devnet.conf.before"));
        end();
}
END_TEST

static const struct {
        const char *args, *word;
} usages[] = {
        { "checkpoint forget", "'forget'" },
        { "checkpoint fetch", "needs CHAIN" },
        { "checkpoint fetch a b", "needs CHAIN" },
        { "checkpoint show a b", "needs one CHAIN at most" },
        { "checkpoint import devnet", "needs CHAIN and ROOT" },
        { "checkpoint accept devnet", "needs CHAIN and ROOT" },
        { "checkpoint import ../devnet " ROOT_A, "'../devnet' is not a chain" },
        { "checkpoint import Devnet " ROOT_A, "'Devnet' is not a chain" },
        { "checkpoint import devnet 0x00", "'0x00' is not a root" },
        { "checkpoint import devnet " ZEROS, "is not a root" },
        { "checkpoint accept devnet 5:" ROOT_A, "is not a root" },
        { "checkpoint import devnet x5:" ROOT_A, "is not a root" },
        { "--url", "needs a value" },
};

START_TEST(a_usage_error_is_2_and_writes_nothing) {
        char args[256], path[160];

        begin();
        (void) snprintf(args, sizeof(args), "--config %s/k.conf %s", work, usages[_i].args);
        ck_assert_int_eq(run(args), 2);
        ck_assert_msg(strstr(err, usages[_i].word) != NULL, "%s", err);
        path_of("k.conf.d", path);
        ck_assert_int_eq(access(path, F_OK), -1);
        end();
}
END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl checkpoint");
        TCase *t = tcase_create("checkpoint");

        if (argc != 2) {
                fprintf(stderr, "usage: %s KEDGECTL\n", argv[0]);
                return 2;
        }
        program = argv[1];
        if (setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1) < 0)
                return 2;
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, checkpoint_judges_what_sources_say, 0, ELEMENTSOF(judged));
        tcase_add_loop_test(t, checkpoint_reads_answers_strictly, 0, ELEMENTSOF(answers));
        tcase_add_test(t, checkpoint_is_shown_in_groups);
        tcase_add_test(t, show_reads_well);
        tcase_add_test(t, show_of_one_too_old_is_3_and_says_what_to_type);
        tcase_add_test(t, fetch_compares_the_agents_servers_and_the_networks);
        tcase_add_loop_test(t, fetch_exits_as_the_sources_agree, 0, ELEMENTSOF(fetched));
        tcase_add_test(t, import_and_accept_write_a_drop_in);
        tcase_add_test(t, a_line_comes_back_as_it_went);
        tcase_add_loop_test(t, a_line_is_read_strictly, 0, ELEMENTSOF(lines));
        tcase_add_test(t, export_prints_what_import_takes);
        tcase_add_test(t, a_line_of_another_network_is_not_imported);
        tcase_add_test(t, what_kedged_would_not_start_with_is_taken_back);
        tcase_add_loop_test(t, a_usage_error_is_2_and_writes_nothing, 0, ELEMENTSOF(usages));
        suite_add_tcase(s, t);
        return unit_run(s);
}
