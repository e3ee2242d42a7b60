/* ENS without running its code: the registry names a resolver; of a resolver whose code is known,
 * and proven, it is known where it keeps text records; in those stand the fields of a record, under
 * their own names. What is decided by code (an unknown resolver, wildcards, names kept off the
 * chain or in the old registry) cannot be verified by storage, and is said to be so rather than
 * guessed.
 *
 * A walk has two sides, finalized and head. What always holds: all steps of a side are proven at
 * one block (where the chain moves on in between, the side begins again), and no slot of a resolver
 * is given a meaning before its code hash, at that block, is the one of the table. */

#include "agent/kedged/ens_zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/ens.h"

enum step { STEP_REGISTRY, STEP_RESOLVER, STEP_TEXTS, STEP_WORDS, STEP_DONE };

struct word {
        size_t field, index;
};

struct side {
        struct walk *walk;
        enum chain_at at;
        enum step step;
        unsigned tries;
        bool ended;
        bool gone;              /* the registry names no resolver */
        struct block_ref block; /* of the first step */
        uint64_t time;          /* of the block */
        unsigned upstream;      /* of the last step */
        uint64_t serial, head_moved_ms, time_head;
        struct address resolver;
        uint64_t version;
        struct hash32 text_slot[LOOKUP_FIELDS];
        struct ens_string text[LOOKUP_FIELDS];
        uint32_t bad; /* fields that hold something else than a value, one bit each */
        size_t n_words, next_word, asked_words;
        struct word word[LOOKUP_FIELDS * ENS_WORDS_MAX];
        struct hash32 value[LOOKUP_FIELDS];
        char unverifiable[LOOKUP_WHY_MAX];
};

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

static void question_of(const struct side *s, struct proof_question *q) {
        static const struct hash32 none;

        *q = (struct proof_question){
                .run = s->walk->run,
                .only = s->at == CHAIN_AT_FINALIZED ? PROOF_FINAL : PROOF_HEAD,
                .contract = s->resolver,
        };
        switch (s->step) {
        case STEP_REGISTRY:
                q->contract = ens_registry;
                q->n_slots = 2;
                ens_registry_slots(&s->walk->node, &q->slots[0], &q->slots[1]);
                break;
        case STEP_RESOLVER: /* for its code hash; of a layout without versions it says nothing */
                q->n_slots = 1;
                ens_version_slot(&s->walk->node, &q->slots[0]);
                break;
        case STEP_TEXTS:
                q->n_slots = LOOKUP_FIELDS;
                memcpy(q->slots, s->text_slot, sizeof(s->text_slot));
                break;
        case STEP_WORDS:
                q->n_slots = MIN(s->n_words - s->next_word, (size_t) CHAIN_KEYS_MAX);
                for (size_t i = 0; i < q->n_slots; i++) {
                        const struct word *w = &s->word[s->next_word + i];

                        ens_string_word_slot(&s->text_slot[w->field], w->index, &q->slots[i]);
                }
                break;
        case STEP_DONE:
                q->slots[0] = none;
                break;
        }
}

static int ask(struct side *s, uint64_t now) {
        struct proof_question q;

        question_of(s, &q);
        s->asked_words = s->step == STEP_WORDS ? q.n_slots : 0;
        return proof_start(s->walk->proofs, &q, on_step, s, now);
}

/* Both sides have ended: what they found becomes one result. */
static void finish(struct walk *w) {
        struct lookup_values *v = &w->result.values;
        const struct side *f = &w->final, *h = &w->head;

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
        v->bad_final = f->bad;
        v->bad_head = h->bad;
        memcpy(v->final, f->value, sizeof(v->final));
        memcpy(v->head, h->value, sizeof(v->head));
        /* A name whose resolver was taken away had its keys taken back: that is proven. */
        if (!h->gone || f->unverifiable[0])
                memcpy(v->unverifiable, h->unverifiable, sizeof(v->unverifiable));
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

/* The texts stand: what do they say? */
static void read_values(struct side *s) {
        for (size_t i = 0; i < LOOKUP_FIELDS; i++) {
                const struct ens_string *t = &s->text[i];

                if (s->bad & UINT32_C(1) << i || t->n == 0)
                        continue;
                if (record_value_of_text(lookup_field(i), VIEW(t->text, t->n), &s->value[i]) < 0) {
                        memset(&s->value[i], 0, sizeof(s->value[i]));
                        s->bad |= UINT32_C(1) << i;
                }
        }
        s->step = STEP_DONE;
}

static void cannot_verify(struct side *s, const struct hash32 *code) {
        char address[2 * ADDRESS_SIZE + 1], hash[2 * HASH32_SIZE + 1];

        s->step = STEP_DONE;
        s->gone = !code;
        if (!code)
                (void) snprintf(s->unverifiable, sizeof(s->unverifiable),
                                "no resolver of its own: a wildcard, off-chain or old-registry "
                                "name "
                                "is answered by code, and cannot be verified by storage");
        else
                (void) snprintf(s->unverifiable, sizeof(s->unverifiable),
                                "unknown resolver 0x%s, code hash 0x%s: no storage proof",
                                hex_encode(s->resolver.b, ADDRESS_SIZE, address),
                                hex_encode(code->b, HASH32_SIZE, hash));
}

static void take_registry(struct side *s, const struct chain_answer *a) {
        static const struct address none;

        ens_low_address(&a->values[1], &s->resolver);
        if (address_eq(&s->resolver, &none))
                cannot_verify(s, NULL);
        else
                s->step = STEP_RESOLVER;
}

static void take_resolver(struct side *s, const struct chain_answer *a) {
        const struct ens_resolver *known = ens_resolver_find(&s->resolver);

        if (!known || !hash32_eq(&known->code_hash, &a->code_hash) ||
                        (known->layout == ENS_LAYOUT_2023 &&
                                        ens_version_of(&a->values[0], &s->version) < 0)) {
                cannot_verify(s, &a->code_hash);
                return;
        }
        for (size_t i = 0; i < LOOKUP_FIELDS; i++)
                if (ens_text_slot(known->layout, &s->walk->node, s->version,
                                    VIEW_TEXT(record_field_name(lookup_field(i))),
                                    &s->text_slot[i]) < 0) {
                        cannot_verify(s, &a->code_hash);
                        return;
                }
        s->step = STEP_TEXTS;
}

static void take_texts(struct side *s, const struct chain_answer *a) {
        for (size_t i = 0; i < LOOKUP_FIELDS; i++) {
                if (ens_string_begin(&a->values[i], &s->text[i]) < 0) {
                        s->bad |= UINT32_C(1) << i;
                        continue;
                }
                for (size_t k = 0; k < s->text[i].n_words; k++)
                        s->word[s->n_words++] = (struct word){ .field = i, .index = k };
        }
        s->step = STEP_WORDS;
}

static void take_words(struct side *s, const struct chain_answer *a) {
        for (size_t i = 0; i < s->asked_words; i++) {
                const struct word *w = &s->word[s->next_word + i];

                if (ens_string_word(&s->text[w->field], w->index, &a->values[i]) < 0)
                        s->bad |= UINT32_C(1) << w->field;
        }
        s->next_word += s->asked_words;
}

static void take(struct side *s, const struct chain_answer *a) {
        switch (s->step) {
        case STEP_REGISTRY:
                take_registry(s, a);
                break;
        case STEP_RESOLVER:
                take_resolver(s, a);
                break;
        case STEP_TEXTS:
                take_texts(s, a);
                break;
        case STEP_WORDS:
                take_words(s, a);
                break;
        case STEP_DONE:
                break;
        }
        if (s->step == STEP_WORDS && s->next_word == s->n_words)
                read_values(s);
}

static void begin(struct side *s) {
        *s = (struct side){ .walk = s->walk, .at = s->at, .tries = s->tries + 1 };
}

static void on_step(void *userdata, const struct proof_result *result) {
        struct side *s = userdata;
        const struct chain_answer *a = s->at == CHAIN_AT_FINALIZED ? &result->final : &result->head;
        int r;

        if (!result->proven || s->walk->result.why[0]) {
                end(s, result->why);
                return;
        }
        if (s->step != STEP_REGISTRY && !hash32_eq(&a->block.ref.hash, &s->block.hash)) {
                if (s->tries == ENS_ZONE_TRIES) {
                        end(s, "the chain moves on faster than the name's records can be proven");
                        return;
                }
                begin(s);
        } else {
                if (s->step == STEP_REGISTRY) {
                        s->block = a->block.ref;
                        s->time = a->block.timestamp;
                        s->serial = result->serial;
                        s->head_moved_ms = result->head_moved_ms;
                        s->time_head = result->time_head;
                }
                s->upstream = a->upstream;
                take(s, a);
        }
        if (s->step == STEP_DONE) {
                end(s, NULL);
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
