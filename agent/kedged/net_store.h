/* What a network remembers: what is applied, what a rollback goes back to, what may still be added
 * in this hour. Survives kill -9 and reboots, so that tunnels stand before a chain answers, a
 * pending rollback is not forgotten, and a restart is no new allowance.
 *
 * What is taken is in memory first. What goes is told to kedge-netd at once; what is new, once
 * net_state_save() has it on disk, so that no kill -9 forgets who stands, or that an allowance is
 * spent. Removals go into both generations of the file, so that no damage to the newer one brings
 * back who was revoked. */
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
        bool removed; /* since the last save, somebody went: both generations are to be written */
        bool ever;    /* the first fill is over: from now on additions are limited */
        bool held;    /* rolled back: nothing is added before `net apply` */
        struct net_table now, before; /* before: what a rollback goes back to; empty: nothing */
        bool has_before;
        uint64_t revert_ms;  /* CLOCK_BOOTTIME at which it does unless confirmed; 0: none armed. Was
                                it armed in another boot, it is 1, and due */
        uint8_t boot_id[16]; /* of revert_ms and spent_ms */
        uint32_t spent;      /* additions of this hour, or of the first fill, */
        uint64_t spent_ms;   /* which began then */
};

/* 0 also where there is no file. -EBADMSG: damaged in both generations; -EPROTONOSUPPORT: of a
 * later kedge; or another errno: could not be looked at. In each case s is usable, and empty: what
 * is granted is applied again, as on a first start. The hour of what is spent begins anew in
 * another boot, with what is spent. */
_must_check_ int net_state_open(struct net_state *s, int state_fd, const char *network,
                const uint8_t boot_id[16], uint64_t now);
void net_state_done(struct net_state *s);

/* Puts it on disk where it is not. 0: it is there. */
_must_check_ int net_state_save(struct net_state *s);

/* How many additions may be applied now: UINT32_MAX in the first fill, which is over once every
 * member was proven, an hour after the first addition, or with another boot, whichever is first. */
uint32_t net_state_allowance(const struct net_state *s, const struct net_network *n, uint64_t now);

/* Takes over, in memory, what a plan says shall stand, and what it cost; dirty where anything
 * differs. Whoever is revoked is forgotten in before, too. 0, -ENOMEM: nothing is changed, and
 * nothing new of the plan may be told. */
_must_check_ int net_state_take(struct net_state *s, const struct net_plan *p, uint64_t now);

/* The operator has said apply: nothing is held any more. */
void net_state_release(struct net_state *s);

/* What stands becomes what a rollback goes back to; at revert_ms, unless confirmed. 0: only by
 * word. While one is pending, what it goes back to stays, and so does the earlier of the two times.
 * What is told then has to be on disk before: net_state_save(). */
_must_check_ int net_state_arm(struct net_state *s, uint64_t revert_ms);
void net_state_confirm(struct net_state *s);

/* Goes back: now becomes before, held. Whoever is revoked by then does not come back: the next plan
 * sees to it, before anything is sent; so does what is due after net_state_open(). -ENOENT: nothing
 * to go back to. */
_must_check_ int net_state_roll_back(struct net_state *s);

/* Exposed for tests: the payload. */
_must_check_ int net_state_parse(struct net_state *s, struct view payload);

/* NULL: host is not in it. */
const struct net_standing *net_table_find(const struct net_table *t, const char *host);
