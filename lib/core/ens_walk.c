/* ENS without running its code: the registry names a resolver; of a resolver whose code is known,
 * and proven, it is known where it keeps text records; in those stand the fields of a record, under
 * their own names.
 *
 * What always holds: no slot of a resolver is given a meaning before its code hash is the one of
 * the table; what code would have to tell ends the walk. That all steps are proven at one block is
 * the caller's to see to. */

#include "core/ens_walk.h"

#include <errno.h>

/* Names of ENS are hosts alone, and a host's record has as many fields as there is room for. */
static enum record_field field_of(size_t i) {
        return name_record_shape(NAME_RECORD_HOST)->field[i];
}

void ens_walk_begin(struct ens_walk *w, const struct hash32 *node) {
        *w = (struct ens_walk){ .node = *node };
}

size_t ens_walk_ask(struct ens_walk *w, struct address *ret_contract,
                struct hash32 ret_slots[ENS_WALK_ASK_MAX]) {
        w->n_asked = 0;
        if (w->end != ENS_WALK_GOES_ON)
                return 0;
        *ret_contract = w->resolver;
        switch (w->step) {
        case ENS_WALK_REGISTRY:
                *ret_contract = ens_registry;
                w->n_asked = 2;
                ens_registry_slots(&w->node, &ret_slots[0], &ret_slots[1]);
                break;
        case ENS_WALK_RESOLVER: /* for its code hash; without versions it says nothing */
                w->n_asked = 1;
                ens_version_slot(&w->node, &ret_slots[0]);
                break;
        case ENS_WALK_TEXTS:
                w->n_asked = NAME_RECORD_FIELDS;
                memcpy(ret_slots, w->text_slot, sizeof(w->text_slot));
                break;
        case ENS_WALK_WORDS:
                w->n_asked = MIN(w->n_words - w->next_word, (size_t) ENS_WALK_ASK_MAX);
                for (size_t i = 0; i < w->n_asked; i++)
                        ens_string_word_slot(&w->text_slot[w->word[w->next_word + i].field],
                                        w->word[w->next_word + i].index, &ret_slots[i]);
                break;
        }
        return w->n_asked;
}

/* The texts stand: what do they say? */
static void read_values(struct ens_walk *w) {
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct view text = VIEW(w->text[i].text, w->text[i].n);

                if (w->bad & UINT32_C(1) << i || text.n == 0)
                        continue;
                if (record_value_of_text(field_of(i), text, &w->value[i]) < 0) {
                        memset(&w->value[i], 0, sizeof(w->value[i]));
                        w->bad |= UINT32_C(1) << i;
                }
        }
        w->end = ENS_WALK_DONE;
}

static void take_registry(struct ens_walk *w, const struct hash32 *values) {
        static const struct address none;

        ens_low_address(&values[1], &w->resolver);
        if (address_eq(&w->resolver, &none))
                w->end = ENS_WALK_NO_RESOLVER;
        else
                w->step = ENS_WALK_RESOLVER;
}

static void take_resolver(
                struct ens_walk *w, const struct hash32 *values, const struct hash32 *code_hash) {
        const struct ens_resolver *known = ens_resolver_find(&w->resolver);

        w->code = *code_hash;
        w->end = ENS_WALK_UNKNOWN_RESOLVER;
        if (!known || !hash32_eq(&known->code_hash, code_hash) ||
                        (known->layout == ENS_LAYOUT_2023 &&
                                        ens_version_of(&values[0], &w->version) < 0))
                return;
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++)
                if (ens_text_slot(known->layout, &w->node, w->version,
                                    VIEW_TEXT(record_field_name(field_of(i))),
                                    &w->text_slot[i]) < 0)
                        return;
        w->end = ENS_WALK_GOES_ON;
        w->step = ENS_WALK_TEXTS;
}

static void take_texts(struct ens_walk *w, const struct hash32 *values) {
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                if (ens_string_begin(&values[i], &w->text[i]) < 0) {
                        w->bad |= UINT32_C(1) << i;
                        continue;
                }
                for (size_t k = 0; k < w->text[i].n_words; k++) {
                        w->word[w->n_words].field = i;
                        w->word[w->n_words++].index = k;
                }
        }
        w->step = ENS_WALK_WORDS;
}

static void take_words(struct ens_walk *w, const struct hash32 *values) {
        for (size_t i = 0; i < w->n_asked; i++) {
                size_t field = w->word[w->next_word + i].field;
                size_t index = w->word[w->next_word + i].index;

                if (ens_string_word(&w->text[field], index, &values[i]) < 0)
                        w->bad |= UINT32_C(1) << field;
        }
        w->next_word += w->n_asked;
}

int ens_walk_take(struct ens_walk *w, const struct hash32 *values, size_t n,
                const struct hash32 *code_hash) {
        if (n == 0 || n != w->n_asked)
                return -EINVAL;
        switch (w->step) {
        case ENS_WALK_REGISTRY:
                take_registry(w, values);
                break;
        case ENS_WALK_RESOLVER:
                take_resolver(w, values, code_hash);
                break;
        case ENS_WALK_TEXTS:
                take_texts(w, values);
                break;
        case ENS_WALK_WORDS:
                take_words(w, values);
                break;
        }
        w->n_asked = 0;
        if (w->end == ENS_WALK_GOES_ON && w->step == ENS_WALK_WORDS && w->next_word == w->n_words)
                read_values(w);
        return 0;
}
