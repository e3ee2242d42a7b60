/* The book of revocations: what a head no longer held, by contract, slot and name. It outlives kill
 * -9 and upstreams that show an older head later. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/store.h"
#include "base/cleanup.h"
#include "core/served.h"
#include "wire/name.h"

#define BOOK_RECORDS_MAX 40960 /* all members of a zone with their roles, and as many others */
#define BOOK_FILE        "revocations"
#define BOOK_BYTES_MAX   (8U << 20) /* on disk: what would be more is not taken */
#define BOOK_BUCKETS     4096

struct book_key {
        uint64_t chain_id, slot;
        struct address contract;
        char host[NAME_MAX_LEN + 1]; /* below the zone's apex; empty: the apex itself */
};

struct book_entry {
        uint32_t next; /* in its bucket: one more than its place, 0: none */
        struct book_key key;
        struct revocations revocations; /* never none; there is memory for the n that are used */
};

struct book {
        struct store store;
        size_t n, cap, bytes; /* on disk */
        struct book_entry **entry;
        uint32_t bucket[BOOK_BUCKETS];
        bool dirty; /* memory knows more than the disk */
};

/* Errors as store_open()'s, but none for no file; -EBADMSG for a payload that is not a book;
 * -EPROTONOSUPPORT also for one with a field that only a later kedge knows. */
_must_check_ int book_open(struct book *b, int state_fd);
void book_done(struct book *b);

/* NULL: nothing revoked. Good until the next book_set(). */
const struct revocations *book_find(const struct book *b, const struct book_key *key);

/* What is in force from now on, in memory; none removes the record. 0, or -ENOMEM, -E2BIG: the
 * caller serves nothing of this record. */
_must_check_ int book_set(struct book *b, const struct book_key *key, const struct revocations *r);

/* book_set(), but a note that a finalized block has decided stays until no restart can come back to
 * a finalized block below it (fallback, of the chain's store): otherwise a crash could revive the
 * key. */
_must_check_ int book_settle(struct book *b, const struct book_key *key,
                const struct revocations *r, uint64_t fallback);

/* Drops the notes of a chain that no restart needs any more: those of records that nobody asks for
 * are settled by nothing else. */
void book_drop_decided(struct book *b, uint64_t chain_id, uint64_t fallback);

/* Puts the book on disk where it is not. 0: it is there. */
_must_check_ int book_save(struct book *b);

/* How many revocations are in force. */
size_t book_count(const struct book *b);

/* Exposed for tests: the payload. */
_must_check_ int book_parse(struct book *b, struct view payload);
