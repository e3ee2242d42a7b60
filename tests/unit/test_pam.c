/* pam_kedge.so in the real libpam, asked as an application asks it, before a scripted agent: each
 * row of the table of codes, whoever may answer as the agent, prompts and their answers, threads.
 */

#include "pam_world.h"

#include "pam/args.h"

START_TEST(pam_who_is_ours) {
        BOTH("alice", PAM_SUCCESS, PAM_SUCCESS, 3);
        BOTH("nobody", PAM_SUCCESS, PAM_SUCCESS, 3); /* by his group */
        BOTH("daemon", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("nobody-knows-him", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("glass", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("root", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("mallory", PAM_PERM_DENIED, PAM_AUTH_ERR, 0);
}
END_TEST

START_TEST(pam_names_that_no_record_can_have) {
        char name[300];

        BOTH("Carol.x", PAM_PERM_DENIED, PAM_AUTH_ERR, 0);
        BOTH("alice.plant", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("alice bob", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("alice\n", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("", PAM_IGNORE, PAM_IGNORE, 0);
        for (size_t n = 31; n < sizeof(name); n += n < 34 ? 1 : 111) {
                char text[400];

                memset(name, 'a', n);
                name[n] = '\0';
                BOTH(name, PAM_IGNORE, PAM_IGNORE, 0);
                snprintf(text, sizeof(text), "[Login]\nManagedUsers=%s\n", name);
                write_file(conf_path, text);
                if (n <= LOGIN_USER_MAX)
                        BOTH(name, PAM_SUCCESS, PAM_SUCCESS, 3);
                else
                        BOTH(name, PAM_PERM_DENIED, PAM_AUTH_ERR, 0);
                write_file(conf_path, CONF);
        }
}
END_TEST

START_TEST(pam_services_that_no_role_can_have) {
        static const char *const services[] = { "a b", "-x", "a/b",
                "a123456789012345678901234567890x" };
        struct pam_conv conv = { converse, &talk };
        const char *argv[] = { conf_arg, runtime_arg, "nodelay" };

        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                pam_handle_t *pamh = NULL;

                if (pam_start_confdir("sshd", "alice", &conv, agent.dir, &pamh) != PAM_SUCCESS)
                        ck_abort();
                ck_assert_int_eq(pam_set_item(pamh, PAM_SERVICE, services[i]), PAM_SUCCESS);
                ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_PERM_DENIED);
                ck_assert_int_eq(pam_set_item(pamh, PAM_USER, "daemon"), PAM_SUCCESS);
                ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_IGNORE);
                ck_assert_int_eq(pam_end(pamh, 0), PAM_SUCCESS);
        }
        ck_assert_uint_eq(agent.asked, 0);
}
END_TEST

START_TEST(pam_root_is_let_past_at_the_console_and_where_nothing_is_known) {
        struct pam_conv conv = { converse, &talk };
        const char *argv[] = { conf_arg, runtime_arg, "nodelay" };
        pam_handle_t *pamh = NULL;

        write_file(conf_path, "[Login]\nManagedUsers=root\n");
        BOTH("root", PAM_SUCCESS, PAM_SUCCESS, 3);
        ck_assert_int_eq(pam_start_confdir("sshd", "root", &conv, agent.dir, &pamh), PAM_SUCCESS);
        ck_assert_int_eq(pam_set_item(pamh, PAM_TTY, "/dev/tty1"), PAM_SUCCESS);
        ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_IGNORE);
        ck_assert_int_eq(pam_set_item(pamh, PAM_RHOST, "192.0.2.1"), PAM_SUCCESS);
        ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_SUCCESS);
        ck_assert_int_eq(pam_end(pamh, 0), PAM_SUCCESS);

        write_file(conf_path, "");
        BOTH("root", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("alice", UNAVAIL, UNAVAIL, 0);
        BOTH("daemon", UNAVAIL, UNAVAIL, 0);
        ck_assert_int_eq(unlink(conf_path), 0);
        BOTH("root", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("daemon", UNAVAIL, UNAVAIL, 0);
}
END_TEST

static const struct answer_case {
        enum query_result result;
        enum login_verdict verdict;
        int account, auth;
} answer_cases[] = {
        { QUERY_OK, LOGIN_ADMITTED, PAM_SUCCESS, PAM_SUCCESS },
        { QUERY_DENIED, LOGIN_DENIED_HERE, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_NO_RECORD, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_REVOKED, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_NO_ROLE, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_NO_KEY, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_BAD_SIGNATURE, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_EXPIRED, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_REPLAYED, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_DENIED, LOGIN_UNPROVEN, PAM_PERM_DENIED, PAM_AUTH_ERR },
        { QUERY_UNPROVEN, LOGIN_UNPROVEN, UNAVAIL, UNAVAIL },
        { QUERY_STALE, LOGIN_STALE, UNAVAIL, UNAVAIL },
        { QUERY_REFUSED, LOGIN_UNPROVEN, UNAVAIL, UNAVAIL },
        { QUERY_UNKNOWN, LOGIN_UNPROVEN, UNAVAIL, UNAVAIL },
        { QUERY_INVALID, LOGIN_INVALID, UNAVAIL, UNAVAIL },
        { QUERY_ABSENT, LOGIN_NO_RECORD, UNAVAIL, UNAVAIL },
        /* answers that contradict themselves */
        { QUERY_OK, LOGIN_UNPROVEN, UNAVAIL, UNAVAIL },
        { QUERY_OK, LOGIN_REVOKED, UNAVAIL, UNAVAIL },
        { QUERY_DENIED, LOGIN_ADMITTED, UNAVAIL, UNAVAIL },
        { QUERY_UNPROVEN, LOGIN_ADMITTED, UNAVAIL, UNAVAIL },
        { QUERY_STALE, LOGIN_ADMITTED, UNAVAIL, UNAVAIL },
        { QUERY_OK, LOGIN_VERDICTS, UNAVAIL, UNAVAIL },
        { QUERY_RESULTS, LOGIN_ADMITTED, UNAVAIL, UNAVAIL },
};

START_TEST(pam_answer_case) {
        const struct answer_case *c = &answer_cases[_i];

        script.login = script.response = c->result;
        script.login_verdict = script.response_verdict = c->verdict;
        BOTH("alice", c->account, c->auth, 3);
        ck_assert_uint_eq(script.n_response, 1);
}
END_TEST

START_TEST(pam_challenge_case) {
        static const enum query_result results[] = { QUERY_UNPROVEN, QUERY_ABSENT, QUERY_STALE,
                QUERY_REFUSED, QUERY_UNKNOWN, QUERY_INVALID, QUERY_DENIED, QUERY_RESULTS };

        for (size_t i = 0; i < ELEMENTSOF(results); i++) {
                int want = results[i] == QUERY_DENIED ? PAM_AUTH_ERR : UNAVAIL;

                script.challenge = results[i];
                BOTH("alice", PAM_SUCCESS, want, 2);
                ck_assert_uint_eq(talk.n_asked, 0); /* nothing to sign, nothing asked */
        }
}
END_TEST

START_TEST(pam_challenge_of_somebody_else_is_not_shown) {
        script.challenge_user = "bob";
        BOTH("alice", PAM_SUCCESS, UNAVAIL, 2);
        say_yes();
        script.challenge_service = "sudo";
        BOTH("alice", PAM_SUCCESS, UNAVAIL, 2);
        say_yes();
        script.other_nonce = true;
        BOTH("alice", PAM_SUCCESS, UNAVAIL, 2);
        say_yes();
        script.no_text = true;
        BOTH("alice", PAM_SUCCESS, UNAVAIL, 2);
        ck_assert_uint_eq(talk.n_asked, 0);
}
END_TEST

START_TEST(pam_challenge_is_asked_and_the_answer_passed_on) {
        uint8_t want[ANSWER_SIZE];

        BOTH("alice", PAM_SUCCESS, PAM_SUCCESS, 3);
        ck_assert_uint_eq(talk.n_asked, 1);
        ck_assert_int_eq(talk.style, PAM_PROMPT_ECHO_ON);
        ck_assert_ptr_nonnull(strstr(talk.prompt,
                        "Sign: kedge login: user alice, host gw1.plant.fleet, service sshd, "));
        ck_assert_ptr_nonnull(strstr(talk.prompt, "Z\nSignature: "));
        ck_assert(answer_read(SIGNATURE, want));
        ck_assert_mem_eq(script.response_asked.signature, want, sizeof(want));
        for (size_t i = sizeof(want); i < sizeof(script.response_asked.signature); i++)
                ck_assert_uint_eq(script.response_asked.signature[i], 0);
        ck_assert_uint_eq(script.response_asked.nonce[39], 0x5a);
        ck_assert_str_eq(script.response_asked.name, "alice");
        ck_assert_str_eq(script.response_asked.service, "sshd");
}
END_TEST

static const struct form_case {
        const char *answer;
        bool good;
} form_cases[] = {
        { SIGNATURE, true },
        { "0x" SIGNATURE, true },
        { " \t" SIGNATURE "\r\n", true },
        { "  0X" SIGNATURE, true },
        { "", false },
        { " ", false },
        { "0x", false },
        { SIGNATURE "0", false },
        { SIGNATURE "00", false },
        { "00" SIGNATURE, false },
        { "0x0x" SIGNATURE, false },
        { "0x " SIGNATURE, false },
        { SIGNATURE " " SIGNATURE, false },
        { "\"" SIGNATURE "\"", false },
        { "-" SIGNATURE, false },
};

START_TEST(pam_answer_form_case) {
        const struct form_case *c = &form_cases[_i];

        talk = (struct talk){ .answer = c->answer };
        ck_assert_msg(run(authenticate, "alice", 0, NULL) == (c->good ? PAM_SUCCESS : PAM_AUTH_ERR),
                        "\"%s\"", c->answer);
        ck_assert_uint_eq(script.n_response, c->good);
        /* flags that ask for less say nothing else */
        ck_assert_int_eq(run(authenticate, "alice", PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK, NULL),
                        c->good ? PAM_SUCCESS : PAM_AUTH_ERR);
}
END_TEST

START_TEST(pam_answer_with_any_letter_that_is_no_digit) {
        for (size_t at = 0; at < 2 * ANSWER_SIZE; at += 43) {
                char text[] = SIGNATURE;

                for (int c = 1; c < 256; c += 5) {
                        text[at] = (char) c;
                        talk = (struct talk){ .answer = text };
                        ck_assert_int_eq(run(authenticate, "alice", 0, NULL),
                                        strchr("0123456789abcdefABCDEF", c) ? PAM_SUCCESS
                                                                            : PAM_AUTH_ERR);
                }
        }
}
END_TEST

START_TEST(pam_conversation_that_fails) {
        talk = (struct talk){ .answer = NULL };
        ck_assert_int_eq(run(authenticate, "alice", 0, NULL), PAM_CONV_ERR);
        ck_assert_uint_eq(script.n_response, 0);
        /* the user himself may have to be asked for */
        ck_assert_int_eq(run(authenticate, NULL, 0, NULL), PAM_USER_UNKNOWN);
        ck_assert_int_eq(run(account, NULL, 0, NULL), PAM_USER_UNKNOWN);
        ck_assert_int_eq(run(setcred, NULL, PAM_ESTABLISH_CRED, NULL), PAM_IGNORE);
        talk = (struct talk){ .answer = "daemon" };
        ck_assert_int_eq(run(authenticate, NULL, 0, NULL), PAM_IGNORE);
}
END_TEST

START_TEST(pam_wrong_options_admit_nobody_and_lock_out_nobody_else) {
        static const char *const wrong[] = { "tiemout=3s", "timeout=", "timeout=99", "timeout=11s",
                "timeout=3m", "timeout=-1", "timeout=100000", "timeout=1 s", "conf=login.conf",
                "conf=", "runtime=run", "runtime=/r\033[m", "runtime=/r\177", "Debug", "" };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                BOTH_WITH("alice", PAM_SERVICE_ERR, PAM_SERVICE_ERR, 0, wrong[i]);
                BOTH_WITH("mallory", PAM_PERM_DENIED, PAM_AUTH_ERR, 0, wrong[i]);
                BOTH_WITH("daemon", PAM_IGNORE, PAM_IGNORE, 0, wrong[i]);
                BOTH_WITH("glass", PAM_IGNORE, PAM_IGNORE, 0, wrong[i]);
                ck_assert_int_eq(run(setcred, "alice", PAM_ESTABLISH_CRED, wrong[i]), PAM_IGNORE);
        }
        BOTH_WITH("alice", PAM_SUCCESS, PAM_SUCCESS, 3, "debug");
}
END_TEST

START_TEST(pam_args_are_read) {
        static const struct {
                const char *word;
                int ms;
        } good[] = { { "timeout=100", 100 }, { "timeout=250ms", 250 }, { "timeout=1s", 1000 },
                { "timeout=10s", 10000 }, { "timeout=10000", 10000 }, { "timeout=00500", 500 } };
        const char *argv[] = { NULL, "debug", "groups", "nodelay", NULL, "conf=/a", "runtime=/b" };
        char far[128] = "runtime=/";
        struct args a;

        args_read(0, NULL, &a);
        ck_assert(!a.wrong && !a.debug && !a.groups_only && !a.no_delay && a.timeout_ms == 3000);
        ck_assert_str_eq(a.conf, "/etc/kedge/login.conf");
        ck_assert_str_eq(a.runtime, "/run/kedge");
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                argv[0] = good[i].word;
                args_read(1, argv, &a);
                ck_assert(!a.wrong && a.timeout_ms == good[i].ms);
        }
        args_read(4, argv, &a);
        ck_assert(!a.wrong && a.debug && a.groups_only && a.no_delay);
        args_read(7, argv, &a);
        ck_assert_str_eq(a.wrong, "(none)");
        ck_assert_str_eq(a.runtime, "/b");
        args_read(3, NULL, &a);
        ck_assert_ptr_nonnull(a.wrong);
        args_read(-1, argv, &a);
        ck_assert_ptr_null(a.wrong);

        argv[0] = memset(far + 9, 'x', sizeof(far) - 10) ? far : NULL;
        far[8 + ARGS_PATH_MAX] = '\0';
        args_read(1, argv, &a);
        ck_assert(!a.wrong && strlen(a.runtime) == ARGS_PATH_MAX);
        far[8 + ARGS_PATH_MAX] = 'x';
        args_read(1, argv, &a);
        ck_assert_ptr_nonnull(a.wrong);
}
END_TEST

START_TEST(pam_without_a_handle) {
        const char *argv[] = { "debug" };

        ck_assert_int_eq(account(NULL, 0, 1, argv), PAM_SYSTEM_ERR);
        ck_assert_int_eq(authenticate(NULL, 0, 1, argv), PAM_SYSTEM_ERR);
        ck_assert_int_eq(setcred(NULL, 0, 1, argv), PAM_SYSTEM_ERR);
}
END_TEST

START_TEST(pam_without_an_agent) {
        agent_halt(&agent);
        BOTH("alice", UNAVAIL, UNAVAIL, 0); /* refused: nobody listens */
        BOTH("daemon", PAM_IGNORE, PAM_IGNORE, 0);
        BOTH("mallory", PAM_PERM_DENIED, PAM_AUTH_ERR, 0);
        ck_assert_int_eq(unlink(agent.path), 0);
        BOTH("alice", UNAVAIL, UNAVAIL, 0);
        ck_assert_int_eq(run(setcred, "alice", PAM_ESTABLISH_CRED, NULL), PAM_IGNORE);
        agent_listen(&agent);
        agent_go(&agent);
        BOTH("alice", PAM_SUCCESS, PAM_SUCCESS, 3);
}
END_TEST

static void *come_back(void *unused) {
        (void) usleep(150000);
        agent_listen(&agent);
        agent_go(&agent);
        return unused;
}

START_TEST(pam_agent_that_begins_anew_is_waited_for) {
        pthread_t thread;

        agent_halt(&agent);
        ck_assert_int_eq(unlink(agent.path), 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, come_back, NULL), 0);
        ck_assert_int_eq(run(account, "alice", 0, "timeout=10s"), PAM_SUCCESS);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(pam_agent_that_stalls_is_waited_for_no_longer_than_told) {
        uint64_t from = agent_now_ms(), took;

        script.act = AGENT_SILENT;
        BOTH_WITH("alice", UNAVAIL, UNAVAIL, 2, "timeout=150ms");
        took = agent_now_ms() - from;
        ck_assert_msg(took >= 280, "gave up after %llu ms", (unsigned long long) took);
        ck_assert_msg(took < 20000, "waited for %llu ms", (unsigned long long) took);
}
END_TEST

START_TEST(pam_agent_that_closes_or_talks_nonsense) {
        script.act = AGENT_CLOSE;
        BOTH("alice", UNAVAIL, UNAVAIL, 4); /* each is asked once more */
        script.act = AGENT_RAW;
        for (size_t n = 1; n < sizeof(agent.raw); n += 97) {
                agent.raw_n = n;
                BOTH("alice", UNAVAIL, UNAVAIL, 2);
        }
        agent.raw_n = sizeof(struct query_reply);
        memset(agent.raw, 0xff, sizeof(agent.raw));
        BOTH("alice", UNAVAIL, UNAVAIL, 2);
}
END_TEST

/* In a child that is somebody else: an agent in its own folder, and one in its own folder's stead.
 * The listener tells by a byte that it listens; it ends when the pipe closes. */
static pid_t listen_as(uid_t uid, const char *path, int *ret_stop) {
        int ready[2], stop[2];
        char c;
        pid_t pid;

        ck_assert_int_eq(pipe(ready), 0);
        ck_assert_int_eq(pipe(stop), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                struct sockaddr_un at = { .sun_family = AF_UNIX };
                int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
                struct query_request q;

                close(stop[1]);
                strcpy(at.sun_path, path);
                if (setresuid(uid, uid, uid) < 0 || unlink(path) < 0 ||
                                bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0 ||
                                chmod(path, 0666) < 0 || listen(fd, 8) < 0)
                        _exit(1);
                (void) !write(ready[1], "r", 1);
                for (;;) {
                        struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                                { .fd = stop[0], .events = POLLIN } };
                        struct query_reply a = {
                                .magic = QUERY_MAGIC, .version = QUERY_VERSION, .result = QUERY_OK
                        };
                        int k;

                        if (poll(p, 2, -1) < 0 || p[1].revents)
                                _exit(0);
                        k = accept(fd, NULL, NULL);
                        a.login.verdict = LOGIN_ADMITTED;
                        if (recv(k, &q, sizeof(q), 0) == sizeof(q)) {
                                a.id = q.id;
                                (void) send(k, &a, sizeof(a), MSG_NOSIGNAL);
                        }
                        close(k);
                }
        }
        close(ready[1]);
        close(stop[0]);
        ck_assert_int_eq(read(ready[0], &c, 1), 1);
        close(ready[0]);
        *ret_stop = stop[1];
        return pid;
}

START_TEST(pam_socket_of_somebody_else_is_not_believed) {
        int stop, status;
        pid_t pid;

        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chmod(agent.dir, 0777), 0);
        pid = listen_as(1234, agent.path, &stop);
        talk = (struct talk){ .answer = SIGNATURE };
        ck_assert_int_eq(run(account, "alice", 0, NULL), UNAVAIL); /* his socket in root's folder */
        ck_assert_int_eq(run(authenticate, "alice", 0, NULL), UNAVAIL);
        /* The folder is his too, which is enough for other readers: not here. */
        ck_assert_int_eq(chown(agent.dir, 1234, 1234), 0);
        ck_assert_int_eq(run(account, "alice", 0, NULL), UNAVAIL);
        ck_assert_int_eq(run(authenticate, "alice", 0, NULL), UNAVAIL);
        ck_assert_int_eq(run(account, "daemon", 0, NULL), PAM_IGNORE);
        close(stop);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(chown(agent.dir, 0, 0), 0);
}
END_TEST

/* In a child, which is in no group but its own. */
static int groups_after(int flags, const char *more) {
        int status;
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                gid_t before[2] = { 7, 4242 }, after[8];
                int n, r;

                if (setgroups(2, before) < 0)
                        _exit(100);
                r = run(setcred, "alice", flags, more);
                n = getgroups(8, after);
                if (n < 2 || after[0] != 7 || after[1] != 4242) /* none is taken away */
                        _exit(101);
                _exit(n * 10 + (r == PAM_SUCCESS ? 1 : r == PAM_IGNORE ? 0 : 9));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

START_TEST(pam_setcred_brings_groups) {
        if (geteuid() != 0)
                return;
        script.group = "nogroup";
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, NULL), 31);
        ck_assert_int_eq(groups_after(PAM_REINITIALIZE_CRED, NULL), 31);
        ck_assert_int_eq(groups_after(PAM_DELETE_CRED, NULL), 20);
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, "nonsense"), 20);
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, "groups"), 31);
        script.group = NULL;
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, NULL), 21);
        script.group = "kedge-no-such-group";
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, NULL), 21);
        script.group = "nogroup";
        script.login = QUERY_DENIED;
        script.login_verdict = LOGIN_REVOKED;
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, NULL), 20);
        script.login = QUERY_STALE;
        ck_assert_int_eq(groups_after(PAM_ESTABLISH_CRED, NULL), 20);
}
END_TEST

START_TEST(pam_setcred_of_others_is_ignored) {
        ck_assert_int_eq(run(setcred, "daemon", PAM_ESTABLISH_CRED, NULL), PAM_IGNORE);
        ck_assert_int_eq(run(setcred, "mallory", PAM_ESTABLISH_CRED, NULL), PAM_IGNORE);
        ck_assert_int_eq(run(setcred, "Carol.x", PAM_ESTABLISH_CRED, NULL), PAM_IGNORE);
        ck_assert_uint_eq(agent.asked, 0);
}
END_TEST

START_TEST(pam_groups_alone_has_no_say_in_who_gets_in) {
        talk = (struct talk){ .answer = SIGNATURE };
        ck_assert_int_eq(run(authenticate, "alice", 0, "groups"), PAM_IGNORE);
        ck_assert_uint_eq(agent.asked, 0);
        ck_assert_uint_eq(talk.n_asked, 0);
        ck_assert_int_eq(run(account, "alice", 0, "groups"), PAM_SUCCESS);
}
END_TEST

/* A slip in another word of the line must not take its say from a line that was to have one. */
START_TEST(pam_groups_beside_a_wrong_option_is_an_error) {
        struct pam_conv conv = { converse, &talk };
        const char *argv[] = { conf_arg, runtime_arg, "groups", "gruops" };
        pam_handle_t *pamh = NULL;

        ck_assert_int_eq(pam_start_confdir("sshd", "alice", &conv, agent.dir, &pamh), PAM_SUCCESS);
        ck_assert_int_eq(authenticate(pamh, 0, 3, argv), PAM_IGNORE);
        ck_assert_int_eq(authenticate(pamh, 0, 4, argv), PAM_SERVICE_ERR);
        ck_assert_int_eq(pam_end(pamh, PAM_SERVICE_ERR), PAM_SUCCESS);
        ck_assert_uint_eq(agent.asked, 0);
}
END_TEST

START_TEST(pam_twice_on_one_handle) {
        struct pam_conv conv = { converse, &talk };
        const char *argv[] = { conf_arg, runtime_arg, "nodelay" };
        pam_handle_t *pamh = NULL;

        talk = (struct talk){ .answer = SIGNATURE };
        ck_assert_int_eq(pam_start_confdir("sshd", "alice", &conv, agent.dir, &pamh), PAM_SUCCESS);
        ck_assert_int_eq(authenticate(pamh, 0, 3, argv), PAM_SUCCESS);
        ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_SUCCESS);
        script.login = script.response = QUERY_DENIED; /* nothing of the first yes is left */
        script.login_verdict = script.response_verdict = LOGIN_REVOKED;
        ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_PERM_DENIED);
        ck_assert_int_eq(authenticate(pamh, 0, 3, argv), PAM_AUTH_ERR);
        ck_assert_int_eq(pam_set_item(pamh, PAM_USER, "daemon"), PAM_SUCCESS);
        ck_assert_int_eq(account(pamh, 0, 3, argv), PAM_IGNORE);
        ck_assert_int_eq(pam_end(pamh, 0), PAM_SUCCESS);
}
END_TEST

#define THREADS 8
#define ROUNDS  25

static void *ask_often(void *data) {
        const char *user = data;
        int want = strcmp(user, "daemon") == 0 ? PAM_IGNORE : PAM_SUCCESS;
        struct talk mine = { .answer = SIGNATURE };
        struct pam_conv conv = { converse, &mine };
        const char *argv[] = { conf_arg, runtime_arg, "timeout=10s", "nodelay" };
        intptr_t bad = 0;

        for (int i = 0; i < ROUNDS; i++) {
                pam_handle_t *pamh = NULL;

                if (pam_start_confdir("sshd", user, &conv, agent.dir, &pamh) != PAM_SUCCESS)
                        return (void *) (intptr_t) -1;
                bad += account(pamh, 0, 4, argv) != want;
                bad += authenticate(pamh, 0, 4, argv) != want;
                bad += mine.n_asked > 0 && !strstr(mine.prompt, user);
                (void) pam_end(pamh, 0);
        }
        return (void *) bad;
}

START_TEST(pam_from_threads) {
        static const char *const users[] = { "alice", "bob", "daemon", "nobody" };
        pthread_t thread[THREADS];

        for (size_t i = 0; i < THREADS; i++)
                ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_often,
                                                 (void *) (uintptr_t) users[i % 4]),
                                0);
        for (size_t i = 0; i < THREADS; i++) {
                void *bad = NULL;

                ck_assert_int_eq(pthread_join(thread[i], &bad), 0);
                ck_assert_ptr_null(bad);
        }
        ck_assert_uint_eq(agent.asked, THREADS / 4 * 3 * ROUNDS * 3);
}
END_TEST

/* Where nothing but the stack tells: the account line as pam_kedge(8) has it. */
START_TEST(pam_stack_case) {
        static const struct {
                const char *user;
                enum query_result result;
                enum login_verdict verdict;
                int behind_permit, alone;
        } cases[] = {
                { "alice", QUERY_OK, LOGIN_ADMITTED, PAM_SUCCESS, PAM_SUCCESS },
                { "alice", QUERY_DENIED, LOGIN_REVOKED, PAM_PERM_DENIED, PAM_PERM_DENIED },
                { "alice", QUERY_STALE, LOGIN_STALE, UNAVAIL, UNAVAIL },
                { "mallory", QUERY_OK, LOGIN_ADMITTED, PAM_PERM_DENIED, PAM_PERM_DENIED },
                { "daemon", QUERY_OK, LOGIN_ADMITTED, PAM_SUCCESS, PAM_PERM_DENIED },
        };
        struct pam_conv conv = { converse, &talk };
        pam_handle_t *pamh = NULL;
        char text[1024];

        for (int permit = 0; permit < 2; permit++) {
                snprintf(text, sizeof(text),
                                "account [success=ok ignore=ignore default=bad] %s %s %s\n%s",
                                PAM_MODULE, conf_arg, runtime_arg,
                                permit ? "account required pam_permit.so\n" : "");
                write_file(service_path, text);
                script.login = cases[_i].result;
                script.login_verdict = cases[_i].verdict;
                ck_assert_int_eq(pam_start_confdir("sshd", cases[_i].user, &conv, agent.dir, &pamh),
                                PAM_SUCCESS);
                ck_assert_int_eq(pam_acct_mgmt(pamh, 0),
                                permit ? cases[_i].behind_permit : cases[_i].alone);
                ck_assert_int_eq(pam_end(pamh, 0), PAM_SUCCESS);
        }
}
END_TEST

int main(void) {
        Suite *s = suite_create("pam");
        TCase *t = tcase_create("pam");

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, pam_who_is_ours);
        tcase_add_test(t, pam_names_that_no_record_can_have);
        tcase_add_test(t, pam_services_that_no_role_can_have);
        tcase_add_test(t, pam_root_is_let_past_at_the_console_and_where_nothing_is_known);
        tcase_add_loop_test(t, pam_answer_case, 0, ELEMENTSOF(answer_cases));
        tcase_add_test(t, pam_challenge_case);
        tcase_add_test(t, pam_challenge_of_somebody_else_is_not_shown);
        tcase_add_test(t, pam_challenge_is_asked_and_the_answer_passed_on);
        tcase_add_loop_test(t, pam_answer_form_case, 0, ELEMENTSOF(form_cases));
        tcase_add_test(t, pam_answer_with_any_letter_that_is_no_digit);
        tcase_add_test(t, pam_conversation_that_fails);
        tcase_add_test(t, pam_wrong_options_admit_nobody_and_lock_out_nobody_else);
        tcase_add_test(t, pam_args_are_read);
        tcase_add_test(t, pam_without_a_handle);
        tcase_add_test(t, pam_without_an_agent);
        tcase_add_test(t, pam_agent_that_begins_anew_is_waited_for);
        tcase_add_test(t, pam_agent_that_stalls_is_waited_for_no_longer_than_told);
        tcase_add_test(t, pam_agent_that_closes_or_talks_nonsense);
        tcase_add_test(t, pam_socket_of_somebody_else_is_not_believed);
        tcase_add_test(t, pam_groups_beside_a_wrong_option_is_an_error);
        tcase_add_test(t, pam_setcred_brings_groups);
        tcase_add_test(t, pam_setcred_of_others_is_ignored);
        tcase_add_test(t, pam_groups_alone_has_no_say_in_who_gets_in);
        tcase_add_test(t, pam_twice_on_one_handle);
        tcase_add_test(t, pam_from_threads);
        tcase_add_loop_test(t, pam_stack_case, 0, 5);
        suite_add_tcase(s, t);
        return unit_run(s);
}
