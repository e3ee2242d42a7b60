/* Private to lib/chain: the parts of the BlockQuick machine (diode-protocol 4), and how they
 * speak to each other.
 *
 * One step is: take the event, then let every part look at what is still to be wished for
 * (bq_pump()). What does not fit into the chain_out is wished for again in the next step; so no
 * part queues anything, and all memory is in struct bq. */
#pragma once

#include <stdarg.h>

#include "chain/blockquick.h"
#include "chain/out.h"
#include "chain/text.h"
#include "core/account_diode.h"
#include "core/edge.h"
#include "core/header_diode.h"
#include "core/merkle_diode.h"
#include "core/reputation.h"
#include "core/rlp.h"

#define BQ_POOL          144 /* headers held above (and, of a contradicting branch, below) F */
#define BQ_FOLLOW_MAX    112 /* further ahead than this a peak is caught up with, not followed */
#define BQ_STRANGERS                                                                               \
        48 /* headers by miners outside the table, or without a parent, from one upstream */
#define BQ_SIGNED        48  /* of those, how many are kept with their signature, for evidence */
#define BQ_INFLIGHT      16  /* requests open at one upstream */
#define BQ_HEADERS       12  /* of those, for headers: the rest is kept free for proofs */
#define BQ_ACTIVE        3   /* upstreams connected at once */
#define BQ_SLOTS         CHAIN_SLOTS_MAX
#define BQ_WALK_MAX      100 /* headers of one branch that hang in the air */
#define BQ_LOST_BLOCKS   6 /* headers of a branch that leaves our chain below F and is no lie yet */
#define BQ_TANGLES       3   /* answers that do not link, in a row, before it is a failure */
#define BQ_RECHECK_POLLS 12  /* polls with the same peak, before its header is looked at again */
#define BQ_QUICK_NUMBERS 4096
#define BQ_QUICK_RUNS    64
#define BQ_QUICK_AHEAD                                                                             \
        240 /* how many blocks the chain may have grown since its peak was asked for: an hour's */
#define BQ_QUICK_BELOW   200 /* how far below F an answer to getblockquick2 may begin */
#define BQ_PEAK_MAX      (UINT64_C(1) << 48)
#define BQ_LEDGER        16
#define BQ_ROOTS         3   /* storage trees whose roots are kept, and blocks whose roots are */
#define BQ_ERROR_MAX     96
#define BQ_WHY_MAX       64
#define BQ_CULPRIT_MAX   512

#define BQ_CONNECT_MS    15000
#define BQ_CLOSE_MS      5000 /* how long a dropped connection may take to say DOWN */
#define BQ_REST_MAX_MS   (UINT64_C(10) * 60 * 1000)
#define BQ_LIE_REST      12 /* times the rest of a failure */
#define BQ_LIE_MAX_MS    (UINT64_C(6) * 3600 * 1000)
#define BQ_LEAD_MAX_MS   (UINT64_C(3600) * 1000)
#define BQ_BEHIND_MS                                                                               \
        120000 /* no newer head for this long (or ten polls, if that is longer): behind */
#define BQ_TICKET_AHEAD  (UINT64_C(4) << 20) /* bytes signed beyond our own count */
#define BQ_TICKET_LOST   (UINT64_C(64) << 10) /* on its way when a connection ends: the node counts it */
#define BQ_TICKET_PACE_MS 5000 /* between two tickets to one node, however often it asks */
#define BQ_TICKET_RENEW  (UINT64_C(20) << 20) /* unpaid bytes: below 3/4 of the grace of 40 MiB */
#define BQ_EPOCH_BLOCKS  40320
#define BQ_REFUSALS      8   /* blocks that an operator refused; beyond them the oldest is forgotten */

enum bq_kind {
        BQ_NONE = 0,
        BQ_HELLO,
        BQ_TICKET,
        BQ_PEAK,
        BQ_HEADER,
        BQ_QUICK,
        BQ_STATE_ROOTS,
        BQ_ACCOUNT,
        BQ_STORAGE_ROOTS,
        BQ_VALUES,
};

/* What a header was asked for. */
enum bq_why {
        BQ_FOR_NOTHING = 0,
        BQ_FOR_FOLLOW,  /* the next one above what we hold */
        BQ_FOR_OPINION, /* we hold that number: does this upstream hold the same? */
        BQ_FOR_WALK,    /* a branch is walked back, or a contradicting one up */
        BQ_FOR_RUN,     /* bootstrap, or catching up */
        BQ_FOR_CONFIRM, /* the block that a jump would end at */
};

struct bq_request {
        uint64_t number; /* of the block; BQ_TICKET: nothing */
        uint64_t deadline_ms;
        uint32_t id;
        uint8_t kind, why;
        int8_t question; /* index, -1 when nobody waits any more */
};

struct bq_walk {
        bool on, contradicts, fork;
        uint8_t step;
        struct hash32 low; /* the lowest header of the branch so far */
        uint64_t asked;    /* lowest number asked for */
};

struct bq_upstream {
        struct address node;
        enum upstream_state state;
        bool hello_1000;  /* it refused 1001 */
        bool closing;     /* we dropped the connection, DOWN is still to come */
        bool peak_known;
        bool turned;      /* since it named its peak it could not serve a header below: once for all that are on their way */
        bool ticket_due, ticket_fixed; /* to be sent; corrected once since it was last accepted */
        unsigned same_peaks; /* how often in a row it has named the same peak */
        uint8_t tangles;  /* answers that do not link, in a row */
        uint64_t since_ms; /* in this state */
        uint64_t rest_until_ms, rest_ms, lie_ms, poll_at_ms;
        uint64_t lead_ms, lead_after_ms; /* it has led nowhere: how long it may not lead again, and until when */
        uint64_t failures, lies, bytes_in, bytes_out, unbilled;
        uint64_t peak, shown; /* shown: newest block of our chain (or above F) that it has shown */
        uint64_t stands;      /* newest final block that it has shown, or shown something on top of; 0: none */
        uint64_t ticket_min;  /* version 1: epoch that it asked for */
        uint64_t ticket_bytes, ticket_conns; /* as last sent */
        uint64_t ticket_epoch, ticket_at_ms;
        struct bq_walk walk;
        struct bq_request request[BQ_INFLIGHT];
        char last_error[BQ_ERROR_MAX];
};

/* What was signed for one node in one epoch, and what was counted. */
struct bq_ledger {
        struct address node, fleet;
        uint8_t version; /* of the ticket; 0: free row */
        bool fresh;      /* begun in this run: there may have been tickets that we do not know of */
        uint64_t epoch, bytes, conns, counted;
};

enum bq_entry_flag { BQ_USED = 1, BQ_LINKED = 2 };

struct bq_entry {
        struct reduced_header h;
        uint8_t flags, owners; /* owners: a bit for each upstream that has shown it */
        uint8_t extra;         /* index + 1 into signed_part */
};

/* What reduced_header leaves out: with it a header can be shown to others. */
struct bq_signed_part {
        struct hash32 transaction_hash;
        uint8_t nonce[DIODE_NONCE_MAX], nonce_n;
        uint8_t signature[SECP_SIGNATURE_SIZE];
        bool used;
};

enum bq_mode { BQ_BOOT = 0, BQ_FOLLOW, BQ_CATCH_UP };
enum bq_run_stage { BQ_RUN_IDLE = 0, BQ_RUN_ASKED, BQ_RUN_FETCH, BQ_RUN_CONFIRM };

struct bq_range {
        uint64_t a, b;
};

/* Catching up, and bootstrap: a run of headers from one upstream, in the pool's memory. */
struct bq_run {
        enum bq_run_stage stage;
        unsigned lead;
        bool gap;            /* begins above F + 1 */
        bool own;            /* our own choice of numbers, not the lead's hint */
        uint64_t first, end; /* number of header[0]; last number wanted */
        uint64_t ask;        /* next number to be asked for */
        size_t n, tried;     /* headers present and linked; n when the rule was last tried */
        bool got[BQ_POOL];
        uint64_t own_gap;    /* 0: as far as allowed */
        uint64_t started_ms, started_f; /* no progress for too long is a failure of the lead */
        size_t n_ranges, range;
        struct bq_range ranges[BQ_QUICK_RUNS];
        /* confirming a jump */
        struct block_ref candidate;
        uint64_t confirm_until_ms;
        uint8_t asked;      /* upstreams asked for the candidate */
        bool rival;         /* another upstream's candidate waits; this lead has contradicted it */
        unsigned rival_up;
        struct block_ref rival_block;
};

enum bq_stage { BQ_Q_FREE = 0, BQ_Q_ROOTS, BQ_Q_ACCOUNT, BQ_Q_STORAGE, BQ_Q_VALUES };

struct bq_question {
        uint64_t id, deadline_ms, asked_ms;
        struct chain_block block;
        struct address contract;
        struct hash32 known_root, storage_root;
        uint16_t slot, n_slots; /* in bq.slots */
        uint8_t stage, at;
        uint8_t tried;          /* upstreams that failed this question, as bits */
        uint8_t slow;           /* upstreams that kept it waiting */
        uint8_t asked;          /* the one that is asked now, while waiting */
        bool has_known, waiting, unproven;
        char why[BQ_WHY_MAX];
};

struct bq_roots {
        struct hash32 root;
        struct merkle_roots roots;
        uint64_t used; /* grows; 0: empty */
};

enum bq_checkpoint { BQ_CHECK_NONE = 0, BQ_CHECK_PENDING, BQ_CHECK_OK, BQ_CHECK_WRONG };

struct bq {
        struct chain chain;
        struct blockquick_config cfg; /* cfg.state is empty after _new() */
        struct address device;
        uint64_t now_ms;
        struct chain_out *out;
        struct view culprit;   /* the message of this step, and whose it is */
        unsigned culprit_up;
        uint32_t random, next_id;
        bool save_due, head_due;

        struct reputation rep;
        bool has_rep;
        enum bq_checkpoint checkpoint;
        struct hash32 contradicted; /* what we hold at the checkpoint's number */
        bool conflict;
        struct block_ref conflict_ours;
        struct hash32 conflict_theirs;
        struct hash32 refused[BQ_REFUSALS]; /* an operator chose against these: newest last */
        size_t n_refused;
        struct block_ref chosen; /* and for this one, which is above F; the zero hash: none is */
        uint64_t jumps;
        uint64_t disputed_gap; /* two upstreams differ: jumps stay shorter until F moves; 0: no */
        struct bq_ledger ledger[BQ_LEDGER];

        enum bq_mode mode;
        struct chain_block head;
        bool has_head;
        unsigned head_score, head_share, head_miners;
        struct hash32 head_path_of; /* while a run has the pool's memory: how head stands on F, */
        uint64_t head_path_first, head_path[BQ_POOL]; /* as the first bytes of each hash up to it */
        uint64_t head_moved_ms, confirmed_ms;

        struct bq_upstream up[BLOCKQUICK_UPSTREAMS_MAX];
        struct bq_run run;
        union {
                struct bq_entry entry[BQ_POOL];
                struct reduced_header header[BQ_POOL]; /* while catching up */
        } pool;
        struct bq_signed_part signed_part[BQ_SIGNED];

        struct bq_question question[CHAIN_ASKS_MAX];
        struct hash32 slots[BQ_SLOTS];
        struct bq_roots state_roots[BQ_ROOTS], storage_roots[BQ_ROOTS];
        uint64_t roots_clock;
        char note[CHAIN_TEXT_MAX]; /* why catching up does not get on; empty where it does */
};

static inline bool bq_room(struct bq *bq, size_t actions, size_t bytes) {
        return out_room(bq->out, actions, bytes);
}

static inline struct chain_action *bq_act(
                struct bq *bq, enum chain_action_kind kind, unsigned u) {
        return out_act(bq->out, kind, u);
}

/* Bytes of the chain_out; NULL: no room. */
static inline uint8_t *bq_claim(struct bq *bq, size_t n) {
        return out_claim(bq->out, n);
}

static inline uint64_t bq_jitter(struct bq *bq, uint64_t ms) {
        return out_jitter(&bq->random, ms);
}

/* blockquick.c: what comes out */
void bq_note(struct bq *bq, unsigned u, const char *fmt, ...);
bool bq_save(struct bq *bq); /* false: no room in this step */
static inline uint64_t bq_final(const struct bq *bq) {
        return bq->rep.number;
}

/* bq_upstream.c: connections, rest, blame */
void bq_upstreams_tick(struct bq *bq);
void bq_upstreams_pump(struct bq *bq);
void bq_on_up(struct bq *bq, unsigned u, struct view key);
void bq_on_down(struct bq *bq, unsigned u);
void bq_fail(struct bq *bq, unsigned u, const char *fmt, ...); /* not a lie: drop, rest */
void bq_fault(struct bq *bq, unsigned u, struct view culprit, const char *fmt,
                ...); /* blame, rest as a failure */
void bq_lie(struct bq *bq, unsigned u, struct view culprit, const char *fmt,
                ...);                                      /* blame, long rest */
void bq_stray(struct bq *bq, unsigned u,
                uint64_t number); /* an answer of another branch, perhaps: no rest */
void bq_reconnect(struct bq *bq, unsigned u);
void bq_upstreams_wake(const struct bq *bq, uint64_t *wake);
static inline bool bq_is_up(const struct bq *bq, unsigned u) {
        return bq->up[u].state == UPSTREAM_UP;
}

/* bq_session.c: messages */
struct bq_request *bq_request_find(struct bq_upstream *up, enum bq_kind kind, uint64_t number);
bool bq_in_flight(const struct bq *bq, enum bq_kind kind, uint64_t number); /* at any upstream */
size_t bq_open(const struct bq_upstream *up, enum bq_kind kind); /* BQ_NONE: of all kinds */
bool bq_send(struct bq *bq, unsigned u, enum bq_kind kind, enum bq_why why, uint64_t number,
                int question);
bool bq_send_bytes(struct bq *bq, unsigned u, const struct buf *b);
void bq_on_bytes(struct bq *bq, unsigned u, struct view payload);
void bq_session_pump(struct bq *bq);

/* bq_ticket.c */
void bq_ticket_lost(struct bq *bq, unsigned u); /* its connection has ended */
void bq_ticket_restart(struct bq *bq);          /* so have all: we were not here */
void bq_ticket_pump(struct bq *bq);
void bq_ticket_count(struct bq *bq, unsigned u, size_t n);
void bq_on_ticket(struct bq *bq, unsigned u, const struct edge_message *m, struct view payload);
void bq_on_ticket_request(struct bq *bq, unsigned u, struct view args, struct view payload);

/* bq_pool.c: headers above F, a forest by parent */
void bq_pool_clear(struct bq *bq);
struct bq_entry *bq_pool_find(struct bq *bq, const struct hash32 *hash);
struct bq_entry *bq_pool_parent(struct bq *bq, const struct bq_entry *e);
struct bq_entry *bq_pool_linked_at(struct bq *bq, uint64_t number);
struct bq_entry *bq_pool_insert(struct bq *bq, unsigned u, const struct reduced_header *h,
        const struct diode_header *full);
bool bq_pool_make_room(struct bq *bq, const struct reduced_header *h);
void bq_pool_drop(struct bq *bq, struct bq_entry *e);
void bq_pool_forget(struct bq *bq, unsigned u); /* what hangs in the air from this upstream alone */
void bq_pool_relink(struct bq *bq);
bool bq_pool_is_tip(struct bq *bq, const struct bq_entry *e);
size_t bq_pool_branch(struct bq *bq, const struct bq_entry *tip,
                struct reduced_header *ret); /* F+1..tip */
uint64_t bq_pool_top(struct bq *bq);
size_t bq_pool_hanging(const struct bq *bq, unsigned u); /* not linked, shown by u */
size_t bq_pool_strangers(const struct bq *bq, unsigned u);

/* bq_follow.c: following the tip; finalized and head */
void bq_on_header(struct bq *bq, unsigned u, const struct bq_request *r, struct view body,
                struct view payload);
void bq_on_peak(struct bq *bq, unsigned u, struct view body, struct view payload);
void bq_follow_pump(struct bq *bq);
void bq_follow_header(struct bq *bq, unsigned u, const struct reduced_header *h,
        const struct diode_header *full, struct view payload);
struct view bq_culprit(const struct bq *bq, unsigned u); /* what u has just sent, or nothing */
void bq_moved(struct bq *bq, uint64_t was); /* F has moved up from was */
void bq_confirm(struct bq *bq, unsigned u);
void bq_head_remember(struct bq *bq); /* before the pool is cleared */
void bq_head_recheck(struct bq *bq);  /* F has moved while catching up */
bool bq_vouches(struct bq *bq, unsigned u,
                const struct block_ref *block); /* it has shown it, or what stands on it */

/* bq_walk.c: branches that do not link yet, and those that contradict F */
void bq_walk_pump(struct bq *bq, unsigned u);
bool bq_walk_forks(const struct bq *bq); /* a branch that contradicts F is being judged */
void bq_conflict(struct bq *bq, uint64_t number, const struct hash32 *theirs);
void bq_evidence(struct bq *bq, unsigned u, const struct reduced_header *run, size_t n,
        const char *text);

/* bq_accept.c: the operator's word on a conflict */
void bq_on_accept(struct bq *bq, const struct hash32 *hash);
bool bq_refuses(const struct bq *bq, const struct reduced_header *h);
void bq_chosen_passed(struct bq *bq); /* F has moved */
static inline bool bq_conflict_open(const struct bq *bq) {
        return bq->conflict && bq->conflict_ours.number > bq_final(bq);
}

/* bq_run.c: a run of headers from one upstream, and bootstrap */
void bq_jump_pump(struct bq *bq);
void bq_run_begin(struct bq *bq, uint64_t first, uint64_t end, bool gap);
void bq_run_shift(struct bq *bq, size_t k);
void bq_run_ask(struct bq *bq);
void bq_run_header(struct bq *bq, unsigned u, const struct reduced_header *h, struct view payload);
void bq_run_error(struct bq *bq, unsigned u, const struct bq_request *r, const char *text);
void bq_run_lost(struct bq *bq, unsigned u);
void bq_run_reset(struct bq *bq);
uint64_t bq_disputed(const struct bq *bq,
                uint64_t number); /* how far a jump may go while number is in dispute */
bool bq_run_uses_pool(const struct bq *bq);

/* bq_jump.c: catching up */
void bq_catch_up_pump(struct bq *bq);
void bq_jump_grown(struct bq *bq, unsigned u);
void bq_jump_no_hint(struct bq *bq, unsigned u);
void bq_on_quick(struct bq *bq, unsigned u, struct view body, struct view payload);
void bq_on_confirm(struct bq *bq, unsigned u, const struct reduced_header *h, struct view payload);

/* bq_proof.c: questions */
void bq_on_ask(struct bq *bq, const struct chain_ask *ask);
void bq_on_cancel(struct bq *bq, uint64_t id);
void bq_on_proof(struct bq *bq, unsigned u, const struct bq_request *r, struct view body,
                struct view payload);
void bq_proof_error(struct bq *bq, unsigned u, const struct bq_request *r, const char *text);
void bq_proof_lost(struct bq *bq, unsigned u, const struct bq_request *r, const char *why);
uint64_t bq_proof_wake(const struct bq *bq);
void bq_proof_pump(struct bq *bq);

/* bq_checkpoint.c: the operator's checkpoint against our own chain */
void bq_checkpoint_check(struct bq *bq);
uint64_t bq_checkpoint_gap(const struct bq *bq); /* a jump must not pass over it */

/* bq_state.c */
_must_check_ int bq_state_encode(const struct bq *bq, struct buf *b);
_must_check_ int bq_state_decode(struct bq *bq, struct view state);
