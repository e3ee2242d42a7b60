/* Lines of a keyword and its words, in any case of letters, divided by blanks or one '='; quotes around a
 * word; a comment from '#' on where a word could begin. */

#include "agent/kedgectl/sshd_conf.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct {
        const char *name;
        enum sshd_key key;
} keys[] = {
        { "UsePAM", SSHD_USE_PAM },
        { "AuthorizedKeysCommand", SSHD_KEYS_COMMAND },
        { "AuthorizedKeysCommandUser", SSHD_KEYS_COMMAND_USER },
        { "AuthorizedKeysFile", SSHD_KEYS_FILE },
        { "TrustedUserCAKeys", SSHD_TRUSTED_CA },
        { "PermitUserEnvironment", SSHD_USER_ENVIRONMENT },
};

static bool is_blank(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

/* The next word, in quotes or not. Empty at the end. */
static struct view take_word(struct view *line) {
        struct view word;
        size_t n = 0;
        bool quoted;

        while (line->n > 0 && is_blank(line->p[0]))
                *line = VIEW(line->p + 1, line->n - 1);
        if (line->n == 0 || line->p[0] == '#')
                return VIEW(NULL, 0);
        quoted = line->p[0] == '"';
        if (quoted)
                *line = VIEW(line->p + 1, line->n - 1);
        while (n < line->n && (quoted ? line->p[n] != '"' : !is_blank(line->p[n])))
                n++;
        word = VIEW(line->p, n);
        n += quoted && n < line->n;
        *line = VIEW(line->p + n, line->n - n);
        return word;
}

/* "Keyword", "Keyword value", "Keyword=value". */
static struct view take_keyword(struct view *line) {
        size_t n = 0;
        struct view word;

        while (line->n > 0 && is_blank(line->p[0]))
                *line = VIEW(line->p + 1, line->n - 1);
        while (n < line->n && !is_blank(line->p[n]) && line->p[n] != '=' && line->p[n] != '#')
                n++;
        word = VIEW(line->p, n);
        *line = VIEW(line->p + n, line->n - n);
        while (line->n > 0 && is_blank(line->p[0]))
                *line = VIEW(line->p + 1, line->n - 1);
        if (line->n > 0 && line->p[0] == '=')
                *line = VIEW(line->p + 1, line->n - 1);
        return word;
}

static bool is_word(struct view v, const char *word) {
        return v.n == strlen(word) && strncasecmp((const char *) v.p, word, v.n) == 0;
}

static enum sshd_key key_of(struct view name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (is_word(name, keys[i].name))
                        return keys[i].key;
        return SSHD_NONE;
}

static const char *own(const struct sshd_conf *conf, unsigned block, enum sshd_key key) {
        for (size_t i = 0; i < conf->n; i++)
                if (conf->value[i].block == block && conf->value[i].key == key)
                        return conf->value[i].value;
        return NULL;
}

static int put(struct sshd_conf *conf, unsigned block, enum sshd_key key, struct view word) {
        if (key == SSHD_NONE || own(conf, block, key))
                return 0;
        if (conf->n == SSHD_CONF_VALUES || word.n >= SSHD_CONF_VALUE_MAX)
                return -E2BIG;
        conf->value[conf->n].block = block;
        conf->value[conf->n].key = key;
        memset(conf->value[conf->n].value, 0, SSHD_CONF_VALUE_MAX);
        if (word.n > 0)
                memcpy(conf->value[conf->n].value, word.p, word.n);
        conf->n++;
        return 0;
}

struct place {
        unsigned block, depth;
        sshd_conf_include_fn *include;
        void *userdata;
};

static int take_includes(struct sshd_conf *conf, struct view line, const struct place *at) {
        for (struct view word = take_word(&line); word.n > 0; word = take_word(&line)) {
                char pattern[SSHD_CONF_VALUE_MAX] = "";
                int r;

                if (word.n >= sizeof(pattern))
                        return -E2BIG;
                if (at->depth == SSHD_CONF_DEPTH_MAX)
                        return -ELOOP;
                memcpy(pattern, word.p, word.n);
                r = at->include(at->userdata, conf, pattern, at->block, at->depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_line(struct sshd_conf *conf, struct view line, struct place *at) {
        struct view name = take_keyword(&line);

        if (is_word(name, "Match")) {
                if (conf->n_blocks == SSHD_CONF_BLOCKS)
                        return -E2BIG;
                at->block = ++conf->n_blocks;
                return 0;
        }
        if (is_word(name, "Include"))
                return take_includes(conf, line, at);
        return put(conf, at->block, key_of(name), take_word(&line));
}

int sshd_conf_read(struct sshd_conf *conf, struct view text, unsigned block, unsigned depth,
                sshd_conf_include_fn *include, void *userdata) {
        struct place at = { block, depth, include, userdata };

        while (text.n > 0) {
                const uint8_t *end = memchr(text.p, '\n', text.n);
                size_t n = end ? (size_t) (end - text.p) : text.n;
                int r = take_line(conf, VIEW(text.p, n), &at);

                if (r < 0)
                        return r;
                n += end != NULL;
                text = VIEW(text.p + n, text.n - n);
        }
        return 0;
}

const char *sshd_conf_get(const struct sshd_conf *conf, unsigned block, enum sshd_key key) {
        const char *value = own(conf, block, key);

        return value || block == 0 ? value : own(conf, 0, key);
}
