/* The drop-in that setup writes, as text. A section is replaced as a whole, or added at the end; the
 * others stay as they are, whoever wrote them. Of a chain that is there already single keys are. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedgectl/setup.h"

const char setup_head[] =
                "# Written by kedgectl setup. To take it back: kedgectl setup --undo; to change it: setup again, or\n"
                "# edit it, then: kedged --check-config && systemctl restart kedged\n";

struct writer {
        char *to;
        size_t n, cap;
};

static void put(struct writer *w, const char *format, ...) _printf_(2, 3);
static void put(struct writer *w, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(w->to + w->n, w->cap - w->n, format, args);
        va_end(args);
        w->n = MIN(w->n + (size_t) n, w->cap - 1);
}

void setup_chain_text(const struct setup_chain *c, char ret[SETUP_BLOCK_MAX]) {
        struct writer w = { ret, 0, SETUP_BLOCK_MAX };
        char hex[CTL_TEXT_MAX];

        put(&w, "[Chain %s]\n", c->name);
        if (c->backend[0])
                put(&w, "Backend=%s\n", c->backend);
        if (c->network[0])
                put(&w, "Network=%s\n", c->network);
        if (c->chain_id > 0)
                put(&w, "ChainId=%llu\n", (unsigned long long) c->chain_id);
        (void) ctl_hex(c->checkpoint.hash.b, HASH32_SIZE, hex);
        if (c->checkpoint.number > 0)
                put(&w, "Checkpoint=%llu:%s\n", (unsigned long long) c->checkpoint.number, hex);
        else if (!hash32_is_zero(&c->checkpoint.hash))
                put(&w, "Checkpoint=%s\n", hex);
        for (size_t i = 0; i < c->upstreams.n; i++)
                put(&w, "Upstream=%s\n", c->upstreams.u[i].url);
        if (!address_eq(&c->fleet, &(struct address){ 0 }))
                put(&w, "Fleet=%s\n", ctl_hex(c->fleet.b, ADDRESS_SIZE, hex));
}

void setup_zone_text(const struct setup_zone *z, const char *chain, char ret[SETUP_BLOCK_MAX]) {
        struct writer w = { ret, 0, SETUP_BLOCK_MAX };
        char hex[CTL_TEXT_MAX];

        put(&w, "[Zone %s]\nChain=%s\n", z->name, chain);
        if (z->ens)
                put(&w, "Kind=ens\n");
        else
                put(&w, "Contract=%s\nSlot=%llu\n", ctl_hex(z->contract.b, ADDRESS_SIZE, hex),
                                (unsigned long long) z->slot);
}

static const char *line_end(const char *line) {
        const char *end = line + strcspn(line, "\n");

        return *end ? end + 1 : end;
}

/* Without what no reader sees at the end of a line. */
static size_t seen(const char *line) {
        size_t n = strcspn(line, "\n");

        while (n > 0 && strchr(" \t\r", line[n - 1]))
                n--;
        return n;
}

static bool same_line(const char *a, const char *b) {
        size_t n = seen(a);

        return n == seen(b) && memcmp(a, b, n) == 0;
}

bool setup_has_line(const char *text, const char *line) {
        for (; *text; text = line_end(text))
                if (same_line(text, line))
                        return true;
        return false;
}

bool setup_has_section(const char *text, const char *kind, const char *name) {
        char head[NAME_MAX_LEN + 16];

        (void) snprintf(head, sizeof(head), "[%s %s]", kind, name);
        return setup_has_line(text, head);
}

int setup_merge(const char *before, const char *block, char ret[SETUP_TEXT_MAX]) {
        struct writer w = { ret, 0, SETUP_TEXT_MAX };
        bool inside = false, put_already = false;

        ret[0] = '\0';
        for (const char *line = before, *end; *line; line = end) {
                end = line_end(line);
                if (line[0] == '[') {
                        inside = same_line(line, block);
                        if (inside && !put_already)
                                put(&w, "%s", block);
                        else if (put_already && !inside && w.n > 1 && w.to[w.n - 2] != '\n')
                                put(&w, "\n");
                        put_already = put_already || inside;
                }
                if (!inside)
                        put(&w, "%.*s%s", (int) (end - line), line, end[-1] == '\n' ? "" : "\n");
        }
        if (!put_already)
                put(&w, "\n%s", block);
        return w.n + 1 >= w.cap ? -E2BIG : 0;
}

/* How long a line's key is; 0: it has none. As kedged's reader has it. */
static size_t key_of(const char *line) {
        size_t n = strcspn(line, "=:\n");

        if (line[n] == '\n' || line[n] == '\0' || strchr("#;[", line[0]))
                return 0;
        while (n > 0 && strchr(" \t", line[n - 1]))
                n--;
        return n;
}

static bool same_key(const char *a, const char *b) {
        size_t n = key_of(a);

        return n > 0 && n == key_of(b) && memcmp(a, b, n) == 0;
}

/* Is the key of this line one of the lines from to end? */
static bool has_key(const char *from, const char *end, const char *line) {
        for (; from < end; from = line_end(from))
                if (same_key(from, line))
                        return true;
        return false;
}

/* The lines of block that have this one's key; or, line NULL, those of which the section, from to end,
 * has none. */
static void put_keys(struct writer *w, const char *block, const char *line, const char *from,
                const char *end) {
        for (const char *b = line_end(block); *b; b = line_end(b))
                if (line ? same_key(b, line) : !has_key(from, end, b))
                        put(w, "%.*s", (int) (line_end(b) - b), b);
}

static const char *section_end(const char *from) {
        const char *end = from;

        for (; *from && *from != '['; from = line_end(from))
                if (seen(from) > 0)
                        end = line_end(from); /* what is blank behind it is between the sections */
        return end;
}

int setup_amend(const char *before, const char *block, char ret[SETUP_TEXT_MAX]) {
        struct writer w = { ret, 0, SETUP_TEXT_MAX };
        const char *from = before, *end;

        while (*from && !same_line(from, block))
                from = line_end(from);
        if (*from == '\0')
                return setup_merge(before, block, ret);
        ret[0] = '\0';
        from = line_end(from);
        end = section_end(from);
        put(&w, "%.*s%s", (int) (from - before), before, from[-1] == '\n' ? "" : "\n");
        for (const char *line = from; line < end; line = line_end(line)) {
                if (!has_key(line_end(block), block + strlen(block), line))
                        put(&w, "%.*s%s", (int) (line_end(line) - line), line,
                                        line_end(line)[-1] == '\n' ? "" : "\n");
                else if (!has_key(from, line, line))
                        put_keys(&w, block, line, NULL, NULL);
        }
        put_keys(&w, block, NULL, from, end);
        put(&w, "%s", end);
        return w.n + 1 < w.cap ? 0 : -E2BIG;
}
