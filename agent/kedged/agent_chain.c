/* A configured chain becomes a machine at work: its saved state, its checkpoint, its upstreams. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "chain/blockquick.h"
#include "chain/ethereum.h"

uint64_t agent_floor_s(struct agent *a) {
        uint64_t now = now_ms();

        for (size_t i = 0; i < a->n_runs; i++)
                floor_raise(&a->floor, a->runs[i]->status.time_lower, now);
        return floor_s(&a->floor, now);
}

static int new_blockquick(const struct agent *a, const struct config_chain *config,
                struct view state, struct view before, struct chain **ret) {
        struct blockquick_config bq = {
                .checkpoint = config->checkpoint,
                .n_upstreams = config->upstreams.n,
                .max_gap = config->max_gap,
                .head_share = (unsigned) config->head_share,
                .poll_ms = config->poll_ms,
                .request_ms = config->request_ms,
                .rest_ms = config->rest_ms,
                .chain_id = config->chain_id,
                .fleet = config->fleet,
                .ticket_version = (unsigned) config->ticket_version,
                .state = state,
                .before = before,
        };
        int r;

        (void) snprintf(bq.name, sizeof(bq.name), "%s", config->name);
        for (size_t i = 0; i < config->upstreams.n; i++)
                bq.upstream[i] = config->upstreams.u[i].node;
        memcpy(bq.device_key, a->device_key, sizeof(bq.device_key));
        if (getrandom(&bq.seed, sizeof(bq.seed), 0) != (ssize_t) sizeof(bq.seed))
                return -EIO;
        r = blockquick_new(&bq, ret);
        explicit_bzero(bq.device_key, sizeof(bq.device_key));
        return r;
}

static int new_ethereum(struct agent *a, const struct config_chain *config,
                struct view state, struct chain **ret) {
        struct eth_network net = config->eth;
        struct ethereum_config eth = {
                .net = &net,
                .checkpoint = config->checkpoint.hash,
                .checkpoint_slot = config->checkpoint.number,
                .accept_old = config->accept_old,
                .checkpoint_age_s = config->checkpoint_age_ms / 1000,
                .floor_s = agent_floor_s(a),
                .n_upstreams = config->upstreams.n,
                .poll_ms = config->poll_ms,
                .request_ms = config->request_ms,
                .rest_ms = config->rest_ms,
                .forced_updates = config->forced_updates,
                .state = state,
        };

        /* What the machine tells an operator to type is about the section, not the network's file. */
        (void) snprintf(net.name, sizeof(net.name), "%s", config->name);
        for (size_t i = 0; i < config->upstreams.n; i++)
                eth.upstream[i] = config->upstreams.u[i].kind == UPSTREAM_BEACON
                                                  ? ETHEREUM_BEACON
                                                  : ETHEREUM_EXECUTION;
        if (getrandom(&eth.seed, sizeof(eth.seed), 0) != (ssize_t) sizeof(eth.seed))
                return -EIO;
        return ethereum_new(&eth, ret);
}

int agent_chain_new(struct agent *a, const struct config_chain *config, struct view state,
                struct view before, struct chain **ret) {
        int r = config_is_ethereum(config) ? new_ethereum(a, config, state, ret)
                                           : new_blockquick(a, config, state, before, ret);

        if (r == -EBADMSG)
                log_error("chain %s: its saved state is whole, but not one that this chain wrote: "
                          "restore it from a backup, or, if "
                          "you trust Checkpoint= as it stands today, move its .state files away "
                          "and start again",
                                config->name);
        else if (r == -EPROTONOSUPPORT)
                log_error("chain %s: its saved state was written by a later kedge, and is left as "
                          "it is: install that one again, or put a copy of the whole state folder "
                          "from before it in its place",
                                config->name);
        else if (r == -EINVAL)
                log_error("chain %s: a value of its section is refused by the backend%s",
                                config->name,
                                config_is_ethereum(config) && state.n > 0
                                                ? ", or its saved state is another network's: move "
                                                  "its .state files away to begin anew from "
                                                  "Checkpoint="
                                                : "");
        else if (r < 0)
                log_error("chain %s: %s", config->name, strerror(-r));
        return r;
}

/* What to do where state cannot be read: never start from less than we knew. */
static void explain(const char *name, const char *file, const char *folder, int r) {
        if (r == -EBADMSG)
                log_error("chain %s: both generations of %s in %s are damaged. kedged does not "
                          "start from an older "
                          "anchor by itself: restore them from a backup, or, if you trust "
                          "Checkpoint= as it stands "
                          "today, move both files away and start again",
                                name, file, folder);
        else
                log_error("chain %s: %s in %s cannot be read: %s", name, file, folder,
                                strerror(-r));
}

static void on_answer(void *userdata, struct run *run, const struct chain_answer *answer) {
        struct agent *a = userdata;

        proofs_answer(&a->proofs, run, answer);
}

static uint64_t on_wall_s(void *userdata) {
        return clock_wall_s(agent_floor_s(userdata));
}

/* What is on disk is older than what this machine has known: an older copy of it was put back, or
 * another chain was followed meanwhile. It is no less trusted for that, and grants nothing before a
 * head is accepted; but whoever did it should know. */
static void tell_old_copy(const struct agent *a, const struct run *run) {
        uint64_t kept = a->floor.clock.s, ours = run->status.time_lower;
        char age[32];

        if (ours == 0 || kept < ours + AGENT_OLD_S)
                return;
        run_tell(run, NEWS_NOTE, LOG_WARNING, CHAIN_UPSTREAMS_MAX,
                        "its saved state is %s older than what this machine has known: an older "
                        "copy of it was put back, or it was not followed for so long",
                        age_text((kept - ours) * 1000, age));
}

/* Followed again: how far the chain had gone on without us. */
static void tell_how_old(struct run *run) {
        const struct chain_status *st = &run->status;
        char age[32];

        if (run->opened_s == 0 || !st->has_head || st->state != CHAIN_FOLLOWING)
                return;
        if (st->time_lower >= run->opened_s + AGENT_OLD_S)
                run_tell(run, NEWS_NOTE, LOG_NOTICE, CHAIN_UPSTREAMS_MAX,
                                "what was saved here was %s behind the chain: kedged was off for "
                                "so long, or an older copy of the state folder was put back; what "
                                "was revoked since is read from the chain",
                                age_text((st->time_lower - run->opened_s) * 1000, age));
        run->opened_s = 0;
}

static void on_moved(void *userdata, struct run *run) {
        struct agent *a = userdata;
        struct news news = { .kind = NEWS_HEAD, .chain = run->config.name,
                             .block = run->status.head.ref, .finalized = run->status.finalized.ref };

        (void) agent_floor_s(a);
        floor_keep(&a->floor, now_ms(), false); /* before anything is made of the new head */
        tell_how_old(run);
        watch_moved(&a->watch, run);
        net_desk_moved(a, run);
        if (run->status.has_head)
                news_tell(&a->news, &news);
        agent_tell_states(a, now_ms());
}

static int open_state(struct agent *a, const struct config_chain *config, struct store *store,
                uint8_t **ret, size_t *ret_n) {
        char file[STORE_NAME_MAX];
        int r;

        (void) snprintf(file, sizeof(file), "chain-%s.state", config->name);
        r = store_open(store, a->state_fd, file, CHAIN_STATE_MAX, ret, ret_n);
        if (r == -ENOENT) {
                *ret = NULL;
                *ret_n = 0;
                if (!hash32_is_zero(&config->checkpoint.hash))
                        return 0;
                log_error("chain %s: there is no saved state in %s and no Checkpoint=: %s%s",
                                config->name, a->config->state_dir,
                                config_is_ethereum(config)
                                                ? "type: kedgectl checkpoint fetch "
                                                : "write a block's number and hash that you trust "
                                                  "into its section, ",
                                config->name);
                return -EINVAL;
        }
        if (r == -EPROTONOSUPPORT)
                return store_of_a_later(a->config->state_dir, file);
        if (r < 0)
                explain(config->name, file, a->config->state_dir, r);
        return r;
}

int agent_chains_readable(const struct agent *a, const struct config *config, size_t first) {
        char file[STORE_NAME_MAX];

        for (size_t i = first; i < config->n_chains; i++) {
                (void) snprintf(file, sizeof(file), "chain-%s.state", config->chain[i].name);
                if (store_is_of_a_later(a->state_fd, file, CHAIN_STATE_MAX))
                        return store_of_a_later(a->config->state_dir, file);
        }
        return 0;
}

int agent_run_open(struct agent *a, const struct config_chain *config, size_t index,
                struct run **ret) {
        const struct run_hooks hooks = {
                .answer = on_answer, .moved = on_moved, .wall_s = on_wall_s, .news = &a->news,
                .userdata = a
        };
        size_t n;
        _cleanup_(freep) uint8_t *state = NULL;
        struct store store;
        struct chain *chain;
        struct run *run;
        int r;

        r = agent_finish_import(a, config);
        if (r >= 0)
                r = open_state(a, config, &store, &state, &n);
        if (r >= 0)
                r = agent_chain_new(a, config, VIEW(state, n), VIEW(NULL, 0), &chain);
        if (r >= 0)
                r = run_new(config, index, (unsigned) index * CONFIG_WIDTH, chain, a->event, &hooks,
                                &run);
        if (r < 0)
                return r;
        run->width = CONFIG_WIDTH;
        run->state_fd = a->state_fd;
        run->courier = &a->courier;
        run->store = store;
        if (n > 0)
                memcpy(run->state, state, n);
        run->state_n = n;
        run->state_height = store.height;
        run->opened_s = run->status.time_lower;
        tell_old_copy(a, run);
        *ret = run;
        return 0;
}
