/* sshd_config(5), as far as the ways past the chain need it: for each keyword of ours what is said
 * outside of Match, and in each Match block. Pure: included files come from the caller. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define SSHD_CONF_FILE_MAX  65536
#define SSHD_CONF_VALUES    256
#define SSHD_CONF_BLOCKS    64
#define SSHD_CONF_VALUE_MAX 256
#define SSHD_CONF_DEPTH_MAX 16 /* of includes, as sshd has it */

enum sshd_key {
        SSHD_NONE = 0,
        SSHD_USE_PAM,
        SSHD_KEYS_COMMAND,
        SSHD_KEYS_COMMAND_USER,
        SSHD_KEYS_FILE,
        SSHD_TRUSTED_CA,
        SSHD_USER_ENVIRONMENT,
};

/* block 0 stands outside of Match. The first value of a key in a block counts. */
struct sshd_conf {
        unsigned n_blocks;
        size_t n;
        struct {
                unsigned block;
                enum sshd_key key;
                char value[SSHD_CONF_VALUE_MAX];
        } value[SSHD_CONF_VALUES];
};

/* Calls sshd_conf_read() for each file that pattern, as it stands behind Include, names. */
typedef int sshd_conf_include_fn(
                void *userdata, struct sshd_conf *conf, const char *pattern, unsigned block, unsigned depth);

/* Adds what text says; it begins in block. 0, or -E2BIG, -ELOOP. conf starts as zeros. */
_must_check_ int sshd_conf_read(struct sshd_conf *conf, struct view text, unsigned block,
                unsigned depth, sshd_conf_include_fn *include, void *userdata);

/* What holds in block: its own word, else the one outside of Match; NULL: nothing is said. */
const char *sshd_conf_get(const struct sshd_conf *conf, unsigned block, enum sshd_key key);
