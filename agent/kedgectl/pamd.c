/* Reading pam.d(5) as libpam 1.5 reads it (pam_handlers.c, pam_misc.c), with Debian's @include: words
 * between blanks, brackets around a word that holds some, a comment from '#' on, a line that goes on
 * behind a backslash. */

#include "agent/kedgectl/pamd.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX    32
#define INCLUDES_MAX 256
#define WORD_MAX     1024
#define UNDEF        INT16_MIN
#define OTHER        "other"

static const char *const codes[PAMD_CODES + 1] = { "success", "open_err", "symbol_err", "service_err",
        "system_err", "buf_err", "perm_denied", "auth_err", "cred_insufficient", "authinfo_unavail",
        "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired", "session_err", "cred_unavail",
        "cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err",
        "authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging", "try_again", "ignore",
        "abort", "authtok_expired", "module_unknown", "bad_item", "conv_again", "incomplete",
        "default" };
static const char *const actions[] = { "ignore", "ok", "done", "bad", "die", "reset" };
static const char *const types[] = { "auth", "account", "password", "session" };

#define CODE_SUCCESS 0
#define CODE_REQD    12
#define CODE_IGNORE  25

struct reading {
        const struct pamd_source *source;
        enum pamd_type type;
        unsigned includes;
        struct pamd_stack *to;
};

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n';
}

/* The next word of *text, with its brackets' contents; false at the end. Cuts *text up. */
static bool take_word(char **text, char **ret) {
        char *at = *text, *to;

        while (is_blank(*at))
                at++;
        if (!*at)
                return false;
        if (*at != '[') {
                *ret = at;
                while (*at && !is_blank(*at))
                        at++;
        } else {
                *ret = to = ++at;
                while (*at && *at != ']') {
                        if (*at == '\\' && at[1] == ']')
                                at++;
                        *to++ = *at++;
                }
                if (to != at)
                        *to = '\0';
        }
        if (*at)
                *at++ = '\0';
        *text = at;
        return true;
}

static void fill(int16_t action[PAMD_CODES], int16_t with) {
        for (size_t i = 0; i < PAMD_CODES; i++)
                if (action[i] == UNDEF)
                        action[i] = with;
}

/* A word of table, in the manner of libpam: the first that the text begins with. */
static size_t begins_with(const char *text, const char *const *table, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strncmp(text, table[i], strlen(table[i])) == 0)
                        return i;
        return n;
}

static const char *skip(const char *text) {
        while (isspace((unsigned char) *text))
                text++;
        return text;
}

/* "ok" or "3". -EBADMSG. */
static int take_action(const char **text, int16_t *ret) {
        size_t i = begins_with(*text, actions, ELEMENTSOF(actions));
        int n = 0;

        if (i < ELEMENTSOF(actions)) {
                *ret = (int16_t) -(int) i;
                *text += strlen(actions[i]);
                return 0;
        }
        for (; isdigit((unsigned char) **text); (*text)++)
                n = MIN(n * 10 + (**text - '0'), PAMD_LINES_MAX + 1);
        if (n == 0)
                return -EBADMSG;
        *ret = (int16_t) n;
        return 0;
}

/* What stands between brackets. What is wrong in it makes all of it bad, as in libpam. */
static void parse_control(const char *text, int16_t action[PAMD_CODES]) {
        for (text = skip(text); *text; text = skip(text)) {
                size_t code = begins_with(text, codes, ELEMENTSOF(codes));
                int16_t what;

                if (code == ELEMENTSOF(codes))
                        break;
                text = skip(text + strlen(codes[code]));
                if (*text != '=')
                        break;
                text = skip(text + 1);
                if (take_action(&text, &what) < 0)
                        break;
                if (code < PAMD_CODES)
                        action[code] = what;
                else
                        fill(action, what);
        }
        if (*text)
                for (size_t i = 0; i < PAMD_CODES; i++)
                        action[i] = PAMD_BAD;
}

static void set_control(const char *word, int16_t action[PAMD_CODES]) {
        static const struct {
                const char *word;
                int16_t yes, ignore, other;
        } words[] = {
                { "required", PAMD_OK, PAMD_IGNORE, PAMD_BAD },
                { "requisite", PAMD_OK, PAMD_IGNORE, PAMD_DIE },
                { "optional", PAMD_OK, PAMD_IGNORE, PAMD_IGNORE },
                { "sufficient", PAMD_DONE, PAMD_IGNORE, PAMD_IGNORE },
        };

        for (size_t i = 0; i < PAMD_CODES; i++)
                action[i] = UNDEF;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(word, words[i].word) == 0) {
                        action[CODE_SUCCESS] = action[CODE_REQD] = words[i].yes;
                        action[CODE_IGNORE] = words[i].ignore;
                        fill(action, words[i].other);
                        return;
                }
        parse_control(word, action);
        fill(action, PAMD_BAD);
}

static int add(struct reading *r, enum pamd_kind kind, uint8_t level, const char *control,
                const char *module) {
        struct pamd_line *l;

        if (r->to->n == PAMD_LINES_MAX)
                return -E2BIG;
        l = &r->to->line[r->to->n++];
        *l = (struct pamd_line){ .kind = kind, .level = level };
        set_control(control, l->action);
        if (strlen(module) >= sizeof(l->module))
                return -E2BIG;
        memcpy(l->module, module, strlen(module));
        return 0;
}

/* Where a line stands. of_type: in a file that was included for one type. */
struct place {
        uint8_t level;
        unsigned depth;
        bool of_type;
};

static int read_file(struct reading *r, const char *name, const struct place *at);

/* A file that is not there, or nested too deep, is a module that fails. */
static int include(struct reading *r, const char *name, struct place to) {
        int got;

        if (++r->includes > INCLUDES_MAX || to.depth++ == DEPTH_MAX)
                return -ELOOP;
        got = to.level < PAMD_LEVELS_MAX ? read_file(r, name, &to) : -ENOENT;
        return got == -ENOENT ? add(r, PAMD_MUST_FAIL, to.level, "required", name) : got;
}

/* True: it is a line of this stack. bad: of no type at all, which is taken for the type that was asked
 * for, else for auth. */
static bool is_ours(const struct reading *r, const char *type, bool of_type, bool *ret_bad) {
        type += *type == '-';
        *ret_bad = true;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (strcasecmp(type, types[i]) == 0) {
                        *ret_bad = false;
                        return i == (size_t) r->type;
                }
        return of_type || r->type == PAMD_AUTH;
}

/* What stands behind a module: its arguments. */
static bool brings_groups(const struct reading *r, const char *module, char *text) {
        const char *slash = strrchr(module, '/');
        char *word;

        if (r->type != PAMD_AUTH || strcmp(slash ? slash + 1 : module, "pam_kedge.so") != 0)
                return false;
        while (take_word(&text, &word))
                if (strcmp(word, "groups") == 0)
                        return true;
        return false;
}

static int parse_line(struct reading *r, char *text, const struct place *at) {
        char *type, *control = NULL, *module = NULL;
        bool bad, sub;

        if (!take_word(&text, &type))
                return 0;
        if (strcasecmp(type, "@include") == 0)
                return take_word(&text, &module) ? include(r, module, *at)
                                                 : add(r, PAMD_MUST_FAIL, at->level, "required", "");
        if (!is_ours(r, type, at->of_type, &bad))
                return 0;
        if (!take_word(&text, &control) || !take_word(&text, &module) || bad)
                return add(r, PAMD_MUST_FAIL, at->level, control ?: "required", "");
        sub = strcasecmp(control, "substack") == 0;
        if (sub) {
                int got = add(r, PAMD_SUBSTACK, at->level, "required", module);

                if (got < 0)
                        return got;
        }
        if (sub || strcasecmp(control, "include") == 0)
                return include(r, module, (struct place){ (uint8_t) (at->level + sub), at->depth, true });
        return add(r, brings_groups(r, module, text) ? PAMD_GROUPS : PAMD_MODULE, at->level, control,
                        module);
}

/* One line of the file, without its end. False: none is left. */
static bool take_line(struct view *text, struct view *ret) {
        const uint8_t *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
        size_t n = end ? (size_t) (end - text->p) : text->n;

        if (text->n == 0)
                return false;
        *ret = VIEW(text->p, n);
        *text = VIEW(text->p + n + (end != NULL), text->n - n - (end != NULL));
        return true;
}

/* 1: it is whole; 0: it goes on. -EBADMSG: longer than libpam reads, or not text. */
static int append(struct view line, char *to, size_t *n) {
        const uint8_t *hash = line.n > 0 ? memchr(line.p, '#', line.n) : NULL;
        bool on;

        while (line.n > 0 && is_blank((char) line.p[0]))
                line = VIEW(line.p + 1, line.n - 1);
        if (line.n == 0 || line.p[0] == '#')
                return 0; /* a line that says nothing ends nothing */
        if (hash)
                line.n = (size_t) (hash - line.p);
        while (!hash && line.n > 0 && is_blank((char) line.p[line.n - 1]))
                line.n--;
        on = !hash && line.n > 0 && line.p[line.n - 1] == '\\';
        if (on)
                line.n--;
        if (*n + line.n + 2 > PAMD_LINE_MAX || (line.n > 0 && memchr(line.p, '\0', line.n)))
                return -EBADMSG;
        if (line.n > 0)
                memcpy(to + *n, line.p, line.n);
        *n += line.n;
        if (on)
                to[(*n)++] = ' ';
        to[*n] = '\0';
        return on ? 0 : 1;
}

static int read_file(struct reading *r, const char *name, const struct place *at) {
        char whole[PAMD_LINE_MAX];
        struct view text, line;
        size_t n = 0;

        if (!r->source->file(r->source->userdata, name, &text))
                return -ENOENT;
        if (text.n > PAMD_FILE_MAX)
                return -E2BIG;
        while (take_line(&text, &line)) {
                int got = append(line, whole, &n);

                if (got > 0) {
                        n = 0;
                        got = parse_line(r, whole, at);
                }
                if (got < 0)
                        return got;
        }
        return n > 0 ? -EBADMSG : 0;
}

int pamd_read(const struct pamd_source *source, const char *service, enum pamd_type type,
                struct pamd_stack *ret) {
        struct reading r = { .source = source, .type = type, .to = ret };
        const struct place top = { 0 };
        int got;

        ret->n = 0;
        got = read_file(&r, service, &top);
        if (got < 0)
                return got;
        if (ret->n > 0)
                return 0;
        got = read_file(&r, OTHER, &top); /* who has no stack has that one */
        return got == -ENOENT ? 0 : got;
}
