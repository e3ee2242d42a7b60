/* core/name_record and wire/name: bytes are a subject, a name and a key text.
 *
 * A subject that has a shape has a key text for each of its fields and for no other, which says whose
 * it is; two subjects have no key text in common, but that a host's addresses are in its _wg too. A
 * record name has one spelling, and no host name is one. */

#include "fuzz.h"

#include <string.h>

#include "core/name_record.h"
#include "core/slot.h"
#include "wire/name.h"

#define TEXT_MAX 300

static struct view whose(
                const struct name_record_shape *shape, struct view subject, enum record_field f) {
        size_t label = subject.n > 3 ? 4 : 3;

        if (shape->kind != NAME_RECORD_WG || (f != RECORD_SERVER_IP && f != RECORD_SERVER_IP6))
                return subject;
        return VIEW(subject.p + label, subject.n - label);
}

static void check_subject(struct view subject) {
        const struct name_record_shape *shape = name_record_shape_of(subject);
        struct hash32 slots[NAME_RECORD_FIELDS];
        char text[TEXT_MAX], back[TEXT_MAX];

        MUST((name_record_slots(subject, 0, slots) == 0) == (shape != NULL));
        if (!shape)
                return;
        MUST((shape->kind == NAME_RECORD_HOST) == (subject.n == 0 || subject.p[0] != '_'));
        for (enum record_field f = 0; f < RECORD_FIELDS; f++) {
                enum record_field is = RECORD_FIELDS;
                bool has = false;

                for (size_t i = 0; i < shape->n; i++)
                        has = has || shape->field[i] == f;
                MUST((name_record_key_text(subject, f, text, sizeof(text)) == 0) == has);
                if (!has)
                        continue;
                MUST(name_record_of_key_text(VIEW_TEXT(text), back, sizeof(back), &is) == 0);
                MUST(is == f && view_eq_text(whose(shape, subject, f), back));
        }
}

static void check_key_text(struct view text) {
        char subject[TEXT_MAX], back[TEXT_MAX];
        enum record_field f;

        if (name_record_of_key_text(text, subject, sizeof(subject), &f) < 0)
                return;
        MUST(name_record_shape_of(VIEW_TEXT(subject)) != NULL);
        MUST(name_record_key_text(VIEW_TEXT(subject), f, back, sizeof(back)) == 0);
        MUST(view_eq_text(text, back));
}

static void check_name(struct view text) {
        char name[NAME_MAX_LEN + 1], same[NAME_MAX_LEN + 1];
        bool is_host = name_normalize(text, same) == 0;

        if (name_normalize_record(text, name) < 0) {
                MUST(!is_host);
                return;
        }
        MUST(is_host == (name[0] != '_') && (!is_host || strcmp(name, same) == 0));
        MUST(name_normalize_record(VIEW_TEXT(name), same) == 0 && strcmp(name, same) == 0);
        if (is_host)
                return;
        MUST(view_eq_text(text, name));
        MUST(name_normalize(text, same) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size);

        check_subject(in);
        check_key_text(in);
        check_name(in);
        for (size_t i = 0; i < size; i++) /* what stands before a zone */
                if (data[i] == '.')
                        check_subject(VIEW(data, i));
        return 0;
}
