/* Bootstrap, catching up, following (ethereum-light-client 2.10). Each is a job that is asked of
 * one server after the other, until one answers well; a round that leads nowhere is followed by a
 * pause that grows. Nothing is asked in a circle, and no server's word alone sends us anywhere: one
 * that shows a period which nobody can prove is rested. */

#include "chain/eth.h"

#define UPDATES_AT_ONCE 2

static uint64_t store_period(const struct eth *eth) {
        return eth_period(&eth->net, eth->store.finalized.beacon.slot);
}

/* The newest period whose signatures can be checked. */
static uint64_t known_period(const struct eth *eth) {
        return store_period(eth) + (eth->store.has_next ? 1 : 0);
}

/* The period whose update brings us further. */
static uint64_t wanted_period(const struct eth *eth) {
        return known_period(eth);
}

static uint64_t epoch_ms(const struct eth *eth) {
        return eth->net.slots_per_epoch * eth->net.seconds_per_slot * 1000;
}

void eth_job_again(struct eth *eth, enum eth_task task, unsigned u, bool absent) {
        struct eth_job *job = &eth->job[task];

        if (!job->waiting || job->asked != u)
                return;
        job->waiting = false;
        job->tried |= eth_bit(u);
        if (absent)
                job->absent |= eth_bit(u);
        job->due_ms = eth->now_ms;
}

void eth_job_done(struct eth *eth, enum eth_task task, uint64_t due_ms) {
        struct eth_job *job = &eth->job[task];

        job->waiting = false;
        job->tried = job->absent = 0;
        job->wait_ms = eth->cfg.rest_ms;
        job->due_ms = due_ms;
}

void eth_sync_start(struct eth *eth) {
        for (unsigned i = 0; i < ETH_TASKS; i++)
                eth_job_done(eth, (enum eth_task) i, 0);
}

static bool unresolved(const struct eth *eth, const struct lc_header *h) {
        struct chain_block block;

        return h->execution == LC_EXECUTION_HASH && !eth_block_of(eth, h, &block);
}

static bool wanted(const struct eth *eth, enum eth_task task) {
        bool on = eth->store.is_set && !eth_stopped(eth);

        switch (task) {
        case ETH_BOOTSTRAP:
                return !eth->store.is_set && !eth_stopped(eth);
        case ETH_UPDATES:
                return on && (eth->cold || eth->catching ||
                                             (!eth->store.has_next && eth->followed &&
                                                             eth->store.optimistic.beacon.slot >=
                                                                             eth->committee_slot));
        case ETH_FINALITY:
                return on && !eth->cold && !eth->catching;
        case ETH_OPTIMISTIC:
                return on && eth->followed && !eth->catching;
        case ETH_CHECK:
                return eth->check == ETH_CHECK_PENDING && eth->store.is_set &&
                       (eth->followed || eth->too_old);
        case ETH_HEADER:
                return on &&
                       (unresolved(eth, &eth->store.finalized) ||
                                       (eth->followed && unresolved(eth, &eth->store.optimistic)));
        case ETH_TASKS:
                break;
        }
        return false;
}

static void make_request(struct eth *eth, enum eth_task task, struct ethapi_request *r) {
        struct eth_job *job = &eth->job[ETH_HEADER];

        switch (task) {
        case ETH_BOOTSTRAP:
                r->kind = ETHAPI_BOOTSTRAP;
                r->root = eth->cfg.checkpoint;
                return;
        case ETH_CHECK:
                r->kind = ETHAPI_BOOTSTRAP;
                r->root = eth->cfg.checkpoint;
                return;
        case ETH_UPDATES:
                r->kind = ETHAPI_UPDATES;
                r->start = wanted_period(eth);
                r->count = eth->cold || eth->catching ? UPDATES_AT_ONCE : 1;
                if (eth->catching)
                        r->count = MIN(r->count, MAX(eth->target - r->start, (uint64_t) 1));
                return;
        case ETH_FINALITY:
                r->kind = ETHAPI_FINALITY;
                return;
        case ETH_OPTIMISTIC:
                r->kind = ETHAPI_OPTIMISTIC;
                return;
        case ETH_HEADER:
                r->kind = ETHAPI_HEADER;
                job->hash = unresolved(eth, &eth->store.finalized)
                                            ? eth->store.finalized.block_hash
                                            : eth->store.optimistic.block_hash;
                r->root = job->hash;
                return;
        case ETH_TASKS:
                return;
        }
}

/* What was claimed could not be shown by anybody: whoever claimed it comes back later. */
static void claim_failed(struct eth *eth, uint64_t wait) {
        if (eth_is_up(eth, eth->claimant))
                eth_fail(eth, eth->claimant, "shows a head of period %n, which nobody can prove",
                                eth->target);
        (void) chain_say(eth->note, sizeof(eth->note),
                        "no server has the committee update of period %n", wanted_period(eth));
        eth->catching = false;
        eth->job[ETH_FINALITY].due_ms = eth->now_ms + wait;
}

static bool all_said_absent(const struct eth *eth, const struct eth_job *job) {
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                if (eth->cfg.upstream[u] == ETHEREUM_BEACON && eth_is_up(eth, u) &&
                                !(job->absent & eth_bit(u)))
                        return false;
        return job->absent != 0;
}

static void exhausted(struct eth *eth, enum eth_task task) {
        struct eth_job *job = &eth->job[task];
        uint64_t wait = eth_jitter(eth, job->wait_ms),
                 grown = MIN(job->wait_ms * 2, ETH_REST_MAX_MS);

        if ((task == ETH_OPTIMISTIC || task == ETH_FINALITY) && job->absent != job->tried)
                wait = eth_jitter(eth, eth->cfg.poll_ms); /* they have it: none newer than ours */
        if (task == ETH_BOOTSTRAP)
                eth->no_bootstrap = all_said_absent(eth, job);
        if (task == ETH_UPDATES && eth->catching)
                claim_failed(eth, wait);
        if (task == ETH_UPDATES)
                eth->cold = false;
        job->tried = job->absent = 0;
        job->wait_ms = grown;
        job->due_ms = eth->now_ms + wait;
}

static void ask(struct eth *eth, enum eth_task task) {
        struct eth_job *job = &eth->job[task];
        struct ethapi_request r = { 0 };
        bool busy;
        unsigned u;

        if (task >= ETH_TASKS)
                return;
        make_request(eth, task, &r);
        u = eth_pick(eth, task == ETH_HEADER ? ETHEREUM_EXECUTION : ETHEREUM_BEACON,
                        eth_ability_of(r.kind), job->tried, &busy);
        if (u == CHAIN_UPSTREAMS_MAX) {
                if (!busy && job->tried != 0)
                        exhausted(eth, task);
                return;
        }
        if (!eth_send(eth, u, &r, task, -1))
                return;
        job->waiting = true;
        job->asked = (uint8_t) u;
        job->asked_ms = eth->now_ms;
}

/* The current period's update may be fetched at any time of the period: not all at once. */
static void plan_committee(struct eth *eth) {
        uint64_t n = eth_slots_per_period(&eth->net), begin = store_period(eth) * n;

        if (!eth->store.is_set || eth->store.has_next ||
                        (eth->committee_slot >= begin && eth->committee_slot < begin + n))
                return;
        (void) eth_jitter(eth, 1);
        eth->committee_slot = begin + n / 16 + eth->random % (n / 2);
        eth->job[ETH_UPDATES].due_ms = eth->now_ms;
}

/* A head of this epoch may have made a newer one final. */
static void plan_finality(struct eth *eth) {
        struct eth_job *job = &eth->job[ETH_FINALITY];
        uint64_t head, final;

        if (!eth->followed || job->waiting || eth->now_ms < eth->finality_after_ms)
                return;
        head = eth_epoch(&eth->net, eth->store.optimistic.beacon.slot);
        final = eth_epoch(&eth->net, eth->store.finalized.beacon.slot);
        if (head >= final + 3)
                job->due_ms = MIN(job->due_ms, eth->now_ms);
}

static uint64_t slot_now(const struct eth *eth) {
        if (eth->wall_s <= eth->net.genesis_time)
                return LC_NO_CLOCK;
        return (eth->wall_s - eth->net.genesis_time) / eth->net.seconds_per_slot;
}

/* Stricter than 2.9, which goes by whatever was signed best: after a day without power that may be
 * what one server shows first, signed by one member of the committee. */
static bool half_signed(const struct eth *eth) {
        const struct lc_best *best = eth->store.best;

        return best->is_set &&
               2 * lc_participants(&eth->net, &best->update) > eth->net.committee_size;
}

/* 2.9, where the operator allows it and a clock tells that finality is late. */
static void force(struct eth *eth) {
        struct lc_moved moved = { 0 };

        if (!eth->store.best || !eth->store.is_set || slot_now(eth) == LC_NO_CLOCK ||
                        eth_stopped(eth) || !half_signed(eth))
                return;
        lc_store_force(&eth->store, slot_now(eth), &moved);
        if (!moved.finalized && !moved.committee)
                return;
        eth->save_due = true;
        eth_note(eth, 0, "no finality for a period: went on to slot %n without it",
                        eth->store.finalized.beacon.slot);
        eth_blocks_refresh(eth);
}

void eth_sync_pump(struct eth *eth) {
        force(eth);
        plan_committee(eth);
        plan_finality(eth);
        for (unsigned i = 0; i < ETH_TASKS; i++)
                if (wanted(eth, (enum eth_task) i) && !eth->job[i].waiting &&
                                eth->now_ms >= eth->job[i].due_ms)
                        ask(eth, (enum eth_task) i);
}

/* What is due and could not be asked waits for a server, not for the time. */
uint64_t eth_sync_wake(const struct eth *eth) {
        uint64_t wake = UINT64_MAX;

        for (unsigned i = 0; i < ETH_TASKS; i++)
                if (wanted(eth, (enum eth_task) i) && !eth->job[i].waiting &&
                                eth->job[i].due_ms > eth->now_ms)
                        wake = MIN(wake, eth->job[i].due_ms);
        if (eth->followed && !eth->job[ETH_FINALITY].waiting &&
                        eth->finality_after_ms > eth->now_ms)
                wake = MIN(wake, eth->finality_after_ms);
        return wake;
}

/* Two servers show the same, or nearly: the chain is where they say. */
static void note_shown(struct eth *eth, unsigned u, uint64_t slot) {
        uint64_t near = eth->cfg.poll_ms * 4 / 1000 / eth->net.seconds_per_slot + 4;
        uint64_t recent = MAX(eth->cfg.poll_ms * 4, (uint64_t) 60000);
        struct eth_upstream *up = &eth->up[u];

        up->shown_slot = slot;
        up->shown_ms = eth->now_ms;
        if (slot + near < eth->head_slot)
                return;
        for (unsigned v = 0; v < eth->cfg.n_upstreams; v++)
                if (v != u && eth->up[v].shown_slot > 0 && eth->up[v].shown_slot + near >= slot &&
                                eth->now_ms - eth->up[v].shown_ms <= recent)
                        eth->confirmed_ms = eth->now_ms;
}

static void on_followed(struct eth *eth, unsigned u, uint64_t slot) {
        bool first = !eth->followed;

        eth->followed = true;
        eth->catching = eth->cold = false;
        eth->note[0] = 0;
        eth->up[u].peak = slot;
        eth->up[u].stale_until_ms = 0;
        if (first || eth->store.optimistic.beacon.slot > eth->head_slot) {
                eth->head_slot = eth->store.optimistic.beacon.slot;
                eth->head_moved_ms = eth->now_ms;
                eth->head_due = true;
                eth_fork_moved(eth);
        }
        eth_age_followed(eth);
        eth_blocks_refresh(eth);
        note_shown(eth, u, slot);
}

static void begin_catching(struct eth *eth, unsigned u, uint64_t signed_slot) {
        eth->catching = true;
        eth->target = eth_period(&eth->net, signed_slot);
        eth->claimant = u;
        eth_job_done(eth, ETH_UPDATES, eth->now_ms);
}

/* A server that shows what we have, or less. Only where others may know more is one asked at
 * once. */
static void on_old(struct eth *eth, unsigned u, enum eth_task task, uint64_t slot) {
        uint64_t slot_ms = eth->net.seconds_per_slot * 1000;
        bool late = eth->now_ms - eth->head_moved_ms > MAX(3 * slot_ms, eth->cfg.poll_ms * 3 / 2);

        if (slot + 8 < eth->head_slot || !eth->followed)
                eth->up[u].stale_until_ms = eth->now_ms + ETH_STALE_MS;
        else
                note_shown(eth, u, slot);
        if (!eth->followed || (late && task == ETH_OPTIMISTIC) || slot + 8 < eth->head_slot)
                eth_job_again(eth, task, u, false);
        else
                eth_job_done(eth, task, eth->now_ms + eth_jitter(eth, eth->cfg.poll_ms));
}

static uint64_t next_poll(struct eth *eth, enum eth_task task) {
        if (task == ETH_OPTIMISTIC)
                return eth->now_ms + eth_jitter(eth, eth->cfg.poll_ms);
        return eth->now_ms + eth_jitter(eth, epoch_ms(eth));
}

static void on_tip(struct eth *eth, unsigned u, enum eth_task task, const struct ethapi_object *o) {
        enum lc_kind kind = task == ETH_FINALITY ? LC_FINALITY_UPDATE : LC_OPTIMISTIC_UPDATE;
        uint64_t slot = 0, signed_slot = 0;

        if (task == ETH_FINALITY)
                eth->finality_after_ms = eth->now_ms + eth_jitter(eth, epoch_ms(eth) / 8);
        switch (eth_judge_update(eth, u, o, kind, &slot, &signed_slot)) {
        case ETH_REFUSED:
                eth_job_again(eth, task, u, false);
                return;
        case ETH_TAKEN:
                eth_job_done(eth, task, next_poll(eth, task));
                on_followed(eth, u, slot);
                return;
        case ETH_OLD:
                on_old(eth, u, task, slot);
                return;
        case ETH_AHEAD:
                eth_job_done(eth, task, eth->now_ms);
                begin_catching(eth, u, signed_slot);
                return;
        case ETH_STOPPED:
                eth_job_done(eth, task, next_poll(eth, task));
                return;
        }
}

static bool in_range(const struct eth *eth, const struct eth_request *r, uint64_t slot) {
        uint64_t period = eth_period(&eth->net, slot);

        return period >= r->start && period - r->start < r->count;
}

/* True: go on with the next one of the answer. */
static bool on_update(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_object *o) {
        uint64_t slot = 0, signed_slot = 0;

        switch (eth_judge_update(eth, u, o, LC_UPDATE, &slot, &signed_slot)) {
        case ETH_REFUSED:
        case ETH_STOPPED:
                return false;
        case ETH_TAKEN:
        case ETH_OLD:
        case ETH_AHEAD:
                break;
        }
        if (in_range(eth, r, slot) || in_range(eth, r, signed_slot))
                return true;
        eth_lie(eth, u, eth_culprit(eth, u), "an update of period %n, asked for %n",
                        eth_period(&eth->net, slot), r->start);
        return false;
}

static void on_updates(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        uint64_t before = known_period(eth), final = eth->store.finalized.beacon.slot;

        if (a->objects.n > r->count) {
                eth_fault(eth, u, eth_culprit(eth, u), "more updates than asked for");
                eth_job_again(eth, ETH_UPDATES, u, false);
                return;
        }
        for (size_t i = 0; i < a->objects.n; i++)
                if (!on_update(eth, u, r, &a->objects.object[i]))
                        break;
        if (known_period(eth) == before &&
                        !(eth->cold && eth->store.finalized.beacon.slot > final)) {
                eth->up[u].lacks_period = r->start;
                if (eth_is_up(eth, u))
                        eth_lacks(eth, u, ETH_CAN_UPDATES);
                eth_job_again(eth, ETH_UPDATES, u, true);
                return;
        }
        eth_job_done(eth, ETH_UPDATES, eth->now_ms);
        eth->cold = false;
        if (eth->catching && eth->target <= known_period(eth))
                eth->catching = false;
        if (!eth->catching && !eth->followed)
                eth_job_done(eth, ETH_FINALITY, eth->now_ms);
}

static void on_bootstrap(struct eth *eth, unsigned u, const struct ethapi_object *o) {
        switch (eth_judge_bootstrap(eth, u, o)) {
        case ETH_REFUSED:
        case ETH_OLD:
        case ETH_AHEAD:
                eth_job_again(eth, ETH_BOOTSTRAP, u, false);
                return;
        case ETH_TAKEN:
                eth->cold = true;
                eth->no_bootstrap = false;
                eth_job_done(eth, ETH_BOOTSTRAP, eth->now_ms);
                return;
        case ETH_STOPPED:
                eth_job_done(eth, ETH_BOOTSTRAP, eth->now_ms);
                return;
        }
}

void eth_on_objects(struct eth *eth, unsigned u, const struct eth_request *r,
                const struct ethapi_answer *a) {
        const struct ethapi_object *o = &a->objects.object[0];

        switch ((enum eth_task) r->task) {
        case ETH_BOOTSTRAP:
                if (!eth->store.is_set)
                        on_bootstrap(eth, u, o);
                return;
        case ETH_CHECK:
                eth_check_object(eth, u, o);
                return;
        case ETH_UPDATES:
                on_updates(eth, u, r, a);
                return;
        case ETH_FINALITY:
        case ETH_OPTIMISTIC:
                on_tip(eth, u, (enum eth_task) r->task, o);
                return;
        case ETH_HEADER:
        case ETH_TASKS:
                return;
        }
}

void eth_on_header(struct eth *eth, unsigned u, const struct eth_request *r, struct view rlp) {
        struct eth_job *job = &eth->job[ETH_HEADER];
        struct header_exec h;

        if (r->task != ETH_HEADER)
                return;
        if (header_exec_verify(&job->hash, rlp, &h) != HEADER_EXEC_PROVEN) {
                eth_lie(eth, u, eth_culprit(eth, u), "a header that is not of block %h",
                                &job->hash);
                eth_job_again(eth, ETH_HEADER, u, false);
                return;
        }
        eth->block[eth->next_block++ % ETH_BLOCKS] = (struct chain_block){
                .ref = { .number = h.number, .hash = h.hash },
                .timestamp = h.timestamp,
                .state_hash = h.state_root,
        };
        eth->up[u].peak = MAX(eth->up[u].peak, h.number);
        eth_job_done(eth, ETH_HEADER, eth->now_ms);
        eth_blocks_refresh(eth);
}
