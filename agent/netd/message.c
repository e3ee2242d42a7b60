/* Messages of libnl: see message.h. */

#include "agent/netd/message.h"

#include <netlink/msg.h>

void nlmsg_freep(struct nl_msg **m) {
        nlmsg_free(*m);
}

struct nl_msg *message_new(int type, int flags, size_t size) {
        struct nl_msg *m = nlmsg_alloc_size(size);

        if (m && !nlmsg_put(m, 0, 0, type, 0, flags)) {
                nlmsg_free(m);
                return NULL;
        }
        return m;
}
