/* What the forms of Ethereum's vector files share: networks, stores, committees by period. */
#pragma once

#include "agent/fetch/json_ssz.h"
#include "core/lightclient.h"
#include "vec.h"

/* A file of the Ethereum set by its path in there, loaded once: beside the file that runs, or in
 * the folder that the build knows. NULL: not there. */
json_t *lc_vec_load(struct vec *v, const char *path);

/* The network that a file is about: the one of networks.json that it names, else what stands in
 * itself ("preset", "forks", "genesis_validators_root"). The network lives as long as v. */
const struct eth_network *lc_vec_network(struct vec *v, json_t *root);

/* The sync committee of a period of mainnet, from the files under lightclient/: SSZ. */
bool lc_vec_committee(struct vec *v, uint64_t period, struct view *ret);

/* A store with its network; spec: as the specification has it, with forced updates. Ours: heads
 * need two thirds, and no update is kept to be forced. */
struct lc_store *lc_vec_store(struct vec *v, const struct eth_network *net, bool spec);

/* An object's "fork" and "ssz". */
bool lc_vec_fork(json_t *o, const char *key, enum eth_fork *ret);
const char *lc_vec_bootstrap(
                struct vec *v, const struct eth_network *net, json_t *o, struct lc_bootstrap *ret);
const char *lc_vec_update(struct vec *v, const struct eth_network *net, json_t *o,
                enum lc_kind kind, struct lc_update *ret);

/* NULL, or what differs: an optimistic update's signature by this committee, its header, and what
 * "expect" says (beacon_root, execution_header_root, domain, signing_root, participants,
 * block_hash). */
const char *lc_vec_signed(struct vec *v, const struct eth_network *net, const struct lc_update *u,
                struct view committee, json_t *expect);

/* The SSZ of an object that is given in JSON, as the product makes it of a server's answer. */
const char *lc_vec_json(struct vec *v, enum json_ssz_object kind, const char *fork, json_t *data,
                struct view *ret);
/* The same, read: an update. ret_ssz may be NULL. */
const char *lc_vec_json_update(struct vec *v, const struct eth_network *net, const char *fork,
                json_t *data, enum lc_kind kind, struct lc_update *ret, struct view *ret_ssz);

/* The store after the devnet's bootstrap and updates. */
const char *lc_vec_devnet(struct vec *v, json_t *root, struct lc_store **ret);
