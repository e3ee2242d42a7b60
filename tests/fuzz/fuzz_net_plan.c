/* agent/kedged/net_plan: bytes choose members, what stands, and the limits; see
 * net_plan_property.h for what holds. */

#include "net_plan_property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        net_plan_property(data, size);
        return 0;
}
