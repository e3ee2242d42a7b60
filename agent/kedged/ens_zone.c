/* A name of ENS, by the walk of lib/core/ens_walk.c. What is decided by code (an unknown resolver,
 * wildcards, names kept off the chain or in the old registry) cannot be verified by storage, and is
 * said to be so rather than guessed.
 *
 * A walk has two sides, finalized and head. What always holds: all steps of a side are proven at
 * one block; where the chain moves on in between, the side begins again. */

#include "agent/kedged/ens_zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/ens_walk.h"

struct side {
        struct walk *walk;
        enum chain_at at;
        unsigned tries;
        bool ended;
        struct block_ref block; /* of the first step */
        uint64_t time;          /* of the block */
        uint64_t serial, head_moved_ms, time_head;
        unsigned upstream; /* whose bytes proved the last step */
        struct ens_walk ens;
};

_Static_assert(ENS_WALK_ASK_MAX <= CHAIN_KEYS_MAX, "a step is one question");

struct walk {
        struct proofs *proofs;
        struct run *run;
        ens_done_fn *done;
        void *userdata;
        uint64_t now;
        struct hash32 node;
        struct side final, head;
        struct ens_result result;
};

static void on_step(void *userdata, const struct proof_result *result);

static int ask(struct side *s, uint64_t now) {
        struct proof_question q = {
                .run = s->walk->run,
                .only = s->at == CHAIN_AT_FINALIZED ? PROOF_FINAL : PROOF_HEAD,
        };

        q.n_slots = ens_walk_ask(&s->ens, &q.contract, q.slots);
        return proof_start(s->walk->proofs, &q, on_step, s, now);
}

/* Why the storage at this side proves nothing of the name; empty: it does. */
static void say_why(const struct side *s, char ret[LOOKUP_WHY_MAX]) {
        char address[2 * ADDRESS_SIZE + 1], hash[2 * HASH32_SIZE + 1];

        switch (s->ens.end) {
        case ENS_WALK_NO_RESOLVER:
                (void) snprintf(ret, LOOKUP_WHY_MAX,
                                "no resolver of its own: a wildcard, off-chain or old-registry "
                                "name "
                                "is answered by code, and cannot be verified by storage");
                return;
        case ENS_WALK_UNKNOWN_RESOLVER:
                (void) snprintf(ret, LOOKUP_WHY_MAX,
                                "unknown resolver 0x%s, code hash 0x%s: no storage proof",
                                hex_encode(s->ens.resolver.b, ADDRESS_SIZE, address),
                                hex_encode(s->ens.code.b, HASH32_SIZE, hash));
                return;
        case ENS_WALK_GOES_ON:
        case ENS_WALK_DONE:
                ret[0] = 0;
                return;
        }
}

/* Both sides have ended: what they found becomes one result. */
static void finish(struct walk *w) {
        struct lookup_values *v = &w->result.values;
        const struct side *f = &w->final, *h = &w->head;
        bool gone = h->ens.end == ENS_WALK_NO_RESOLVER;

        if (!f->ended || !h->ended)
                return;
        if (w->result.why[0] == 0 && f->block.number > h->block.number)
                (void) snprintf(w->result.why, sizeof(w->result.why),
                                "the head lies below the finalized block");
        w->result.proven = w->result.why[0] == 0;
        w->result.serial = MIN(f->serial, h->serial);
        v->final_at = f->block;
        v->head_at = h->block;
        v->final_time = f->time;
        v->head_time = h->time;
        v->proven_ms = h->head_moved_ms;
        v->time_head = h->time_head;
        w->result.final_upstream = f->upstream;
        w->result.head_upstream = h->upstream;
        v->bad_final = f->ens.bad;
        v->bad_head = h->ens.bad;
        memcpy(v->final, f->ens.value, sizeof(v->final));
        memcpy(v->head, h->ens.value, sizeof(v->head));
        /* A name whose resolver was taken away had its keys taken back: that is proven. */
        if (!gone || f->ens.end != ENS_WALK_DONE)
                say_why(h, v->unverifiable);
        w->done(w->userdata, &w->result);
        free(w);
}

static void end(struct side *s, const char *why) {
        struct walk *w = s->walk;

        s->ended = true;
        if (why && w->result.why[0] == 0)
                (void) snprintf(w->result.why, sizeof(w->result.why), "%s", why);
        finish(w);
}

static void begin(struct side *s) {
        *s = (struct side){ .walk = s->walk, .at = s->at, .tries = s->tries + 1 };
        ens_walk_begin(&s->ens, &s->walk->node);
}

/* NULL, or why the side must end without a result. */
static const char *take(struct side *s, const struct proof_result *result) {
        const struct chain_answer *a = s->at == CHAIN_AT_FINALIZED ? &result->final : &result->head;

        if (s->serial != 0 && !hash32_eq(&a->block.ref.hash, &s->block.hash)) {
                if (s->tries == ENS_ZONE_TRIES)
                        return "the chain moves on faster than the name's records can be proven";
                begin(s);
                return NULL;
        }
        if (s->serial == 0) {
                s->block = a->block.ref;
                s->time = a->block.timestamp;
                s->serial = result->serial;
                s->head_moved_ms = result->head_moved_ms;
                s->time_head = result->time_head;
        }
        s->upstream = a->upstream;
        return ens_walk_take(&s->ens, a->values, a->n_values, &a->code_hash) < 0
                               ? "the chain answered another question"
                               : NULL;
}

static void on_step(void *userdata, const struct proof_result *result) {
        struct side *s = userdata;
        const char *why;
        int r;

        if (!result->proven || s->walk->result.why[0]) {
                end(s, result->why);
                return;
        }
        why = take(s, result);
        if (why || s->ens.end != ENS_WALK_GOES_ON) {
                end(s, why);
                return;
        }
        r = ask(s, now_ms());
        if (r < 0)
                end(s, r == -EBUSY ? "too many questions are open" : "out of memory");
}

int ens_zone_start(struct proofs *proofs, struct run *run, const char *name, ens_done_fn *done,
                void *userdata, uint64_t now) {
        struct walk *w;
        struct hash32 node;
        int r;

        if (ens_node(VIEW_TEXT(name), &node) < 0)
                return -EINVAL;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (struct walk){
                .proofs = proofs, .run = run, .done = done, .userdata = userdata, .node = node
        };
        w->final = (struct side){ .walk = w, .at = CHAIN_AT_FINALIZED };
        w->head = (struct side){ .walk = w, .at = CHAIN_AT_HEAD };
        begin(&w->final);
        begin(&w->head);
        if (proofs->n + 2 > PROOFS_MAX) { /* both sides begin, or neither */
                free(w);
                return -EBUSY;
        }
        r = ask(&w->final, now);
        if (r < 0) {
                free(w);
                return r;
        }
        if (ask(&w->head, now) < 0)
                end(&w->head, "out of memory");
        return 0;
}
