/* The line hosts: of nsswitch.conf, and whether it lets our module work. Pure. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define NSSWITCH_FILE_MAX     65536
#define NSSWITCH_SERVICES_MAX 32
#define NSSWITCH_WORD_MAX     64 /* with the NUL */

enum nsswitch_verdict {
        NSSWITCH_MALFORMED = 0, /* the C library would not read it as it is meant, or at all */
        NSSWITCH_NO_HOSTS,      /* no line hosts: */
        NSSWITCH_NO_KEDGE,      /* kedge is not in it */
        NSSWITCH_LATE,          /* another one is asked for names of ours first: word */
        NSSWITCH_NEVER,         /* what stands before kedge ends each question: word */
        NSSWITCH_LEAKS,         /* names of ours go on to what follows: word */
        NSSWITCH_CUTS,          /* names that are not ours never reach what follows: word */
        NSSWITCH_GOOD,
};

/* text is the whole file. ret_word: which service, where the verdict names one; else empty. */
enum nsswitch_verdict nsswitch_judge(struct view text, char ret_word[NSSWITCH_WORD_MAX]);
