/* A chain at work: the machine of lib/chain, its saved state, its upstreams, its timer. Carries out
 * what the machine wants. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/budget.h"
#include "agent/kedged/config.h"
#include "agent/kedged/courier.h"
#include "agent/kedged/freshness.h"
#include "agent/kedged/news.h"
#include "agent/kedged/store.h"
#include "base/cleanup.h"
#include "chain/chain.h"

struct run;

struct run_hooks {
        void (*answer)(void *userdata, struct run *run, const struct chain_answer *answer);
        void (*moved)(void *userdata,
                        struct run *run); /* finalized, head or the state of trust has changed */
        uint64_t (*wall_s)(void *userdata); /* for chain_in.wall_s; NULL: there is no clock */
        const struct news_desk *news; /* may be NULL */
        void *userdata;
};

struct run {
        size_t index;
        unsigned base; /* our upstream 0 is the courier's upstream base */
        unsigned width; /* how many upstreams it may have there */
        int state_fd;  /* borrowed; for evidence */
        struct config_chain config;
        struct chain *chain;
        struct courier *courier; /* borrowed; NULL in tests */
        struct run_hooks hooks;
        struct store store;
        sd_event_source *timer;
        bool linked; /* kedge-fetch is there: the machine's time goes on */
        bool busy;   /* inside the machine's actions: questions wait */
        bool ended;  /* a stop that no later event undoes: the machine refused an event */
        struct chain_status status; /* after the last event */
        struct budget budget;
        struct freshness_clocks clocks; /* as the agent read them last */
        size_t n_asks, n_cancels;
        struct chain_ask ask[CHAIN_ASKS_MAX];
        struct chain_ask cancel[CHAIN_ASKS_MAX];
        uint8_t state[CHAIN_STATE_MAX]; /* what CHAIN_DO_SAVE last gave */
        size_t state_n;
        uint64_t state_height;
        uint64_t opened_s; /* the chain's time when its saved state was read; 0: there was none, or
                              how old it was is told */
        bool state_dirty; /* and is not on disk */
        bool word_unsaved; /* it holds the operator's word: until it is on disk the chain is stuck */
        struct chain_out out;
};

/* Takes chain_take over. event NULL: without a timer, for tests. store must be open; state is what
 * it held. */
_must_check_ int run_new(const struct config_chain *config, size_t index, unsigned base,
                struct chain *chain_take, sd_event *event, const struct run_hooks *hooks,
                struct run **ret);
struct run *run_free(struct run *run);

static inline void run_freep(struct run **run) {
        *run = run_free(*run);
}

/* Another machine over the same state, with other upstreams. */
void run_replace(struct run *run, const struct config_chain *config, struct chain *chain_take);

/* The same with another anchor: nothing of the former state stays; store is a new one. */
void run_begin_anew(struct run *run, const struct config_chain *config, struct store *store,
                struct chain *chain_take);

/* The operator's word, see CHAIN_EV_ACCEPT. 0: it is on disk where it changed something; -EIO: the
 * disk refuses, so the chain is stuck until run_retry() succeeds; -EBUSY: not now. */
_must_check_ int run_accept(struct run *run, const struct hash32 *hash);

/* Events from the courier and the loop. */
void run_link(struct run *run, bool up);
void run_event(struct run *run, enum chain_event event, unsigned upstream, struct view bytes);

/* Asks; the answer comes through the hook, never from inside this call when another event is being
 * handled.
 * -EBUSY: CHAIN_ASKS_MAX questions wait already; -ENOTCONN: there is no kedge-fetch. */
_must_check_ int run_ask(struct run *run, const struct chain_ask *ask);
void run_cancel(struct run *run, uint64_t id);

/* Tries again to save what could not be saved. */
void run_retry(struct run *run);

/* "chain NAME: [upstream URL: ]" and the text, as news. upstream: out of range for none. */
void run_tell(const struct run *run, enum news_kind kind, int priority, unsigned upstream,
                const char *format, ...) _printf_(5, 6);

/* Connects the courier's place `at` to a configured upstream, by its kind. */
void run_connect(struct courier *courier, unsigned at, const struct config_chain *config,
                unsigned upstream);

size_t run_upstreams_up(const struct run *run);

/* Payload bytes of this machine, both ways, since it was made. */
uint64_t run_bytes(const struct run *run);
