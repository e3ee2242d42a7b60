/* kedgectl setup: what its words make of a drop-in, which words it refuses, and how a section takes
 * the place of another. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/setup.h"

#define ROOT     "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
#define ZEROS    "0x0000000000000000000000000000000000000000000000000000000000000000"
#define OTHER    "0x2222222222222222222222222222222222222222222222222222222222222222"
#define CONTRACT "0x00112233445566778899aabbccddeeff00112233"
#define NODE     "diode://0x5d9ea629946ef66e5fcb070f11b6cf989b19bf91@a.example:41046"
#define NODE2    "diode://0x5d9ea629946ef66e5fcb070f11b6cf989b19bf92@b.example:41046"
#define DIODE    "--chain diode --checkpoint 1000:" ROOT " --upstream " NODE
#define ZONE     " --zone plant.internal --contract " CONTRACT

static const char *program;
static char work[64], out[16384], err[4096];

/* ---- the text ---- */

static const struct {
        const char *what, *before, *block, *after;
} merges[] = {
        { "nothing yet", "", "[A]\nx=1\n", "\n[A]\nx=1\n" },
        { "a comment alone", "# c\n", "[A]\nx=1\n", "# c\n\n[A]\nx=1\n" },
        { "another one", "[A]\nx=1\n", "[B]\ny=2\n", "[A]\nx=1\n\n[B]\ny=2\n" },
        { "in the place of the same", "[A]\nx=1\n\n[B]\ny=2\n", "[A]\nx=3\n", "[A]\nx=3\n\n[B]\ny=2\n" },
        { "of the last", "[A]\nx=1\n\n[B]\ny=2\n", "[B]\ny=3\n", "[A]\nx=1\n\n[B]\ny=3\n" },
        { "of one with blanks behind", "[A] \t\r\nx=1\n", "[A]\nx=2\n", "[A]\nx=2\n" },
        { "not of one that begins like it", "[AB]\nx=1\n", "[A]\nx=2\n", "[AB]\nx=1\n\n[A]\nx=2\n" },
        { "a section that stands twice", "[A]\nx=1\n[B]\n[A]\nx=2\n", "[A]\nx=3\n", "[A]\nx=3\n\n[B]\n" },
        { "no newline at the end", "[A]\nx=1", "[B]\ny=2\n", "[A]\nx=1\n\n[B]\ny=2\n" },
        { "other hands' comments", "# mine\n[A]\n# why\nx=1\n", "[B]\ny=2\n",
                        "# mine\n[A]\n# why\nx=1\n\n[B]\ny=2\n" },
};

START_TEST(setup_puts_a_section_in_its_place) {
        static char after[SETUP_TEXT_MAX];

        ck_assert_int_eq(setup_merge(merges[_i].before, merges[_i].block, after), 0);
        ck_assert_msg(strcmp(after, merges[_i].after) == 0, "%s: %s", merges[_i].what, after);
        /* and once more changes nothing */
        static char again[SETUP_TEXT_MAX];
        ck_assert_int_eq(setup_merge(after, merges[_i].block, again), 0);
        ck_assert_str_eq(again, after);
}
END_TEST

static const struct {
        const char *what, *before, *block, *after;
} amends[] = {
        { "none yet", "[A]\nx=1\n", "[B]\ny=2\n", "[A]\nx=1\n\n[B]\ny=2\n" },
        { "one key of three", "[A]\nx=1\n# why\ny = 2\nz=3\n\n[B]\ny=9\n", "[A]\ny=4\n",
                        "[A]\nx=1\n# why\ny=4\nz=3\n\n[B]\ny=9\n" },
        { "a new one", "[A]\nx=1\n\n[B]\ny=9\n", "[A]\ny=4\n", "[A]\nx=1\ny=4\n\n[B]\ny=9\n" },
        { "fewer", "[A]\nu=1\nx=1\nu=2\n", "[A]\nu=3\n", "[A]\nu=3\nx=1\n" },
        { "more", "[A]\nu=1\nx=1\n", "[A]\nu=3\nu=4\n", "[A]\nu=3\nu=4\nx=1\n" },
        { "none", "[A]\nu=1\n", "[A]\n", "[A]\nu=1\n" },
        { "no newline at the end", "[A]\nu=1", "[A]\nx=1\n", "[A]\nu=1\nx=1\n" },
        { "no key at all yet", "[A]", "[A]\nx=1\n", "[A]\nx=1\n" },
        { "keys that begin alike, a comment, a colon", "[A]\nxy=1\n#x=1\nx: 1\n", "[A]\nx=2\n",
                        "[A]\nxy=1\n#x=1\nx=2\n" },
};

START_TEST(setup_replaces_single_keys) {
        static char after[SETUP_TEXT_MAX], again[SETUP_TEXT_MAX];

        ck_assert_int_eq(setup_amend(amends[_i].before, amends[_i].block, after), 0);
        ck_assert_msg(strcmp(after, amends[_i].after) == 0, "%s: %s", amends[_i].what, after);
        ck_assert_int_eq(setup_amend(after, amends[_i].block, again), 0);
        ck_assert_str_eq(again, after);
}
END_TEST

START_TEST(setup_keeps_to_what_kedged_reads) {
        static char before[SETUP_TEXT_MAX], after[SETUP_TEXT_MAX];

        memset(before, '#', sizeof(before) - 40);
        strcpy(before + sizeof(before) - 40, "\n[A]\n");
        ck_assert_int_eq(setup_merge(before, "[A]\nx=1\n", after), 0);
        ck_assert_int_eq(setup_amend(before, "[A]\nthis=does not fit any more, by a word or two\n", after),
                        -E2BIG);
        ck_assert_int_eq(setup_merge(before, "[B]\nthis=does not fit any more, by a word or two\n", after),
                        -E2BIG);
}
END_TEST

/* ---- the words ---- */

static void write_file(const char *name, const char *text) {
        char path[128];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", work, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

static void slurp(const char *name, char *ret, size_t cap) {
        char path[128];
        size_t n;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", work, name);
        f = fopen(path, "re");
        ck_assert_msg(f != NULL, "%s", path);
        n = fread(ret, 1, cap - 1, f);
        ret[n] = '\0';
        fclose(f);
}

static int run(const char *args) {
        char command[4096];
        int status;

        (void) snprintf(command, sizeof(command),
                        "KEDGE_RUNTIME_DIR=%s/none KEDGED=%s/kedged '%s' --config %s/k.conf "
                        "setup %s </dev/null >%s/out 2>%s/err",
                        work, work, program, work, args, work, work);
        status = system(command);
        slurp("out", out, sizeof(out));
        slurp("err", err, sizeof(err));
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* config: behind the section [Agent]. */
static void begin(const char *config) {
        char path[128], agent[1024];

        strcpy(work, "/tmp/kedge-setup-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(work));
        (void) snprintf(path, sizeof(path), "%s/networks.d", work);
        ck_assert_int_eq(symlink(SHIPPED, path), 0);
        (void) snprintf(agent, sizeof(agent), "[Agent]\nNetworksDirectory=%s\n%s", path, config);
        write_file("k.conf", agent);
        /* What kedged is, as far as that goes: it refuses what has the word bad in it. */
        write_file("kedged", "#!/bin/sh\nf=${2#--config=}\ngrep -qs bad \"$f.d/50-setup.conf\" || exit 0\n"
                             "echo \"<3>$f.d/50-setup.conf: it is bad\" >&2\nexit 1\n");
        (void) snprintf(path, sizeof(path), "%s/kedged", work);
        ck_assert_int_eq(chmod(path, 0755), 0);
}

static void end(void) {
        char command[128];

        (void) snprintf(command, sizeof(command), "rm -r '%s'", work);
        ck_assert_int_eq(system(command), 0);
}

static const struct {
        const char *args, *text; /* behind the comment */
} written[] = {
        { DIODE, "\n[Chain diode]\nBackend=blockquick\nChainId=15\nCheckpoint=1000:" ROOT "\nUpstream=" NODE "\n" },
        { DIODE " --upstream " NODE2 " --chain-id 5777 --fleet " CONTRACT ZONE " --slot 7",
                        "\n[Chain diode]\nBackend=blockquick\nChainId=5777\nCheckpoint=1000:" ROOT "\nUpstream=" NODE
                        "\nUpstream=" NODE2 "\nFleet=" CONTRACT "\n\n[Zone plant.internal]\nChain=diode\nContract="
                        CONTRACT "\nSlot=7\n" },
        { "--chain mainnet --checkpoint " ROOT " --zone Plant.Internal --kind ens",
                        "\n[Chain mainnet]\nCheckpoint=" ROOT "\n\n[Zone plant.internal]\nChain=mainnet\nKind=ens\n" },
        { "--chain home --network sepolia --checkpoint " ROOT " --upstream beacon+https://b.example"
          " --upstream execution+https://e.example" ZONE,
                        "\n[Chain home]\nNetwork=sepolia\nCheckpoint=" ROOT "\nUpstream=beacon+https://b.example\n"
                        "Upstream=execution+https://e.example\n\n[Zone plant.internal]\nChain=home\nContract=" CONTRACT
                        "\nSlot=0\n" },
        { "--chain plant --backend blockquick --chain-id 9 --checkpoint 1000:" ROOT " --upstream " NODE,
                        "\n[Chain plant]\nBackend=blockquick\nChainId=9\nCheckpoint=1000:" ROOT "\nUpstream=" NODE "\n" },
};

START_TEST(setup_writes_what_it_was_told) {
        char args[2048], text[4096], path[128];
        struct stat st;

        begin("");
        (void) snprintf(args, sizeof(args), "%s --print", written[_i].args);
        ck_assert_msg(run(args) == 0, "%s", err);
        ck_assert_msg(strncmp(out, setup_head, strlen(setup_head)) == 0, "%s", out);
        ck_assert_str_eq(out + strlen(setup_head), written[_i].text);
        (void) snprintf(path, sizeof(path), "%s/k.conf.d", work);
        ck_assert_int_eq(access(path, F_OK), -1); /* --print leaves all as it is */

        (void) snprintf(args, sizeof(args), "%s --no-wait", written[_i].args);
        ck_assert_msg(run(args) == 0, "%s", err);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_str_eq(text + strlen(setup_head), written[_i].text);
        (void) snprintf(path, sizeof(path), "%s/k.conf.d/50-setup.conf", work);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0644);
        ck_assert_int_eq(run("--undo"), 0);
        ck_assert_int_eq(access(path, F_OK), -1);
        ck_assert_int_eq(run("--undo"), 1);
        end();
}
END_TEST

static const struct {
        const char *args, *says;
} refused[] = {
        { "", "--chain is missing: Which chain" },
        { "--chain Diode", "--chain 'Diode' is not a chain's name" },
        { "--chain diode", "--upstream is missing" },
        { "--chain diode --upstream " NODE, "--checkpoint is missing" },
        { "--chain diode --upstream x://y", "--upstream 'x://y' does not start with diode://" },
        { "--chain diode --upstream " NODE " --upstream " NODE, "stands twice" },
        { "--chain diode --upstream beacon+https://b.example", "is no node of Diode's" },
        { "--chain diode --upstream " NODE " --checkpoint " ROOT, "has no number" },
        { "--chain diode --upstream " NODE " --checkpoint 99:" ROOT, "is too low" },
        { "--chain diode --upstream " NODE " --checkpoint 99:" ZEROS, "not a value of --checkpoint:" },
        { "--chain diode --fleet 0x12 --upstream " NODE, "--fleet '0x12' is not an address" },
        { "--chain diode --backend other", "--backend 'other' is not a backend of ours" },
        { "--chain diode --network none", "--network 'none' has no file" },
        { "--chain diode --network ../x", "--network '../x' is not a chain's name" },
        { "--chain plant", "--backend is missing" },
        { "--chain plant --backend blockquick", "--chain-id is missing" },
        { "--chain mainnet --checkpoint 1000:" ROOT, "has a number" },
        { "--chain mainnet --checkpoint " ROOT " --upstream " NODE, "is no server of Ethereum's" },
        { "--chain mainnet --checkpoint " ROOT " --upstream beacon+https://a:b@b.example", "has a password" },
        { "--chain mainnet --checkpoint " ROOT " --fleet " CONTRACT, "--fleet is of Diode's" },
        { DIODE " --zone plant.internal", "--contract is missing" },
        { DIODE " --contract " CONTRACT, "--zone is missing" },
        { DIODE " --zone plant.internal --kind ens", "is of Ethereum's chains alone" },
        { DIODE " --zone plant.internal --kind odd", "is neither map nor ens" },
        { "--chain mainnet --checkpoint " ROOT ZONE " --kind ens", "--kind ens has neither" },
        { DIODE ZONE " --try pump1.other.internal", "is not a name of this zone" },
        { DIODE ZONE " --try 'a b'", "is not a host name" },
        { DIODE " --try pump1.plant.internal", "--try needs --zone" },
        { DIODE " --live --print", "--live has neither" },
        { "--zone 'a b' --chain diode", "not a value of --zone:" },
};

START_TEST(setup_refuses_and_writes_nothing) {
        char path[128];

        begin("");
        ck_assert_int_eq(run(refused[_i].args), 2);
        ck_assert_msg(strstr(err, refused[_i].says) != NULL, "%s: %s", refused[_i].args, err);
        ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1, "one line: %s", err);
        (void) snprintf(path, sizeof(path), "%s/k.conf.d", work);
        ck_assert_int_eq(access(path, F_OK), -1);
        end();
}
END_TEST

START_TEST(setup_adds_to_what_it_wrote_and_replaces_its_own_only) {
        char text[4096], was[4096];

        begin("[Chain far]\nBackend=blockquick\nChainId=3\nCheckpoint=1000:" ROOT "\nUpstream=" NODE "\n"
              "[Zone far.internal]\nChain=far\nContract=" CONTRACT "\n");
        ck_assert_int_eq(run(DIODE ZONE " --no-wait"), 0);
        ck_assert_int_eq(run("--chain diode --zone two.internal --contract " CONTRACT " --no-wait"), 0);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "[Zone plant.internal]\n"));
        ck_assert_ptr_nonnull(strstr(text, "[Zone two.internal]\n"));
        ck_assert_int_eq(run("--chain diode --zone two.internal --contract " CONTRACT " --slot 5 --no-wait"), 0);
        ck_assert_ptr_nonnull(strstr(out, "- Slot=0") ? out : strstr(out, "+ Slot=5"));
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, "[Zone two.internal]\nChain=diode\nContract=" CONTRACT "\nSlot=5\n"));
        ck_assert_int_eq(run("--chain diode --zone two.internal --no-wait"), 0);
        ck_assert_ptr_nonnull(strstr(out, "unchanged"));

        /* what stands elsewhere is not ours to change */
        memcpy(was, text, sizeof(was));
        ck_assert_int_eq(run("--chain far --upstream " NODE2 " --no-wait"), 2);
        ck_assert_ptr_nonnull(strstr(err, "chain far is configured already, and not in"));
        ck_assert_int_eq(run("--chain far --zone far.internal --contract " CONTRACT " --slot 9 --no-wait"), 2);
        ck_assert_ptr_nonnull(strstr(err, "zone far.internal is configured already, and not in"));
        ck_assert_int_eq(run("--chain far --no-wait"), 2);
        ck_assert_ptr_nonnull(strstr(err, "--zone is missing"));
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_str_eq(text, was);
        ck_assert_int_eq(run("--chain far --zone three.internal --contract " CONTRACT " --no-wait"), 0);
        end();
}
END_TEST

/* Whatever stands in a chain's section, of an earlier run or by hand, outlives what is not about it. */
START_TEST(setup_replaces_of_a_chain_what_is_said) {
        static const char own[] = "[Chain hoodi]\n# ours\nUpstream=beacon+https://b.example\nCheckpoint=" ROOT "\nUpstream="
                                  "execution+https://e.example\nDailyBytes=20MB\n\n[Zone a.internal]\nChain=hoodi\nKind=ens\n";
        static const char diode[] = "[Chain diode]\nBackend=blockquick\nChainId=15\nCheckpoint=1000:" ROOT "\nUpstream=" NODE
                                    "\nFleet=" CONTRACT "\nHeadShare=40\n";
        char path[128], text[4096], want[4096];

        begin("");
        (void) snprintf(path, sizeof(path), "%s/k.conf.d", work);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        write_file("k.conf.d/50-setup.conf", own);
        ck_assert_msg(run("--chain hoodi --checkpoint " OTHER " --yes --no-wait") == 0, "%s", err);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        (void) snprintf(want, sizeof(want), "%s", own);
        memcpy(strstr(want, ROOT), OTHER, strlen(OTHER));
        ck_assert_str_eq(text, want);
        ck_assert_int_eq(run("--chain hoodi --checkpoint " OTHER " --no-wait"), 0);
        ck_assert_ptr_nonnull(strstr(out, "unchanged"));
        ck_assert_int_eq(run("--chain hoodi --fleet " CONTRACT " --no-wait"), 2);
        ck_assert_int_eq(run("--chain hoodi --upstream " NODE " --no-wait"), 2);

        /* the cures that the doctor names; the only chain need not be said */
        write_file("k.conf.d/50-setup.conf", diode);
        ck_assert_msg(run("--upstream " NODE " --upstream " NODE2 " --no-wait") == 0, "%s", err);
        ck_assert_int_eq(run("--checkpoint 2000:" OTHER " --no-wait"), 0);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_str_eq(text, "[Chain diode]\nBackend=blockquick\nChainId=15\nCheckpoint=2000:" OTHER "\nUpstream=" NODE
                               "\nUpstream=" NODE2 "\nFleet=" CONTRACT "\nHeadShare=40\n");

        /* of another kind nothing is the same */
        ck_assert_int_eq(run("--chain diode --backend ethereum --network hoodi --checkpoint " ROOT " --no-wait"), 0);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_str_eq(text, "[Chain diode]\nBackend=ethereum\nNetwork=hoodi\nCheckpoint=" ROOT "\n");
        end();
}
END_TEST

START_TEST(setup_leaves_nothing_of_what_kedged_refuses) {
        char path[128], text[4096];

        begin("");
        (void) snprintf(path, sizeof(path), "%s/k.conf.d", work);
        ck_assert_int_eq(run(DIODE " --zone bad.internal --contract " CONTRACT " --no-wait"), 1);
        ck_assert_ptr_nonnull(strstr(err, "kedged would not start with it, so nothing is changed: "));
        ck_assert_ptr_nonnull(strstr(err, "k.conf.d/50-setup.conf: it is bad\n"));
        ck_assert_ptr_nonnull(strstr(err, work)); /* the folder that the operator knows */
        ck_assert_int_eq(access(path, F_OK), -1);
        ck_assert_int_eq(run(DIODE " --no-wait"), 0);
        ck_assert_int_eq(run("--zone bad.internal --contract " CONTRACT " --no-wait"), 1);
        slurp("k.conf.d/50-setup.conf", text, sizeof(text));
        ck_assert_ptr_null(strstr(text, "bad"));
        write_file("k.conf", "[Chain x]\nPol=1\n");
        ck_assert_int_eq(run(DIODE " --no-wait"), 1);
        ck_assert_ptr_nonnull(strstr(err, "mend it first"));

        /* but what is wrong goes by --undo, where it stands in our own file */
        write_file("k.conf", "");
        write_file("k.conf.d/50-setup.conf", "[Chain x]\nPol=1\n");
        ck_assert_int_eq(run(DIODE " --no-wait"), 1);
        ck_assert_ptr_nonnull(strstr(err, "mend it first"));
        ck_assert_msg(run("--undo") == 0, "%s", err);
        ck_assert_int_eq(rmdir(path), 0); /* there was nothing else in it */
        end();
}
END_TEST

START_TEST(setup_never_writes_through_a_link) {
        char path[128], target[128], text[512];

        begin("");
        (void) snprintf(path, sizeof(path), "%s/k.conf.d", work);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        write_file("victim", "mine");
        (void) snprintf(target, sizeof(target), "%s/victim", work);
        (void) snprintf(path, sizeof(path), "%s/k.conf.d/50-setup.conf.new", work);
        ck_assert_int_eq(symlink(target, path), 0);
        ck_assert_int_eq(run(DIODE " --no-wait"), 0);
        slurp("victim", text, sizeof(text));
        ck_assert_str_eq(text, "mine");
        ck_assert_int_eq(access(path, F_OK), -1);
        end();
}
END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("kedgectl setup");
        TCase *t = tcase_create("setup");

        if (argc != 2)
                return 2;
        program = argv[1];
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, setup_puts_a_section_in_its_place, 0, ELEMENTSOF(merges));
        tcase_add_loop_test(t, setup_replaces_single_keys, 0, ELEMENTSOF(amends));
        tcase_add_test(t, setup_keeps_to_what_kedged_reads);
        tcase_add_loop_test(t, setup_writes_what_it_was_told, 0, ELEMENTSOF(written));
        tcase_add_loop_test(t, setup_refuses_and_writes_nothing, 0, ELEMENTSOF(refused));
        tcase_add_test(t, setup_adds_to_what_it_wrote_and_replaces_its_own_only);
        tcase_add_test(t, setup_replaces_of_a_chain_what_is_said);
        tcase_add_test(t, setup_leaves_nothing_of_what_kedged_refuses);
        tcase_add_test(t, setup_never_writes_through_a_link);
        suite_add_tcase(s, t);
        return unit_run(s);
}
