/* How kedgectl talks: aligned rows for people, one JSON object for programs, one line on stderr for
 * what went wrong. Colour goes to terminals only. Nothing that an upstream said reaches the
 * terminal raw. */

#include "agent/kedgectl/ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hex.h"

const char *ctl_exit_name(enum ctl_exit code) {
        switch (code) {
        case CTL_OK:
                return "ok";
        case CTL_FAILURE:
                return "failure";
        case CTL_USAGE:
                return "usage";
        case CTL_STALE:
                return "stale";
        case CTL_UNPROVEN:
                return "unproven";
        case CTL_ABSENT:
                return "absent";
        case CTL_UNREACHABLE:
                return "unreachable";
        }
        return "failure";
}

enum ctl_exit ctl_fail(const struct ctl *ctl, enum ctl_exit code, const char *format, ...) {
        char text[512];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        ctl_clean(text, sizeof(text));
        fprintf(stderr, "kedgectl: %s\n", text);

        if (!ctl->json)
                return code;
        return ctl_print_json(code, json_pack("{s:s}", "reason", text));
}

enum ctl_exit ctl_print_json(enum ctl_exit code, json_t *object_take) {
        json_t *o = json_pack("{s:s}", "result", ctl_exit_name(code));

        if (!o || !object_take || json_object_update(o, object_take) < 0 ||
            json_dumpf(o, stdout, JSON_INDENT(2)) < 0) {
                fputs("kedgectl: not enough memory for the answer\n", stderr);
                code = CTL_FAILURE;
        }
        json_decref(object_take);
        json_decref(o);
        putchar('\n');
        return code;
}

void ctl_print_json_line(json_t *object_take) {
        if (!object_take || json_dumpf(object_take, stdout, JSON_COMPACT) < 0)
                fputs("kedgectl: not enough memory for the answer\n", stderr);
        json_decref(object_take);
        putchar('\n');
}

void ctl_row(const char *label, const char *format, ...) {
        va_list args;

        printf("  %-11s ", label);
        va_start(args, format);
        (void) vprintf(format, args);
        va_end(args);
        putchar('\n');
}

const char *ctl_paint(const struct ctl *ctl, enum ctl_colour c) {
        static const char *const codes[] = {
                [CTL_PLAIN] = "\033[0m",
                [CTL_BOLD] = "\033[1m",
                [CTL_GREEN] = "\033[32m",
                [CTL_YELLOW] = "\033[33m",
                [CTL_RED] = "\033[1;31m",
                [CTL_DIM] = "\033[2m",
        };

        return ctl->colour ? codes[c] : "";
}

const char *ctl_words_of_ms(uint64_t ms, char ret[CTL_TEXT_MAX]) {
        static const struct {
                uint64_t ms, small_ms;
                const char *one, *many, *small;
        } units[] = {
                { 86400000, 3600000, "day", "days", "h" },
                { 3600000, 60000, "h", "h", "min" },
                { 60000, 1000, "min", "min", "s" },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                uint64_t n = ms / units[i].ms, rest = ms % units[i].ms / units[i].small_ms;
                const char *unit = n == 1 ? units[i].one : units[i].many;

                if (n == 0)
                        continue;
                if (rest == 0)
                        (void) snprintf(ret, CTL_TEXT_MAX, "%llu %s", (unsigned long long) n, unit);
                else
                        (void) snprintf(ret, CTL_TEXT_MAX, "%llu %s %llu %s",
                                        (unsigned long long) n, unit, (unsigned long long) rest,
                                        units[i].small);
                return ret;
        }
        (void) snprintf(ret, CTL_TEXT_MAX, "%llu s", (unsigned long long) (ms / 1000));
        return ret;
}

const char *ctl_date(uint64_t seconds, char ret[CTL_TEXT_MAX]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        if (seconds > (uint64_t) INT64_MAX || !gmtime_r(&t, &tm) || tm.tm_year > 9999 - 1900 ||
            strftime(ret, CTL_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
                (void) snprintf(ret, CTL_TEXT_MAX, "%llu s after 1970",
                                (unsigned long long) seconds);
        return ret;
}

const char *ctl_bytes(uint64_t n, char ret[CTL_TEXT_MAX]) {
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
        double x = (double) n;
        size_t i = 0;

        while (x >= 1000 && i + 1 < ELEMENTSOF(units)) {
                x /= 1000;
                i++;
        }
        (void) snprintf(ret, CTL_TEXT_MAX, i > 0 && x < 100 ? "%.1f %s" : "%.0f %s", x, units[i]);
        return ret;
}

const char *ctl_hex(const void *data, size_t n, char ret[CTL_TEXT_MAX]) {
        ret[0] = '0';
        ret[1] = 'x';
        (void) hex_encode(data, MIN(n, (size_t) 32), ret + 2);
        return ret;
}

const char *ctl_addr(const struct name_addr *a, char ret[CTL_TEXT_MAX]) {
        if (!inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, ret, CTL_TEXT_MAX))
                ret[0] = '\0';
        return ret;
}

json_t *ctl_json_hex(const void *data, size_t n) {
        char text[CTL_TEXT_MAX];

        return json_string(ctl_hex(data, n, text));
}

json_t *ctl_json_block(const struct query_block *block) {
        return json_pack("{s:I, s:o, s:o}", "number", ctl_int(block->number), "hash",
                        ctl_json_hex(block->hash.b, HASH32_SIZE), "timestamp",
                        block->timestamp > 0 ? json_integer(ctl_int(block->timestamp))
                                             : json_null());
}

void ctl_row_block(const char *label, const struct query_block *b) {
        char date[CTL_TEXT_MAX], hash[CTL_TEXT_MAX];

        ctl_row(label, "%-10llu %-23s  %.18s...", (unsigned long long) b->number,
                        b->timestamp > 0 ? ctl_date(b->timestamp, date) : "(time not known)",
                        ctl_hex(b->hash.b, HASH32_SIZE, hash));
}

static uint64_t age_of(uint64_t proven_ms) {
        uint64_t now = ctl_boottime_ms();

        return now - MIN(now, proven_ms);
}

const char *ctl_age_of_proof(uint64_t proven_ms, char ret[CTL_TEXT_MAX]) {
        return proven_ms == 0 ? NULL : ctl_words_of_ms(age_of(proven_ms), ret);
}

json_t *ctl_json_age_of_proof(uint64_t proven_ms) {
        return proven_ms == 0 ? json_null() : json_integer(ctl_int(age_of(proven_ms)));
}

static const struct {
        const char *name;
        enum ctl_colour colour;
} states[] = {
        [STATE_STARTING] = { "starting", CTL_YELLOW },
        [STATE_FOLLOWING] = { "following", CTL_GREEN },
        [STATE_BEHIND] = { "behind", CTL_YELLOW },
        [STATE_STALE] = { "stale", CTL_YELLOW },
        [STATE_STUCK] = { "stuck", CTL_RED },
};

const char *ctl_state_name(uint8_t state) {
        return states[state < ELEMENTSOF(states) ? state : STATE_STARTING].name;
}

enum ctl_colour ctl_state_colour(uint8_t state) {
        return states[state < ELEMENTSOF(states) ? state : STATE_STARTING].colour;
}

void ctl_clean(char *text, size_t n) {
        for (size_t i = 0; i < n && text[i]; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        text[i] = '?';
}

int ctl_number(const char *text, uint64_t max, uint64_t *ret) {
        uint64_t x = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                unsigned digit = (unsigned) (*text - '0');

                if (*text < '0' || *text > '9' || x > (max - MIN(max, (uint64_t) digit)) / 10 ||
                                digit > max)
                        return -EINVAL;
                x = x * 10 + digit;
        }
        *ret = x;
        return 0;
}

uint64_t ctl_boottime_ms(void) {
        struct timespec t;

        if (clock_gettime(CLOCK_BOOTTIME, &t) < 0)
                return UINT64_MAX; /* past every deadline */
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}
