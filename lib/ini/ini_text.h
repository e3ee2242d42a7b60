/* The lines of an INI text, judged before inih sees them: shared by kedged's configuration,
 * the networks' files and kedge-timed's configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/view.h"

#define INI_LINE_MAX 190 /* inih cuts at 199 without a word: we refuse before */
#define INI_WORD_MAX 49  /* the same for names of sections and keys */
#define INI_WHY_MAX  512

struct ini_text {
        const char *path; /* for complaints */
        unsigned line;
        bool failed;
        char *why; /* INI_WHY_MAX */
        /* A section begins; its name stands in name, without brackets. */
        void (*open)(struct ini_text *in, const char *name);
        void (*take)(struct ini_text *in, const char *key, const char *value);
        struct view rest;
};

/* Says "path:line: what why" in in->why, the first time; the rest of the text is not read. */
void ini_complain(struct ini_text *in, const char *what, const char *why);

/* "KEY names 'WORD', which ...", so that a list of many words says which. */
void ini_complain_word(struct ini_text *in, const char *key, struct view word, const char *what);

/* The next word of a value that is a list of them, between blanks; false at its end. */
_must_check_ bool ini_next_word(const char **value, struct view *ret);

/* Reads a text with path, why, open and take set. 0; -EINVAL with in->why; -ENOMEM. */
_must_check_ int ini_text_read(struct ini_text *in, struct view text);
