/* What readers find: the suffix list and the snapshot of names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"

#define PUBLISH_EVERY_MS 100 /* at most; a revocation does not wait */
#define PUBLISH_SUFFIXES "suffixes"
#define PUBLISH_NAMES    "names"

struct publish {
        int run_fd, public_fd; /* folders; borrowed */
        uint8_t boot_id[16];
        uint64_t published_ms;
        bool failing;
};

/* The id of this boot. 0 or -errno. */
_must_check_ int publish_boot_id(uint8_t ret[16]);

/* Writes the suffix list. It stays when we stop: what is ours does not go to DNS. */
_must_check_ int publish_suffixes(const struct publish *p, const struct config *config);

/* Writes what w knows, and clears its marks. The first failure is logged; the marks stay then. */
void publish_names(struct publish *p, struct watch *w, uint64_t now);

/* A clean stop: without us no revocation is noticed, so readers ask in vain rather than believe. */
void publish_withdraw(const struct publish *p);
