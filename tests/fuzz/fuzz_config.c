/* agent/kedged/config: the text of one file.
 *
 * A text is taken whole or refused with a line that names the file; what is taken keeps every
 * limit, and reading it once more gives the same configuration. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/log.h"

/* Warnings about unknown keys are for operators. */
void log_line(int priority _unused_, const char *format _unused_, ...) {
}

/* What a network's file would say: the chains that name one, or Ethereum, have it. */
static void give_network(struct config_chain *chain) {
        bool ethereum = strcmp(chain->backend, "ethereum") == 0 || chain->network[0];

        if (chain->backend[0] == '\0')
                strcpy(chain->backend, ethereum ? "ethereum" : "blockquick");
        if (config_is_ethereum(chain))
                chain->eth = (struct eth_network){ .name = "fuzz", .chain_id = 1337 };
}

static int read_once(
                const uint8_t *data, size_t size, struct config *ret, char why[CONFIG_WHY_MAX]) {
        struct config_reader in = { .config = ret, .text.why = why };
        int r;

        why[0] = '\0';
        config_defaults(ret);
        r = config_read_text(&in, "fuzz.conf", VIEW(data, size));
        if (r < 0)
                return r;
        for (size_t i = 0; i < ret->n_chains; i++)
                give_network(&ret->chain[i]);
        return config_finish(ret, "fuzz.conf", why);
}

static void check_upstream(const struct config_chain *chain, const struct config_upstream *u) {
        const char *host;

        MUST((u->kind == UPSTREAM_DIODE) == !config_is_ethereum(chain));
        MUST(u->host[0] != '\0' && u->port != 0);
        MUST(memchr(u->url, '\0', sizeof(u->url)) && memchr(u->shown, '\0', sizeof(u->shown)));
        if (u->kind == UPSTREAM_DIODE)
                return;
        MUST(strncmp(u->url + u->http, "http", 4) == 0);
        host = strchr(u->shown, ':') + 3;
        MUST(!memchr(host, '@', strcspn(host, "/")));
        MUST(!u->secret || (chain->upstream_verify && strncmp(u->url + u->http, "https", 5) == 0));
}

static void check_chain(const struct config_chain *chain) {
        bool ethereum = config_is_ethereum(chain);

        MUST(chain->name[0] != '\0' && strlen(chain->name) < sizeof(chain->name));
        MUST(strcmp(chain->backend, ethereum ? "ethereum" : "blockquick") == 0);
        MUST(chain->chain_id != 0 && (ethereum || chain->max_gap != 0));
        MUST(!ethereum || (chain->checkpoint.number == 0 && chain->checkpoint_age_ms > 0));
        MUST(ethereum || hash32_is_zero(&chain->checkpoint.hash) ||
                        chain->checkpoint.number >= 100);
        MUST(chain->upstreams.n >= 1 && chain->upstreams.n <= (ethereum ? CONFIG_WIDTH : 8));
        for (size_t i = 0; i < chain->upstreams.n; i++)
                check_upstream(chain, &chain->upstreams.u[i]);
        MUST(chain->poll_ms > 0 && chain->request_ms > 0 && chain->rest_ms > 0);
        MUST(chain->head_share >= 1 && chain->head_share <= 50);
        MUST(chain->ticket_version == 1 || chain->ticket_version == 2);
}

static void check(const struct config *c) {
        MUST(c->n_chains <= CONFIG_CHAINS_MAX &&
                        c->n_zones <= CONFIG_ZONES_MAX);
        MUST(c->state_dir[0] == '/' && c->runtime_dir[0] == '/');
        for (size_t i = 0; i < c->n_chains; i++)
                check_chain(&c->chain[i]);
        for (size_t i = 0; i < c->n_zones; i++) {
                const struct config_zone *z = &c->zone[i];

                MUST(z->suffix[0] != '\0' && z->chain_index < c->n_chains);
                MUST(z->has_contract == (z->kind == ZONE_MAP));
                MUST(z->kind == ZONE_MAP || config_is_ethereum(&c->chain[z->chain_index]));
                MUST(strcmp(z->chain, c->chain[z->chain_index].name) == 0);
        }
        for (size_t i = 0; i < ROLES; i++) {
                MUST(c->role[i].max_age_ms > 0);
                MUST(c->role[i].stale != STALE_KEEP || i == ROLE_NET);
        }
        MUST(c->role[ROLE_TLS].stale != STALE_SERVE || c->role[ROLE_TLS].stale_max_ms > 0);
        MUST(c->role[ROLE_PAM].stale != STALE_SERVE || c->role[ROLE_PAM].stale_max_ms > 0);
        MUST(c->role[ROLE_COMMAND].stale != STALE_SERVE || c->role[ROLE_COMMAND].stale_max_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct config a, b;
        char why[CONFIG_WHY_MAX], again[CONFIG_WHY_MAX];
        int r;

        if (size == 0 || size > CONFIG_FILE_MAX)
                return 0;
        r = read_once(data, size, &a, why);
        MUST(memchr(why, '\0', sizeof(why)));
        if (r < 0) {
                MUST(strncmp(why, "fuzz.conf:", 10) == 0);
                return 0;
        }
        MUST(why[0] == '\0');
        check(&a);
        MUST(read_once(data, size, &b, again) == 0);
        MUST(config_may_replace(&a, &b, again) == 0);
        for (size_t i = 0; i < a.n_chains; i++)
                MUST(config_same_machine(&a.chain[i], &b.chain[i]));
        MUST(a.n_zones == b.n_zones && memcmp(a.zone, b.zone, a.n_zones * sizeof(a.zone[0])) == 0);
        return 0;
}
