/* kedgectl explain: why a name is served, or is not; the same of a record that logins stand on. First
 * the name is asked for, so that the agent has it proven; then the agent is asked, item by item, what
 * that proof was. All items are of one proof: where another comes in between, the collecting begins
 * again. */

#include "agent/kedgectl/explain.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "agent/kedgectl/net.h"
#include "agent/kedgectl/proof.h"
#include "core/record.h"

#define EXPLAIN_TRIES    32
#define EXPLAIN_AGAIN_MS 20
#define EXPLAIN_KIND_ENS 1 /* of query_explain.kind */

/* -EAGAIN: another proof came in between. -ENODATA: the agent knows nothing of the name, as
 * ret->reply says. Or of ctl_get(). */
static int collect(const struct ctl *ctl, const char *name, struct explain *ret) {
        uint32_t n = 1;

        for (uint32_t i = 0; i < n; i++) {
                struct query_request request = { .verb = QUERY_EXPLAIN, .item = i };
                struct query_explain *to = &ret->item[i];
                struct query_reply reply;
                int r;

                memcpy(request.name, name, strlen(name));
                r = ctl_get(ctl, &request, &reply);
                if (r < 0)
                        return r;
                if (reply.result != QUERY_OK) {
                        ret->reply = reply;
                        return i == 0 ? -ENODATA : -EAGAIN;
                }
                *to = reply.explain;
                if (i == 0) {
                        ret->reply = reply;
                        ret->reply.result = to->result;
                }
                if (to->n_fields > EXPLAIN_ITEMS_MAX || to->n_revocations > EXPLAIN_ITEMS_MAX)
                        return -EBADMSG;
                if (i == 0)
                        n = MAX(to->n_fields, to->n_revocations);
                else if (to->serial != ret->item[0].serial ||
                                MAX(to->n_fields, to->n_revocations) != n)
                        return -EAGAIN;
        }
        return 0;
}

int explain_known(const struct ctl *ctl, const char *name, struct explain *ret) {
        int r = -EAGAIN;

        for (int i = 0; i < EXPLAIN_TRIES && r == -EAGAIN; i++)
                r = collect(ctl, name, ret);
        return r;
}

/* Nobody is given a record's answer: the question why has it proven, and is asked again until then. */
static int get_record(const struct ctl *ctl, const char *name, struct explain *ret) {
        uint64_t until = ctl_boottime_ms() + (uint64_t) ctl->timeout_ms;
        int r;

        for (;;) {
                r = explain_known(ctl, name, ret);
                if (r != -ENODATA || ret->reply.result != QUERY_UNPROVEN || ctl_boottime_ms() >= until)
                        return r;
                (void) poll(NULL, 0, EXPLAIN_AGAIN_MS);
        }
}

int explain_get(const struct ctl *ctl, const char *name, struct explain *ret) {
        struct query_request request = { .verb = QUERY_RESOLVE };
        struct query_reply reply;
        int r;

        if (name[0] == '_')
                return get_record(ctl, name, ret);
        memcpy(request.name, name, strlen(name));
        r = ctl_get(ctl, &request, &reply);
        if (r < 0)
                return r;
        if (reply.result == QUERY_UNKNOWN || reply.result == QUERY_REFUSED) {
                ret->reply = reply;
                return -ENODATA;
        }
        r = explain_known(ctl, name, ret);
        if (r != -ENODATA || reply.result != QUERY_OK)
                ret->reply = reply; /* where nothing is known of it, this is why */
        return r;
}

/* The part of name that stands before the zone. */
static struct view host_of(const char *name, const struct query_explain *e) {
        size_t n = strlen(name), z = strlen(e->zone);

        return VIEW(name, n > z + 1 ? n - z - 1 : 0);
}

const char *explain_means(
                const char *field, const struct hash32 *raw, char ret[RECORD_TEXT_MAX]) {
        struct record_value v;
        enum record_field f;

        if (hash32_is_zero(raw))
                return strcpy(ret, "absent");
        if (strncmp(field, "wg_key", 6) == 0)
                return net_key(raw, ret); /* as wg(8) has it */
        if (record_field_of(VIEW_TEXT(field), &f) < 0 || record_value_parse(f, raw, &v) < 0 ||
                        record_value_text(f, &v, ret, RECORD_TEXT_MAX) < 0)
                return strcpy(ret, "no value of this field");
        return ret;
}

/* "pump1.server_ip"; empty where there is none. */
static const char *key_text(const char *name, const struct query_explain *e, const char *field,
                char ret[SLOT_TEXT_MAX + 1]) {
        enum record_field f;

        if (e->kind == EXPLAIN_KIND_ENS || record_field_of(VIEW_TEXT(field), &f) < 0 ||
                        name_record_key_text(host_of(name, e), f, ret, SLOT_TEXT_MAX + 1) < 0)
                ret[0] = '\0';
        return ret;
}

enum ctl_colour explain_colour(const struct query_explain *e) {
        if (strncmp(e->why, "granted", 7) == 0)
                return CTL_GREEN;
        return strncmp(e->why, "revoked", 7) == 0 || strncmp(e->why, "not served", 10) == 0
                               ? CTL_RED
                               : CTL_YELLOW;
}

static bool is_partly(const struct query_explain *e) {
        return strncmp(e->why, "granted,", 8) == 0;
}

bool explain_granted(const struct explain *all, size_t i, struct hash32 *ret) {
        const struct query_explain *e = &all->item[i];
        struct hash32 left = e->field_final;

        if (hash32_is_zero(&left) || (!is_partly(e) && strcmp(e->why, "granted") != 0 &&
                                                     strncmp(e->why, "served", 6) != 0))
                return false;
        for (size_t r = 0; is_partly(e) && r < all->item[0].n_revocations; r++) {
                const struct query_explain *n = &all->item[r];

                if (strncmp(e->field, n->revoked, strlen(n->revoked)) != 0) /* F is of F_next too */
                        continue;
                for (size_t k = 0; k < HASH32_SIZE; k++)
                        left.b[k] &= (uint8_t) ~n->revoked_key.b[k];
        }
        *ret = left;
        return true;
}

static void print_field(const struct ctl *ctl, const char *name, const struct explain *all, size_t i) {
        const struct query_explain *e = &all->item[i];
        struct hash32 left;
        char text[RECORD_TEXT_MAX], key[SLOT_TEXT_MAX + 1], hex[CTL_TEXT_MAX];

        printf("\n  %s%s%s\n", ctl_paint(ctl, CTL_BOLD), e->field, ctl_paint(ctl, CTL_PLAIN));
        if (hash32_eq(&e->field_final, &e->field_head))
                ctl_row("value", "%s", explain_means(e->field, &e->field_final, text));
        else {
                ctl_row("finalized", "%s", explain_means(e->field, &e->field_final, text));
                ctl_row("head", "%s", explain_means(e->field, &e->field_head, text));
        }
        ctl_row("so it is", "%s%s%s", ctl_paint(ctl, explain_colour(e)), e->why,
                        ctl_paint(ctl, CTL_PLAIN));
        if (is_partly(e) && explain_granted(all, i, &left))
                ctl_row("granted", "%s", explain_means(e->field, &left, text));
        if (key_text(name, e, e->field, key)[0])
                ctl_row("key", "%s", key);
        if (!hash32_is_zero(&e->field_slot))
                ctl_row("slot", "%s", ctl_hex(e->field_slot.b, HASH32_SIZE, hex));
}

/* What is in neither block needs no more than its name. */
static bool is_nowhere(const struct query_explain *e) {
        return hash32_is_zero(&e->field_final) && hash32_is_zero(&e->field_head) &&
               strncmp(e->why, "not served", 10) != 0;
}

static void print_fields(const struct ctl *ctl, const char *name, const struct explain *all) {
        const char *comma = "";

        for (size_t i = 0; i < all->item[0].n_fields; i++)
                if (!is_nowhere(&all->item[i]))
                        print_field(ctl, name, all, i);
        for (size_t i = 0; i < all->item[0].n_fields; i++) {
                if (!is_nowhere(&all->item[i]))
                        continue;
                printf("%s%s", comma[0] ? comma : "\n  proven absent at both: ", all->item[i].field);
                comma = ", ";
        }
        if (comma[0])
                putchar('\n');
}

void explain_print_revocations(const struct ctl *ctl, const struct explain *all) {
        for (size_t i = 0; i < all->item[0].n_revocations; i++) {
                const struct query_explain *e = &all->item[i];
                char hex[CTL_TEXT_MAX];

                printf("\n  %srevoked: %s%s\n", ctl_paint(ctl, CTL_RED), e->revoked,
                                ctl_paint(ctl, CTL_PLAIN));
                if (!hash32_is_zero(&e->revoked_key))
                        ctl_row("value", "%s", ctl_hex(e->revoked_key.b, HASH32_SIZE, hex));
                ctl_row("at head", "%llu  %.18s...", (unsigned long long) e->revoked_at.number,
                                ctl_hex(e->revoked_at.hash.b, HASH32_SIZE, hex));
                ctl_row("until", "a finalized block at or above it lists it again");
        }
}

static void print_contract(const struct query_explain *e) {
        char hex[CTL_TEXT_MAX];

        if (e->kind == EXPLAIN_KIND_ENS) {
                ctl_row("contract", "ENS: the registry, and the resolver that it names");
                ctl_row("", "its fields are text records of the name; they have no slots of ours");
                return;
        }
        ctl_row("contract", "%s, mapping at slot %llu", ctl_hex(e->contract.b, ADDRESS_SIZE, hex),
                        (unsigned long long) e->slot);
        if (hash32_is_zero(&e->head_root))
                return;
        ctl_row("storage", "root %.18s... at head%s", ctl_hex(e->head_root.b, HASH32_SIZE, hex),
                        hash32_eq(&e->head_root, &e->final_root) ? ", the same at finalized" : "");
}

static void print_explain(const struct ctl *ctl, const char *name, const struct explain *all) {
        const struct query_explain *e = &all->item[0];
        char age[CTL_TEXT_MAX];

        printf("%s%s%s  %s%s%s%s%s\n", ctl_paint(ctl, CTL_BOLD), name, ctl_paint(ctl, CTL_PLAIN),
                        ctl_paint(ctl, ctl_result_colour((uint8_t) all->reply.result)),
                        ctl_result_name((uint8_t) all->reply.result), ctl_paint(ctl, CTL_PLAIN),
                        all->reply.reason[0] ? ": " : "", all->reply.reason);
        ctl_row("zone", "%s, on chain %s (%s%s%s)", e->zone, e->chain,
                        ctl_paint(ctl, ctl_state_colour(e->state)), ctl_state_name(e->state),
                        ctl_paint(ctl, CTL_PLAIN));
        print_contract(e);
        net_print_member(ctl, name);
        ctl_row("proven", "%s%s", ctl_age_of_proof(e->proven_ms, age) ?: "before this boot",
                        e->proven_ms == 0 ? "" : " ago");
        ctl_row_block("finalized", &e->final);
        ctl_row("", "grants are read here; proven by %s",
                        e->final_upstream[0] ? e->final_upstream : "(not known)");
        ctl_row_block("head", &e->head);
        ctl_row("", "revocations are read here; proven by %s",
                        e->head_upstream[0] ? e->head_upstream : "(not known)");
        print_fields(ctl, name, all);
        explain_print_revocations(ctl, all);
}

static json_t *json_of_side(
                const struct query_block *b, const char *upstream, const struct hash32 *root) {
        json_t *o = ctl_json_block(b);

        (void) json_object_set_new(o, "upstream", upstream[0] ? json_string(upstream) : json_null());
        (void) json_object_set_new(o, "storage_root",
                        hash32_is_zero(root) ? json_null() : ctl_json_hex(root->b, HASH32_SIZE));
        return o;
}

static json_t *json_of_field(const char *name, const struct query_explain *e) {
        char final[RECORD_TEXT_MAX], head[RECORD_TEXT_MAX], key[SLOT_TEXT_MAX + 1];

        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s}", "field", e->field, "key",
                        key_text(name, e, e->field, key), "slot",
                        hash32_is_zero(&e->field_slot)
                                        ? json_null()
                                        : ctl_json_hex(e->field_slot.b, HASH32_SIZE),
                        "finalized", ctl_json_hex(e->field_final.b, HASH32_SIZE), "head",
                        ctl_json_hex(e->field_head.b, HASH32_SIZE), "finalized_means",
                        explain_means(e->field, &e->field_final, final), "head_means",
                        explain_means(e->field, &e->field_head, head), "why", e->why);
}

json_t *explain_json(const char *name, const struct explain *all) {
        const struct query_explain *e = &all->item[0];
        json_t *fields = json_array(), *revocations = json_array();

        for (size_t i = 0; i < e->n_fields; i++)
                (void) json_array_append_new(fields, json_of_field(name, &all->item[i]));
        for (size_t i = 0; i < e->n_revocations; i++) {
                const struct query_explain *r = &all->item[i];

                (void) json_array_append_new(revocations,
                                json_pack("{s:s, s:o, s:I, s:o}", "field", r->revoked, "key",
                                                ctl_json_hex(r->revoked_key.b, HASH32_SIZE), "number",
                                                ctl_int(r->revoked_at.number), "hash",
                                                ctl_json_hex(r->revoked_at.hash.b, HASH32_SIZE)));
        }
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "name",
                        name, "reason", all->reply.reason, "zone", e->zone, "chain", e->chain,
                        "state", ctl_state_name(e->state), "kind",
                        e->kind == EXPLAIN_KIND_ENS ? "ens" : "map", "contract",
                        e->kind == EXPLAIN_KIND_ENS ? json_null()
                                                    : ctl_json_hex(e->contract.b, ADDRESS_SIZE),
                        "slot", ctl_int(e->slot), "age_ms",
                        ctl_json_age_of_proof(e->proven_ms), "finalized",
                        json_of_side(&e->final, e->final_upstream, &e->final_root), "head",
                        json_of_side(&e->head, e->head_upstream, &e->head_root), "fields", fields,
                        "revocations", revocations);
}

static enum ctl_exit code_of(uint16_t result) {
        switch ((enum query_result) result) {
        case QUERY_OK:
                return CTL_OK;
        case QUERY_ABSENT:
                return CTL_ABSENT;
        case QUERY_STALE:
                return CTL_STALE;
        case QUERY_UNPROVEN:
                return CTL_UNPROVEN;
        case QUERY_REFUSED:
        case QUERY_UNKNOWN:
        case QUERY_INVALID:
        case QUERY_DENIED:
                return CTL_FAILURE;
        }
        return CTL_FAILURE;
}

enum ctl_exit verb_explain(const struct ctl *ctl, int argc _unused_, char **argv) {
        struct explain all = { 0 };
        char name[NAME_MAX_LEN + 1];
        enum ctl_exit code;
        int r;

        if (name_normalize_record(VIEW_TEXT(argv[0]), name) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.253s' is neither a host name nor a record name", argv[0]);
        if (ctl->proof)
                return proof_make(ctl, name);
        r = explain_get(ctl, name, &all);
        if (r == -ENODATA)
                return ctl_tell(ctl, name, &all.reply);
        if (r == -EAGAIN)
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s: it is proven anew faster than the proof can be read; try again",
                                name);
        if (r < 0)
                return ctl_unreachable(ctl, r);
        code = code_of(all.reply.result);
        if (ctl->json) {
                json_t *o = explain_json(name, &all);

                (void) json_object_set_new(o, "networks", net_json_member(ctl, name));
                return ctl_print_json(code, o);
        }
        print_explain(ctl, name, &all);
        return code;
}
