/* Private to lib/chain: the parts of the Ethereum machine (ethereum-light-client 2, 3, 5.3), and
 * how they speak to each other.
 *
 * One step is: take the event, then let every part look at what is still to be wished for
 * (eth_pump() in ethereum.c). What does not fit into the chain_out is wished for again in the next
 * step; so no part queues anything, and all memory is in struct eth. */
#pragma once

#include "base/ethapi.h"
#include "chain/ethereum.h"
#include "chain/out.h"
#include "chain/text.h"
#include "core/account_exec.h"
#include "core/header_exec.h"
#include "core/lightclient.h"

#define ETH_INFLIGHT    6   /* requests open at one upstream */
#define ETH_SLOTS       CHAIN_SLOTS_MAX
#define ETH_BLOCKS      4   /* execution headers kept, where a beacon header names only a hash */
#define ETH_FINALS      8   /* finalized headers remembered, to notice a second one at their slot */
#define ETH_KEPT_UPDATE 2176 /* bytes of a finality update, kept as evidence */
#define ETH_ERROR_MAX   96
#define ETH_WHY_MAX     64
#define ETH_CULPRIT_MAX 512
#define ETH_REFUSALS    2   /* headers that an operator refused; beyond them the oldest is forgotten */
#define ETH_STATE_MAX   (LC_STATE_MAX + 384)

#define ETH_CONNECT_MS  15000
#define ETH_CLOSE_MS    5000 /* how long a dropped upstream may take to say DOWN */
#define ETH_REST_MAX_MS (UINT64_C(10) * 60 * 1000)
#define ETH_ALONE_MS    60000 /* no rest is longer, where nobody else serves the same */
#define ETH_BUSY_MAX_S  3600  /* how long a server may send us away */
#define ETH_LIE_REST    12    /* times the rest of a failure */
#define ETH_LIE_MAX_MS  (UINT64_C(6) * 3600 * 1000)
#define ETH_LACK_MS     (UINT64_C(10) * 60 * 1000) /* then it is asked for it again */
#define ETH_STALE_MS    (UINT64_C(5) * 60 * 1000)  /* shown an old head: comes last for so long */
#define ETH_BEHIND_MS   120000
#define ETH_FAST_PART   1000 /* a clock runs fast by less than one part in so many */
#define ETH_HEAD_OLD_S  1200 /* a head so much older than a clock or the floor is behind */
#define ETH_DAY_MS      (UINT64_C(86400) * 1000)
#define ETH_JUMP_S      3600 /* crossed without a clock: shown */

/* What one upstream serves. */
enum eth_ability {
        ETH_CAN_BOOTSTRAP = 0,
        ETH_CAN_UPDATES,
        ETH_CAN_FINALITY,
        ETH_CAN_OPTIMISTIC,
        ETH_CAN_HEADER,
        ETH_CAN_PROOF,
        ETH_ABILITIES,
};

/* What is asked of whoever serves it, one after the other, until one answers well. */
enum eth_task {
        ETH_BOOTSTRAP = 0,
        ETH_UPDATES,
        ETH_FINALITY,
        ETH_OPTIMISTIC,
        ETH_CHECK,  /* the configured checkpoint's bootstrap, to be compared with our chain */
        ETH_HEADER, /* of an execution block of which only the hash is signed */
        ETH_TASKS,  /* of a request: none; greeting, schedule, or a question */
};

struct eth_job {
        uint64_t due_ms, asked_ms;
        uint64_t wait_ms; /* after the next round that leads nowhere */
        uint16_t tried;   /* upstreams that this round has asked, as bits */
        uint16_t absent;  /* of those, who said that it does not have it */
        uint8_t asked;
        bool waiting;
        struct hash32 hash; /* ETH_HEADER: the block asked for */
};

struct eth_request {
        uint64_t deadline_ms, start, count;
        uint32_t id;
        uint8_t kind;    /* enum ethapi_kind; 0: free */
        uint8_t task;    /* enum eth_task */
        int8_t question; /* index, -1 when nobody waits any more */
        bool by_number;
};

struct eth_upstream {
        enum upstream_state state;
        bool closing;       /* we dropped it, DOWN is still to come */
        bool by_number;     /* takes no block hashes in questions for proofs */
        uint8_t has, lacks; /* abilities seen, as bits */
        uint64_t lacks_until_ms[ETH_ABILITIES];
        uint64_t lacks_period; /* of updates */
        uint64_t since_ms, rest_until_ms, rest_ms, lie_ms, asked_ms, stale_until_ms;
        uint64_t schedule_at_ms, shown_ms, shown_slot;
        uint64_t failures, lies, bytes_in, bytes_out, peak;
        uint64_t alarm_epoch; /* it announces a fork that we do not know, for then; 0: none */
        uint8_t alarm_version[4];
        struct eth_request request[ETH_INFLIGHT];
        char last_error[ETH_ERROR_MAX];
};

struct eth_question {
        uint64_t id, deadline_ms, asked_ms, retry_ms;
        struct chain_block block;
        struct address contract;
        struct hash32 known_root, storage_root, code_hash;
        uint16_t slot;                      /* where its slots begin in eth.slots */
        uint8_t n_slots, done;              /* values proven so far */
        uint8_t at, asked, n_asked;         /* n_asked: slots in the request that is on its way */
        uint16_t tried, slow, number_tried; /* upstreams, as bits */
        bool used, waiting, has_known, has_root, absent_only;
        char why[ETH_WHY_MAX];
};

enum eth_checkpoint {
        ETH_CHECK_NONE = 0,
        ETH_CHECK_PENDING, /* its bootstrap is not here yet */
        ETH_CHECK_AHEAD,   /* to be compared when we get there */
        ETH_CHECK_OK,
        ETH_CHECK_WRONG,
};

struct eth {
        struct chain chain;
        struct ethereum_config
                        cfg; /* cfg.state and cfg.net are of the caller: not used after _new() */
        struct eth_network net;
        uint64_t now_ms, wall_s, start_ms;
        struct chain_out *out;
        struct view culprit; /* the message of this step, and whose it is */
        unsigned culprit_up;
        uint32_t random, next_id;
        bool save_due, head_due;

        struct lc_store store;
        struct chain_block final, head; /* execution blocks; head is good where followed */
        bool has_final, has_head;
        bool followed; /* a head was accepted in this run */
        uint64_t head_moved_ms, confirmed_ms;

        struct hash32 origin; /* the checkpoint that our store began with */
        /* Trust is carried from here: the finalized header that stood when we last followed. */
        uint64_t trust_slot;
        struct hash32 trust_root;
        uint64_t base_slot, base_ms; /* the same at the start of this run */
        bool accepted;               /* the operator waives the age until we follow */
        struct hash32 accepted_root; /* said at runtime, of which anchor; zero: it was not */
        uint64_t arrived_ms; /* while accepted: when a head was first followed; 0: not yet */
        bool too_old;
        bool by_clock;            /* too_old only by the clock, seen while we followed */
        uint64_t too_old_s;       /* how far */
        uint64_t jumps, jumped_s; /* chain time crossed at once without a clock */

        bool conflict;
        uint64_t conflict_slot;
        struct hash32 conflict_ours, conflict_theirs;
        struct hash32 refused[ETH_REFUSALS]; /* an operator chose against these: newest last */
        size_t n_refused;
        struct {
                uint64_t slot;
                struct hash32 root;
        } finals[ETH_FINALS];
        size_t n_finals;
        uint8_t kept[ETH_KEPT_UPDATE]; /* the update that proved our finalized header */
        size_t kept_n;
        enum eth_fork kept_form;

        enum eth_checkpoint check;
        uint64_t check_slot;
        struct hash32 check_committee, contradicted;

        bool guessed;        /* of this step's object: its digest is in no data of ours */
        bool blobs_noted;    /* that was said */
        uint64_t unknown_ms; /* since when objects of a fork that we do not know are shown; 0: none
                              */
        char unknown_fork[ETHAPI_TAG_MAX + 1];

        struct eth_upstream up[CHAIN_UPSTREAMS_MAX];
        struct eth_job job[ETH_TASKS];
        bool cold;               /* just begun from a checkpoint: its period's update comes first */
        bool catching;           /* servers show a period that we cannot check yet */
        bool no_bootstrap;       /* every server says that it does not have it */
        uint64_t other_slot;     /* the checkpoint is of this one, not of the one told; 0: it is not */
        uint64_t target;         /* that period */
        unsigned claimant;       /* who has shown it */
        uint64_t head_slot;      /* of the head that we have shown */
        uint64_t committee_slot; /* when the head gets here, the next committee is fetched */
        uint64_t finality_after_ms; /* not again before */

        struct eth_question question[CHAIN_ASKS_MAX];
        struct hash32 slots[ETH_SLOTS]; /* each is overwritten by its value, once that is proven */
        struct chain_block block[ETH_BLOCKS]; /* known by their hash; timestamp is their own */
        size_t next_block;
        char note[CHAIN_TEXT_MAX]; /* why it does not get on; empty where it does */
        uint8_t state[ETH_STATE_MAX];
};

static inline uint16_t eth_bit(unsigned u) {
        return (uint16_t) (1U << u);
}

static inline bool eth_is_up(const struct eth *eth, unsigned u) {
        return eth->up[u].state == UPSTREAM_UP;
}

static inline uint64_t eth_time(const struct eth *eth, uint64_t slot) {
        return eth_slot_time(&eth->net, slot);
}

static inline bool eth_stopped(const struct eth *eth) {
        return eth->too_old || eth->conflict || eth->other_slot > 0 ||
               eth->check == ETH_CHECK_WRONG;
}

static inline bool eth_room(struct eth *eth, size_t actions, size_t bytes) {
        return out_room(eth->out, actions, bytes);
}

static inline struct chain_action *eth_act(
                struct eth *eth, enum chain_action_kind kind, unsigned u) {
        return out_act(eth->out, kind, u);
}

/* Bytes of the chain_out; NULL: no room. */
static inline uint8_t *eth_claim(struct eth *eth, size_t n) {
        return out_claim(eth->out, n);
}

static inline uint64_t eth_jitter(struct eth *eth, uint64_t ms) {
        return out_jitter(&eth->random, ms);
}

/* ethereum.c: what comes out */
void eth_note(struct eth *eth, unsigned u, const char *fmt, ...);
struct view eth_culprit(const struct eth *eth, unsigned u);

/* eth_status.c */
void eth_status(const struct chain *c, struct chain_status *ret);
uint64_t eth_behind_ms(const struct eth *eth);

/* eth_upstream.c: connections, rest, blame */
void eth_upstreams_tick(struct eth *eth);
void eth_upstreams_pump(struct eth *eth);
uint64_t eth_upstreams_wake(const struct eth *eth);
void eth_on_up(struct eth *eth, unsigned u, struct view bytes);
void eth_on_down(struct eth *eth, unsigned u);
/* Not a lie: rest. */
void eth_fail(struct eth *eth, unsigned u, const char *fmt, ...);
/* Blame, and rest as a failure does. */
void eth_fault(struct eth *eth, unsigned u, struct view culprit, const char *fmt, ...);
/* Blame, and a long rest. */
void eth_lie(struct eth *eth, unsigned u, struct view culprit, const char *fmt, ...);
void eth_rest_for(struct eth *eth, unsigned u, uint64_t ms, const char *why);
void eth_lacks(struct eth *eth, unsigned u, enum eth_ability ability);
void eth_has(struct eth *eth, unsigned u, enum eth_ability ability);
/* CHAIN_UPSTREAMS_MAX: nobody; *ret_busy: somebody has no place for a request now. */
unsigned eth_pick(struct eth *eth, enum ethereum_upstream_kind kind, enum eth_ability ability,
                uint16_t but, bool *ret_busy);
void eth_upstream_serves(const struct eth *eth, unsigned u, char *ret, size_t cap);

/* eth_request.c: messages */
bool eth_send(struct eth *eth, unsigned u, struct ethapi_request *r, enum eth_task task,
                int question); /* false: no room in this step, or no place for it */
void eth_on_bytes(struct eth *eth, unsigned u, struct view message);
void eth_greet(struct eth *eth, unsigned u);
void eth_requests_pump(struct eth *eth);
/* Everything that waited for this upstream looks elsewhere. */
void eth_forget_requests(struct eth *eth, unsigned u, const char *why);
enum eth_ability eth_ability_of(enum ethapi_kind kind);

/* eth_sync.c: bootstrap, catching up, following */
void eth_job_again(struct eth *eth, enum eth_task task, unsigned u, bool absent);
void eth_job_done(struct eth *eth, enum eth_task task, uint64_t due_ms);
void eth_sync_start(struct eth *eth);
void eth_sync_pump(struct eth *eth);
uint64_t eth_sync_wake(const struct eth *eth);
void eth_on_objects(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a);
void eth_on_header(struct eth *eth, unsigned u, const struct eth_request *r, struct view rlp);

/* eth_judge.c: one object, from bytes to what it changes */
enum eth_judged {
        ETH_REFUSED = 0, /* a check failed: its upstream was blamed and rests */
        ETH_TAKEN,       /* proven, by two thirds */
        ETH_OLD,         /* nothing that we do not have: that is no lie */
        ETH_AHEAD,       /* signed in a later period than we can check */
        ETH_STOPPED,     /* the machine must not go on: too old, or a conflict */
};
enum eth_judged eth_judge_bootstrap(struct eth *eth, unsigned u, const struct ethapi_object *o);
/* *ret_slot: the attested slot, *ret_signed the signature's; 0 where it could not be read. */
enum eth_judged eth_judge_update(struct eth *eth, unsigned u, const struct ethapi_object *o,
                enum lc_kind kind, uint64_t *ret_slot, uint64_t *ret_signed);
/* Reads the fork's tag; false: unknown (rested, noted) or nonsense (blamed). */
bool eth_form_of(struct eth *eth, unsigned u, const struct ethapi_object *o, enum eth_fork *ret);
/* Puts the execution blocks of what the store holds in place. */
void eth_blocks_refresh(struct eth *eth);
bool eth_block_of(const struct eth *eth, const struct lc_header *h, struct chain_block *ret);

/* eth_age.c: how far trust may be carried (2.12) */
uint64_t eth_least_now(const struct eth *eth); /* seconds since 1970; 0: nothing is known */
void eth_age_begin(struct eth *eth, bool fresh);
bool eth_age_allows(const struct eth *eth, uint64_t slot); /* of what a header would prove */
void eth_age_stop(struct eth *eth, uint64_t slot); /* it is proven, and too far: CHAIN_STUCK */
void eth_age_followed(struct eth *eth);
void eth_age_tick(struct eth *eth);

/* eth_conflict.c: two finalized headers at one slot */
void eth_finals_note(struct eth *eth);
void eth_conflict_keep(
                struct eth *eth, const struct lc_update *u, enum lc_kind kind, struct view ssz);
/* The update, if it is proven, finalizes another header than we hold at its slot. */
bool eth_conflict_seen(const struct eth *eth, const struct lc_update *u);
void eth_conflict_enter(struct eth *eth, unsigned up, const struct lc_update *u, enum lc_kind kind,
                struct view ssz);

/* eth_accept.c: the operator's word on a conflict, and on an anchor that is too old */
void eth_on_accept(struct eth *eth, const struct hash32 *root);
bool eth_settle(struct eth *eth, const struct hash32 *root); /* true: there was such a conflict */
bool eth_refuses(const struct eth *eth, const struct lc_update *u);

/* eth_fork.c: forks that are announced */
void eth_on_schedule(struct eth *eth, unsigned u, const struct ethapi_answer *a);
void eth_fork_seen(struct eth *eth, unsigned u, const char *name); /* an object of an unknown one */
void eth_fork_moved(struct eth *eth); /* the head has moved under forks that we know */
bool eth_fork_stuck(const struct eth *eth);
void eth_fork_alarm_text(const struct eth *eth, char *ret, size_t cap);

/* eth_checkpoint.c: the operator's checkpoint against our own chain */
void eth_check_start(struct eth *eth);
void eth_check_object(struct eth *eth, unsigned u, const struct ethapi_object *o);
void eth_check_moved(struct eth *eth);

/* eth_proof.c: questions */
void eth_on_ask(struct eth *eth, const struct chain_ask *ask);
void eth_on_cancel(struct eth *eth, uint64_t id);
void eth_on_proof(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a);
void eth_proof_lost(struct eth *eth, unsigned u, const struct eth_request *r, const char *why,
                bool absent);
void eth_proof_pump(struct eth *eth);
uint64_t eth_proof_wake(const struct eth *eth);

/* eth_state.c */
void eth_state_encode(const struct eth *eth, struct buf *b);
_must_check_ int eth_state_decode(struct eth *eth, struct view state);
