/* netd.conf: what is taken names at most eight links and prefixes, and never every link there is.
 */

#include "fuzz.h"

#include <string.h>

#include "agent/netd/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char long_name[NETD_LINK_NAME] = "zz-nobodys-link";
        struct netd_conf c = { .n_links = 99 };
        char why[NETD_WHY_MAX] = "";
        int r = netd_conf_read(&c, "netd.conf", VIEW(data, size), why);

        if (r < 0) {
                MUST(c.n_links == 99 && memchr(why, 0, sizeof(why)) && why[0] != '\0');
                return 0;
        }
        MUST(c.n_links >= 1 && c.n_links <= NETD_CONF_WORDS && c.n_prefixes <= NETD_CONF_WORDS);
        MUST(c.backend <= MACHINE_USERSPACE);
        for (size_t i = 0; i < c.n_links; i++) {
                size_t n = strnlen(c.links[i], NETD_LINK_NAME);
                char name[NETD_LINK_NAME] = { 0 };

                MUST(n > 0 && n < NETD_LINK_NAME && strcmp(c.links[i], "*") != 0);
                memcpy(name, c.links[i], c.links[i][n - 1] == '*' ? n - 1 : n);
                MUST(netd_link_valid(name));
                MUST(netd_conf_has_link(&c, name) || strstr(name, ".next") || strstr(name, ".old"));
                if (c.n_links == 1 && name[0] != 'z')
                        MUST(!netd_conf_has_link(&c, long_name));
        }
        for (size_t i = 0; i < c.n_prefixes; i++)
                MUST(ip_prefix_is_sane(&c.prefix[i]) && netd_conf_has_prefix(&c, &c.prefix[i]));
        MUST(c.n_only <= NETD_CONF_WORDS && (c.only_bound || c.n_only == 0));
        return 0;
}
