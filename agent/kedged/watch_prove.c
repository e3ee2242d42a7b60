/* Keeping watched names proven. When a chain moves, one account proof per contract and block shows
 * whether its storage root is still the one that the records were proven under; where it is, all of
 * them are proven again at the new block, and where it is not, each is fetched. Every judgement
 * goes through watch_apply(): revocations are in the book before readers or the journal hear of them. */

#include "agent/kedged/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/ens_zone.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "core/ens.h"

static struct view host_of(const struct watch_entry *e) {
        return VIEW(e->name, e->host_n);
}

static int slots_of(const struct watch *w, const struct watch_entry *e, struct proof_question *q) {
        q->run = e->group->run;
        q->contract = e->group->contract;
        q->n_slots = e->shape->n;
        return name_record_slots(host_of(e), w->config->zone[e->zone].slot, q->slots);
}

/* host_n: how much of name lies below the zone. */
void watch_book_key(const struct watch *w, const struct config_zone *zone, const char *name,
                size_t host_n, struct book_key *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->chain_id = w->runs[zone->chain_index]->config.chain_id;
        if (zone->kind == ZONE_ENS) { /* whatever zone it is asked through, it is one name */
                ret->contract = ens_registry;
                ret->slot = UINT64_MAX;
                memcpy(ret->host, name, strlen(name));
                return;
        }
        ret->slot = zone->slot;
        ret->contract = zone->contract;
        memcpy(ret->host, name, host_n);
}

static void book_key_of(const struct watch *w, const struct watch_entry *e, struct book_key *ret) {
        watch_book_key(w, &w->config->zone[e->zone], e->name, e->host_n, ret);
}

const struct revocations *watch_revocations(const struct watch *w, const struct watch_entry *e) {
        struct book_key key;

        book_key_of(w, e, &key);
        return book_find(w->book, &key);
}

const struct revocations *watch_revocations_of(const struct watch *w, const char *name) {
        struct book_key key;
        struct view host;
        size_t zone;

        if (lookup_zone(w->config, name, &zone, &host) < 0)
                return NULL;
        watch_book_key(w, &w->config->zone[zone], name, host.n, &key);
        return book_find(w->book, &key);
}

bool watch_known_revocation(const struct revocations *all, const struct revocation *r) {
        for (size_t i = 0; all && i < all->n; i++)
                if (all->r[i].field == r->field && hash32_eq(&all->r[i].key, &r->key))
                        return true;
        return false;
}

/* What stands in the book for a restart alone, as finalized has decided it since, is in force no
 * more: who was listed again, and is taken once more, is told once more. */
struct revocations watch_in_force(const struct revocations *all, uint64_t final) {
        struct revocations ret = { 0 };

        for (size_t i = 0; all && i < all->n; i++)
                if (all->r[i].at.number > final)
                        ret.r[ret.n++] = all->r[i];
        return ret;
}

/* True where there is one that was not in force before. */
static bool note_new(struct watch *w, const struct watch_entry *e, const struct revocations *all,
        const struct revocations *after) {
        const struct revocations before = watch_in_force(all, e->values.final_at.number);
        bool any = false;

        for (size_t i = 0; i < after->n; i++)
                if (!watch_known_revocation(&before, &after->r[i])) {
                        watch_note(w, e, &after->r[i]);
                        w->urgent = any = true;
                }
        return any;
}

/* But for where and when it was proven. */
static bool same_answer(const struct watch_reply *a, const struct lookup_judgement *b) {
        return a->result == b->result && hash32_eq(&a->role, &b->role) &&
               memcmp(&a->answer, &b->answer, offsetof(struct name_answer, state)) == 0;
}

/* An answer does not say which address is which, nor which of two keys head wants; who keeps tunnels
 * reads the values themselves. */
static bool tells_values(const struct watch_entry *e) {
        return e->shape->kind == NAME_RECORD_WG;
}

/* Where finalized has moved past a key that head lists again nothing is revoked, and yet it must not
 * be served a moment longer: not by readers, and not from the disk after a reboot. */
static bool takes_back(const struct watch_reply *was, const struct lookup_judgement *is) {
        const struct name_answer *a = &was->answer, *b = &is->answer;

        if (was->result != QUERY_OK)
                return false;
        for (size_t i = 0; i < a->n_pins; i++) {
                size_t k = 0;

                while (k < b->n_pins && !hash32_eq(&a->pin[i], &b->pin[k]))
                        k++;
                if (k == b->n_pins)
                        return true;
        }
        for (size_t i = 0; i < a->has_device; i++) {
                size_t k = 0;

                while (k < b->has_device && !address_eq(&a->device[i], &b->device[k]))
                        k++;
                if (k == b->has_device)
                        return true;
        }
        for (size_t i = 0; i < HASH32_SIZE; i++)
                if (was->role.b[i] & ~is->role.b[i])
                        return true;
        return is->result != QUERY_OK;
}

static void stamp(struct watch *w, struct watch_entry *e) {
        w->changed_us = MAX(w->changed_us + 1, now_ms() * 1000);
        e->changed_us = w->changed_us;
}

void watch_note_change(struct watch *w, struct watch_entry *e) {
        stamp(w, e);
        watch_tell(w, e, false);
}

void watch_unnoted(struct watch_entry *e, uint64_t head) {
        if (e->unnoted == 0)
                log_error("%s: no room left to note a revocation: nothing is served", e->name);
        e->unnoted = MAX(e->unnoted, head);
}

/* What a head has taken would come back with an older one, as nobody has noted it. */
static void refuse_unnoted(struct lookup_judgement *j) {
        j->result = QUERY_UNPROVEN;
        j->answer = (struct name_answer){ .deadline_ms = j->answer.deadline_ms };
        memset(&j->role, 0, sizeof(j->role));
        memset(j->field_why, 0, sizeof(j->field_why));
        (void) snprintf(j->why, sizeof(j->why),
                        "no room left to note a revocation: nothing is served");
}

/* No head of this run brings it back, as finalized lists it no more: the rest is served. */
static void say_gone_unnoted(const struct watch_entry *e) {
        log_error("%s: no room left to note that a key is gone: after a crash, nodes that show an older chain could "
                  "bring it back", e->name);
}

/* Brings the book up to what is in force; true where some of it is new. by_head: a head has taken some
 * of it that finalized still lists. */
static bool settle(struct watch *w, struct watch_entry *e, const struct revocations *in_force,
                bool by_head) {
        struct book_key key;
        bool any;

        book_key_of(w, e, &key);
        any = note_new(w, e, book_find(w->book, &key), in_force);
        if (book_settle(w->book, &key, in_force, e->group->run->store.fallback) >= 0)
                return any;
        if (by_head)
                watch_unnoted(e, e->values.head_at.number);
        else
                say_gone_unnoted(e);
        return any;
}

/* Judges what stands in e->values, and brings the book and the readers up to it. */
void watch_apply(struct watch *w, struct watch_entry *e) {
        struct lookup_judgement j;
        bool revoked = false, by_head;

        lookup_judge(e->shape, &e->values, watch_revocations(w, e), &j);
        lookup_times(e->shape, &e->values, w->config->role, &e->group->run->clocks, &j.answer);
        by_head = j.revocations_changed;
        if (!j.keep_revocations && watch_gone(e, &j) < 0)
                say_gone_unnoted(e);
        if (j.keep_revocations && e->values.head_at.number > e->values.final_at.number)
                watch_unnoted(e, e->values.head_at.number); /* what it has taken is noted nowhere */
        if (j.revocations_changed && !j.keep_revocations)
                revoked = settle(w, e, &j.revocations, by_head);
        if (e->unnoted > e->values.final_at.number)
                refuse_unnoted(&j);
        else
                e->unnoted = 0;
        if (j.result == QUERY_INVALID && (!e->known || e->reply.result != QUERY_INVALID))
                log_warning("%s: %s; the name is not served", e->name, j.why);
        if (!e->known || !same_answer(&e->reply, &j) || (e->moved && tells_values(e))) {
                stamp(w, e);
                watch_tell(w, e, revoked);
        }
        w->urgent = w->urgent || (e->known && takes_back(&e->reply, &j));
        if (!e->known)
                e->tunnel_mark = watch_tunnel_mark(e);
        e->known = true;
        e->flushed = e->moved = false;
        e->reply.result = j.result;
        e->reply.record_why = j.record_why;
        e->reply.answer = j.answer;
        e->reply.role = j.role;
        memcpy(e->field_why, j.field_why, sizeof(e->field_why));
        memcpy(e->reply.why, j.why, sizeof(e->reply.why));
        w->changed = true;
}

/* The watch's own copy; NULL where it is nobody's, or memory is short. */
static const char *url_of(struct watch *w, const struct run *run, unsigned upstream) {
        struct watch_url *u = w->urls;
        const char *shown;

        if (upstream >= run->config.upstreams.n)
                return NULL;
        shown = run->config.upstreams.u[upstream].shown;
        while (u && strncmp(u->url, shown, sizeof(u->url) - 1) != 0)
                u = u->next;
        if (u)
                return u->url;
        u = malloc(sizeof(*u));
        if (!u)
                return NULL;
        (void) snprintf(u->url, sizeof(u->url), "%.*s", WATCH_URL_MAX - 1, shown);
        u->next = w->urls;
        w->urls = u;
        return u->url;
}

/* Where the finalized side was known already, by says who proved it then; and where there is no
 * head ahead of it, that stands for the head too. */
static void take_proven_by(struct watch *w, const struct run *run, const struct proof_result *result,
                struct watch_proven_by *by) {
        by->final = url_of(w, run, result->final.upstream) ?: by->final;
        if (result->head.upstream == PROOF_NO_UPSTREAM)
                by->head = by->final;
        by->head = url_of(w, run, result->head.upstream) ?: by->head;
}

static void take_values(struct watch_entry *e, const struct proof_result *result) {
        struct hash32 was[LOOKUP_FIELDS];
        const struct hash32 *final = result->final.values, *head = result->head.values;

        /* Not asked again, because the storage root there is the one that e's values stand under. */
        memcpy(was, e->values.final, sizeof(was));
        if (result->final.verdict == CHAIN_UNCHANGED)
                final = was;
        if (result->head.verdict == CHAIN_UNCHANGED) /* the same block */
                head = was;
        e->moved = memcmp(e->values.final, final, sizeof(e->values.final)) != 0 ||
                   memcmp(e->values.head, head, sizeof(e->values.head)) != 0;
        memset(&e->values, 0, sizeof(e->values));
        e->serial = result->serial;
        e->values.final_at = result->final.block.ref;
        e->values.head_at = result->head.block.ref;
        e->values.final_time = result->final.block.timestamp;
        e->values.head_time = result->head.block.timestamp;
        e->values.proven_ms = result->head_moved_ms;
        e->values.time_head = result->time_head;
        take_proven_by(e->watch, e->group->run, result, &e->by);
        e->final_root = result->final.storage_root;
        e->head_root = result->head.storage_root;
        memcpy(e->values.final, final, sizeof(e->values.final));
        memcpy(e->values.head, head, sizeof(e->values.head));
}

/* The record may have changed: it is fetched. Names that do not exist cost nothing to ask for, so
 * they wait behind those that do, and one that nobody asked for lately is forgotten: whoever asks
 * next has it proven. */
static void want(struct watch *w, struct watch_entry *e, uint64_t now) {
        const struct name_answer *a = &e->reply.answer;
        bool keys = a->n_pins > 0 || a->has_device || !hash32_is_zero(&e->reply.role);
        struct watch_queue *q = watch_is_absent(e) ? &w->fetch_absent :
                                keys               ? &w->fetch_keys :
                                                     &w->fetch;

        if (e->wanted)
                return;
        if (watch_is_absent(e) && !e->running && now - MIN(now, e->asked_ms) > WATCH_KEEP_ABSENT_MS) {
                (void) watch_forget(w, e);
                return;
        }
        e->wanted = true;
        e->swept = false;
        w->n_unswept += q == &w->fetch_keys && e->shape->kind == NAME_RECORD_WG;
        e->fetch_next = NULL;
        *q->last = e;
        q->last = &e->fetch_next;
}

/* The proof of e has ended; true where e may take its result. */
static bool fetched(struct watch_entry *e, bool proven, uint64_t serial) {
        e->running = false;
        e->watch->n_fetching -= e->counted;
        return !e->dropped && proven && (!e->known || serial > e->serial);
}

/* Tells those who wait, and sees to what is next; why is NULL where it was proven. */
static void fetch_ended(struct watch_entry *e, const char *why) {
        struct watch *w = e->watch;
        bool counted = e->counted, again = e->again;

        e->counted = e->again = false;
        if (e->dropped) {
                free(e);
                return;
        }
        watch_answer(w, e, why, now_ms());
        if (!e->known)
                (void) watch_forget(w, e);
        else if (why && counted) {
                e->group->due = true;
                e->group->retry_ms = now_ms() + WATCH_RETRY_MS;
        } else if (again)
                want(w, e, now_ms());
}

/* What moved while a name was proven for the first time has passed it by: there was nothing of it yet
 * that could be refreshed. */
static void catch_up(struct watch_entry *e) {
        const struct chain_status *st = &e->group->run->status;

        if (!hash32_eq(&e->values.head_at.hash, &st->head.ref.hash))
                e->group->due = true;
}

static void on_walked(void *userdata, const struct ens_result *result) {
        struct watch_entry *e = userdata;
        bool first = !e->known;

        if (fetched(e, result->proven, result->serial)) {
                e->serial = result->serial;
                e->values = result->values;
                e->by.final = url_of(e->watch, e->group->run, result->final_upstream) ?: e->by.final;
                e->by.head = url_of(e->watch, e->group->run, result->head_upstream) ?: e->by.head;
                watch_apply(e->watch, e);
                watch_announce(e->watch);
                if (first)
                        catch_up(e);
        }
        fetch_ended(e, result->proven ? NULL : result->why);
}

static void on_fetched(void *userdata, const struct proof_result *result) {
        struct watch_entry *e = userdata;
        bool first = !e->known;

        if (fetched(e, result->proven, result->serial)) {
                take_values(e, result);
                watch_apply(e->watch, e);
                e->group->head_root = e->head_root;
                if (e->group->fresh_ms == 0)
                        e->group->fresh_ms = e->reply.answer.fresh_ms;
                watch_announce(e->watch);
                if (first)
                        catch_up(e);
        }
        fetch_ended(e, result->proven ? NULL : result->why);
}

/* Bytes of one proof, about, as they were measured: Ethereum's come twice, as hexadecimal digits. */
static uint64_t cost_of(const struct run *run, uint64_t slots) {
        return config_is_ethereum(&run->config) ? 16000 + 6000 * slots : 2000 + 500 * slots;
}

void watch_charge(struct run *run, uint64_t slots) {
        budget_charge(&run->budget, cost_of(run, slots));
}

/* Where the contract's account at the finalized block shows the storage root that e's values were
 * proven under, that half is not asked again: of a changed contract only the head's is. */
static void know_final(const struct watch_entry *e, struct proof_question *q) {
        const struct watch_group *g = e->group;

        q->has_known_final = e->known && !hash32_is_zero(&g->final_at) &&
                             hash32_eq(&g->final_root, &e->final_root);
        q->known_final_at = g->final_at;
        q->known_final_root = g->final_root;
}

/* counted: for the watch itself, not for a client. */
static int start_fetch(struct watch *w, struct watch_entry *e, bool counted, uint64_t now) {
        struct proof_question q = { 0 };
        int r;

        if (e->group->kind == ZONE_ENS)
                r = ens_zone_start(w->proofs, e->group->run, e->name, on_walked, e, now);
        else {
                r = slots_of(w, e, &q);
                know_final(e, &q);
                if (r >= 0)
                        r = proof_start(w->proofs, &q, on_fetched, e, now);
        }
        if (r < 0)
                return r;
        if (counted)
                watch_charge(e->group->run, e->shape->n);
        e->running = true;
        e->counted = counted;
        w->n_fetching += counted;
        return 0;
}

int watch_prove(struct watch *w, struct watch_entry *e, uint64_t now) {
        return start_fetch(w, e, false, now);
}

struct watch_group *watch_group_of(
                struct watch *w, struct run *run, const struct config_zone *zone) {
        struct watch_group *g = w->groups;

        while (g && (g->run != run || g->kind != zone->kind ||
                            !address_eq(&g->contract, &zone->contract)))
                g = g->next;
        if (g)
                return g;
        g = calloc(1, sizeof(*g));
        if (!g)
                return NULL;
        g->watch = w;
        g->run = run;
        g->kind = zone->kind;
        g->contract = zone->contract;
        g->next = w->groups;
        w->groups = g;
        return g;
}

static void drop_group(struct watch *w, struct watch_group *g) {
        struct watch_group **at = &w->groups;

        if (g->entries || g->running)
                return;
        while (*at != g)
                at = &(*at)->next;
        *at = g->next;
        free(g);
}

void watch_group_leave(struct watch *w, struct watch_entry *e) {
        struct watch_group *g = e->group;
        struct watch_entry **at = &g->entries;

        while (*at != e)
                at = &(*at)->group_next;
        *at = e->group_next;
        e->group = NULL;
        drop_group(w, g);
}

/* The contract's storage roots at both blocks are proven; true where they say all of e's values. */
static bool carry_over(struct watch_entry *e, const struct proof_result *result) {
        if (!hash32_eq(&result->head.storage_root, &e->head_root))
                return false;
        if (hash32_eq(&result->final.storage_root, &e->head_root)) {
                e->moved = memcmp(e->values.final, e->values.head, sizeof(e->values.final)) != 0;
                memcpy(e->values.final, e->values.head, sizeof(e->values.final));
        } else if (!hash32_eq(&result->final.storage_root, &e->final_root))
                return false;
        e->serial = result->serial;
        e->by = e->group->by;
        e->final_root = result->final.storage_root;
        e->values.final_at = result->final.block.ref;
        e->values.head_at = result->head.block.ref;
        e->values.final_time = result->final.block.timestamp;
        e->values.head_time = result->head.block.timestamp;
        e->values.proven_ms = result->head_moved_ms;
        e->values.time_head = result->time_head;
        return true;
}

/* Of the records in g, the one that gets old first says when. */
static uint64_t least_max_age(const struct watch *w, const struct watch_group *g) {
        uint64_t least = UINT64_MAX;

        for (const struct watch_entry *e = g->entries; e; e = e->group_next)
                least = MIN(least, w->config->role[lookup_role(e->shape)].max_age_ms);
        return least;
}

static void on_refreshed(void *userdata, const struct proof_result *result) {
        struct watch_group *g = userdata;
        struct watch *w = g->watch;
        uint64_t now = now_ms();

        if (!result->proven) {
                g->due = true;
                g->retry_ms = now + WATCH_RETRY_MS;
        } else {
                take_proven_by(w, g->run, result, &g->by);
                g->head_root = result->head.storage_root;
                g->final_root = result->final.storage_root;
                g->final_at = result->final.block.ref.hash;
                g->fresh_ms = result->head_moved_ms + least_max_age(w, g);
        }
        for (struct watch_entry *e = g->entries, *next; result->proven && e; e = next) {
                next = e->group_next;
                if (!e->known || e->serial > result->serial)
                        continue;
                if (carry_over(e, result))
                        watch_apply(w, e);
                else
                        want(w, e, now);
        }
        watch_announce(w);
        g->running = false; /* until here the group stays, also without a name in it */
        drop_group(w, g);
}

/* The registry changes with each block, and says nothing of what its resolvers hold: each name is
 * walked again. */
static void refresh_ens(struct watch *w, struct watch_group *g, uint64_t now) {
        g->due = false;
        g->started_ms = now;
        g->fresh_ms = now + w->config->role[ROLE_NAMES].max_age_ms;
        g->running = true; /* until here the group stays, also without a name in it */
        for (struct watch_entry *e = g->entries, *next; e; e = next) {
                next = e->group_next;
                if (e->known)
                        want(w, e, now);
        }
        g->running = false;
        drop_group(w, g);
}

/* False where there is no room for a proof now; else g is not due any more, and may be gone. */
static bool start_refresh(struct watch *w, struct watch_group *g, uint64_t now) {
        struct proof_question q = { 0 };
        struct watch_entry *e = g->entries;

        if (g->kind == ZONE_ENS) {
                refresh_ens(w, g, now);
                return true;
        }

        while (e && !e->known)
                e = e->group_next;
        if (!e) { /* nothing stands that could be refreshed */
                g->due = false;
                return true;
        }
        if (slots_of(w, e, &q) < 0)
                return false;
        q.n_slots = 1;
        q.has_known_root = true;
        q.known_root = g->head_root;
        q.has_known_final = !hash32_is_zero(&g->final_at);
        q.known_final_at = g->final_at;
        q.known_final_root = g->final_root;
        if (proof_start(w->proofs, &q, on_refreshed, g, now) < 0)
                return false;
        watch_charge(g->run, 0);
        g->due = false;
        g->running = true;
        g->started_ms = now;
        return true;
}

void watch_moved(struct watch *w, const struct run *run) {
        for (struct watch_group *g = w->groups; g; g = g->next)
                if (g->run == run) {
                        g->due = true;
                        g->retry_ms = 0;
                }
}

/* False where the day's bytes do not allow it now. That records get old by it is said once a
 * day. */
static bool affords(struct run *run, uint64_t fresh_ms, uint64_t now) {
        struct budget *b = &run->budget;

        if (budget_allows(b, now))
                return true;
        if (fresh_ms != 0 && now > fresh_ms && budget_may_warn(b, now))
                run_tell(run, NEWS_NOTE, LOG_WARNING, CHAIN_UPSTREAMS_MAX,
                                "records are older than MaxAge= of [names] or [pam], because "
                                "DailyBytes=%lluMB does not let them be proven more often: raise "
                                "it, or HeadEvery=",
                                (unsigned long long) (b->daily / 1000000));
        return false;
}

/* A key that may have been taken back, in a contract that is proven to have changed, waits for no
 * bytes. Of a name of ENS nothing of the kind is known: it is walked again because time has passed. */
static bool cannot_wait(
                const struct watch *w, const struct watch_queue *q, const struct watch_entry *e) {
        return q == &w->fetch_keys && e->group->kind == ZONE_MAP;
}

/* The next record to fetch that is affordable, out of its queue; NULL: none. */
static struct watch_entry *next_fetch(const struct watch *w, struct watch_queue *q, uint64_t now) {
        struct watch_entry **at = &q->first, *e;

        while (*at && !cannot_wait(w, q, *at) &&
                        !affords((*at)->group->run, (*at)->reply.answer.fresh_ms, now))
                at = &(*at)->fetch_next;
        e = *at;
        if (!e)
                return NULL;
        *at = e->fetch_next;
        if (!*at)
                q->last = at;
        e->wanted = false;
        return e;
}

static void pump_fetches(struct watch *w, uint64_t now) {
        struct watch_queue *const queues[] = { &w->fetch_keys, &w->fetch, &w->fetch_absent };
        size_t most = watch_sweep(w, now) ? WATCH_FETCH_SWEEPING : WATCH_FETCH_MAX;

        while (w->n_fetching < most) {
                struct watch_queue *q = NULL;
                struct watch_entry *e = NULL;

                for (size_t i = 0; i < ELEMENTSOF(queues) && !e; i++) {
                        q = queues[i];
                        e = next_fetch(w, q, now);
                }
                if (!e)
                        return;
                if (e->running)
                        e->again = true;
                else if (start_fetch(w, e, true, now) < 0) {
                        watch_put_first(q, e);
                        return;
                }
        }
}

/* No root is known of it any more, so that each of its records is fetched. */
static void flush_group(struct watch *w, struct watch_group *g, uint64_t now) {
        bool running = g->running;

        g->running = true; /* until here the group stays, also without a name in it */
        memset(&g->head_root, 0, sizeof(g->head_root));
        memset(&g->final_root, 0, sizeof(g->final_root));
        memset(&g->final_at, 0, sizeof(g->final_at));
        for (struct watch_entry *e = g->entries, *next; e; e = next) {
                next = e->group_next;
                memset(&e->head_root, 0, sizeof(e->head_root));
                memset(&e->final_root, 0, sizeof(e->final_root));
                e->flushed = e->known;
                if (e->known)
                        want(w, e, now);
        }
        g->running = running;
        drop_group(w, g);
}

void watch_flush(struct watch *w, uint64_t now) {
        for (struct watch_group *g = w->groups, *next; g; g = next) {
                next = g->next;
                flush_group(w, g, now);
        }
        w->changed = w->urgent = true;
}

/* The one that waits for longest goes first: where bytes do not suffice for all, none starves. */
static struct watch_group *next_due(const struct watch *w, uint64_t now) {
        struct watch_group *first = NULL;

        for (struct watch_group *g = w->groups; g; g = g->next)
                if (g->due && !g->running && now >= g->retry_ms &&
                        (g->started_ms == 0 || now >= g->started_ms + g->run->config.head_every_ms) &&
                        (!first || g->started_ms < first->started_ms) &&
                        affords(g->run, g->fresh_ms, now))
                        first = g;
        return first;
}

void watch_pump(struct watch *w, uint64_t now) {
        struct watch_group *g;

        if (w->save_ms != 0 && w->book->dirty)
                watch_announce(w);
        while ((g = next_due(w, now)))
                if (!start_refresh(w, g, now))
                        break; /* the next turn of the loop tries again */
        pump_fetches(w, now);
}
