/* Names that were asked for: proven, kept proven as the chain goes on, and given to whoever
 * asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/book.h"
#include "agent/kedged/config.h"
#include "agent/kedged/lookup.h"
#include "agent/kedged/news.h"
#include "agent/kedged/proof.h"
#include "base/cleanup.h"
#include "wire/snapshot.h"

#define WATCH_MAX       4096  /* names that clients asked for */
#define WATCH_DESK_MAX  33024 /* and those that a desk holds: `_wg` and `_host` of 16384 members */
#define WATCH_DESK      (UINT64_C(1) << 62) /* a client with this bit is such a desk */
#define WATCH_BUCKETS   4096
#define WATCH_KEEP_MS   (UINT64_C(24) * 3600 * 1000) /* after it was last asked for */
#define WATCH_KEEP_ABSENT_MS                                                                       \
        10000                /* the same for one that is proven absent, when its contract changes */
#define WATCH_RETRY_MS  2000 /* between two tries at a contract that could not be proven */
#define WATCH_FETCH_MAX                                                                            \
        12 /* records of changed contracts in flight: questions of clients go on beside */
#define WATCH_FETCH_SWEEPING 4 /* while keys are swept: see watch_sweep.c */
#define WATCH_SWEEPS_MAX     8
#define WATCH_SWEEP_FROM     48 /* so few records are as quickly fetched */
#define WATCH_URL_MAX   96
#define WATCH_SAVE_SHARE                                                                           \
        4 /* so many times as long as the last save took, a large book is not saved again */
#define WATCH_SAVE_FROM 256 /* records: a book that is large */
#define WATCH_WAITERS   256  /* for one name */

struct watch_reply {
        enum query_result result;
        char why[LOOKUP_WHY_MAX];
        enum served_why record_why; /* of the record as a whole, as it was judged */
        struct name_answer answer; /* of a user, pin: his SSH keys; of _ssh. the host's */
        struct hash32 role; /* of a user or a host: the bits that are in force */
        bool tunnel; /* of a host: its addresses are not its record's, but those that watch_tunnel_fn
                        has */
};

/* Whoever waits for a name is known by two numbers; gone ones are the hook's business. */
typedef void watch_reply_fn(
                void *userdata, uint64_t client, uint32_t id, const struct watch_reply *reply);

/* Asked of each host's name that is told. false: it answers as its record says. true: ret says what
 * its addresses are instead, and until when; or it is unproven, and ret_why says why. */
typedef bool watch_tunnel_fn(void *userdata, const char *name, struct name_answer *ret,
                char ret_why[LOOKUP_WHY_MAX]);

/* What it said last, in a number: 0, the name answers as its record says; this, it answers nothing;
 * else its addresses. */
#define WATCH_MARK_NOTHING 1

struct watch_group;

/* A URL of an upstream, copied, as upstreams come and go with the configuration. */
struct watch_url {
        struct watch_url *next;
        char url[WATCH_URL_MAX];
};

/* Whose bytes proved it, at finalized and at head: of the watch's own URLs. NULL: not known. */
struct watch_proven_by {
        const char *final, *head;
};

/* What was told of a record, and every head since has listed: it outlives answers that tell less, so
 * that it is missed when it goes. */
struct watch_told {
        bool any;                         /* something, be it but an address */
        uint64_t final;                   /* number of the finalized block at the last look */
        struct hash32 key[LOOKUP_FIELDS]; /* by the fields of the last head; of bits those told */
};

struct watch_entry {
        struct watch_entry *bucket_next, *group_next, *fetch_next, *untold_next;
        struct watch *watch;
        struct watch_group *group;
        size_t host_n; /* the part of name that lies below the zone: a host, or a subject */
        const struct name_record_shape *shape;
        size_t zone;
        uint64_t asked_ms;
        bool known;   /* was proven: values and judgement stand */
        bool flushed; /* but are not told until it is proven again */
        bool wanted;  /* stands in the list of records to fetch */
        bool running; /* a proof is open */
        bool again;   /* and it was put before the contract changed: another has to follow */
        bool counted; /* among those in flight for the watch itself */
        bool untold;  /* has changed by a revocation: told when the disk knows it */
        bool dropped; /* goes when its proof ends */
        bool moved;   /* its values are others than at the last judgement */
        bool swept;   /* its key was asked for since it is wanted */
        bool desk;    /* counts among what desks hold */
        uint64_t serial; /* of the proof that values come from */
        uint64_t unnoted; /* a head has taken something, and the book had no room: until finalized
                             is there, nothing of it is served. 0: none */
        struct hash32 final_root, head_root;
        struct lookup_values values;
        struct watch_reply reply;
        struct watch_told told;
        enum served_why field_why[LOOKUP_FIELDS];
        struct watch_proven_by by;
        uint64_t changed_us; /* when reply last became another; no two are the same */
        uint64_t tunnel_mark; /* what watch_tunnel_fn said last: see watch_tunnel_mark() */
        size_t n_waiters;
        struct watch_waiter *waiters;
        char name[]; /* with its NUL */
};

/* There is no such name, or none that can be proven: to ask for more of them costs nothing. Not so
 * a member without a record of its own, whose name answers its tunnel. */
static inline bool watch_is_absent(const struct watch_entry *e) {
        return e->known && e->tunnel_mark <= WATCH_MARK_NOTHING &&
               (e->reply.result == QUERY_ABSENT || e->values.unverifiable[0]);
}

struct watch_waiter {
        struct watch_waiter *next;
        uint64_t client;
        uint32_t id;
};

struct watch_sweep;

/* A contract that records are watched in; or all names of ENS on a chain. */
struct watch_group {
        struct watch_group *next;
        struct watch *watch;
        struct run *run;
        enum config_zone_kind kind;
        struct address contract; /* MAP */
        struct watch_entry *entries;
        bool due, running;
        uint64_t started_ms, retry_ms;
        uint64_t fresh_ms; /* until then its records are younger than MaxAge=; 0: not known */
        struct hash32 head_root; /* of the last proof; zero: none */
        struct hash32 final_at, final_root; /* the finalized block of the last proof; zero: none */
        struct watch_proven_by by;
};

/* A revocation that is in force, and is told when the disk knows it. */
struct watch_note {
        char name[NAME_MAX_LEN + 1], chain[CONFIG_CHAIN_NAME];
        struct revocation revocation;
};

/* Records to fetch, in the order in which they came. */
struct watch_queue {
        struct watch_entry *first, **last;
};

struct watch {
        const struct config *config;
        struct run *const *runs;
        struct proofs *proofs;
        struct book *book;
        watch_reply_fn *reply;
        void *userdata;
        size_t n, n_fetching;
        size_t n_desk; /* of n: that desks hold */
        size_t n_sweeping, n_unswept; /* sweeps in flight; tunnels' records that wait for one, about */
        struct watch_sweep *sweeps;
        bool changed; /* what readers should see has changed */
        bool urgent;  /* and it is a revocation */
        uint64_t changed_us; /* of the entry that changed last */
        uint64_t save_ms;    /* when the book may be saved again: see watch_announce() */
        struct watch_entry *bucket[WATCH_BUCKETS];
        /* Names with keys, which can be revoked, go before those with addresses alone, and those before
         * names that are absent. */
        struct watch_queue fetch_keys, fetch, fetch_absent;
        struct watch_group *groups;
        struct watch_url *urls;
        const struct news_desk *news; /* may be NULL */
        watch_tunnel_fn *tunnel;      /* may be NULL */
        void *tunnel_userdata;
        struct watch_entry *untold;
        size_t n_announced; /* revocations that wait for the disk */
        struct watch_note *announce[64];
        size_t unannounced; /* and those beyond */
};

void watch_init(struct watch *w, const struct config *config, struct run *const *runs,
                struct proofs *proofs, struct book *book, watch_reply_fn *reply, void *userdata);
void watch_done(struct watch *w);

/* What is known of a normalized name, or of a record name, without asking the chain: true with an
 * answer; false: ask. */
_must_check_ bool watch_peek(
                struct watch *w, const char *name, uint64_t now, struct watch_reply *ret);

/* Counts as a question for a name, so that it stays; false: it is not known, nor asked for. */
_must_check_ bool watch_hold(struct watch *w, const char *name, uint64_t now);

/* Asks for name on behalf of client; the reply comes through the hook, never from inside. Names that
 * clients asked for and names that a desk did do not take each other's room. -ENOENT: not a name of
 * ours; -EBUSY: too many wait, or too many questions are open; -ENOMEM; -EINVAL: no
 * host of the zone. */
_must_check_ int watch_ask(
                struct watch *w, const char *name, uint64_t client, uint32_t id, uint64_t now);

/* Takes over what was proven of a name in an earlier run; judged now, like a new proof. -EEXIST: it is
 * known; or as watch_ask(). */
int watch_restore(struct watch *w, const char *name, const struct lookup_values *values,
                uint64_t now);

/* The chain moved: each contract on it is to be proven again. */
void watch_moved(struct watch *w, const struct run *run);

/* What is known of names, without counting as a question for them. NULL: nothing is. The second and
 * third walk: the known name that comes next after name by its bytes (empty: the first), or by when
 * it changed. */
const struct watch_entry *watch_find(const struct watch *w, const char *name);
const struct watch_entry *watch_after(const struct watch *w, const char *name);
const struct watch_entry *watch_changed_after(const struct watch *w, uint64_t changed_us);

/* What a question for e gets now: what stands, or that it is stale. */
void watch_stands(const struct watch_entry *e, uint64_t now, struct watch_reply *ret);

/* Until when a record of run that this role judges is told as fresh, the youngest that is known. 0:
 * there is none. */
_must_check_ uint64_t watch_fresh_until(
                const struct watch *w, const struct run *run, enum config_role_id role);

/* Its record is proven and not too old, whatever its name answers. */
_must_check_ bool watch_is_current(const struct watch_entry *e, uint64_t now);

/* watch_tunnel_fn may say something else than before: names of which it does are told, and
 * published, at once where another address or none is to be used. */
void watch_tunnel_look(struct watch *w);

/* The revocations in force of e's record; NULL: none. Good until the next proof. */
const struct revocations *watch_revocations(const struct watch *w, const struct watch_entry *e);

/* The head `at` has taken away all that there is of this record name, whatever its own values say:
 * noted in the book, and if it is known, judged again. watch_announce() follows. */
void watch_revoke(struct watch *w, const char *name, const struct block_ref *at);

/* The same by a record's name, whether it is known or not. */
const struct revocations *watch_revocations_of(const struct watch *w, const char *name);

/* Starts what is due; drops names that nobody asks for any more. */
void watch_pump(struct watch *w, uint64_t now);
void watch_expire(struct watch *w, uint64_t now);

/* Says what was revoked, as far as the disk holds it; tries the disk again. Where much is revoked at
 * once, the book is written now and then, not for each: WATCH_SAVE_SHARE. */
void watch_announce(struct watch *w);

/* Forgets what is known of every name and proves it anew; revocations stay. */
void watch_flush(struct watch *w, uint64_t now);

/* Nothing that was proven on this chain stands any more; revocations stay. */
void watch_forget_chain(struct watch *w, const struct run *run);

/* Another configuration: names of zones that are gone or point elsewhere are forgotten. */
void watch_reconfigure(struct watch *w, const struct config *config);

/* Entries for a snapshot: at most cap, those that readers may see at now. */
size_t watch_entries(const struct watch *w, uint64_t now, struct snapshot_entry *ret, size_t cap);
size_t watch_count_zone(const struct watch *w, size_t zone);

/* Between the files of watch: answers to those who wait, in watch.c; proofs, in watch_prove.c; what
 * is told, in watch_tell.c; what is gone though no head said so, in watch_gone.c; what is fetched
 * first, in watch_sweep.c. */
void watch_answer(struct watch *w, struct watch_entry *e, const char *failed, uint64_t now);
struct watch_entry *watch_find_entry(const struct watch *w, const char *name);
struct watch_entry *watch_forget(struct watch *w, struct watch_entry *e);
struct watch_group *watch_group_of(
                struct watch *w, struct run *run, const struct config_zone *zone);
void watch_group_leave(struct watch *w, struct watch_entry *e);
void watch_apply(struct watch *w, struct watch_entry *e);
_must_check_ int watch_prove(struct watch *w, struct watch_entry *e, uint64_t now);
void watch_note(struct watch *w, const struct watch_entry *e, const struct revocation *r);
void watch_note_change(struct watch *w, struct watch_entry *e);
uint64_t watch_tunnel_mark(const struct watch_entry *e);
void watch_untold_leave(struct watch *w, struct watch_entry *e);
void watch_tell(struct watch *w, struct watch_entry *e, bool revoked);
_must_check_ bool watch_known_revocation(
                const struct revocations *all, const struct revocation *r);
/* Of what the book holds: what finalized has not decided yet. */
struct revocations watch_in_force(const struct revocations *all, uint64_t final);
void watch_book_key(const struct watch *w, const struct config_zone *zone, const char *name,
                size_t host_n, struct book_key *ret);
void watch_put_first(struct watch_queue *q, struct watch_entry *e);
void watch_want_first(struct watch *w, struct watch_entry *e); /* it is wanted, for its keys */
void watch_charge(struct run *run, uint64_t slots);
bool watch_sweep(struct watch *w, uint64_t now); /* true: it goes on */
void watch_sweep_forget(struct watch *w, const struct watch_entry *e);
void watch_sweeps_done(struct watch *w);
void watch_unnoted(struct watch_entry *e, uint64_t head); /* the book had no room for what it took */
/* Adds to what is in force what was told of e and the head does not list any more; and remembers what
 * is told now. Not where the judgement keeps what was in force. -E2BIG: there are too many to
 * note. */
_must_check_ int watch_gone(struct watch_entry *e, struct lookup_judgement *j);
