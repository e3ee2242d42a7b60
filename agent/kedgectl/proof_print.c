/* What a proof bundle was found to prove: for people and for programs, and as an exit code. It says
 * what the machine has proven, at which blocks; what it does not say stands beside it. */

#include <stdio.h>
#include <time.h>

#include "agent/kedgectl/proof.h"
#include "agent/kedgectl/record_value.h"

static const char *word(enum proof_word w) {
        switch (w) {
        case PROOF_CALLER:
                return "caller";
        case PROOF_AGENT:
                return "agent";
        case PROOF_CONFIGURATION:
                return "configuration";
        case PROOF_NOBODY:
                break;
        }
        return "bundle";
}

static const char *trusted_words(enum proof_word w) {
        switch (w) {
        case PROOF_CALLER:
                return "as --checkpoint says";
        case PROOF_AGENT:
                return "on which this machine's agent stands";
        case PROOF_CONFIGURATION:
                return "as this machine's configuration says";
        case PROOF_NOBODY:
                break;
        }
        return "";
}

/* The bytes and what they mean; "-" where there is none. */
static const char *value_text(enum record_field f, const struct hash32 *raw,
                char ret[RECORD_TEXT_MAX]) {
        struct record_value v;

        if (hash32_is_zero(raw))
                return "-";
        if (record_value_parse(f, raw, &v) < 0 || record_value_show(f, &v, ret) < 0)
                return "no value of this field";
        return ret;
}

static void print_fields(const struct proof *p) {
        const struct name_record_shape *shape = bundle_shape(&p->bundle);
        const struct name_record_values *v = &p->claims.values;

        for (size_t i = 0; i < shape->n; i++) {
                enum record_field f = shape->field[i];
                char a[RECORD_TEXT_MAX], b[RECORD_TEXT_MAX];

                if (hash32_is_zero(&v->final[i]) && hash32_is_zero(&v->head[i]))
                        continue;
                if (hash32_eq(&v->final[i], &v->head[i]))
                        ctl_row(record_field_name(f), "%s", value_text(f, &v->final[i], a));
                else
                        ctl_row(record_field_name(f), "%s final, %s at head: %s",
                                        value_text(f, &v->final[i], a),
                                        value_text(f, &v->head[i], b),
                                        served_why_text(p->claims.record.served.why[f]));
        }
}

static void print_block(const char *label, const struct chain_block *b) {
        char date[CTL_TEXT_MAX], hex[CTL_TEXT_MAX];

        ctl_row(label, "%llu  %s", (unsigned long long) b->ref.number,
                        ctl_date(b->timestamp, date));
        ctl_row("", "%s", ctl_hex(b->ref.hash.b, HASH32_SIZE, hex));
}

static void print_zone(const struct proof *p) {
        const struct bundle *b = &p->bundle;
        char hex[CTL_TEXT_MAX];

        if (b->zone == BUNDLE_ENS) {
                ctl_row("zone", "ENS, by its registry: the name itself is proven");
                return;
        }
        ctl_row("contract", "%s, mapping at slot %llu",
                        ctl_hex(b->contract.b, ADDRESS_SIZE, hex), (unsigned long long) b->slot);
        if (b->host_n > 0)
                ctl_row(bundle_shape(b)->kind == NAME_RECORD_HOST ? "host" : "record", "%.*s",
                                (int) b->host_n, b->name);
        else
                ctl_row("host", "none: the zone's own record");
        if (p->zone == PROOF_NOBODY)
                ctl_row("zone", "that %s is this contract is the bundle's word alone: compare it, or "
                                "say --contract 0x...",
                                b->host_n > 0 ? b->name + b->host_n + 1 : b->name);
}

static void print_all(const struct ctl *ctl, const struct proof *p, const char *verdict) {
        const struct bundle *b = &p->bundle;
        char text[2 * CTL_TEXT_MAX], date[CTL_TEXT_MAX];
        uint64_t now = (uint64_t) time(NULL);

        printf("%s%s%s  %s\n", ctl_paint(ctl, CTL_BOLD), b->name, ctl_paint(ctl, CTL_PLAIN),
                        verdict);
        print_fields(p);
        ctl_row("chain", "%s, id %llu", b->chain, (unsigned long long) b->chain_id);
        print_zone(p);
        print_block("finalized", &p->claims.final);
        print_block("head", &p->claims.head);
        ctl_row("stands on", "%s,", proof_checkpoint_text(&b->checkpoint, text));
        ctl_row("", "%s", trusted_words(p->trusted));
        if (b->made_s > 0)
                ctl_row("made", "%s, it says", ctl_date(b->made_s, date));
        if (now > p->claims.head.timestamp)
                ctl_row("age", "the head is of %s ago, by this machine's clock",
                                ctl_words_of_ms((now - p->claims.head.timestamp) * 1000, date));
        ctl_row("says", "that it was so at block %llu, %s; not that it is so now, nor what was",
                        (unsigned long long) p->claims.head.ref.number,
                        ctl_date(p->claims.head.timestamp, date));
        ctl_row("", "revoked after that block");
}

static json_t *json_of_block(const struct chain_block *b) {
        struct query_block q = {
                .number = b->ref.number, .timestamp = b->timestamp, .hash = b->ref.hash
        };

        return ctl_json_block(&q);
}

static json_t *json_of_fields(const struct proof *p) {
        const struct name_record_shape *shape = bundle_shape(&p->bundle);
        const struct name_record_values *v = &p->claims.values;
        json_t *list = json_array();

        for (size_t i = 0; i < shape->n; i++) {
                enum record_field f = shape->field[i];
                char means[RECORD_TEXT_MAX];

                (void) json_array_append_new(list,
                                json_pack("{s:s, s:o, s:o, s:s, s:s}", "field",
                                                record_field_name(f), "final",
                                                ctl_json_hex(v->final[i].b, HASH32_SIZE), "head",
                                                ctl_json_hex(v->head[i].b, HASH32_SIZE), "means",
                                                value_text(f, &v->final[i], means), "why",
                                                served_why_text(p->claims.record.served.why[f])));
        }
        return list;
}

static json_t *json_of(const struct proof *p, const char *verdict) {
        const struct bundle *b = &p->bundle;
        char text[2 * CTL_TEXT_MAX], host[BUNDLE_NAME_MAX + 1];

        (void) snprintf(host, sizeof(host), "%.*s", (int) b->host_n, b->name);
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:I, s:s, s:o, s:o, s:o, s:s, s:s, "
                         "s:I, s:I}",
                        "verdict", verdict, "name", b->name, "kind",
                        b->zone == BUNDLE_ENS ? "ens" : "map", "host", host,
                        "zone_by", word(p->zone), "chain", b->chain, "chain_id",
                        ctl_int(b->chain_id), "contract",
                        ctl_json_hex(b->contract.b, ADDRESS_SIZE), "slot", ctl_int(b->slot),
                        "backend", b->backend == BUNDLE_ETHEREUM ? "ethereum" : "blockquick",
                        "fields", json_of_fields(p), "finalized",
                        json_of_block(&p->claims.final), "head", json_of_block(&p->claims.head),
                        "checkpoint", proof_checkpoint_text(&b->checkpoint, text), "trusted_by",
                        word(p->trusted), "made", ctl_int(b->made_s), "events", ctl_int(p->step));
}

static enum ctl_exit code_of(enum name_record_verdict v, const char **ret) {
        switch (v) {
        case NAME_RECORD_PRESENT:
                *ret = "proven";
                return CTL_OK;
        case NAME_RECORD_ABSENT:
                *ret = "proven absent";
                return CTL_ABSENT;
        case NAME_RECORD_INVALID:
                *ret = "proven, but it does not parse";
                return CTL_FAILURE;
        case NAME_RECORD_UNPROVEN:
                break;
        }
        *ret = "at the head only: not final yet";
        return CTL_UNPROVEN;
}

enum ctl_exit proof_print(const struct ctl *ctl, const struct proof *p) {
        const char *verdict;
        enum ctl_exit code = code_of(p->claims.record.verdict, &verdict);

        if (ctl->json)
                return ctl_print_json(code, json_of(p, verdict));
        print_all(ctl, p, verdict);
        return code;
}
