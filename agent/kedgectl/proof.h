/* What the files about proof bundles share: explain --proof makes one, verify checks one. */
#pragma once

#include "agent/kedged/config.h"
#include "agent/kedgectl/ctl.h"
#include "chain/bundle.h"

#define PROOF_WHY 768

/* Who says what this machine trusts, and how a zone came to be known. */
enum proof_word {
        PROOF_NOBODY = 0,
        PROOF_CALLER, /* --checkpoint, --contract */
        PROOF_AGENT,
        PROOF_CONFIGURATION,
};

struct proof {
        struct bundle bundle;
        struct config *config; /* of this machine; NULL: none can be read */
        struct eth_network net;
        enum proof_word trusted, zone;
        struct block_ref checkpoint; /* that this machine trusts */
        char chain[CONFIG_CHAIN_NAME]; /* of the agent or configuration that is trusted; or empty */
        enum bundle_verdict verdict;
        struct bundle_claims claims;
        size_t step;
        char why[PROOF_WHY];
};

/* As --checkpoint takes it. */
const char *proof_checkpoint_text(const struct block_ref *c, char ret[2 * CTL_TEXT_MAX]);

/* proof_trust.c. CTL_OK, or CTL_UNPROVEN with p->why. */
_must_check_ enum ctl_exit proof_trust(const struct ctl *ctl, struct proof *p);
_must_check_ enum ctl_exit proof_zone(const struct ctl *ctl, struct proof *p);
/* The network's data, of this machine. */
_must_check_ enum ctl_exit proof_network(const struct ctl *ctl, struct proof *p);

/* verify.c: reads bytes, and plays them from checkpoint. CTL_OK, or CTL_UNPROVEN or CTL_FAILURE with
 * p->why. */
_must_check_ enum ctl_exit proof_read(struct view bytes, struct proof *p);
_must_check_ enum ctl_exit proof_play(const struct block_ref *checkpoint, struct proof *p);

/* proof_print.c: what was proven; the exit code that goes with it. */
enum ctl_exit proof_print(const struct ctl *ctl, const struct proof *p);

/* proof.c: explain --proof. */
enum ctl_exit proof_make(const struct ctl *ctl, const char *name);
