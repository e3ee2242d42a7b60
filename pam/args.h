/* What stands behind pam_kedge.so in a PAM stack. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

#define ARGS_TIMEOUT_MS     3000
#define ARGS_TIMEOUT_MIN_MS 100
#define ARGS_TIMEOUT_MAX_MS 10000
#define ARGS_PATH_MAX       90 /* with "/query.sock" behind it, a socket's address holds it */

struct args {
        const char *conf;    /* conf=: who is ours */
        const char *runtime; /* runtime=: the agent's folder */
        int timeout_ms;      /* timeout=: for each question */
        bool debug, no_delay;
        bool groups_only;  /* authenticate has no say; setcred brings groups */
        const char *wrong; /* the first word that is none of these, or NULL */
};

/* Total; the strings are the caller's. A wrong word leaves the others as they are. */
void args_read(int argc, const char **argv, struct args *ret);
