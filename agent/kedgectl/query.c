/* The verbs about what is proven: query, lookup. */

#include <errno.h>
#include <stdio.h>

#include "agent/kedgectl/ctl.h"
#include "agent/kedgectl/record_value.h"
#include "base/hex.h"
#include "core/record.h"
#include "core/slot.h"

/* "good for 59 min more", that it is old and served all the same, or that it is over. */
static void row_deadline(const struct ctl *ctl, const char *label, uint64_t fresh_ms,
                uint64_t deadline_ms, uint64_t now_ms) {
        char text[CTL_TEXT_MAX];

        if (now_ms > deadline_ms)
                ctl_row(label, "too old to be believed");
        else if (now_ms > fresh_ms)
                ctl_row(label, "%sstale%s, served by Stale=serve for %s more",
                                ctl_paint(ctl, CTL_YELLOW), ctl_paint(ctl, CTL_PLAIN),
                                ctl_words_of_ms(deadline_ms - now_ms, text));
        else
                ctl_row(label, "good for %s more", ctl_words_of_ms(deadline_ms - now_ms, text));
}

static void row_proven(const struct name_answer *a, uint64_t now) {
        char text[CTL_TEXT_MAX];

        ctl_row("proven", "%s%s: final in block %llu, not revoked in %llu",
                        a->proven_ms == 0 ? "before this boot"
                                          : ctl_words_of_ms(now - MIN(now, a->proven_ms), text),
                        a->proven_ms == 0 ? "" : " ago", (unsigned long long) a->final_number,
                        (unsigned long long) a->head_number);
}

void query_print_answer(const struct ctl *ctl, const char *name, const struct name_answer *a,
                uint64_t now) {
        char text[CTL_TEXT_MAX];

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), name, ctl_paint(ctl, CTL_PLAIN));
        for (size_t i = 0; i < a->n_addrs; i++)
                ctl_row("address", "%s", ctl_addr(&a->addr[i], text));
        if (a->port > 0)
                ctl_row("port", "%u", a->port);
        for (size_t i = 0; i < a->n_pins; i++)
                ctl_row("pin", "%s", ctl_hex(a->pin[i].b, HASH32_SIZE, text));
        for (size_t i = 0; i < a->has_device; i++)
                ctl_row("device", "%s", ctl_hex(a->device[i].b, ADDRESS_SIZE, text));
        row_proven(a, now);
        if (a->n_addrs > 0)
                row_deadline(ctl, "addresses", a->fresh_ms, a->deadline_ms, now);
        if (a->n_pins + a->has_device > 0)
                row_deadline(ctl, "keys", a->pins_fresh_ms, a->pins_deadline_ms, now);
}

json_t *query_json_of_answer(const char *name, const struct name_answer *a, uint64_t now) {
        json_t *addresses = json_array(), *pins = json_array(), *devices = json_array();
        char text[CTL_TEXT_MAX];

        for (size_t i = 0; i < a->n_addrs; i++)
                (void) json_array_append_new(addresses, json_string(ctl_addr(&a->addr[i], text)));
        for (size_t i = 0; i < a->n_pins; i++)
                (void) json_array_append_new(pins, ctl_json_hex(a->pin[i].b, HASH32_SIZE));
        for (size_t i = 0; i < a->has_device; i++)
                (void) json_array_append_new(devices, ctl_json_hex(a->device[i].b, ADDRESS_SIZE));
        return json_pack("{s:s, s:o, s:i, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:b, s:b}", "name", name,
                        "addresses", addresses, "port", (int) a->port, "pins", pins, "devices",
                        devices, "final_number", ctl_int(a->final_number), "head_number",
                        ctl_int(a->head_number), "age_ms",
                        a->proven_ms ? json_integer(ctl_int(now - MIN(now, a->proven_ms)))
                                     : json_null(), "good_ms",
                        ctl_int(a->deadline_ms >= now ? a->deadline_ms - now : 0), "keys_good_ms",
                        ctl_int(a->pins_deadline_ms >= now ? a->pins_deadline_ms - now : 0),
                        "stale", now > a->fresh_ms, "keys_stale", now > a->pins_fresh_ms);
}

enum ctl_exit verb_query(const struct ctl *ctl, int argc _unused_, char **argv) {
        struct query_request request = { .verb = QUERY_RESOLVE };
        char name[NAME_MAX_LEN + 1];
        struct query_reply reply;
        enum ctl_exit code;
        uint64_t now;

        if (name_normalize(VIEW_TEXT(argv[0]), name) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.253s' is not a host name", argv[0]);
        memcpy(request.name, name, strlen(name));
        code = ctl_ask(ctl, &request, name, &reply);
        if (code != CTL_OK)
                return code;

        now = ctl_boottime_ms();
        switch ((enum name_verdict) reply.name.verdict) {
        case NAME_PRESENT:
                break;
        case NAME_ABSENT:
                return ctl_fail(ctl, CTL_ABSENT, "%s: proven absent", name);
        case NAME_UNPROVEN:
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: not proven", name);
        }
        if (now > reply.name.deadline_ms && now > reply.name.pins_deadline_ms)
                code = CTL_STALE;
        if (ctl->json)
                return ctl_print_json(code, query_json_of_answer(name, &reply.name, now));
        query_print_answer(ctl, name, &reply.name, now);
        return code;
}

/* A key is 0x and 64 digits, or a key text. */
static int parse_key(const char *text, struct hash32 *ret) {
        if (strlen(text) == 66 && hex_decode(VIEW_TEXT(text), ret->b, HASH32_SIZE) == 0)
                return 0;
        return slot_key_of_text(VIEW_TEXT(text), ret);
}

/* What the value says, if the key is that of a field: "" otherwise. */
static const char *meaning(const char *key, const struct hash32 *raw, char ret[RECORD_TEXT_MAX]) {
        const char *dot = strrchr(key, '.');
        enum record_field f;
        struct record_value v;

        ret[0] = '\0';
        if (record_field_of(VIEW_TEXT(dot ? dot + 1 : key), &f) < 0)
                return ret;
        if (record_value_parse(f, raw, &v) < 0 ||
                        record_value_show(f, &v, ret) < 0)
                strcpy(ret, "not a value of this field");
        return ret;
}

static enum ctl_exit print_lookup(
                const struct ctl *ctl, const char *key, const struct query_lookup *l) {
        char hex[CTL_TEXT_MAX], means[RECORD_TEXT_MAX];

        (void) meaning(key, &l->value, means);
        if (ctl->json)
                return ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:o, s:s, s:o, s:o, s:I}", "key", key, "value",
                                                ctl_json_hex(l->value.b, HASH32_SIZE), "means",
                                                means, "block", ctl_json_block(&l->block), "head",
                                                ctl_json_block(&l->head), "age_ms",
                                                ctl_int(l->age_ms)));

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), key, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("value", "%s", ctl_hex(l->value.b, HASH32_SIZE, hex));
        if (means[0] && strcmp(means, hex) != 0)
                ctl_row("means", "%s", means);
        ctl_row("proven", "%s ago: final in block %llu, the same in %llu",
                        ctl_words_of_ms(l->age_ms, hex), (unsigned long long) l->block.number,
                        (unsigned long long) l->head.number);
        return CTL_OK;
}

enum ctl_exit verb_lookup(const struct ctl *ctl, int argc _unused_, char **argv) {
        struct query_request request = { .verb = QUERY_LOOKUP };
        struct query_reply reply;
        enum ctl_exit code;

        if (hex_decode(VIEW_TEXT(argv[0]), request.contract.b, ADDRESS_SIZE) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not a contract: 0x and 40 digits",
                                argv[0]);
        if (ctl_number(argv[1], UINT64_MAX, &request.slot) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not a slot: a decimal number", argv[1]);
        if (parse_key(argv[2], &request.key) < 0)
                return ctl_fail(ctl, CTL_USAGE,
                                "'%.80s' is not a key: printable text without spaces, or 0x "
                                "and 64 digits",
                                argv[2]);

        code = ctl_ask(ctl, &request, argv[2], &reply);
        if (code != CTL_OK)
                return code;
        if (hash32_is_zero(&reply.lookup.value))
                return ctl_fail(ctl, CTL_ABSENT, "%s: proven absent", argv[2]);
        return print_lookup(ctl, argv[2], &reply.lookup);
}
