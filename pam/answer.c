/* The form of a signature; whether it is one is for the agent to say. */

#include "pam/answer.h"

#include <string.h>

#include "base/hex.h"

bool answer_read(const char *text, uint8_t ret[ANSWER_SIZE]) {
        static const char blanks[] = " \t\r\n";
        size_t n;

        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        return hex_decode(VIEW(text, n), ret, ANSWER_SIZE) == 0;
}
