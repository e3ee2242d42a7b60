/* What the operator says of a checkpoint, to the running agent. */

#include <errno.h>

#include "agent/kedgectl/checkpoint.h"

int checkpoint_tell(const char *member, const char *chain, const uint64_t *number,
                const struct hash32 *hash, char ret_why[CHECKPOINT_WHY]) {
        char hex[CTL_TEXT_MAX];

        (void) ctl_hex(hash->b, HASH32_SIZE, hex);
        return number ? ctl_bus_tell(member, ret_why, "sts", chain, *number, hex)
                      : ctl_bus_tell(member, ret_why, "ss", chain, hex);
}
