/* libnss_kedge.so.2: names from the chain for every program that asks libc. It runs inside other
 * people's programs and sandboxes, so it opens, stats, reads, connects, polls, writes and closes;
 * no more. It keeps nothing between calls, and leaves errno as it was when it succeeds.
 *
 * What always holds: UNAVAIL is said of foreign names only, because behind UNAVAIL stands DNS. A
 * name of ours that cannot be proven now is TRYAGAIN, and one that can be no host is NOTFOUND.
 * ERANGE means that the caller's buffer is too small and nothing else, for libc then doubles it and
 * calls again. */

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <nss.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "config.h"
#include "wire/query.h"
#include "wire/snapshot.h"

#define NSS_PUBLIC    __attribute__((visibility("default")))
#define PATH_SIZE     512
#define REVERSE_NAMES 8

/* What we learned about a name. Zero is unproven. */
enum finding {
        FOUND_UNPROVEN = 0, /* ours, and nothing about it can be believed now */
        FOUND_PRESENT,
        FOUND_ABSENT, /* proven absent, or of a form that no host of ours has */
        FOUND_FOREIGN,
};

/* Where a result is reported, and errno as the caller had it. */
struct report {
        int *errnop, *h_errnop, saved;
};

/* The rest of the caller's buffer. */
struct space {
        char *p;
        size_t n;
        bool full;
};

NSS_PUBLIC enum nss_status _nss_kedge_gethostbyname4_r(const char *name,
                struct gaih_addrtuple **pat, char *buffer, size_t buflen, int *errnop,
                int *h_errnop, int32_t *ttlp);
NSS_PUBLIC enum nss_status _nss_kedge_gethostbyname3_r(const char *name, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop,
                int32_t *ttlp, char **canonp);
NSS_PUBLIC enum nss_status _nss_kedge_gethostbyname2_r(const char *name, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop);
NSS_PUBLIC enum nss_status _nss_kedge_gethostbyname_r(const char *name, struct hostent *host,
                char *buffer, size_t buflen, int *errnop, int *h_errnop);
NSS_PUBLIC enum nss_status _nss_kedge_gethostbyaddr2_r(const void *addr, socklen_t len, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop,
                int32_t *ttlp);
NSS_PUBLIC enum nss_status _nss_kedge_gethostbyaddr_r(const void *addr, socklen_t len, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop);

static enum nss_status say(
                const struct report *to, enum nss_status status, int error, int h_error) {
        *to->errnop = error;
        *to->h_errnop = h_error;
        return status;
}

static enum nss_status say_success(const struct report *to) {
        *to->errnop = 0;
        *to->h_errnop = NETDB_SUCCESS;
        errno = to->saved; /* last: libc passes errno itself as errnop */
        return NSS_STATUS_SUCCESS;
}

static enum nss_status say_no(const struct report *to, enum finding finding) {
        switch (finding) {
        case FOUND_FOREIGN:
                return say(to, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
        case FOUND_ABSENT:
                return say(to, NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND);
        case FOUND_PRESENT: /* but not with what was asked for */
                return say(to, NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
        case FOUND_UNPROVEN:
                break;
        }
        return say(to, NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN);
}

static enum nss_status say_too_small(const struct report *to) {
        return say(to, NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL);
}

/* "dir/file" with dir from the environment where that is safe; false if it is too long. */
static bool path_of(char ret[PATH_SIZE], const char *variable, const char *dir, const char *file) {
        const char *other = secure_getenv(variable);
        size_t n, k = strlen(file);

        if (other && other[0] == '/')
                dir = other;
        n = strlen(dir);
        if (n + k >= PATH_SIZE)
                return false;
        memcpy(ret, dir, n);
        memcpy(ret + n, file, k + 1);
        return true;
}

static bool runtime_path(char ret[PATH_SIZE], const char *file) {
        return path_of(ret, "KEDGE_RUNTIME_DIR", KEDGE_RUNTIME_DIR, file);
}

/* As suffixes_match(). */
static int is_ours(const char *name) {
        char path[PATH_SIZE];

        if (!path_of(path, "KEDGE_STATE_DIR", KEDGE_STATE_DIR, "/public/suffixes"))
                return -ENAMETOOLONG;
        return suffixes_match(path, name);
}

static uint64_t now_ms(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static enum finding judge(const struct name_answer *a) {
        if (!name_is_fresh(a, now_ms()))
                return FOUND_UNPROVEN;
        return a->verdict == NAME_PRESENT ? FOUND_PRESENT : FOUND_ABSENT;
}

static enum finding ask_snapshot(const char *name, struct name_answer *ret) {
        char path[PATH_SIZE];

        if (!runtime_path(path, "/names") || snapshot_lookup(path, name, ret) < 0)
                return FOUND_UNPROVEN;
        return judge(ret);
}

static enum finding ask_agent(const char *name, struct name_answer *ret) {
        struct query_request q = { .verb = QUERY_RESOLVE };
        struct query_reply a;
        char path[PATH_SIZE];

        strncpy(q.name, name, sizeof(q.name) - 1);
        if (!runtime_path(path, "/query.sock") || query_ask(path, &q, QUERY_WAIT_MS, &a) < 0)
                return FOUND_UNPROVEN;
        if (a.result == QUERY_ABSENT)
                return FOUND_ABSENT;
        if (a.result != QUERY_OK)
                return FOUND_UNPROVEN;
        *ret = a.name;
        return judge(ret);
}

/* What is no host name, but lies below a suffix of ours, is ours to deny: DNS must not see it. Its
 * end is enough to tell. */
static enum finding find_odd(const char *name) {
        char tail[NAME_MAX_LEN + 1];
        size_t n = strlen(name), k;
        int r;

        while (n > 0 && name[n - 1] == '.')
                n--;
        k = MIN(n, NAME_MAX_LEN);
        for (size_t i = 0; i < k; i++) {
                char c = name[n - k + i];

                tail[i] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
        }
        tail[k] = '\0';

        r = is_ours(tail);
        if (r == 0 || r == -ENOENT)
                return FOUND_FOREIGN;
        return r < 0 ? FOUND_UNPROVEN : FOUND_ABSENT;
}

/* canon holds the name's one spelling when this returns FOUND_PRESENT.
 *
 * A record in a snapshot that is believed is of a name of ours, so the common case needs no look at
 * the suffix list: the list decides about all other names, before the agent is asked. */
static enum finding find(const char *name, char canon[NAME_MAX_LEN + 1], struct name_answer *ret) {
        enum finding finding;
        int r;

        if (name_normalize(VIEW_TEXT(name), canon) < 0)
                return find_odd(name);

        finding = ask_snapshot(canon, ret);
        if (finding != FOUND_UNPROVEN)
                return finding;
        r = is_ours(canon);
        if (r == 0 || r == -ENOENT)
                return FOUND_FOREIGN;
        if (r < 0) /* there is a list, so something is ours: do not guess what */
                return FOUND_UNPROVEN;
        return ask_agent(canon, ret);
}

static void *cut(struct space *s, size_t n, size_t align) {
        size_t skip = -(uintptr_t) s->p & (align - 1);
        char *p = s->p;

        if (s->full || skip > s->n || n > s->n - skip) {
                s->full = true;
                return NULL;
        }
        s->p += skip + n;
        s->n -= skip + n;
        return p + skip;
}

static char *cut_text(struct space *s, const char *text) {
        size_t n = strlen(text) + 1;
        char *p = cut(s, n, 1);

        return p ? memcpy(p, text, n) : NULL;
}

static int family_of(const struct name_addr *a) {
        return a->family == 4 ? AF_INET : AF_INET6;
}

static size_t size_of(int af) {
        return af == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static void set_ttl(int32_t *ttlp, const struct name_answer *a) {
        uint64_t now = now_ms(), left = a->deadline_ms > now ? (a->deadline_ms - now) / 1000 : 0;

        if (ttlp)
                *ttlp = (int32_t) MIN(left, (uint64_t) INT32_MAX);
}

/* The caller may own the first tuple; the others are ours to cut. */
static bool put_tuples(struct space *s, const char *canon, const struct name_answer *a,
                struct gaih_addrtuple **pat) {
        struct gaih_addrtuple *first = *pat, *last = NULL;
        char *text = cut_text(s, canon);

        for (size_t i = 0; i < a->n_addrs; i++) {
                struct gaih_addrtuple *t =
                                i == 0 && first ? first
                                                : cut(s, sizeof(*t),
                                                                  alignof(struct gaih_addrtuple));

                if (!t || s->full)
                        return false;
                *t = (struct gaih_addrtuple){ .name = text, .family = family_of(&a->addr[i]) };
                memcpy(t->addr, a->addr[i].b, size_of(t->family));
                if (last)
                        last->next = t;
                else
                        first = t;
                last = t;
        }
        *pat = first;
        return true;
}

enum nss_status _nss_kedge_gethostbyname4_r(const char *name, struct gaih_addrtuple **pat,
                char *buffer, size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp) {
        const struct report to = { errnop, h_errnop, errno };
        struct space space = { buffer, buflen, false };
        char canon[NAME_MAX_LEN + 1];
        struct name_answer a = { 0 };
        enum finding finding = find(name, canon, &a);

        if (finding != FOUND_PRESENT || a.n_addrs == 0)
                return say_no(&to, finding);
        if (!put_tuples(&space, canon, &a, pat))
                return say_too_small(&to);
        set_ttl(ttlp, &a);
        return say_success(&to);
}

/* n names, the first of which is the canonical one; n addresses of one family. NULL if there was no
 * room. */
static bool put_host(struct space *s, const char (*names)[NAME_MAX_LEN + 1], size_t n_names,
                const struct name_addr *addrs, size_t n_addrs, int af, struct hostent *ret) {
        char **aliases = cut(s, n_names * sizeof(char *), alignof(char *));
        char **list = cut(s, (n_addrs + 1) * sizeof(char *), alignof(char *));
        char *first = cut_text(s, names[0]);

        if (s->full)
                return false;
        for (size_t i = 1; i < n_names; i++)
                aliases[i - 1] = cut_text(s, names[i]);
        aliases[n_names - 1] = NULL;
        for (size_t i = 0; i < n_addrs; i++) {
                list[i] = cut(s, size_of(af), alignof(struct in6_addr));
                if (list[i])
                        memcpy(list[i], addrs[i].b, size_of(af));
        }
        list[n_addrs] = NULL;
        if (s->full)
                return false;

        *ret = (struct hostent){
                .h_name = first,
                .h_aliases = aliases,
                .h_addrtype = af,
                .h_length = (int) size_of(af),
                .h_addr_list = list,
        };
        return true;
}

enum nss_status _nss_kedge_gethostbyname3_r(const char *name, int af, struct hostent *host,
                char *buffer, size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp,
                char **canonp) {
        const struct report to = { errnop, h_errnop, errno };
        struct space space = { buffer, buflen, false };
        char canon[1][NAME_MAX_LEN + 1];
        struct name_addr addrs[NAME_ADDRS_MAX];
        struct name_answer a = { 0 };
        enum finding finding = find(name, canon[0], &a);
        size_t n = 0;

        if (finding != FOUND_PRESENT)
                return say_no(&to, finding);
        for (size_t i = 0; i < a.n_addrs; i++)
                if (family_of(&a.addr[i]) == af)
                        addrs[n++] = a.addr[i];
        if (n == 0)
                return say_no(&to, FOUND_PRESENT);
        if (!put_host(&space, canon, 1, addrs, n, af, host))
                return say_too_small(&to);

        set_ttl(ttlp, &a);
        if (canonp)
                *canonp = host->h_name;
        return say_success(&to);
}

enum nss_status _nss_kedge_gethostbyname2_r(const char *name, int af, struct hostent *host,
                char *buffer, size_t buflen, int *errnop, int *h_errnop) {
        return _nss_kedge_gethostbyname3_r(
                        name, af, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

enum nss_status _nss_kedge_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
                size_t buflen, int *errnop, int *h_errnop) {
        return _nss_kedge_gethostbyname3_r(
                        name, AF_INET, host, buffer, buflen, errnop, h_errnop, NULL, NULL);
}

/* Whether name still has this address; an old record is asked for again. */
static enum finding confirm(
                const char *name, const struct name_addr *addr, struct name_answer *ret) {
        enum finding finding = ask_snapshot(name, ret);

        if (finding == FOUND_UNPROVEN)
                finding = ask_agent(name, ret);
        if (finding != FOUND_PRESENT)
                return finding;
        for (size_t i = 0; i < ret->n_addrs; i++)
                if (name_addr_eq(&ret->addr[i], addr))
                        return FOUND_PRESENT;
        return FOUND_ABSENT;
}

/* Keeps the names that are confirmed, in their order; *a is the answer of the first. Reverse
 * look-ups know our addresses from the snapshot alone: one that is not there, or a snapshot that
 * cannot be believed, leaves the question to others. */
static enum finding find_names(const struct name_addr *addr,
                char names[REVERSE_NAMES][NAME_MAX_LEN + 1], size_t *ret_n, struct name_answer *a) {
        enum finding worst = FOUND_FOREIGN;
        size_t found, kept = 0;
        char path[PATH_SIZE];

        if (!runtime_path(path, "/names") ||
                        snapshot_lookup_addr(path, addr, names, REVERSE_NAMES, &found) < 0)
                return FOUND_FOREIGN;

        for (size_t i = 0; i < found; i++) {
                struct name_answer one = { 0 };
                enum finding finding = confirm(names[i], addr, &one);

                if (finding == FOUND_UNPROVEN)
                        worst = FOUND_UNPROVEN;
                if (finding != FOUND_PRESENT)
                        continue;
                if (kept == 0)
                        *a = one;
                memmove(names[kept++], names[i], sizeof(names[i]));
        }
        *ret_n = kept;
        return kept > 0 ? FOUND_PRESENT : worst;
}

enum nss_status _nss_kedge_gethostbyaddr2_r(const void *addr, socklen_t len, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop,
                int32_t *ttlp) {
        const struct report to = { errnop, h_errnop, errno };
        struct space space = { buffer, buflen, false };
        char names[REVERSE_NAMES][NAME_MAX_LEN + 1];
        struct name_addr key = { .family = af == AF_INET ? 4 : 6 };
        struct name_answer a = { 0 };
        enum finding finding;
        size_t n;

        if ((af != AF_INET && af != AF_INET6) || len != size_of(af))
                return say_no(&to, FOUND_FOREIGN);

        memcpy(key.b, addr, len);
        finding = find_names(&key, names, &n, &a);
        if (finding != FOUND_PRESENT)
                return say_no(&to, finding);
        if (!put_host(&space, names, n, &key, 1, af, host))
                return say_too_small(&to);
        set_ttl(ttlp, &a);
        return say_success(&to);
}

enum nss_status _nss_kedge_gethostbyaddr_r(const void *addr, socklen_t len, int af,
                struct hostent *host, char *buffer, size_t buflen, int *errnop, int *h_errnop) {
        return _nss_kedge_gethostbyaddr2_r(
                        addr, len, af, host, buffer, buflen, errnop, h_errnop, NULL);
}
