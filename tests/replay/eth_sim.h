/* A simulated Ethereum for its chain machine: one chain with real signatures, branches and tries
 * (tests/eth), servers that tell of it or misbehave, a clock that moves only when told. */
#pragma once

#include "base/ethapi.h"
#include "chain/ethereum.h"
#include "core/name_record.h"
#include "tests/eth/lc_make.h"

#define ESIM_NODES   CHAIN_UPSTREAMS_MAX
#define ESIM_QUEUE   256
#define ESIM_LOG     1024
#define ESIM_SLOTS   20 /* items of the contract's storage */
#define ESIM_VERSION 20 /* slots that one state of the contract lasts */
#define ESIM_START_S 1700000000
#define ESIM_FAULT   32

struct esim_node {
        enum ethereum_upstream_kind kind;
        char fault[ESIM_FAULT];
        uint64_t lag;       /* slots behind */
        uint64_t stops_at;  /* not 0: the newest slot that it knows */
        uint32_t delay_max; /* ms; 0: always 20 */
        bool up;
        size_t asked[ETHAPI_PROOF + 1];
        uint64_t bytes_in, bytes_out; /* what the machine got and sent */
        size_t blamed, dropped;
};

struct esim_event {
        uint64_t at_ms;
        enum chain_event event;
        unsigned node;
        size_t n;
        uint8_t *bytes;
};

struct esim_line {
        enum chain_action_kind kind;
        unsigned node;
        char text[CHAIN_TEXT_MAX];
        size_t n_bytes;
};

struct esim_state;

#define ESIM_MADE 16 /* objects that are kept: signing is what takes most of the time */

struct esim_made {
        uint64_t attested; /* 0: free */
        struct lc_made object;
};

struct esim {
        struct eth_network net;
        struct lc_make *maker;
        struct lc_make *other; /* NULL, or another chain, of which the servers have bootstraps */
        uint64_t first; /* slot of the checkpoint; the chain is at `head` when the clock is at 0 */
        uint64_t head;
        bool halted;           /* the head does not move with the clock */
        bool wall;             /* the machine is told the time */
        uint64_t wall_ahead_s; /* which is wrong by so much */
        struct ethereum_config config;
        struct chain *machine;
        uint64_t now_ms, wake_ms, boot_ms; /* boot_ms: when the chain was at head */
        size_t n_nodes;
        struct esim_node node[ESIM_NODES];
        size_t n_events;
        struct esim_event event[ESIM_QUEUE];
        size_t n_log;
        struct esim_line log[ESIM_LOG];
        size_t n_answers;
        struct chain_answer answer[64];
        uint8_t state[CHAIN_STATE_MAX];
        size_t state_n, saves;
        uint64_t final_number, head_number; /* as last seen, to notice a fall */
        size_t broken;                      /* properties that did not hold */
        bool wrong_chain_allowed;
        uint32_t random;
        bool nobodys;            /* what is asked for belongs to no account */
        bool named;              /* what is asked for is the record */
        uint64_t schedule_epoch; /* fault "new-fork" names this epoch */
        struct esim_state *states;
        struct esim_made made[ESIM_MADE];
};

/* n_committee: 32 (a period of 64 slots) or 512 (of 8192). head: how many slots above the
 * checkpoint the chain has grown when the machine starts. */
void esim_init(struct esim *s, size_t n_committee, uint64_t head, const char *kinds);
/* Makes the chain anew, after a change of s->net. */
void esim_remake(struct esim *s);
void esim_make_other(struct esim *s);
void esim_done(struct esim *s);

int esim_start(struct esim *s);   /* a new machine, from the last saved state, if there is one */
void esim_forget(struct esim *s); /* the saved state */
void esim_run(struct esim *s, uint64_t ms);
void esim_step(struct esim *s, const struct chain_in *in);
void esim_ask(struct esim *s, uint64_t id, enum chain_at at, size_t n, const struct hash32 *known);

uint64_t esim_slot(const struct esim *s);                       /* of the chain's head, now */
void esim_value(uint64_t slot, unsigned i, struct hash32 *ret); /* what the contract holds there */
void esim_key(unsigned i, struct hash32 *ret);
/* Beside that it holds the record of the zone that is a mapping at slot 0. */
struct hash32 esim_record_value(uint64_t slot, size_t i);
/* And so does this name of ENS, by a resolver that is known. */
#define ESIM_ENS_NAME "pump1.sim.eth"
/* What stands at a key, whichever it is. */
struct hash32 esim_value_at(uint64_t slot, const struct hash32 *key);
void esim_storage_root(struct esim *s, uint64_t slot, struct hash32 *ret);
struct address esim_contract(void);

/* Queues an event for the machine; bytes are copied. */
void esim_queue(struct esim *s, enum chain_event event, unsigned node, struct view bytes,
                uint64_t after_ms);
/* eth_serve.c: one answer of a node, as its fault has it; false: it stays silent. */
bool esim_serve(struct esim *s, unsigned node, const struct ethapi_request *r, struct buf *b);
/* A line of this kind whose text holds part. */
size_t esim_said(const struct esim *s, enum chain_action_kind kind, const char *part);
