/* The device key. Made once from the kernel's random numbers, on disk before it is used, never
 * replaced by us: a file that is not as we left it stops the start. */

#include "agent/kedged/device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/kedged/file.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static int refuse(int r, const char *why) {
        log_error("%s in the state folder %s. Put the right file back, or move it away to get a "
                  "new identity",
                        DEVICE_FILE, why);
        return r;
}

static int make(int state_fd, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        uint8_t key[SECP_PRIVKEY_SIZE];
        struct secp_pubkey pub;
        int r;

        do
                if (getrandom(key, sizeof(key), 0) != (ssize_t) sizeof(key))
                        return -EIO;
        while (secp_pubkey_of(key, &pub) < 0); /* zero or above the order: never seen by anyone */

        r = file_replace(state_fd, DEVICE_FILE, 0600, VIEW(key, sizeof(key)), true);
        if (r < 0)
                log_error("%s cannot be written to the state folder: %s; make room there, and "
                          "start again",
                                DEVICE_FILE, strerror(-r));
        else
                memcpy(ret, key, sizeof(key));
        explicit_bzero(key, sizeof(key));
        return r;
}

int device_key_open(int state_fd, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        _cleanup_(fd_closep) int fd =
                openat(state_fd, DEVICE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        uint8_t key[SECP_PRIVKEY_SIZE + 1];
        struct secp_pubkey pub;
        struct stat st;

        if (fd < 0 && errno == ENOENT)
                return make(state_fd, ret);
        if (fd < 0)
                return refuse(-errno, errno == ELOOP ? "is a symbolic link" : "cannot be opened");
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return refuse(-EINVAL, "is not a regular file");
        if (st.st_uid != geteuid())
                return refuse(-EPERM, "belongs to another user");
        if (st.st_mode & 077)
                return refuse(-EPERM, "is open to other users (its mode must be 0600)");
        if (read(fd, key, sizeof(key)) != SECP_PRIVKEY_SIZE || secp_pubkey_of(key, &pub) < 0) {
                explicit_bzero(key, sizeof(key));
                return refuse(-EINVAL, "is damaged: it does not hold a private key of 32 bytes");
        }
        memcpy(ret, key, SECP_PRIVKEY_SIZE);
        explicit_bzero(key, sizeof(key));
        return 0;
}
