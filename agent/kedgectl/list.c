/* Lists of what the agent has: the names it keeps proven, what each role gets, the evidence it
 * keeps. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedgectl/ctl.h"

#define LIST_NAMES_MAX 65536 /* a list that does not end is not one */
#define LIST_ROLES_MAX 16
#define LIST_FILES_MAX 1024
#define LIST_RETRY_MS  50

const char *ctl_result_name(uint8_t result) {
        switch ((enum query_result) result) {
        case QUERY_UNPROVEN:
                return "unproven";
        case QUERY_OK:
                return "ok";
        case QUERY_ABSENT:
                return "absent";
        case QUERY_STALE:
                return "stale";
        case QUERY_REFUSED:
                return "refused";
        case QUERY_UNKNOWN:
                return "unknown";
        case QUERY_INVALID:
                return "invalid";
        case QUERY_DENIED:
                return "denied";
        }
        return "unproven";
}

enum ctl_colour ctl_result_colour(uint8_t result) {
        return result == QUERY_OK      ? CTL_GREEN :
                result == QUERY_ABSENT ? CTL_DIM :
                                         CTL_YELLOW;
}

/* As ctl_ask_item(), but a list that is longer than one user may ask for at once is read slower. */
static enum ctl_exit next_name(const struct ctl *ctl, struct query_request *request,
                struct query_reply *ret, bool *ret_end) {
        for (int waited = 0;; waited += LIST_RETRY_MS) {
                int r = ctl_get(ctl, request, ret);

                if (r < 0)
                        return ctl_unreachable(ctl, r);
                *ret_end = ret->result == QUERY_UNKNOWN;
                if (*ret_end)
                        return CTL_OK;
                if (ret->result != QUERY_REFUSED || waited >= ctl->timeout_ms)
                        return ctl_tell(ctl, "list", ret);
                (void) poll(NULL, 0, LIST_RETRY_MS);
        }
}

static void print_name(const struct ctl *ctl, const struct query_watched *w, uint64_t now) {
        char age[CTL_TEXT_MAX], good[CTL_TEXT_MAX] = "-";

        if (w->deadline_ms > now && (w->result == QUERY_OK || w->result == QUERY_ABSENT))
                (void) ctl_words_of_ms(w->deadline_ms - now, good);
        printf("%-40s %s%-8s%s  %-12s  %-12s  %10llu  %10llu  %s%u%s%s\n", w->name,
                        ctl_paint(ctl, ctl_result_colour(w->result)), ctl_result_name(w->result),
                        ctl_paint(ctl, CTL_PLAIN),
                        ctl_age_of_proof(w->proven_ms, age) ?: "before boot", good,
                        (unsigned long long) w->final_number, (unsigned long long) w->head_number,
                        w->n_revocations ? ctl_paint(ctl, CTL_RED) : "", w->n_revocations,
                        w->n_revocations ? ctl_paint(ctl, CTL_PLAIN) : "",
                        w->result == QUERY_INVALID ? "  (see: kedgectl explain)" : "");
}

static json_t *json_of_name(const struct query_watched *w, uint64_t now) {
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
                        w->name, "chain", w->chain, "state", ctl_state_name(w->state), "answer",
                        ctl_result_name(w->result), "reason", w->why, "age_ms",
                        ctl_json_age_of_proof(w->proven_ms), "good_ms",
                        ctl_int(w->deadline_ms > now ? w->deadline_ms - now : 0), "asked_ms",
                        ctl_int(now > w->asked_ms ? now - w->asked_ms : 0), "changed_ms",
                        ctl_int(now > w->changed_us / 1000 ? now - w->changed_us / 1000 : 0), "final_number",
                        ctl_int(w->final_number), "head_number", ctl_int(w->head_number),
                        "revocations", (json_int_t) w->n_revocations);
}

enum ctl_exit verb_list(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        struct query_request request = { .verb = QUERY_WATCHED };
        json_t *list = ctl->json ? json_array() : NULL;
        uint64_t now = ctl_boottime_ms();

        for (size_t i = 0; i < LIST_NAMES_MAX; i++) {
                struct query_reply reply;
                enum ctl_exit code;
                bool end;

                code = next_name(ctl, &request, &reply, &end);
                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
                if (end)
                        break;
                if (ctl->json)
                        (void) json_array_append_new(list, json_of_name(&reply.watched, now));
                else if (i == 0)
                        printf("%s%-40s %-8s  %-12s  %-12s  %10s  %10s  %s%s\n",
                                        ctl_paint(ctl, CTL_BOLD), "NAME", "ANSWER", "PROVEN",
                                        "GOOD FOR", "FINAL", "HEAD", "REVOKED",
                                        ctl_paint(ctl, CTL_PLAIN));
                if (!ctl->json)
                        print_name(ctl, &reply.watched, now);
                memcpy(request.name, reply.watched.name, sizeof(request.name));
        }
        return ctl->json ? ctl_print_json(CTL_OK, json_pack("{s:o}", "names", list)) : CTL_OK;
}

static const struct {
        const char *name, *words;
        enum ctl_colour colour;
} verdicts[] = {
        [QUERY_ROLE_REFUSED] = { "refused", "refused", CTL_RED },
        [QUERY_ROLE_FRESH] = { "fresh", "fresh", CTL_GREEN },
        [QUERY_ROLE_SERVED] = { "served", "stale, and served", CTL_YELLOW },
        [QUERY_ROLE_KEPT] = { "kept", "stale, what stands is kept", CTL_YELLOW },
};
static const char *const policies[] = {
        [QUERY_POLICY_DENY] = "deny", [QUERY_POLICY_SERVE] = "serve", [QUERY_POLICY_KEEP] = "keep"
};

const char *ctl_role_verdict(uint8_t verdict) {
        return verdicts[verdict < ELEMENTSOF(verdicts) ? verdict : 0].name;
}

static const char *policy_name(const struct query_role *r) {
        return policies[r->policy < ELEMENTSOF(policies) ? r->policy : 0];
}

static void print_role(const struct ctl *ctl, const struct query_role *r) {
        size_t v = r->verdict < ELEMENTSOF(verdicts) ? r->verdict : 0;
        char a[CTL_TEXT_MAX], b[CTL_TEXT_MAX];

        printf("  [%s]%*s %s%s%s%s%s\n", r->role, (int) (9 - MIN(strlen(r->role), (size_t) 9)), "",
                        ctl_paint(ctl, verdicts[v].colour), verdicts[v].words,
                        ctl_paint(ctl, CTL_PLAIN), r->why[0] ? ": " : "", r->why);
        printf("              MaxAge=%s, Stale=%s", ctl_words_of_ms(r->max_age_ms, a),
                        policy_name(r));
        if (r->policy == QUERY_POLICY_SERVE)
                printf(", StaleMax=%s", ctl_words_of_ms(r->stale_max_ms, b));
        putchar('\n');
}

static json_t *json_of_role(const struct query_role *r) {
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:s}", "chain", r->chain, "role",
                        r->role, "verdict", ctl_role_verdict(r->verdict), "policy", policy_name(r),
                        "state", ctl_state_name(r->state), "max_age_ms", ctl_int(r->max_age_ms),
                        "stale_max_ms", ctl_int(r->stale_max_ms), "age_ms",
                        r->age_ms == UINT64_MAX ? json_null() : json_integer(ctl_int(r->age_ms)),
                        "why", r->why);
}

static void print_role_chain(const struct ctl *ctl, const struct query_role *r) {
        char age[CTL_TEXT_MAX] = "no head yet";

        if (r->age_ms != UINT64_MAX)
                (void) ctl_words_of_ms(r->age_ms, age);
        printf("%s%s%s  %s%s%s, head: %s%s\n", ctl_paint(ctl, CTL_BOLD), r->chain,
                        ctl_paint(ctl, CTL_PLAIN), ctl_paint(ctl, ctl_state_colour(r->state)),
                        ctl_state_name(r->state), ctl_paint(ctl, CTL_PLAIN), age,
                        r->age_ms != UINT64_MAX ? " old" : "");
}

static enum ctl_exit roles_of(const struct ctl *ctl, uint32_t chain, json_t *list, bool *ret_any) {
        bool end = false;

        *ret_any = false;
        for (uint32_t item = 0; item < LIST_ROLES_MAX; item++) {
                struct query_request request = { .verb = QUERY_ROLE, .index = chain, .item = item };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "roles", &reply, &end);

                if (code != CTL_OK || end)
                        return code;
                if (!ctl->json && !*ret_any)
                        print_role_chain(ctl, &reply.role);
                *ret_any = true;
                if (ctl->json)
                        (void) json_array_append_new(list, json_of_role(&reply.role));
                else
                        print_role(ctl, &reply.role);
        }
        return CTL_OK;
}

enum ctl_exit verb_roles(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        return ctl_each_chain(ctl, "roles", roles_of);
}

static void print_evidence(const struct ctl *ctl, const struct query_evidence *e) {
        char date[CTL_TEXT_MAX];

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), e->file, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("chain", "%s", e->chain);
        ctl_row("says", "%s", e->text);
        ctl_row("kept", "%s, by the system's clock of then", ctl_date(e->kept_s, date));
}

enum ctl_exit verb_evidence(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        json_t *list = ctl->json ? json_array() : NULL;
        bool end = false;
        uint32_t i = 0;

        for (; i < LIST_FILES_MAX; i++) {
                struct query_request request = { .verb = QUERY_EVIDENCE, .index = i };
                struct query_reply reply;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "evidence", &reply, &end);

                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
                if (end)
                        break;
                if (ctl->json)
                        (void) json_array_append_new(list,
                                        json_pack("{s:s, s:s, s:s, s:I}", "file",
                                                        reply.evidence.file, "chain",
                                                        reply.evidence.chain, "text",
                                                        reply.evidence.text, "kept",
                                                        ctl_int(reply.evidence.kept_s)));
                else
                        print_evidence(ctl, &reply.evidence);
        }
        if (ctl->json)
                return ctl_print_json(CTL_OK, json_pack("{s:o}", "evidence", list));
        if (i == 0)
                puts("no evidence was kept");
        return CTL_OK;
}
