/* agent/kedgectl/nsswitch: a file of any content. What must hold: the word is one of the file; a file
 * that is good names kedge in a line hosts:; adding a second line hosts: makes none good. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedgectl/nsswitch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char more[] = "\nhosts: files kedge\n";
        char word[NSSWITCH_WORD_MAX];
        enum nsswitch_verdict v = nsswitch_judge(VIEW(data, size), word);
        uint8_t *twice;

        MUST(memchr(word, 0, sizeof(word)));
        MUST((word[0] != '\0') == (v >= NSSWITCH_LATE && v <= NSSWITCH_CUTS));
        MUST(word[0] == '\0' || memmem(data, size, word, strlen(word)));
        if (v > NSSWITCH_NO_KEDGE)
                MUST(memmem(data, size, "hosts", 5) && memmem(data, size, "kedge", 5));
        twice = malloc(size + sizeof(more));
        MUST(twice);
        memcpy(twice, data, size);
        memcpy(twice + size, more, sizeof(more) - 1);
        if (v != NSSWITCH_NO_HOSTS)
                MUST(nsswitch_judge(VIEW(twice, size + sizeof(more) - 1), word) == NSSWITCH_MALFORMED);
        free(twice);
        return 0;
}
