/* The list of a zone's members. First a look: one proof of the count, which also shows the
 * contract's storage root at finalized and at head. Where a root is one whose list is known, that
 * list stands; where it is not, all entries are proven under it.
 *
 * What always holds: a list is of one storage root, whatever blocks its proofs were made at, so
 * that one which changes meanwhile is never a mixture of two; it is taken whole or not at all. What
 * head does not list and finalized does is revoked in the book before anybody hears of it. */

#include "agent/kedged/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/util.h"
#include "core/slot.h"

#define ROUNDS_TOLD 8 /* changes during a scan, one after the other, before that is said */

enum side_id { SIDE_FINAL = 0, SIDE_HEAD, SIDES };

struct side {
        bool known, bad_known;
        struct hash32 root;     /* of the list that stands */
        struct hash32 bad_root; /* of one that is none */
        struct block_ref at;
};

/* What the last look has shown of a side. */
struct sight {
        struct hash32 root;
        struct block_ref at;
        bool has_count;
        struct hash32 count;
};

struct page {
        struct members *m;
        bool owed, running;
        size_t first;
        unsigned tries;
        uint64_t retry_ms;
};

/* All entries under one storage root. */
struct scan {
        bool on, failed, moved;
        enum side_id side;
        size_t n, next, n_done;
        struct hash32 *entry;
        struct page page[MEMBERS_PAGES];
};

struct members {
        struct run *run;
        const struct config_zone *zone;
        struct proofs *proofs;
        struct watch *watch;
        members_fn *changed;
        void *userdata;
        bool due, looking, dropped;
        uint64_t started_ms, retry_ms;
        size_t n_running; /* proofs */
        unsigned rounds;  /* scans in a row that the list has changed under */
        struct sight sight[SIDES];
        uint64_t sight_ms;
        struct side side[SIDES];
        struct scan scan;
        size_t n;
        struct member *list;
        uint64_t proven_ms;
        char why[CHAIN_TEXT_MAX];
};

int members_new(struct run *run, const struct config_zone *zone, struct proofs *proofs,
                struct watch *watch, members_fn *changed, void *userdata, struct members **ret) {
        struct members *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->run = run;
        m->zone = zone;
        m->proofs = proofs;
        m->watch = watch;
        m->changed = changed;
        m->userdata = userdata;
        m->due = true;
        for (size_t i = 0; i < MEMBERS_PAGES; i++)
                m->scan.page[i].m = m;
        (void) snprintf(m->why, sizeof(m->why), "the list of members is not proven yet");
        *ret = m;
        return 0;
}

static void end_scan(struct members *m) {
        free(TAKE_PTR(m->scan.entry));
        m->scan.on = m->scan.failed = false;
        for (size_t i = 0; i < MEMBERS_PAGES; i++)
                m->scan.page[i].owed = false;
}

struct members *members_free(struct members *m) {
        if (!m)
                return NULL;
        m->dropped = true;
        if (m->n_running > 0)
                return NULL; /* the last of its proofs frees it */
        end_scan(m);
        free(m->list);
        free(m);
        return NULL;
}

/* A proof has ended; false where nobody wants its result any more, and m may be gone. */
static bool ended(struct members *m) {
        m->n_running--;
        if (!m->dropped)
                return true;
        (void) members_free(m);
        return false;
}

void members_moved(struct members *m) {
        m->due = true;
        m->retry_ms = 0;
}

static void say(struct members *m, const char *why) {
        (void) snprintf(m->why, sizeof(m->why), "%s", why);
}

static void later(struct members *m, uint64_t at_ms) {
        m->due = true;
        m->retry_ms = at_ms;
}

/* ---- the list ---- */

static int by_entry(const void *a, const void *b) {
        return memcmp(a, b, sizeof(struct hash32));
}

static struct view label_of(const struct hash32 *entry) {
        size_t n = 0;

        while (n < HASH32_SIZE && entry->b[n] != 0)
                n++;
        return VIEW(entry->b, n);
}

/* NULL, or what is wrong with entry k, as it is in the list. */
static const char *entry_fault(const struct hash32 *entry) {
        struct view label = label_of(entry);

        if (hash32_is_zero(entry))
                return "is empty";
        for (size_t i = label.n; i < HASH32_SIZE; i++)
                if (entry->b[i] != 0)
                        return "holds bytes behind its end";
        return record_host_valid(label) ? NULL : "is no host name";
}

/* Sorts the entries; false where they are no list, and why is said. */
static bool check_entries(struct members *m, struct hash32 *entry, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const char *fault = entry_fault(&entry[i]);

                if (!fault)
                        continue;
                (void) snprintf(m->why, sizeof(m->why),
                                "_member.%zu at block %llu %s: the list before it stands", i,
                                (unsigned long long) m->sight[m->scan.side].at.number, fault);
                return false;
        }
        if (n > 1)
                qsort(entry, n, sizeof(*entry), by_entry);
        for (size_t i = 1; i < n; i++)
                if (hash32_eq(&entry[i - 1], &entry[i])) {
                        (void) snprintf(m->why, sizeof(m->why),
                                        "%.32s is twice in the list of members at block %llu: the "
                                        "list before it stands",
                                        (const char *) entry[i].b,
                                        (unsigned long long) m->sight[m->scan.side].at.number);
                        return false;
                }
        return true;
}

static bool *flag_of(struct member *x, enum side_id side) {
        return side == SIDE_FINAL ? &x->final : &x->head;
}

/* Those of the list that the other side has, and the entries, in one order. */
static size_t merge(const struct member *list, size_t n, const struct hash32 *entry,
                size_t n_entries, enum side_id side, struct member *ret) {
        size_t i = 0, k = 0, out = 0;

        while (i < n || k < n_entries) {
                struct member x = { 0 };
                int c;

                if (k < n_entries)
                        memcpy(x.label, entry[k].b, HASH32_SIZE);
                c = i == n ? 1 : k == n_entries ? -1 : strcmp(list[i].label, x.label);
                if (c <= 0)
                        x = list[i++];
                *flag_of(&x, side) = c >= 0;
                k += c >= 0;
                if (x.final || x.head)
                        ret[out++] = x;
        }
        return out;
}

static bool same_list(const struct members *m, const struct member *list, size_t n) {
        return n == m->n && (n == 0 || memcmp(list, m->list, n * sizeof(*list)) == 0);
}

/* -ENOMEM: the list stands as it was. */
static int take_entries(struct members *m, enum side_id side, const struct hash32 *entry, size_t n,
                bool *ret_changed) {
        _cleanup_(freep) struct member *next = calloc(m->n + n + 1, sizeof(*next));
        struct member *fit;
        size_t count;

        if (!next)
                return -ENOMEM;
        count = merge(m->list, m->n, entry, n, side, next);
        *ret_changed = *ret_changed || !same_list(m, next, count);
        fit = realloc(next, (count + 1) * sizeof(*next));
        if (!fit)
                return -ENOMEM;
        (void) TAKE_PTR(next);
        free(m->list);
        m->list = fit;
        m->n = count;
        return 0;
}

/* The other side's list is under the root that this side has now. */
static bool copy_side(struct members *m, enum side_id side) {
        bool changed = false;
        size_t out = 0;

        for (size_t i = 0; i < m->n; i++) {
                struct member x = m->list[i];
                bool is = side == SIDE_FINAL ? x.head : x.final;

                changed = changed || *flag_of(&x, side) != is;
                *flag_of(&x, side) = is;
                if (x.final || x.head)
                        m->list[out++] = x;
        }
        m->n = out;
        return changed;
}

static bool is_proven(const struct members *m) {
        return m->side[SIDE_FINAL].known && m->side[SIDE_HEAD].known;
}

bool members_list(const struct members *m, const struct member **ret, size_t *ret_n,
                struct block_ref *ret_final, struct block_ref *ret_head, uint64_t *ret_proven_ms,
                const char **ret_why) {
        *ret_why = m->why;
        if (!is_proven(m))
                return false;
        *ret = m->list;
        *ret_n = m->n;
        *ret_final = m->side[SIDE_FINAL].at;
        *ret_head = m->side[SIDE_HEAD].at;
        *ret_proven_ms = m->proven_ms;
        return true;
}

const struct member *members_find(const struct members *m, const char *label) {
        size_t low = 0, high = is_proven(m) ? m->n : 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int c = strcmp(label, m->list[middle].label);

                if (c == 0)
                        return &m->list[middle];
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* ---- what was seen ---- */

/* at: the block of the head's list. */
static void revoke_unlisted(struct members *m, const struct block_ref *at) {
        char name[NAME_MAX_LEN + 1];

        if (!m->watch || !is_proven(m))
                return;
        for (size_t i = 0; i < m->n; i++)
                if (m->list[i].final && !m->list[i].head &&
                                lookup_record_name(m->watch->config, NAME_RECORD_WG,
                                                m->list[i].label, m->zone->suffix, name) >= 0)
                        watch_revoke(m->watch, name, at);
        watch_announce(m->watch);
}

/* false: its list has to be proven first. */
static bool settle(struct members *m, enum side_id id, bool *changed) {
        const struct side *other = &m->side[id == SIDE_FINAL ? SIDE_HEAD : SIDE_FINAL];
        const struct sight *seen = &m->sight[id];
        struct side *side = &m->side[id];

        if (side->bad_known && hash32_eq(&side->bad_root, &seen->root))
                return true;
        if (!side->known || !hash32_eq(&side->root, &seen->root)) {
                if (!other->known || !hash32_eq(&other->root, &seen->root))
                        return false;
                *changed = copy_side(m, id) || !side->known || *changed;
        }
        side->known = true;
        side->bad_known = false;
        side->root = seen->root;
        side->at = seen->at;
        if (id == SIDE_HEAD)
                m->proven_ms = m->sight_ms;
        return true;
}

static bool count_of(struct members *m, const struct sight *seen, size_t *ret) {
        uint64_t count = 0;

        for (size_t i = 0; i < HASH32_SIZE; i++) {
                if (count > MEMBERS_MAX)
                        break;
                count = count << 8 | seen->count.b[i];
        }
        if (count > MEMBERS_MAX) {
                (void) snprintf(m->why, sizeof(m->why),
                                "_members at block %llu is over %d: the list before it stands",
                                (unsigned long long) seen->at.number, MEMBERS_MAX);
                return false;
        }
        *ret = (size_t) count;
        return true;
}

static void is_bad(struct members *m, enum side_id id) {
        m->side[id].bad_known = true;
        m->side[id].bad_root = m->sight[id].root;
}

/* All entries are there. */
static int take_scan(struct members *m, bool *changed) {
        enum side_id id = m->scan.side;
        int r = 0;

        if (check_entries(m, m->scan.entry, m->scan.n)) {
                r = take_entries(m, id, m->scan.entry, m->scan.n, changed);
                m->side[id].known = m->side[id].known || r >= 0;
                m->side[id].root = r >= 0 ? m->sight[id].root : m->side[id].root;
                if (id == SIDE_HEAD && r >= 0) /* finalized may list them no more either, in a moment */
                        revoke_unlisted(m, &m->sight[id].at);
        } else
                is_bad(m, id);
        end_scan(m);
        return r;
}

/* 0, or a scan that cannot be begun now. */
static int begin_scan(struct members *m, enum side_id id, bool *changed) {
        struct scan *s = &m->scan;
        size_t n;

        if (!m->sight[id].has_count)
                return -EAGAIN; /* it was the root of a list that is bad by now: another look */
        if (!count_of(m, &m->sight[id], &n)) {
                is_bad(m, id);
                return 0;
        }
        s->entry = calloc(n + CHAIN_KEYS_MAX, sizeof(*s->entry));
        if (!s->entry)
                return -ENOMEM;
        s->on = true;
        s->failed = s->moved = false;
        s->side = id;
        s->n = n;
        s->next = s->n_done = 0;
        return n == 0 ? take_scan(m, changed) : 0;
}

/* Goes as far as what was seen and proven allows; r: how far it came before. The hook comes last:
 * it may free m. */
static void go_on(struct members *m, bool proven, bool changed, int r) {
        static const enum side_id order[] = { SIDE_HEAD, SIDE_FINAL };

        (void) settle(m, SIDE_FINAL, &changed); /* what was head's list may be its own by now */
        for (size_t i = 0; i < ELEMENTSOF(order) && !m->scan.on && r >= 0; i++)
                while (r >= 0 && !m->scan.on && !settle(m, order[i], &changed))
                        r = begin_scan(m, order[i], &changed);
        if (r < 0)
                later(m, now_ms() + MEMBERS_RETRY_MS);
        if (!m->scan.on && r >= 0) {
                m->rounds = 0;
                if (!m->side[SIDE_FINAL].bad_known && !m->side[SIDE_HEAD].bad_known)
                        say(m, "");
        }
        revoke_unlisted(m, &m->side[SIDE_HEAD].at);
        if (is_proven(m) && (changed || !proven))
                m->changed(m->userdata, m);
}

/* ---- proofs ---- */

static int slot_of(const struct members *m, const char *text, struct hash32 *ret) {
        struct hash32 key;
        int r = slot_key_of_text(VIEW_TEXT(text), &key);

        if (r >= 0)
                slot_of_mapping(&key, m->zone->slot, ret);
        return r;
}

static struct proof_question question(const struct members *m) {
        return (struct proof_question){ .run = m->run, .contract = m->zone->contract };
}

/* Bytes of a proof, about: see watch_prove.c. */
static uint64_t cost_of(const struct members *m, size_t slots) {
        return config_is_ethereum(&m->run->config) ? 16000 + 6000 * slots : 2000 + 500 * slots;
}

static void finish_scan(struct members *m) {
        bool proven = is_proven(m), changed = false;
        int r = take_scan(m, &changed);

        go_on(m, proven, changed, r);
}

static void on_page(void *userdata, const struct proof_result *result) {
        struct page *p = userdata;
        struct members *m = p->m;
        struct scan *s = &m->scan;
        size_t n = MIN(s->n - p->first, (size_t) CHAIN_KEYS_MAX);

        p->running = false;
        if (!ended(m))
                return;
        if (!result->proven && ++p->tries < MEMBERS_TRIES) {
                p->retry_ms = now_ms() + (MEMBERS_RETRY_MS >> (MEMBERS_TRIES - p->tries));
                return;
        }
        p->owed = false;
        if (!result->proven) {
                say(m, result->why);
                s->failed = true;
        } else if (!hash32_eq(&result->head.storage_root, &m->sight[s->side].root)) {
                s->failed = s->moved = true;
        } else {
                memcpy(s->entry + p->first, result->head.values, n * sizeof(*s->entry));
                s->n_done += n;
        }
        if (s->n_done == s->n)
                finish_scan(m);
}

static int start_page(struct members *m, struct page *p, uint64_t now) {
        struct proof_question q = question(m);
        char text[32];
        int r = 0;

        q.only = m->scan.side == SIDE_HEAD ? PROOF_HEAD : PROOF_FINAL;
        q.n_slots = MIN(m->scan.n - p->first, (size_t) CHAIN_KEYS_MAX);
        for (size_t i = 0; i < q.n_slots && r >= 0; i++) {
                (void) snprintf(text, sizeof(text), "_member.%zu", p->first + i);
                r = slot_of(m, text, &q.slots[i]);
        }
        if (r >= 0)
                r = proof_start(m->proofs, &q, on_page, p, now);
        if (r < 0)
                return r;
        p->running = true;
        m->n_running++;
        budget_charge(&m->run->budget, cost_of(m, q.n_slots));
        return 0;
}

static void pump_scan(struct members *m, uint64_t now) {
        struct scan *s = &m->scan;

        for (size_t i = 0; i < MEMBERS_PAGES && !s->failed; i++) {
                struct page *p = &s->page[i];

                if (!p->owed && s->next < s->n) {
                        *p = (struct page){ .m = m, .owed = true, .first = s->next };
                        s->next += CHAIN_KEYS_MAX;
                }
                if (p->owed && !p->running && now < p->retry_ms && m->due)
                        s->failed = true; /* the chain has moved: what failed may be old by now */
                else if (p->owed && !p->running && now >= p->retry_ms && start_page(m, p, now) < 0)
                        return; /* the next turn of the loop tries again */
        }
}

static void see(struct sight *to, const struct chain_answer *a) {
        to->root = a->storage_root;
        to->at = a->block.ref;
        to->has_count = a->verdict == CHAIN_PROVEN;
        to->count = a->values[0];
}

static void on_look(void *userdata, const struct proof_result *result) {
        struct members *m = userdata;

        m->looking = false;
        if (!ended(m))
                return;
        if (!result->proven) {
                if (!is_proven(m))
                        say(m, result->why);
                later(m, now_ms() + MEMBERS_RETRY_MS);
                return;
        }
        see(&m->sight[SIDE_FINAL], &result->final);
        see(&m->sight[SIDE_HEAD], &result->head);
        m->sight_ms = result->head_moved_ms;
        go_on(m, is_proven(m), false, 0);
}

static void look(struct members *m, uint64_t now) {
        const struct side *final = &m->side[SIDE_FINAL], *head = &m->side[SIDE_HEAD];
        struct proof_question q = question(m);

        q.n_slots = 1;
        if (slot_of(m, "_members", &q.slots[0]) < 0)
                return;
        q.has_known_root = head->known;
        q.known_root = head->root;
        q.has_known_final = final->known;
        q.known_final_at = final->at.hash;
        q.known_final_root = final->root;
        if (proof_start(m->proofs, &q, on_look, m, now) < 0)
                return; /* the next turn of the loop tries again */
        m->due = false;
        m->looking = true;
        m->n_running++;
        m->started_ms = now;
        budget_charge(&m->run->budget, cost_of(m, 1));
}

/* The list has changed under the scan, or could not be proven: what was seen is seen again. */
static void abandon(struct members *m, uint64_t now) {
        bool moved = m->scan.moved;

        end_scan(m);
        later(m, moved || m->due ? 0 : now + MEMBERS_RETRY_MS);
        m->started_ms = 0;
        if (moved && ++m->rounds >= ROUNDS_TOLD)
                say(m, "the list of members changes faster than it can be proven");
}

static bool may_look(struct members *m, uint64_t now) {
        if (!m->due || now < m->retry_ms)
                return false;
        return m->started_ms == 0 || (now >= m->started_ms + m->run->config.head_every_ms &&
                                                     budget_allows(&m->run->budget, now));
}

void members_pump(struct members *m, uint64_t now) {
        struct scan *s = &m->scan;

        if (m->looking)
                return;
        if (s->on && s->failed && m->n_running == 0)
                abandon(m, now);
        if (s->on)
                pump_scan(m, now);
        else if (may_look(m, now))
                look(m, now);
}
