/* kedgectl net: what the files of it share. */
#pragma once

#include "agent/kedgectl/ctl.h"
#include "base/base64.h"

#define NET_KEY_TEXT  BASE64_ROOM(HASH32_SIZE)
#define NET_WHAT_MAX  320
#define NET_ADDRS_MAX 112
#define NET_NETS_MAX  64 /* a list that does not end is not one */

/* How a row differs from what stands. */
enum net_mark {
        NET_SAME = 0,
        NET_PLUS,  /* it is not there, and is to be */
        NET_MINUS, /* it is there, and is not to be */
        NET_TILDE, /* it is there, and is to be another */
        NET_ALARM, /* it cannot be, or nobody desired it */
};

#define NET_MARKS (NET_ALARM + 1)

struct net_change {
        enum net_mark mark;
        bool waits; /* for a word, or for the next hour */
        char what[NET_WHAT_MAX];
};

/* net_diff.c: pure. True where what stands is what kedge-netd saw, not what was applied. */
bool net_is_sighted(const struct query_net *n);
void net_diff(const struct query_net *n, const struct query_net_peer *p, struct net_change *ret);

/* As wg(8) has it; "none" of the zero key. */
const char *net_key(const struct hash32 *key, char ret[NET_KEY_TEXT]);
/* "10.9.0.7 fd00::7"; "none" where there is none. */
const char *net_addrs(const struct ip addr[2], char ret[NET_ADDRS_MAX]);
const char *net_fate_name(uint8_t fate);

/* net.c: each row of a network in the order of its hosts, then the peers that nobody desired, where
 * we may be told of them. fn returns what is no CTL_OK to end it. */
typedef enum ctl_exit net_row_fn(void *userdata, const struct query_net_peer *p);
_must_check_ enum ctl_exit net_rows(
                const struct ctl *ctl, uint32_t index, net_row_fn *fn, void *userdata);

/* The network called name, or the only one where name is NULL. CTL_FAILURE: told. */
_must_check_ enum ctl_exit net_find(const struct ctl *ctl, const char *name, bool look,
                uint32_t *ret_index, struct query_net *ret);

/* What kedge-netd could not do: its text has the reason in it. */
const char *net_error(const struct query_net *n);

/* What of a network is not as it should be, as an exit code: 0, 1, 3. */
enum ctl_exit net_code(const struct query_net *n);

/* What the networks say of the member with this name, or of its record `_wg.NAME`; nothing where
 * there is none: a line each, or an array in the end. Errors are not told. */
void net_print_member(const struct ctl *ctl, const char *name);
json_t *net_json_member(const struct ctl *ctl, const char *name);

/* Tells of one network; with a list, into that. CTL_OK, or what went wrong, and was told;
 * *ret_state is the exit code that its state calls for. */
typedef enum ctl_exit net_tell_fn(const struct ctl *ctl, uint32_t index, const struct query_net *n,
                json_t *list, enum ctl_exit *ret_state);

/* net_print.c, net_json.c */
net_tell_fn net_print_status, net_print_plan, net_json_status, net_json_plan;

/* A plan, counted. */
struct net_sum {
        size_t mark[NET_MARKS], waits;
};

/* Nobody waits, and still something does: the link's settings, for a word. */
bool net_settings_wait(const struct query_net *n, const struct net_sum *sum);

void net_sum_add(struct net_sum *sum, const struct net_change *c);
/* Differences are a failure; what is stale is stale. */
enum ctl_exit net_plan_code(const struct query_net *n, const struct net_sum *sum);
/* What to type, or "" where there is nothing to do. */
const char *net_next(const struct query_net *n, const struct net_sum *sum, char ret[NET_WHAT_MAX]);

/* net_say.c: the operator's word. */
enum ctl_exit net_say(const struct ctl *ctl, const char *verb, const char *name);
enum ctl_exit net_say_key(const struct ctl *ctl, const char *name);
