/* Single values of contracts, asked for by key: proven, judged like a key field, not watched. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/book.h"
#include "agent/kedged/config.h"
#include "agent/kedged/proof.h"
#include "base/cleanup.h"
#include "wire/query.h"

struct keys_question {
        struct run *run;
        struct address contract;
        uint64_t slot;
        struct hash32 key;
};

typedef void keys_reply_fn(void *userdata, uint64_t client, const struct query_reply *reply);

struct keys_waiter {
        struct keys_waiter *next;
        uint64_t client;
        uint32_t id;
};

struct keys_open {
        struct keys_open *next;
        struct keys *keys;
        struct keys_question question;
        struct keys_waiter *waiters;
};

struct keys {
        const struct config *config;
        struct proofs *proofs;
        struct book *book;
        keys_reply_fn *reply;
        void *userdata;
        struct keys_open *open;
};

/* Joins a lookup of the same value, or starts one. 0: the hook will be called; -EBUSY, -ENOMEM. */
_must_check_ int keys_ask(struct keys *k, const struct keys_question *question, uint64_t client,
                uint32_t id, uint64_t now);

/* What may be said of a value that finalized and head hold, every value taken for a key: granted
 * while both hold it. Pure; reason is static text or NULL. */
enum query_result keys_judge(
                const struct hash32 *final, const struct hash32 *head, const char **ret_reason);
