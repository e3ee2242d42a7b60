/* netd.conf, taken whole or not at all: a word that we do not know, or a value that does not parse,
 * keeps us from starting. Who may write the file may hand us any link of the machine, so nobody but
 * root and our own user may. */

#include "agent/netd/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ini/ini_text.h"
#include "wire/owned.h"

_Static_assert(NETD_WHY_MAX == INI_WHY_MAX, "one buffer for both");

struct reader {
        struct ini_text text; /* first: the callbacks get it */
        struct netd_conf *conf;
        bool inside;
        unsigned seen;
};

/* The next word of a text, cut out of it into word. */
static bool next_word(const char **text, char *word, size_t cap) {
        size_t n;

        *text += strspn(*text, " \t");
        n = strcspn(*text, " \t");
        if (n == 0)
                return false;
        (void) snprintf(word, cap, "%.*s", (int) MIN(n, cap - 1), *text);
        *text += n;
        return true;
}

/* A name with a '*' at its end, or none; before it there is something. */
static bool pattern_valid(const char *word) {
        char name[NETD_LINK_NAME] = { 0 };
        size_t n = strcspn(word, "*");

        if (strlen(word) >= sizeof(name) || (word[n] != '\0' && word[n + 1] != '\0'))
                return false;
        memcpy(name, word, n);
        return netd_link_valid(name);
}

static const char *parse_names(
                const char *text, char (*ret)[NETD_LINK_NAME], size_t *ret_n, const char *none) {
        char word[NETD_LINK_NAME + 2];

        *ret_n = 0;
        while (next_word(&text, word, sizeof(word))) {
                if (*ret_n == NETD_CONF_WORDS)
                        return "names more than eight links";
                if (!pattern_valid(word))
                        return "is not a list of links such as: kedge* wgplant";
                (void) snprintf(ret[(*ret_n)++], NETD_LINK_NAME, "%.15s", word);
        }
        return *ret_n > 0 ? NULL : none;
}

static const char *parse_links(const char *text, struct netd_conf *c) {
        return parse_names(text, c->links, &c->n_links, "names no link");
}

/* Nothing behind it: no link may be closed. */
static const char *parse_only(const char *text, struct netd_conf *c) {
        c->only_bound = true;
        return parse_names(text, c->only, &c->n_only, NULL);
}

static const char *parse_prefixes(const char *text, struct netd_conf *c) {
        char word[IP_TEXT_MAX];

        c->n_prefixes = 0;
        while (next_word(&text, word, sizeof(word))) {
                if (c->n_prefixes == NETD_CONF_WORDS)
                        return "names more than eight prefixes";
                if (ip_prefix_parse(VIEW_TEXT(word), &c->prefix[c->n_prefixes]) < 0)
                        return "is not a list of prefixes such as: 10.9.0.0/16 fd00:9::/64";
                c->n_prefixes++;
        }
        return c->n_prefixes > 0 ? NULL : "names no prefix";
}

static const char *parse_backend(const char *text, struct netd_conf *c) {
        static const char *const words[] = { "auto", "kernel", "userspace" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(text, words[i]) == 0) {
                        c->backend = (enum machine_backend) i;
                        return NULL;
                }
        return "is neither auto, kernel nor userspace";
}

static const struct {
        const char *key;
        const char *(*parse)(const char *text, struct netd_conf *c);
} keys[] = {
        { "Links", parse_links },
        { "Prefixes", parse_prefixes },
        { "OnlyFleet", parse_only },
        { "Backend", parse_backend },
};

static void open_section(struct ini_text *text, const char *name) {
        struct reader *in = (struct reader *) text;

        in->inside = strcmp(name, "Netd") == 0;
        if (!in->inside)
                ini_complain(text, "the section", "is not [Netd]");
}

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct reader *in = (struct reader *) text;
        const char *why;
        size_t i = 0;

        while (i < ELEMENTSOF(keys) && strcmp(keys[i].key, key) != 0)
                i++;
        if (!in->inside)
                why = "stands before [Netd]";
        else if (i == ELEMENTSOF(keys))
                why = "is not a key that [Netd] knows";
        else if (in->seen & 1u << i)
                why = "stands twice";
        else
                why = keys[i].parse(value, in->conf);
        if (why)
                ini_complain(text, key, why);
        else
                in->seen |= 1u << i;
}

void netd_conf_init(struct netd_conf *c) {
        *c = (struct netd_conf){ .n_links = 1, .links = { "kedge*" }, .backend = MACHINE_AUTO };
}

int netd_conf_read(
                struct netd_conf *ret, const char *path, struct view text, char why[NETD_WHY_MAX]) {
        struct netd_conf c;
        struct reader in = {
                .text = { .path = path, .why = why, .open = open_section, .take = take_key },
                .conf = &c,
        };
        int r;

        netd_conf_init(&c);
        r = ini_text_read(&in.text, text);
        if (r == -ENOMEM)
                (void) snprintf(why, NETD_WHY_MAX, "%.300s: out of memory", path);
        if (r == 0)
                *ret = c;
        return r;
}

static int refuse(char why[NETD_WHY_MAX], const char *path, const char *what, int r) {
        (void) snprintf(why, NETD_WHY_MAX, "%.300s: %s%s%s", path, what, r < 0 ? ": " : "",
                        r < 0 ? strerrordesc_np(-r) : "");
        return r < 0 ? r : -EINVAL;
}

static int check_file(int fd, const char *path, char why[NETD_WHY_MAX]) {
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

int netd_conf_load(struct netd_conf *ret, const char *path, bool may_lack, char why[NETD_WHY_MAX]) {
        _cleanup_(owned_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char text[NETD_CONF_FILE_MAX + 1];
        size_t n = 0;
        ssize_t k;
        int r;

        if (fd < 0 && errno == ENOENT && may_lack) {
                netd_conf_init(ret);
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
        if (n > NETD_CONF_FILE_MAX)
                return refuse(why, path, "larger than 16 kB", 0);
        return netd_conf_read(ret, path, VIEW(text, n), why);
}

/* Whole names, or beginnings with a '*'. */
static bool has_name(const char (*words)[NETD_LINK_NAME], size_t n_words, const char *link) {
        size_t n = strnlen(link, NETD_LINK_NAME);

        for (size_t i = 0; i < n_words; i++) {
                const char *word = words[i];
                size_t k = strnlen(word, NETD_LINK_NAME);

                if (word[k - 1] == '*' ? n >= k - 1 && memcmp(link, word, k - 1) == 0
                                       : n == k && memcmp(link, word, k) == 0)
                        return true;
        }
        return false;
}

static bool ends_in(const char *link, const char *end) {
        size_t n = strnlen(link, NETD_LINK_NAME), k = strlen(end);

        return n >= k && memcmp(link + n - k, end, k) == 0;
}

bool netd_conf_has_link(const struct netd_conf *c, const char *link) {
        /* LINK.next.key is the next key of LINK. */
        return !ends_in(link, ".next") && !ends_in(link, ".old") &&
               has_name(c->links, c->n_links, link);
}

bool netd_conf_has_only(const struct netd_conf *c, const char *link) {
        return !c->only_bound || has_name(c->only, c->n_only, link);
}

bool netd_conf_has_prefix(const struct netd_conf *c, const struct ip_prefix *p) {
        /* RFC 1918, section 3; RFC 6598, section 7; RFC 4193, section 3.1 */
        static const struct ip_prefix private_ones[] = {
                { { .family = 4, .b = { 10 } }, 8 },
                { { .family = 4, .b = { 172, 16 } }, 12 },
                { { .family = 4, .b = { 192, 168 } }, 16 },
                { { .family = 4, .b = { 100, 64 } }, 10 },
                { { .family = 6, .b = { 0xfc } }, 7 },
        };
        const struct ip_prefix *list = c->n_prefixes > 0 ? c->prefix : private_ones;
        size_t n = c->n_prefixes > 0 ? c->n_prefixes : ELEMENTSOF(private_ones);

        for (size_t i = 0; i < n; i++)
                if (p->len >= list[i].len && ip_in_prefix(&p->ip, &list[i]))
                        return true;
        return false;
}
