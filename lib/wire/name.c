/* Host names, RFC 952 and RFC 1123 section 2.1: letters, digits and hyphens. What this file lets
 * through is lower-case and has one spelling, so names are compared byte by byte everywhere else.
 */

#include "wire/name.h"

#include <errno.h>

#include "base/user.h"

#define LABEL_MAX 63

/* c in lower case, or -1 for a byte that no host name has. */
static int fold(uint8_t c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A' + 'a';
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')
                return c;
        return -1;
}

static bool label_is_good(struct view label) {
        if (label.n == 0 || label.n > LABEL_MAX)
                return false;
        if (label.p[0] == '-' || label.p[label.n - 1] == '-')
                return false;
        for (size_t i = 0; i < label.n; i++)
                if (fold(label.p[i]) < 0)
                        return false;
        return true;
}

int name_normalize(struct view text, char ret[NAME_MAX_LEN + 1]) {
        size_t start = 0;

        if (text.n > 0 && text.p[text.n - 1] == '.')
                text.n--;
        if (text.n == 0 || text.n > NAME_MAX_LEN)
                return -EINVAL;

        for (size_t i = 0; i <= text.n; i++)
                if (i == text.n || text.p[i] == '.') {
                        if (!label_is_good(VIEW(text.p + start, i - start)))
                                return -EINVAL;
                        start = i + 1;
                }

        for (size_t i = 0; i < text.n; i++)
                ret[i] = text.p[i] == '.' ? '.' : (char) fold(text.p[i]);
        ret[text.n] = '\0';
        return 0;
}

/* The label up to a dot or the end, and that dot. */
static struct view take_label(struct view *text) {
        struct view label = VIEW(text->p, 0);

        while (label.n < text->n && text->p[label.n] != '.')
                label.n++;
        *text = VIEW(text->p + label.n, text->n - label.n);
        if (text->n > 0)
                *text = VIEW(text->p + 1, text->n - 1);
        return label;
}

static bool is_normal(struct view text) {
        char same[NAME_MAX_LEN + 1];

        return name_normalize(text, same) >= 0 && view_eq(text, VIEW_TEXT(same));
}

int name_normalize_record(struct view text, char ret[NAME_MAX_LEN + 1]) {
        struct view rest = text, kind, who;

        if (text.n == 0 || text.p[0] != '_')
                return name_normalize(text, ret);
        if (text.n > NAME_MAX_LEN)
                return -EINVAL;
        kind = take_label(&rest);
        if (kind.n < 2 || kind.n > LABEL_MAX)
                return -EINVAL;
        for (size_t i = 1; i < kind.n; i++)
                if (kind.p[i] < 'a' || kind.p[i] > 'z')
                        return -EINVAL;
        who = rest;
        if (!is_normal(rest) && (!user_name_valid(take_label(&who)) || !is_normal(who)))
                return -EINVAL;
        memcpy(ret, text.p, text.n);
        ret[text.n] = '\0';
        return 0;
}

bool name_in_suffix(const char *name, const char *suffix) {
        size_t n = strlen(name), k = strlen(suffix);

        if (k == 0 || n < k || memcmp(name + n - k, suffix, k) != 0)
                return false;
        return n == k || name[n - k - 1] == '.';
}

bool name_addr_eq(const struct name_addr *a, const struct name_addr *b) {
        return a->family == b->family && memcmp(a->b, b->b, a->family == 4 ? 4 : 16) == 0;
}

bool name_answer_is_sane(const struct name_answer *a) {
        if (a->verdict > NAME_ABSENT || a->n_addrs > NAME_ADDRS_MAX || a->n_pins > NAME_PINS_MAX ||
                        a->has_device > ELEMENTSOF(a->device) || a->state > STATE_STUCK)
                return false;
        if (a->verdict == NAME_ABSENT && a->n_addrs + a->n_pins + a->has_device > 0)
                return false;
        for (size_t i = 0; i < a->n_addrs; i++)
                if (a->addr[i].family != 4 && a->addr[i].family != 6)
                        return false;
        return true;
}
