/* A file of networks.d: what one Ethereum network is, and who may be asked about it where the
 * configuration names nobody. */
#pragma once

#include "agent/kedged/config.h"
#include "base/cleanup.h"
#include "base/view.h"
#include "core/eth_network.h"

struct network {
        struct eth_network eth;
        struct config_upstreams upstreams;
};

/* Reads one file's text; name becomes the network's. -EINVAL, with ret_why naming file and line;
 * -ENOMEM. */
_must_check_ int network_read_text(struct network *ret, const char *name, const char *path,
                struct view text, char ret_why[CONFIG_WHY_MAX]);

/* Looks for NAME.conf in folder, then among the packaged ones. -ENOENT: in neither, ret_why says
 * where it was looked for; other errors as network_read_text()'s, or of the file. */
_must_check_ int network_load(struct network *ret, const char *name, const char *folder,
                char ret_why[CONFIG_WHY_MAX]);
