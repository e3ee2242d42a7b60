/* The table of names that were asked for. A name enters when it is asked for, stays as long as it
 * can be proven and is asked for once a day, and is answered from here until its deadline. At most
 * WATCH_MAX of them: the one not asked for longest goes first, and one that is proven absent goes
 * before any that is there, so that asking for names that do not exist pushes out no name that
 * does; nor does it delay the news of one: see want(). What a desk of the agent's own holds is
 * counted apart, WATCH_DESK_MAX at most, by the same rule. */

#include "agent/kedged/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static uint32_t hash_name(const char *name) {
        uint32_t h = 2166136261u;

        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * 16777619u;
        return h % WATCH_BUCKETS;
}

void watch_init(struct watch *w, const struct config *config, struct run *const *runs,
                struct proofs *proofs, struct book *book, watch_reply_fn *reply, void *userdata) {
        memset(w, 0, sizeof(*w));
        w->config = config;
        w->runs = runs;
        w->proofs = proofs;
        w->book = book;
        w->reply = reply;
        w->userdata = userdata;
        w->fetch.last = &w->fetch.first;
        w->fetch_keys.last = &w->fetch_keys.first;
        w->fetch_absent.last = &w->fetch_absent.first;
}

struct watch_entry *watch_find_entry(const struct watch *w, const char *name) {
        struct watch_entry *e = w->bucket[hash_name(name)];

        while (e && strcmp(e->name, name) != 0)
                e = e->bucket_next;
        return e;
}

static void unlink_fetch(struct watch_queue *q, struct watch_entry *e) {
        struct watch_entry **at = &q->first;

        while (*at && *at != e)
                at = &(*at)->fetch_next;
        if (!*at)
                return;
        *at = e->fetch_next;
        if (q->last == &e->fetch_next)
                q->last = at;
}

void watch_put_first(struct watch_queue *q, struct watch_entry *e) {
        e->wanted = true;
        e->fetch_next = q->first;
        q->first = e;
        if (!e->fetch_next)
                q->last = &e->fetch_next;
}

void watch_want_first(struct watch *w, struct watch_entry *e) {
        unlink_fetch(&w->fetch_keys, e);
        watch_put_first(&w->fetch_keys, e);
}

/* Forgets a name; NULL. One with an open proof goes when that ends, and is out of sight until
 * then. */
struct watch_entry *watch_forget(struct watch *w, struct watch_entry *e) {
        struct watch_entry **at = &w->bucket[hash_name(e->name)];

        if (!e->dropped) {
                while (*at != e)
                        at = &(*at)->bucket_next;
                *at = e->bucket_next;
                w->n--;
                w->n_desk -= e->desk;
                w->changed = w->changed || e->known;
                unlink_fetch(&w->fetch, e);
                unlink_fetch(&w->fetch_keys, e);
                unlink_fetch(&w->fetch_absent, e);
                e->wanted = false;
                watch_untold_leave(w, e);
                watch_sweep_forget(w, e);
                watch_answer(w, e, "the name was forgotten", now_ms());
                watch_group_leave(w, e);
                e->dropped = true;
        }
        if (!e->running)
                free(e);
        return NULL;
}

/* Makes room by the rule that this file's head states. -EBUSY where every name has an open
 * proof. */
static int make_room(struct watch *w, bool desk) {
        struct watch_entry *victim = NULL;

        if (desk ? w->n_desk < WATCH_DESK_MAX : w->n - w->n_desk < WATCH_MAX)
                return 0;
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next) {
                        bool here = e->known && !watch_is_absent(e);
                        bool there = victim && victim->known && !watch_is_absent(victim);

                        if (e->running || e->desk != desk)
                                continue;
                        if (!victim || (there && !here) || (here == there && e->asked_ms < victim->asked_ms))
                                victim = e;
                }
        if (!victim)
                return -EBUSY;
        (void) watch_forget(w, victim);
        return 0;
}

/* A desk holds from now on what a client had asked for. */
static int give_to_desk(struct watch *w, struct watch_entry *e) {
        int r;

        if (e->desk)
                return 0;
        r = make_room(w, true);
        if (r < 0)
                return r;
        e->desk = true;
        w->n_desk++;
        return 0;
}

static int add(struct watch *w, const char *name, bool desk, uint64_t now,
                struct watch_entry **ret) {
        const struct config_zone *zone;
        size_t name_n = strlen(name) + 1;
        struct watch_entry *e;
        struct view host;
        size_t z;
        int r = lookup_zone(w->config, name, &z, &host);

        if (r < 0)
                return r;
        r = make_room(w, desk);
        if (r < 0)
                return r;
        e = calloc(1, sizeof(*e) + name_n);
        if (!e)
                return -ENOMEM;
        zone = &w->config->zone[z];
        e->group = watch_group_of(w, w->runs[zone->chain_index], zone);
        if (!e->group) {
                free(e);
                return -ENOMEM;
        }
        memcpy(e->name, name, name_n);
        e->desk = desk;
        e->watch = w;
        e->host_n = host.n;
        e->shape = name_record_shape_of(host);
        e->zone = z;
        e->asked_ms = now;
        e->group_next = e->group->entries;
        e->group->entries = e;
        e->bucket_next = w->bucket[hash_name(name)];
        w->bucket[hash_name(name)] = e;
        w->n++;
        w->n_desk += desk;
        *ret = e;
        return 0;
}

static uint64_t age_of(const struct watch_entry *e, uint64_t now, enum freshness_by *ret_by) {
        return freshness_age_ms(&e->group->run->clocks, e->values.proven_ms, e->values.time_head,
                        now, ret_by);
}

/* Which clock is to be looked at, where it is not the time that has gone by here. */
static const char *by_which(enum freshness_by by) {
        switch (by) {
        case FRESHNESS_BY_FLOOR:
                return " by the floor";
        case FRESHNESS_BY_WALL:
                return " by the system's clock";
        case FRESHNESS_BY_RTC:
                return " by the hardware clock";
        case FRESHNESS_BY_AGE:
                break;
        }
        return "";
}

static void put_freshness(const struct watch_entry *e, uint64_t now, struct name_answer *ret) {
        const struct config_role *roles = e->watch->config->role;
        const struct run *run = e->group->run;

        lookup_times(e->shape, &e->values, roles, &run->clocks, ret);
        ret->state = (uint8_t) freshness_state(&run->status, run->ended, &run->clocks,
                        roles[lookup_role(e->shape)].max_age_ms, now, NULL);
}

static void stale(const struct watch_entry *e, const char *why, uint64_t now,
                struct watch_reply *ret) {
        enum freshness_by by = FRESHNESS_BY_AGE;
        uint64_t age_ms = age_of(e, now, &by);
        char age[32];

        *ret = (struct watch_reply){ .result = QUERY_STALE };
        (void) snprintf(ret->why, sizeof(ret->why), "last proven %s ago%s: %.88s",
                        age_text(age_ms, age), by_which(by), why);
        put_freshness(e, now, &ret->answer);
        ret->answer.proven_ms = e->values.proven_ms;
        ret->answer.final_number = e->values.final_at.number;
        ret->answer.head_number = e->values.head_at.number;
}

/* What stands, as far as it may still be believed: [names] says how long the whole is, and [tls]
 * how long its keys are; of a record that logins stand on, [pam] says both. */
static bool recorded(const struct watch_entry *e, uint64_t now, struct watch_reply *ret) {
        struct watch_reply reply = e->reply;

        if (!e->known || e->flushed)
                return false;
        put_freshness(e, now, &reply.answer);
        if (now > reply.answer.deadline_ms)
                return false;
        *ret = reply;
        if (now > ret->answer.pins_deadline_ms) {
                memset(ret->answer.pin, 0, sizeof(ret->answer.pin));
                memset(ret->answer.device, 0, sizeof(ret->answer.device));
                ret->answer.n_pins = ret->answer.has_device = 0;
        }
        return true;
}

/* A host without a record, or whose record is not final yet, may well be a member: its tunnel is
 * then all that it answers. */
static bool may_have_tunnel(const struct watch_entry *e, const struct watch_reply *reply) {
        if (e->shape->kind != NAME_RECORD_HOST || !e->watch->tunnel)
                return false;
        return reply->result == QUERY_OK || reply->result == QUERY_ABSENT ||
               (reply->result == QUERY_UNPROVEN && reply->record_why == SERVED_NOT_FINAL);
}

/* Nothing is told of it but when it was looked at. */
static void unproven(struct watch_reply *ret) {
        const struct name_answer was = ret->answer;

        ret->result = QUERY_UNPROVEN;
        ret->tunnel = true;
        ret->answer = (struct name_answer){
                .state = was.state,
                .final_number = was.final_number,
                .head_number = was.head_number,
                .proven_ms = was.proven_ms,
                .deadline_ms = was.deadline_ms,
        };
        if (ret->why[0] == 0)
                (void) snprintf(ret->why, sizeof(ret->why), "its tunnel is not in force");
}

/* Of both, the one that is sooner too old: the record, whose pins these are, and the tunnel. */
static void put_tunnel(const struct name_answer *tunnel, struct watch_reply *ret) {
        struct name_answer *a = &ret->answer;

        ret->result = QUERY_OK;
        ret->tunnel = true;
        a->verdict = NAME_PRESENT;
        a->n_addrs = tunnel->n_addrs;
        memcpy(a->addr, tunnel->addr, sizeof(a->addr));
        a->deadline_ms = MIN(a->deadline_ms, tunnel->deadline_ms);
        a->fresh_ms = MIN(a->fresh_ms, tunnel->fresh_ms);
        a->proven_ms = MIN(a->proven_ms, tunnel->proven_ms);
}

/* The one place where a member of a network with Names=tunnel gets other addresses than its record
 * has: every answer comes by here. While its tunnel is not in force the name is unproven: what is
 * meant for the tunnel must not leave beside it. */
static bool current(const struct watch_entry *e, uint64_t now, struct watch_reply *ret) {
        struct watch_reply reply;
        struct name_answer tunnel = { 0 };
        char why[LOOKUP_WHY_MAX] = "";

        if (!recorded(e, now, &reply))
                return false;
        if (may_have_tunnel(e, &reply) &&
                        e->watch->tunnel(e->watch->tunnel_userdata, e->name, &tunnel, why)) {
                memcpy(reply.why, why, sizeof(reply.why));
                if (tunnel.verdict == NAME_PRESENT && tunnel.n_addrs > 0 &&
                                now <= tunnel.deadline_ms)
                        put_tunnel(&tunnel, &reply);
                else
                        unproven(&reply);
        }
        *ret = reply;
        return true;
}

bool watch_is_current(const struct watch_entry *e, uint64_t now) {
        struct watch_reply reply;

        return recorded(e, now, &reply);
}

/* As it is told: see recorded(). */
static uint64_t fresh_until(const struct watch_entry *e, enum config_role_id role) {
        const struct name_answer *a = &e->reply.answer;
        enum config_role_id own = lookup_role(e->shape);
        struct name_answer times;

        if (!e->known || e->flushed || e->reply.result != QUERY_OK)
                return 0;
        lookup_times(e->shape, &e->values, e->watch->config->role, &e->group->run->clocks, &times);
        if (role == own)
                return times.fresh_ms;
        return own == ROLE_NAMES && role == ROLE_TLS && (a->n_pins > 0 || a->has_device)
                       ? times.pins_fresh_ms
                       : 0;
}

uint64_t watch_fresh_until(
                const struct watch *w, const struct run *run, enum config_role_id role) {
        uint64_t until = 0;

        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next)
                        until = MAX(until, e->group->run == run ? fresh_until(e, role) : 0);
        return until;
}

uint64_t watch_tunnel_mark(const struct watch_entry *e) {
        struct name_answer tunnel = { 0 };
        uint64_t mark = UINT64_C(14695981039346656037); /* FNV-1a */
        char why[LOOKUP_WHY_MAX];

        if (e->shape->kind != NAME_RECORD_HOST || !e->watch->tunnel ||
                        !e->watch->tunnel(e->watch->tunnel_userdata, e->name, &tunnel, why))
                return 0;
        if (tunnel.verdict != NAME_PRESENT || tunnel.n_addrs == 0)
                return WATCH_MARK_NOTHING;
        for (size_t i = 0; i < sizeof(tunnel.addr); i++)
                mark = (mark ^ ((const uint8_t *) tunnel.addr)[i]) * UINT64_C(1099511628211);
        return MAX(mark, WATCH_MARK_NOTHING + 1);
}

void watch_tunnel_look(struct watch *w) {
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next) {
                        uint64_t was = e->tunnel_mark;

                        if (!e->known)
                                continue;
                        e->tunnel_mark = watch_tunnel_mark(e);
                        if (e->tunnel_mark == was)
                                continue;
                        w->changed = true;
                        w->urgent = w->urgent || was != WATCH_MARK_NOTHING;
                        watch_note_change(w, e);
                }
}

const struct watch_entry *watch_find(const struct watch *w, const char *name) {
        const struct watch_entry *e = watch_find_entry(w, name);

        return e && e->known ? e : NULL;
}

const struct watch_entry *watch_after(const struct watch *w, const char *name) {
        const struct watch_entry *best = NULL;

        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next)
                        if (e->known && strcmp(e->name, name) > 0 &&
                                        (!best || strcmp(e->name, best->name) < 0))
                                best = e;
        return best;
}

const struct watch_entry *watch_changed_after(const struct watch *w, uint64_t changed_us) {
        const struct watch_entry *best = NULL;

        if (w->changed_us <= changed_us)
                return NULL;
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next)
                        if (e->known && e->changed_us > changed_us &&
                                        (!best || e->changed_us < best->changed_us))
                                best = e;
        return best;
}

void watch_stands(const struct watch_entry *e, uint64_t now, struct watch_reply *ret) {
        if (!current(e, now, ret))
                stale(e, "no newer head since", now, ret);
}

void watch_answer(struct watch *w, struct watch_entry *e, const char *failed, uint64_t now) {
        struct watch_waiter *all = TAKE_PTR(e->waiters);
        struct watch_reply reply = { 0 };

        e->n_waiters = 0;
        if (!current(e, now, &reply)) {
                if (e->known)
                        stale(e, failed ? failed : "no newer head since", now, &reply);
                else
                        (void) snprintf(reply.why, sizeof(reply.why), "%s",
                                        failed ? failed : "not proven");
        }
        while (all) {
                _cleanup_(freep) struct watch_waiter *one = all;

                all = one->next;
                w->reply(w->userdata, one->client, one->id, &reply);
        }
}

bool watch_hold(struct watch *w, const char *name, uint64_t now) {
        struct watch_entry *e = watch_find_entry(w, name);

        if (e)
                e->asked_ms = now;
        return e;
}

bool watch_peek(struct watch *w, const char *name, uint64_t now, struct watch_reply *ret) {
        struct watch_entry *e = watch_find_entry(w, name);

        if (!e || !current(e, now, ret))
                return false;
        e->asked_ms = now;
        return true;
}

static int wait_for(struct watch_entry *e, uint64_t client, uint32_t id) {
        struct watch_waiter *one;

        if (e->n_waiters == WATCH_WAITERS)
                return -EBUSY;
        one = malloc(sizeof(*one));
        if (!one)
                return -ENOMEM;
        *one = (struct watch_waiter){ .next = e->waiters, .client = client, .id = id };
        e->waiters = one;
        e->n_waiters++;
        return 0;
}

int watch_ask(struct watch *w, const char *name, uint64_t client, uint32_t id, uint64_t now) {
        struct watch_entry *e = watch_find_entry(w, name);
        bool fresh = !e, desk = client & WATCH_DESK;
        int r = 0;

        if (!e)
                r = add(w, name, desk, now, &e);
        else if (desk)
                r = give_to_desk(w, e);
        if (r < 0)
                return r;
        e->asked_ms = now;
        if (!e->running)
                r = watch_prove(w, e, now);
        if (r >= 0)
                r = wait_for(e, client, id);
        if (r < 0 && fresh)
                (void) watch_forget(w, e);
        return r;
}

int watch_restore(struct watch *w, const char *name, const struct lookup_values *values,
                uint64_t now) {
        struct watch_entry *e;
        int r;

        if (watch_find_entry(w, name))
                return -EEXIST;
        r = add(w, name, name_record_shape_of_name(VIEW_TEXT(name)) == name_record_shape(NAME_RECORD_WG),
                        now, &e);
        if (r < 0)
                return r;
        e->values = *values;
        watch_apply(w, e);
        return 0;
}

/* While the uplink is down, what Stale=serve promises is not forgotten: nobody could prove it again. */
static bool must_stay(const struct watch_entry *e, uint64_t now) {
        const struct config_role *role = &e->watch->config->role[lookup_role(e->shape)];
        const struct run *run = e->group->run;

        return role->stale == STALE_SERVE && watch_is_current(e, now) &&
               freshness_state(&run->status, run->ended, &run->clocks, role->max_age_ms, now,
                               NULL) != STATE_FOLLOWING;
}

/* Two chains of one id share their notes. */
static void drop_decided(struct watch *w) {
        for (size_t i = 0; i < w->config->n_chains; i++) {
                uint64_t id = w->runs[i]->config.chain_id, fallback = UINT64_MAX;

                for (size_t k = 0; k < w->config->n_chains; k++)
                        if (w->runs[k]->config.chain_id == id)
                                fallback = MIN(fallback, w->runs[k]->store.fallback);
                book_drop_decided(w->book, id, fallback);
        }
}

void watch_expire(struct watch *w, uint64_t now) {
        drop_decided(w);
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i], *next; e; e = next) {
                        next = e->bucket_next;
                        if (now - MIN(now, e->asked_ms) > WATCH_KEEP_MS && !e->running &&
                                        !must_stay(e, now))
                                (void) watch_forget(w, e);
                }
}

void watch_forget_chain(struct watch *w, const struct run *run) {
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i], *next; e; e = next) {
                        next = e->bucket_next;
                        if (e->group->run == run)
                                (void) watch_forget(w, e);
                }
        w->changed = w->urgent = true;
}

static bool still_ours(
                const struct watch *w, const struct watch_entry *e, const struct config *next) {
        const struct config_zone *was = &w->config->zone[e->zone], *is;
        struct view host;
        size_t z;

        if (lookup_zone(next, e->name, &z, &host) < 0 || host.n != e->host_n)
                return false;
        is = &next->zone[z];
        return is->chain_index == was->chain_index && is->kind == was->kind &&
                is->slot == was->slot && address_eq(&is->contract, &was->contract);
}

void watch_reconfigure(struct watch *w, const struct config *config) {
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i], *next; e; e = next) {
                        struct view host;

                        next = e->bucket_next;
                        if (!still_ours(w, e, config))
                                (void) watch_forget(w, e);
                        else if (lookup_zone(config, e->name, &e->zone, &host) >= 0 && e->known)
                                lookup_times(e->shape, &e->values, config->role,
                                                &e->group->run->clocks, &e->reply.answer);
                }
        w->config = config;
        w->changed = true;
}

size_t watch_entries(const struct watch *w, uint64_t now, struct snapshot_entry *ret, size_t cap) {
        size_t n = 0;

        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e && n < cap; e = e->bucket_next) {
                        struct watch_reply reply;

                        if (e->shape->kind != NAME_RECORD_HOST || !current(e, now, &reply) ||
                                        (reply.result != QUERY_OK && reply.result != QUERY_ABSENT))
                                continue;
                        (void) snprintf(ret[n].name, sizeof(ret[n].name), "%s", e->name);
                        ret[n++].answer = reply.answer;
                }
        return n;
}

size_t watch_count_zone(const struct watch *w, size_t zone) {
        size_t n = 0;

        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e; e = e->bucket_next)
                        n += e->zone == zone;
        return n;
}

void watch_done(struct watch *w) {
        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (struct watch_entry *e = w->bucket[i], *next; e; e = next) {
                        next = e->bucket_next;
                        e->running = false;
                        while (e->waiters) {
                                _cleanup_(freep) struct watch_waiter *one = e->waiters;

                                e->waiters = one->next;
                        }
                        e->n_waiters = 0;
                        free(e);
                }
        while (w->groups) {
                _cleanup_(freep) struct watch_group *g = w->groups;

                w->groups = g->next;
        }
        watch_sweeps_done(w);
        while (w->urls) {
                _cleanup_(freep) struct watch_url *u = w->urls;

                w->urls = u->next;
        }
        for (size_t i = 0; i < w->n_announced; i++)
                free(w->announce[i]);
        memset(w, 0, sizeof(*w));
}
