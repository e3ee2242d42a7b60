/* nsswitch.conf(5), as far as hosts: needs it: services in their order, each with what is done by its
 * status. Strict: what is not understood is malformed, never skipped, because the C library may
 * read it otherwise. */

#include "agent/kedgectl/nsswitch.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { SUCCESS, NOTFOUND, UNAVAIL, TRYAGAIN, STATUSES };

static const char *const status_names[STATUSES] = { "SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN" };

struct service {
        char name[NSSWITCH_WORD_MAX];
        bool returns[STATUSES]; /* else the next one is asked */
};

struct hosts {
        size_t n;
        struct service s[NSSWITCH_SERVICES_MAX];
};

static bool is_space(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_spaces(struct view *v) {
        while (v->n > 0 && is_space(v->p[0]))
                *v = VIEW(v->p + 1, v->n - 1);
}

/* Up to, not with, a space or one of stops. */
static struct view take_word(struct view *v, const char *stops) {
        size_t n = 0;

        while (n < v->n && !is_space(v->p[n]) && (v->p[n] == 0 || !strchr(stops, v->p[n])))
                n++;
        *v = VIEW(v->p + n, v->n - n);
        return VIEW(v->p - n, n);
}

static bool is_word(struct view v, const char *word) {
        return v.n == strlen(word) && strncasecmp((const char *) v.p, word, v.n) == 0;
}

/* One "STATUS=action" or "!STATUS=action". */
static int take_action(struct view *v, struct service *to) {
        bool inverted = v->n > 0 && v->p[0] == '!';
        struct view status, action;
        bool returns;

        if (inverted)
                *v = VIEW(v->p + 1, v->n - 1);
        status = take_word(v, "=]");
        if (v->n == 0 || v->p[0] != '=')
                return -EBADMSG;
        *v = VIEW(v->p + 1, v->n - 1);
        action = take_word(v, "]");
        returns = is_word(action, "return");
        if (!returns && !is_word(action, "continue") && !is_word(action, "merge"))
                return -EBADMSG;
        for (size_t i = 0; i < STATUSES; i++) {
                if (!is_word(status, status_names[i]))
                        continue;
                for (size_t k = 0; k < STATUSES; k++)
                        if ((k == i) != inverted)
                                to->returns[k] = returns;
                return 0;
        }
        return -EBADMSG;
}

/* What stands in brackets after a service. */
static int take_actions(struct view *v, struct service *to) {
        *v = VIEW(v->p + 1, v->n - 1);
        for (skip_spaces(v); v->n > 0 && v->p[0] != ']'; skip_spaces(v)) {
                int r = take_action(v, to);

                if (r < 0)
                        return r;
        }
        if (v->n == 0)
                return -EBADMSG;
        *v = VIEW(v->p + 1, v->n - 1);
        return 0;
}

static int read_hosts(struct view v, struct hosts *ret) {
        for (skip_spaces(&v); v.n > 0; skip_spaces(&v)) {
                struct view word;
                int r = 0;

                if (v.p[0] == '[') {
                        if (ret->n == 0)
                                return -EBADMSG;
                        r = take_actions(&v, &ret->s[ret->n - 1]);
                        if (r < 0)
                                return r;
                        continue;
                }
                word = take_word(&v, "[");
                if (ret->n == NSSWITCH_SERVICES_MAX || word.n >= NSSWITCH_WORD_MAX)
                        return -E2BIG;
                for (size_t i = 0; i < word.n; i++)
                        if (word.p[i] < '!' || word.p[i] > '~' || word.p[i] == ']')
                                return -EBADMSG;
                ret->s[ret->n] = (struct service){ .returns = { [SUCCESS] = true } };
                memcpy(ret->s[ret->n++].name, word.p, word.n);
        }
        return 0;
}

/* A line without its comment; false at the end. */
static bool take_line(struct view *text, struct view *ret) {
        const uint8_t *end, *hash;
        size_t n;

        if (text->n == 0)
                return false;
        end = memchr(text->p, '\n', text->n);
        n = end ? (size_t) (end - text->p) : text->n;
        hash = memchr(text->p, '#', n);
        *ret = VIEW(text->p, hash ? (size_t) (hash - text->p) : n);
        *text = VIEW(text->p + n + (end != NULL), text->n - n - (end != NULL));
        return true;
}

/* These answer from this machine alone, and for none of our names. */
static bool is_local(const char *service) {
        static const char *const local[] = { "files", "myhostname", "mymachines", "compat", "db" };

        for (size_t i = 0; i < ELEMENTSOF(local); i++)
                if (strcmp(service, local[i]) == 0)
                        return true;
        return false;
}

static enum nsswitch_verdict say(enum nsswitch_verdict v, const struct service *s, char *ret_word) {
        memcpy(ret_word, s->name, NSSWITCH_WORD_MAX);
        return v;
}

static enum nsswitch_verdict judge(const struct hosts *h, char *ret_word) {
        size_t at = 0;
        const struct service *kedge;

        while (at < h->n && strcmp(h->s[at].name, "kedge") != 0)
                at++;
        if (at == h->n)
                return NSSWITCH_NO_KEDGE;
        for (size_t i = 0; i < at; i++) {
                if (!is_local(h->s[i].name))
                        return say(NSSWITCH_LATE, &h->s[i], ret_word);
                if (h->s[i].returns[NOTFOUND] || h->s[i].returns[UNAVAIL])
                        return say(NSSWITCH_NEVER, &h->s[i], ret_word);
        }
        kedge = &h->s[at];
        for (size_t i = at + 1; i < h->n; i++) {
                if (kedge->returns[UNAVAIL])
                        return say(NSSWITCH_CUTS, &h->s[i], ret_word);
                if (!is_local(h->s[i].name) &&
                                !(kedge->returns[SUCCESS] && kedge->returns[NOTFOUND] &&
                                                kedge->returns[TRYAGAIN]))
                        return say(NSSWITCH_LEAKS, &h->s[i], ret_word);
        }
        return NSSWITCH_GOOD;
}

enum nsswitch_verdict nsswitch_judge(struct view text, char ret_word[NSSWITCH_WORD_MAX]) {
        struct hosts hosts = { 0 };
        struct view line;
        bool seen = false;

        memset(ret_word, 0, NSSWITCH_WORD_MAX);
        if (text.n > NSSWITCH_FILE_MAX)
                return NSSWITCH_MALFORMED;
        while (take_line(&text, &line)) {
                struct view database;

                skip_spaces(&line);
                database = take_word(&line, ":");
                skip_spaces(&line);
                if (!(database.n == 5 && memcmp(database.p, "hosts", 5) == 0))
                        continue;
                if (seen || line.n == 0 || line.p[0] != ':')
                        return NSSWITCH_MALFORMED;
                seen = true;
                if (read_hosts(VIEW(line.p + 1, line.n - 1), &hosts) < 0)
                        return NSSWITCH_MALFORMED;
        }
        return seen ? judge(&hosts, ret_word) : NSSWITCH_NO_HOSTS;
}
