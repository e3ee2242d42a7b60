/* INI texts: inih splits the lines. It cuts what is too long without a word, takes an indented line
 * for more of the value above, and does not say when a section begins; so its input goes through
 * take_line(), which refuses the first two and opens sections itself.
 *
 * What always holds: the first complaint ends the reading, and names file and line. */

#include "ini/ini_text.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

void ini_complain(struct ini_text *in, const char *what, const char *why) {
        if (!in->failed)
                (void) snprintf(in->why, INI_WHY_MAX, "%s:%u: %s %s", in->path, in->line, what,
                                why);
        in->failed = true;
}

void ini_complain_word(struct ini_text *in, const char *key, struct view word, const char *what) {
        char why[240];

        (void) snprintf(why, sizeof(why), "names '%.*s', %s", (int) MIN(word.n, (size_t) 40),
                        (const char *) word.p, what);
        ini_complain(in, key, why);
}

bool ini_next_word(const char **value, struct view *ret) {
        const char *p = *value + strspn(*value, " \t");
        size_t n = strcspn(p, " \t");

        *ret = VIEW(p, n);
        *value = p + n;
        return n > 0;
}

static void open_section(struct ini_text *in, const char *line) {
        const char *end = strchr(line, ']');
        char name[INI_WORD_MAX + 1];
        size_t n;

        if (!end) {
                ini_complain(in, "the line", "opens a section without closing it by ']'");
                return;
        }
        n = (size_t) (end - line) - 1;
        if (n > INI_WORD_MAX) {
                ini_complain(in, "the section's name", "is longer than 49 bytes");
                return;
        }
        end += 1 + strspn(end + 1, " \t\r\n");
        if (*end != 0 && *end != ';' && *end != '#') {
                ini_complain(in, "the line", "goes on behind the section's ']'");
                return;
        }
        memcpy(name, line + 1, n);
        name[n] = 0;
        in->open(in, name);
}

/* fgets() over the text in memory, for inih; each line is judged first. */
static char *take_line(char *ret, int cap, void *stream) {
        struct ini_text *in = stream;
        const char *end;
        size_t n, text;

        if (in->failed || in->rest.n == 0)
                return NULL;
        end = memchr(in->rest.p, '\n', in->rest.n);
        n = end ? (size_t) (end - (const char *) in->rest.p) : in->rest.n;
        in->line++;
        if (n > INI_LINE_MAX || n + 2 > (size_t) cap) {
                ini_complain(in, "the line", "is longer than 190 bytes");
                return NULL;
        }
        memcpy(ret, in->rest.p, n);
        ret[n] = '\n';
        ret[n + 1] = 0;
        in->rest = VIEW(in->rest.p + n + (end ? 1 : 0), in->rest.n - n - (end ? 1 : 0));

        text = strspn(ret, " \t\r\n\v\f"); /* what inih takes for blanks */
        if (ret[text] == 0 || strchr(";#", ret[text]))
                return ret;
        if (text > 0)
                ini_complain(in, "the line",
                                "is indented; it would be taken for more of the line above");
        else if (ret[0] == '[')
                open_section(in, ret);
        else if (strcspn(ret, "=: \t") > INI_WORD_MAX)
                ini_complain(in, "the key", "is longer than 49 bytes");
        return in->failed ? NULL : ret;
}

static int take_key(
                void *userdata, const char *section _unused_, const char *key, const char *value) {
        struct ini_text *in = userdata;

        if (!in->failed)
                in->take(in, key, value);
        return !in->failed;
}

int ini_text_read(struct ini_text *in, struct view text) {
        int r;

        in->rest = text;
        in->line = 0;
        if (memchr(text.p, 0, text.n) || (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)) {
                ini_complain(in, "the file",
                                "is not plain text: it holds a zero byte or a byte order mark");
                return -EINVAL;
        }
        r = ini_parse_stream(take_line, in, take_key, in);
        if (r > 0 && !in->failed) {
                in->line = (unsigned) r;
                ini_complain(in, "the line", "is neither [section] nor key=value");
        }
        if (r < 0 && !in->failed)
                return -ENOMEM;
        return in->failed ? -EINVAL : 0;
}
