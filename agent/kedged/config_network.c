/* Which backend a chain has, and for Ethereum's its network's file: a section that is called like a
 * network, or names one, is Ethereum's; two lines are enough for it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/network.h"
#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

static void take(struct config_chain *chain, const struct network *net) {
        (void) snprintf(chain->backend, sizeof(chain->backend), "ethereum");
        chain->eth = net->eth;
        if (chain->upstreams.n == 0)
                chain->upstreams = net->upstreams;
}

static int wrong(const struct config_chain *chain, const char *path, const char *why,
                char *ret_why) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.150s: [Chain %s] has no network: %.300s", path,
                        chain->name, why);
        return -EINVAL;
}

static int resolve(struct config_chain *chain, const char *folder, struct network *net,
                const char *path, char *ret_why) {
        const char *name = chain->network[0] ? chain->network : chain->name;
        char why[CONFIG_WHY_MAX] = "";
        int r;

        if (strcmp(chain->backend, "blockquick") == 0)
                return 0;
        r = network_load(net, name, folder, why);
        if (r == -ENOENT && chain->backend[0] == 0 && chain->network[0] == 0) {
                (void) snprintf(chain->backend, sizeof(chain->backend), "blockquick");
                return 0;
        }
        if (r == -ENOENT)
                return wrong(chain, path, why, ret_why);
        if (r < 0)
                memcpy(ret_why, why, CONFIG_WHY_MAX);
        else
                take(chain, net);
        return r;
}

int config_networks(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(freep) struct network *net = malloc(sizeof(*net));
        int r = 0;

        if (!net) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: out of memory", path);
                return -ENOMEM;
        }
        if (c->networks_dir[0] == 0)
                (void) snprintf(c->networks_dir, sizeof(c->networks_dir), "%s",
                                KEDGE_CONF_DIR "/networks.d");
        for (size_t i = 0; r >= 0 && i < c->n_chains; i++)
                r = resolve(&c->chain[i], c->networks_dir, net, path, ret_why);
        return r;
}
