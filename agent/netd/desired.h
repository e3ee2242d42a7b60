/* The state that kedged desires of one link, put together from its messages; and how it differs
 * from what stands. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/netd/system.h"
#include "base/cleanup.h"
#include "wire/netd.h"

struct desired {
        char link[NETD_LINK_NAME];
        uint64_t serial;
        struct netd_begin begin;
        size_t n_rules, n_peers; /* that came so far */
        struct netd_rule rule[NETD_RULES_MAX];
        struct netd_peer *peer; /* begin.n_peers of them */
};

/* BEGIN; then RULE, PEER; then COMMIT: messages that netd_message_check() has passed. -EBADMSG
 * where one does not belong here, with ret_why; -ENOMEM. After an error *d is as desired_done()
 * leaves it.
 */
_must_check_ int desired_begin(struct desired *d, const struct netd_message *m);
_must_check_ int desired_add(
                struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]);
_must_check_ int desired_commit(
                struct desired *d, const struct netd_message *m, char ret_why[NETD_TEXT_MAX]);
void desired_done(struct desired *d);

_must_check_ bool desired_has(const struct desired *d, const uint8_t key[NETD_KEY_SIZE]);

/* What has to be done to peers, removals first. ret holds at most standing->n + d->n_peers. told:
 * the desired state before this one, whose endpoints were set; NULL: nothing is known of them, and
 * a peer whose last handshake is younger than WG_LIVE_S keeps the endpoint that it has. Both lists
 * are sorted by key. Pure; returns how many. */
#define WG_LIVE_S 180 /* Reject-After-Time (WireGuard paper, section 6.1) */

size_t desired_diff(const struct desired *d, const struct desired *told,
                const struct wg_device *standing, uint64_t wall_s, struct wg_change *ret);
