/* netd.conf: which links are ours, and which WireGuard serves them. It bounds what kedged may ask
 * for, whatever becomes of kedged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/netd/machine.h"
#include "base/cleanup.h"
#include "base/ip.h"
#include "base/view.h"
#include "wire/netd.h"

#define NETD_CONF_FILE_MAX 16384
#define NETD_CONF_WORDS    8
#define NETD_WHY_MAX       512 /* as ini/ini_text.h has it */

struct netd_conf {
        size_t n_links;
        char links[NETD_CONF_WORDS][NETD_LINK_NAME]; /* whole names, or beginnings with a '*' */
        size_t n_prefixes;                           /* 0: the private ones */
        struct ip_prefix prefix[NETD_CONF_WORDS];
        bool only_bound; /* only[] says which links may be closed; else any may */
        size_t n_only;
        char only[NETD_CONF_WORDS][NETD_LINK_NAME];
        enum machine_backend backend;
};

/* What holds without a file: Links=kedge*, Backend=auto. */
void netd_conf_init(struct netd_conf *c);

/* Reads a text of which path is the name, whole or not at all. 0; -EINVAL with why; -ENOMEM. */
_must_check_ int netd_conf_read(
                struct netd_conf *ret, const char *path, struct view text, char why[NETD_WHY_MAX]);

/* The file at path; none at all is fine where may_lack. 0; or -errno with why. */
_must_check_ int netd_conf_load(
                struct netd_conf *ret, const char *path, bool may_lack, char why[NETD_WHY_MAX]);

/* A link that we may make, change and remove. Never one whose key files would be another's. */
_must_check_ bool netd_conf_has_link(const struct netd_conf *c, const char *link);

/* A link that may be closed to all but the fleet. */
_must_check_ bool netd_conf_has_only(const struct netd_conf *c, const char *link);

/* A network that we may route to a link of ours: one of Prefixes=, or else a private one. */
_must_check_ bool netd_conf_has_prefix(const struct netd_conf *c, const struct ip_prefix *p);
