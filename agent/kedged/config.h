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
#include "wire/name.h"

#define CONFIG_CHAINS_MAX 4
#define CONFIG_ZONES_MAX  64
#define CONFIG_PATH_MAX   90 /* a folder: a socket's path below it must fit sockaddr_un */
#define CONFIG_CHAIN_NAME 32 /* with the NUL */
#define CONFIG_URL_MAX    256
#define CONFIG_WHY_MAX    512
#define CONFIG_FILE_MAX   65536
#define CONFIG_FILES_MAX  64
#define CONFIG_LINE_MAX   190 /* inih cuts at 199 without a word: we refuse before */
#define CONFIG_WORD_MAX   49  /* the same for names of sections and keys */
#define CONFIG_NO_UID     ((uid_t) -1)

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

struct config_upstream {
        char url[CONFIG_URL_MAX];
        char host[NAME_MAX_LEN + 1];
        uint16_t port;
        struct address node;
};

struct config_upstreams {
        size_t n;
        struct config_upstream u[CHAIN_UPSTREAMS_MAX];
};

struct config_chain {
        char name[CONFIG_CHAIN_NAME];
        char backend[16];
        uint64_t chain_id, max_gap, poll_ms, request_ms, rest_ms, head_every_ms, head_share,
                        ticket_version;
        struct block_ref checkpoint; /* the zero hash: none */
        struct config_upstreams upstreams;
        struct address fleet;
};

struct config_zone {
        char suffix[NAME_MAX_LEN + 1]; /* normalized */
        char chain[CONFIG_CHAIN_NAME];
        size_t chain_index;
        struct address contract;
        bool has_contract;
        uint64_t slot;
};

struct config {
        char state_dir[CONFIG_PATH_MAX + 1], runtime_dir[CONFIG_PATH_MAX + 1];
        uid_t fetch_uid; /* CONFIG_NO_UID: none but root and our own */
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

/* May now be replaced by next while running? 0, or -EINVAL with the reason. */
_must_check_ int config_may_replace(const struct config *now, const struct config *next,
        char ret_why[CONFIG_WHY_MAX]);

/* True for a suffix under .internal or home.arpa: nobody else will ever own it. */
bool config_suffix_is_private(const char *suffix);

/* How many upstreams a chain may have, of n chains: they share the link to kedge-fetch. */
static inline size_t config_width(size_t n_chains) {
        return n_chains <= 2 ? 8 : 4;
}

/* How long after its last proof a record of this role may be served. */
uint64_t config_role_age_ms(const struct config_role *role);
