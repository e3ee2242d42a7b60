/* The desk at which logins are decided, over a scripted chain and a clock that stands: for the tests of
 * agent/kedged/answer_login and login_desk. alice has a record; role 3 brings sshd, 7 sudo, 9 login where the host is
 * of kind 4. */
#pragma once

#include "watch_world.h"

#include "agent/kedged/agent.h"
#include "core/eip191.h"
#include "core/secp.h"

#define SSH_A    "0x5500000000000000000000000000000000000000000000000000000000000001"
#define SSH_B    "0x5500000000000000000000000000000000000000000000000000000000000002"
#define ROLE_3   "0x8"
#define ROLE_3_7 "0x88"
#define CONF                                                                                       \
        "[Login]\nZone=plant.fleet\nHost=gw1\nManagedUsers=alice bob\nDenyUsers=mallory\n"         \
        "[Role 3]\nServices=sshd\nGroups=dialout\n[Role 7]\nServices=sudo\n"                       \
        "[Role 9]\nServices=login\nHosts=4\n"

static struct agent *ag;
static unsigned n_delivered;
static struct query_reply delivered[80];
static const uint8_t key_a[32] = { [31] = 3 }, key_b[32] = { [31] = 4 };

/* Of parts that are not linked here. */
bool agent_say(struct query_reply *ret, enum query_result result, const char *reason) {
        ret->result = (uint16_t) result;
        (void) snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
        return true;
}

uint64_t agent_floor_s(struct agent *a _unused_) {
        return 1795350000;
}

enum name_state agent_chain_state(const struct agent *a, const struct run *run, uint64_t now) {
        return freshness_state(&run->status, run->ended, &run->clocks, a->config->role[ROLE_PAM].max_age_ms,
                        now, NULL);
}

static void heard(void *userdata, uint64_t client, uint32_t id, const struct watch_reply *reply) {
        ck_assert(client & LOGIN_CLIENT);
        login_heard(userdata, client, id, reply);
}

static bool hook(void *userdata, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        return q->verb == QUERY_CHALLENGE ? login_challenge(userdata, client, q, ret)
                                          : login_answer(userdata, client, q, ret);
}

static void configure(const char *text, struct login_config *ret) {
        char why[CONFIG_WHY_MAX];
        int r = login_config_read(VIEW_TEXT(text), "login.conf", &w.config, ret, why);

        ck_assert_msg(r == 0, "%s", why);
}

static void set_device(const char *key_text, const uint8_t key[32], bool final, bool head) {
        struct secp_pubkey pub;
        struct address a;
        char hex[2 + 2 * ADDRESS_SIZE + 1] = "0x";

        ck_assert_int_eq(secp_pubkey_of(key, &pub), 0);
        secp_address(&pub, &a);
        (void) hex_encode(a.b, ADDRESS_SIZE, hex + 2);
        set(key_text, RECORD_DEVICE, final ? hex : NULL, head ? hex : NULL);
}

static void desk_setup(void) {
        setup();
        ag = calloc(1, sizeof(*ag));
        ck_assert_ptr_nonnull(ag);
        ag->config = &w.config;
        ag->runs[0] = w.runs[0];
        ag->n_runs = 1;
        watch_init(&ag->watch, &w.config, ag->runs, &w.proofs, &w.book, heard, ag);
        ag->query.ask = hook;
        ag->query.userdata = ag;
        ag->login.helper_uid = CONFIG_NO_UID;
        configure(CONF, &ag->login.config);
        login_users_find(&ag->login.config, VIEW(NULL, 0), VIEW(NULL, 0), &ag->login.users);
        ck_assert_int_eq(challenge_init(&ag->login.challenges), 0);
        n_delivered = 0;
        set("_user.alice.ssh", RECORD_SSH, SSH_A, SSH_A);
        set("_user.alice.role", RECORD_ROLE, ROLE_3_7, ROLE_3_7);
        set_device("_user.alice.device", key_a, true, true);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 101);
}

static void desk_teardown(void) {
        proofs_done(&w.proofs);
        watch_done(&ag->watch);
        login_desk_done(&ag->login);
        ag->query.event = (sd_event *) ag; /* there is something to give back */
        ag->query.listen_fd = -1;
        query_done(&ag->query);
        free(ag);
        teardown();
}

static void on_deliver(void *userdata _unused_, const struct query_reply *reply) {
        delivered[n_delivered++] = *reply;
}

static void pump_desk(void) {
        for (int i = 0; i < 8; i++) {
                watch_pump(&ag->watch, now_ms() + 10000);
                proofs_pump(&w.proofs, now_ms());
        }
}

static struct query_request question(enum query_verb verb, const char *name, const char *service) {
        struct query_request q = { .verb = (uint16_t) verb };

        strcpy(q.name, name);
        strcpy(q.service, service);
        return q;
}

/* -EDQUOT, 0: it waits, 1: *ret is the answer. */
static int put_as(uid_t uid, const struct query_request *q, struct query_reply *ret) {
        uint64_t client;
        int r = query_put(&ag->query, uid, q, on_deliver, NULL, ret, &client);

        return r < 0 ? r : client == 0;
}

static struct query_reply *ask_q(const struct query_request *q) {
        static struct query_reply reply;
        unsigned n = n_delivered;
        int r = put_as(0, q, &reply);

        ck_assert_int_ge(r, 0);
        if (r == 0) {
                pump_desk();
                ck_assert_uint_eq(n_delivered, n + 1);
                reply = delivered[n];
        }
        ck_assert_int_eq(reply.result == QUERY_OK, q->verb == QUERY_CHALLENGE || reply.login.verdict == LOGIN_ADMITTED);
        if (reply.result != QUERY_OK)
                ck_assert_msg(reply.reason[0] && reply.login.n_groups == 0, "%s", reply.reason);
        return &reply;
}

static enum login_verdict login(const char *name, const char *service) {
        const struct query_request q = question(QUERY_LOGIN, name, service);
        struct query_reply *reply = ask_q(&q);

        ck_assert_int_eq(reply->result, login_result((enum login_verdict) reply->login.verdict));
        return (enum login_verdict) reply->login.verdict;
}

static void chain_moves(uint64_t final, uint64_t head) {
        w.fake.head_root.b[0]++;
        w.fake.final_root.b[0]++;
        heads(final, head);
        watch_moved(&ag->watch, w.runs[0]);
        pump_desk();
}
