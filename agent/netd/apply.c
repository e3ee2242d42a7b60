/* The links that kedged has told of, and when something is done about each. A new desired state is
 * brought about at once, whatever has failed before or is being waited for: nothing holds a removal
 * back. Nothing is done about a link before its first desired state. */

#include "agent/netd/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/apply_priv.h"
#include "agent/netd/keyfile.h"

void apply_init(struct apply *a, const struct system_ops *ops, void *system, int folder_fd) {
        *a = (struct apply){ .ops = ops, .system = system, .folder_fd = folder_fd };
}

static void link_done(struct apply_link *l) {
        desired_done(&l->want);
        desired_done(&l->told);
        gone_done(&l->gone);
        *l = (struct apply_link){ 0 };
}

void apply_done(struct apply *a) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                link_done(&a->link[i]);
}

static struct apply_link *find(struct apply *a, const char *link) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (a->link[i].name[0] && strncmp(a->link[i].name, link, NETD_LINK_NAME) == 0)
                        return &a->link[i];
        return NULL;
}

static struct apply_link *find_or_take(struct apply *a, const char *link) {
        struct apply_link *l = find(a, link);

        for (size_t i = 0; !l && i < NETD_LINKS_MAX; i++)
                if (!a->link[i].name[0]) {
                        l = &a->link[i];
                        memcpy(l->name, link, sizeof(l->name));
                        gone_load(a->folder_fd, link, &l->gone);
                }
        return l;
}

/* Nothing of it is in the table: the same rules and the same addresses. */
static bool same_table(const struct desired *a, const struct desired *b) {
        if (!a->peer || !b->peer || a->n_peers != b->n_peers || a->n_rules != b->n_rules)
                return false;
        if (a->begin.flags != b->begin.flags ||
                        memcmp(a->begin.prefix, b->begin.prefix, sizeof(a->begin.prefix)) != 0 ||
                        memcmp(a->begin.own, b->begin.own, sizeof(a->begin.own)) != 0 ||
                        memcmp(a->begin.only, b->begin.only, sizeof(a->begin.only)) != 0 ||
                        a->begin.listen_port != b->begin.listen_port ||
                        memcmp(a->rule, b->rule, sizeof(a->rule)) != 0)
                return false;
        for (size_t i = 0; i < a->n_peers; i++) {
                const struct netd_peer *p = &a->peer[i], *q = &b->peer[i];

                if (p->roles != q->roles || memcmp(p->tunnel, q->tunnel, sizeof(p->tunnel)) != 0 ||
                                memcmp(p->outer, q->outer, sizeof(p->outer)) != 0)
                        return false;
        }
        return true;
}

/* The others, where they have waited for the table that is written now. */
static void run_waiting(struct apply *a, const struct apply_now *now) {
        for (size_t i = 0; a->table_clean && i < NETD_LINKS_MAX; i++)
                if (a->link[i].want.peer && !a->link[i].done && a->link[i].state.error == 0)
                        run_link(a, &a->link[i], now);
}

static void start_over(struct apply_link *l) {
        struct netd_state *s = &l->state;

        s->added = s->removed = s->changed = s->flows = 0;
        s->flags = 0;
        l->backoff_ms = 0;
        l->done = l->drifted = false;
        l->n_mends = 0;
        l->rest_ms = 0;
}

/* What was desired before is what endpoints were told from, where it was done. */
static void turn_over(struct apply_link *l, struct desired *d_take) {
        if (l->done) {
                desired_done(&l->told);
                l->told = l->want;
        } else {
                desired_done(&l->want);
                if (l->half)
                        desired_done(&l->told);
        }
        l->half = false;
        l->want = *d_take;
        *d_take = (struct desired){ 0 };
}

/* Where it shall not be repaired, what others have done to it is left until the next commit. */
static bool table_stands(const struct apply *a) {
        bool same = false;

        return a->ops->nft_check(a->system, &same) >= 0 && same;
}

int apply_commit(struct apply *a, struct desired *d_take, const struct apply_now *now) {
        struct apply_link *l = find_or_take(a, d_take->link);

        if (!l)
                return -E2BIG;
        a->n_links = d_take->begin.n_links;
        if (!same_table(&l->want, d_take))
                a->table_clean = false;
        if (a->table_clean && (d_take->begin.flags & NETD_FIREWALL) && !table_stands(a))
                a->table_clean = false;
        if (l->want.peer)
                gone_between(&l->gone, &l->want, d_take);
        turn_over(l, d_take);
        l->going = l->gone_for_good = l->walled = false;
        start_over(l);
        run_link(a, l, now);
        run_waiting(a, now);
        return 0;
}

int apply_remove(struct apply *a, const char *link, const struct apply_now *now) {
        const struct desired none = { 0 };
        struct apply_link *l = find_or_take(a, link);

        if (!l)
                return -E2BIG;
        gone_between(&l->gone, &l->want, &none);
        l->walled = l->walled || (l->want.begin.flags & NETD_FIREWALL);
        desired_done(&l->want);
        desired_done(&l->told);
        a->table_clean = false;
        l->going = true;
        start_over(l);
        run_link(a, l, now);
        run_waiting(a, now);
        return 0;
}

void apply_told(struct apply *a, struct apply_link *l) {
        (void) a;
        l->tell = false;
        l->state.flags = 0;
        if (l->gone_for_good)
                link_done(l);
}

static void look_at_keys(struct apply *a, const char *link, struct netd_state *s) {
        char why[NETD_TEXT_MAX] = "";
        int r = keys_look(a->folder_fd, link, s, why);

        if (r < 0 && s->error == 0) {
                s->error = r;
                memset(s->text, 0, sizeof(s->text));
                (void) snprintf(s->text, sizeof(s->text), "%s", why);
        }
}

void apply_next_key(struct apply *a, const char *link, struct netd_state *ret) {
        static const uint8_t none[NETD_KEY_SIZE];
        struct apply_link *l = find(a, link);
        struct netd_state s = l ? l->state : (struct netd_state){ 0 };

        look_at_keys(a, link, &s);
        if (s.error == 0 && memcmp(s.next_key, none, sizeof(none)) == 0) {
                uint8_t key[NETD_KEY_SIZE];

                s.error = keyfile_make(a->folder_fd, link, KEYFILE_NEXT, key);
                explicit_bzero(key, sizeof(key));
                if (s.error == 0)
                        look_at_keys(a, link, &s);
                else
                        (void) snprintf(s.text, sizeof(s.text),
                                        "its next key cannot be made: %.40s",
                                        strerrordesc_np(-s.error));
        }
        if (l)
                memcpy(l->state.next_key, s.next_key, sizeof(s.next_key));
        *ret = s;
}

uint64_t apply_serial(const struct apply *a, const char *link) {
        const struct apply_link *l = find((struct apply *) a, link);

        return l ? l->want.serial : 0;
}

bool apply_is_foreign(const struct apply *a, const char *link, const uint8_t key[NETD_KEY_SIZE]) {
        const struct apply_link *l = find((struct apply *) a, link);

        return !l || !desired_has(&l->want, key);
}

void apply_observe(struct apply *a, const char *link, struct netd_state *ret,
                struct wg_device *ret_device) {
        struct apply_link *l = find(a, link);
        struct netd_state s = l ? l->state : (struct netd_state){ 0 };
        struct wg_device dev = { 0 };
        int r = -EINTR;

        for (size_t i = 0; i < APPLY_TRIES && r == -EINTR; i++)
                r = a->ops->wg_read(a->system, link, &dev);
        if (r < 0)
                dev = (struct wg_device){ 0 };
        look_at_keys(a, link, &s);
        s.n_peers = (uint32_t) dev.n;
        s.n_foreign = 0;
        for (size_t i = 0; i < dev.n; i++)
                s.n_foreign += apply_is_foreign(a, link, dev.peer[i].key);
        s.backend = r == 0 ? dev.backend : s.backend;
        s.listen_port = dev.listen_port;
        s.up = s.up && r == 0;
        *ret = s;
        *ret_device = dev;
}

/* Put back at once, but not forever: whoever fights us is told of, and waits a minute. */
static bool may_mend(struct apply_link *l, uint64_t now_ms) {
        if (now_ms - l->drift_ms > APPLY_REST_MS)
                l->n_mends = 0;
        l->drift_ms = now_ms;
        if (now_ms < l->rest_ms)
                return false;
        if (++l->n_mends >= APPLY_MENDS_MAX)
                l->rest_ms = now_ms + APPLY_REST_MS;
        return true;
}

static void tell_fight(struct apply_link *l) {
        l->state.error = -EBUSY;
        memset(l->state.text, 0, sizeof(l->state.text));
        (void) snprintf(l->state.text, sizeof(l->state.text),
                        "%.15s is changed by another program all the time; put back once a minute",
                        l->name);
}

static void drifted(struct apply *a, struct apply_link *l, const struct apply_now *now) {
        bool before = l->drifted, rested = now->ms < l->rest_ms;

        l->drifted = true;
        l->state.flags |= NETD_DRIFTED;
        if ((l->want.begin.flags & NETD_REPAIR) && may_mend(l, now->ms)) {
                run_link(a, l, now);
                if (l->state.error == 0) {
                        l->state.flags |= NETD_MENDED;
                        l->drifted = false;
                }
                if (now->ms < l->rest_ms)
                        tell_fight(l);
        }
        l->tell = l->tell || !before || (rested && !l->drifted);
}

/* Nobody knows what stands: another kind of link has the name, or wireguard-go hangs. Told once; the
 * next look that succeeds takes it back. */
static void blind(struct apply_link *l, int r) {
        if (l->state.error == r || r == -EINTR || r == -EAGAIN || r == -EBUSY || r == -ENOBUFS)
                return;
        l->state.error = r;
        memset(l->state.text, 0, sizeof(l->state.text));
        (void) snprintf(l->state.text, sizeof(l->state.text), "%.15s: it cannot be looked at: %.38s",
                        l->name, strerrordesc_np(-r) ?: "unknown error");
        l->tell = true;
}

static void check_link(struct apply *a, struct apply_link *l, bool table_same,
                const struct apply_now *now) {
        bool is_drifted = false;
        int r;

        /* What is being done again anyway needs no look. */
        if (l->going || !l->done || l->retry_ms != 0)
                return;
        r = run_look(a, l, now, &is_drifted);
        if (r < 0) {
                blind(l, r);
                return;
        }
        if (!table_same && (l->want.begin.flags & NETD_FIREWALL)) {
                l->state.firewall = false;
                is_drifted = true;
        }
        if (is_drifted)
                drifted(a, l, now);
        else if (l->drifted || (l->state.error != 0 && now->ms >= l->rest_ms)) {
                l->drifted = false;
                l->state.error = 0;
                memset(l->state.text, 0, sizeof(l->state.text));
                l->tell = true;
        }
}

static bool any_walled(const struct apply *a) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (a->link[i].want.peer && (a->link[i].want.begin.flags & NETD_FIREWALL))
                        return true;
        return false;
}

void apply_check(struct apply *a, const struct apply_now *now) {
        bool same = true;
        bool mend = false;

        if (a->table_clean && any_walled(a) && a->ops->nft_check(a->system, &same) < 0)
                same = true; /* asked again, soon */
        for (size_t i = 0; !same && i < NETD_LINKS_MAX; i++) {
                const struct apply_link *l = &a->link[i];

                mend = mend ||
                       (l->want.peer && l->want.begin.flags == (NETD_FIREWALL | NETD_REPAIR) &&
                                       now->ms >= l->rest_ms);
        }
        if (mend)
                a->table_clean = false;
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (a->link[i].want.peer)
                        check_link(a, &a->link[i], same, now);
}

void apply_again(struct apply *a, const struct apply_now *now) {
        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (a->link[i].retry_ms != 0 && now->ms >= a->link[i].retry_ms)
                        run_link(a, &a->link[i], now);
        run_waiting(a, now);
}

uint64_t apply_next_ms(const struct apply *a) {
        uint64_t next = 0;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++) {
                uint64_t at = a->link[i].retry_ms;

                if (at != 0 && (next == 0 || at < next))
                        next = at;
        }
        return next;
}
