/* JSON of light-client objects: refused, or SSZ of exactly the size that the fork says, with the
 * offsets that the shape has. The first byte chooses the object and the fork. */

#include "fuzz.h"

#include <jansson.h>
#include <string.h>

#include "agent/fetch/json.h"
#include "agent/fetch/json_ssz.h"

static const struct {
        const char *name;
        size_t header, offset_at, committee_depth, finality_depth; /* header: without extra data */
} forks[] = {
        { "altair", 112, 0, 5, 6 },
        { "capella", 812, 112, 5, 6 },
        { "deneb", 828, 112, 5, 6 },
        { "electra", 828, 112, 6, 7 },
        { "gloas", 496, 0, 11, 9 },
};

/* Of an object, but for its headers and, where these vary in size, the offsets in their place. */
static size_t rest_of(enum json_ssz_object object, size_t fork, size_t members) {
        size_t committee = 48 * (members + 1) + 32 * forks[fork].committee_depth;
        size_t tail = members / 8 + 96 + 8;

        switch (object) {
        case JSON_SSZ_BOOTSTRAP:
                return committee;
        case JSON_SSZ_UPDATE:
                return committee + 32 * forks[fork].finality_depth + tail;
        case JSON_SSZ_FINALITY:
                return 32 * forks[fork].finality_depth + tail;
        case JSON_SSZ_OPTIMISTIC:
                return tail;
        case JSON_SSZ_OBJECTS:
                break;
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t bytes[65536];
        struct buf b = BUF(bytes);
        enum json_ssz_object object;
        size_t fork, headers, extra;
        bool varies, small = false, large = false;
        struct view v;
        json_t *json;
        int r;

        if (size == 0)
                return 0;
        object = (enum json_ssz_object) (data[0] % JSON_SSZ_OBJECTS);
        fork = data[0] / JSON_SSZ_OBJECTS % ELEMENTSOF(forks);
        json = json_read(VIEW(data + 1, size - 1));
        r = json_ssz_put(&b, object, forks[fork].name, json, &v);
        json_decref(json);
        if (r < 0)
                return 0;

        headers = object == JSON_SSZ_UPDATE || object == JSON_SSZ_FINALITY ? 2 : 1;
        varies = forks[fork].offset_at > 0;
        for (extra = 0; extra <= (varies ? 32 * headers : 0); extra++) {
                size_t around = headers * (forks[fork].header + (varies ? 4U : 0U)) + extra;

                small = small || v.n == around + rest_of(object, fork, 32);
                large = large || v.n == around + rest_of(object, fork, 512);
        }
        MUST(v.p == bytes && (small || large));
        if (varies) { /* the first header starts where the fixed part ends */
                size_t at = (size_t) v.p[0] | (size_t) v.p[1] << 8;

                MUST(at == headers * 4 + rest_of(object, fork, small ? 32 : 512));
                MUST(v.p[at + 112] == 244 && v.p[at + 113] == 0);
        }
        return 0;
}
