/* What tests of agent/netd on a real kernel share: a network namespace of their own for each test,
 * programs run in it, and what they have said. */
#pragma once

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ip.h"

/* A checked fixture: the test is a process of its own, and its namespace ends with it. */
static inline void box_setup(void) {
        ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
        ck_assert_int_eq(system("ip link set lo up"), 0);
}

/* Runs a line of shell; what it has said, until the next call. */
static inline _printf_(1, 2) const char *run(const char *format, ...) {
        static char said[1 << 20];
        char line[1024];
        size_t n;
        FILE *p;
        va_list ap;

        va_start(ap, format);
        ck_assert_int_lt(vsnprintf(line, sizeof(line), format, ap), (int) sizeof(line));
        va_end(ap);
        p = popen(line, "r");
        ck_assert_ptr_nonnull(p);
        n = fread(said, 1, sizeof(said) - 1, p);
        said[n] = '\0';
        ck_assert_msg(pclose(p) == 0, "%s: failed: %s", line, said);
        return said;
}

static inline bool says(const char *text, const char *part) {
        return strstr(text, part);
}

#define ck_says(text, part)                                                                        \
        do {                                                                                       \
                const char *said_ = (text);                                                        \
                ck_assert_msg(says(said_, part), "\"%s\" is not in:\n%s", part, said_);            \
        } while (0)
#define ck_says_not(text, part)                                                                    \
        do {                                                                                       \
                const char *said_ = (text);                                                        \
                ck_assert_msg(!says(said_, part), "\"%s\" is in:\n%s", part, said_);               \
        } while (0)

static inline uint64_t box_now_us(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static inline struct ip ip_of(const char *text) {
        struct ip ip;

        ck_assert_int_eq(ip_parse(VIEW_TEXT(text), &ip), 0);
        return ip;
}

static inline struct ip_prefix prefix_of(const char *text) {
        struct ip_prefix p;

        ck_assert_int_eq(ip_prefix_parse(VIEW_TEXT(text), &p), 0);
        return p;
}

/* Why such tests cannot run here; NULL: they can. */
static inline const char *box_lacks(void) {
        if (geteuid() != 0)
                return "it takes root to make a network namespace";
        if (system("unshare -n true 2>/dev/null") != 0)
                return "no network namespace can be made here";
        return NULL;
}
