/* One link, brought to what is desired of it. The order is the point: first whoever is not desired
 * any more loses the tunnel, then the table forgets him, then his flows are deleted; only then is
 * anybody let in, and nobody whom the table does not know yet. A step that fails keeps those behind
 * it back that would let somebody in, and no step that shuts somebody out. All of it is done again
 * until nothing fails: each step is what is desired, not what has changed. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/netd/apply_priv.h"
#include "agent/netd/keyfile.h"

struct run {
        struct apply *a;
        struct apply_link *l;
        const struct apply_now *now;
        struct wg_device dev;
        bool read; /* dev is what stands */
        struct wg_change *change;
        size_t n, n_removals;
        bool removed; /* nobody undesired is left */
};

static void freep(void *p) {
        free(*(void **) p);
}

/* The first thing that fails is what is told. */
static void fail(struct run *run, int r, const char *what) {
        struct netd_state *s = &run->l->state;

        if (s->error != 0)
                return;
        s->error = r;
        memset(s->text, 0, sizeof(s->text));
        (void) snprintf(s->text, sizeof(s->text), "%.15s: %.36s: %.38s", run->l->name, what,
                        strerrordesc_np(-r) ?: "unknown error");
}

static void fail_as_told(struct run *run, int r, const char *why) {
        struct netd_state *s = &run->l->state;

        if (s->error != 0)
                return;
        s->error = r;
        memset(s->text, 0, sizeof(s->text));
        (void) snprintf(s->text, sizeof(s->text), "%s", why);
}

static bool is_busy(int r) {
        return r == -EINTR || r == -EBUSY || r == -ENOBUFS || r == -EAGAIN;
}

static int read_device(const struct apply *a, const char *link, struct wg_device *ret) {
        int r = -EINTR;

        for (size_t i = 0; i < APPLY_TRIES && r == -EINTR; i++)
                r = a->ops->wg_read(a->system, link, ret);
        return r;
}

static int write_device(struct run *run, const struct wg_settings *settings,
                const struct wg_change *change, size_t n) {
        int r = -EBUSY;

        for (size_t i = 0; i < APPLY_TRIES && is_busy(r); i++)
                r = run->a->ops->wg_write(run->a->system, run->l->name, settings, change, n);
        return r;
}

static const struct desired *told_of(const struct apply_link *l) {
        return l->done ? &l->want : l->told.peer ? &l->told : NULL;
}

static int compare(struct run *run) {
        const struct desired *want = &run->l->want;

        run->change = calloc(run->dev.n + want->n_peers + 1, sizeof(*run->change));
        if (!run->change)
                return -ENOMEM;
        run->n = desired_diff(want, told_of(run->l), &run->dev, run->now->wall_s, run->change);
        while (run->n_removals < run->n && run->change[run->n_removals].what == WG_REMOVE)
                run->n_removals++;
        return 0;
}

/* What stands and what has to be done; a link that is not there is made. */
static void see(struct run *run) {
        const struct apply *a = run->a;
        const char *link = run->l->name;
        int r = a->ops->wg_ensure(a->system, link);

        if (r < 0) {
                run->l->state.backend = NETD_NO_BACKEND;
                fail(run, r,
                                r == -EEXIST ? "another kind of link has this name"
                                             : "no WireGuard serves it");
                return;
        }
        r = read_device(a, link, &run->dev);
        if (r == 0) {
                run->read = true;
                run->l->state.backend = run->dev.backend;
                r = compare(run);
        }
        if (r < 0)
                fail(run, r, "its peers cannot be read");
}

static void prepare_keys(struct run *run) {
        char why[NETD_TEXT_MAX] = "";
        int r = keys_ready(run->a->folder_fd, run->l->name, run->l->want.begin.own_key,
                        run->read ? &run->dev : NULL, &run->l->state, why);

        if (r < 0)
                fail_as_told(run, r, why);
}

static int by_key(const void *key, const void *peer) {
        return memcmp(key, ((const struct wg_peer *) peer)->key, NETD_KEY_SIZE);
}

static void remove_peers(struct run *run) {
        int r = 0;

        for (size_t i = 0; i < run->n_removals; i++) {
                const struct wg_peer *p = bsearch(run->change[i].peer, run->dev.peer, run->dev.n,
                                sizeof(*run->dev.peer), by_key);

                for (size_t k = 0; p && k < NETD_PREFIXES_MAX; k++)
                        gone_add(&run->l->gone, &p->tunnel[k]);
        }
        gone_save(run->a->folder_fd, run->l->name, &run->l->gone);
        if (run->n_removals > 0)
                r = write_device(run, NULL, run->change, run->n_removals);
        run->removed = run->change && r == 0;
        if (r < 0)
                fail(run, r, "peers cannot be removed");
        else
                run->l->state.removed += (uint32_t) run->n_removals;
}

/* Those that were told of since we began; or it has been waited for long enough. */
static bool may_write_table(struct apply *a, uint64_t now_ms) {
        size_t known = 0;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                known += a->link[i].name[0] != '\0';
        if (a->hold_ms == 0)
                a->hold_ms = now_ms + APPLY_HOLD_MS;
        return a->table_known || known >= a->n_links || now_ms >= a->hold_ms;
}

static size_t wants(const struct apply *a, struct nft_want ret[NETD_LINKS_MAX]) {
        static const struct netd_begin wall = { .flags = NETD_FIREWALL };
        size_t n = 0;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++) {
                const struct apply_link *l = &a->link[i];

                if (l->going && l->walled)
                        ret[n] = (struct nft_want){ .begin = &wall };
                else if (l->going || !l->want.peer || !(l->want.begin.flags & NETD_FIREWALL))
                        continue;
                else
                        ret[n] = (struct nft_want){ .begin = &l->want.begin,
                                                    .rules = l->want.rule,
                                                    .peers = l->want.peer };
                memcpy(ret[n++].link, l->name, NETD_LINK_NAME);
        }
        return n;
}

static void write_table(struct run *run) {
        struct apply *a = run->a;
        struct nft_want want[NETD_LINKS_MAX];
        size_t n = wants(a, want);
        int r = -EBUSY;

        if (a->table_clean || !may_write_table(a, run->now->ms))
                return;
        for (size_t i = 0; i < APPLY_TRIES && is_busy(r); i++)
                r = a->ops->nft_write(a->system, want, n);
        /* A kernel without nf_tables has no table that could stand. */
        if (n == 0 && (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -ENOENT))
                r = 0;
        a->table_known = a->table_known || r == 0;
        a->table_clean = r == 0;
        if (r < 0)
                fail(run, r, "the table inet kedge cannot be written");
}

/* While the table still lets somebody in, his flows would come again: they are deleted at once, and
 * once more when that is over. Of who still has the tunnel they are noted again when it is taken.
 */
static void delete_flows(struct run *run) {
        struct gone *g = &run->l->gone;
        uint32_t n = 0;
        int r;

        gone_sort(g);
        if (g->later)
                fail(run, -EPROTONOSUPPORT, "its .gone file is of a later version");
        g->later = false;
        if (g->lost)
                fail(run, -ENOMEM, "some flows are not deleted");
        g->lost = false;
        if (g->n == 0)
                return;
        r = run->a->ops->flows_delete(run->a->system, g->ip, g->n, &n);
        if (r == -EOPNOTSUPP)
                r = 0;
        if (r < 0) {
                fail(run, r, "flows cannot be deleted");
                return;
        }
        run->l->state.flows += n;
        if (run->a->table_clean) {
                gone_done(g);
                gone_forget(run->a->folder_fd, run->l->name);
        }
}

static void count_changes(struct run *run) {
        for (size_t i = run->n_removals; i < run->n; i++)
                if (run->change[i].what == WG_ADD)
                        run->l->state.added++;
                else
                        run->l->state.changed++;
}

/* The private key where the link has another one, the port, and whoever is new or changed. */
static int write_peers(struct run *run) {
        const struct netd_begin *begin = &run->l->want.begin;
        const struct netd_state *s = &run->l->state;
        struct wg_settings settings = { .keepalive_s = begin->keepalive_s };
        uint8_t key[NETD_KEY_SIZE];
        char why[NETD_TEXT_MAX] = "";
        int r;

        if (begin->listen_port != run->dev.listen_port)
                settings.listen_port = begin->listen_port;
        if (memcmp(run->dev.public_key, s->public_key, NETD_KEY_SIZE) != 0) {
                r = keyfile_read(run->a->folder_fd, run->l->name, KEYFILE_CURRENT, key, why);
                if (r < 0)
                        return r;
                settings.private_key = key;
        }
        if (run->n == run->n_removals && !settings.private_key && settings.listen_port == 0)
                return 0;
        r = write_device(run, &settings, run->change + run->n_removals, run->n - run->n_removals);
        explicit_bzero(key, sizeof(key));
        if (r == 0)
                count_changes(run);
        run->l->half = r < 0;
        return r;
}

static void mask(struct ip_prefix *p) {
        for (size_t i = 0; i < sizeof(p->ip.b); i++) {
                unsigned bits = p->len < 8 * i ? 0 : (unsigned) p->len - 8 * (unsigned) i;

                if (bits < 8)
                        p->ip.b[i] &= (uint8_t) (0xff00 >> bits);
        }
}

static void want_iface(const struct apply_link *l, struct iface_want *ret) {
        const struct netd_begin *begin = &l->want.begin;

        *ret = (struct iface_want){ .mtu = begin->mtu, .n = begin->n_prefixes };
        memcpy(ret->link, l->name, sizeof(ret->link));
        for (size_t i = 0; i < begin->n_prefixes; i++) {
                ret->own[i] = begin->own[i];
                ret->prefix[i] = begin->prefix[i];
                mask(&ret->prefix[i]);
        }
}

static void let_in(struct run *run) {
        struct apply_link *l = run->l;
        bool walled = !(l->want.begin.flags & NETD_FIREWALL) || run->a->table_clean;
        struct iface_want want;
        bool changed = false;
        int r;

        if (!run->read || !run->removed || !walled)
                return;
        r = write_peers(run);
        if (r < 0) {
                fail(run, r, "peers cannot be set");
                return;
        }
        want_iface(l, &want);
        r = run->a->ops->iface_write(run->a->system, &want, &changed);
        l->state.up = r == 0;
        if (r < 0) {
                fail(run, r, "addresses or routes cannot be set");
                return;
        }
        desired_done(&l->told);
        l->done = true;
}

static void run_removed(struct run *run) {
        struct apply_link *l = run->l;
        struct iface_want want = { 0 };
        bool changed = false, ours;
        int r = read_device(run->a, l->name, &run->dev);

        for (size_t i = 0; r == 0 && i < run->dev.n; i++)
                for (size_t k = 0; k < NETD_PREFIXES_MAX; k++)
                        gone_add(&l->gone, &run->dev.peer[i].tunnel[k]);
        gone_save(run->a->folder_fd, l->name, &l->gone);
        r = run->a->ops->wg_remove(run->a->system, l->name);
        ours = r == 0;
        if (r == -EEXIST || r == -EOPNOTSUPP) /* no WireGuard's: nothing of ours is there */
                r = 0;
        run->removed = r == 0;
        if (r < 0)
                fail(run, r, "it cannot be removed");
        else if (l->walled) {
                l->walled = false;
                run->a->table_clean = false;
        }
        write_table(run);
        delete_flows(run);
        /* wireguard-go's link is not ours to end. */
        memcpy(want.link, l->name, sizeof(want.link));
        r = ours ? run->a->ops->iface_write(run->a->system, &want, &changed) : 0;
        if (r < 0 && r != -ENODEV)
                fail(run, r, "addresses or routes cannot be removed");
}

/* What stands now, as far as it is known without looking again. */
static void count_peers(struct run *run) {
        struct apply_link *l = run->l;
        struct wg_device again = { 0 };

        if (l->going) {
                l->state.n_peers = l->state.n_foreign = l->state.up = l->state.listen_port = 0;
                return;
        }
        l->state.firewall = (l->want.begin.flags & NETD_FIREWALL) && run->a->table_clean;
        l->state.n_foreign = run->removed ? 0 : (uint32_t) run->n_removals;
        if (l->done)
                l->state.n_peers = (uint32_t) l->want.n_peers;
        else
                l->state.n_peers = (uint32_t) (run->dev.n - (run->removed ? run->n_removals : 0));
        l->state.listen_port = l->want.begin.listen_port;
        /* The kernel has chosen one when the link came up. */
        if (l->state.listen_port == 0 && l->done && read_device(run->a, l->name, &again) == 0)
                l->state.listen_port = again.listen_port;
        free(again.peer);
}

static uint64_t clock_us(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void plan_again(struct apply_link *l, uint64_t now_ms, bool held) {
        if (l->state.error == 0 && !held) {
                l->backoff_ms = l->retry_ms = 0;
                return;
        }
        l->backoff_ms = MIN(MAX(2 * l->backoff_ms, APPLY_RETRY_MIN_MS), APPLY_RETRY_MAX_MS);
        l->retry_ms = now_ms + l->backoff_ms;
}

void run_link(struct apply *a, struct apply_link *l, const struct apply_now *now) {
        struct run run = { .a = a, .l = l, .now = now };
        uint64_t begun_us = clock_us();

        l->state.error = 0;
        memset(l->state.text, 0, sizeof(l->state.text));
        if (l->going)
                run_removed(&run);
        else {
                see(&run);
                remove_peers(&run);
                write_table(&run);
                delete_flows(&run);
                prepare_keys(&run);
                let_in(&run);
        }
        count_peers(&run);
        l->state.elapsed_us = (uint32_t) MIN(clock_us() - begun_us, UINT32_MAX);
        plan_again(l, now->ms, !a->table_clean || (!l->going && !l->done));
        l->gone_for_good = l->going && l->state.error == 0 && a->table_clean;
        l->tell = true;
        a->n_runs++;
        free(run.dev.peer);
        free(run.change);
}

static bool differs(const struct apply_link *l, const struct wg_device *dev, size_t n_changes) {
        const struct netd_begin *begin = &l->want.begin;

        return n_changes > 0 || memcmp(dev->public_key, l->state.public_key, NETD_KEY_SIZE) != 0 ||
               (begin->listen_port != 0 && begin->listen_port != dev->listen_port);
}

static size_t count_foreign(const struct wg_change *change, size_t n) {
        size_t foreign = 0;

        while (foreign < n && change[foreign].what == WG_REMOVE)
                foreign++;
        return foreign;
}

int run_look(struct apply *a, struct apply_link *l, const struct apply_now *now,
                bool *ret_drifted) {
        _cleanup_(freep) struct wg_change *change = NULL;
        _cleanup_(freep) struct wg_peer *peers = NULL;
        struct wg_device dev = { 0 };
        struct iface_want want;
        bool drifted = true, moved = false;
        size_t n = 0;
        int r = read_device(a, l->name, &dev);

        peers = dev.peer;
        if (r < 0 && r != -ENODEV)
                return r;
        if (r == 0) {
                change = calloc(dev.n + l->want.n_peers + 1, sizeof(*change));
                if (!change)
                        return -ENOMEM;
                n = desired_diff(&l->want, told_of(l), &dev, now->wall_s, change);
                want_iface(l, &want);
                want.look = true;
                r = a->ops->iface_write(a->system, &want, &moved);
                if (r < 0 && r != -ENODEV)
                        return r;
                drifted = moved || r == -ENODEV || differs(l, &dev, n);
        }
        l->state.n_peers = (uint32_t) dev.n;
        l->state.n_foreign = (uint32_t) count_foreign(change, n);
        l->state.up = r == 0 && !moved;
        l->state.listen_port = dev.listen_port;
        *ret_drifted = drifted;
        return 0;
}
