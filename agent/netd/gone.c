/* Addresses that may not speak any more: of peers that went or have another address. Their entries
 * of conntrack are deleted, so that no flow passes to whoever has the address next. Of a peer that
 * stays they are kept, whatever its role and the rules are now: they remember who began the flow,
 * and of flows that a peer began the rules are asked packet by packet (nft_rules.c). */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/netd/apply_priv.h"
#include "wire/owned.h"

#define GONE_MAX (NETD_PEERS_MAX * (NETD_PREFIXES_MAX + NETD_OUTER_MAX) * 2)

/* In front of the addresses; a file of before it had a version begins with an address, so with the
 * number 4 or 6. */
static const char gone_magic[8] = { 'K', 'E', 'D', 'G', 'O', 'N', 'E', '1' };

void gone_done(struct gone *g) {
        free(g->ip);
        *g = (struct gone){ 0 };
}

static int by_address(const void *a, const void *b) {
        return ip_cmp(a, b);
}

void gone_sort(struct gone *g) {
        size_t n = 0;

        if (g->n == 0)
                return;
        qsort(g->ip, g->n, sizeof(*g->ip), by_address);
        for (size_t i = 0; i < g->n; i++)
                if (i == 0 || !ip_eq(&g->ip[i], &g->ip[n - 1]))
                        g->ip[n++] = g->ip[i];
        g->n = n;
}

void gone_add(struct gone *g, const struct ip *a) {
        if (a->family == 0)
                return;
        if (g->n == g->cap) {
                size_t cap = MAX(2 * g->cap, (size_t) 16);
                struct ip *ip;

                gone_sort(g); /* the same one, again and again, while nothing can be deleted */
                cap = g->n < g->cap / 2 ? g->cap : cap;
                ip = cap > GONE_MAX ? NULL : realloc(g->ip, cap * sizeof(*ip));
                if (!ip) {
                        g->lost = true;
                        return;
                }
                g->ip = ip;
                g->cap = cap;
        }
        g->ip[g->n++] = *a;
}

static const char *file_of(const char *link, char ret[NETD_LINK_NAME + 8]) {
        (void) snprintf(ret, NETD_LINK_NAME + 8, "%.15s.gone", link);
        return ret;
}

/* Where the addresses begin. False: a later kedge-netd wrote them. */
static bool take_magic(int fd) {
        char magic[sizeof(gone_magic)];

        if (pread(fd, magic, sizeof(magic), 0) != (ssize_t) sizeof(magic) || magic[0] != gone_magic[0])
                return true;
        return memcmp(magic, gone_magic, sizeof(magic)) == 0 &&
               lseek(fd, sizeof(magic), SEEK_SET) == (off_t) sizeof(magic);
}

/* A later kedge-netd has written it: what stands in it is for that one. */
static bool is_of_a_later(int folder_fd, const char *name) {
        _cleanup_(owned_closep) int fd = openat(folder_fd, name,
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        return fd >= 0 && !take_magic(fd);
}

void gone_save(int folder_fd, const char *link, struct gone *g) {
        _cleanup_(owned_closep) int fd = -1;
        char name[NETD_LINK_NAME + 8];
        struct iovec part[2] = { { (void *) gone_magic, sizeof(gone_magic) } };

        gone_sort(g);
        if (g->n == 0 || is_of_a_later(folder_fd, file_of(link, name)))
                return;
        part[1] = (struct iovec){ g->ip, g->n * sizeof(*g->ip) };
        fd = openat(folder_fd, name,
                        O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* Without it the flows are deleted all the same, unless we are killed before that. */
        if (fd >= 0 && writev(fd, part, 2) != (ssize_t) (part[0].iov_len + part[1].iov_len))
                (void) unlinkat(folder_fd, name, 0);
}

void gone_load(int folder_fd, const char *link, struct gone *g) {
        _cleanup_(owned_closep) int fd = -1;
        char name[NETD_LINK_NAME + 8];
        struct ip a;

        fd = openat(folder_fd, file_of(link, name),
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 && !take_magic(fd)) {
                g->later = true;
                return;
        }
        for (size_t i = 0; fd >= 0 && i < GONE_MAX; i++) {
                if (read(fd, &a, sizeof(a)) != (ssize_t) sizeof(a) || !ip_is_sane(&a))
                        break;
                gone_add(g, &a);
        }
}

void gone_forget(int folder_fd, const char *link) {
        char name[NETD_LINK_NAME + 8];

        if (!is_of_a_later(folder_fd, file_of(link, name)))
                (void) unlinkat(folder_fd, name, 0);
}

static bool has(const struct ip *list, size_t n, const struct ip *a) {
        for (size_t i = 0; i < n; i++)
                if (ip_eq(&list[i], a))
                        return true;
        return false;
}

/* Those of the old list that the new one does not have. */
static void add_missing(struct gone *g, const struct ip *old, const struct ip *new, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!new || !has(new, n, &old[i]))
                        gone_add(g, &old[i]);
}

/* Outer addresses may be those of many members, behind one router: of these none is gone before the
 * last is. Both lists are sorted. */
static void drop_shared(struct gone *outer, const struct desired *new) {
        struct gone kept = { 0 };
        size_t n = 0;

        for (size_t i = 0; i < new->n_peers; i++)
                for (size_t k = 0; k < NETD_OUTER_MAX; k++)
                        gone_add(&kept, &new->peer[i].outer[k]);
        gone_sort(&kept);
        for (size_t i = 0; i < outer->n; i++)
                if (kept.n == 0 || !bsearch(&outer->ip[i], kept.ip, kept.n, sizeof(*kept.ip),
                                                   by_address))
                        outer->ip[n++] = outer->ip[i];
        outer->n = n;
        gone_done(&kept);
}

void gone_between(struct gone *g, const struct desired *old, const struct desired *new) {
        struct gone outer = { 0 };
        size_t k = 0;

        for (size_t i = 0; i < old->n_peers; i++) {
                const struct netd_peer *was = &old->peer[i], *is;

                while (k < new->n_peers && memcmp(new->peer[k].key, was->key, NETD_KEY_SIZE) < 0)
                        k++;
                is = k < new->n_peers &&memcmp(new->peer[k].key, was->key, NETD_KEY_SIZE) == 0
                                     ? &new->peer[k]
                                     : NULL;
                add_missing(g, was->tunnel, is ? is->tunnel : NULL, NETD_PREFIXES_MAX);
                add_missing(&outer, was->outer, is ? is->outer : NULL, NETD_OUTER_MAX);
        }
        if (old->begin.n_only > 0) {
                drop_shared(&outer, new);
                for (size_t i = 0; i < outer.n; i++)
                        gone_add(g, &outer.ip[i]);
        }
        g->lost = g->lost || outer.lost;
        gone_done(&outer);
}
