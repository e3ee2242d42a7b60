/* timed.conf, taken whole or not at all: a word that we do not know, or a value that does not parse,
 * keeps us from starting. Who may write the file may say how far the clock is set, so nobody but
 * root and our own user may. */

#include "agent/timed/conf.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ini/ini_text.h"
#include "wire/owned.h"

#define DAY_S       UINT64_C(86400)
#define YEAR_S      (365 * DAY_S)
#define FORWARD_MAX (100 * YEAR_S)

_Static_assert(TIMED_WHY_MAX == INI_WHY_MAX, "one buffer for both");

struct reader {
        struct ini_text text; /* first: the callbacks get it */
        struct timed_config *config;
        bool inside;
        unsigned seen;
};

static const char *parse_seconds(const char *text, uint64_t max, uint64_t *ret) {
        static const struct {
                const char *unit;
                uint64_t s;
        } units[] = {
                { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", DAY_S }, { "y", YEAR_S },
        };
        uint64_t x = 0;
        size_t n = 0;

        for (; text[n] >= '0' && text[n] <= '9' && n < 10; n++)
                x = x * 10 + (uint64_t) (text[n] - '0');
        if (n == 0 || x == 0)
                return "is not a duration such as 30min, 400d or 6y";
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(text + n, units[i].unit) == 0) {
                        if (x > max / units[i].s)
                                return "is longer than this key takes";
                        *ret = x * units[i].s;
                        return NULL;
                }
        return "has no unit that we know: s, min, h, d or y (365 days)";
}

static const char *parse_forward(const char *text, void *dest) {
        return parse_seconds(text, FORWARD_MAX, dest);
}

static const char *parse_width(const char *text, void *dest) {
        return parse_seconds(text, DAY_S, dest);
}

static const char *parse_chain(const char *text, void *dest) {
        size_t n = strlen(text);

        if (n == 0 || n >= sizeof(((struct timed_config *) 0)->chain))
                return "is not a chain's name of 1 to 31 characters";
        memcpy(dest, text, n + 1);
        return NULL;
}

static const char *parse_socket(const char *text, void *dest) {
        size_t n = strlen(text);

        if (text[0] != '/' || n >= sizeof(((struct timed_config *) 0)->chrony))
                return "is not an absolute path of at most 107 characters";
        memcpy(dest, text, n + 1);
        return NULL;
}

static const struct timed_key {
        const char *key;
        const char *(*parse)(const char *text, void *dest);
        size_t offset;
} keys[] = {
        { "Chain", parse_chain, offsetof(struct timed_config, chain) },
        { "MaxForward", parse_forward, offsetof(struct timed_config, limits.max_forward_s) },
        { "ChronySocket", parse_socket, offsetof(struct timed_config, chrony) },
        { "ChronyWidth", parse_width, offsetof(struct timed_config, limits.chrony_width_s) },
};

static void open_section(struct ini_text *text, const char *name) {
        struct reader *in = (struct reader *) text;

        in->inside = strcmp(name, "Timed") == 0;
        if (!in->inside)
                ini_complain(text, "the section", "is not [Timed]");
}

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct reader *in = (struct reader *) text;
        const char *why;
        size_t i = 0;

        while (i < ELEMENTSOF(keys) && strcmp(keys[i].key, key) != 0)
                i++;
        if (!in->inside)
                why = "stands before [Timed]";
        else if (i == ELEMENTSOF(keys))
                why = "is not a key that [Timed] knows";
        else if (in->seen & 1u << i)
                why = "stands twice";
        else
                why = keys[i].parse(value, (char *) in->config + keys[i].offset);
        if (why)
                ini_complain(text, key, why);
        else
                in->seen |= 1u << i;
}

void timed_config_init(struct timed_config *c) {
        *c = (struct timed_config){
                .limits = { .build_s = KEDGE_BUILD_DATE, .max_forward_s = 5 * YEAR_S,
                                .chrony_width_s = 1800 },
        };
}

int timed_config_read(struct timed_config *ret, const char *path, struct view text,
                char why[TIMED_WHY_MAX]) {
        struct timed_config c;
        struct reader in = {
                .text = { .path = path, .why = why, .open = open_section, .take = take_key },
                .config = &c,
        };
        int r;

        timed_config_init(&c);
        r = ini_text_read(&in.text, text);
        if (r == -ENOMEM)
                (void) snprintf(why, TIMED_WHY_MAX, "%.300s: out of memory", path);
        if (r == 0)
                *ret = c;
        return r;
}

static int refuse(char why[TIMED_WHY_MAX], const char *path, const char *what, int r) {
        (void) snprintf(why, TIMED_WHY_MAX, "%.300s: %s%s%s", path, what, r < 0 ? ": " : "",
                        r < 0 ? strerror(-r) : "");
        return r < 0 ? r : -EINVAL;
}

static int check_file(int fd, const char *path, char why[TIMED_WHY_MAX]) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return refuse(why, path, "cannot be read", -errno);
        if (!S_ISREG(st.st_mode))
                return refuse(why, path, "not a regular file", 0);
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return refuse(why, path, "belongs to another user: chown root", 0);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return refuse(why, path, "others may write it: chmod go-w", 0);
        return 0;
}

int timed_config_load(struct timed_config *ret, const char *path, bool may_lack,
                char why[TIMED_WHY_MAX]) {
        _cleanup_(owned_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char text[TIMED_FILE_MAX + 1];
        size_t n = 0;
        ssize_t k;
        int r;

        if (fd < 0 && errno == ENOENT && may_lack) {
                timed_config_init(ret);
                return 0;
        }
        if (fd < 0)
                return refuse(why, path, "cannot be opened", -errno);
        r = check_file(fd, path, why);
        if (r < 0)
                return r;
        do {
                k = read(fd, text + n, sizeof(text) - n);
                n += k > 0 ? (size_t) k : 0;
        } while ((k > 0 && n < sizeof(text)) || (k < 0 && errno == EINTR));
        if (k < 0)
                return refuse(why, path, "cannot be read", -errno);
        if (n > TIMED_FILE_MAX)
                return refuse(why, path, "larger than 16 kB", 0);
        return timed_config_read(ret, path, VIEW(text, n), why);
}
