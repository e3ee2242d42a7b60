/* The options of the module. A word that is none is remembered, never passed over: a typing error
 * must be seen, and must not admit. */

#include "pam/args.h"

#include <stddef.h>
#include <string.h>

#include "config.h"

/* "250", "250ms", "3s". */
static bool read_timeout(const char *text, int *ret_ms) {
        size_t n = strspn(text, "0123456789");
        int x = 0, unit = 1;

        if (n == 0 || n > 5)
                return false;
        for (size_t i = 0; i < n; i++)
                x = x * 10 + (text[i] - '0');
        if (strcmp(text + n, "s") == 0)
                unit = 1000;
        else if (text[n] != '\0' && strcmp(text + n, "ms") != 0)
                return false;
        if (x > ARGS_TIMEOUT_MAX_MS / unit || x * unit < ARGS_TIMEOUT_MIN_MS)
                return false;
        *ret_ms = x * unit;
        return true;
}

static bool read_path(const char *text, const char **ret) {
        if (text[0] != '/' || strlen(text) > ARGS_PATH_MAX)
                return false;
        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~') /* it stands in the journal */
                        return false;
        *ret = text;
        return true;
}

static bool read_word(const char *word, struct args *a) {
        if (strcmp(word, "debug") == 0)
                a->debug = true;
        else if (strcmp(word, "nodelay") == 0)
                a->no_delay = true;
        else if (strcmp(word, "groups") == 0)
                a->groups_only = true;
        else if (strncmp(word, "timeout=", 8) == 0)
                return read_timeout(word + 8, &a->timeout_ms);
        else if (strncmp(word, "conf=", 5) == 0)
                return read_path(word + 5, &a->conf);
        else if (strncmp(word, "runtime=", 8) == 0)
                return read_path(word + 8, &a->runtime);
        else
                return false;
        return true;
}

void args_read(int argc, const char **argv, struct args *ret) {
        *ret = (struct args){ .conf = KEDGE_CONF_DIR "/login.conf",
                .runtime = KEDGE_RUNTIME_DIR,
                .timeout_ms = ARGS_TIMEOUT_MS };
        if (argc > 0 && !argv)
                ret->wrong = "(none)";
        for (int i = 0; argv && i < argc; i++) {
                const char *word = argv[i] ? argv[i] : "(none)";

                if (!read_word(word, ret) && !ret->wrong)
                        ret->wrong = word;
        }
}
