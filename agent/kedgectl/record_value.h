/* Values of fields as people give them: what record_value_of_text() reads, and beyond that what the
 * tools for SSH keys print, a key's file, and bits by their numbers. */
#pragma once

#include "agent/kedgectl/ctl.h"
#include "core/record.h"

/* What is wrong has been told; label stands before it. */
_must_check_ enum ctl_exit record_value_read(const struct ctl *ctl, const char *label,
                enum record_field f, const char *value, struct hash32 *ret);

/* "a port, 1 to 65535" */
const char *record_value_kind(enum record_field f);
