/* libkedge against a scripted agent: each answer becomes its own error, outputs are written on
 * success only, no deadline is overrun, and an agent that lies, stalls or dies costs an error and
 * nothing more. */

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "agent.h"
#include "kedge/kedge.h"

static struct agent agent;
static struct kedge_client *client;
static const uint8_t contract[20] = { 0xdb, 0x0d, [19] = 1 };

static void begin(void) {
        agent_start(&agent);
        ck_assert_int_eq(kedge_client_new(&client), 0);
        ck_assert_int_eq(kedge_client_set_runtime_dir(client, agent.dir), 0);
}

static void end(void) {
        client = kedge_client_free(client);
        agent_stop(&agent);
}

static void assert_error_has(const char *text) {
        ck_assert_msg(strstr(kedge_error_text(client), text) != NULL, "the error is: %s",
                        kedge_error_text(client));
        ck_assert_ptr_null(strchr(kedge_error_text(client), '\n'));
}

/* ---- each result of the agent becomes one error ---- */

static const struct result_case {
        enum query_result result;
        int want;
        const char *own_words;
} result_cases[] = {
        { QUERY_UNPROVEN, -EAGAIN, "not proven yet" },
        { QUERY_ABSENT, -ENXIO, "proven absent" },
        { QUERY_STALE, -ESTALE, "too long ago" },
        { QUERY_REFUSED, -EBUSY, "too many" },
        { QUERY_UNKNOWN, -ENOENT, "not configured" },
        { QUERY_INVALID, -EBADMSG, "does not parse" },
};

START_TEST(each_result_has_its_error_and_writes_nothing) {
        const struct result_case *c = &result_cases[_i];
        struct kedge_record *record = (void *) 0x1;
        uint8_t value[32] = { 0xaa };
        uint64_t lower = 0xaa, upper = 0xaa;
        struct kedge_proof proof = { .block_number = 0xaa };

        begin();
        agent.script.result = c->result;
        ck_assert_int_eq(kedge_resolve(client, "pump1.plant.fleet", &record), c->want);
        assert_error_has(c->own_words);
        assert_error_has("pump1.plant.fleet");
        ck_assert_int_eq(
                        kedge_lookup_map(client, contract, 0, "signature", value, &proof), c->want);
        assert_error_has(c->own_words);
        ck_assert_int_eq(kedge_chain_time(client, &lower, &upper), c->want);
        assert_error_has(c->own_words);

        strcpy(agent.script.reason, "because of the test");
        ck_assert_int_eq(kedge_resolve(client, "pump1.plant.fleet", &record), c->want);
        assert_error_has("because of the test");

        ck_assert_ptr_eq(record, (void *) 0x1);
        ck_assert(value[0] == 0xaa && proof.block_number == 0xaa && lower == 0xaa && upper == 0xaa);
        end();
} END_TEST

/* ---- questions ---- */

START_TEST(resolve_reads_a_record) {
        struct kedge_record *record;
        char text[KEDGE_ADDRESS_TEXT_SIZE];
        struct sockaddr_storage to;
        uint8_t bytes[32];
        socklen_t n;

        begin();
        agent.script.name = agent_record(5000);
        ck_assert_int_eq(kedge_resolve(client, "Pump1.Plant.FLEET.", &record), 0);
        ck_assert_str_eq(agent.last.name, "pump1.plant.fleet");
        ck_assert_str_eq(kedge_error_text(client), "");

        ck_assert_uint_eq(kedge_record_addresses(record), 2);
        ck_assert_int_eq(kedge_record_address(record, 0, text), 0);
        ck_assert_str_eq(text, "192.0.2.7");
        ck_assert_int_eq(kedge_record_address(record, 1, text), 0);
        ck_assert_str_eq(text, "2001:db8::7");
        ck_assert_int_eq(kedge_record_address(record, 2, text), -EINVAL);
        ck_assert_str_eq(text, "2001:db8::7");
        ck_assert_int_eq(kedge_record_sockaddr(record, 0, &to, &n), 0);
        ck_assert(to.ss_family == AF_INET && n == 16 && ((uint8_t *) &to)[2] == 8883 >> 8 &&
                        ((uint8_t *) &to)[7] == 7);
        ck_assert_int_eq(kedge_record_sockaddr(record, 1, &to, &n), 0);
        ck_assert(to.ss_family == AF_INET6 && n == 28);
        ck_assert_uint_eq(kedge_record_port(record), 8883);

        ck_assert_uint_eq(kedge_record_pins(record), 2);
        ck_assert_int_eq(kedge_record_pin(record, 1, bytes), 0);
        ck_assert(bytes[0] == 0x22 && bytes[31] == 0x22);
        ck_assert_int_eq(kedge_record_pin(record, 2, bytes), -EINVAL);
        ck_assert_uint_eq(kedge_record_devices(record), 1);
        ck_assert_int_eq(kedge_record_device(record, 0, bytes), 0);
        ck_assert(bytes[0] == 0x33 && bytes[19] == 0x33 && bytes[20] == 0x22);
        ck_assert_int_eq(kedge_record_device(record, 1, bytes), -EINVAL);
        ck_assert(kedge_record_block(record) == 1000 && kedge_record_head(record) == 1003);
        ck_assert(kedge_record_age_ms(record) >= 5000 && kedge_record_age_ms(record) < 3600000);
        ck_assert(kedge_record_deadline_ms(record) == agent.script.name.deadline_ms);
        ck_assert(kedge_record_pins_deadline_ms(record) == agent.script.name.pins_deadline_ms);
        end();
        ck_assert_ptr_null(kedge_record_free(record)); /* outlives its client */
} END_TEST

static const struct answer_case {
        const char *what;
        size_t at;
        uint8_t value;
        int want;
} answer_cases[] = {
        { "absent, with nothing in it", offsetof(struct name_answer, verdict), NAME_ABSENT,
                        -ENXIO },
        { "unproven", offsetof(struct name_answer, verdict), NAME_UNPROVEN, -EAGAIN },
        { "no such verdict", offsetof(struct name_answer, verdict), 3, -EBADMSG },
        { "five addresses", offsetof(struct name_answer, n_addrs), NAME_ADDRS_MAX + 1, -EBADMSG },
        { "five pins", offsetof(struct name_answer, n_pins), NAME_PINS_MAX + 1, -EBADMSG },
        { "three devices", offsetof(struct name_answer, has_device), 3, -EBADMSG },
        { "family 5", offsetof(struct name_answer, addr[1].family), 5, -EBADMSG },
        { "a pin of zeros", offsetof(struct name_answer, n_pins), 3, -EBADMSG },
};

START_TEST(resolve_refuses_an_answer_that_is_none) {
        const struct answer_case *c = &answer_cases[_i];
        struct kedge_record *record = NULL;
        int r;

        begin();
        agent.script.name = agent_record(0);
        if (c->want == -ENXIO || c->want == -EAGAIN)
                memset(&agent.script.name, 0, sizeof(agent.script.name));
        ((uint8_t *) &agent.script.name)[c->at] = c->value;
        r = kedge_resolve(client, "plant.fleet", &record);
        ck_assert_msg(r == c->want, "%s: got %d", c->what, r);
        ck_assert_ptr_null(record);
        end();
} END_TEST

START_TEST(a_record_stops_answering_at_its_deadlines) {
        struct kedge_record *record;
        struct sockaddr_storage to;
        char text[KEDGE_ADDRESS_TEXT_SIZE];
        uint8_t bytes[32];
        socklen_t n;

        begin();
        agent.script.name = agent_record(1000);
        agent.script.name.pins_deadline_ms = agent_now_ms() - 1;
        ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), 0);
        ck_assert_int_eq(kedge_record_address(record, 0, text), 0);
        ck_assert_int_eq(kedge_record_pin(record, 0, bytes), -ESTALE);
        ck_assert_int_eq(kedge_record_device(record, 0, bytes), -ESTALE);
        kedge_record_free(record);

        agent.script.name = agent_record(1000);
        agent.script.name.deadline_ms = agent_now_ms() - 1;
        ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), 0);
        ck_assert_int_eq(kedge_record_address(record, 0, text), -ESTALE);
        ck_assert_int_eq(kedge_record_sockaddr(record, 0, &to, &n), -ESTALE);
        ck_assert_int_eq(kedge_record_pin(record, 0, bytes), 0);
        kedge_record_free(record);

        agent.script.name.pins_deadline_ms = agent_now_ms() - 1;
        record = NULL;
        ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), -ESTALE);
        ck_assert_ptr_null(record);
        end();
} END_TEST

START_TEST(a_record_that_is_served_stale_is_told_apart) {
        struct kedge_record *record;
        uint64_t past = agent_now_ms() - 1;

        begin();
        for (unsigned want = 0; want < 4; want++) {
                agent.script.name = agent_record(1000);
                if (want & KEDGE_STALE_ADDRESSES)
                        agent.script.name.fresh_ms = past;
                if (want & KEDGE_STALE_KEYS)
                        agent.script.name.pins_fresh_ms = past;
                ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), 0);
                ck_assert_uint_eq(kedge_record_stale(record), want);
                kedge_record_free(record);
        }
        agent.script.name.proven_ms = 0; /* in an earlier boot */
        ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), 0);
        ck_assert_uint_eq(kedge_record_age_ms(record), UINT64_MAX);
        kedge_record_free(record);
        ck_assert_uint_eq(kedge_record_stale(NULL), KEDGE_STALE_ADDRESSES | KEDGE_STALE_KEYS);
        end();
} END_TEST

START_TEST(lookup_sends_the_padded_key_and_reads_value_and_proof) {
        uint8_t value[32] = { 0 };
        struct kedge_proof proof;

        begin();
        memset(agent.script.lookup.value.b, 0x5a, 32);
        agent.script.lookup.block.number = 77;
        agent.script.lookup.block.timestamp = 1700000000;
        agent.script.lookup.block.hash.b[31] = 9;
        agent.script.lookup.head.number = 80;
        agent.script.lookup.age_ms = 1234;
        ck_assert_int_eq(kedge_client_set_chain(client, "diode"), 0);
        ck_assert_int_eq(kedge_lookup_map(client, contract, 3, "server_ip", value, &proof), 0);
        ck_assert_int_eq(agent.last.verb, QUERY_LOOKUP);
        ck_assert_uint_eq(agent.last.slot, 3);
        ck_assert_mem_eq(agent.last.contract.b, contract, 20);
        ck_assert_mem_eq(agent.last.key.b, "server_ip\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                        32);
        ck_assert_str_eq(agent.last.chain, "diode");
        ck_assert(value[0] == 0x5a && value[31] == 0x5a);
        ck_assert(proof.block_number == 77 && proof.block_time == 1700000000 &&
                        proof.head_number == 80);
        ck_assert(proof.age_ms == 1234 && proof.block_hash[31] == 9);

        ck_assert_int_eq(kedge_client_set_chain(client, NULL), 0);
        ck_assert_int_eq(kedge_lookup_map(client, contract, 3, "server_ip", value, NULL), 0);
        ck_assert_str_eq(agent.last.chain, "");
        end();
} END_TEST

START_TEST(lookup_of_zero_is_absence) {
        uint8_t value[32] = { 0xaa };

        begin();
        ck_assert_int_eq(kedge_lookup_map(client, contract, 0, "port", value, NULL), -ENXIO);
        ck_assert_int_eq(value[0], 0xaa);
        assert_error_has("port");
        end();
} END_TEST

static const struct key_case {
        const char *key;
        int want;
} key_cases[] = {
        { "a", 0 },
        { "12345678901234567890123456789012", 0 },
        { "123456789012345678901234567890123", -E2BIG },
        { "", -EINVAL },
        { "two words", -EINVAL },
        { "tab\t", -EINVAL },
        { "caf\xc3\xa9", -EINVAL },
        { "\x7f", -EINVAL },
};

START_TEST(lookup_judges_key_texts_before_asking) {
        const struct key_case *c = &key_cases[_i];
        uint8_t value[32];

        begin();
        agent.script.lookup.value.b[0] = 1;
        ck_assert_int_eq(kedge_lookup_map(client, contract, 0, c->key, value, NULL), c->want);
        ck_assert_uint_eq(agent.asked, c->want == 0);
        end();
} END_TEST

START_TEST(time_is_an_interval) {
        uint64_t lower, upper = 7;

        begin();
        agent.script.time = (struct query_time){ .lower = 1700000000, .upper = 1700000060 };
        ck_assert_int_eq(kedge_chain_time(client, &lower, &upper), 0);
        ck_assert(lower == 1700000000 && upper == 1700000060);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);

        agent.script.time.upper = 0;
        ck_assert_int_eq(kedge_chain_time(client, &lower, &upper), 0);
        ck_assert_uint_eq(upper, 0);

        agent.script.time.upper = 1699999999;
        ck_assert_int_eq(kedge_chain_time(client, &lower, &upper), -EBADMSG);
        agent.script.time = (struct query_time){ 0 };
        ck_assert_int_eq(kedge_chain_time(client, &lower, &upper), -EAGAIN);
        ck_assert_uint_eq(lower, 1700000000);
        end();
} END_TEST

/* ---- an agent that is not there, or not well ---- */

START_TEST(nobody_there_is_connection_refused) {
        struct kedge_record *record;
        uint64_t lower;

        agent_make_dir(&agent);
        ck_assert_int_eq(kedge_client_new(&client), 0);
        ck_assert_int_eq(kedge_client_set_runtime_dir(client, agent.dir), 0);
        ck_assert_int_eq(kedge_resolve(client, "plant.fleet", &record), -ECONNREFUSED);
        assert_error_has(agent.path);
        assert_error_has("start kedged");

        agent_listen(&agent); /* a socket that nobody holds any more */
        close(agent.fd);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ECONNREFUSED);

        ck_assert_int_eq(kedge_client_set_runtime_dir(client, "/tmp/no/such/folder"), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ECONNREFUSED);
        kedge_client_free(client);
        agent_remove_dir(&agent);
} END_TEST

START_TEST(a_stranger_behind_the_socket_is_refused) {
        uint64_t lower = 1;

        if (geteuid() != 0)
                return; /* only root can listen as somebody else */
        agent_make_dir(&agent);
        ck_assert_int_eq(chmod(agent.dir, 0777), 0);
        ck_assert_int_eq(seteuid(65534), 0);
        agent_listen(&agent);
        ck_assert_int_eq(seteuid(0), 0);
        agent_go(&agent);
        agent.script.time.lower = 1700000000;
        ck_assert_int_eq(kedge_client_new(&client), 0);
        ck_assert_int_eq(kedge_client_set_runtime_dir(client, agent.dir), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -EPERM);
        assert_error_has("not the agent");
        ck_assert_uint_eq(lower, 1);

        ck_assert_int_eq(chown(agent.dir, 65534, 65534),
                        0); /* the owner of the folder is the agent */
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        end();
} END_TEST

static enum agent_act sends_raw(
                struct agent *a, const struct query_request *request, struct query_reply *reply) {
        (void) request;
        reply->result = QUERY_OK;
        reply->time.lower = 1700000000;
        memcpy(a->raw, reply, sizeof(*reply));
        return AGENT_RAW;
}

static enum agent_act sends_another_id(
                struct agent *a, const struct query_request *request, struct query_reply *reply) {
        (void) sends_raw(a, request, reply);
        a->raw[offsetof(struct query_reply, id)] ^= 1;
        return AGENT_RAW;
}

static enum agent_act sends_another_version(struct agent *a, const struct query_request *request,
        struct query_reply *reply) {
        (void) sends_raw(a, request, reply);
        a->raw[offsetof(struct query_reply, version)] ^= 2;
        return AGENT_RAW;
}

static enum agent_act sends_another_magic(struct agent *a, const struct query_request *request,
        struct query_reply *reply) {
        (void) sends_raw(a, request, reply);
        a->raw[0] ^= 1;
        return AGENT_RAW;
}

static const struct garbage_case {
        agent_fn *fn;
        size_t n;
        int want;
} garbage_cases[] = {
        { sends_raw, sizeof(struct query_reply), 0 },
        { sends_raw, sizeof(struct query_reply) - 1, -EBADMSG },
        { sends_raw, sizeof(struct query_reply) + 1, -EBADMSG },
        { sends_raw, 1, -EBADMSG },
        { sends_another_id, sizeof(struct query_reply), -EBADMSG },
        { sends_another_magic, sizeof(struct query_reply), -EBADMSG },
        { sends_another_version, sizeof(struct query_reply), -EPROTONOSUPPORT },
};

START_TEST(garbage_is_refused) {
        const struct garbage_case *c = &garbage_cases[_i];
        uint64_t lower = 1;
        int r;

        begin();
        agent.fn = c->fn;
        agent.raw_n = c->n;
        r = kedge_chain_time(client, &lower, NULL);
        ck_assert_msg(r == c->want, "row %d: got %d", _i, r);
        ck_assert_uint_eq(lower, r == 0 ? 1700000000 : 1);
        ck_assert_int_eq(kedge_error_text(client)[0] == '\0', r == 0);
        end();
} END_TEST

START_TEST(silence_ends_at_the_timeout) {
        uint64_t lower, before = agent_now_ms();

        begin();
        agent.act = AGENT_SILENT;
        ck_assert_int_eq(kedge_client_set_timeout(client, 50), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ETIMEDOUT);
        ck_assert(agent_now_ms() - before >= 50);
        assert_error_has("50 ms");
        ck_assert_uint_eq(agent.asked, 1);
        end();
} END_TEST

static enum agent_act dies_once(
                struct agent *a, const struct query_request *request, struct query_reply *reply) {
        (void) request;
        reply->result = QUERY_OK;
        reply->time.lower = 1700000000;
        return a->asked == 1 ? AGENT_CLOSE : AGENT_REPLY;
}

START_TEST(an_agent_that_dies_midway_is_asked_once_more) {
        uint64_t lower;

        begin();
        agent.fn = dies_once;
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        ck_assert_uint_eq(agent.asked, 2);

        agent.fn = agent_says_script;
        agent.act = AGENT_CLOSE;
        agent.asked = 0;
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ECONNREFUSED);
        ck_assert_uint_eq(agent.asked, 2);
        assert_error_has("closed the connection");
        end();
} END_TEST

START_TEST(a_restarted_agent_is_found_again) {
        uint64_t lower;

        begin();
        agent.script.time.lower = 1700000000;
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        agent_halt(&agent);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ECONNREFUSED);
        agent_listen(&agent);
        agent_go(&agent);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        ck_assert_str_eq(kedge_error_text(client), "");
        end();
} END_TEST

/* ---- somebody else's program ---- */

static size_t open_descriptors(void) {
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        ck_assert_ptr_nonnull(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

START_TEST(no_descriptor_outlives_a_call) {
        uint64_t lower;
        size_t before;

        begin();
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -EAGAIN);
        agent_halt(&agent); /* joins the thread, whose descriptors would be counted */
        agent_listen(&agent);
        agent_go(&agent);
        before = open_descriptors();
        agent.act = AGENT_CLOSE;
        ck_assert_int_lt(kedge_chain_time(client, &lower, NULL), 0);
        agent_halt(&agent);
        agent_listen(&agent);
        agent_go(&agent);
        ck_assert_uint_eq(open_descriptors(), before);
        end();
} END_TEST

static enum agent_act looks_at_flags(
                struct agent *a, const struct query_request *request, struct query_reply *reply) {
        bool *all_cloexec = a->data;

        (void) request;
        *all_cloexec = true;
        for (int fd = 3; fd < 64; fd++) {
                int flags = fcntl(fd, F_GETFD), type = 0;
                socklen_t n = sizeof(type);

                if (flags >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
                                type == SOCK_SEQPACKET)
                        *all_cloexec = *all_cloexec && (flags & FD_CLOEXEC);
        }
        reply->result = QUERY_ABSENT;
        return AGENT_REPLY;
}

START_TEST(descriptors_are_closed_on_exec) {
        bool all_cloexec = false;
        uint64_t lower;

        begin();
        agent.fn = looks_at_flags;
        agent.data = &all_cloexec;
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ENXIO);
        ck_assert(all_cloexec);
        end();
} END_TEST

START_TEST(a_client_works_on_both_sides_of_fork) {
        uint64_t lower;
        int status;
        pid_t pid;

        begin();
        agent.script.time.lower = 1700000000;
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        pid = fork();
        if (pid == 0)
                _exit(kedge_chain_time(client, &lower, NULL) == 0 && lower == 1700000000 ? 0 : 1);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        end();
} END_TEST

static void on_alarm(int signal) {
        (void) signal;
}

static enum agent_act answers_late(
                struct agent *a, const struct query_request *request, struct query_reply *reply) {
        (void) a;
        (void) request;
        (void) poll(NULL, 0, 60);
        reply->result = QUERY_OK;
        reply->time.lower = 1700000000;
        return AGENT_REPLY;
}

START_TEST(signals_interrupt_nothing) {
        struct sigaction act = { .sa_handler = on_alarm };
        struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
        uint64_t lower;

        begin();
        ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
        agent.fn = answers_late;
        ck_assert_int_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        agent.fn = agent_says_script;
        agent.act = AGENT_SILENT;
        ck_assert_int_eq(kedge_client_set_timeout(client, 40), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), -ETIMEDOUT);
        ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
        end();
} END_TEST

START_TEST(bad_arguments_are_refused_unasked) {
        char name[300], path[200];
        struct kedge_record *record;
        uint8_t bytes[32] = { 1 };
        uint64_t lower;

        memset(name, 'a', sizeof(name));
        name[299] = '\0';
        memset(path, 'p', sizeof(path));
        path[199] = '\0';
        ck_assert_int_eq(kedge_client_new(NULL), -EINVAL);
        ck_assert_ptr_null(kedge_client_free(NULL));
        ck_assert_str_ne(kedge_error_text(NULL), "");
        begin();
        ck_assert_int_eq(kedge_resolve(NULL, "a", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, NULL, &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "a", NULL), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, ".", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "a..b", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "a..", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "_user.x", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, "a b", &record), -EINVAL);
        ck_assert_int_eq(kedge_resolve(client, name, &record), -EINVAL);
        assert_error_has("not a host name");
        ck_assert_int_eq(kedge_lookup_map(NULL, contract, 0, "a", bytes, NULL), -EINVAL);
        ck_assert_int_eq(kedge_lookup_map(client, NULL, 0, "a", bytes, NULL), -EINVAL);
        ck_assert_int_eq(kedge_lookup_map(client, contract, 0, NULL, bytes, NULL), -EINVAL);
        ck_assert_int_eq(kedge_lookup_map(client, contract, 0, "a", NULL, NULL), -EINVAL);
        ck_assert_int_eq(kedge_lookup_map_key(client, contract, 0, NULL, bytes, NULL), -EINVAL);
        ck_assert_int_eq(kedge_lookup_map_key(NULL, contract, 0, bytes, bytes, NULL), -EINVAL);
        ck_assert_int_eq(kedge_chain_time(NULL, &lower, NULL), -EINVAL);
        ck_assert_int_eq(kedge_chain_time(client, NULL, NULL), -EINVAL);
        ck_assert_int_eq(kedge_client_set_timeout(client, 0), -EINVAL);
        ck_assert_int_eq(kedge_client_set_timeout(client, 600001), -EINVAL);
        ck_assert_int_eq(kedge_client_set_timeout(NULL, 1), -EINVAL);
        ck_assert_int_eq(kedge_client_set_runtime_dir(client, ""), -EINVAL);
        ck_assert_int_eq(kedge_client_set_runtime_dir(client, path), -ENAMETOOLONG);
        ck_assert_int_eq(kedge_client_set_runtime_dir(NULL, "/"), -EINVAL);
        ck_assert_int_eq(kedge_client_set_chain(client, ""), -EINVAL);
        ck_assert_int_eq(kedge_client_set_chain(client, "a123456789012345678901234567890b"),
                        -EINVAL);
        ck_assert_int_eq(kedge_client_set_chain(NULL, NULL), -EINVAL);
        ck_assert_uint_eq(agent.asked, 0);
        ck_assert_ptr_null(kedge_record_free(NULL));
        ck_assert(kedge_record_addresses(NULL) == 0 && kedge_record_pins(NULL) == 0 &&
                        kedge_record_port(NULL) == 0);
        ck_assert_int_eq(kedge_record_pin(NULL, 0, bytes), -EINVAL);
        ck_assert(kedge_record_age_ms(NULL) == UINT64_MAX);
        end();
} END_TEST

START_TEST(the_environment_names_the_folder) {
        uint64_t lower;

        agent_start(&agent);
        agent.script.time.lower = 1700000000;
        ck_assert_int_eq(setenv("KEDGE_RUNTIME_DIR", agent.dir, 1), 0);
        ck_assert_int_eq(kedge_client_new(&client), 0);
        ck_assert_int_eq(kedge_chain_time(client, &lower, NULL), 0);
        end();
} END_TEST

int main(void) {
        Suite *s = suite_create("kedge");
        TCase *t = tcase_create("kedge");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, each_result_has_its_error_and_writes_nothing, 0,
                        ELEMENTSOF(result_cases));
        tcase_add_test(t, resolve_reads_a_record);
        tcase_add_loop_test(t, resolve_refuses_an_answer_that_is_none, 0, ELEMENTSOF(answer_cases));
        tcase_add_test(t, a_record_stops_answering_at_its_deadlines);
        tcase_add_test(t, a_record_that_is_served_stale_is_told_apart);
        tcase_add_test(t, lookup_sends_the_padded_key_and_reads_value_and_proof);
        tcase_add_test(t, lookup_of_zero_is_absence);
        tcase_add_loop_test(t, lookup_judges_key_texts_before_asking, 0, ELEMENTSOF(key_cases));
        tcase_add_test(t, time_is_an_interval);
        tcase_add_test(t, nobody_there_is_connection_refused);
        tcase_add_test(t, a_stranger_behind_the_socket_is_refused);
        tcase_add_loop_test(t, garbage_is_refused, 0, ELEMENTSOF(garbage_cases));
        tcase_add_test(t, silence_ends_at_the_timeout);
        tcase_add_test(t, an_agent_that_dies_midway_is_asked_once_more);
        tcase_add_test(t, a_restarted_agent_is_found_again);
        tcase_add_test(t, no_descriptor_outlives_a_call);
        tcase_add_test(t, descriptors_are_closed_on_exec);
        tcase_add_test(t, a_client_works_on_both_sides_of_fork);
        tcase_add_test(t, signals_interrupt_nothing);
        tcase_add_test(t, bad_arguments_are_refused_unasked);
        tcase_add_test(t, the_environment_names_the_folder);
        suite_add_tcase(s, t);
        return unit_run(s);
}
