/* From a host to the slots that hold its record (design section 5), and from their proven values to
 * what stands of it (section 4). The agent serves by it, and whoever checks a proof bundle without
 * an agent judges by the same.
 *
 * What always holds: a value that does not parse makes the whole record invalid; a key that head
 * holds no longer, or holds in a form that is none, is revoked in the same judgement. */

#include "core/name_record.h"

#include <errno.h>

#include "core/slot.h"

static const enum record_field fields[NAME_RECORD_FIELDS] = {
        RECORD_SERVER_IP,      RECORD_SERVER_IP6, RECORD_PORT,        RECORD_SIGNATURE,
        RECORD_SIGNATURE_NEXT, RECORD_DEVICE,     RECORD_DEVICE_NEXT,
};

enum record_field name_record_field(size_t i) {
        return fields[i];
}

int name_record_slots(struct view host, uint64_t slot, struct hash32 ret[NAME_RECORD_FIELDS]) {
        struct hash32 slots[NAME_RECORD_FIELDS], key;
        char text[SLOT_TEXT_MAX + 1];

        if (host.n > 0 && !record_host_valid(host))
                return -EINVAL;
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                int r = record_key_text(host, fields[i], text, sizeof(text));

                if (r >= 0)
                        r = slot_key_of_text(VIEW_TEXT(text), &key);
                if (r < 0)
                        return r;
                slot_of_mapping(&key, slot, &slots[i]);
        }
        memcpy(ret, slots, sizeof(slots));
        return 0;
}

/* The field whose value does not parse, or RECORD_FIELDS. Such a field counts as absent. */
static enum record_field read_record(const struct hash32 values[NAME_RECORD_FIELDS],
                uint32_t bad_fields, struct record *ret) {
        enum record_field bad = RECORD_FIELDS;

        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct record_value v;

                if (!(bad_fields & UINT32_C(1) << i) &&
                                record_value_parse(fields[i], &values[i], &v) >= 0)
                        ret->field[fields[i]] = v;
                else if (bad == RECORD_FIELDS)
                        bad = fields[i];
        }
        return bad;
}

static enum name_record_verdict verdict_of(enum served_why why) {
        switch (why) {
        case SERVED_GRANTED:
                return NAME_RECORD_PRESENT;
        case SERVED_ABSENT:
        case SERVED_REVOKED_AT_HEAD:
        case SERVED_REVOKED_EARLIER:
                return NAME_RECORD_ABSENT;
        case SERVED_UNPROVEN:
        case SERVED_NOT_FINAL:
                break;
        }
        return NAME_RECORD_UNPROVEN;
}

static void invalid(struct name_record *n, enum record_field field, const struct block_ref *at) {
        n->verdict = NAME_RECORD_INVALID;
        n->bad_field = field;
        n->bad_at = *at;
}

int name_record_judge(const struct name_record_values *values, const struct revocations *earlier,
                struct name_record *ret) {
        struct name_record n = { .bad_field = RECORD_FIELDS };
        enum record_field bad_final, bad_head;
        int r;

        bad_final = read_record(values->final, values->bad_final, &n.final);
        bad_head = read_record(values->head, values->bad_head, &n.head);
        r = served_decide(&n.final, &values->final_at, &n.head, &values->head_at, earlier,
                        &n.served);
        if (r < 0)
                return r;
        n.verdict = verdict_of(n.served.record_why);
        if (bad_head != RECORD_FIELDS)
                invalid(&n, bad_head, &values->head_at);
        else if (bad_final != RECORD_FIELDS)
                invalid(&n, bad_final, &values->final_at);
        *ret = n;
        return 0;
}
