/* The one interface between kedged and a chain: what happened goes in, what is wanted
 * comes out. A chain is a sans-I/O machine: it opens no socket, reads no clock, draws no
 * random number, and allocates in its _new() alone. The rest of kedged knows only this header.
 *
 * Every call of chain_step() takes one event and yields a list of actions, which the caller
 * carries out in their order. Pointers in actions point into the machine or the chain_out and are
 * good until the next step. A step yields at most CHAIN_ACTIONS_MAX actions; what did not fit
 * stays inside and comes with the next event (the caller steps CHAIN_EV_TICK again at once
 * while chain_out.more is set). */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/served.h"

#define CHAIN_UPSTREAMS_MAX 16
#define CHAIN_KEYS_MAX      16 /* slots in one question */
#define CHAIN_ASKS_MAX      32 /* questions open at once */
#define CHAIN_SLOTS_MAX     192 /* slots of all open questions together */
#define CHAIN_ACTIONS_MAX   64
#define CHAIN_OUT_BYTES     32768
#define CHAIN_STATE_MAX     65536 /* an encoded state */
#define CHAIN_TEXT_MAX      160
#define CHAIN_DETAIL_MAX    320

enum chain_event {
        CHAIN_EV_TICK = 1, /* time has passed */
        CHAIN_EV_UP,    /* upstream is connected; bytes: the 64-byte public key that TLS has proven,
                           or, for an    HTTP server, nothing: it takes requests */
        CHAIN_EV_DOWN,  /* upstream is gone, or could not be reached */
        CHAIN_EV_BYTES, /* upstream sent one message: bytes */
        CHAIN_EV_ASK,   /* a question: ask */
        CHAIN_EV_CANCEL, /* nobody waits for the question ask->id any more */
        CHAIN_EV_ACCEPT, /* the operator, and nobody else, takes bytes: the hash, of 32 bytes, of one
                            side of a conflict, or of an anchor that is too old; one that nothing
                            waits for changes nothing */
};

/* finalized or head as the chain trusts it when the question is taken: from then on that
 * block is the question. */
enum chain_at { CHAIN_AT_FINALIZED = 1, CHAIN_AT_HEAD };

struct chain_ask {
        uint64_t id; /* the caller's, unique among open questions */
        enum chain_at at;
        struct address contract;
        size_t n_slots; /* 1 to CHAIN_KEYS_MAX */
        struct hash32 slots[CHAIN_KEYS_MAX];
        bool has_known_root; /* if the storage root is still known_root, the values are not fetched
                              */
        struct hash32 known_root;
};

struct chain_in {
        enum chain_event event;
        uint64_t now_ms;             /* CLOCK_BOOTTIME */
        unsigned upstream;           /* UP, DOWN, BYTES */
        struct view bytes;           /* UP, BYTES, ACCEPT */
        const struct chain_ask *ask; /* ASK, CANCEL */
        uint64_t wall_s; /* seconds since 1970 of a clock that the kernel calls synchronised and
                            that is not before the floor; 0: there is none, and no time is too late
                          */
};

struct chain_block {
        struct block_ref ref;
        uint64_t timestamp; /* as its miner wrote it, seconds */
        struct hash32 state_hash;
};

enum chain_verdict {
        CHAIN_UNPROVEN = 0, /* no upstream could prove it (in time, or at all) */
        CHAIN_PROVEN,       /* every value stands, zero is proven absence */
        CHAIN_UNCHANGED, /* storage root is known_root: what was proven before holds at this block
                          */
};

struct chain_answer {
        uint64_t id;
        enum chain_verdict verdict;
        enum chain_at at;
        struct chain_block block; /* the block that the values are proven at */
        struct hash32 storage_root;
        struct hash32 code_hash; /* of the contract, proven; zero where the chain's proofs do not
                                    show one */
        size_t n_values;
        struct hash32 values[CHAIN_KEYS_MAX]; /* in the order of the slots */
        unsigned upstream;                    /* whose bytes proved it */
        char why[CHAIN_TEXT_MAX]; /* UNPROVEN: the reason of the last failure, for people */
};

enum chain_action_kind {
        CHAIN_DO_CONNECT = 1, /* connect to upstream */
        CHAIN_DO_SEND,        /* send bytes to upstream, as one message */
        CHAIN_DO_DROP, /* close upstream's connection; text: why, where no BLAME has said it */
        CHAIN_DO_ANSWER,      /* answer */
        CHAIN_DO_HEAD,        /* finalized or head has moved: chain_status() tells where */
        CHAIN_DO_SAVE, /* persist bytes (an encoded state) before what follows in this list is done;
                          where that fails, a SEND that stands next in the list is not done, the
                          rest is */
        CHAIN_DO_BLAME, /* upstream failed a check and is rested: text says which, bytes the culprit
                         */
        CHAIN_DO_EVIDENCE, /* keep bytes for ever: a conflict among signed headers; text names it */
        CHAIN_DO_NOTE,     /* worth a line in the journal: text */
};

struct chain_action {
        enum chain_action_kind kind;
        unsigned upstream;
        struct view bytes;
        const struct chain_answer *answer;
        char text[CHAIN_TEXT_MAX];
};

struct chain_out {
        size_t n;
        struct chain_action action[CHAIN_ACTIONS_MAX];
        bool more;        /* step CHAIN_EV_TICK again, now */
        uint64_t wake_ms; /* when the machine wants its next CHAIN_EV_TICK at the latest */
        size_t used;
        uint8_t bytes[CHAIN_OUT_BYTES];
};

enum chain_state {
        CHAIN_STARTING = 0, /* no head accepted since the start */
        CHAIN_FOLLOWING,
        CHAIN_BEHIND, /* connected, but still catching up, or the upstreams show nothing newer */
        CHAIN_STUCK,  /* an operator must decide: text says what */
};

enum upstream_state {
        UPSTREAM_IDLE = 0,
        UPSTREAM_CONNECTING,
        UPSTREAM_GREETING, /* connected, hello not answered yet */
        UPSTREAM_UP,
        UPSTREAM_RESTING, /* failed; not used until rest_until_ms */
};

struct chain_upstream_status {
        enum upstream_state state;
        struct address node;
        uint64_t peak; /* as it says */
        uint64_t rest_until_ms, failures, lies;
        uint64_t bytes_in, bytes_out;    /* payloads, since the start */
        char serves[CHAIN_TEXT_MAX / 2]; /* what it was seen to serve and to lack, where that
                                            differs; for people */
        char last_error[CHAIN_TEXT_MAX];
};

struct chain_status {
        enum chain_state state;
        bool has_finalized; /* false only before the checkpoint's own headers are checked */
        bool has_head;      /* a head was accepted since the start */
        struct chain_block finalized, head; /* head == finalized where no better one is backed */
        unsigned head_share, head_miners;   /* of 100, and how many miners: what stands on head */
        uint64_t time_head; /* seconds; what is proven of head's own time, so that no single miner's
                               word makes it older or newer; 0 unknown */
        uint64_t head_moved_ms;             /* CLOCK_BOOTTIME when head last moved forward */
        uint64_t confirmed_ms; /* CLOCK_BOOTTIME when two upstreams last agreed on the head */
        uint64_t time_lower;   /* seconds; 0 unknown: proven */
        uint64_t time_noted;   /* how many of the last 100 timestamps were left out */
        uint64_t time_upper;   /* seconds; an estimate and called one; 0 unknown */
        bool conflict; /* two headers at one number, both backed by our own table: no new grants */
        struct block_ref conflict_ours; /* CHAIN_EV_ACCEPT of its hash goes on with it; the number
                                           is a block's or, on Ethereum, a slot */
        struct hash32 conflict_theirs;  /* at the same number */
        bool conflict_open; /* both lie above what is final: theirs is accepted in the same way;
                               else who wants it begins anew from it */
        bool too_old;  /* the anchor is older than trust may be carried: STUCK, until an operator
                          accepts it */
        bool by_clock; /* and it is a clock alone that says so, while the chain is followed: undone
                          when the clock is right again */
        struct hash32 anchor; /* what another machine may be given as Checkpoint= now; zero: nothing
                                 yet */
        uint64_t anchor_number,
                        anchor_time; /* its block or slot, and its time in seconds since 1970 */
        bool jumped;                 /* the chain of trust used a jump since the checkpoint */
        uint64_t jumps;
        size_t n_upstreams;
        struct chain_upstream_status upstream[CHAIN_UPSTREAMS_MAX];
        char text[CHAIN_TEXT_MAX];
        char alarm[CHAIN_TEXT_MAX]; /* what an operator must do before a date (a fork that we do not
                                       know); or empty */
        char detail[CHAIN_DETAIL_MAX]; /* in the chain's own words (period, participation, fork); or
                                          empty */
};

struct chain;

struct chain_ops {
        int (*step)(struct chain *c, const struct chain_in *in, struct chain_out *out);
        void (*status)(const struct chain *c, struct chain_status *ret);
        size_t (*memory)(const struct chain *c);
        void (*free)(struct chain *c);
};

struct chain {
        const struct chain_ops *ops;
};

/* Returns 0, or -EINVAL for an event that is not one. Everything a peer does wrong is an action. */
static inline _must_check_ int chain_step(
                struct chain *c, const struct chain_in *in, struct chain_out *out) {
        return c->ops->step(c, in, out);
}

static inline void chain_status(const struct chain *c, struct chain_status *ret) {
        c->ops->status(c, ret);
}

/* Bytes claimed by _new(); constant afterwards. */
static inline size_t chain_memory(const struct chain *c) {
        return c->ops->memory(c);
}

static inline struct chain *chain_free(struct chain *c) {
        if (c)
                c->ops->free(c);
        return NULL;
}

static inline void chain_freep(struct chain **c) {
        *c = chain_free(*c);
}
