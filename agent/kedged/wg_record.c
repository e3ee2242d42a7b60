/* From the proven values of a `_wg` record to what a network may do with its host.
 *
 * What always holds: a key is a peer's only where finalized and head both list it and no revocation
 * of it is in force; which of two such keys it is, head says. A record whose revocations are too
 * many to keep is revoked as a whole. */

#include "agent/kedged/wg_record.h"

#include <errno.h>
#include <stdio.h>

static struct ip ip_of(const struct record *r, enum record_field f) {
        const struct record_value *v = &r->field[f];
        struct ip a = { 0 };

        if (!v->present)
                return a;
        a.family = v->ip.family;
        memcpy(a.b, v->ip.b, v->ip.family == 4 ? 4 : sizeof(a.b));
        return a;
}

static void put_places(const struct record *r, struct net_member *ret) {
        ret->wg_ip = ip_of(r, RECORD_WG_IP);
        ret->server[0] = ip_of(r, RECORD_SERVER_IP);
        ret->server[1] = ip_of(r, RECORD_SERVER_IP6);
        ret->endpoint.ip = ip_of(r, RECORD_WG_ENDPOINT);
        if (ret->endpoint.ip.family != 0 && r->field[RECORD_WG_PORT].present)
                ret->endpoint.port = r->field[RECORD_WG_PORT].port;
}

/* Is key in force? served holds what finalized lists, and of it nothing that is revoked. */
static bool in_force(const struct record *served, const struct hash32 *key) {
        const struct record_value *a = &served->field[RECORD_WG_KEY];
        const struct record_value *b = &served->field[RECORD_WG_KEY_NEXT];

        return (a->present && hash32_eq(&a->raw, key)) || (b->present && hash32_eq(&b->raw, key));
}

static bool put_keys(const struct name_record *n, struct net_member *ret) {
        const struct record_value *head = &n->head.field[RECORD_WG_KEY];
        const struct record_value *final = &n->served.record.field[RECORD_WG_KEY];
        const struct record_value *next = &n->served.record.field[RECORD_WG_KEY_NEXT];

        if (head->present && in_force(&n->served.record, &head->raw))
                ret->key = head->raw;
        else if (final->present)
                ret->key = final->raw;
        else
                return false;
        if (final->present && !hash32_eq(&final->raw, &ret->key))
                ret->other_key = final->raw;
        else if (next->present && !hash32_eq(&next->raw, &ret->key))
                ret->other_key = next->raw;
        return true;
}

/* The head that took the record, or the key that finalized lists. */
static uint64_t revoked_at(const struct name_record *n, const struct name_record_values *v) {
        const struct revocations *all = &n->served.revocations;
        const struct record_value *key = &n->final.field[RECORD_WG_KEY];

        for (size_t i = 0; i < all->n; i++)
                if (all->r[i].field == RECORD_FIELDS ||
                                (all->r[i].field == RECORD_WG_KEY &&
                                                hash32_eq(&all->r[i].key, &key->raw)))
                        return all->r[i].at.number;
        return v->head_at.number;
}

static void say(struct net_member *ret, enum net_known known, uint64_t block, const char *why) {
        ret->known = known;
        ret->block = block;
        (void) snprintf(ret->why, sizeof(ret->why), "%s", why);
}

static bool is_revoked(const struct name_record *n) {
        const enum served_why record = n->served.record_why, key = n->served.why[RECORD_WG_KEY];

        return record == SERVED_REVOKED_AT_HEAD || record == SERVED_REVOKED_EARLIER ||
               key == SERVED_REVOKED_AT_HEAD || key == SERVED_REVOKED_EARLIER;
}

/* There is no key to go by: because it was revoked, is not final, or never was. */
static void say_no_key(const struct name_record *n, const struct name_record_values *v,
                struct net_member *ret) {
        const struct served *s = &n->served;

        if (is_revoked(n))
                say(ret, NET_REVOKED, revoked_at(n, v),
                                served_why_text(s->record_why == SERVED_GRANTED
                                                                ? s->why[RECORD_WG_KEY]
                                                                : s->record_why));
        else if (n->head.field[RECORD_WG_KEY].present)
                say(ret, NET_NO_KEY, v->final_at.number, NET_NOT_FINAL_YET);
        else
                say(ret, NET_NO_KEY, v->final_at.number, "no wg_key");
}

/* No judgement: one that keeps too little of what was revoked would be wrong. */
static void say_error(int error, const struct name_record_values *v, struct net_member *ret) {
        if (error == -E2BIG)
                say(ret, NET_REVOKED, v->head_at.number, "more revocations than can be kept");
        else
                say(ret, NET_UNPROVEN, 0, "the head lies below the finalized block");
}

void wg_record_judge(const struct lookup_values *values, const struct revocations *earlier,
                struct net_member *ret) {
        struct name_record_values v = { .final_at = values->final_at, .head_at = values->head_at };
        struct net_member m = *ret;
        struct name_record n = { 0 };
        int r;

        m.key = m.other_key = (struct hash32){ 0 };
        m.endpoint = (struct ip_endpoint){ 0 };
        memcpy(v.final, values->final, sizeof(v.final));
        memcpy(v.head, values->head, sizeof(v.head));
        r = name_record_judge(name_record_shape(NAME_RECORD_WG), &v, earlier, &n);
        if (r < 0)
                say_error(r, &v, &m);
        else if (!put_keys(&n, &m))
                say_no_key(&n, &v, &m);
        else if (n.verdict == NAME_RECORD_INVALID) {
                say(&m, NET_INVALID, n.bad_at.number, "");
                (void) snprintf(m.why, sizeof(m.why),
                                "field %s at block %llu holds bytes that are no value of it",
                                record_field_name(n.bad_field),
                                (unsigned long long) n.bad_at.number);
        } else
                say(&m, NET_GRANTED, v.final_at.number, "");
        put_places(&n.served.record, &m);
        *ret = m;
}

void wg_record_read(const struct watch_entry *e, const struct revocations *earlier,
                struct net_member *ret) {
        if (e && e->known && !e->flushed) {
                wg_record_judge(&e->values, earlier, ret);
                if (e->unnoted > e->values.final_at.number) /* in memory alone */
                        say(ret, NET_REVOKED, e->unnoted, "no room left to note a revocation");
                return;
        }
        wg_record_judge(&(struct lookup_values){ 0 }, NULL, ret);
        say(ret, NET_UNPROVEN, 0, "not proven yet");
}
