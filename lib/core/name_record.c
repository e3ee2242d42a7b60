/* From a subject to the slots that hold its record (design section 5), and from their proven values
 * to what stands of it (section 4). The agent serves by it, and whoever checks a proof bundle
 * without an agent judges by the same.
 *
 * What always holds: a value that does not parse makes the whole record invalid; a key that head
 * holds no longer, or holds in a form that is none, is revoked in the same judgement. */

#include "core/name_record.h"

#include <errno.h>

#include "base/buf.h"
#include "base/user.h"
#include "core/slot.h"

/* A row is all there is to a shape. The label alone is the zone's apex, but for a user, whose name
 * is never empty. */
static const struct name_record_shape shapes[NAME_RECORD_KINDS] = {
        [NAME_RECORD_HOST] = {
                .kind = NAME_RECORD_HOST,
                .n = 7,
                .field = { RECORD_SERVER_IP, RECORD_SERVER_IP6, RECORD_PORT, RECORD_SIGNATURE,
                           RECORD_SIGNATURE_NEXT, RECORD_DEVICE, RECORD_DEVICE_NEXT },
        },
        [NAME_RECORD_USER] = {
                .kind = NAME_RECORD_USER,
                .label = "_user",
                .label_in_key = true,
                .is_user = true,
                .n = 6,
                .field = { RECORD_DEVICE, RECORD_DEVICE_NEXT, RECORD_SSH, RECORD_SSH_NEXT,
                           RECORD_ROLE, RECORD_ROLE_NEXT },
        },
        [NAME_RECORD_HOST_ROLE] = {
                .kind = NAME_RECORD_HOST_ROLE,
                .label = "_host",
                .label_in_key = true,
                .n = 2,
                .field = { RECORD_ROLE, RECORD_ROLE_NEXT },
        },
        [NAME_RECORD_SSH] = {
                .kind = NAME_RECORD_SSH,
                .label = "_ssh",
                .n = 2,
                .field = { RECORD_SSH_HOST, RECORD_SSH_HOST_NEXT },
        },
        [NAME_RECORD_WG] = {
                .kind = NAME_RECORD_WG,
                .label = "_wg",
                .n = 7,
                .field = { RECORD_WG_ENDPOINT, RECORD_WG_PORT, RECORD_WG_IP, RECORD_SERVER_IP,
                           RECORD_SERVER_IP6, RECORD_WG_KEY, RECORD_WG_KEY_NEXT },
        },
};

const struct name_record_shape *name_record_shape(enum name_record_kind kind) {
        return &shapes[kind];
}

/* True where text begins with the label, alone or before a dot; *ret_rest is what follows that. */
static bool begins_with_label(struct view text, const char *label, struct view *ret_rest) {
        size_t n = strlen(label);

        if (text.n < n || memcmp(text.p, label, n) != 0)
                return false;
        if (text.n == n) {
                *ret_rest = VIEW(text.p + n, 0);
                return true;
        }
        *ret_rest = VIEW(text.p + n + 1, text.n - n - 1);
        return text.p[n] == '.' && ret_rest->n > 0;
}

static bool who_is_good(const struct name_record_shape *shape, struct view who) {
        if (shape->is_user)
                return user_name_valid(who);
        return who.n == 0 || record_host_valid(who);
}

/* The subject's shape, and what stands behind its label. */
static const struct name_record_shape *take_subject(struct view subject, struct view *ret_who) {
        struct view who = subject;
        size_t i = NAME_RECORD_HOST;

        if (subject.n > 0 && subject.p[0] == '_')
                for (i = NAME_RECORD_HOST + 1; i < NAME_RECORD_KINDS; i++)
                        if (begins_with_label(subject, shapes[i].label, &who))
                                break;
        if (i == NAME_RECORD_KINDS || !who_is_good(&shapes[i], who))
                return NULL;
        *ret_who = who;
        return &shapes[i];
}

const struct name_record_shape *name_record_shape_of(struct view subject) {
        struct view who;

        return take_subject(subject, &who);
}

const struct name_record_shape *name_record_shape_of_name(struct view name) {
        struct view rest;

        if (name.n == 0 || name.p[0] != '_')
                return &shapes[NAME_RECORD_HOST];
        for (size_t i = NAME_RECORD_HOST + 1; i < NAME_RECORD_KINDS; i++)
                if (begins_with_label(name, shapes[i].label, &rest))
                        return &shapes[i];
        return NULL;
}

/* What there is of both, with a dot between them. */
static void put_labels(struct buf *b, const char *label, struct view rest) {
        if (label)
                buf_put(b, label, strlen(label));
        if (label && rest.n > 0)
                buf_put_u8(b, '.');
        buf_put_view(b, rest);
}

static int end_text(struct buf *b) {
        buf_put_u8(b, 0);
        return b->full ? -E2BIG : 0;
}

int name_record_subject(enum name_record_kind kind, struct view who, char *ret, size_t cap) {
        struct buf b = { .p = (uint8_t *) ret, .cap = cap };

        if (!who_is_good(&shapes[kind], who))
                return -EINVAL;
        put_labels(&b, shapes[kind].label, who);
        return end_text(&b);
}

static bool has_field(const struct name_record_shape *shape, enum record_field f) {
        for (size_t i = 0; i < shape->n; i++)
                if (shape->field[i] == f)
                        return true;
        return false;
}

int name_record_key_text(struct view subject, enum record_field f, char *ret, size_t cap) {
        struct buf b = { .p = (uint8_t *) ret, .cap = cap };
        const struct name_record_shape *shape;
        struct view who;

        shape = take_subject(subject, &who);
        if (!shape || !has_field(shape, f))
                return -EINVAL;
        put_labels(&b, shape->label_in_key ? shape->label : NULL, who);
        if (b.n > 0 || b.full)
                buf_put_u8(&b, '.');
        buf_put(&b, record_field_name(f), strlen(record_field_name(f)));
        return end_text(&b);
}

int name_record_of_key_text(
                struct view text, char *ret_subject, size_t cap, enum record_field *ret_field) {
        size_t dot = text.n;
        struct view who, name = text;
        enum record_field f;

        while (dot > 0 && text.p[dot - 1] != '.')
                dot--;
        who = VIEW(text.p, dot > 0 ? dot - 1 : 0);
        name = VIEW(text.p + dot, text.n - dot);
        if ((dot > 0 && who.n == 0) || record_field_of(name, &f) < 0)
                return -ENOENT;
        for (size_t i = 0; i < NAME_RECORD_KINDS; i++) {
                struct view rest = who;

                if (!has_field(&shapes[i], f))
                        continue;
                if (shapes[i].label_in_key && !begins_with_label(who, shapes[i].label, &rest))
                        continue;
                if (name_record_subject(shapes[i].kind, rest, ret_subject, cap) < 0)
                        continue;
                *ret_field = f;
                return 0;
        }
        return -ENOENT;
}

int name_record_slots(struct view subject, uint64_t slot, struct hash32 ret[NAME_RECORD_FIELDS]) {
        const struct name_record_shape *shape = name_record_shape_of(subject);
        struct hash32 slots[NAME_RECORD_FIELDS] = { 0 }, key;
        char text[SLOT_TEXT_MAX + 1];

        if (!shape)
                return -EINVAL;
        for (size_t i = 0; i < shape->n; i++) {
                int r = name_record_key_text(subject, shape->field[i], text, sizeof(text));

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
static enum record_field read_record(const struct name_record_shape *shape,
                const struct hash32 values[NAME_RECORD_FIELDS], uint32_t bad_fields,
                struct record *ret) {
        enum record_field bad = RECORD_FIELDS;

        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < shape->n; i++) {
                enum record_field f = shape->field[i];
                struct record_value v;

                if (!(bad_fields & UINT32_C(1) << i) && record_value_parse(f, &values[i], &v) >= 0)
                        ret->field[f] = v;
                else if (bad == RECORD_FIELDS)
                        bad = f;
        }
        return bad;
}

static enum name_record_verdict verdict_of(enum served_why why) {
        switch (why) {
        case SERVED_GRANTED:
        case SERVED_GRANTED_PARTLY: /* never said of a record */
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

int name_record_judge(const struct name_record_shape *shape,
                const struct name_record_values *values, const struct revocations *earlier,
                struct name_record *ret) {
        struct name_record n = { .bad_field = RECORD_FIELDS };
        enum record_field bad_final, bad_head;
        int r;

        bad_final = read_record(shape, values->final, values->bad_final, &n.final);
        bad_head = read_record(shape, values->head, values->bad_head, &n.head);
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
