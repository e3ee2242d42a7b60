/* A record's key and value, and where they are stored: what the verbs about records share. */
#pragma once

#include "agent/kedgectl/ctl.h"
#include "core/record.h"
#include "core/slot.h"

struct record_line {
        char key_text[SLOT_TEXT_MAX + 1];
        struct hash32 key, slot, value;
        char means[RECORD_TEXT_MAX]; /* of the value; "" where nothing is known of it */
};

/* Reads "KEYTEXT=VALUE", of a map at slot. What is wrong has been told. */
_must_check_ enum ctl_exit record_line_read(
                const struct ctl *ctl, uint64_t slot, const char *arg, struct record_line *ret);

/* True for the fields of `_user.NAME`. */
_must_check_ bool record_of_user(enum record_field f);

void record_line_print(const struct ctl *ctl, const struct record_line *l);
json_t *record_line_json(const struct record_line *l);

/* The verbs that make a transaction: set, clear, add, remove, revoke, promote. False where word is
 * none of them. */
bool record_tx_verb(
                const struct ctl *ctl, const char *word, int argc, char **argv, enum ctl_exit *ret);
