/* agent/timed/conf: a text is taken whole or refused with a line that names the file, and what is
 * taken keeps to the limits. */

#include "fuzz.h"

#include <string.h>

#include "agent/timed/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char why[TIMED_WHY_MAX] = "";
        struct timed_config c;

        if (size > TIMED_FILE_MAX)
                return 0;
        if (timed_config_read(&c, "timed.conf", VIEW(data, size), why) < 0) {
                MUST(strncmp(why, "timed.conf:", 11) == 0);
                return 0;
        }
        MUST(why[0] == '\0');
        MUST(c.limits.max_forward_s > 0 && c.limits.max_forward_s <= UINT64_C(3153600000));
        MUST(c.limits.chrony_width_s > 0 && c.limits.chrony_width_s <= 86400);
        MUST(memchr(c.chain, 0, sizeof(c.chain)) && memchr(c.chrony, 0, sizeof(c.chrony)));
        MUST(c.chrony[0] == '\0' || c.chrony[0] == '/');
        return 0;
}
