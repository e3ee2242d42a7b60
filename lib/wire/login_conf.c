/* The [Login] section of login.conf as those read it who ask for a login: who is ours to judge.
 *
 * The agent reads the same file strictly and refuses what is wrong in it. Here a wrong line must
 * neither lock out those whom it does not concern nor let past those whom it may, so what can be
 * read two ways is read as "he is ours": ManagedUsers=, ManagedGroup= and DenyUsers= count in every
 * section, in every case of letters, nearly spelled ("ManagedGroups=", "ManagedUsers alice"), on
 * indented lines and on lines of any length; BreakGlass= counts where and as the agent would take
 * it. Of what the agent accepts, both read the same. */

#include "wire/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/owned.h"

#define GROUPS_ASKED_MAX 256
#define WORD_MAX         255
#define KEY_MAX          15 /* letters of a key that may be meant for one of ours */
#define KEY_SLIPS        2  /* letters too many, too few or wrong in it */

enum key { KEY_OTHER = 0, KEY_USERS, KEY_GROUP, KEY_DENY, KEY_GLASS };

struct judge {
        const struct login_who *who;
        bool in_login, has_login; /* inside [Login]; there is one */
        enum key last;            /* of the line above, which an indented one goes on with */
        bool glass_said, glass, managed, denied;
        bool with_groups; /* the second look: ManagedGroup= and nothing else */
        unsigned n_asked;
};

static bool is_blank(uint8_t c) {
        return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Between two names. No name holds one of these, whatever the agent says about it. */
static bool is_between(enum key key, uint8_t c) {
        static const char any[] = ",\"';:|/+&=()<>";

        return is_blank(c) || memchr(any, c, key == KEY_GLASS ? 3 : sizeof(any) - 1);
}

static bool is_word(struct view word, const char *text) {
        return view_eq(word, VIEW_TEXT(text));
}

static void take_group(struct judge *j, struct view word) {
        char group[WORD_MAX + 1];

        if (!j->with_groups || j->managed || word.n > WORD_MAX)
                return;
        if (++j->n_asked > GROUPS_ASKED_MAX)
                return;
        memcpy(group, word.p, word.n);
        group[word.n] = '\0';
        if (!j->who->in_group || j->who->in_group(j->who->userdata, j->who->user, group))
                j->managed = true;
}

/* NAME, or NAME@console. "none" names nobody, and so takes the default away. */
static void take_glass(struct judge *j, struct view word) {
        static const char at[] = "@console";
        size_t n = sizeof(at) - 1;
        bool here = word.n > n && memcmp(word.p + word.n - n, at, n) == 0;

        j->glass_said = true;
        if (is_word(word, "none"))
                return;
        if (here)
                word.n -= n;
        if (is_word(word, j->who->user) && (!here || j->who->console))
                j->glass = true;
}

static void take_word(struct judge *j, enum key key, struct view word) {
        switch (key) {
        case KEY_OTHER:
                break;
        case KEY_USERS:
                if (is_word(word, j->who->user))
                        j->managed = true;
                break;
        case KEY_GROUP:
                take_group(j, word);
                break;
        case KEY_DENY:
                if (is_word(word, j->who->user))
                        j->denied = true;
                break;
        case KEY_GLASS:
                take_glass(j, word);
                break;
        }
}

static void take_words(struct judge *j, enum key key, struct view value) {
        size_t i = 0;

        while (i < value.n) {
                size_t start = i;

                while (i < value.n && !is_between(key, value.p[i]))
                        i++;
                if (i > start)
                        take_word(j, key, VIEW(value.p + start, i - start));
                else
                        i++;
        }
}

/* Where a comment begins inside a line: at a ';' behind a blank. */
static struct view without_comment(struct view line) {
        for (size_t i = 1; i < line.n; i++)
                if (line.p[i] == ';' && is_blank(line.p[i - 1]))
                        return VIEW(line.p, i);
        return line;
}

/* The letters of name in lower case; false where there are too many. */
static bool letters_of(struct view name, char ret[KEY_MAX + 1]) {
        size_t n = 0;

        for (size_t i = 0; i < name.n; i++) {
                uint8_t c = name.p[i] | 0x20;

                if (c < 'a' || c > 'z')
                        continue;
                if (n == KEY_MAX)
                        return false;
                ret[n++] = (char) c;
        }
        ret[n] = '\0';
        return true;
}

/* Is text key, but for a slip or two? A typing error in one of ours must not make everybody a
 * stranger, whom we let past. */
static bool is_nearly(const char *text, const char *key) {
        size_t n = strlen(key), row[KEY_MAX + 1];

        for (size_t k = 0; k <= n; k++)
                row[k] = k;
        for (size_t i = 0; text[i] != '\0'; i++) {
                size_t before = row[0]++; /* what stood left above */

                for (size_t k = 0; k < n; k++) {
                        size_t least = before + (text[i] != key[k]);

                        before = row[k + 1];
                        least = MIN(least, MIN(row[k], before) + 1);
                        row[k + 1] = least;
                }
        }
        return row[n] <= KEY_SLIPS;
}

static enum key key_of(const struct judge *j, struct view name, bool indented) {
        char letters[KEY_MAX + 1];

        while (name.n > 0 && is_blank(name.p[name.n - 1]))
                name.n--;
        if (letters_of(name, letters)) {
                if (is_nearly(letters, "managedusers"))
                        return KEY_USERS;
                if (is_nearly(letters, "managedgroup"))
                        return KEY_GROUP;
                if (is_nearly(letters, "denyusers"))
                        return KEY_DENY;
        }
        if (j->in_login && !indented && is_word(name, "BreakGlass"))
                return KEY_GLASS;
        return KEY_OTHER;
}

/* With something behind its bracket, which the agent refuses, it is none: that may be all of the
 * file, with line ends of another kind. */
static void take_section(struct judge *j, struct view line) {
        static const char login[] = "[Login]";
        size_t n = sizeof(login) - 1;

        j->in_login = line.n >= n && memcmp(line.p, login, n) == 0;
        while (n < line.n && is_blank(line.p[n]))
                n++;
        j->in_login = j->in_login && (n >= line.n || line.p[n] == ';' || line.p[n] == '#');
        j->has_login = j->has_login || j->in_login;
        j->last = KEY_OTHER;
}

/* "ManagedUsers alice": a '=' was forgotten. */
static void take_bare(struct judge *j, struct view line) {
        size_t i = 0;
        enum key key;

        while (i < line.n && !is_blank(line.p[i]))
                i++;
        key = key_of(j, VIEW(line.p, i), true);
        if (key == KEY_OTHER)
                return;
        take_words(j, key, VIEW(line.p + i, line.n - i));
        j->last = key;
}

static void take_line(struct judge *j, struct view line) {
        bool indented = line.n > 0 && is_blank(line.p[0]);
        size_t i = 0;
        enum key key;

        while (line.n > 0 && is_blank(line.p[0]))
                line = VIEW(line.p + 1, line.n - 1);
        if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
                return;
        if (line.p[0] == '[' && !indented) {
                take_section(j, line);
                return;
        }
        line = without_comment(line);
        if (indented && j->last != KEY_GLASS) /* more of the line above, or one of its own */
                take_words(j, j->last, line);
        while (i < line.n && line.p[i] != '=' && line.p[i] != ':')
                i++;
        if (i == line.n) {
                take_bare(j, line);
                return;
        }
        key = key_of(j, VIEW(line.p, i), indented);
        take_words(j, key, VIEW(line.p + i + 1, line.n - i - 1));
        if (!indented)
                j->last = key;
}

static void take_text(struct judge *j, struct view text) {
        while (text.n > 0) {
                const uint8_t *end = memchr(text.p, '\n', text.n);
                size_t n = end ? (size_t) (end - text.p) : text.n;

                take_line(j, VIEW(text.p, n));
                n += end ? 1 : 0;
                text = VIEW(text.p + n, text.n - n);
        }
}

static enum login_managed not_believed(const struct login_who *who) {
        return who->is_root ? LOGIN_BREAK_GLASS : LOGIN_UNKNOWN;
}

/* ret_why: EBADMSG where the text cannot be believed, else 0. */
static enum login_managed judge(
                struct view conf, const struct login_who *who, bool *ret_denied, int *ret_why) {
        struct judge j = { .who = who };

        *ret_denied = false;
        *ret_why = EBADMSG;
        /* A file of zeros, or an empty one, is what a power cut leaves of a longer one. */
        if (conf.n == 0 || conf.n > LOGIN_CONF_MAX || memchr(conf.p, '\0', conf.n))
                return not_believed(who);
        take_text(&j, conf);
        if (!j.has_login)
                return not_believed(who);
        *ret_why = 0;
        if (j.glass || (!j.glass_said && who->console && strcmp(who->user, "root") == 0))
                return LOGIN_BREAK_GLASS;
        *ret_denied = j.denied;
        if (j.denied || j.managed)
                return LOGIN_MANAGED;

        j = (struct judge){ .who = who, .with_groups = true };
        take_text(&j, conf);
        if (j.managed)
                return LOGIN_MANAGED;
        if (j.n_asked <= GROUPS_ASKED_MAX)
                return LOGIN_NOT_OURS;
        *ret_why = E2BIG;
        return not_believed(who);
}

enum login_managed login_judge(struct view conf, const struct login_who *who, bool *ret_denied) {
        int why;

        return judge(conf, who, ret_denied, &why);
}

/* Of root, or of whoever runs us: a program that is not root deceives nobody but itself. */
static int open_conf(const char *path, int *ret_fd, uint64_t *ret_size) {
        _cleanup_(owned_closep) int fd = -1;
        struct stat st;
        int r = owned_open(path, LOGIN_CONF_MAX, &fd, ret_size);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return -EPERM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static void freep(uint8_t **p) {
        free(*p);
}

enum login_managed login_read(
                const char *path, const struct login_who *who, bool *ret_denied, int *ret_why) {
        _cleanup_(owned_closep) int fd = -1;
        _cleanup_(freep) uint8_t *text = NULL;
        uint64_t size = 0;
        int r;

        *ret_denied = false;
        r = open_conf(path, &fd, &size);
        if (r >= 0) {
                text = malloc((size_t) size + 1);
                r = text ? owned_pread(fd, text, (size_t) size, 0) : -ENOMEM;
        }
        if (r < 0) {
                *ret_why = -r;
                return not_believed(who);
        }
        return judge(VIEW(text, (size_t) size), who, ret_denied, ret_why);
}
