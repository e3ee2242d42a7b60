/* What kedgectl who prints. The order is that in which it is decided: here, each service, the record
 * with its blocks, and until when it is good. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedgectl/who.h"
#include "core/record.h"

const char *who_bits(const struct hash32 *bits, char ret[WHO_BITS_MAX]) {
        size_t n = 0;

        strcpy(ret, "none");
        for (unsigned i = 0; i < 8 * HASH32_SIZE; i++)
                if (bits->b[HASH32_SIZE - 1 - i / 8] >> i % 8 & 1)
                        n += (size_t) snprintf(ret + n, WHO_BITS_MAX - n, "%s%u", n > 0 ? " " : "", i);
        return ret;
}

static const char *here_name(const struct who *w) {
        if (w->here == LOGIN_UNKNOWN)
                return "unknown";
        if (w->here == LOGIN_BREAK_GLASS)
                return "break-glass";
        if (w->here == LOGIN_NOT_OURS)
                return "not managed";
        return w->denied ? "denied" : w->valid ? "managed" : "no name";
}

static const char *disbelief(int e) {
        switch (e) {
        case ENOENT:
                return "there is none";
        case EPERM:
                return "it is no regular file of root's, or others may write to it";
        case E2BIG:
                return "it is too long";
        case EBADMSG:
                return "it is empty, damaged or without [Login]";
        default:
                return strerrordesc_np(e) ?: "unknown error";
        }
}

static void print_here(const struct ctl *ctl, const struct who *w) {
        const char *name = here_name(w);

        if (w->here == LOGIN_UNKNOWN)
                ctl_row("here", "%sunknown%s: %s is not believed: %s; nobody but root is let past it",
                                ctl_paint(ctl, CTL_RED), ctl_paint(ctl, CTL_PLAIN), w->conf,
                                disbelief(w->conf_errno));
        else if (w->here == LOGIN_BREAK_GLASS)
                ctl_row("here", "%s: kedge never judges him%s%s%s%s", name,
                                w->conf_errno ? "; " : "", w->conf_errno ? w->conf : "",
                                w->conf_errno ? " is not believed: " : "",
                                w->conf_errno ? disbelief(w->conf_errno) : "");
        else if (w->here == LOGIN_NOT_OURS)
                ctl_row("here", "%s: kedge has no say, what else stands in PAM decides", name);
        else if (w->denied)
                ctl_row("here", "%sdenied%s: DenyUsers= of login.conf names him",
                                ctl_paint(ctl, CTL_RED), ctl_paint(ctl, CTL_PLAIN));
        else if (!w->valid)
                ctl_row("here", "%sdenied%s: managed, and no record can have this name",
                                ctl_paint(ctl, CTL_RED), ctl_paint(ctl, CTL_PLAIN));
        else
                ctl_row("here", "%s: the chain decides", name);
        if (w->here != LOGIN_BREAK_GLASS && w->at_console == LOGIN_BREAK_GLASS)
                ctl_row("", "break-glass at a terminal of the machine itself");
}

static const char *verdict_name(const struct query_reply *reply) {
        return reply->result == QUERY_OK || reply->result == QUERY_DENIED
                               ? login_verdict_name((enum login_verdict) reply->login.verdict)
                               : ctl_result_name((uint8_t) reply->result);
}

static void print_service(
                const struct ctl *ctl, const char *service, const struct query_reply *reply) {
        enum ctl_exit code = who_code(reply);

        ctl_row(service, "%s%s%s%s%s",
                        ctl_paint(ctl, code == CTL_OK         ? CTL_GREEN
                                       : code == CTL_STALE || code == CTL_UNPROVEN ? CTL_YELLOW
                                                                                  : CTL_RED),
                        verdict_name(reply), ctl_paint(ctl, CTL_PLAIN), reply->reason[0] ? ": " : "",
                        reply->reason);
        if (reply->login.stale && code == CTL_OK)
                ctl_row("", "%sstale%s, served by Stale=serve of [pam]", ctl_paint(ctl, CTL_YELLOW),
                                ctl_paint(ctl, CTL_PLAIN));
        for (size_t i = 0; code == CTL_OK && i < reply->login.n_groups; i++)
                ctl_row("", "group %s", reply->login.group[i]);
}

static const char *value_text(const char *field, const struct hash32 *raw, char ret[WHO_BITS_MAX]) {
        char text[RECORD_TEXT_MAX], bits[WHO_BITS_MAX - 8];
        enum record_field f;

        if (!hash32_is_zero(raw) && record_field_of(VIEW_TEXT(field), &f) == 0 &&
                        record_field_type(f) == RECORD_TYPE_BITS) {
                (void) who_bits(raw, ret);
                (void) snprintf(bits, sizeof(bits), "%.1000s", ret);
                (void) snprintf(ret, WHO_BITS_MAX, "bits %s", bits);
        } else
                (void) snprintf(ret, WHO_BITS_MAX, "%s", explain_means(field, raw, text));
        return ret;
}

/* A field that stands somewhere, and what follows. */
static void print_field(const struct ctl *ctl, const struct query_explain *e) {
        char final[WHO_BITS_MAX], head[WHO_BITS_MAX];

        if (hash32_is_zero(&e->field_final) && hash32_is_zero(&e->field_head))
                return;
        (void) value_text(e->field, &e->field_final, final);
        (void) value_text(e->field, &e->field_head, head);
        if (strcmp(final, head) == 0)
                ctl_row(e->field, "%s: %s%s%s", final, ctl_paint(ctl, explain_colour(e)), e->why,
                                ctl_paint(ctl, CTL_PLAIN));
        else
                ctl_row(e->field, "finalized %s, head %s: %s%s%s", final, head,
                                ctl_paint(ctl, explain_colour(e)), e->why, ctl_paint(ctl, CTL_PLAIN));
}

static void print_ends(const struct who *w, const struct query_login *l) {
        static const char *const policies[] = { "he is refused", "he is served for a while, as stale",
                "what stands is kept" };
        char age[CTL_TEXT_MAX], more[CTL_TEXT_MAX];
        const struct query_role *p = &w->policy;

        if (l->age_ms == UINT64_MAX) {
                ctl_row("proven", "not in this boot");
                return;
        }
        ctl_row("proven", "%s ago", ctl_words_of_ms(l->age_ms, age));
        if (!w->has_policy)
                return;
        if (l->age_ms <= p->max_age_ms && l->verdict != LOGIN_ADMITTED)
                return; /* a no does not get worse */
        if (l->age_ms > p->max_age_ms)
                ctl_row("", "older than MaxAge= of [pam], %s", ctl_words_of_ms(p->max_age_ms, more));
        else
                ctl_row("", "good for %s more unless it is proven anew; then %s",
                                ctl_words_of_ms(p->max_age_ms - l->age_ms, more),
                                policies[p->policy < ELEMENTSOF(policies) ? p->policy : 0]);
}

static void print_record(const struct ctl *ctl, const struct who *w) {
        const struct query_login *l = &w->reply[0].login;
        const struct query_explain *e = &w->explain.item[0];
        char bits[WHO_BITS_MAX];

        if (!l->record[0])
                return;
        ctl_row("record", "%s", l->record);
        if (w->has_explain) {
                ctl_row("zone", "%s, on chain %s (%s%s%s)", e->zone, e->chain,
                                ctl_paint(ctl, ctl_state_colour(e->state)), ctl_state_name(e->state),
                                ctl_paint(ctl, CTL_PLAIN));
                for (size_t i = 0; i < e->n_fields; i++)
                        print_field(ctl, &w->explain.item[i]);
        }
        if (!hash32_is_zero(&l->role))
                ctl_row("holds", "bits %s", who_bits(&l->role, bits));
        if (!hash32_is_zero(&l->host_role))
                ctl_row("this host", "bits %s", who_bits(&l->host_role, bits));
        if (w->has_explain) {
                ctl_row_block("finalized", &e->final);
                ctl_row_block("head", &e->head);
        }
        print_ends(w, l);
        if (w->has_explain)
                explain_print_revocations(ctl, &w->explain);
}

void who_print(const struct ctl *ctl, const struct who *w) {
        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), w->user, ctl_paint(ctl, CTL_PLAIN));
        print_here(ctl, w);
        for (size_t i = 0; i < w->n; i++)
                print_service(ctl, w->service[i], &w->reply[i]);
        if (w->n > 0)
                print_record(ctl, w);
}

static json_t *json_of_bits(const struct hash32 *bits) {
        json_t *list = json_array();

        for (unsigned i = 0; i < 8 * HASH32_SIZE; i++)
                if (bits->b[HASH32_SIZE - 1 - i / 8] >> i % 8 & 1)
                        (void) json_array_append_new(list, json_integer((json_int_t) i));
        return list;
}

static json_t *json_of_number(const struct query_block *b) {
        return hash32_is_zero(&b->hash)
                               ? json_null()
                               : json_pack("{s:I, s:o}", "number", ctl_int(b->number), "hash",
                                                 ctl_json_hex(b->hash.b, HASH32_SIZE));
}

static json_t *json_of_service(const char *service, const struct query_reply *reply) {
        const struct query_login *l = &reply->login;
        json_t *groups = json_array();

        for (size_t i = 0; i < l->n_groups; i++)
                (void) json_array_append_new(groups, json_string(l->group[i]));
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:s, s:o}",
                        "service", service, "result", ctl_exit_name(who_code(reply)), "answer",
                        ctl_result_name((uint8_t) reply->result), "verdict",
                        login_verdict_name((enum login_verdict) l->verdict), "reason", reply->reason,
                        "stale", (int) l->stale, "groups", groups, "bits", json_of_bits(&l->role),
                        "host_bits", json_of_bits(&l->host_role), "record", l->record, "finalized",
                        json_of_number(&l->final), "head", json_of_number(&l->head), "state",
                        ctl_state_name(l->state), "age_ms",
                        l->age_ms == UINT64_MAX ? json_null() : json_integer(ctl_int(l->age_ms)));
}

enum ctl_exit who_print_json(const struct ctl *ctl _unused_, const struct who *w, enum ctl_exit code) {
        json_t *services = json_array();

        for (size_t i = 0; i < w->n; i++)
                (void) json_array_append_new(services, json_of_service(w->service[i], &w->reply[i]));
        return ctl_print_json(code,
                        json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "user", w->user, "here", here_name(w),
                                        "break_glass_at_console",
                                        (int) (w->at_console == LOGIN_BREAK_GLASS), "services",
                                        services, "explain",
                                        w->has_explain ? explain_json(w->reply[0].login.record, &w->explain)
                                                       : json_null(),
                                        "max_age_ms",
                                        w->has_policy ? json_integer(ctl_int(w->policy.max_age_ms))
                                                      : json_null()));
}
