/* The desk of networks: from what is proven, configured and applied to what kedge-netd is told.
 *
 * What always holds: a plan is made in the loop alone, at most one of a network in a turn, and what
 * it costs limits how often. What goes is told before anything new is, and waits for no disk; what
 * is new is on disk before it is told. Each connection to kedge-netd begins with the whole of what
 * is applied, so that nothing hangs on what was told before. */

#include "agent/kedged/net_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

#define COST_MAX_MS 200 /* as a rest behind a plan where the next is urgent */
#define COST_REST   10  /* and where it is not: times what it cost */

static void stir(struct net_desk_network *n, bool urgent) {
        n->stirred = true;
        n->urgent = n->urgent || urgent;
}

static void stir_all(struct net_desk *d, bool urgent) {
        for (size_t i = 0; i < d->n; i++)
                stir(&d->network[i], urgent);
}

static void network_done(struct net_desk_network *n) {
        n->members = members_free(n->members);
        net_state_done(&n->state);
        net_plan_done(&n->plan);
        free(n->known);
        free(n->was.row);
        free(n->sent);
        free(n->seen);
        free(n->coming);
        free(n->zone);
        memset(n, 0, sizeof(*n));
}

static void on_members(void *userdata, struct members *m) {
        struct agent *a = userdata;

        for (size_t i = 0; i < a->net.n; i++)
                if (a->net.network[i].members == m) {
                        a->net.network[i].ask_at = 0;
                        stir(&a->net.network[i], true);
                }
}

/* Whose members they are: the zone and its chain, and the list where there is one. */
static int open_zone(struct agent *a, struct net_desk_network *n) {
        const struct config_zone *zone = &a->config->zone[n->config->zone_index];

        n->members = members_free(n->members);
        free(n->zone);
        n->zone = malloc(sizeof(*n->zone));
        if (!n->zone)
                return -ENOMEM;
        *n->zone = *zone;
        n->run = a->runs[zone->chain_index];
        if (!n->config->all_members)
                return 0;
        return members_new(n->run, n->zone, &a->proofs, &a->watch, on_members, a, &n->members);
}

static int compare_peer(const void *a, const void *b) {
        const struct netd_peer *x = a, *y = b;

        return memcmp(x->key, y->key, sizeof(x->key));
}

/* What the disk says stood may be told before anything else is. */
static int start_from(struct net_desk_network *n) {
        const struct net_table *now = &n->state.now;

        n->resend = true;
        n->settings = now->settings;
        n->sent = calloc(now->n + 1, sizeof(*n->sent));
        if (!n->sent)
                return -ENOMEM;
        for (size_t i = 0; i < now->n; i++)
                n->sent[i] = now->row[i].peer;
        n->n_sent = now->n;
        if (now->n > 0)
                qsort(n->sent, now->n, sizeof(*n->sent), compare_peer);
        return 0;
}

static int open_network(
                struct agent *a, const struct net_network *config, struct net_desk_network *ret) {
        struct net_desk_network n = { .config = config, .look_ms = UINT64_MAX, .stirred = true };
        int r = open_zone(a, &n);

        if (r < 0) {
                network_done(&n);
                return r;
        }
        r = net_state_open(&n.state, a->state_fd, config->name, a->publish.boot_id, now_ms());
        if (r == -EPROTONOSUPPORT) {
                r = store_of_a_later(a->config->state_dir, n.state.store.name);
                network_done(&n);
                return r;
        }
        if (r < 0)
                log_error("network %s: what was applied before cannot be read: %s; what the chain "
                          "grants is applied anew",
                                config->name, strerror(-r));
        r = start_from(&n);
        if (r < 0)
                network_done(&n);
        else
                *ret = n;
        return r;
}

static void remove_state(const struct agent *a, const char *network) {
        char file[STORE_NAME_MAX + 2];

        (void) snprintf(file, sizeof(file), "net.%s", network);
        (void) unlinkat(a->state_fd, file, 0);
        (void) snprintf(file, sizeof(file), "net.%s.1", network);
        (void) unlinkat(a->state_fd, file, 0);
}

static const struct net_network *configured(const struct net_desk *d, const char *name) {
        for (size_t i = 0; i < d->config.n; i++)
                if (strcmp(d->config.network[i].name, name) == 0)
                        return &d->config.network[i];
        return NULL;
}

static bool link_is_configured(const struct net_desk *d, const char *link) {
        for (size_t i = 0; i < d->config.n; i++)
                if (strcmp(d->config.network[i].link, link) == 0)
                        return true;
        return false;
}

static struct net_desk_network *by_link(struct net_desk *d, const char *link) {
        for (size_t i = 0; i < d->n; i++)
                if (strcmp(d->network[i].config->link, link) == 0)
                        return &d->network[i];
        return NULL;
}

/* Links that no network has any more; what was applied of networks that are gone is forgotten. */
static void remove_gone(struct agent *a) {
        struct net_desk *d = &a->net;

        for (size_t i = 0; i < d->links.n; i++) {
                const struct net_link *l = &d->links.row[i];

                if (!configured(d, l->network))
                        remove_state(a, l->network);
                if (!link_is_configured(d, l->link))
                        netd_tell(&d->netd, NETD_REMOVE, l->link);
        }
}

/* kedge-netd has taken it away. */
static void forget_link(struct net_desk *d, const char *link) {
        for (size_t i = 0; i < d->links.n; i++)
                if (strcmp(d->links.row[i].link, link) == 0 && !link_is_configured(d, link)) {
                        log_notice("link %s of network %s, which is gone from net.conf, was taken "
                                   "away",
                                        link, d->links.row[i].network);
                        net_links_drop(&d->links, i);
                        net_links_save(&d->links);
                        return;
                }
}

static int compare_seen(const void *a, const void *b) {
        const struct netd_seen *x = a, *y = b;

        return memcmp(x->key, y->key, sizeof(x->key));
}

/* More than can stand is not listened to. */
static void hear_seen(struct net_desk_network *n, const struct netd_seen *seen) {
        size_t room = 2 * NETD_PEERS_MAX;

        if (n->n_coming == room)
                return;
        if (n->n_coming % 256 == 0) {
                struct netd_seen *all = realloc(n->coming, (n->n_coming + 256) * sizeof(*all));

                if (!all)
                        return;
                n->coming = all;
        }
        n->coming[n->n_coming++] = *seen;
}

/* An observation is whole, or none. */
static void take_seen(struct net_desk_network *n, const struct netd_state *s, uint64_t now) {
        struct netd_seen *coming = TAKE_PTR(n->coming);
        size_t n_coming = n->n_coming;

        n->n_coming = 0;
        if (n_coming != s->n_seen || (s->n_seen == 0 && s->n_peers > 0)) {
                free(coming);
                return;
        }
        if (n_coming > 0)
                qsort(coming, n_coming, sizeof(*coming), compare_seen);
        free(n->seen);
        n->seen = coming;
        n->n_seen = n_coming;
        n->seen_ms = now;
}

static void hear_state(struct agent *a, struct net_desk_network *n, const struct netd_message *m) {
        const struct netd_state *s = &m->state;
        bool other = !n->has_stands || memcmp(s->public_key, n->stands.public_key, NETD_KEY_SIZE) ||
                     memcmp(s->next_key, n->stands.next_key, NETD_KEY_SIZE);

        take_seen(n, s, now_ms());
        if (m->serial <= n->serial) /* what it never was told it cannot have taken */
                n->applied_serial = MAX(n->applied_serial, m->serial);
        net_tell_state(a, n, s);
        n->stands = *s;
        n->has_stands = true;
        n->link_up = s->up && n->applied_serial > 0;
        a->net.names_due = a->net.names_due || n->config->tunnel_names;
        if (other)
                stir(n, true);
}

static void on_netd_link(struct agent *a, bool is_up) {
        struct net_desk *d = &a->net;

        for (size_t i = 0; i < d->n; i++) {
                struct net_desk_network *n = &d->network[i];

                n->resend = true;
                n->has_stands = false;
                n->applied_serial = n->n_coming = n->n_seen = n->seen_ms = 0;
                stir(n, true);
        }
        if (is_up)
                remove_gone(a);
}

static void on_netd(void *userdata, bool is_up, const struct netd_message *m) {
        struct agent *a = userdata;
        struct net_desk_network *n;

        if (!m) {
                on_netd_link(a, is_up);
                return;
        }
        n = by_link(&a->net, m->link);
        switch (m->kind) {
        case NETD_SEEN:
                if (n)
                        hear_seen(n, &m->seen);
                return;
        case NETD_STATE:
                if (n)
                        hear_state(a, n, m);
                else if (!m->state.up && m->state.error == 0)
                        forget_link(&a->net, m->link);
                return;
        default: /* netd_message_check() lets nothing else through */
                return;
        }
}

/* Connects where there is anything to say. */
static int open_netd(struct agent *a) {
        struct net_desk *d = &a->net;
        int r;

        if (d->netd.event || (d->n == 0 && d->links.n == 0))
                return 0;
        (void) snprintf(d->netd_path, sizeof(d->netd_path), "%s", a->config->netd_socket);
        r = netd_open(&d->netd, a->event, d->netd_path, on_netd, a);
        if (r < 0)
                log_error("kedge-netd at %s: %s", d->netd_path, strerror(-r));
        return r;
}

int net_desk_may_replace(const struct agent *a, const struct net_config *next) {
        for (size_t i = 0; i < next->n; i++) {
                const char *name = next->network[i].name;
                struct net_state state;
                int r;

                if (net_desk_find(&a->net, name))
                        continue;
                r = net_state_open(&state, a->state_fd, name, a->publish.boot_id, now_ms());
                if (r == -EPROTONOSUPPORT)
                        r = store_of_a_later(a->config->state_dir, state.store.name);
                net_state_done(&state);
                if (r == -EPROTONOSUPPORT)
                        return r;
        }
        return 0;
}

int net_desk_read(struct agent *a) {
        struct net_desk *d = &a->net;
        char why[CONFIG_WHY_MAX];
        int r = net_config_load(a->config_path, a->config, &d->config, why);

        if (r < 0) {
                log_error("%s", why);
                return r;
        }
        d->netd.fd = -1;
        if (net_links_open(&d->links, a->state_fd) < 0)
                return store_of_a_later(a->config->state_dir, NET_LINKS_FILE);
        return net_desk_may_replace(a, &d->config);
}

int net_desk_open(struct agent *a) {
        struct net_desk *d = &a->net;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < d->config.n; i++) {
                r = open_network(a, &d->config.network[i], &d->network[i]);
                d->n += r >= 0;
        }
        if (r >= 0)
                r = news_listen(&a->news, net_desk_on_news, a);
        if (r >= 0) {
                remove_gone(a);
                r = open_netd(a);
        }
        if (r < 0)
                log_error("networks cannot be kept: %s", strerror(-r));
        return r;
}

void net_desk_done(struct net_desk *d) {
        netd_done(&d->netd);
        for (size_t i = 0; i < d->n; i++)
                network_done(&d->network[i]);
        net_config_done(&d->config);
        d->n = 0;
}

static bool same_zone(const struct config_zone *a, const struct config_zone *b) {
        return strcmp(a->suffix, b->suffix) == 0 && a->chain_index == b->chain_index &&
               a->slot == b->slot && address_eq(&a->contract, &b->contract);
}

/* One that stays, under another configuration. */
static int keep_network(
                struct agent *a, const struct net_network *config, struct net_desk_network *n) {
        bool same = n->config->all_members == config->all_members &&
                    same_zone(n->zone, &a->config->zone[config->zone_index]);

        if (strcmp(n->config->link, config->link) != 0) {
                n->resend = true;
                n->link_up = n->has_stands = false; /* keys, too, are those of a link */
                n->applied_serial = n->n_coming = n->n_seen = n->seen_ms = 0;
        }
        n->config = config;
        n->ask_at = 0;
        stir(n, true);
        return same ? 0 : open_zone(a, n);
}

static int replace_one(struct agent *a, const struct net_network *config,
                struct net_desk_network *was, size_t n_was, struct net_desk_network *ret) {
        for (size_t i = 0; i < n_was; i++)
                if (was[i].config && strcmp(was[i].config->name, config->name) == 0) {
                        int r = keep_network(a, config, &was[i]);

                        *ret = was[i];
                        memset(&was[i], 0, sizeof(was[i]));
                        return r;
                }
        return open_network(a, config, ret);
}

void net_desk_replace(struct agent *a, struct net_config *next_take) {
        struct net_desk *d = &a->net;
        struct net_config before = d->config;
        struct net_desk_network was[NET_NETWORKS_MAX];
        size_t n_was = d->n;
        int r = 0;

        memcpy(was, d->network, sizeof(was));
        memset(d->network, 0, sizeof(d->network));
        for (size_t i = 0; i < n_was; i++) /* theirs is about to be overwritten */
                was[i].config = &before.network[was[i].config - d->config.network];
        d->config = *next_take;
        memset(next_take, 0, sizeof(*next_take));
        d->n = 0;
        for (size_t i = 0; i < d->config.n; i++) {
                r = replace_one(a, &d->config.network[i], was, n_was, &d->network[d->n]);
                if (r < 0)
                        log_error("network %s: %s; it stays as it is until kedged is started again",
                                        d->config.network[i].name, strerror(-r));
                if (r >= 0)
                        d->n++;
                else
                        network_done(&d->network[d->n]);
        }
        for (size_t i = 0; i < n_was; i++)
                if (was[i].config)
                        network_done(&was[i]);
        net_config_done(&before);
        d->names_due = true;
        remove_gone(a);
        if (open_netd(a) < 0)
                log_error("networks are not kept until kedged is started again");
}

void net_desk_forget_chain(struct agent *a, const struct run *run) {
        for (size_t i = 0; i < a->net.n; i++) {
                struct net_desk_network *n = &a->net.network[i];

                if (n->run != run)
                        continue;
                if (open_zone(a, n) < 0)
                        log_error("network %s: out of memory", n->config->name);
                stir(n, true);
        }
}

/* Its addresses are as good under other settings as they were: in the same prefixes, and not our
 * own by now. */
static bool fits(const struct netd_peer *p, const struct netd_begin *was,
                const struct netd_begin *is) {
        if (memcmp(was->prefix, is->prefix, sizeof(is->prefix)) != 0)
                return false;
        for (size_t i = 0; i < NETD_PREFIXES_MAX; i++)
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        if (p->tunnel[i].family != 0 && ip_eq(&p->tunnel[i], &is->own[k].ip))
                                return false;
        return true;
}

/* What may be told of a peer that is to stand while the disk does not have what is new: as it was
 * told, or less. NULL: nothing. */
static const struct netd_peer *old_of(const struct net_desk_network *n, const struct netd_peer *p) {
        const struct netd_peer *was =
                        n->n_sent ? bsearch(p, n->sent, n->n_sent, sizeof(*p), compare_peer) : NULL;

        if (!was || memcmp(was->tunnel, p->tunnel, sizeof(p->tunnel)) == 0)
                return was ? p : NULL;
        return fits(was, &n->settings.begin, &n->plan.settings.begin) ? was : NULL;
}

static size_t peers_of(const struct net_desk_network *n, bool old, struct netd_peer *ret) {
        size_t k = 0;

        for (size_t i = 0; i < n->plan.n; i++) {
                const struct netd_peer *peer = &n->plan.row[i].peer;

                if (n->plan.row[i].stands)
                        peer = old ? old_of(n, peer) : peer;
                if (!n->plan.row[i].stands || !peer)
                        continue;
                ret[k] = n->plan.row[i].peer; /* its roles are those of the rules told with it */
                memcpy(ret[k++].tunnel, peer->tunnel, sizeof(peer->tunnel));
        }
        if (k > 0)
                qsort(ret, k, sizeof(*ret), compare_peer);
        return k;
}

/* Tells kedge-netd what is to stand, where that is another than it was told; old: without what is
 * new. */
static int tell_netd(struct agent *a, struct net_desk_network *n, bool old) {
        struct net_settings settings = n->plan.settings;
        struct netd_peer *peers = calloc(n->plan.n + 1, sizeof(*peers));
        size_t n_peers;
        int r;

        if (!peers)
                return -ENOMEM;
        n_peers = peers_of(n, old, peers);
        settings.begin.n_peers = (uint32_t) n_peers;
        settings.begin.n_links = (uint8_t) a->net.n;
        if (!n->resend && n_peers == n->n_sent &&
                        (n_peers == 0 || memcmp(peers, n->sent, n_peers * sizeof(*peers)) == 0) &&
                        memcmp(&settings, &n->settings, sizeof(settings)) == 0) {
                free(peers);
                return 0;
        }
        r = netd_desire(&a->net.netd, n->config->link, &settings, peers, n_peers, &n->serial);
        if (r < 0) {
                free(peers);
                return r;
        }
        free(n->sent);
        n->sent = peers;
        n->n_sent = n_peers;
        n->settings = settings;
        n->resend = false;
        return 0;
}

static int copy_table(const struct net_table *from, struct net_table *ret) {
        struct net_table t = *from;

        t.row = calloc(from->n + 1, sizeof(*t.row));
        if (!t.row)
                return -ENOMEM;
        if (from->n > 0)
                memcpy(t.row, from->row, from->n * sizeof(*t.row));
        *ret = t;
        return 0;
}

static void plan_drop(struct net_desk_network *n) {
        net_plan_done(&n->plan);
        memset(&n->plan, 0, sizeof(n->plan));
        free(TAKE_PTR(n->known));
        free(TAKE_PTR(n->was.row));
        n->n_known = n->was.n = 0;
}

/* The plan and what it points into, in place of the one before. apply: all that can be. */
static int make_plan(struct agent *a, struct net_desk_network *n, bool apply, uint64_t now) {
        struct net_case c = { .network = n->config, .stale = a->config->role[ROLE_NET].stale };
        int r;

        plan_drop(n);
        r = copy_table(&n->state.now, &n->was);
        if (r >= 0)
                r = net_known_make(a, n, now, &n->known, &n->n_known);
        if (r < 0)
                return r;
        c.members = n->known;
        c.n_members = n->n_known;
        c.standing = n->was.row;
        c.n_standing = n->was.n;
        c.applied = n->was.has_settings ? &n->was.settings : NULL;
        if (n->has_stands) {
                memcpy(c.own_public.b, n->stands.public_key, NETD_KEY_SIZE);
                memcpy(c.next_public.b, n->stands.next_key, NETD_KEY_SIZE);
        }
        c.filling = !n->state.ever;
        c.hold = !apply && (n->state.held || n->config->apply == NET_APPLY_CONFIRM);
        c.allowance = apply ? UINT32_MAX : net_state_allowance(&n->state, n->config, now);
        return net_plan_make(&c, &n->plan);
}

static void note_link(struct agent *a, const struct net_desk_network *n) {
        struct net_links *l = &a->net.links;

        if (net_links_note(l, n->config->name, n->config->link) >= 0)
                net_links_save(l); /* said by the store; tried again later */
}

/* What goes is told before the disk is asked, what is new behind it. Whether kedge-netd is there
 * does not matter: when it comes, it is told all. */
static int carry_out(struct agent *a, struct net_desk_network *n, uint64_t now) {
        int r = net_state_take(&n->state, &n->plan, now);

        if (r < 0) {
                tell_netd(a, n, true);
                return r;
        }
        n->unsaved = n->unsaved || n->plan.n_additions > 0;
        tell_netd(a, n, n->unsaved);
        note_link(a, n);
        r = net_state_save(&n->state);
        if (r < 0)
                return n->unsaved ? r : 0;
        n->unsaved = false;
        tell_netd(a, n, false);
        return 0;
}

/* Whoever was not named before is to be asked about. */
static bool names_others(
                const struct net_desk_network *n, const struct net_member *known, size_t n_known) {
        if (n->n_known != n_known)
                return true;
        for (size_t i = 0; i < n_known; i++)
                if (strcmp(n->known[i].host, known[i].host) != 0)
                        return true;
        return false;
}

int net_desk_plan(struct agent *a, struct net_desk_network *n, bool apply, uint64_t now) {
        struct net_plan before = n->plan;
        struct net_member *known = TAKE_PTR(n->known);
        struct net_standing *was = TAKE_PTR(n->was.row);
        size_t n_known = n->n_known;
        int r;

        n->plan = (struct net_plan){ 0 };
        n->stirred = n->urgent = false;
        r = make_plan(a, n, apply, now);
        if (r < 0) {
                log_error("network %s: no plan can be made: %s", n->config->name, strerror(-r));
                plan_drop(n);
        } else {
                if (names_others(n, known, n_known))
                        n->ask_at = 0;
                r = carry_out(a, n, now);
                net_tell_plan(a, n, &before);
        }
        if (r < 0 || n->state.dirty)
                n->look_ms = MIN(n->look_ms, now + NET_AGAIN_MS);
        if (n->hold == NET_HOLD_LIMIT)
                n->look_ms = MIN(n->look_ms, MAX(n->state.spent_ms + 3600000, now + NET_OLD_MS));
        net_plan_done(&before);
        free(known);
        free(was);
        a->net.names_due = a->net.names_due || n->config->tunnel_names;
        n->planned_ms = now_ms();
        n->cost_ms = n->planned_ms - now;
        return r;
}

/* When a plan may be made: what it costs is half of the time at most, and a tenth where nothing is
 * urgent. */
static uint64_t plan_due(const struct net_desk_network *n) {
        if (n->planned_ms == 0)
                return 0;
        if (n->urgent)
                return n->planned_ms + MIN(n->cost_ms, COST_MAX_MS);
        return n->planned_ms + MAX(NET_PACE_MS, n->cost_ms * COST_REST);
}

static bool reverts(const struct net_desk_network *n, uint64_t now) {
        return n->state.revert_ms > 0 && now >= n->state.revert_ms;
}

static void revert(struct agent *a, struct net_desk_network *n) {
        if (net_state_roll_back(&n->state) < 0)
                net_state_confirm(&n->state); /* there is nothing to go back to */
        else
                net_tell(a, n, LOG_WARNING,
                                "it was not confirmed in time: what stood before is applied again, "
                                "but for who is revoked; nothing new is applied until kedgectl net "
                                "apply %s",
                                n->config->name);
        stir(n, true);
}

void net_desk_pump(struct agent *a, uint64_t now) {
        struct net_desk *d = &a->net;

        if (a->watch.urgent) /* a revocation, also one that the disk does not have yet */
                stir_all(d, true);
        for (size_t i = 0; i < d->n; i++) {
                struct net_desk_network *n = &d->network[i];

                if (reverts(n, now))
                        revert(a, n);
                if (now >= n->look_ms)
                        stir(n, false);
                if (n->stirred && now >= plan_due(n))
                        net_desk_plan(a, n, false, now);
        }
}

void net_desk_tell_names(struct agent *a) {
        if (a->net.names_due)
                watch_tunnel_look(&a->watch);
        a->net.names_due = false;
}

uint64_t net_desk_wake_ms(const struct net_desk *d) {
        uint64_t at = UINT64_MAX;

        for (size_t i = 0; i < d->n; i++) {
                const struct net_desk_network *n = &d->network[i];

                if (n->ask_at < 2 * n->n_known && d->n_asked < NET_ASKED_MAX && !d->crowded)
                        return 0; /* a plan has named somebody new */
                at = MIN(at, MAX(n->look_ms, plan_due(n)));
                if (n->stirred)
                        at = MIN(at, plan_due(n));
                if (n->state.revert_ms > 0)
                        at = MIN(at, n->state.revert_ms);
        }
        return at;
}

static void ask_one(struct agent *a, const struct net_desk_network *n, size_t at, uint64_t now,
                bool *ret_full) {
        enum name_record_kind kind = at % 2 ? NAME_RECORD_HOST_ROLE : NAME_RECORD_WG;
        char name[NAME_MAX_LEN + 1];
        int r;

        if ((at % 2 && n->config->n_roles == 0) ||
                        lookup_record_name(a->config, kind, n->known[at / 2].host, n->config->zone,
                                        name) < 0 ||
                        watch_hold(&a->watch, name, now))
                return;
        r = watch_ask(&a->watch, name, NET_CLIENT, 0, now);
        *ret_full = r == -EBUSY;
        a->net.n_asked += r >= 0;
}

void net_desk_ask(struct agent *a, uint64_t now) {
        for (size_t i = 0; i < a->net.n; i++) {
                struct net_desk_network *n = &a->net.network[i];
                bool full = false;

                if (n->members)
                        members_pump(n->members, now);
                while (n->ask_at < 2 * n->n_known && a->net.n_asked < NET_ASKED_MAX) {
                        ask_one(a, n, n->ask_at, now, &full);
                        a->net.crowded = full;
                        if (full)
                                return;
                        n->ask_at++;
                }
        }
}

void net_desk_keep(struct agent *a, uint64_t now) {
        for (size_t i = 0; i < a->net.n; i++) {
                struct net_desk_network *n = &a->net.network[i];

                if (n->ask_at >= 2 * n->n_known)
                        n->ask_at = 0;
        }
        a->net.crowded = false;
        net_links_save(&a->net.links);
        remove_gone(a);
        net_desk_ask(a, now);
}

void net_desk_heard(struct agent *a) {
        a->net.n_asked -= a->net.n_asked > 0;
        a->net.crowded = false;
}

void net_desk_moved(struct agent *a, const struct run *run) {
        for (size_t i = 0; i < a->net.n; i++)
                if (a->net.network[i].run == run && a->net.network[i].members)
                        members_moved(a->net.network[i].members);
}

void net_desk_on_news(void *userdata, const struct news *news) {
        static const char wg[] = "_wg.", host[] = "_host.";
        struct agent *a = userdata;

        if (news->kind != NEWS_RECORD && news->kind != NEWS_REVOKED)
                return;
        if (strncmp(news->name, wg, sizeof(wg) - 1) != 0 &&
                        strncmp(news->name, host, sizeof(host) - 1) != 0)
                return;
        for (size_t i = 0; i < a->net.n; i++)
                if (name_in_suffix(news->name, a->net.network[i].config->zone))
                        stir(&a->net.network[i], news->kind == NEWS_REVOKED);
}

const struct net_desk_network *net_desk_find(const struct net_desk *d, const char *network) {
        for (size_t i = 0; i < d->n; i++)
                if (strcmp(d->network[i].config->name, network) == 0)
                        return &d->network[i];
        return NULL;
}
