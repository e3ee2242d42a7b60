/* Running a stack as libpam does (pam_dispatch.c), with all that its modules could answer. Of each line
 * is kept which impressions it can be reached with, and whether pam_kedge.so was asked before, or passed
 * by; every step leads forward, so one walk over the lines sees all runs. */

#include <string.h>

#include "agent/kedgectl/pamd.h"

#define KEDGE "pam_kedge.so"

#define ALL     UINT32_C(0xffffffff)
#define SUCCESS (UINT32_C(1) << 0)
#define IGNORE  (UINT32_C(1) << 25)
#define DENIED  (UINT32_C(1) << 6)

/* libpam's impression; FAILING is a positive one of another value than success. */
enum impression { UNDECIDED, POSITIVE, FAILING, NEGATIVE, IMPRESSIONS };
enum asked { NOT_YET, ASKED, PASSED, ASKEDS };

struct run {
        const struct pamd_stack *stack;
        uint32_t kedge; /* what it answers */
        bool reached[PAMD_LINES_MAX + 1][IMPRESSIONS][ASKEDS];
        uint16_t by[PAMD_LINES_MAX + 1]; /* which line led past it */
};

static const char *base_name(const char *module) {
        const char *slash = strrchr(module, '/');

        return slash ? slash + 1 : module;
}

static bool is_kedge(const struct pamd_line *l) {
        return l->kind == PAMD_MODULE && strcmp(base_name(l->module), KEDGE) == 0;
}

static uint32_t answers(const struct run *r, const struct pamd_line *l) {
        const char *name = base_name(l->module);

        if (l->kind == PAMD_MUST_FAIL)
                return DENIED;
        if (l->kind == PAMD_GROUPS)
                return IGNORE;
        if (is_kedge(l))
                return r->kedge;
        if (strcmp(name, "pam_permit.so") == 0)
                return SUCCESS;
        if (strcmp(name, "pam_deny.so") == 0 || strcmp(name, "pam_rootok.so") == 0) /* not for root */
                return ALL & ~(SUCCESS | IGNORE);
        return ALL;
}

/* The end of the substack that line i is in; of the whole stack at level 0. */
static size_t end_of_level(const struct pamd_stack *s, size_t i) {
        uint8_t level = s->line[i].level;

        while (i + 1 < s->n && s->line[i + 1].level >= level)
                i++;
        return i + 1;
}

/* Behind count modules that follow line i; a substack counts as one. n + 1: there are not so many. */
static size_t jump(const struct pamd_stack *s, size_t i, int count) {
        uint8_t level = s->line[i].level;

        for (; count > 0 && i + 1 < s->n && s->line[i + 1].level >= level; count--)
                do
                        i++;
                while (i + 1 < s->n && s->line[i + 1].level > level);
        return count > 0 ? s->n + 1 : i + 1;
}

static void reach(struct run *r, size_t from, size_t to, enum impression imp, enum asked asked) {
        for (size_t i = from + 1; i < to && asked == NOT_YET; i++)
                if (is_kedge(&r->stack->line[i])) {
                        asked = PASSED;
                        if (r->by[to] == 0 && imp != NEGATIVE)
                                r->by[to] = (uint16_t) (from + 1);
                }
        if (asked == PASSED && r->by[to] == 0 && imp != NEGATIVE)
                r->by[to] = r->by[from];
        r->reached[to][imp][asked] = true;
}

/* Line i answers code. */
static void step(struct run *r, size_t i, unsigned code, enum impression imp, enum asked asked) {
        const struct pamd_line *l = &r->stack->line[i];
        int action = l->action[code];
        size_t to = i + 1;

        if (action == PAMD_OK || action == PAMD_DONE) {
                if (imp == UNDECIDED || imp == POSITIVE)
                        imp = code == 0 ? POSITIVE : FAILING;
                if (action == PAMD_DONE && imp != NEGATIVE)
                        to = end_of_level(r->stack, i);
        } else if (action == PAMD_BAD || action == PAMD_DIE) {
                imp = NEGATIVE;
                if (action == PAMD_DIE)
                        to = end_of_level(r->stack, i);
        } else if (action == PAMD_RESET)
                imp = UNDECIDED; /* in a substack: what it was before, which is no better for us */
        else if (action > 0) {
                to = jump(r->stack, i, action);
                if (to > r->stack->n) {
                        to = r->stack->n;
                        imp = NEGATIVE;
                }
        }
        reach(r, i, to, imp, asked);
}

static void walk(struct run *r) {
        r->reached[0][UNDECIDED][NOT_YET] = true;
        for (size_t i = 0; i < r->stack->n; i++) {
                const struct pamd_line *l = &r->stack->line[i];
                uint32_t can = answers(r, l);

                for (enum impression imp = 0; imp < IMPRESSIONS; imp++)
                        for (enum asked a = 0; a < ASKEDS; a++) {
                                if (!r->reached[i][imp][a])
                                        continue;
                                if (l->kind == PAMD_SUBSTACK)
                                        reach(r, i, i + 1, imp, a);
                                for (unsigned c = 0; l->kind != PAMD_SUBSTACK && c < PAMD_CODES; c++)
                                        if (can >> c & 1)
                                                step(r, i, c, imp, is_kedge(l) ? ASKED : a);
                        }
        }
}

static void say(const struct pamd_stack *s, size_t i, char ret_word[PAMD_MODULE_MAX]) {
        if (i < s->n)
                memcpy(ret_word, s->line[i].module, PAMD_MODULE_MAX);
}

/* Can it end well where pam_kedge.so answers so? */
static bool ends_well(const struct pamd_stack *stack, uint32_t kedge, struct run *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->stack = stack;
        ret->kedge = kedge;
        walk(ret);
        for (enum asked a = 0; a < ASKEDS; a++)
                if (ret->reached[stack->n][POSITIVE][a])
                        return true;
        return false;
}

const char *pamd_kedge(const struct pamd_stack *stack) {
        for (size_t i = 0; i < stack->n; i++)
                if (is_kedge(&stack->line[i]))
                        return stack->line[i].module;
        return NULL;
}

enum pamd_verdict pamd_judge(const struct pamd_stack *stack, char ret_word[PAMD_MODULE_MAX]) {
        struct run run;
        size_t last = stack->n;

        memset(ret_word, 0, PAMD_MODULE_MAX);
        for (size_t i = 0; i < stack->n; i++)
                if (is_kedge(&stack->line[i]))
                        last = i;
        if (last == stack->n)
                return PAMD_ABSENT;
        if (ends_well(stack, ALL & ~(SUCCESS | IGNORE), &run)) {
                if (!run.reached[stack->n][POSITIVE][ASKED]) {
                        say(stack, run.by[stack->n] - 1U, ret_word);
                        return PAMD_SKIPPED;
                }
                say(stack, last + 1, ret_word);
                return PAMD_WEAK;
        }
        if (!ends_well(stack, IGNORE, &run) || !ends_well(stack, SUCCESS, &run))
                return PAMD_SHUT;
        return PAMD_GOOD;
}
