/* A look at the agent costs one question for each chain and one for the names, whatever the number of
 * names: it tells the one that changed next after the last that we saw. Only what changed is asked
 * for in full. What comes and goes between two looks is not seen. */

#include "agent/kedgectl/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedgectl/explain.h"

static bool is_told(const struct feed *f, const char *name, const struct query_explain *e) {
        for (size_t i = 0; i < f->n_told; i++)
                if (strcmp(f->told[i].name, name) == 0 &&
                                strcmp(f->told[i].field, e->revoked) == 0 &&
                                hash32_eq(&f->told[i].key, &e->revoked_key))
                        return true;
        return false;
}

static void remember(struct feed *f, const char *name, const struct query_explain *e) {
        struct feed_revocation *r = &f->told[f->next_told];

        (void) snprintf(r->name, sizeof(r->name), "%s", name);
        memcpy(r->field, e->revoked, sizeof(r->field));
        r->key = e->revoked_key;
        f->next_told = (f->next_told + 1) % FEED_TOLD_MAX;
        f->n_told = MIN(f->n_told + 1, (size_t) FEED_TOLD_MAX);
}

/* A revocation that was undone is news when it comes again. */
static void forget_undone(struct feed *f, const char *name, const struct explain *all) {
        for (size_t i = 0; i < f->n_told; i++) {
                struct feed_revocation *r = &f->told[i];
                bool stands = strcmp(r->name, name) != 0;

                for (size_t k = 0; !stands && k < all->item[0].n_revocations; k++)
                        stands = strcmp(r->field, all->item[k].revoked) == 0 &&
                                 hash32_eq(&r->key, &all->item[k].revoked_key);
                if (!stands)
                        r->name[0] = '\0';
        }
}

static void tell_revoked(struct feed *f, const char *name, const struct explain *all, feed_fn *fn,
                void *userdata) {
        forget_undone(f, name, all);
        for (size_t i = 0; i < all->item[0].n_revocations; i++) {
                const struct query_explain *e = &all->item[i];
                struct feed_event event = { .kind = FEED_REVOKED, .key = e->revoked_key,
                                            .block = e->revoked_at };
                char hex[CTL_TEXT_MAX] = "";

                if (is_told(f, name, e))
                        continue;
                remember(f, name, e);
                if (!fn)
                        continue;
                (void) snprintf(event.name, sizeof(event.name), "%s", name);
                memcpy(event.chain, e->chain, sizeof(event.chain));
                memcpy(event.field, e->revoked, sizeof(event.field));
                if (!hash32_is_zero(&e->revoked_key))
                        (void) ctl_hex(e->revoked_key.b, HASH32_SIZE, hex);
                (void) snprintf(event.text, sizeof(event.text), "%s%s%s at block %llu", e->revoked,
                                hex[0] ? " " : "", hex, (unsigned long long) e->revoked_at.number);
                fn(userdata, &event);
        }
}

/* "server_ip 10.1.2.3, port 8883", or why there is nothing. */
static void served_text(const struct query_watched *w, const struct explain *all, char *ret,
                size_t cap) {
        char text[RECORD_TEXT_MAX];
        size_t n = 0;

        ret[0] = '\0';
        for (size_t i = 0; all && w->result == QUERY_OK && i < all->item[0].n_fields; i++) {
                const char *field = all->item[i].field;
                struct hash32 value;

                if (n < cap && explain_granted(all, i, &value))
                        n += (size_t) snprintf(ret + n, cap - n, "%s%s %s", n > 0 ? ", " : "", field,
                                        explain_means(field, &value, text));
        }
        if (n == 0)
                (void) snprintf(ret, cap, "%s%s%s", ctl_result_name(w->result),
                                w->why[0] ? ": " : "", w->why);
}

static int tell_record(const struct ctl *ctl, struct feed *f, const struct query_watched *w,
                feed_fn *fn, void *userdata) {
        _cleanup_(free_explain) struct explain *all = calloc(1, sizeof(*all));
        struct feed_event event = { .kind = FEED_RECORD, .result = w->result, .state = w->state,
                                    .block = { .number = w->head_number },
                                    .finalized = { .number = w->final_number } };
        int r;

        if (!all)
                return -ENOMEM;
        r = explain_known(ctl, w->name, all);
        if (r < 0 && r != -ENODATA && r != -EAGAIN)
                return r;
        memcpy(event.name, w->name, sizeof(event.name));
        memcpy(event.chain, w->chain, sizeof(event.chain));
        served_text(w, r < 0 ? NULL : all, event.text, sizeof(event.text));
        if (r >= 0)
                tell_revoked(f, w->name, all, fn, userdata);
        if (fn)
                fn(userdata, &event);
        return 0;
}

static int poll_names(const struct ctl *ctl, struct feed *f, feed_fn *fn, void *userdata) {
        for (size_t i = 0; i < FEED_BURST_MAX; i++) {
                struct query_request request = {
                        .verb = QUERY_WATCHED, .item = 1, .slot = f->cursor_us
                };
                struct query_reply reply;
                int r = ctl_get(ctl, &request, &reply);

                if (r < 0)
                        return r;
                if (reply.result != QUERY_OK) /* the end, or over quota: the next look goes on */
                        return 0;
                if (reply.watched.changed_us <= f->cursor_us)
                        return -EBADMSG;
                f->cursor_us = reply.watched.changed_us;
                r = tell_record(ctl, f, &reply.watched, fn, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void tell_chain(const struct feed_chain *was, const struct query_status *s, feed_fn *fn,
                void *userdata) {
        struct feed_event event = { .block = s->head, .finalized = s->finalized,
                                    .state = s->state };

        memcpy(event.chain, s->chain, sizeof(event.chain));
        if (was->known && s->has_head &&
                        (!hash32_eq(&was->status.head.hash, &s->head.hash) ||
                                        !hash32_eq(&was->status.finalized.hash, &s->finalized.hash))) {
                event.kind = FEED_HEAD;
                (void) snprintf(event.text, sizeof(event.text), "head %llu, finalized %llu",
                                (unsigned long long) s->head.number,
                                (unsigned long long) s->finalized.number);
                fn(userdata, &event);
        }
        if (!was->known || was->status.state == s->state)
                return;
        event.kind = FEED_STATE;
        (void) snprintf(event.text, sizeof(event.text), "%s%s%s", ctl_state_name(s->state),
                        s->text[0] ? ": " : "", s->text);
        fn(userdata, &event);
}

/* It answers; is it the one that answered last? */
static void meet_agent(
                struct feed *f, const struct query_status *s, feed_fn *fn, void *userdata) {
        struct feed_event event = { .kind = FEED_FOUND };
        bool same = f->reachable && s->uptime_ms >= f->uptime_ms;

        f->reachable = true;
        f->uptime_ms = s->uptime_ms;
        if (same || !fn)
                return;
        memset(f->chain, 0, sizeof(f->chain));
        f->runs++;
        (void) snprintf(event.text, sizeof(event.text), "kedged %s answers, up %llu s", s->version,
                        (unsigned long long) (s->uptime_ms / 1000));
        fn(userdata, &event);
}

static int poll_chains(const struct ctl *ctl, struct feed *f, feed_fn *fn, void *userdata) {
        size_t n = 1;

        for (uint32_t i = 0; i < n; i++) {
                struct query_request request = { .verb = QUERY_STATUS, .index = i };
                struct query_reply reply;
                int r = ctl_get(ctl, &request, &reply);

                if (r < 0)
                        return r;
                if (reply.result != QUERY_OK)
                        return 0;
                n = MIN(reply.status.n_chains, (uint32_t) QUERY_CHAINS_MAX);
                if (i == 0)
                        meet_agent(f, &reply.status, fn, userdata);
                if (fn)
                        tell_chain(&f->chain[i], &reply.status, fn, userdata);
                f->chain[i] = (struct feed_chain){ .known = true, .status = reply.status };
                f->n_chains = n;
        }
        return 0;
}

static int learn_revoked(const struct ctl *ctl, struct feed *f) {
        struct query_request request = { .verb = QUERY_WATCHED };
        struct query_reply reply;
        int r;

        for (size_t i = 0; !f->learned && i < FEED_BURST_MAX; i++) {
                r = ctl_get(ctl, &request, &reply);
                if (r < 0)
                        return r;
                if (reply.result != QUERY_OK)
                        break;
                if (reply.watched.n_revocations > 0)
                        r = tell_record(ctl, f, &reply.watched, NULL, NULL);
                if (r < 0)
                        return r;
                memcpy(request.name, reply.watched.name, sizeof(request.name));
        }
        f->learned = true;
        return 0;
}

int feed_begin(const struct ctl *ctl, struct feed *ret) {
        int r;

        memset(ret, 0, sizeof(*ret));
        ret->cursor_us = ctl_boottime_ms() * 1000;
        r = poll_chains(ctl, ret, NULL, NULL);
        return r < 0 ? r : learn_revoked(ctl, ret);
}

void feed_poll(const struct ctl *ctl, struct feed *feed, feed_fn *fn, void *userdata) {
        struct feed_event event = { .kind = FEED_LOST };
        int r = poll_chains(ctl, feed, fn, userdata);

        if (r >= 0)
                r = learn_revoked(ctl, feed);
        if (r >= 0)
                r = poll_names(ctl, feed, fn, userdata);
        if (r >= 0)
                return;
        ctl_unreachable_text(ctl, r, feed->lost, sizeof(feed->lost));
        if (!feed->reachable)
                return;
        feed->reachable = false;
        memcpy(event.text, feed->lost, sizeof(event.text));
        fn(userdata, &event);
}
