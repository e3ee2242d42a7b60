/* The datagrams of chrony's refclock_sock.c. chronyd makes the socket; we only write to it. */

#include "agent/timed/chrony.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "wire/owned.h"

#define CHRONY_MAGIC 0x534f434b /* SOCK */

int chrony_send(const char *path, const struct timeval *now, double offset_s) {
        const struct chrony_sample sample = {
                .tv = *now, .offset = offset_s, .magic = CHRONY_MAGIC
        };
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        _cleanup_(owned_closep) int fd = -1;
        size_t n = strlen(path);

        if (n >= sizeof(to.sun_path))
                return -ENAMETOOLONG;
        memcpy(to.sun_path, path, n + 1);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (sendto(fd, &sample, sizeof(sample), MSG_NOSIGNAL, (struct sockaddr *) &to,
                            sizeof(to)) < 0)
                return -errno;
        return 0;
}
