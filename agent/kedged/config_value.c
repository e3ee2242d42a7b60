/* Values of the configuration. Strict: a value has one meaning or is refused; nothing is cut,
 * rounded or guessed. */

#include "agent/kedged/config_value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/budget.h"
#include "agent/kedged/config.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

#define CONFIG_PASSWD   "/etc/passwd"
#define DURATION_MAX_MS (UINT64_C(10) * 365 * 86400 * 1000)
#define WAIT_MAX_MS     UINT64_C(86400000)
#define BLOCK_MAX       (UINT64_C(1) << 48) /* as the backend has it */

/* Digits alone, without sign or leading zero; yields where they end. */
static bool digits(const char **text, uint64_t *ret) {
        const char *p = *text;
        uint64_t x = 0;

        if (!isdigit((unsigned char) *p) || (p[0] == '0' && isdigit((unsigned char) p[1])))
                return false;
        for (; isdigit((unsigned char) *p); p++) {
                uint64_t d = (uint64_t) (*p - '0');

                if (x > (UINT64_MAX - d) / 10)
                        return false;
                x = x * 10 + d;
        }
        *text = p;
        *ret = x;
        return true;
}

const char *config_parse_path(const char *text, void *dest) {
        size_t n = strlen(text);

        if (text[0] != '/')
                return "is not an absolute path";
        if (n > CONFIG_PATH_MAX)
                return "is too long: at most 90 bytes";
        while (n > 1 && text[n - 1] == '/')
                n--;
        memcpy(dest, text, n);
        ((char *) dest)[n] = 0;
        return NULL;
}

const char *config_parse_file(const char *text, void *dest) {
        size_t n = strlen(text);

        if (n == 0) {
                *(char *) dest = 0;
                return NULL;
        }
        if (text[n - 1] == '/')
                return "is a folder: write a file's path";
        return config_parse_path(text, dest);
}

const char *config_parse_socket(const char *text, void *dest) {
        return text[0] ? config_parse_file(text, dest) : "is empty: leave it out for the default";
}

const char *config_parse_uid(const char *text, void *dest) {
        uint64_t x;

        if (!digits(&text, &x) || *text != 0 || x >= UINT32_MAX)
                return "is not a numeric user id";
        *(uid_t *) dest = (uid_t) x;
        return NULL;
}

/* Read from the file itself: getpwnam() may ask the network, and in the end ask us. */
const char *config_parse_user(const char *text, void *dest) {
        _cleanup_(file_closep) FILE *f = fopen(CONFIG_PASSWD, "re");
        char line[1024];
        size_t n = strlen(text);

        if (!f)
                return "cannot be looked up: /etc/passwd cannot be opened";
        if (n == 0 || strchr(text, ':'))
                return "is not a user's name";
        while (fgets(line, sizeof(line), f)) {
                const char *p = line + n;
                uint64_t uid;

                if (strncmp(line, text, n) != 0 || *p != ':')
                        continue;
                p = strchr(p + 1, ':');
                if (!p++ || !digits(&p, &uid) || *p != ':' || uid >= UINT32_MAX)
                        break;
                *(uid_t *) dest = (uid_t) uid;
                return NULL;
        }
        return "is not a user of /etc/passwd";
}

const char *config_parse_number(const char *text, void *dest) {
        uint64_t x;

        if (!digits(&text, &x) || *text != 0)
                return "is not a decimal number";
        *(uint64_t *) dest = x;
        return NULL;
}

const char *config_parse_bytes(const char *text, void *dest) {
        static const struct {
                const char *unit;
                uint64_t bytes;
        } units[] = { { "kB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 } };
        uint64_t x, unit = 0;

        if (!digits(&text, &x))
                return "is not a number of bytes such as 500kB, 20MB or 1GB";
        while (*text == ' ')
                text++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(text, units[i].unit) == 0)
                        unit = units[i].bytes;
        if (unit == 0 && (x != 0 || *text != 0))
                return "has no unit that we know: kB, MB or GB";
        if (x > 0 && x > BUDGET_MAX / unit)
                return "is more than 100GB: write 0 for no limit";
        if (x > 0 && x * unit < BUDGET_MIN)
                return "is less than 1MB, which follows no chain; 0 is no limit";
        *(uint64_t *) dest = x * unit;
        return NULL;
}

const char *config_parse_share(const char *text, void *dest) {
        uint64_t x;

        if (config_parse_number(text, &x) || x < 1 || x > 50)
                return "is not a number from 1 to 50";
        *(uint64_t *) dest = x;
        return NULL;
}

const char *config_parse_version(const char *text, void *dest) {
        uint64_t x;

        if (config_parse_number(text, &x) || x < 1 || x > 2)
                return "is neither 1 nor 2";
        *(uint64_t *) dest = x;
        return NULL;
}

const char *config_parse_pause(const char *text, void *dest) {
        static const struct {
                const char *unit;
                uint64_t ms;
        } units[] = {
                { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 },
        };
        uint64_t x;

        if (!digits(&text, &x))
                return "is not a duration such as 500ms, 5s, 30min, 1h or 2d";
        while (*text == ' ')
                text++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(text, units[i].unit) == 0) {
                        if (x > DURATION_MAX_MS / units[i].ms)
                                return "is longer than ten years";
                        *(uint64_t *) dest = x * units[i].ms;
                        return NULL;
                }
        if (*text == 0 && x == 0) {
                *(uint64_t *) dest = 0;
                return NULL;
        }
        return "has no unit that we know: ms, s, min, h or d";
}

const char *config_parse_duration(const char *text, void *dest) {
        uint64_t x;
        const char *why = config_parse_pause(text, &x);

        if (why)
                return why;
        if (x == 0)
                return "must not be zero";
        *(uint64_t *) dest = x;
        return NULL;
}

const char *config_parse_wait(const char *text, void *dest) {
        uint64_t x;
        const char *why = config_parse_duration(text, &x);

        if (why)
                return why;
        if (x > WAIT_MAX_MS)
                return "is longer than a day";
        *(uint64_t *) dest = x;
        return NULL;
}

const char *config_parse_address(const char *text, void *dest) {
        struct address a;

        if (strncmp(text, "0x", 2) != 0 || hex_decode(VIEW_TEXT(text), a.b, sizeof(a.b)) < 0)
                return "is not an address: 0x and 40 hexadecimal digits";
        memcpy(dest, &a, sizeof(a));
        return NULL;
}

const char *config_parse_hash(const char *text, void *dest) {
        struct hash32 h;

        if (strncmp(text, "0x", 2) != 0 || hex_decode(VIEW_TEXT(text), h.b, sizeof(h.b)) < 0)
                return "is not 0x and 64 hexadecimal digits";
        memcpy(dest, &h, sizeof(h));
        return NULL;
}

const char *config_parse_root(const char *text, void *dest) {
        struct hash32 h;
        const char *why = config_parse_hash(text, &h);

        if (why)
                return why;
        if (hash32_is_zero(&h))
                return "is a hash of zeros, which no block has";
        memcpy(dest, &h, sizeof(h));
        return NULL;
}

const char *config_parse_block(const char *text, void *dest) {
        struct block_ref ref = { 0 };
        const char *why;

        if (strncmp(text, "0x", 2) == 0) {
                why = config_parse_root(text, &ref.hash);
                if (!why)
                        memcpy(dest, &ref, sizeof(ref));
                return why;
        }
        if (!digits(&text, &ref.number) || *text != ':')
                return "is neither NUMBER:0xHASH nor 0xROOT";
        text++;
        if (config_parse_hash(text, &ref.hash))
                return "has no hash of 0x and 64 hexadecimal digits behind the number";
        if (hash32_is_zero(&ref.hash))
                return "has a hash of zeros, which no block has";
        if (ref.number < 100) /* block 0 has no miner */
                return "is too low: following starts from the 100 headers that end at it";
        if (ref.number > BLOCK_MAX)
                return "is higher than any chain";
        memcpy(dest, &ref, sizeof(ref));
        return NULL;
}

const char *config_parse_chain(const char *text, void *dest) {
        size_t n = strlen(text);

        if (n == 0 || n >= CONFIG_CHAIN_NAME)
                return "is not a chain's name of 1 to 31 characters";
        for (size_t i = 0; i < n; i++)
                if (!(text[i] >= 'a' && text[i] <= 'z') && !isdigit((unsigned char) text[i]) &&
                        (text[i] != '-' || i == 0))
                        return "is not a chain's name: a to z, 0 to 9 and '-' inside";
        memcpy(dest, text, n + 1);
        return NULL;
}

const char *config_parse_backend(const char *text, void *dest) {
        if (strcmp(text, "blockquick") != 0 && strcmp(text, "ethereum") != 0)
                return "is not a backend of ours: blockquick or ethereum";
        memcpy(dest, text, strlen(text) + 1);
        return NULL;
}

const char *config_parse_stale(const char *text, void *dest) {
        static const char *const words[] = { "deny", "serve", "keep" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(text, words[i]) == 0) {
                        *(enum config_stale *) dest = (enum config_stale) i;
                        return NULL;
                }
        return "is not deny, serve or keep";
}

const char *config_parse_bool(const char *text, void *dest) {
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
                return "is neither yes nor no";
        *(bool *) dest = text[0] == 'y';
        return NULL;
}

const char *config_parse_kind(const char *text, void *dest) {
        if (strcmp(text, "map") != 0 && strcmp(text, "ens") != 0)
                return "is neither map nor ens";
        *(enum config_zone_kind *) dest = text[0] == 'e' ? ZONE_ENS : ZONE_MAP;
        return NULL;
}

bool config_word_bit(struct view word, uint8_t *ret) {
        unsigned x = 0;

        if (word.n == 0 || word.n > 3 || (word.n > 1 && word.p[0] == '0'))
                return false;
        for (size_t i = 0; i < word.n; i++) {
                if (word.p[i] < '0' || word.p[i] > '9')
                        return false;
                x = x * 10 + word.p[i] - '0';
        }
        if (x > 255)
                return false;
        *ret = (uint8_t) x;
        return true;
}
