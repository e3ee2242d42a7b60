/* A simulated world for a chain machine: chains of real signed headers with real (small) state
 * trees, nodes that serve them or misbehave, a clock that moves only when told. */
#pragma once

#include "chain/blockquick.h"
#include "core/header_diode.h"
#include "core/merkle_diode.h"
#include "core/name_record.h"

#define SIM_BLOCKS   4096
#define SIM_CHAINS   24
#define SIM_NODES    BLOCKQUICK_UPSTREAMS_MAX
#define SIM_MINERS   12  /* the chain's own; further ones are strangers */
#define SIM_KEYS     32
#define SIM_QUEUE    512
#define SIM_LOG      512
#define SIM_SLOTS    8   /* items of the contract's storage, beside a record */
#define SIM_ITEMS    (SIM_SLOTS + 3)

struct sim_block {
        struct diode_header h;
        struct diode_signed by;
        uint8_t key[33];
        unsigned tag; /* which state the block carries */
};

struct sim_chain {
        char name[32];
        const struct sim_chain *from; /* below first: its blocks */
        uint64_t first;
        size_t n;
        struct sim_block *block; /* first.. */
};

struct sim_node {
        const struct sim_chain *chain;
        uint64_t peak;
        uint8_t key[SECP_PRIVKEY_SIZE];
        struct secp_pubkey pubkey;
        struct address id;
        char fault[32];
        uint64_t fault_arg;
        bool up;
        struct { uint64_t conns, bytes; } stored;
        size_t asked[16]; /* by method, see sim_method() */
        uint64_t held;    /* fault "hold": answers withheld until the next clock change */
        uint32_t delay_max;       /* ms; 0: always 5 */
        unsigned silent,
                        hang_up; /* of 1000 answers, how many are left out, or end the connection */
};

struct sim_event {
        uint64_t at_ms;
        enum chain_event event;
        unsigned node;
        size_t n;
        uint8_t *bytes;
};

struct sim_line {
        enum chain_action_kind kind;
        unsigned node;
        char text[CHAIN_TEXT_MAX];
        size_t n_bytes;
};

struct sim {
        struct sim_chain chain[SIM_CHAINS];
        size_t n_chains;
        struct sim_node node[SIM_NODES];
        struct blockquick_config config;
        struct chain *machine;
        uint64_t now_ms;
        size_t n_events;
        struct sim_event event[SIM_QUEUE];
        size_t n_log;
        struct sim_line log[SIM_LOG];
        size_t n_answers;
        struct chain_answer answer[64];
        uint8_t state[BLOCKQUICK_STATE_MAX];
        size_t state_n;
        size_t saves;
        bool saved; /* in the list of actions that is being carried out */
        uint64_t final_number; /* what must never fall or change: checked after every step */
        struct hash32 final_hash;
        bool has_final;
        bool verbose;
        uint32_t random;  /* for delays; never 0 once it is used */
        uint64_t wake_ms; /* when the machine wants its next tick */
};

struct address sim_contract(void);
struct hash32 sim_slot(unsigned i);
struct hash32 sim_value(unsigned i, unsigned tag);
/* Beside its slots the contract holds the record of the zone that is a mapping at slot 0. */
struct hash32 sim_record_value(size_t i, unsigned tag);

struct sim_chain *sim_chain_new(
                struct sim *s, const char *name, const struct sim_chain *from, uint64_t first);
struct sim_chain *sim_chain_find(struct sim *s, const char *name);
void sim_chain_add(struct sim_chain *c, unsigned miner, unsigned tag, uint64_t timestamp);
const struct sim_block *sim_at(const struct sim_chain *c, uint64_t number);
unsigned sim_schedule(uint64_t number, unsigned rotate);

void sim_init(struct sim *s);
void sim_done(struct sim *s);
void sim_node_key(struct sim *s, unsigned i);
int sim_start(struct sim *s);           /* a machine, from s->state if there is one */
void sim_step(struct sim *s, const struct chain_in *in);
void sim_run(struct sim *s, uint64_t ms);
void sim_run_lazy(struct sim *s, uint64_t ms); /* ticks come when the machine has asked for them, and no more often */
uint32_t sim_random(struct sim *s, uint32_t below);
void sim_ask(struct sim *s, const struct chain_ask *ask);
size_t sim_method(const char *name);    /* index of asked[] */
void sim_serve(struct sim *s, unsigned node, struct view request);
void sim_queue(struct sim *s, enum chain_event event, unsigned node, struct view bytes,
                uint64_t delay_ms);
