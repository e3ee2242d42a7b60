/* agent/kedgectl/pamd: a stack of any content. What must hold: the module that a verdict names stands in
 * it; a stack that is well has pam_kedge.so, and with a line before it that can end it well it is well no
 * more. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedgectl/pamd.h"

static struct view texts[2];

static bool find(void *userdata, const char *name, struct view *ret) {
        (void) userdata;
        *ret = texts[name[0] == 'b'];
        return name[0] == 'a' || name[0] == 'b';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char first[] = "account sufficient pam_localuser.so\n";
        static struct pamd_stack stack;
        const struct pamd_source source = { find, NULL };
        const uint8_t *cut = size > 0 ? memchr(data, '\0', size) : NULL;
        size_t n = cut ? (size_t) (cut - data) : size;
        char word[PAMD_MODULE_MAX];
        uint8_t *more;

        texts[0] = VIEW(data, n);
        texts[1] = cut ? VIEW(cut + 1, size - n - 1) : VIEW(NULL, 0);
        if (pamd_read(&source, "a", PAMD_ACCOUNT, &stack) < 0)
                return 0;
        MUST(stack.n <= PAMD_LINES_MAX);
        for (size_t i = 0; i < stack.n; i++)
                MUST(stack.line[i].level < PAMD_LEVELS_MAX + 1 &&
                                memchr(stack.line[i].module, 0, PAMD_MODULE_MAX));
        enum pamd_verdict v = pamd_judge(&stack, word);

        MUST(memchr(word, 0, sizeof(word)));
        MUST((v == PAMD_ABSENT) == (pamd_kedge(&stack) == NULL));
        if (v != PAMD_GOOD)
                return 0;
        more = malloc(n + sizeof(first));
        MUST(more);
        memcpy(more, first, sizeof(first) - 1);
        if (n > 0)
                memcpy(more + sizeof(first) - 1, data, n);
        texts[0] = VIEW(more, n + sizeof(first) - 1);
        if (pamd_read(&source, "a", PAMD_ACCOUNT, &stack) == 0 && stack.line[0].kind == PAMD_MODULE) {
                MUST(pamd_judge(&stack, word) == PAMD_SKIPPED);
                MUST(strcmp(word, "pam_localuser.so") == 0);
        }
        free(more);
        return 0;
}
