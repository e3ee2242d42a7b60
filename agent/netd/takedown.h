/* The end of it all, for whoever removes the package: what kedge-netd has made goes. */
#pragma once

#include "agent/netd/conf.h"
#include "agent/netd/system.h"
#include "base/cleanup.h"

/* Removes each link that has a private key in the folder and that the configuration calls ours, and
 * then the table: while a link stands, so does the wall before it. One with a key that the
 * configuration does not call ours any more is left, and where it stands, -EBUSY, or cannot be looked
 * at, the table too. Without a key nothing was ever
 * made, and nothing is touched. Says what it does on standard error. 0; or the first -errno. */
_must_check_ int takedown(const struct netd_conf *conf, int folder_fd, const struct system_ops *ops,
                void *system);

/* On this machine. No folder of keys is fine. */
_must_check_ int takedown_machine(
                const struct netd_conf *conf, const char *folder, const char *uapi_folder);
