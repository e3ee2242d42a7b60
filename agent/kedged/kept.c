/* Records on disk, for a boot without an uplink. Written where [names] says Stale=serve, or for what
 * logins stand on [pam]; and where neither does, removed: what nobody keeps in step with revocations
 * must not be found later.
 *
 * What always holds: a record is judged anew when it is read, with the book of revocations; it is as
 * old as the floor says, at least the time since its proof for which the machine had power; it is
 * never fresh in another boot. There is one generation: an older one would hold what the newer has
 * lost to a revocation. */

#include "agent/kedged/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"

#define HEAD_BYTES   20  /* boot id, count */
#define TIMES_BYTES  104 /* of a record: proven, head's time, born; both blocks */
#define RECORD_BYTES (8 + 8 + 1 + ADDRESS_SIZE + 1 + NAME_MAX_LEN + LOOKUP_FIELDS * (1 + 2 * HASH32_SIZE))

enum field_tag { FIELD_ABSENT = 0, FIELD_SAME, FIELD_TWO };

_Static_assert(HEAD_BYTES + KEPT_RECORDS_MAX * (RECORD_BYTES + TIMES_BYTES) <= KEPT_BYTES_MAX, "all fit");

static void put_field(struct buf *b, const struct hash32 *final, const struct hash32 *head) {
        bool same = hash32_eq(final, head);
        enum field_tag tag = !same ? FIELD_TWO : hash32_is_zero(final) ? FIELD_ABSENT : FIELD_SAME;

        buf_put_u8(b, (uint8_t) tag);
        if (tag != FIELD_ABSENT)
                buf_put(b, final->b, HASH32_SIZE);
        if (tag == FIELD_TWO)
                buf_put(b, head->b, HASH32_SIZE);
}

static void put_record(struct buf *b, const struct watch *w, const struct watch_entry *e) {
        const struct config_zone *zone = &w->config->zone[e->zone];

        buf_put_be(b, e->group->run->config.chain_id, 8);
        buf_put_be(b, zone->slot, 8);
        buf_put_u8(b, (uint8_t) zone->kind);
        buf_put(b, zone->contract.b, ADDRESS_SIZE);
        buf_put_u8(b, (uint8_t) strlen(e->name));
        buf_put(b, e->name, strlen(e->name));
        for (size_t i = 0; i < e->shape->n; i++)
                put_field(b, &e->values.final[i], &e->values.head[i]);
}

/* Its age is counted by the floor alone: a clock that was wrong for a day must not last. */
static void put_times(struct buf *b, const struct watch_entry *e, uint64_t now) {
        struct freshness_clocks c = e->group->run->clocks;
        const struct lookup_values *v = &e->values;
        uint64_t age_s;

        c.wall_s = c.rtc_s = 0;
        age_s = freshness_age_ms(&c, v->proven_ms, v->time_head, now, NULL) / 1000;
        buf_put_be(b, v->proven_ms, 8);
        buf_put_be(b, v->time_head, 8);
        buf_put_be(b, c.floor_s - MIN(c.floor_s, age_s), 8);
        buf_put_be(b, v->final_at.number, 8);
        buf_put(b, v->final_at.hash.b, HASH32_SIZE);
        buf_put_be(b, v->head_at.number, 8);
        buf_put(b, v->head_at.hash.b, HASH32_SIZE);
}

static bool serves(const struct watch *w, const struct name_record_shape *shape) {
        return w->config->role[lookup_role(shape)].stale == STALE_SERVE;
}

static bool is_worth_it(const struct watch_entry *e, uint64_t now) {
        return serves(e->watch, e->shape) && e->reply.result == QUERY_OK && watch_is_current(e, now);
}

/* What clients asked for goes before what a desk holds: that stands elsewhere too. */
static size_t choose(const struct watch *w, bool desk, uint64_t now, const struct watch_entry **all,
                size_t n) {
        size_t most = MIN(w->n, (size_t) KEPT_RECORDS_MAX);

        for (size_t i = 0; i < WATCH_BUCKETS; i++)
                for (const struct watch_entry *e = w->bucket[i]; e && n < most; e = e->bucket_next)
                        if (e->desk == desk && is_worth_it(e, now))
                                all[n++] = e;
        return n;
}

static int build(const struct kept *k, const struct watch *w, uint64_t now, struct buf *b,
                struct hash32 *ret_sum, size_t *ret_n) {
        _cleanup_(freep) const struct watch_entry **all = calloc(w->n + 1, sizeof(*all));
        struct view payload;
        size_t n = 0;

        if (!all)
                return -ENOMEM;
        n = choose(w, false, now, all, n);
        n = choose(w, true, now, all, n);
        buf_put(b, k->boot_id, sizeof(k->boot_id));
        buf_put_be(b, n, 4);
        for (size_t i = 0; i < n; i++)
                put_record(b, w, all[i]);
        sha256(VIEW(b->p, b->n), ret_sum);
        for (size_t i = 0; i < n; i++)
                put_times(b, all[i], now);
        *ret_n = n;
        return buf_done(b, &payload);
}

static bool take_field(struct view *in, struct hash32 *final, struct hash32 *head) {
        uint64_t tag;

        if (!view_take_be(in, 1, &tag) || tag > FIELD_TWO)
                return false;
        if (tag != FIELD_ABSENT && !view_take_copy(in, final->b, HASH32_SIZE))
                return false;
        *head = *final;
        return tag != FIELD_TWO || view_take_copy(in, head->b, HASH32_SIZE);
}

static bool take_record(struct view *in, struct kept_record *r) {
        const struct name_record_shape *shape;
        char same[NAME_MAX_LEN + 1];
        uint64_t kind, n;

        memset(r, 0, sizeof(*r));
        if (!view_take_be(in, 8, &r->chain_id) || !view_take_be(in, 8, &r->slot) ||
                        !view_take_be(in, 1, &kind) || kind > ZONE_ENS ||
                        !view_take_copy(in, r->contract.b, ADDRESS_SIZE) ||
                        !view_take_be(in, 1, &n) || n > NAME_MAX_LEN ||
                        !view_take_copy(in, r->name, (size_t) n))
                return false;
        if (name_normalize_record(VIEW(r->name, (size_t) n), same) < 0 || strcmp(same, r->name) != 0)
                return false;
        shape = name_record_shape_of_name(VIEW_TEXT(r->name));
        if (!shape)
                return false;
        r->kind = (uint8_t) kind;
        for (size_t i = 0; i < shape->n; i++)
                if (!take_field(in, &r->values.final[i], &r->values.head[i]))
                        return false;
        return true;
}

static bool take_times(struct view *in, bool this_boot, struct lookup_values *v) {
        uint64_t born_s;

        if (!view_take_be(in, 8, &v->proven_ms) || !view_take_be(in, 8, &v->time_head) ||
                        !view_take_be(in, 8, &born_s) || !view_take_be(in, 8, &v->final_at.number) ||
                        !view_take_copy(in, v->final_at.hash.b, HASH32_SIZE) ||
                        !view_take_be(in, 8, &v->head_at.number) ||
                        !view_take_copy(in, v->head_at.hash.b, HASH32_SIZE))
                return false;
        if (this_boot)
                return true;
        /* Its age is then the floor less the slack, which born_s, a time of the floor, has not. */
        v->proven_ms = 0;
        v->time_head = born_s - MIN(born_s, (uint64_t) FRESHNESS_SLACK_S);
        return true;
}

int kept_parse(struct view payload, const uint8_t boot_id[16], kept_fn *fn, void *userdata) {
        struct view boot, records, times;
        struct kept_record r;
        uint64_t n;

        if (!view_take(&payload, 16, &boot) || !view_take_be(&payload, 4, &n))
                return -EBADMSG;
        if (n > KEPT_RECORDS_MAX)
                return -E2BIG;
        if (payload.n < n * TIMES_BYTES)
                return -EBADMSG;
        records = VIEW(payload.p, payload.n - (size_t) n * TIMES_BYTES);
        times = VIEW(payload.p + records.n, (size_t) n * TIMES_BYTES);
        for (uint64_t i = 0; i < n; i++) {
                if (!take_record(&records, &r) ||
                                !take_times(&times, view_eq(boot, VIEW(boot_id, 16)), &r.values))
                        return -EBADMSG;
                fn(userdata, &r);
        }
        return records.n == 0 ? 0 : -EBADMSG;
}

static void restore(void *userdata, const struct kept_record *r) {
        struct watch *w = userdata;
        const struct config_zone *zone;
        struct view host;
        size_t z;

        if (!serves(w, name_record_shape_of_name(VIEW_TEXT(r->name))) ||
                        lookup_zone(w->config, r->name, &z, &host) < 0)
                return;
        zone = &w->config->zone[z];
        if (w->config->chain[zone->chain_index].chain_id != r->chain_id || zone->slot != r->slot ||
                        (uint8_t) zone->kind != r->kind || !address_eq(&zone->contract, &r->contract))
                return; /* the name means something else now */
        (void) watch_restore(w, r->name, &r->values, now_ms());
}

static int unlink_both(int state_fd) {
        if (unlinkat(state_fd, KEPT_FILE, 0) < 0 && errno != ENOENT)
                return -errno;
        if (unlinkat(state_fd, KEPT_FILE ".1", 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int kept_forget(int state_fd) {
        int r = unlink_both(state_fd);

        return r < 0 ? r : fsync(state_fd) < 0 ? -errno : 0;
}

/* Also where there is nothing, as far as we know: of a run under another configuration. */
static void remove_all(struct kept *k) {
        int r = unlink_both(k->store.dir_fd);
        bool gone = r == 0;

        if (k->any)
                (void) fsync(k->store.dir_fd);
        if (!gone && !k->owed)
                log_error("names kept for Stale=serve cannot be removed from the state folder: %s; "
                          "we try again",
                                strerror(-r));
        k->owed = !gone;
        k->any = !gone;
        k->store.newest = -1;
        memset(&k->saved, 0, sizeof(k->saved));
}

static bool wanted(const struct watch *w) {
        for (enum name_record_kind kind = 0; kind < NAME_RECORD_KINDS; kind++)
                if (serves(w, name_record_shape(kind)))
                        return true;
        return false;
}

void kept_open(struct kept *k, int state_fd, const uint8_t boot_id[16], struct watch *w,
                uint64_t now) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n = 0;
        int r;

        memset(k, 0, sizeof(*k));
        memcpy(k->boot_id, boot_id, sizeof(k->boot_id));
        k->on = wanted(w);
        k->looked_ms = k->saved_ms = now;
        r = store_open(&k->store, state_fd, KEPT_FILE, KEPT_BYTES_MAX, &p, &n);
        k->any = r != -ENOENT;
        if (r == 0 && k->on)
                r = kept_parse(VIEW(p, n), boot_id, restore, w);
        if (k->on && r < 0 && r != -ENOENT)
                log_warning("names kept for Stale=serve cannot be read: %s; they are proven again "
                            "when the chain is there",
                                r == -EBADMSG           ? "damaged"
                                : r == -EPROTONOSUPPORT ? "written by a later kedge"
                                                        : strerror(-r));
        if (k->any && (!k->on || r < 0))
                remove_all(k);
        if (w->n > 0)
                log_notice("%zu names of before are served, by Stale=serve, until a head is accepted",
                                w->n);
}

static bool is_time(const struct kept *k, const struct hash32 *sum, enum kept_when when, uint64_t now) {
        uint64_t since = now - MIN(now, k->saved_ms);
        bool same = hash32_eq(sum, &k->saved);

        switch (when) {
        case KEPT_NOW_AND_THEN:
                return since >= (same ? KEPT_AGED_MS : KEPT_CHANGED_MS);
        case KEPT_REVOKED:
                return k->any;
        case KEPT_AT_END:
                break;
        }
        return true;
}

/* The generation that the newest has replaced must not come back. */
static int save(struct kept *k, struct view payload) {
        const char *other;
        int r = store_save(&k->store, 0, payload);

        if (r < 0)
                return r;
        k->any = true;
        other = k->store.newest == 0 ? KEPT_FILE ".1" : KEPT_FILE;
        if (unlinkat(k->store.dir_fd, other, 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

void kept_save(struct kept *k, const struct watch *w, enum kept_when when, uint64_t now) {
        size_t cap = HEAD_BYTES + w->n * (RECORD_BYTES + TIMES_BYTES), n = 0;
        _cleanup_(freep) uint8_t *p = NULL;
        struct buf b = { .cap = cap };
        struct hash32 sum;
        int r;

        if (k->owed)
                when = KEPT_REVOKED;
        if (!k->on) {
                if (k->owed)
                        remove_all(k);
                return;
        }
        if (when == KEPT_NOW_AND_THEN && now - MIN(now, k->looked_ms) < KEPT_CHANGED_MS)
                return;
        k->looked_ms = now;
        b.p = p = malloc(cap);
        r = p ? build(k, w, now, &b, &sum, &n) : -ENOMEM;
        if (r >= 0 && !is_time(k, &sum, when, now))
                return;
        if (r >= 0 && n > 0)
                r = save(k, VIEW(p, b.n));
        if (r < 0 ? when == KEPT_REVOKED : n == 0)
                remove_all(k);
        else if (r >= 0) {
                k->owed = false;
                k->saved = sum;
        }
        k->saved_ms = now;
}

void kept_reconfigure(struct kept *k, const struct watch *w, uint64_t now) {
        k->on = wanted(w);
        if (!k->on && k->any)
                remove_all(k);
        else if (k->any)
                k->owed = true; /* one role may say deny now: what was its own goes */
        if (k->on) /* and one may say serve: the power may be cut before the next time */
                kept_save(k, w, KEPT_AT_END, now);
}
