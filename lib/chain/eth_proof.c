/* Questions: contract storage, proven up to a signed header (ethereum-light-client 5.2, 5.3).
 *
 * A question pins its block when it is taken; every answer is judged against that block's state
 * root by lib/core. A wrong answer costs the server its place; one that does not have the block
 * (it prunes, or is late) only sends the question to the next one. Servers that take no block hash
 * are asked by number: what they then say of a block that is not final may be true of another one,
 * and is no lie. */

#include "chain/eth.h"

#define PATIENCE     8    /* a part of the request deadline: then another server is asked as well */
#define HEAD_LATE_MS 2000 /* a head that no server has yet is asked for again after this */

static struct chain_answer *put_answer(
                struct eth *eth, const struct eth_question *q, enum chain_verdict verdict) {
        struct chain_answer *a = (struct chain_answer *) eth_claim(eth, sizeof(*a));

        if (!a)
                return NULL;
        memset(a, 0, sizeof(*a));
        a->id = q->id;
        a->verdict = verdict;
        a->at = (enum chain_at) q->at;
        a->block = q->block;
        eth_act(eth, CHAIN_DO_ANSWER, 0)->answer = a;
        return a;
}

/* What is on its way for it will be passed over. */
static void forget(struct eth *eth, const struct eth_question *q) {
        int8_t index = (int8_t) (q - eth->question);

        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                for (size_t i = 0; i < ETH_INFLIGHT; i++) {
                        struct eth_request *r = &eth->up[u].request[i];

                        if (r->kind == ETHAPI_PROOF && r->question == index)
                                r->question = -1;
                }
}

static void free_question(struct eth *eth, struct eth_question *q) {
        forget(eth, q);
        *q = (struct eth_question){ 0 };
}

static void say_why(struct eth_question *q, const char *text) {
        (void) chain_say(q->why, sizeof(q->why), "%s", text);
}

/* A place for n slots side by side among the open questions; -1 if there is none now. */
static int place_slots(const struct eth *eth, size_t n) {
        bool taken[ETH_SLOTS] = { 0 };
        size_t row = 0;

        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                for (size_t k = 0; eth->question[i].used && k < eth->question[i].n_slots; k++)
                        taken[eth->question[i].slot + k] = true;
        for (size_t i = 0; i < ETH_SLOTS; i++) {
                row = taken[i] ? 0 : row + 1;
                if (row == n)
                        return (int) (i + 1 - n);
        }
        return -1;
}

static void refuse(struct eth *eth, const struct chain_ask *ask, const char *why) {
        struct eth_question q = { .id = ask->id, .at = (uint8_t) ask->at };
        struct chain_answer *a = put_answer(eth, &q, CHAIN_UNPROVEN);

        if (a)
                (void) chain_say(a->why, sizeof(a->why), "%s", why);
}

static struct chain_block pinned(const struct eth *eth, enum chain_at at) {
        if (at == CHAIN_AT_HEAD && eth->followed && eth->has_head &&
                        eth->head.ref.number > eth->final.ref.number)
                return eth->head;
        return eth->final;
}

void eth_on_ask(struct eth *eth, const struct chain_ask *ask) {
        struct eth_question *q = NULL;
        int at = place_slots(eth, ask->n_slots);

        for (size_t i = 0; i < CHAIN_ASKS_MAX && !q; i++)
                if (!eth->question[i].used)
                        q = &eth->question[i];
        if (eth_stopped(eth) || !eth->has_final) {
                refuse(eth, ask,
                                eth->has_final ? "the chain is stuck: an operator must decide"
                                               : "no block is trusted yet");
                return;
        }
        if (!q || at < 0) {
                refuse(eth, ask, "too many questions are open");
                return;
        }
        *q = (struct eth_question){
                .id = ask->id,
                .deadline_ms = eth->now_ms + 3 * eth->cfg.request_ms,
                .block = pinned(eth, ask->at),
                .contract = ask->contract,
                .known_root = ask->known_root,
                .has_known = ask->has_known_root,
                .slot = (uint16_t) at,
                .n_slots = (uint8_t) ask->n_slots,
                .at = (uint8_t) ask->at,
                .used = true,
                .absent_only = true,
        };
        memcpy(eth->slots + at, ask->slots, ask->n_slots * sizeof(ask->slots[0]));
        say_why(q, "no execution server is connected");
}

void eth_on_cancel(struct eth *eth, uint64_t id) {
        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                if (eth->question[i].used && eth->question[i].id == id)
                        free_question(eth, &eth->question[i]);
}

static void to_proof(const struct ethapi_nodes *nodes, struct mpt_proof *ret) {
        ret->n = nodes->n;
        for (size_t i = 0; i < nodes->n; i++)
                ret->node[i] = nodes->node[i];
}

/* What the server says beside its proof must agree with it. */
static bool says_so(const struct ethapi_answer *a, const struct account_exec *account) {
        struct account_exec said = {
                .nonce = a->proof.nonce,
                .balance = a->proof.balance,
                .storage_root = a->proof.storage_root,
                .code_hash = a->proof.code_hash,
        };

        return account_exec_matches(account, &said);
}

/* NULL: the slots that were asked for are proven, and their values stand in *ret. */
static const char *take_values(const struct eth *eth, const struct eth_question *q,
                const struct ethapi_answer *a, const struct account_exec *account,
                struct hash32 ret[ETHAPI_SLOTS_MAX]) {
        const struct hash32 *slot = eth->slots + q->slot + q->done;

        /* Some servers show no slot of an account that has no storage, and none is needed. */
        if (a->proof.n_slots == 0 && hash32_eq(&account->storage_root, &mpt_empty_root)) {
                memset(ret, 0, q->n_asked * sizeof(ret[0]));
                return NULL;
        }
        if (a->proof.n_slots != q->n_asked)
                return "another number of slots than asked for";
        for (size_t i = 0; i < a->proof.n_slots; i++) {
                struct mpt_proof proof;
                enum mpt_verdict v;

                if (!hash32_eq(&a->proof.slot[i].key, &slot[i]))
                        return "another slot than asked for";
                to_proof(&a->proof.slot[i].nodes, &proof);
                v = storage_exec_verify(&account->storage_root, &slot[i], &proof, &ret[i]);
                if (v != MPT_PRESENT && v != MPT_ABSENT)
                        return mpt_verdict_text(v);
                if (!hash32_eq(&ret[i], &a->proof.slot[i].value))
                        return "another value than its proof shows";
        }
        return NULL;
}

static void answer_well(
                struct eth *eth, unsigned u, struct eth_question *q, enum chain_verdict verdict) {
        struct chain_answer *a = put_answer(eth, q, verdict);

        if (a) {
                a->storage_root = q->storage_root;
                a->code_hash = q->code_hash;
                a->upstream = u;
                if (verdict == CHAIN_PROVEN) {
                        a->n_values = q->n_slots;
                        memcpy(a->values, eth->slots + q->slot, q->n_slots * sizeof(a->values[0]));
                }
        }
        free_question(eth, q);
}

static void wrong(struct eth *eth, unsigned u, struct eth_question *q, const struct eth_request *r,
                const char *what, const char *why, bool stray) {
        q->waiting = false;
        q->tried |= eth_bit(u);
        q->absent_only = false;
        (void) chain_say(q->why, sizeof(q->why), "%s: %s", what, why);
        if (stray && r->by_number && q->at == CHAIN_AT_HEAD) {
                eth->up[u].failures++;
                (void) chain_say(eth->up[u].last_error, sizeof(eth->up[u].last_error),
                                "block %n: answered from another branch", q->block.ref.number);
                return;
        }
        eth_lie(eth, u, eth_culprit(eth, u), "block %n, %s: %s", q->block.ref.number, what, why);
}

void eth_on_proof(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        struct hash32 values[ETHAPI_SLOTS_MAX];
        struct account_exec account;
        struct eth_question *q;
        struct mpt_proof proof;
        enum mpt_verdict v;
        const char *why;

        if (r->question < 0 || eth_stopped(eth))
                return; /* cancelled, or answered meanwhile; nothing is proven of a chain that is
                           stuck */
        q = &eth->question[r->question];
        to_proof(&a->proof.account, &proof);
        v = account_exec_verify(&q->block.state_hash, &q->contract, &proof, &account);
        if (v != MPT_PRESENT && v != MPT_ABSENT) {
                wrong(eth, u, q, r, "account", mpt_verdict_text(v), v == MPT_WRONG_HASH);
                return;
        }
        if (!says_so(a, &account)) {
                wrong(eth, u, q, r, "account", "other fields than its proof shows", false);
                return;
        }
        why = take_values(eth, q, a, &account, values);
        if (why) {
                wrong(eth, u, q, r, "value", why, false);
                return;
        }
        memcpy(eth->slots + q->slot + q->done, values, q->n_asked * sizeof(values[0]));
        if (r->by_number)
                eth->up[u].by_number = true;
        eth->up[u].peak = MAX(eth->up[u].peak, q->block.ref.number);
        q->waiting = false;
        q->has_root = true;
        q->storage_root = account.storage_root;
        q->code_hash = account.code_hash;
        forget(eth, q); /* what another server was asked meanwhile */
        q->done += q->n_asked;
        if (q->has_known && hash32_eq(&q->known_root, &q->storage_root))
                answer_well(eth, u, q, CHAIN_UNCHANGED);
        else if (q->done == q->n_slots)
                answer_well(eth, u, q, CHAIN_PROVEN);
}

/* absent: the server does not have that block, or does not take hashes; then its number may do. */
void eth_proof_lost(struct eth *eth, unsigned u, const struct eth_request *r, const char *why,
                bool absent) {
        struct eth_question *q;

        if (r->question < 0)
                return;
        q = &eth->question[r->question];
        q->waiting = false;
        say_why(q, why);
        if (absent && !r->by_number && !(q->number_tried & eth_bit(u))) {
                q->number_tried |= eth_bit(u);
                return;
        }
        q->tried |= eth_bit(u);
        q->absent_only &= absent;
        if (absent)
                (void) chain_say(eth->up[u].last_error, sizeof(eth->up[u].last_error),
                                "block %n: %s", q->block.ref.number, why);
}

/* Who has kept us waiting comes last. */
static unsigned whom_to_ask(struct eth *eth, const struct eth_question *q, bool *ret_busy) {
        unsigned u = eth_pick(eth, ETHEREUM_EXECUTION, ETH_CAN_PROOF, q->tried | q->slow, ret_busy);

        if (u == CHAIN_UPSTREAMS_MAX && !*ret_busy)
                u = eth_pick(eth, ETHEREUM_EXECUTION, ETH_CAN_PROOF, q->tried, ret_busy);
        return u;
}

/* Whoever withholds one answer must not delay ours by a whole deadline: another server is asked as
 * well. The slow one is rested at its deadline, not before. */
static void lose_patience(struct eth *eth, struct eth_question *q) {
        bool busy;
        unsigned u;

        if (eth->now_ms - q->asked_ms < eth->cfg.request_ms / PATIENCE)
                return;
        u = eth_pick(eth, ETHEREUM_EXECUTION, ETH_CAN_PROOF, q->tried | q->slow | eth_bit(q->asked),
                        &busy);
        if (u == CHAIN_UPSTREAMS_MAX)
                return;
        forget(eth, q);
        q->slow |= eth_bit(q->asked);
        q->waiting = false;
}

uint64_t eth_proof_wake(const struct eth *eth) {
        uint64_t wake = UINT64_MAX;

        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++) {
                const struct eth_question *q = &eth->question[i];
                uint64_t patient = q->asked_ms + eth->cfg.request_ms / PATIENCE;

                if (!q->used)
                        continue;
                wake = MIN(wake, q->deadline_ms);
                if (q->waiting && patient > eth->now_ms)
                        wake = MIN(wake, patient);
                if (!q->waiting && q->retry_ms > eth->now_ms)
                        wake = MIN(wake, q->retry_ms);
        }
        return wake;
}

static void give_up(struct eth *eth, struct eth_question *q) {
        struct chain_answer *a;

        if (!eth_room(eth, 1, sizeof(*a) + 8))
                return;
        a = put_answer(eth, q, CHAIN_UNPROVEN);
        if (!a)
                return;
        memcpy(a->why, q->why, sizeof(q->why));
        free_question(eth, q);
}

/* Every server was tried. A head that none has may only be too new for them. */
static void nobody_left(struct eth *eth, struct eth_question *q) {
        if (q->absent_only && q->at == CHAIN_AT_HEAD &&
                        eth->now_ms + eth->cfg.request_ms < q->deadline_ms) {
                q->tried = q->number_tried = q->slow = 0;
                q->retry_ms = eth->now_ms + HEAD_LATE_MS;
        } else
                give_up(eth, q);
}

static void put_question(struct eth *eth, struct eth_question *q, unsigned u) {
        struct ethapi_request r = {
                .kind = ETHAPI_PROOF,
                .root = q->block.ref.hash,
                .number = q->block.ref.number,
                .by_number = eth->up[u].by_number || q->number_tried & eth_bit(u),
                .address = q->contract,
        };

        if (!q->has_known || q->has_root) /* else the account alone may be enough */
                r.n_slots = MIN((size_t) (q->n_slots - q->done), (size_t) ETHAPI_SLOTS_MAX);
        memcpy(r.slot, eth->slots + q->slot + q->done, r.n_slots * sizeof(r.slot[0]));
        q->n_asked = (uint8_t) r.n_slots;
        q->asked = (uint8_t) u;
        q->asked_ms = eth->now_ms;
        q->waiting = eth_send(eth, u, &r, ETH_TASKS, (int) (q - eth->question));
}

static void pump_question(struct eth *eth, struct eth_question *q) {
        bool busy;
        unsigned u;

        if (eth_stopped(eth))
                say_why(q, "the chain is stuck: an operator must decide");
        if (eth_stopped(eth) || eth->now_ms >= q->deadline_ms) {
                give_up(eth, q);
                return;
        }
        if (q->waiting)
                lose_patience(eth, q);
        if (q->waiting || eth->now_ms < q->retry_ms)
                return;
        u = whom_to_ask(eth, q, &busy);
        if (u < CHAIN_UPSTREAMS_MAX)
                put_question(eth, q, u);
        else if (!busy && q->tried != 0)
                nobody_left(eth, q);
}

void eth_proof_pump(struct eth *eth) {
        for (size_t i = 0; i < CHAIN_ASKS_MAX; i++)
                if (eth->question[i].used)
                        pump_question(eth, &eth->question[i]);
}
