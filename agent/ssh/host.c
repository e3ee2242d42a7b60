/* What stands here is printed again as a pattern of known_hosts, where '*', '?', '!', ',' and '|'
 * have a meaning: only what a host name consists of gets through. */

#include "agent/ssh/host.h"

#include <errno.h>

/* 1 to 65535, with no zero in front. */
static bool port_is_good(struct view text) {
        uint32_t port = 0;

        if (text.n == 0 || text.n > 5 || text.p[0] == '0')
                return false;
        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] < '0' || text.p[i] > '9')
                        return false;
                port = 10 * port + (uint32_t) (text.p[i] - '0');
        }
        return port <= 65535;
}

int ssh_host_parse(struct view text, char ret[NAME_MAX_LEN + 1]) {
        const uint8_t *end;
        struct view name;

        if (text.n == 0 || text.n > SSH_HOST_MAX)
                return -EINVAL;
        if (text.p[0] != '[')
                return name_normalize(text, ret);

        end = memchr(text.p, ']', text.n);
        if (!end)
                return -EINVAL;
        name = VIEW(text.p + 1, (size_t) (end - text.p) - 1);
        text = VIEW(end + 1, text.n - name.n - 2);
        if (text.n == 0 || text.p[0] != ':' || !port_is_good(VIEW(text.p + 1, text.n - 1)))
                return -EINVAL;
        return name_normalize(name, ret);
}
