/* Making a proof bundle (docs/protocols/bundle.md): a fresh light client beside our own, with
 * upstream places of its own on the link to kedge-fetch. One at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/config.h"
#include "agent/kedged/courier.h"
#include "base/cleanup.h"
#include "chain/bundle.h"

#define PROVE_BASE     (CONFIG_CHAINS_MAX * CONFIG_WIDTH) /* its places follow those of the chains */
#define PROVE_TIME_MS  60000
/* Where another checkpoint may be tried after it: for all of it, and for its first block. */
#define PROVE_FIRST_MS 25000
#define PROVE_BOOT_MS  10000
#define PROVE_WHY_MAX  160
#define PROVE_TRIES    2

struct prove_question {
        const struct config_chain *config;
        const struct chain_status *status; /* of our own machine, now */
        const struct config_zone *zone;
        const char *name;
        size_t host_n;
        struct block_ref checkpoint; /* the zero hash: the configured one, else where we stand */
        uint64_t made_s;
};

/* Called once for each prove_start() that returned 0, never from inside it. bundle is empty where
 * why says what went wrong. */
typedef void prove_done_fn(void *userdata, struct view bundle, const char *why);

struct prove {
        sd_event *event;         /* borrowed */
        struct courier *courier; /* borrowed */
        sd_event_source *timer;
        bool busy;
        struct config_chain config;
        struct bundle head;
        size_t n_tries, next_try;
        struct block_ref try[PROVE_TRIES]; /* checkpoints */
        uint64_t final, first_head;        /* where our own machine stood */
        uint64_t deadline_ms, try_until_ms, boot_until_ms, last_ms, ready_ms, ask_at_ms;
        struct bundle_play *play;
        struct buf out;
        prove_done_fn *done;
        void *userdata;
};

/* -EBUSY: one is being made; -ENOTCONN: there is no kedge-fetch; -ENODATA: nothing to begin from
 * yet; -EINVAL: the checkpoint or the name makes no machine; -EIO, -ENOMEM. */
_must_check_ int prove_start(struct prove *p, const struct prove_question *question,
                prove_done_fn *done, void *userdata);

/* Events of the courier; upstream is ours, counted from 0. */
void prove_upstream(
                struct prove *p, unsigned upstream, enum courier_kind kind, struct view body);
void prove_link(struct prove *p, bool up);

/* Nobody waits for it any more. */
void prove_stop(struct prove *p);
void prove_end(struct prove *p);
