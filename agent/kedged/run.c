/* Carries out a chain's actions, in their order. What always holds: the machine is stepped by one
 * event at a time (a question asked while its actions are carried out waits until they are done);
 * what it wants on disk is on disk before what follows is done, and where the disk refuses, the
 * message that stands next is held back (a ticket that we would not remember) while following goes
 * on in memory; while there is no kedge-fetch the machine's time stands still, so that upstreams
 * are not rested for our own fault. */

#include "agent/kedged/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/evidence.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

#define RUN_CULPRIT_MAX 64
#define RUN_NO_UPSTREAM CHAIN_UPSTREAMS_MAX
#define RUN_STEPS_MAX   1024 /* of one event, with what the machine has left over */

static void step(struct run *run, struct chain_in *in);

void run_tell(const struct run *run, enum news_kind kind, int priority, unsigned upstream,
                const char *format, ...) {
        const char *url = upstream < run->config.upstreams.n
                                          ? run->config.upstreams.u[upstream].shown
                                          : NULL;
        char text[LOG_LINE_MAX], line[LOG_LINE_MAX];
        struct news news = { .kind = kind, .priority = priority, .line = line,
                             .chain = run->config.name, .upstream = url, .why = text };
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) snprintf(line, sizeof(line), "chain %s: %s%s%s%.*s", run->config.name,
                        url ? "upstream " : "", url ? url : "", url ? ": " : "", LOG_LINE_MAX / 2,
                        text);
        news_tell(run->hooks.news, &news);
}

static int save(struct run *run) {
        int r = store_save(&run->store, run->state_height, VIEW(run->state, run->state_n));

        if (r == -ESTALE)
                log_error("chain %s: refused to save block %llu over block %llu: what we know as "
                          "final never goes back",
                                run->config.name, (unsigned long long) run->state_height,
                                (unsigned long long) run->store.height);
        run->state_dirty = r < 0;
        if (r >= 0)
                run->word_unsaved = false;
        return r;
}

/* What the machine says; but where the operator's word is not on disk yet, nothing is granted by
 * it: a restart would not know it. */
static void look(struct run *run) {
        chain_status(run->chain, &run->status);
        if (!run->word_unsaved)
                return;
        run->status.state = CHAIN_STUCK;
        (void) snprintf(run->status.text, sizeof(run->status.text),
                        "the operator's word is not on disk yet: make room in the state folder");
}

static int do_save(struct run *run, struct view bytes) {
        look(run);
        if (bytes.n > sizeof(run->state)) {
                log_error("chain %s: a state of %zu bytes is over its limit", run->config.name,
                                bytes.n);
                return -E2BIG;
        }
        if (bytes.n > 0)
                memcpy(run->state, bytes.p, bytes.n);
        run->state_n = bytes.n;
        run->state_height = run->status.finalized.ref.number;
        return save(run);
}

void run_retry(struct run *run) {
        bool held = run->word_unsaved;

        if (run->state_dirty)
                (void) save(run);
        if (!held || run->word_unsaved)
                return;
        look(run);
        run->hooks.moved(run->hooks.userdata, run);
}

static void do_blame(const struct run *run, const struct chain_action *a) {
        char hex[2 * RUN_CULPRIT_MAX + 1] = "";
        size_t n = MIN(a->bytes.n, (size_t) RUN_CULPRIT_MAX);

        if (n > 0)
                (void) hex_encode(a->bytes.p, n, hex);
        run_tell(run, NEWS_UPSTREAM, LOG_WARNING, a->upstream, "%s%s%s%s", a->text,
                        n > 0 ? "; bytes " : "", hex, a->bytes.n > n ? "..." : "");
}

/* Told when it is kept, so that who hears of it finds it. */
static void do_evidence(const struct run *run, const struct chain_action *a) {
        char name[EVIDENCE_NAME_MAX] = "", line[LOG_LINE_MAX];
        struct news news = { .kind = NEWS_EVIDENCE, .priority = LOG_ERR, .line = line,
                             .chain = run->config.name, .why = a->text };
        int r = run->state_fd < 0 ? 0
                                  : evidence_keep(run->state_fd, run->config.name, a->text,
                                                    a->bytes, name);

        if (name[0])
                news.file = name;
        (void) snprintf(line, sizeof(line), "chain %s: evidence: %s%s%s", run->config.name, a->text,
                        name[0] ? "; kept as evidence/" : "", name);
        news_tell(run->hooks.news, &news);
        if (r == -EDQUOT)
                log_warning("evidence/ in the state folder is full: move files away to keep more");
        else if (r < 0 && r != -EEXIST)
                log_error("evidence could not be kept: %s", strerror(-r));
}

void run_connect(struct courier *courier, unsigned at, const struct config_chain *config,
                unsigned upstream) {
        const struct config_upstream *u = &config->upstreams.u[upstream];

        switch (u->kind) {
        case UPSTREAM_DIODE:
                courier_connect(courier, at, u->host, u->port);
                break;
        case UPSTREAM_BEACON:
        case UPSTREAM_EXECUTION:
                courier_connect_http(courier, at, u->url + u->http, config->upstream_verify);
                break;
        }
}

/* True where the next action must not be done. */
static bool carry_out(struct run *run, const struct chain_action *a) {
        bool known = a->upstream < run->config.upstreams.n;

        switch (a->kind) {
        case CHAIN_DO_CONNECT:
                if (known && run->courier)
                        run_connect(run->courier, run->base + a->upstream, &run->config,
                                        a->upstream);
                break;
        case CHAIN_DO_SEND:
                if (known && run->courier)
                        courier_send(run->courier, run->base + a->upstream, a->bytes);
                break;
        case CHAIN_DO_DROP:
                if (a->text[0])
                        run_tell(run, NEWS_UPSTREAM, LOG_NOTICE, a->upstream, "%s", a->text);
                if (known && run->courier)
                        courier_drop(run->courier, run->base + a->upstream);
                break;
        case CHAIN_DO_ANSWER:
                run->hooks.answer(run->hooks.userdata, run, a->answer);
                break;
        case CHAIN_DO_HEAD:
                look(run);
                run->hooks.moved(run->hooks.userdata, run);
                break;
        case CHAIN_DO_SAVE:
                return do_save(run, a->bytes) < 0;
        case CHAIN_DO_BLAME:
                do_blame(run, a);
                break;
        case CHAIN_DO_EVIDENCE:
                do_evidence(run, a);
                break;
        case CHAIN_DO_NOTE:
                run_tell(run, NEWS_NOTE, LOG_NOTICE, RUN_NO_UPSTREAM, "%s", a->text);
                break;
        }
        return false;
}

static void set_timer(struct run *run) {
        uint64_t at = run->out.wake_ms;

        if (!run->timer)
                return;
        if (!run->linked || at == 0 || at > UINT64_MAX / 1000) {
                (void) sd_event_source_set_enabled(run->timer, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(run->timer, at * 1000);
        (void) sd_event_source_set_enabled(run->timer, SD_EVENT_ONESHOT);
}

static void step(struct run *run, struct chain_in *in) {
        bool held = false;

        run->out.n = run->out.used = 0;
        run->out.more = false;
        run->out.wake_ms = 0;
        in->wall_s = run->hooks.wall_s ? run->hooks.wall_s(run->hooks.userdata) : 0;
        if (chain_step(run->chain, in, &run->out) < 0) {
                log_error("chain %s: refused an event of kind %d; it is not followed any more: "
                          "restart kedged",
                                run->config.name, in->event);
                run->ended = true;
                return;
        }
        for (size_t i = 0; i < run->out.n; i++) {
                const struct chain_action *a = &run->out.action[i];

                if (held && a->kind == CHAIN_DO_SEND)
                        held = false;
                else
                        held = carry_out(run, a);
        }
}

/* The words to type, once, where they are whole. */
static void tell_conflict(const struct run *run) {
        const struct chain_status *st = &run->status;
        char ours[2 * HASH32_SIZE + 1], theirs[2 * HASH32_SIZE + 1];

        (void) hex_encode(st->conflict_ours.hash.b, HASH32_SIZE, ours);
        (void) hex_encode(st->conflict_theirs.b, HASH32_SIZE, theirs);
        run_tell(run, NEWS_NOTE, LOG_ERR, RUN_NO_UPSTREAM,
                        "two headers at number %llu are backed by our own keys: nothing new is "
                        "granted until an operator types: kedgectl checkpoint accept %s 0x%s (ours) "
                        "or 0x%s (the other)",
                        (unsigned long long) st->conflict_ours.number, run->config.name, ours,
                        theirs);
}

/* One event, then what waits: what the machine has left over, and questions asked meanwhile. */
static void drain(struct run *run, const struct chain_in *first) {
        struct chain_in in = *first;

        run->busy = true;
        step(run, &in);
        for (unsigned i = 0; i < RUN_STEPS_MAX && !run->ended; i++) {
                struct chain_ask ask;

                in = (struct chain_in){ .event = CHAIN_EV_TICK, .now_ms = now_ms(), .ask = &ask };
                if (run->n_cancels > 0) {
                        in.event = CHAIN_EV_CANCEL;
                        ask = run->cancel[--run->n_cancels];
                } else if (!run->out.more && run->n_asks > 0) {
                        in.event = CHAIN_EV_ASK;
                        ask = run->ask[0];
                        memmove(run->ask, run->ask + 1, --run->n_asks * sizeof(ask));
                } else if (!run->out.more)
                        break;
                step(run, &in);
        }
        run->busy = false;
        look(run);
        budget_count(&run->budget, run_bytes(run), now_ms());
        set_timer(run);
}

void run_event(struct run *run, enum chain_event event, unsigned upstream, struct view bytes) {
        struct chain_in in = {
                .event = event, .now_ms = now_ms(), .upstream = upstream, .bytes = bytes
        };
        enum chain_state before = run->status.state;
        bool conflict = run->status.conflict;

        if (run->ended)
                return;
        drain(run, &in);
        if (run->status.conflict && !conflict)
                tell_conflict(run);
        if (run->status.state != before || run->status.conflict != conflict)
                run->hooks.moved(run->hooks.userdata, run);
}

int run_accept(struct run *run, const struct hash32 *hash) {
        if (run->ended || run->busy)
                return -EBUSY;
        run->word_unsaved = true;
        run_event(run, CHAIN_EV_ACCEPT, 0, VIEW(hash->b, HASH32_SIZE));
        if (!run->state_dirty && run->word_unsaved) { /* it had nothing to save */
                run->word_unsaved = false;
                look(run);
                run->hooks.moved(run->hooks.userdata, run);
        }
        return run->word_unsaved ? -EIO : 0;
}

int run_ask(struct run *run, const struct chain_ask *ask) {
        struct chain_in in = { .event = CHAIN_EV_ASK, .now_ms = now_ms(), .ask = ask };

        if (!run->linked || run->ended)
                return -ENOTCONN;
        if (!run->busy) {
                drain(run, &in);
                return 0;
        }
        if (run->n_asks == CHAIN_ASKS_MAX)
                return -EBUSY;
        run->ask[run->n_asks++] = *ask;
        return 0;
}

void run_cancel(struct run *run, uint64_t id) {
        struct chain_ask ask = { .id = id };
        struct chain_in in = { .event = CHAIN_EV_CANCEL, .now_ms = now_ms(), .ask = &ask };

        for (size_t i = 0; i < run->n_asks; i++)
                if (run->ask[i].id == id) {
                        memmove(run->ask + i, run->ask + i + 1, (--run->n_asks - i) * sizeof(ask));
                        return;
                }
        if (run->ended)
                return;
        if (!run->busy)
                drain(run, &in);
        else if (run->n_cancels < CHAIN_ASKS_MAX)
                run->cancel[run->n_cancels++] = ask;
}

void run_link(struct run *run, bool up) {
        run->linked = up;
        if (up)
                run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        else
                set_timer(run);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        run_event(userdata, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        return 0;
}

int run_new(const struct config_chain *config, size_t index, unsigned base,
                struct chain *chain_take, sd_event *event, const struct run_hooks *hooks,
                struct run **ret) {
        _cleanup_(run_freep) struct run *run = calloc(1, sizeof(*run));
        int r;

        if (!run) {
                chain_take = chain_free(chain_take);
                return -ENOMEM;
        }
        run->chain = chain_take;
        run->index = index;
        run->base = base;
        run->width = CHAIN_UPSTREAMS_MAX;
        run->state_fd = -1;
        run->config = *config;
        budget_init(&run->budget, config->name, config->daily_bytes, now_ms());
        run->hooks = *hooks;
        if (event) {
                r = sd_event_add_time(event, &run->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, run);
                if (r < 0)
                        return r;
                (void) sd_event_source_set_enabled(run->timer, SD_EVENT_OFF);
        }
        chain_status(run->chain, &run->status);
        *ret = TAKE_PTR(run);
        return 0;
}

struct run *run_free(struct run *run) {
        if (!run)
                return NULL;
        source_freep(&run->timer);
        run->chain = chain_free(run->chain);
        explicit_bzero(&run->out, sizeof(run->out));
        free(run);
        return NULL;
}

void run_replace(struct run *run, const struct config_chain *config, struct chain *chain_take) {
        for (unsigned i = 0; run->courier && i < run->width; i++)
                courier_forget(run->courier, run->base + i);
        run->chain = chain_free(run->chain);
        run->chain = chain_take;
        run->config = *config;
        run->n_asks = run->n_cancels = 0;
        look(run);
        budget_count(&run->budget, run_bytes(run), now_ms());
        run->hooks.moved(run->hooks.userdata, run);
        if (run->linked)
                run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
}

void run_begin_anew(struct run *run, const struct config_chain *config, struct store *store,
                struct chain *chain_take) {
        run->store = *store;
        run->state_n = 0;
        run->state_height = run->opened_s = 0;
        run->state_dirty = run->word_unsaved = run->ended = false;
        run_replace(run, config, chain_take);
}

size_t run_upstreams_up(const struct run *run) {
        size_t n = 0;

        for (size_t i = 0; i < run->status.n_upstreams && i < CHAIN_UPSTREAMS_MAX; i++)
                n += run->status.upstream[i].state == UPSTREAM_UP;
        return n;
}

uint64_t run_bytes(const struct run *run) {
        uint64_t n = 0;

        for (size_t i = 0; i < run->status.n_upstreams && i < CHAIN_UPSTREAMS_MAX; i++)
                n += run->status.upstream[i].bytes_in + run->status.upstream[i].bytes_out;
        return n;
}
