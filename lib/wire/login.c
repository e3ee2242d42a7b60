/* The words about logins that several programs share: verdicts by name, the text that a user signs,
 * and what is a terminal of the machine itself. Who is ours stands in login_conf.c. */

#include "wire/login.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"

#define YEAR_9999_END UINT64_C(253402300799)
#define DAY_S         86400

/* A year that begins in March ends with its odd day; 400 of them have 146097 days. */
struct date {
        uint32_t year, month, day;
};

const char *login_verdict_name(enum login_verdict v) {
        switch (v) {
        case LOGIN_UNPROVEN:
                return "not proven";
        case LOGIN_ADMITTED:
                return "admitted";
        case LOGIN_STALE:
                return "stale";
        case LOGIN_DENIED_HERE:
                return "denied here";
        case LOGIN_NO_RECORD:
                return "no record";
        case LOGIN_REVOKED:
                return "revoked";
        case LOGIN_NO_ROLE:
                return "no role";
        case LOGIN_NO_KEY:
                return "another key";
        case LOGIN_BAD_SIGNATURE:
                return "bad signature";
        case LOGIN_BAD_CHALLENGE:
                return "bad challenge";
        case LOGIN_EXPIRED:
                return "expired";
        case LOGIN_REPLAYED:
                return "answered before";
        case LOGIN_INVALID:
                return "invalid record";
        }
        return "not proven";
}

static bool host_is_one(const char *host) {
        char same[NAME_MAX_LEN + 1];

        return name_normalize(VIEW_TEXT(host), same) == 0 && strcmp(same, host) == 0;
}

/* A field of a struct that may come from outside; false where it does not end. */
static bool ends(const char *text, size_t n) {
        return memchr(text, '\0', n) != NULL;
}

static struct date date_of(uint32_t days) {
        uint32_t z = days + 719468, era = z / 146097, doe = z % 146097;
        uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
        uint32_t month = m < 10 ? m + 3 : m - 9;

        return (struct date){ yoe + era * 400 + (month <= 2), month, doy - (153 * m + 2) / 5 + 1 };
}

/* For any month from 1 to 12, and days and years that are not too far from right. */
static uint32_t days_until(const struct date *d) {
        uint32_t y = d->year - (d->month <= 2), era = y / 400, yoe = y % 400;
        uint32_t doy = (153 * (d->month > 2 ? d->month - 3 : d->month + 9) + 2) / 5 + d->day - 1;

        return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void write_time(uint64_t at_s, char ret[32]) {
        struct date d = date_of((uint32_t) (at_s / DAY_S));
        unsigned s = (unsigned) (at_s % DAY_S);

        (void) snprintf(ret, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", d.year, d.month, d.day, s / 3600,
                        s / 60 % 60, s % 60);
}

int login_text_write(const struct login_text *t, char ret[LOGIN_TEXT_MAX + 1]) {
        char nonce[2 * LOGIN_NONCE_SIZE + 1], when[32];
        int n;

        if (!ends(t->user, sizeof(t->user)) || !user_name_valid(VIEW_TEXT(t->user)))
                return -EINVAL;
        if (!ends(t->host, sizeof(t->host)) || !host_is_one(t->host))
                return -EINVAL;
        if (!ends(t->service, sizeof(t->service)) || !user_service_valid(VIEW_TEXT(t->service)))
                return -EINVAL;
        if (t->expires_s > YEAR_9999_END)
                return -EINVAL;
        write_time(t->expires_s, when);
        n = snprintf(ret, LOGIN_TEXT_MAX + 1,
                        "kedge login: user %s, host %s, service %s, nonce %s, expires %s", t->user,
                        t->host, t->service, hex_encode(t->nonce, sizeof(t->nonce), nonce), when);
        return n > 0 && n <= LOGIN_TEXT_MAX ? 0 : -EINVAL;
}

/* "LABEL word", up to the next comma or the end, which is taken with it. */
static bool take_word(struct view *text, const char *label, char *ret, size_t cap) {
        struct view part, word;
        const uint8_t *comma;

        if (!view_take(text, strlen(label), &part) || !view_eq_text(part, label))
                return false;
        comma = text->n > 0 ? memchr(text->p, ',', text->n) : NULL;
        if (!view_take(text, comma ? (size_t) (comma - text->p) : text->n, &word))
                return false;
        if (word.n == 0 || word.n >= cap || memchr(word.p, '\0', word.n))
                return false;
        memcpy(ret, word.p, word.n);
        ret[word.n] = '\0';
        return true;
}

static bool take_number(const char **text, size_t n, char behind, uint32_t *ret) {
        uint32_t x = 0;

        for (size_t i = 0; i < n; i++) {
                char c = *(*text)++;

                if (c < '0' || c > '9')
                        return false;
                x = x * 10 + (uint32_t) (c - '0');
        }
        *ret = x;
        return *(*text)++ == behind;
}

/* A day that its month does not have is seen when the text is written again. */
static bool parse_time(const char *text, uint64_t *ret) {
        uint32_t h, m, s;
        struct date d;

        if (strlen(text) != 20 || !take_number(&text, 4, '-', &d.year) ||
                        !take_number(&text, 2, '-', &d.month) ||
                        !take_number(&text, 2, 'T', &d.day) || !take_number(&text, 2, ':', &h) ||
                        !take_number(&text, 2, ':', &m) || !take_number(&text, 2, 'Z', &s))
                return false;
        if (d.year < 1970 || d.month < 1 || d.month > 12 || d.day < 1)
                return false;
        *ret = (uint64_t) days_until(&d) * DAY_S + h * 3600 + m * 60 + s;
        return true;
}

int login_text_parse(struct view text, struct login_text *ret) {
        char nonce[2 * LOGIN_NONCE_SIZE + 1], when[21], same[LOGIN_TEXT_MAX + 1];
        struct login_text t = { 0 };
        struct view at = text;

        if (text.n == 0 || text.n > LOGIN_TEXT_MAX)
                return -EBADMSG;
        if (!take_word(&at, "kedge login: user ", t.user, sizeof(t.user)) ||
                        !take_word(&at, ", host ", t.host, sizeof(t.host)) ||
                        !take_word(&at, ", service ", t.service, sizeof(t.service)) ||
                        !take_word(&at, ", nonce ", nonce, sizeof(nonce)) ||
                        !take_word(&at, ", expires ", when, sizeof(when)))
                return -EBADMSG;
        if (at.n > 0 || hex_decode(VIEW_TEXT(nonce), t.nonce, sizeof(t.nonce)) < 0 ||
                        !parse_time(when, &t.expires_s))
                return -EBADMSG;
        /* One spelling: what we would not write ourselves, nobody shall sign. */
        if (login_text_write(&t, same) < 0 || !view_eq_text(text, same))
                return -EBADMSG;
        *ret = t;
        return 0;
}

static bool digits(const char *text) {
        size_t n = strspn(text, "0123456789");

        return n > 0 && n <= 4 && text[n] == '\0';
}

/* "tty1", "ttyS0", "ttymxc2"; not "ttyp0": one small letter was a pseudo-terminal of old, which
 * any program can open. */
static bool tty_is_ours(const char *name) {
        size_t small = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

        return !(small == 1 && letters == 1) && digits(name + letters);
}

bool login_at_console(const char *tty, const char *rhost) {
        if (!tty || (rhost && rhost[0] != '\0'))
                return false;
        if (strncmp(tty, "/dev/", 5) == 0)
                tty += 5;
        if (strcmp(tty, "console") == 0)
                return true;
        if (strncmp(tty, "tty", 3) == 0)
                return tty_is_ours(tty + 3);
        return strncmp(tty, "hvc", 3) == 0 && digits(tty + 3);
}
