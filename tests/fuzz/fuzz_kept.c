/* agent/kedged/kept: the payload of its file. Whatever is given is a name in its one spelling, and of
 * another boot nothing claims to be proven in this one. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/kept.h"

static const uint8_t boot[16] = "0123456789abcde";

struct seen {
        size_t n;
        bool this_boot;
};

static void on_record(void *userdata, const struct kept_record *r) {
        struct seen *seen = userdata;
        char name[NAME_MAX_LEN + 1];

        MUST(++seen->n <= KEPT_RECORDS_MAX && r->kind <= ZONE_ENS);
        MUST(name_normalize_record(VIEW_TEXT(r->name), name) == 0 && strcmp(name, r->name) == 0);
        MUST(name_record_shape_of_name(VIEW_TEXT(name)) != NULL);
        if (!seen->this_boot)
                MUST(r->values.proven_ms == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct seen seen = { .this_boot = size >= 16 && memcmp(data, boot, 16) == 0 };

        if (kept_parse(VIEW(data, size), boot, on_record, &seen) == 0)
                MUST(size >= 20 && seen.n <= (size - 20) / 104);
        return 0;
}
