/* agent/kedged/net_links: the payload of its file. Whatever is taken names links that there can be,
 * and is what it would be written as again. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/net_links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct net_links l;
        size_t n = 1;

        memset(&l, 0, sizeof(l));
        if (net_links_parse(&l, VIEW(data, size)) < 0) {
                MUST(l.n == 0);
                return 0;
        }
        MUST(l.n <= NET_LINKS_MAX && size > 0 && data[0] == l.n);
        for (size_t i = 0; i < l.n; i++) {
                MUST(netd_link_valid(l.row[i].link));
                MUST(l.row[i].network[0] && memchr(l.row[i].network, 0, NET_NAME_MAX));
                n += 2 + strlen(l.row[i].network) + strlen(l.row[i].link);
        }
        MUST(n == size);
        return 0;
}
