/* kedge-netd --take-down. It is root's, and reads a folder that another user may write to: of that it
 * takes names alone, and netd.conf, which is root's, says which of them may be links of ours. Another
 * is looked at, never touched: where it stands, the table does. A link that is not WireGuard's is
 * left alone by whoever removes it. */

#include "agent/netd/takedown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/owned.h"

#define SUFFIX    ".key"
#define LINKS_MAX 32 /* as many key files as there can be */

static void machine_freep(struct machine **m) {
        (void) machine_free(*m);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* The link that a file is the private key of; false where it is another file. */
static bool link_of(const char *file, char ret[NETD_LINK_NAME]) {
        static const struct netd_conf any = { .n_links = 1, .links = { "*" } };
        size_t n = strlen(file), tail = strlen(SUFFIX);
        char link[NETD_LINK_NAME] = "";

        if (n <= tail || n - tail >= NETD_LINK_NAME || strcmp(file + n - tail, SUFFIX) != 0)
                return false;
        memcpy(link, file, n - tail);
        if (!netd_link_valid(link) || !netd_conf_has_link(&any, link))
                return false;
        memcpy(ret, link, sizeof(link));
        return true;
}

static int remove_link(const struct system_ops *ops, void *system, const char *link) {
        int r = ops->wg_remove(system, link);

        if (r < 0)
                fprintf(stderr, "kedge-netd: %s: it cannot be removed, so its firewall stays: %s\n",
                                link, strerrordesc_np(-r));
        else
                fprintf(stderr, "kedge-netd: %s: removed, or not there\n", link);
        return r;
}

/* Is there a link that netd.conf does not call ours any more, and had a key made? 0: none stands.
 * What cannot be looked at may. */
static int look_for_others(const struct netd_conf *conf, DIR *folder, const struct system_ops *ops,
                void *system) {
        char link[NETD_LINK_NAME];
        unsigned n = 0;
        int found = 0;

        rewinddir(folder);
        for (const struct dirent *e; (e = readdir(folder));) {
                struct wg_device device = { 0 };
                int r;

                if (!link_of(e->d_name, link) || netd_conf_has_link(conf, link))
                        continue;
                if (n++ == LINKS_MAX) {
                        fprintf(stderr, "kedge-netd: more keys than it ever has, of links that "
                                        "netd.conf does not name: the firewall is left\n");
                        return found < 0 ? found : -E2BIG;
                }
                r = ops->wg_read(system, link, &device);
                free(device.peer);
                if (r == -ENODEV || r == -EEXIST || r == -EOPNOTSUPP) /* no WireGuard's */
                        continue;
                r = r < 0 ? r : -EBUSY;
                fprintf(stderr, "kedge-netd: %s: netd.conf does not name it, so it is left, and the "
                                "firewall with it: %s\n",
                                link, r == -EBUSY ? "it stands" : strerrordesc_np(-r));
                found = found < 0 ? found : r;
        }
        return found;
}

static int remove_links(const struct netd_conf *conf, DIR *folder, const struct system_ops *ops,
                void *system, unsigned *ret_n) {
        char link[NETD_LINK_NAME];
        unsigned n = 0;
        int failed = 0;

        for (const struct dirent *e; n < LINKS_MAX && (e = readdir(folder));) {
                int r;

                if (!link_of(e->d_name, link) || !netd_conf_has_link(conf, link))
                        continue;
                n++;
                r = remove_link(ops, system, link);
                failed = failed < 0 ? failed : r;
        }
        *ret_n = n;
        return failed;
}

int takedown(const struct netd_conf *conf, int folder_fd, const struct system_ops *ops,
                void *system) {
        _cleanup_(closedirp) DIR *folder = NULL;
        unsigned n;
        _cleanup_(owned_closep) int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int failed, others;

        folder = fd < 0 ? NULL : fdopendir(fd);
        if (!folder)
                return -errno;
        (void) TAKE_FD(fd);
        failed = remove_links(conf, folder, ops, system, &n);
        others = look_for_others(conf, folder, ops, system);
        failed = failed < 0 ? failed : others;
        if (n == 0 || failed < 0)
                return failed;
        failed = ops->nft_write(system, NULL, 0);
        if (failed < 0)
                fprintf(stderr, "kedge-netd: the table inet kedge cannot be removed: %s\n",
                                strerrordesc_np(-failed));
        return failed;
}

int takedown_machine(const struct netd_conf *conf, const char *folder, const char *uapi_folder) {
        _cleanup_(owned_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(machine_freep) struct machine *machine = NULL;
        int r;

        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0) {
                r = -errno;
                fprintf(stderr, "kedge-netd: %s: %s\n", folder, strerrordesc_np(-r));
                return r;
        }
        r = machine_new(conf->backend, uapi_folder, &machine);
        return r < 0 ? r : takedown(conf, fd, &machine_ops, machine);
}
