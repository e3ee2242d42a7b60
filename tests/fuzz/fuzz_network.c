/* agent/kedged/network: the text of one file of networks.d.
 *
 * A text is taken whole or refused with a line that names the file; what is taken is a network that
 * lib/core takes, has a fork at each epoch up to the first unknown one, and names only servers of
 * Ethereum's without a password. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/network.h"

void log_line(int priority _unused_, const char *format _unused_, ...) {
}

static void check_upstreams(const struct config_upstreams *all) {
        MUST(all->n <= CHAIN_UPSTREAMS_MAX);
        for (size_t i = 0; i < all->n; i++) {
                const struct config_upstream *u = &all->u[i];

                MUST(u->kind == UPSTREAM_BEACON || u->kind == UPSTREAM_EXECUTION);
                MUST(!u->secret && u->port != 0 && u->host[0] != '\0');
                MUST(strncmp(u->url + u->http, "http", 4) == 0);
                MUST(strlen(u->shown) < sizeof(u->shown) && strlen(u->shown) <= strlen(u->url));
        }
}

static void check_forks(const struct eth_network *eth) {
        uint8_t digest[4];

        for (size_t i = 0; i < ETH_FORKS; i++) {
                enum eth_fork at;
                uint64_t epoch = eth->fork[i].epoch;
                int r = eth_fork_at(eth, epoch, &at);

                MUST(i == 0 || eth->fork[i - 1].epoch <= epoch);
                MUST((r == 0) == (epoch < eth->unknown_epoch && epoch != ETH_EPOCH_NEVER));
                MUST(r < 0 || eth->fork[at].epoch == epoch);
                MUST(eth_fork_digest(eth, epoch, digest) == r);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct network net;
        char why[CONFIG_WHY_MAX] = "";

        if (size == 0 || size > CONFIG_FILE_MAX)
                return 0;
        if (network_read_text(&net, "fuzz", "fuzz.conf", VIEW(data, size), why) < 0) {
                MUST(strncmp(why, "fuzz.conf:", 10) == 0);
                return 0;
        }
        MUST(why[0] == '\0');
        MUST(eth_network_check(&net.eth) == 0);
        MUST(net.eth.chain_id != 0 && strcmp(net.eth.name, "fuzz") == 0);
        check_forks(&net.eth);
        check_upstreams(&net.upstreams);
        return 0;
}
