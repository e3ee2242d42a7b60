/* A stack of /etc/pam.d, and whether pam_kedge.so has the last word in it. Pure: files come from the
 * caller.
 *
 * It is not read for patterns but run, as libpam runs it, with every answer that each other module
 * could give: what is told is what can happen. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define PAMD_FILE_MAX   65536
#define PAMD_LINES_MAX  256  /* of one stack, with all that it includes */
#define PAMD_LINE_MAX   1024 /* libpam's own limit */
#define PAMD_MODULE_MAX 256
#define PAMD_LEVELS_MAX 16   /* of substacks, as libpam has it */
#define PAMD_CODES      32   /* return values of a module */

enum pamd_type { PAMD_AUTH, PAMD_ACCOUNT, PAMD_PASSWORD, PAMD_SESSION };
enum pamd_kind {
        PAMD_MODULE = 0,
        PAMD_SUBSTACK,
        PAMD_MUST_FAIL,
        PAMD_GROUPS, /* pam_kedge.so that brings groups alone: it is asked nothing, and has no say */
};

struct pamd_line {
        enum pamd_kind kind;
        uint8_t level;
        int16_t action[PAMD_CODES]; /* by return value: PAMD_IGNORE and so on, or a jump, above 0 */
        char module[PAMD_MODULE_MAX];
};

enum { PAMD_IGNORE = 0, PAMD_OK = -1, PAMD_DONE = -2, PAMD_BAD = -3, PAMD_DIE = -4, PAMD_RESET = -5 };

struct pamd_stack {
        size_t n;
        struct pamd_line line[PAMD_LINES_MAX];
};

/* The text of a file by the name that an include has; it stays until the stack was read. False: there
 * is none. */
struct pamd_source {
        bool (*file)(void *userdata, const char *name, struct view *ret);
        void *userdata;
};

/* The stack of a service. 0; -ENOENT: there is no such file; -EBADMSG: libpam would not read it;
 * -E2BIG, -ELOOP. What libpam lets fail, a line that makes no sense, fails here too. */
_must_check_ int pamd_read(const struct pamd_source *source, const char *service,
                enum pamd_type type, struct pamd_stack *ret);

enum pamd_verdict {
        PAMD_ABSENT = 0, /* pam_kedge.so does not stand in it */
        PAMD_SKIPPED,    /* it can end well without pam_kedge.so being asked: word */
        PAMD_WEAK,       /* it can end well where pam_kedge.so says no: word is what comes next */
        PAMD_SHUT,       /* it never ends well for users who are not managed, or who are admitted */
        PAMD_GOOD,
};

/* word: a module, where the verdict names one; else empty. */
enum pamd_verdict pamd_judge(const struct pamd_stack *stack, char ret_word[PAMD_MODULE_MAX]);

/* The path that pam_kedge.so has in it, the first that stands there; NULL: none. */
const char *pamd_kedge(const struct pamd_stack *stack);
