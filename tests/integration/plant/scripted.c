/* plant-control, the example, against a scripted agent and real TLS servers: it speaks to the
 * holder of the key that the agent names, and to nobody else, however good his certificate looks.
 * usage: scripted PLANT_CONTROL PLANT_SERVER */

#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "agent.h"

static const char *control, *server;
static struct agent agent;
static char out[4096];

/* What the agent proves, by key text. */
static struct {
        struct hash32 server_ip, port, signature;
        enum query_result result; /* of a look-up of signature */
} map;

static enum agent_act says(
                struct agent *a, const struct query_request *q, struct query_reply *reply) {
        (void) a;
        reply->result = QUERY_OK;
        if (q->verb == QUERY_TIME) {
                reply->time.lower = 1700000000;
                return AGENT_REPLY;
        }
        if (strncmp((const char *) q->key.b, "server_ip", 32) == 0)
                reply->lookup.value = map.server_ip;
        else if (strncmp((const char *) q->key.b, "port", 32) == 0)
                reply->lookup.value = map.port;
        else if (strncmp((const char *) q->key.b, "signature", 32) == 0) {
                reply->lookup.value = map.signature;
                reply->result = map.result;
        }
        return AGENT_REPLY;
}

static void shell(const char *command) {
        char text[1024];

        (void) snprintf(text, sizeof(text), "cd %s && { %s; } 2>openssl.log", agent.dir, command);
        ck_assert_msg(system(text) == 0, "%s", command);
}

/* A key and a certificate that signs itself, name.key and name.pem. */
static void make_self_signed(const char *name, const char *algorithm) {
        char text[512];

        (void) snprintf(text, sizeof(text),
                        "openssl req -x509 -newkey %s -nodes -keyout %s.key -out %s.pem -days 30 "
                        "-subj /CN=plant-control.fleet",
                        algorithm, name, name);
        shell(text);
}

/* All that a public CA could give him: the right name, in its dates, signed by a CA. */
static void make_impostor(void) {
        shell("openssl req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -days 30 -subj "
              "/CN=Root");
        shell("openssl req -newkey ed25519 -nodes -keyout impostor.key -out impostor.csr -subj "
              "/CN=plant-control.fleet && "
              "printf 'subjectAltName=DNS:plant-control.fleet\\n' > ext && openssl x509 -req -in "
              "impostor.csr -CA ca.pem "
              "-CAkey ca.key -CAcreateserial -days 30 -extfile ext -out leaf.pem && cat leaf.pem "
              "ca.pem > impostor.pem && "
              "openssl verify -CAfile ca.pem -verify_hostname plant-control.fleet leaf.pem "
              ">/dev/null");
}

static void begin(void) {
        agent_start(&agent);
        agent.fn = says;
        memset(&map, 0, sizeof(map));
        map.result = QUERY_OK;
        memcpy(map.server_ip.b, "127.0.0.1", 9);
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", agent.dir, 1), 0);
}

static void end(void) {
        char text[128];

        agent_halt(&agent);
        (void) snprintf(text, sizeof(text), "rm -r '%s'", agent.dir);
        ck_assert_int_eq(system(text), 0);
}

/* Starts plant-server with name's certificate; fills in the port, and returns what it would have
 * stored as signature. */
static pid_t start_server(const char *name, struct hash32 *ret_signature) {
        char cert[128], key[128], line[256] = "", hex[65] = "";
        unsigned port = 0;
        int fds[2];
        FILE *f;
        pid_t pid;

        (void) snprintf(cert, sizeof(cert), "%s/%s.pem", agent.dir, name);
        (void) snprintf(key, sizeof(key), "%s/%s.key", agent.dir, name);
        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        if (pid == 0) {
                dup2(fds[1], 1);
                execl(server, server, "127.0.0.1", "0", cert, key, (char *) NULL);
                _exit(127);
        }
        close(fds[1]);
        f = fdopen(fds[0], "r");
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
        fclose(f);
        ck_assert_int_eq(sscanf(line, "server_ip=127.0.0.1 port=%u signature=0x%64s", &port, hex),
                        2);
        map.port.b[30] = (uint8_t) (port >> 8);
        map.port.b[31] = (uint8_t) port;
        ck_assert_int_eq(hex_decode(VIEW_TEXT(hex), ret_signature->b, HASH32_SIZE), 0);
        return pid;
}

static void stop_server(pid_t pid) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static int run_control(void) {
        char text[512];
        int status;
        size_t n;
        FILE *f;

        (void) snprintf(text, sizeof(text),
                        "'%s' 0x6000000000000000000000000000000000000001 plant-control.fleet 2>&1",
                        control);
        f = popen(text, "re");
        ck_assert_ptr_nonnull(f);
        n = fread(out, 1, sizeof(out) - 1, f);
        out[n] = '\0';
        status = pclose(f);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static const char *const algorithms[] = { "ed25519", "ec -pkeyopt ec_paramgen_curve:P-256",
        "rsa:2048" };

START_TEST(the_holder_of_the_key_is_accepted) {
        pid_t pid;

        begin();
        make_self_signed("plant", algorithms[_i]);
        pid = start_server("plant", &map.signature);
        ck_assert_msg(run_control() == 0, "%s", out);
        ck_assert_ptr_nonnull(strstr(
                        out, "later than 2023-11-14 22:13:20 UTC; the server is at 127.0.0.1"));
        ck_assert_ptr_nonnull(strstr(out, "accepted: plant-control.fleet holds the key, and says: "
                                          "pump 1 is running\n"));
        stop_server(pid);
        end();
} END_TEST

START_TEST(the_hash_of_the_certificate_will_do_too) {
        char hex[65], path[128];
        struct hash32 unused;
        pid_t pid;
        FILE *f;

        begin();
        make_self_signed("plant", "ed25519");
        shell("openssl x509 -in plant.pem -outform DER | sha256sum > out");
        (void) snprintf(path, sizeof(path), "%s/out", agent.dir);
        f = fopen(path, "re");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(fscanf(f, "%64s", hex), 1);
        fclose(f);
        ck_assert_int_eq(hex_decode(VIEW_TEXT(hex), map.signature.b, HASH32_SIZE), 0);
        pid = start_server("plant", &unused);
        ck_assert_msg(run_control() == 0, "%s", out);
        stop_server(pid);
        end();
} END_TEST

START_TEST(an_impostor_with_a_good_certificate_is_refused) {
        struct hash32 his;
        pid_t pid;

        begin();
        make_self_signed("plant", "ed25519");
        make_impostor();
        stop_server(start_server("plant", &map.signature));
        pid = start_server("impostor", &his);
        ck_assert_int_eq(run_control(), 4);
        ck_assert_ptr_nonnull(strstr(out, "\nrefused: "));
        ck_assert_ptr_null(strstr(out, "pump 1"));

        map.signature = his; /* the same peer, once the chain names him: it was the pin and nothing else */
        ck_assert_msg(run_control() == 0, "%s", out);
        stop_server(pid);
        end();
} END_TEST

static const struct {
        enum query_result result;
        int code;
} result_cases[] = { { QUERY_ABSENT, 5 }, { QUERY_UNPROVEN, 4 }, { QUERY_STALE, 3 },
        { QUERY_REFUSED, 1 } };

START_TEST(without_a_proven_key_nobody_is_called) {
        pid_t pid;

        begin();
        make_self_signed("plant", "ed25519");
        pid = start_server("plant", &map.signature);
        map.result = result_cases[_i].result;
        ck_assert_int_eq(run_control(), result_cases[_i].code);
        ck_assert_ptr_null(strstr(out, "accepted"));
        ck_assert_ptr_null(strstr(out, "proven: it is"));
        stop_server(pid);
        end();
} END_TEST

START_TEST(what_is_no_address_is_not_connected_to) {
        begin();
        map.port.b[31] = 1;
        map.signature.b[0] = 1;
        memcpy(map.server_ip.b, "127.0.0.1 ", 10);
        ck_assert_int_eq(run_control(), 1);
        memcpy(map.server_ip.b, "127.0.0.1\0", 10);
        map.port.b[29] = 1;
        ck_assert_int_eq(run_control(), 1);
        ck_assert_ptr_nonnull(strstr(out, "no such address or port"));
        agent_halt(&agent);
        ck_assert_int_eq(run_control(), 6);
        ck_assert_ptr_nonnull(strstr(out, "start kedged"));
        agent_listen(&agent);
        agent_go(&agent);
        end();
} END_TEST

int main(int argc, char **argv) {
        Suite *s = suite_create("plant");
        TCase *t = tcase_create("plant");

        if (argc != 3) {
                fprintf(stderr, "usage: %s PLANT_CONTROL PLANT_SERVER\n", argv[0]);
                return 2;
        }
        control = argv[1];
        server = argv[2];
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, the_holder_of_the_key_is_accepted, 0, ELEMENTSOF(algorithms));
        tcase_add_test(t, the_hash_of_the_certificate_will_do_too);
        tcase_add_test(t, an_impostor_with_a_good_certificate_is_refused);
        tcase_add_loop_test(t, without_a_proven_key_nobody_is_called, 0, ELEMENTSOF(result_cases));
        tcase_add_test(t, what_is_no_address_is_not_connected_to);
        suite_add_tcase(s, t);
        return unit_run(s);
}
