/* From a name to the slots that hold its record (design section 5), and from their proven values to
 * what may be said of the name (section 4): the one place where values, finality and revocations
 * become an answer.
 *
 * What always holds: a value that does not parse makes the whole record INVALID, and nothing of it
 * is served; a key that head holds no longer, or holds in a form that is none, is revoked in the
 * same judgement. */

#include "agent/kedged/lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/floor.h"
#include "base/hex.h"

enum record_field lookup_field(size_t i) {
        return name_record_field(i);
}

int lookup_slots(struct view host, uint64_t slot, struct hash32 ret[LOOKUP_FIELDS]) {
        return name_record_slots(host, slot, ret);
}

int lookup_zone(const struct config *config, const char *name, size_t *ret_zone,
                struct view *ret_host) {
        size_t best = 0, at = SIZE_MAX;

        for (size_t i = 0; i < config->n_zones; i++) {
                size_t n = strlen(config->zone[i].suffix);

                if (n > best && name_in_suffix(name, config->zone[i].suffix)) {
                        best = n;
                        at = i;
                }
        }
        if (at == SIZE_MAX)
                return -ENOENT;
        *ret_zone = at;
        *ret_host = VIEW(name, strlen(name) == best ? 0 : strlen(name) - best - 1);
        return 0;
}

static void put_addr(struct name_answer *a, const struct record_value *v) {
        struct name_addr *to = &a->addr[a->n_addrs];

        if (!v->present)
                return;
        to->family = v->ip.family;
        memcpy(to->b, v->ip.b, v->ip.family == 4 ? 4 : 16);
        a->n_addrs++;
}

static void put_answer(struct name_answer *a, const struct record *r) {
        static const enum record_field pins[] = { RECORD_SIGNATURE, RECORD_SIGNATURE_NEXT };
        static const enum record_field devices[] = { RECORD_DEVICE, RECORD_DEVICE_NEXT };

        put_addr(a, &r->field[RECORD_SERVER_IP]);
        put_addr(a, &r->field[RECORD_SERVER_IP6]);
        if (r->field[RECORD_PORT].present)
                a->port = r->field[RECORD_PORT].port;
        for (size_t i = 0; i < ELEMENTSOF(pins); i++)
                if (r->field[pins[i]].present)
                        a->pin[a->n_pins++] = r->field[pins[i]].raw;
        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                if (r->field[devices[i]].present)
                        a->device[a->has_device++] = r->field[devices[i]].address;
}

void lookup_times(const struct lookup_values *v, const struct config_role roles[ROLES],
                const struct freshness_clocks *c, struct name_answer *ret) {
        const struct config_role *names = &roles[ROLE_NAMES], *tls = &roles[ROLE_TLS];
        uint64_t at = v->proven_ms, head = v->time_head;
        bool known;

        ret->deadline_ms = freshness_until_ms(c, at, head, config_role_age_ms(names));
        ret->pins_deadline_ms = freshness_until_ms(c, at, head, config_role_age_ms(tls));
        ret->fresh_ms = freshness_until_ms(c, at, head, names->max_age_ms);
        ret->pins_fresh_ms = freshness_until_ms(c, at, head, tls->max_age_ms);
        if (at > 0)
                return;
        /* Proven before this boot: stale, whatever its age, and told where the role says serve. With a
         * floor that is older than the proof (it was lost) nobody knows the age: refused. */
        known = head + FRESHNESS_SLACK_S <= c->floor_s + 2 * FLOOR_EVERY_S;
        ret->fresh_ms = ret->pins_fresh_ms = 0;
        ret->deadline_ms = known && names->stale == STALE_SERVE ? ret->deadline_ms : 0;
        ret->pins_deadline_ms = known && tls->stale == STALE_SERVE ? ret->pins_deadline_ms : 0;
}

static void put_verdict(const struct name_record *n, struct lookup_judgement *ret) {
        switch (n->verdict) {
        case NAME_RECORD_PRESENT:
                ret->result = QUERY_OK;
                ret->answer.verdict = NAME_PRESENT;
                put_answer(&ret->answer, &n->served.record);
                return;
        case NAME_RECORD_ABSENT:
                ret->result = QUERY_ABSENT;
                ret->answer.verdict = NAME_ABSENT;
                break;
        case NAME_RECORD_INVALID:
                ret->result = QUERY_INVALID;
                (void) snprintf(ret->why, sizeof(ret->why),
                                "field %s at block %llu holds bytes that are no value of it",
                                record_field_name(n->bad_field),
                                (unsigned long long) n->bad_at.number);
                return;
        case NAME_RECORD_UNPROVEN:
                ret->result = QUERY_UNPROVEN;
                break;
        }
        (void) snprintf(ret->why, sizeof(ret->why), "%s", served_why_text(n->served.record_why));
}

void lookup_judge(const struct lookup_values *values, const struct revocations *earlier,
        struct lookup_judgement *ret) {
        struct name_record_values proven = {
                .final_at = values->final_at,
                .head_at = values->head_at,
                .bad_final = values->bad_final,
                .bad_head = values->bad_head,
        };
        struct name_record n;
        int r;

        memcpy(proven.final, values->final, sizeof(proven.final));
        memcpy(proven.head, values->head, sizeof(proven.head));
        memset(ret, 0, sizeof(*ret));
        ret->answer.final_number = values->final_at.number;
        ret->answer.head_number = values->head_at.number;
        ret->answer.proven_ms = values->proven_ms;
        r = name_record_judge(&proven, earlier, &n);
        if (r < 0) {
                ret->keep_revocations = true;
                (void) snprintf(ret->why, sizeof(ret->why), "%s",
                                r == -E2BIG ? "more revocations of this record than we can keep: "
                                              "nothing is served"
                                            : "the head lies below the finalized block");
                return;
        }
        for (size_t i = 0; i < LOOKUP_FIELDS; i++)
                ret->field_why[i] = n.served.why[lookup_field(i)];
        ret->record_why = n.served.record_why;
        ret->revocations = n.served.revocations;
        ret->revocations_changed = n.served.revocations_changed;
        if (values->unverifiable[0])
                (void) snprintf(ret->why, sizeof(ret->why), "%s", values->unverifiable);
        else
                put_verdict(&n, ret);
}

void lookup_revocation_text(const struct revocation *r, char *ret, size_t cap) {
        char hex[2 * HASH32_SIZE + 1];

        (void) snprintf(ret, cap, "%s revoked at block %llu 0x%s",
                r->field == RECORD_FIELDS ? "the record" : record_field_name(r->field),
                (unsigned long long) r->at.number, hex_encode(r->at.hash.b, HASH32_SIZE, hex));
}
