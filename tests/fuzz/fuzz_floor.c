/* agent/kedged/floor: the payload of its file. Whatever is taken is a time that can be, and of
 * another boot no time since then is counted. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/floor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t boot[16] = "0123456789abcde";
        struct clock_floor f = { 0 };

        if (floor_parse(VIEW(data, size), boot, &f) < 0)
                return 0;
        MUST(size == FLOOR_BYTES && f.s <= CLOCK_MAX_S);
        if (memcmp(data + 8, boot, sizeof(boot)) != 0)
                MUST(f.at_ms == 0);
        return 0;
}
