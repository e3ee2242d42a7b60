/* Files that kedgectl reads whole. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"
#include "config.h"
#include "wire/owned.h"

int ctl_read_file(const char *path, size_t max, char **ret, size_t *ret_n) {
        _cleanup_(owned_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        char *p;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        if (st.st_size < 0 || (uint64_t) st.st_size > max)
                return -E2BIG;
        p = malloc((size_t) st.st_size + 1);
        if (!p)
                return -ENOMEM;
        r = owned_pread(fd, p, (size_t) st.st_size, 0);
        if (r < 0) {
                free(p);
                return r;
        }
        *ret = p;
        *ret_n = (size_t) st.st_size;
        return 0;
}

void ctl_login_conf(const struct ctl *ctl, char ret[CTL_PATH_MAX]) {
        const char *slash = ctl->config ? strrchr(ctl->config, '/') : NULL;

        if (!ctl->config)
                (void) snprintf(ret, CTL_PATH_MAX, "%s%s/login.conf", ctl->root ? ctl->root : "",
                                KEDGE_CONF_DIR);
        else
                (void) snprintf(ret, CTL_PATH_MAX, "%.*slogin.conf",
                                slash ? (int) (slash + 1 - ctl->config) : 0, ctl->config);
}
