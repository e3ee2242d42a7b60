/* Requests and answers (base/ethapi.h). Every request has a deadline and an id; an answer that
 * nobody waits for is passed over; one that answers something else than was asked is a fault.
 * What a server does not have, does not do or has no time for is no lie. */

#include "chain/eth.h"

#include <errno.h>

#define REQUEST_BYTES_MAX 512

enum eth_ability eth_ability_of(enum ethapi_kind kind) {
        switch (kind) {
        case ETHAPI_BOOTSTRAP:
                return ETH_CAN_BOOTSTRAP;
        case ETHAPI_UPDATES:
                return ETH_CAN_UPDATES;
        case ETHAPI_FINALITY:
                return ETH_CAN_FINALITY;
        case ETHAPI_OPTIMISTIC:
                return ETH_CAN_OPTIMISTIC;
        case ETHAPI_HEADER:
                return ETH_CAN_HEADER;
        case ETHAPI_PROOF:
                return ETH_CAN_PROOF;
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
                break;
        }
        return ETH_ABILITIES;
}

static struct eth_request *free_place(struct eth_upstream *up) {
        for (size_t i = 0; i < ETH_INFLIGHT; i++)
                if (up->request[i].kind == 0)
                        return &up->request[i];
        return NULL;
}

bool eth_send(struct eth *eth, unsigned u, struct ethapi_request *r, enum eth_task task,
                int question) {
        struct eth_upstream *up = &eth->up[u];
        struct eth_request *place = free_place(up);
        uint8_t bytes[REQUEST_BYTES_MAX], *copy;
        struct buf b = BUF(bytes);
        struct view v;

        if (!place || !eth_room(eth, 1, REQUEST_BYTES_MAX))
                return false;
        r->id = ++eth->next_id;
        ethapi_put_request(&b, r);
        if (buf_done(&b, &v) < 0)
                return false; /* cannot be: the longest has eight slots */
        copy = eth_claim(eth, v.n);
        if (!copy)
                return false;
        memcpy(copy, v.p, v.n);
        eth_act(eth, CHAIN_DO_SEND, u)->bytes = VIEW(copy, v.n);
        up->bytes_out += v.n;
        up->asked_ms = eth->now_ms;
        *place = (struct eth_request){
                .deadline_ms = eth->now_ms + eth->cfg.request_ms,
                .start = r->start,
                .count = r->count,
                .id = r->id,
                .kind = (uint8_t) r->kind,
                .task = (uint8_t) task,
                .question = (int8_t) question,
                .by_number = r->by_number,
        };
        return true;
}

void eth_greet(struct eth *eth, unsigned u) {
        bool beacon = eth->cfg.upstream[u] == ETHEREUM_BEACON;
        struct ethapi_request r = { .kind = beacon ? ETHAPI_GENESIS : ETHAPI_CHAIN_ID };

        for (size_t i = 0; i < ETH_INFLIGHT; i++)
                if (eth->up[u].request[i].kind == r.kind)
                        return; /* on its way */
        (void) eth_send(eth, u, &r, ETH_TASKS, -1);
}

void eth_requests_pump(struct eth *eth) {
        struct ethapi_request r = { .kind = ETHAPI_FORK_SCHEDULE };

        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++) {
                struct eth_upstream *up = &eth->up[u];

                if (eth_is_up(eth, u) && eth->cfg.upstream[u] == ETHEREUM_BEACON &&
                                eth->now_ms >= up->schedule_at_ms &&
                                eth_send(eth, u, &r, ETH_TASKS, -1))
                        up->schedule_at_ms = eth->now_ms + eth_jitter(eth, ETH_DAY_MS);
        }
}

static void lost(struct eth *eth, unsigned u, const struct eth_request *r, const char *why,
                bool absent) {
        if (r->task < ETH_TASKS)
                eth_job_again(eth, (enum eth_task) r->task, u, absent);
        if (r->question >= 0)
                eth_proof_lost(eth, u, r, why, absent);
}

void eth_forget_requests(struct eth *eth, unsigned u, const char *why) {
        struct eth_upstream *up = &eth->up[u];

        for (size_t i = 0; i < ETH_INFLIGHT; i++) {
                struct eth_request r = up->request[i];

                if (r.kind == 0)
                        continue;
                up->request[i] = (struct eth_request){ 0 };
                lost(eth, u, &r, why, false);
        }
}

static const struct {
        const char *name;
        uint64_t chain_id, genesis_time;
} public_networks[] = {
        { "mainnet", 1, 1606824023 },
        { "sepolia", 11155111, 1655733600 },
        { "holesky", 17000, 1695902400 },
        { "hoodi", 560048, 1742213400 },
};

static const char *network_of(uint64_t chain_id, uint64_t genesis_time) {
        for (size_t i = 0; i < ELEMENTSOF(public_networks); i++)
                if (public_networks[i].chain_id == chain_id ||
                                public_networks[i].genesis_time == genesis_time)
                        return public_networks[i].name;
        return "a network of its own";
}

static void greeted(struct eth *eth, unsigned u) {
        eth->up[u].state = UPSTREAM_UP;
        eth->up[u].since_ms = eth->now_ms;
}

static void on_genesis(struct eth *eth, unsigned u, const struct ethapi_answer *a) {
        const struct eth_network *net = &eth->net;

        if (a->genesis.time == net->genesis_time &&
                        hash32_eq(&a->genesis.validators_root, &net->genesis_validators_root)) {
                greeted(eth, u);
                return;
        }
        eth_lie(eth, u, eth_culprit(eth, u), "serves another network: %s, genesis %t",
                        network_of(0, a->genesis.time), a->genesis.time);
}

static void on_chain_id(struct eth *eth, unsigned u, const struct ethapi_answer *a) {
        if (a->chain_id == eth->net.chain_id) {
                greeted(eth, u);
                return;
        }
        eth_lie(eth, u, eth_culprit(eth, u), "serves another network: %s, chain id %n",
                        network_of(a->chain_id, 0), a->chain_id);
}

static void on_ok(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        enum eth_ability ability = eth_ability_of(a->kind);

        if (ability < ETH_ABILITIES)
                eth_has(eth, u, ability);
        switch (a->kind) {
        case ETHAPI_GENESIS:
                on_genesis(eth, u, a);
                return;
        case ETHAPI_CHAIN_ID:
                on_chain_id(eth, u, a);
                return;
        case ETHAPI_FORK_SCHEDULE:
                eth_on_schedule(eth, u, a);
                return;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_UPDATES:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
                eth_on_objects(eth, u, r, a);
                return;
        case ETHAPI_HEADER:
                eth_on_header(eth, u, r, a->header);
                return;
        case ETHAPI_PROOF:
                eth_on_proof(eth, u, r, a);
                return;
        case ETHAPI_CHECKPOINT:
                return; /* never asked for by us */
        }
}

/* A text of a server, cut to what we keep. */
static void copy_text(struct view text, char *ret, size_t cap) {
        size_t n = MIN(text.n, cap - 1);

        if (n > 0)
                memcpy(ret, text.p, n);
        ret[n] = 0;
}

/* A fork that kedge-fetch does not know comes as UNSUPPORTED; its text says "fork NAME", with more
 * around it. */
static bool names_unknown_fork(const struct ethapi_answer *a, char ret[ETHAPI_TAG_MAX + 1]) {
        static const char word[] = "fork ";
        struct view v = a->text, part;
        enum eth_fork known;
        size_t n = 0;

        while (v.n >= sizeof(word) - 1 && memcmp(v.p, word, sizeof(word) - 1) != 0)
                if (!view_take(&v, 1, &part))
                        return false;
        if (a->kind > ETHAPI_OPTIMISTIC || !view_take(&v, sizeof(word) - 1, &part))
                return false;
        while (n < v.n && n < ETHAPI_TAG_MAX && v.p[n] != ' ' && v.p[n] != ',')
                n++;
        copy_text(VIEW(v.p, n), ret, ETHAPI_TAG_MAX + 1);
        return n > 0 && eth_fork_of_name(VIEW_TEXT(ret), &known) < 0;
}

static void on_lacking(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        enum eth_ability ability = eth_ability_of(a->kind);
        char text[ETH_ERROR_MAX], fork[ETHAPI_TAG_MAX + 1];

        if (eth->up[u].state == UPSTREAM_GREETING) {
                greeted(eth, u); /* its objects will tell */
                return;
        }
        if (a->result == ETHAPI_UNSUPPORTED && names_unknown_fork(a, fork)) {
                eth_fork_seen(eth, u, fork);
                lost(eth, u, r, "it is of a fork that is not known here", false);
                return;
        }
        copy_text(a->text, text, sizeof(text));
        if (a->kind == ETHAPI_UPDATES)
                eth->up[u].lacks_period = r->start;
        if (ability < ETH_ABILITIES && ability != ETH_CAN_PROOF)
                eth_lacks(eth, u, ability);
        lost(eth, u, r, text[0] ? text : "it does not have it", true);
}

static void on_answer(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        const char *what = ethapi_kind_text(a->kind);
        char text[ETH_ERROR_MAX];

        copy_text(a->text, text, sizeof(text));
        switch (a->result) {
        case ETHAPI_OK:
                on_ok(eth, u, r, a);
                return;
        case ETHAPI_ABSENT:
        case ETHAPI_UNSUPPORTED:
                on_lacking(eth, u, r, a);
                return;
        case ETHAPI_BUSY:
                lost(eth, u, r, "the server is busy", false);
                eth_rest_for(eth, u, MIN(a->retry_s, (uint64_t) ETH_BUSY_MAX_S) * 1000,
                                "the server is busy");
                return;
        case ETHAPI_FAILED:
                lost(eth, u, r, text, false);
                eth_fail(eth, u, "%s: %s", what, text);
                return;
        case ETHAPI_NONSENSE:
                lost(eth, u, r, text, false);
                eth_fault(eth, u, eth_culprit(eth, u), "%s: %s", what, text);
                return;
        }
}

void eth_on_bytes(struct eth *eth, unsigned u, struct view message) {
        struct eth_upstream *up = &eth->up[u];
        struct ethapi_answer a;

        if (up->state != UPSTREAM_GREETING && up->state != UPSTREAM_UP)
                return;
        up->bytes_in += message.n;
        if (ethapi_parse_answer(message, &a) < 0) {
                eth_fault(eth, u, message, "a message that is none");
                return;
        }
        for (size_t i = 0; i < ETH_INFLIGHT; i++) {
                struct eth_request r = up->request[i];

                if (r.kind == 0 || r.id != a.id)
                        continue;
                up->request[i] = (struct eth_request){ 0 };
                if (r.kind != (uint8_t) a.kind) {
                        lost(eth, u, &r, "another answer than the one asked for", false);
                        eth_fault(eth, u, message, "another answer than the one asked for");
                } else
                        on_answer(eth, u, &r, &a);
                return;
        }
}
