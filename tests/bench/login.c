/* What pam_kedge.so adds to a login: through libpam, in one process, a stack of pam_permit.so alone against the same with our
 * module before it. Each round is a login of its own, from pam_start() to pam_end(), so it has the loading of the modules in
 * it; rounds of both stacks come in turn. The time that the user takes to sign is not counted.
 *
 *   bench_login FOLDER USER KEY ROUNDS        figures of both stacks; KEY: the user's, in hex
 *   bench_login --until-refused FOLDER USER   logs in until it is denied, and prints that moment (CLOCK_MONOTONIC, ns)
 *   bench_login --run ROUNDS PROGRAM ARG...   runs a program so often and prints what a run takes
 *
 * FOLDER holds services "without" and "with". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <security/pam_appl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "core/eip191.h"
#include "wire/login.h"

#define ROUNDS_MAX  10000
#define SIGNED_MAX  30 /* of one user within ChallengeLife=, see challenge.h */

extern char **environ;

static uint8_t key[32];
static int64_t signing_ns; /* of this login */

static int64_t now_ns(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The answer to "Sign: TEXT\nSignature: ". */
static char *sign(const char *prompt) {
        const char *text = strstr(prompt, "kedge login: "), *end = text ? strchr(text, '\n') : NULL;
        struct view signed_text = { (const uint8_t *) text, end ? (size_t) (end - text) : 0 };
        uint8_t signature[EIP191_SIGNATURE_SIZE];
        char *answer;

        if (!end || eip191_sign(signed_text, key, signature) < 0)
                return NULL;
        answer = malloc(2 * sizeof(signature) + 1);
        return answer ? hex_encode(signature, sizeof(signature), answer) : NULL;
}

static int converse(int n, const struct pam_message **message, struct pam_response **ret, void *data) {
        struct pam_response *answers = calloc((size_t) n, sizeof(*answers));
        int64_t begun = now_ns();

        (void) data;
        if (!answers)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++)
                if (message[i]->msg_style == PAM_PROMPT_ECHO_ON)
                        answers[i].resp = sign(message[i]->msg);
        *ret = answers;
        signing_ns += now_ns() - begun;
        return PAM_SUCCESS;
}

/* One login; PAM's code, and what it took without the user. */
static int log_in(const char *folder, const char *service, const char *user, bool auth, int64_t *ret_ns) {
        const struct pam_conv conv = { converse, NULL };
        pam_handle_t *h;
        int64_t begun = now_ns();
        int r;

        signing_ns = 0;
        r = pam_start_confdir(service, user, &conv, folder, &h);
        if (r != PAM_SUCCESS)
                return r;
        r = auth ? pam_authenticate(h, 0) : pam_acct_mgmt(h, 0);
        (void) pam_end(h, r);
        *ret_ns = now_ns() - begun - signing_ns;
        return r;
}

static int by_value(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

static void put(const char *what, int64_t *ns, size_t n, int64_t base) {
        qsort(ns, n, sizeof(*ns), by_value);
        printf("  %-34s %8.1f us median, %8.1f us at 99 of 100", what, (double) ns[n / 2] / 1e3,
                        (double) ns[n * 99 / 100] / 1e3);
        if (base)
                printf(", %.2f times, +%.1f us", (double) ns[n / 2] / (double) base,
                                (double) (ns[n / 2] - base) / 1e3);
        printf("\n");
}

static const char *const service[] = { "without", "with" };

/* Both stacks in turn, so that a busy machine slows them alike. */
static int compare(const char *folder, const char *user, bool auth, size_t rounds) {
        static const char *const what[2][2] = { { "account, pam_permit alone", "account, pam_kedge before it" },
                { "auth, pam_permit alone", "auth, pam_kedge, less the signing" } };
        static int64_t ns[2][ROUNDS_MAX];

        for (size_t i = 0; i < rounds; i++)
                for (int with = 0; with < 2; with++) {
                        int r = log_in(folder, service[with], user, auth, &ns[with][i]);

                        if (r != PAM_SUCCESS) {
                                fprintf(stderr, "%s: %s\n", what[auth][with], pam_strerror(NULL, r));
                                return 1;
                        }
                }
        put(what[auth][0], ns[0], rounds, 0);
        put(what[auth][1], ns[1], rounds, ns[0][rounds / 2]);
        return 0;
}

static int until_refused(const char *folder, const char *user) {
        const struct timespec pause = { .tv_nsec = 1000000 }; /* a user may ask so often, and no more */
        int64_t ns;
        int r;

        printf("ready\n");
        (void) fflush(stdout);
        do {
                (void) nanosleep(&pause, NULL);
                r = log_in(folder, "with", user, false, &ns);
        } while (r == PAM_SUCCESS);
        printf("%" PRId64 " %s\n", now_ns(), pam_strerror(NULL, r));
        return r != PAM_PERM_DENIED;
}

static int run_often(size_t rounds, char **argv) {
        static int64_t ns[ROUNDS_MAX];
        posix_spawn_file_actions_t quiet;
        int status = 0;
        pid_t pid;

        if (posix_spawn_file_actions_init(&quiet) != 0 ||
            posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0) != 0)
                return 1;
        for (size_t i = 0; i < rounds; i++) {
                int64_t begun = now_ns();

                if (posix_spawn(&pid, argv[0], &quiet, NULL, argv, environ) != 0 ||
                    waitpid(pid, &status, 0) != pid || status != 0)
                        return 1;
                ns[i] = now_ns() - begun;
        }
        put(strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], ns, rounds, 0);
        return 0;
}

static size_t rounds_of(const char *text) {
        unsigned long n = strtoul(text, NULL, 10);

        return n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : n;
}

int main(int argc, char **argv) {
        if (argc == 4 && strcmp(argv[1], "--until-refused") == 0)
                return until_refused(argv[2], argv[3]);
        if (argc >= 4 && strcmp(argv[1], "--run") == 0)
                return run_often(rounds_of(argv[2]), argv + 3);
        if (argc != 5 || hex_decode((struct view){ (const uint8_t *) argv[3], strlen(argv[3]) }, key, 32) < 0)
                return 2;
        return compare(argv[1], argv[2], false, rounds_of(argv[4])) ||
               compare(argv[1], argv[2], true, SIGNED_MAX);
}
