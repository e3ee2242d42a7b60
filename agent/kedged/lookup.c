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

#define BITS_TOLD 8
#define BITS_TEXT (4 * BITS_TOLD + 8)

int lookup_zone(const struct config *config, const char *name, size_t *ret_zone,
                struct view *ret_subject) {
        size_t best = 0, at = SIZE_MAX, len = strlen(name);

        for (size_t i = 0; i < config->n_zones; i++) {
                const struct config_zone *zone = &config->zone[i];
                size_t n = strlen(zone->suffix);

                if (n <= best || !name_in_suffix(name, zone->suffix))
                        continue;
                if (!name_record_shape_of(VIEW(name, len == n ? 0 : len - n - 1)))
                        continue;
                best = n;
                at = i;
        }
        if (at == SIZE_MAX || (config->zone[at].kind == ZONE_ENS && name[0] == '_'))
                return -ENOENT;
        *ret_zone = at;
        *ret_subject = VIEW(name, len == best ? 0 : len - best - 1);
        return 0;
}

int lookup_record_name(const struct config *config, enum name_record_kind kind, const char *who,
                const char *suffix, char ret[NAME_MAX_LEN + 1]) {
        char name[NAME_MAX_LEN + 1];
        size_t n, zone, len = strlen(suffix);
        struct view subject;
        int r = name_record_subject(kind, VIEW_TEXT(who), name, sizeof(name));

        if (r < 0)
                return r;
        n = strlen(name);
        if (n + (n > 0) + len > NAME_MAX_LEN)
                return -E2BIG;
        if (n > 0)
                name[n++] = '.';
        memcpy(name + n, suffix, len + 1);
        r = lookup_zone(config, name, &zone, &subject);
        if (r < 0)
                return r;
        if (strcmp(config->zone[zone].suffix, suffix) != 0)
                return -ENOENT;
        memcpy(ret, name, n + len + 1);
        return 0;
}

static void put_addr(struct name_answer *a, const struct record_value *v) {
        struct name_addr *to = &a->addr[a->n_addrs];

        to->family = v->ip.family;
        memcpy(to->b, v->ip.b, v->ip.family == 4 ? 4 : 16);
        a->n_addrs++;
}

/* A shape has at most two fields of each kind. */
static void put_answer(const struct name_record_shape *shape, const struct record *r,
                struct lookup_judgement *ret) {
        struct name_answer *a = &ret->answer;

        for (size_t i = 0; i < shape->n; i++) {
                const struct record_value *v = &r->field[shape->field[i]];

                if (!v->present)
                        continue;
                switch (record_field_type(shape->field[i])) {
                case RECORD_TYPE_IP:
                        put_addr(a, v);
                        break;
                case RECORD_TYPE_PORT:
                        a->port = v->port;
                        break;
                case RECORD_TYPE_BYTES:
                        a->pin[a->n_pins++] = v->raw;
                        break;
                case RECORD_TYPE_ADDRESS:
                        a->device[a->has_device++] = v->address;
                        break;
                case RECORD_TYPE_BITS:
                        for (size_t k = 0; k < HASH32_SIZE; k++)
                                ret->role.b[k] |= v->raw.b[k];
                        break;
                }
        }
}

void lookup_times(const struct name_record_shape *shape, const struct lookup_values *v,
                const struct config_role roles[ROLES], const struct freshness_clocks *c,
                struct name_answer *ret) {
        enum config_role_id id = lookup_role(shape);
        const struct config_role *names = &roles[id], *tls = &roles[id == ROLE_NAMES ? ROLE_TLS : id];
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

static void put_verdict(const struct name_record_shape *shape, const struct name_record *n,
                struct lookup_judgement *ret) {
        switch (n->verdict) {
        case NAME_RECORD_PRESENT:
                ret->result = QUERY_OK;
                ret->answer.verdict = NAME_PRESENT;
                put_answer(shape, &n->served.record, ret);
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

void lookup_judge(const struct name_record_shape *shape, const struct lookup_values *values,
                const struct revocations *earlier, struct lookup_judgement *ret) {
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
        r = name_record_judge(shape, &proven, earlier, &n);
        if (r < 0) {
                ret->keep_revocations = true;
                (void) snprintf(ret->why, sizeof(ret->why), "%s",
                                r == -E2BIG ? "more revocations of this record than we can keep: "
                                              "nothing is served"
                                            : "the head lies below the finalized block");
                return;
        }
        for (size_t i = 0; i < shape->n; i++)
                ret->field_why[i] = n.served.why[shape->field[i]];
        ret->record_why = n.served.record_why;
        ret->revocations = n.served.revocations;
        ret->revocations_changed = n.served.revocations_changed;
        if (values->unverifiable[0])
                (void) snprintf(ret->why, sizeof(ret->why), "%s", values->unverifiable);
        else
                put_verdict(shape, &n, ret);
}

/* " 1 3": the bits of a role by number, as login.conf has them; so many that a line stays one. */
static void put_bits(const struct revocation *r, char ret[BITS_TEXT]) {
        size_t n = 0, told = 0;

        ret[0] = 0;
        if (r->field == RECORD_FIELDS || record_field_type(r->field) != RECORD_TYPE_BITS)
                return;
        for (unsigned bit = 0; bit < 8 * HASH32_SIZE; bit++) {
                if (!(r->key.b[HASH32_SIZE - 1 - bit / 8] & 1U << bit % 8))
                        continue;
                if (told++ == BITS_TOLD) {
                        (void) snprintf(ret + n, BITS_TEXT - n, " ...");
                        return;
                }
                n += (size_t) snprintf(ret + n, BITS_TEXT - n, " %u", bit);
        }
}

void lookup_revocation_text(const struct revocation *r, char *ret, size_t cap) {
        char hex[2 * HASH32_SIZE + 1], bits[BITS_TEXT];

        put_bits(r, bits);
        (void) snprintf(ret, cap, "%s%s revoked at block %llu 0x%s",
                r->field == RECORD_FIELDS ? "the record" : record_field_name(r->field), bits,
                (unsigned long long) r->at.number, hex_encode(r->at.hash.b, HASH32_SIZE, hex));
}
