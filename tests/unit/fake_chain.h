/* A chain that does what a test tells it: for the agent's tests. */
#pragma once

#include "chain/chain.h"

#define FAKE_VALUES_MAX 64

struct fake_value {
        struct hash32 slot, final, head;
};

struct fake_chain {
        struct chain chain;
        struct chain_status status;
        struct hash32 final_root, head_root, code_hash;
        uint8_t head_change[256], final_change[256]; /* another storage root, by a contract's first byte */
        size_t n_values;
        struct fake_value value[FAKE_VALUES_MAX];
        bool silent;       /* questions are taken and never answered */
        const char *fail;  /* questions are unproven for this reason */
        uint64_t wall_s;   /* as the last event told it */
        unsigned asks, unchanged, cancels, ticks, downs;
        struct chain_answer answer;
        unsigned moves;    /* the head moves on at each of so many questions at it */
        bool connect_next; /* the next event yields a CONNECT of upstream 0 */
        bool save_next;    /* the next event yields a SAVE, a SEND and another SEND */
};

static inline struct fake_value *fake_slot(struct fake_chain *f, const struct hash32 *slot) {
        for (size_t i = 0; i < f->n_values; i++)
                if (hash32_eq(&f->value[i].slot, slot))
                        return &f->value[i];
        f->value[f->n_values].slot = *slot;
        return &f->value[f->n_values++];
}

static inline void fake_answer(
                struct fake_chain *f, const struct chain_ask *ask, struct chain_out *out) {
        struct chain_answer *a = &f->answer;
        struct hash32 root = ask->at == CHAIN_AT_HEAD ? f->head_root : f->final_root;

        root.b[1] = (ask->at == CHAIN_AT_HEAD ? f->head_change : f->final_change)[ask->contract.b[0]];
        *a = (struct chain_answer){
                .id = ask->id, .at = ask->at, .verdict = CHAIN_PROVEN, .storage_root = root
        };
        a->code_hash = f->code_hash;
        if (ask->at == CHAIN_AT_HEAD && f->moves > 0) {
                f->moves--;
                f->status.head.ref.number++;
                memcpy(f->status.head.ref.hash.b, &f->status.head.ref.number,
                        sizeof(f->status.head.ref.number));
        }
        a->block = ask->at == CHAIN_AT_HEAD ? f->status.head : f->status.finalized;
        a->n_values = ask->n_slots;
        for (size_t i = 0; i < ask->n_slots; i++)
                for (size_t k = 0; k < f->n_values; k++)
                        if (hash32_eq(&f->value[k].slot, &ask->slots[i]))
                                a->values[i] = ask->at == CHAIN_AT_HEAD ? f->value[k].head
                                                                        : f->value[k].final;
        if (ask->has_known_root && hash32_eq(&ask->known_root, &root)) {
                a->verdict = CHAIN_UNCHANGED;
                f->unchanged++;
        }
        if (f->fail) {
                a->verdict = CHAIN_UNPROVEN;
                strncpy(a->why, f->fail, sizeof(a->why) - 1);
        }
        out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_ANSWER, .answer = a };
}

static inline int fake_step(struct chain *c, const struct chain_in *in, struct chain_out *out) {
        struct fake_chain *f = (struct fake_chain *) c;

        f->wall_s = in->wall_s;
        switch (in->event) {
        case CHAIN_EV_ASK:
                f->asks++;
                if (!f->silent)
                        fake_answer(f, in->ask, out);
                break;
        case CHAIN_EV_CANCEL:
                f->cancels++;
                break;
        case CHAIN_EV_TICK:
                f->ticks++;
                break;
        case CHAIN_EV_DOWN:
                f->downs++;
                break;
        case CHAIN_EV_ACCEPT:
                if (f->status.conflict && view_eq(in->bytes, VIEW(f->status.conflict_ours.hash.b,
                                                                                HASH32_SIZE))) {
                        f->status.conflict = false;
                        f->status.state = CHAIN_FOLLOWING;
                        f->save_next = true;
                }
                break;
        case CHAIN_EV_UP:
        case CHAIN_EV_BYTES:
                break;
        }
        if (f->connect_next) {
                f->connect_next = false;
                out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_CONNECT };
        }
        if (f->save_next) {
                f->save_next = false;
                out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_SAVE,
                        .bytes = VIEW("state", 5) };
                out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_SEND,
                        .bytes = VIEW("ticket", 6) };
                out->action[out->n++] = (struct chain_action){ .kind = CHAIN_DO_SEND,
                        .bytes = VIEW("other", 5) };
        }
        return 0;
}

static inline void fake_status(const struct chain *c, struct chain_status *ret) {
        *ret = ((const struct fake_chain *) c)->status;
}

static inline size_t fake_memory(const struct chain *c _unused_) {
        return sizeof(struct fake_chain);
}

static inline void fake_free(struct chain *c _unused_) {
}

static const struct chain_ops fake_ops = {
        .step = fake_step, .status = fake_status, .memory = fake_memory, .free = fake_free
};

static inline void fake_init(struct fake_chain *f) {
        memset(f, 0, sizeof(*f));
        f->chain.ops = &fake_ops;
}

/* A block of this number, whose hash is the number too. */
static inline struct chain_block fake_block(uint64_t number) {
        struct chain_block b = { .ref.number = number, .timestamp = number * 15 };

        memcpy(b.ref.hash.b, &number, sizeof(number));
        return b;
}

static inline void fake_heads(
                struct fake_chain *f, uint64_t final, uint64_t head, uint64_t moved_ms) {
        f->status.state = CHAIN_FOLLOWING;
        f->status.has_finalized = f->status.has_head = true;
        f->status.finalized = fake_block(final);
        f->status.head = fake_block(head);
        f->status.head_moved_ms = moved_ms;
}
