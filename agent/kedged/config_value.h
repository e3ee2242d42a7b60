/* Values of the configuration: text to what it means. Each returns NULL, or why the text is
 * refused; dest is written on success only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"

typedef const char *config_parse_fn(const char *text, void *dest);

config_parse_fn config_parse_path;     /* char[CONFIG_PATH_MAX + 1] */
config_parse_fn config_parse_file;     /* the same; empty: none */
config_parse_fn config_parse_socket;   /* the same; there is always one */
config_parse_fn config_parse_uid;      /* uid_t */
config_parse_fn config_parse_user;     /* uid_t, of a name in /etc/passwd */
config_parse_fn config_parse_number;   /* uint64_t */
config_parse_fn config_parse_bytes;    /* uint64_t, of a day; zero is fine */
config_parse_fn config_parse_share;    /* uint64_t, 1 to 50 */
config_parse_fn config_parse_version;  /* uint64_t, 1 or 2 */
config_parse_fn config_parse_duration; /* uint64_t, ms; not zero */
config_parse_fn config_parse_wait;     /* the same, at most a day */
config_parse_fn config_parse_pause;    /* uint64_t, ms; zero is fine */
config_parse_fn config_parse_address;  /* struct address */
config_parse_fn config_parse_hash;     /* struct hash32 */
config_parse_fn config_parse_root;     /* the same, not zero */
config_parse_fn config_parse_block;    /* struct block_ref: number:hash; or a root, number 0 */
config_parse_fn config_parse_upstream; /* struct config_upstreams: one more; empty: none again */
config_parse_fn config_parse_chain;    /* char[CONFIG_CHAIN_NAME] */
config_parse_fn config_parse_backend;  /* char[16] */
config_parse_fn config_parse_stale;    /* enum config_stale */
config_parse_fn config_parse_kind;  /* enum config_zone_kind */
config_parse_fn config_parse_bool;     /* bool: yes or no */

/* A bit of a role: 0 to 255, without leading zeros. */
_must_check_ bool config_word_bit(struct view word, uint8_t *ret);
