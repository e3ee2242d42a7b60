/* What the two helpers have in common: how they start inside whatever called them, the question to
 * the agent, and the one line that is printed for a yes. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/types.h"
#include "wire/query.h"

#define HELPER_WHY_MAX  320
#define HELPER_LIFE_S   15 /* all of it, whatever hangs: the agent, NSS, who reads our answer */
#define HELPER_PATH_MAX 4096
#define HELPER_LINE_MAX 24576 /* of the longest key and host, with room */
#define HELPER_ASKS     4  /* where the agent ends the connection unanswered */
#define HELPER_PAUSE_MS 50 /* between them */

struct helper {
        const char *name; /* of the program */
        const char *help;
        const char *config;  /* login.conf */
        const char *runtime; /* the folder of the query socket */
        const char *state;   /* below it: public/suffixes */
        bool ours, done;
        char **arg;
        int n_args;
};

/* Before anything else: descriptors 0 to 2 are open, so that no file of ours takes their place; the
 * environment is empty; a time limit runs; a closed pipe is an error and no signal. */
void helper_start(void);

/* Reads options, which stand before all arguments. 0; -EINVAL, which has been said on stderr. With
 * done nothing is left to do. */
_must_check_ int helper_options(int argc, char **argv, struct helper *h);

/* "FOLDER/FILE". -ENAMETOOLONG. */
_must_check_ int helper_path(const char *folder, const char *file, char ret[HELPER_PATH_MAX]);

/* Asks whether a key is that user's, or that host's; a few times if the agent goes away meanwhile. True
 * for the one yes. why says what the answer stands on, in printable characters. */
_must_check_ bool helper_ask(const struct helper *h, enum query_key_item item, const char *name,
                const char *service, const struct hash32 *key, char why[HELPER_WHY_MAX]);

/* Writes these words as one line to standard output, or says why not: -errno. Waits for the
 * reader. */
_must_check_ int helper_print(const char *const *words, size_t n);
