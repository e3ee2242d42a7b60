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

/* A key of WireGuard. */
_must_check_ bool record_value_is_wg(enum record_field f);

/* record_value_text(), but a key of WireGuard is as wg(8) prints it. */
_must_check_ int record_value_show(
                enum record_field f, const struct record_value *v, char ret[RECORD_TEXT_MAX]);
