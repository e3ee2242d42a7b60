/* The desk at which networks are kept: it has the members' records proven, makes a plan of what has
 * changed, remembers it, and tells kedge-netd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/members.h"
#include "agent/kedged/net_config.h"
#include "agent/kedged/net_links.h"
#include "agent/kedged/net_plan.h"
#include "agent/kedged/net_store.h"
#include "agent/kedged/netd.h"
#include "agent/kedged/news.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"
#include "wire/name.h"

#define NET_CLIENT      (UINT64_C(1) << 62)       /* of the watch: no client of the socket has it */
#define NET_ASKED_MAX   16                        /* records newly asked for at once */
#define NET_PACE_MS     50                        /* between two plans where nothing is urgent */
#define NET_OLD_MS      1000                      /* between two looks at what is old */
#define NET_AGAIN_MS    5000                      /* between two tries at what could not be saved */
#define NET_TOLD_MAX    64                        /* rows of one plan that are told one by one */
#define NET_TIMEOUT_MAX (UINT64_C(30) * 86400000) /* until a revert: a slip of the pen */

struct agent;

enum net_hold { NET_HOLD_NONE = 0, NET_HOLD_REVERTED, NET_HOLD_CONFIRM, NET_HOLD_LIMIT };

struct net_desk_network {
        const struct net_network *config;
        struct config_zone *zone; /* ours, so that it outlives a reload; heap */
        struct run *run;
        struct members *members; /* NULL: all are named */
        struct net_state state;

        /* The last plan, and what it was made of: its rows point into known and was. */
        struct net_plan plan;
        size_t n_known;
        struct net_member *known; /* heap */
        struct net_table was;     /* state.now before it */
        bool list_proven;

        /* When the next one is due: see net_desk_pump(). */
        bool stirred, urgent, resend;
        uint64_t planned_ms, cost_ms;
        uint64_t look_ms; /* something becomes old, or is tried again; UINT64_MAX: nothing */
        size_t ask_at;    /* records that have had their turn in this round of asking */

        /* What kedge-netd was told last; before that, what the disk says stood. Sorted by key. */
        struct net_settings settings;
        struct netd_peer *sent; /* heap */
        size_t n_sent;
        bool unsaved; /* there is more in state.now, which is told when the disk has it */
        uint64_t serial, applied_serial; /* sent, and taken */

        /* And what it has told. */
        bool has_stands;
        bool link_up; /* the link was up, with what we desire, when it told last; a kedge-netd that
                         goes leaves it as it is */
        struct netd_state stands;
        struct netd_seen *seen; /* the last whole observation, sorted by key; heap */
        size_t n_seen;
        uint64_t seen_ms;         /* 0: never, or since it went */
        struct netd_seen *coming; /* heap */
        size_t n_coming;

        /* What the journal was told. */
        enum net_hold hold;
        uint64_t hold_ms; /* since when */
        bool hold_told;
        uint64_t lines_ms; /* up to when lines about what kedge-netd says are spent */
        char hold_why[NET_WHY_MAX]; /* empty: nothing waits */
        char alarm[NET_WHY_MAX];
        char error[NETD_TEXT_MAX];
        uint64_t n_revoked; /* peers that went because of a revocation, since the start */
};

struct net_desk {
        struct net_config config;
        struct netd netd;
        char netd_path[108];
        struct net_links links;
        size_t n_asked;
        bool names_due; /* what names answer may be another: see watch_tunnel_look() */
        bool crowded; /* the watch takes no more questions at the moment */
        size_t n;
        struct net_desk_network network[NET_NETWORKS_MAX];
};

/* At the start, and with another net.conf: networks that are gone are removed. Errors are logged.
 * Read comes first, and touches nothing: -EPROTONOSUPPORT where a later kedge has written a file. */
_must_check_ int net_desk_read(struct agent *a);
_must_check_ int net_desk_open(struct agent *a);
void net_desk_done(struct net_desk *d);
/* -EPROTONOSUPPORT: a later kedge has written what is on disk of a network that next adds; logged. */
_must_check_ int net_desk_may_replace(const struct agent *a, const struct net_config *next);
void net_desk_replace(struct agent *a, struct net_config *next_take);

/* Nothing that was proven on this chain stands any more: the lists are proven anew. */
void net_desk_forget_chain(struct agent *a, const struct run *run);

/* Has members' records proven that are not yet: in each turn of the loop, and in another round
 * every 5 s, which also tries again what failed. */
void net_desk_ask(struct agent *a, uint64_t now);
void net_desk_keep(struct agent *a, uint64_t now);

/* After each turn of the loop: plans what has stirred, remembers it, tells kedge-netd. Revocations
 * are told before anything new is. */
void net_desk_pump(struct agent *a, uint64_t now);
/* Has readers told of names that answer another tunnel, or none any more. */
void net_desk_tell_names(struct agent *a);

uint64_t net_desk_wake_ms(const struct net_desk *d); /* UINT64_MAX: nothing is due by time */

/* See news_fn and watch_reply_fn. */
void net_desk_on_news(void *userdata, const struct news *news);
void net_desk_moved(struct agent *a, const struct run *run);
void net_desk_heard(struct agent *a);

/* Names=tunnel (net_name.c; see watch_tunnel_fn). false: the name is no member's of such a network,
 * and answers as its record says. true: ret is what it answers instead: its tunnel addresses, or
 * unproven; ret_why says why. w is the watch that has the members' records. */
_must_check_ bool net_desk_name(const struct net_desk *d, const struct watch *w, const char *name,
                struct name_answer *ret, char ret_why[NET_WHY_MAX]);

/* The operator's word. ret_why is set where the result is not 0. -ENOENT: no such network, or
 * nothing to go back to; -EINVAL; -ENOTCONN: no kedge-netd; another errno: not on disk. An apply
 * that is not on disk is told to kedge-netd when it is; the others have changed nothing then.
 * timeout_ms 0: without. A roll back with a timeout does nothing now: what stands now comes back
 * when it is over, unless confirmed before. */
_must_check_ int net_desk_apply(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_confirm(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_roll_back(struct agent *a, const char *network, uint64_t timeout_ms,
                char ret_why[NET_WHY_MAX]);
_must_check_ int net_desk_next_key(struct agent *a, const char *network, char ret_why[NET_WHY_MAX]);

const struct net_desk_network *net_desk_find(const struct net_desk *d, const char *network);

const struct net_row *net_row_find(const struct net_plan *p, const char *host); /* NULL: none */

/* Between the files of the desk. net_known.c: what the chain has proven of each member by now; 0,
 * -ENOMEM. net_tell.c: lines and news of a plan that was taken. */
_must_check_ int net_known_make(struct agent *a, struct net_desk_network *n, uint64_t now,
                struct net_member **ret, size_t *ret_n);
void net_tell_plan(
                const struct agent *a, struct net_desk_network *n, const struct net_plan *before);
void net_tell_state(const struct agent *a, struct net_desk_network *n, const struct netd_state *s);
void net_tell(const struct agent *a, const struct net_desk_network *n, int priority,
                const char *format, ...) _printf_(4, 5);

/* Plans and carries out now; apply: the operator has said so. 0, or why what is new was not taken.
 */
int net_desk_plan(struct agent *a, struct net_desk_network *n, bool apply, uint64_t now);
