/* timed.conf: one section, a handful of keys. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/timed/judge.h"
#include "base/view.h"

#define TIMED_FILE_MAX 16384
#define TIMED_WHY_MAX  512 /* as ini/ini_text.h has it */

struct timed_config {
        char chain[32];   /* empty: every chain of the agent */
        char chrony[108]; /* the socket that chronyd made; empty: none */
        struct judge_limits limits;
};

/* What holds without a file. */
void timed_config_init(struct timed_config *c);

/* Reads a text of which path is the name, whole or not at all. 0; -EINVAL with why; -ENOMEM. */
_must_check_ int timed_config_read(struct timed_config *ret, const char *path, struct view text,
                char why[TIMED_WHY_MAX]);

/* The file at path; none at all is fine where may_lack. 0; or -errno with why. */
_must_check_ int timed_config_load(struct timed_config *ret, const char *path, bool may_lack,
                char why[TIMED_WHY_MAX]);
