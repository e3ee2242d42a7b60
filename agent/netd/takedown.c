/* kedge-netd --take-down. It is root's, and reads a folder that another user may write to: of that it
 * takes names alone, and netd.conf, which is root's, says which of them may be links of ours. A link
 * that is not WireGuard's is left alone by whoever removes it. */

#include "agent/netd/takedown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* The link that a file is the key of; false where it is another file, or no link of ours. */
static bool link_of(const struct netd_conf *conf, const char *file, char ret[NETD_LINK_NAME]) {
        size_t n = strlen(file), tail = strlen(SUFFIX);
        char link[NETD_LINK_NAME] = "";

        if (n <= tail || n - tail >= NETD_LINK_NAME || strcmp(file + n - tail, SUFFIX) != 0)
                return false;
        memcpy(link, file, n - tail);
        if (!netd_conf_has_link(conf, link))
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

int takedown(const struct netd_conf *conf, int folder_fd, const struct system_ops *ops,
                void *system) {
        _cleanup_(closedirp) DIR *folder = NULL;
        char link[NETD_LINK_NAME];
        unsigned n = 0;
        _cleanup_(owned_closep) int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int failed = 0;

        folder = fd < 0 ? NULL : fdopendir(fd);
        if (!folder)
                return -errno;
        (void) TAKE_FD(fd);
        for (const struct dirent *e; n < LINKS_MAX && (e = readdir(folder));) {
                int r;

                if (!link_of(conf, e->d_name, link))
                        continue;
                n++;
                r = remove_link(ops, system, link);
                failed = failed < 0 ? failed : r;
        }
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
