/* agent/kedgectl/sshd_conf: a file of any content, which may include itself. What must hold: no key has
 * two values in a block; what a block does not say is what stands outside. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedgectl/sshd_conf.h"

static struct view whole;

static int include(void *userdata, struct sshd_conf *conf, const char *pattern, unsigned block,
                unsigned depth) {
        unsigned *left = userdata;

        if (pattern[0] != 'x' || *left == 0)
                return 0;
        (*left)--;
        return sshd_conf_read(conf, whole, block, depth, include, userdata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct sshd_conf conf;
        unsigned left = 64;

        memset(&conf, 0, sizeof(conf));
        whole = VIEW(data, size);
        if (sshd_conf_read(&conf, whole, 0, 0, include, &left) < 0)
                return 0;
        MUST(conf.n <= SSHD_CONF_VALUES && conf.n_blocks <= SSHD_CONF_BLOCKS);
        for (size_t i = 0; i < conf.n; i++) {
                MUST(memchr(conf.value[i].value, 0, SSHD_CONF_VALUE_MAX));
                MUST(conf.value[i].key != SSHD_NONE && conf.value[i].block <= conf.n_blocks);
                MUST(sshd_conf_get(&conf, conf.value[i].block, conf.value[i].key) == conf.value[i].value);
        }
        return 0;
}
