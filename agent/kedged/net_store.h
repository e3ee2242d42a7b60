/* What a network remembers: what is applied, what a rollback goes back to, what may still be added
 * in this hour. Survives kill -9 and reboots, so that tunnels stand before a chain answers, a
 * pending rollback is not forgotten, and a restart is no new allowance. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kedged/net_plan.h"
#include "agent/kedged/store.h"
#include "base/cleanup.h"

struct net_table { /* sorted by host */
        size_t n;
        struct net_standing *row; /* heap */
        bool has_settings;
        struct net_settings settings;
};

struct net_state {
        struct store store; /* file "net.NAME" in the state folder */
        bool dirty;
        bool ever; /* something was applied once: from then on additions are limited */
        bool held; /* rolled back: nothing is added before `net apply` */
        struct net_table now, before; /* before: what a rollback goes back to; empty: nothing */
        bool has_before;
        uint64_t revert_ms;  /* CLOCK_BOOTTIME at which it does unless confirmed; 0: none armed */
        uint8_t boot_id[16]; /* of revert_ms and spent_ms: another boot reverts at once */
        uint32_t spent;      /* additions of this hour, */
        uint64_t spent_ms;   /* which began then */
};

/* 0 also where there is no file. -EBADMSG: damaged in both generations: logged, and begun anew:
 * what is granted is applied again, as on a first start. */
_must_check_ int net_state_open(struct net_state *s, int state_fd, const char *network,
                const uint8_t boot_id[16], uint64_t now);
void net_state_done(struct net_state *s);

/* Puts it on disk where it is not. 0: it is there. */
_must_check_ int net_state_save(struct net_state *s);

/* How many additions may be applied now; all of them where nothing ever was. */
uint32_t net_state_allowance(const struct net_state *s, const struct net_network *n, uint64_t now);

/* Takes over what a plan says shall stand, and what it cost. */
_must_check_ int net_state_take(struct net_state *s, const struct net_plan *p, uint64_t now);

/* What stands becomes what a rollback goes back to; at revert_ms, unless confirmed. 0: only by
 * word. */
_must_check_ int net_state_arm(struct net_state *s, uint64_t revert_ms);
void net_state_confirm(struct net_state *s);

/* Goes back: now becomes before, held. Whoever is revoked by then does not come back: the next plan
 * sees to it, before anything is sent. -ENOENT: nothing to go back to. */
_must_check_ int net_state_roll_back(struct net_state *s);

/* Exposed for tests: the payload. */
_must_check_ int net_state_parse(struct net_state *s, struct view payload);
