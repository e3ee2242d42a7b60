/* What the operator has written: kedged.conf and its drop-ins, checked whole before anything
 * of it is used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/types.h"
#include "chain/chain.h"
#include "core/eth_network.h"
#include "wire/name.h"

#define CONFIG_CHAINS_MAX        4
#define CONFIG_ZONES_MAX         64
#define CONFIG_PATH_MAX          90 /* a folder: a socket's path below it must fit sockaddr_un */
#define CONFIG_CHAIN_NAME        32 /* with the NUL */
#define CONFIG_URL_MAX           256
#define CONFIG_WHY_MAX           512
#define CONFIG_FILE_MAX          65536
#define CONFIG_FILES_MAX         64
#define CONFIG_ETHEREUM_EVERY_MS 60000               /* default of Poll= and HeadEvery= there */
#define CONFIG_ETHEREUM_PROOF_MS 9000  /* servers come and go by HTTP */
#define CONFIG_WIDTH             CHAIN_UPSTREAMS_MAX /* of the link to kedge-fetch, for each chain */
#define CONFIG_STALE_MAX_MS (UINT64_C(7) * 86400000) /* default of StaleMax= where it may be left out */
#define CONFIG_NO_UID            ((uid_t) -1)

enum config_role_id {
        ROLE_NAMES,
        ROLE_TLS,
        ROLE_PAM,
        ROLE_NET,
        ROLE_TIME,
        ROLE_COMMAND,
        ROLES,
};

enum config_stale { STALE_DENY = 0, STALE_SERVE, STALE_KEEP };

struct config_role {
        uint64_t max_age_ms, stale_max_ms;
        enum config_stale stale;
        unsigned set; /* keys seen: bit 0 anywhere, the rest are the parser's */
};

enum config_upstream_kind { UPSTREAM_DIODE = 1, UPSTREAM_BEACON, UPSTREAM_EXECUTION };

struct config_upstream {
        enum config_upstream_kind kind;
        char url[CONFIG_URL_MAX];   /* as written; HTTP: may hold a credential, never shown */
        char shown[CONFIG_URL_MAX]; /* the same for people, without user, password, long words */
        char host[NAME_MAX_LEN + 1];
        uint16_t port;
        struct address node; /* DIODE */
        size_t http;         /* BEACON, EXECUTION: where in url the HTTP URL begins */
        bool secret;         /* it holds a user or password */
};

struct config_upstreams {
        size_t n;
        struct config_upstream u[CHAIN_UPSTREAMS_MAX];
};

struct config_chain {
        char name[CONFIG_CHAIN_NAME];
        char backend[16]; /* "blockquick", "ethereum" */
        uint64_t keys;    /* which keys were set in some file, by their place in config.c's table */
        uint64_t chain_id, max_gap, poll_ms, request_ms, rest_ms, head_every_ms, head_share,
                        ticket_version, daily_bytes; /* the last: 0, no limit */
        struct block_ref checkpoint; /* the zero hash: none; Ethereum: number 0, the hash is a root
                                      */
        bool imported;               /* not the file says so: the operator has, to the agent */
        struct config_upstreams upstreams;
        struct address fleet;
        /* Ethereum */
        char network[CONFIG_CHAIN_NAME]; /* the file's name; empty: the chain's */
        struct eth_network eth;
        struct hash32 accept_old; /* zero: none */
        uint64_t checkpoint_age_ms;
        bool forced_updates, upstream_verify;
        uint64_t proof_ms; /* how long a proof may take; 0: the default */
};

enum config_zone_kind { ZONE_MAP = 0, ZONE_ENS };

struct config_zone {
        char suffix[NAME_MAX_LEN + 1]; /* normalized */
        char chain[CONFIG_CHAIN_NAME];
        size_t chain_index;
        enum config_zone_kind kind;
        struct address contract; /* MAP */
        bool has_contract, has_slot;
        uint64_t slot;
};

struct config {
        char state_dir[CONFIG_PATH_MAX + 1], runtime_dir[CONFIG_PATH_MAX + 1];
        char networks_dir[CONFIG_PATH_MAX + 1]; /* comes before the packaged one */
        char metrics[CONFIG_PATH_MAX + 1];      /* a file; empty: none */
        char netd_socket[CONFIG_PATH_MAX + 1];  /* kedge-netd's */
        uid_t fetch_uid;                        /* CONFIG_NO_UID: none but root and our own */
        bool bus;                               /* be on the system bus */
        size_t n_chains, n_zones;
        struct config_chain chain[CONFIG_CHAINS_MAX];
        struct config_zone zone[CONFIG_ZONES_MAX];
        struct config_role role[ROLES];
};

/* Reads path and path.d/NAME.conf in the order of names. 0; or -EINVAL (and other errno where a
 * file cannot be read) with one line in ret_why that names file, line and key. Warnings are
 * logged. */
_must_check_ int config_load(const char *path, struct config **ret, char ret_why[CONFIG_WHY_MAX]);
struct config *config_free(struct config *c);

static inline void config_freep(struct config **c) {
        *c = config_free(*c);
}

/* May now be replaced by next while running? 0, or -ERESTART with the reason. */
_must_check_ int config_may_replace(const struct config *now, const struct config *next,
        char ret_why[CONFIG_WHY_MAX]);

/* True for a suffix under .internal or home.arpa: nobody else will ever own it. */
bool config_suffix_is_private(const char *suffix);

static inline bool config_is_ethereum(const struct config_chain *c) {
        return c->backend[0] == 'e';
}

/* May the machine of now go on under next, but for the upstreams and what only kedged reads? */
bool config_same_machine(const struct config_chain *now, const struct config_chain *next);

/* How long after its last proof a record of this role may be served. */
uint64_t config_role_age_ms(const struct config_role *role);
