/* agent/kedged/answer_login: whatever anybody asks about logins, before they are anybody.
 *
 * Input: questions of 512 bytes as they come through the socket, each behind a byte that says who
 * asks, and whether nonce and signature are put in that would be right for the last challenge of
 * alice. One user has a record. Nothing but what that record holds is ever admitted, a nonce once. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/view.h"
#include "core/eip191.h"
#include "core/secp.h"
#include "tests/unit/fake_chain.h"

static const char conf[] = "[Login]\nZone=plant.fleet\nHost=gw1\nManagedUsers=alice\nDenyUsers=mallory\n"
                           "[Role 3]\nServices=sshd su\n[Role 9]\nServices=login\nHosts=1\n";
static const uint8_t key[32] = { [31] = 3 };
static const struct hash32 ssh_key = { { 1, 2, 3 } };

static struct config config;
static struct fake_chain fake;
static struct proofs proofs;
static struct book book;
static struct agent *ag;

/* Of parts that are not linked here. */
void log_fields(int priority _unused_, const struct journal_field *fields _unused_, size_t n _unused_,
                const char *line) {
        MUST(strlen(line) < LOG_LINE_MAX);
}

void log_line(int priority _unused_, const char *format _unused_, ...) {
}

bool agent_say(struct query_reply *ret, enum query_result result, const char *reason) {
        ret->result = (uint16_t) result;
        (void) snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
        return true;
}

uint64_t agent_floor_s(struct agent *a _unused_) {
        return 1795350000;
}

enum name_state agent_chain_state(
                const struct agent *a _unused_, const struct run *run _unused_, uint64_t now _unused_) {
        return STATE_FOLLOWING;
}

static void heard(void *userdata, uint64_t client, uint32_t id, const struct watch_reply *reply) {
        login_heard(userdata, client, id, reply);
}

static void deliver(void *userdata _unused_, const struct query_reply *reply) {
        MUST(reply->result != QUERY_OK); /* what is not known by now is not proven: nobody answers */
}

static bool hook(void *userdata, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        return q->verb == QUERY_CHALLENGE ? login_challenge(userdata, client, q, ret)
                                          : login_answer(userdata, client, q, ret);
}

static void answer(void *userdata _unused_, struct run *run, const struct chain_answer *a) {
        proofs_answer(&proofs, run, a);
}

static void moved(void *userdata _unused_, struct run *run _unused_) {
}

/* alice: role 3, one SSH key, the device of key. */
static void restore_alice(void) {
        static struct lookup_values v;
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_USER);
        struct secp_pubkey pub;
        struct address device;

        memset(&v, 0, sizeof(v));
        MUST(secp_pubkey_of(key, &pub) == 0);
        secp_address(&pub, &device);
        v.final_at.number = 100;
        v.head_at.number = 101;
        v.proven_ms = now_ms();
        for (size_t i = 0; i < shape->n; i++) {
                if (shape->field[i] == RECORD_ROLE)
                        v.final[i].b[31] = 8;
                if (shape->field[i] == RECORD_SSH)
                        v.final[i] = ssh_key;
                if (shape->field[i] == RECORD_DEVICE)
                        memcpy(v.final[i].b + 12, device.b, sizeof(device.b));
                v.head[i] = v.final[i];
        }
        MUST(watch_restore(&ag->watch, "_user.alice.plant.fleet", &v, now_ms()) == 0);
}

static void begin(void) {
        const struct run_hooks hooks = { .answer = answer, .moved = moved };
        struct config_chain chain = { .name = "diode", .chain_id = 15 };
        char why[CONFIG_WHY_MAX];

        memset(&config, 0, sizeof(config));
        memset(&proofs, 0, sizeof(proofs));
        memset(&book, 0, sizeof(book));
        ag = calloc(1, sizeof(*ag));
        MUST(ag);
        strcpy(config.zone[0].suffix, "plant.fleet");
        config.n_zones = 1;
        for (size_t i = 0; i < ROLES; i++)
                config.role[i].max_age_ms = 3600000;
        fake_init(&fake);
        fake.silent = true;
        MUST(run_new(&chain, 0, 0, &fake.chain, NULL, &hooks, &ag->runs[0]) == 0);
        ag->runs[0]->linked = true;
        fake_heads(&fake, 100, 101, now_ms());
        fake_status(&fake.chain, &ag->runs[0]->status);
        ag->n_runs = 1;
        ag->config = &config;
        watch_init(&ag->watch, &config, ag->runs, &proofs, &book, heard, ag);
        ag->query.ask = hook;
        ag->query.userdata = ag;
        MUST(login_config_read(VIEW_TEXT(conf), "login.conf", &config, &ag->login.config, why) == 0);
        memset(ag->login.challenges.secret, 0x42, sizeof(ag->login.challenges.secret));
        restore_alice();
}

static void end(void) {
        proofs_done(&proofs);
        watch_done(&ag->watch);
        book_done(&book);
        ag->query.event = (sd_event *) ag; /* there is something to give back */
        ag->query.listen_fd = -1;
        query_done(&ag->query);
        ag->runs[0] = run_free(ag->runs[0]);
        free(ag);
}

static struct query_request last; /* what would answer alice's last challenge */

static void check_yes(const struct query_request *q, uid_t uid, const struct query_reply *r) {
        bool sshd_or_su = strcmp(q->service, "sshd") == 0 || strcmp(q->service, "su") == 0;

        MUST(strcmp(q->name, "alice") == 0);
        MUST(strcmp(r->login.record, "_user.alice.plant.fleet") == 0);
        if (q->verb == QUERY_RESPONSE) {
                MUST(uid == 0 && strcmp(q->service, "sudo") == 0);
                MUST(memcmp(q->nonce, last.nonce, sizeof(q->nonce)) == 0);
                MUST(memcmp(q->signature, last.signature, 64) == 0);
                memset(&last, 0, sizeof(last)); /* once */
                return;
        }
        MUST(sshd_or_su);
        MUST(q->verb == QUERY_LOGIN || (q->item == 0 && hash32_eq(&q->key, &ssh_key)));
}

static void ask(const struct query_request *q, uid_t uid) {
        struct query_reply reply;
        uint64_t client;

        if (query_put(&ag->query, uid, q, deliver, NULL, &reply, &client) < 0 || client != 0)
                return;
        MUST(memchr(reply.reason, 0, sizeof(reply.reason)));
        MUST(query_reply_check_body(&reply, q->verb) == 0);
        if (reply.result == QUERY_OK && q->verb != QUERY_CHALLENGE)
                check_yes(q, uid, &reply);
        if (reply.result != QUERY_OK)
                MUST(reply.reason[0] != 0);
}

/* A challenge for alice and sudo, asked for by root, and its answer. */
static void challenge(void) {
        struct query_request q = { .verb = QUERY_CHALLENGE, .name = "alice", .service = "sudo" };
        struct query_reply reply;
        uint64_t client;

        if (query_put(&ag->query, 0, &q, deliver, NULL, &reply, &client) < 0)
                return;
        MUST(reply.result == QUERY_OK);
        last = q;
        memcpy(last.nonce, reply.challenge.nonce, sizeof(last.nonce));
        MUST(eip191_sign(VIEW_TEXT(reply.challenge.text), key, last.signature) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint16_t version = QUERY_VERSION;
        const uint32_t magic = QUERY_MAGIC;
        struct view in = VIEW(data, size), part;

        begin();
        challenge();
        while (in.n > 1) {
                uint8_t packet[sizeof(struct query_request)] = { 0 };
                struct query_request q;
                uint8_t how = in.p[0];

                in = VIEW(in.p + 1, in.n - 1);
                MUST(view_take(&in, MIN(in.n, sizeof(packet)), &part));
                memcpy(packet, part.p, part.n);
                memcpy(packet, &magic, sizeof(magic));
                memcpy(packet + sizeof(magic), &version, sizeof(version));
                if (query_request_check(VIEW(packet, sizeof(packet)), &q) < 0)
                        continue;
                q.verb = (uint16_t) (QUERY_LOGIN + (q.verb + 3) % 4); /* these four, as they are numbered */
                if (how & 1)
                        memcpy(q.nonce, last.nonce, sizeof(q.nonce));
                if (how & 2)
                        memcpy(q.signature, last.signature, sizeof(q.signature));
                ask(&q, how & 4 ? 1000 : 0);
                if (how & 8)
                        challenge();
        }
        end();
        return 0;
}
