/* What the agent knows of itself, in numbers. The file is replaced as a whole; a collector reads the
 * old one or the new one. It is not synced: after a crash there is another soon. */

#include "agent/kedged/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/file.h"
#include "agent/kedged/log.h"
#include "agent/kedged/metrics_text.h"
#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

void metrics_on_news(void *userdata, const struct news *news) {
        struct metrics *m = userdata;

        m->due = m->due || news->kind == NEWS_STATE;
        m->revoked += news->kind == NEWS_REVOKED;
        m->evidence += news->kind == NEWS_EVIDENCE;
}

static void put_agent(FILE *f, struct agent *a, uint64_t now) {
        metrics_head(f, "kedge_build_info", "gauge", "Always 1; the version is the label.");
        metrics_put(f, "kedge_build_info", 1, "version", KEDGE_VERSION, NULL);
        metrics_head(f, "kedge_uptime_seconds", "gauge", "Time since kedged was started.");
        metrics_put_ms(f, "kedge_uptime_seconds", now - a->started_ms, NULL);
        metrics_head(f, "kedge_fetch_connected", "gauge", "1 while kedge-fetch is connected.");
        metrics_put(f, "kedge_fetch_connected", courier_is_linked(&a->courier), NULL);
        metrics_head(f, "kedge_time_floor_seconds", "gauge",
                        "It is at least so many seconds since 1970.");
        metrics_put(f, "kedge_time_floor_seconds", agent_floor_s(a), NULL);
        metrics_head(f, "kedge_names_watched", "gauge", "Names that are kept proven.");
        metrics_put(f, "kedge_names_watched", a->watch.n, NULL);
        metrics_head(f, "kedge_revocations_in_force", "gauge", "Keys and records that are refused.");
        metrics_put(f, "kedge_revocations_in_force", book_count(&a->book), NULL);
        metrics_head(f, "kedge_revocations_total", "counter", "Revocations since the start.");
        metrics_put(f, "kedge_revocations_total", a->metrics.revoked, NULL);
        metrics_head(f, "kedge_evidence_total", "counter",
                        "Conflicts among signed headers seen since the start.");
        metrics_put(f, "kedge_evidence_total", a->metrics.evidence, NULL);
}

static void put_sessions(FILE *f, const struct agent *a) {
        metrics_head(f, "kedge_sessions_ended_total", "counter",
                        "Sessions ended because their user is let in no more.");
        metrics_put(f, "kedge_sessions_ended_total", a->sessions.n_ended, NULL);
}

static void put_answers(FILE *f, const struct query *q) {
        static const char *const doors[QUERY_DOORS] = { "socket", "bus" };
        static const char *const results[] = { "unproven", "ok",      "absent", "stale",
                                               "refused",  "unknown", "invalid", "denied" };

        _Static_assert(ELEMENTSOF(results) == QUERY_RESULTS, "one word for each");
        metrics_head(f, "kedge_answers_total", "counter",
                        "Questions answered, by door and result; what readers take from the "
                        "published names is not among them.");
        for (size_t d = 0; d < QUERY_DOORS; d++)
                for (size_t i = 0; i < QUERY_RESULTS; i++)
                        metrics_put(f, "kedge_answers_total", q->answered[d][i], "door", doors[d],
                                        "result", results[i], NULL);
}

static void put_logins(FILE *f, const struct login_desk *d) {
        metrics_head(f, "kedge_logins_total", "counter",
                        "Logins, signatures and SSH keys judged, by verdict.");
        for (enum login_verdict v = LOGIN_UNPROVEN; v < LOGIN_VERDICTS; v++)
                metrics_put(f, "kedge_logins_total", d->decided[v], "verdict",
                                login_verdict_name(v), NULL);
}

enum net_figure { PEERS = 0, HELD, REFUSED, KEPT, LINK_UP, APPLIED, GONE, NET_FIGURES };

static const struct {
        const char *name, *type, *help;
} net_figures[NET_FIGURES] = {
        [PEERS] = { "kedge_net_peers", "gauge", "Peers that are to stand." },
        [HELD] = { "kedge_net_held", "gauge", "Additions and changes that wait for the operator." },
        [REFUSED] = { "kedge_net_refused", "gauge", "Members that cannot be peers." },
        [KEPT] = { "kedge_net_kept", "gauge", "Peers that stand though they are not proven now." },
        [LINK_UP] = { "kedge_net_up", "gauge", "1 while kedge-netd says that the link is up." },
        [APPLIED] = { "kedge_net_applied", "gauge",
                        "1 while kedge-netd has taken all that it was told." },
        [GONE] = { "kedge_net_revoked_total", "counter",
                        "Peers that were taken away since the start, as nobody vouches for them." },
};

static uint64_t net_figure(const struct net_desk_network *n, enum net_figure figure) {
        switch (figure) {
        case PEERS:
                return n->plan.settings.begin.n_peers;
        case HELD:
                return n->plan.count[NET_HELD];
        case REFUSED:
                return n->plan.count[NET_REFUSED];
        case KEPT:
                return n->plan.count[NET_KEPT];
        case LINK_UP:
                return n->has_stands && n->stands.up;
        case APPLIED:
                return n->has_stands && n->stands.error == 0 && n->serial > 0 &&
                       n->applied_serial >= n->serial;
        case GONE:
                return n->n_revoked;
        case NET_FIGURES:
                break;
        }
        return 0;
}

static void put_networks(FILE *f, const struct net_desk *d) {
        for (enum net_figure i = PEERS; d->n > 0 && i < NET_FIGURES; i++) {
                metrics_head(f, net_figures[i].name, net_figures[i].type, net_figures[i].help);
                for (size_t k = 0; k < d->n; k++)
                        metrics_put(f, net_figures[i].name, net_figure(&d->network[k], i),
                                        "network", d->network[k].config->name, NULL);
        }
}

static void put_states(FILE *f, const struct agent *a, uint64_t now) {
        metrics_head(f, "kedge_chain_state", "gauge", "1 for the state that the chain is in.");
        for (size_t i = 0; i < a->n_runs; i++)
                for (enum name_state s = STATE_STARTING; s <= STATE_STUCK; s++)
                        metrics_put(f, "kedge_chain_state",
                                        agent_chain_state(a, a->runs[i], now) == s, "chain",
                                        a->runs[i]->config.name, "state", agent_state_word(s), NULL);
}

enum chain_figure {
        HEAD_NUMBER = 0,
        FINALIZED_NUMBER,
        HEAD_AGE,
        TIME_LOWER,
        CONFLICT,
        BUDGET,
        BUDGET_LEFT,
        CHAIN_FIGURES,
};

static const struct {
        const char *name, *help;
} chain_figures[CHAIN_FIGURES] = {
        [HEAD_NUMBER] = { "kedge_chain_head_number", "The newest block that can revoke." },
        [FINALIZED_NUMBER] = { "kedge_chain_finalized_number", "The newest block that can grant." },
        [HEAD_AGE] = { "kedge_chain_head_age_seconds", "Time since the head last moved." },
        [TIME_LOWER] = { "kedge_chain_time_lower_seconds",
                        "The chain proves that it is so many seconds since 1970 at least." },
        [CONFLICT] = { "kedge_chain_conflict", "1 where two finalized blocks contradict each other." },
        [BUDGET] = { "kedge_chain_budget_bytes", "DailyBytes=; 0: no limit." },
        [BUDGET_LEFT] = { "kedge_chain_budget_left_bytes",
                        "What of it may be spent at once; nothing where there is no limit." },
};

static void put_chain(FILE *f, enum chain_figure figure, struct run *run, uint64_t now) {
        const struct chain_status *st = &run->status;
        const char *name = chain_figures[figure].name, *chain = run->config.name;

        switch (figure) {
        case HEAD_NUMBER:
                if (st->has_head)
                        metrics_put(f, name, st->head.ref.number, "chain", chain, NULL);
                return;
        case FINALIZED_NUMBER:
                if (st->has_finalized)
                        metrics_put(f, name, st->finalized.ref.number, "chain", chain, NULL);
                return;
        case HEAD_AGE:
                if (st->has_head)
                        metrics_put_ms(f, name, now - MIN(now, st->head_moved_ms), "chain", chain,
                                        NULL);
                return;
        case TIME_LOWER:
                if (st->time_lower > 0)
                        metrics_put(f, name, st->time_lower, "chain", chain, NULL);
                return;
        case CONFLICT:
                metrics_put(f, name, st->conflict, "chain", chain, NULL);
                return;
        case BUDGET:
                metrics_put(f, name, run->budget.daily, "chain", chain, NULL);
                return;
        case BUDGET_LEFT:
                if (run->budget.daily > 0)
                        metrics_put(f, name, budget_left(&run->budget), "chain", chain, NULL);
                return;
        case CHAIN_FIGURES:
                return;
        }
}

enum upstream_figure { UP = 0, FAILURES, LIES, BYTES_IN, BYTES_OUT, UPSTREAM_FIGURES };

static const struct {
        const char *name, *type, *help;
} upstream_figures[UPSTREAM_FIGURES] = {
        [UP] = { "kedge_upstream_up", "gauge", "1 while the upstream is connected and greeted." },
        [FAILURES] = { "kedge_upstream_failures_total", "counter", "How often it has failed." },
        [LIES] = { "kedge_upstream_lies_total", "counter", "How often what it sent failed a check." },
        [BYTES_IN] = { "kedge_upstream_received_bytes_total", "counter", "Payload from it." },
        [BYTES_OUT] = { "kedge_upstream_sent_bytes_total", "counter", "Payload to it." },
};

static uint64_t upstream_value(enum upstream_figure figure, const struct chain_upstream_status *u) {
        switch (figure) {
        case UP:
                return u->state == UPSTREAM_UP;
        case FAILURES:
                return u->failures;
        case LIES:
                return u->lies;
        case BYTES_IN:
                return u->bytes_in;
        case BYTES_OUT:
                return u->bytes_out;
        case UPSTREAM_FIGURES:
                break;
        }
        return 0;
}

/* The number tells apart two whose shown URL is the same. */
static void put_upstreams(FILE *f, enum upstream_figure figure, const struct run *run) {
        for (size_t i = 0; i < run->status.n_upstreams && i < run->config.upstreams.n; i++) {
                char number[24];

                (void) snprintf(number, sizeof(number), "%zu", i);
                metrics_put(f, upstream_figures[figure].name,
                                upstream_value(figure, &run->status.upstream[i]), "chain",
                                run->config.name, "number", number, "upstream",
                                run->config.upstreams.u[i].shown, NULL);
        }
}

static void put_all(FILE *f, struct agent *a, uint64_t now) {
        put_agent(f, a, now);
        put_sessions(f, a);
        put_networks(f, &a->net);
        put_answers(f, &a->query);
        put_logins(f, &a->login);
        put_states(f, a, now);
        for (enum chain_figure figure = 0; figure < CHAIN_FIGURES; figure++) {
                metrics_head(f, chain_figures[figure].name, "gauge", chain_figures[figure].help);
                for (size_t i = 0; i < a->n_runs; i++)
                        put_chain(f, figure, a->runs[i], now);
        }
        for (enum upstream_figure figure = 0; figure < UPSTREAM_FIGURES; figure++) {
                metrics_head(f, upstream_figures[figure].name, upstream_figures[figure].type,
                                upstream_figures[figure].help);
                for (size_t i = 0; i < a->n_runs; i++)
                        put_upstreams(f, figure, a->runs[i]);
        }
}

static int open_folder_of(const char *path, const char **ret_name) {
        char folder[CONFIG_PATH_MAX + 1];
        const char *slash = strrchr(path, '/');
        int fd;

        (void) snprintf(folder, sizeof(folder), "%.*s", (int) (slash - path) + 1, path);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *ret_name = slash + 1;
        return fd < 0 ? -errno : fd;
}

static int write_file(struct agent *a, uint64_t now) {
        _cleanup_(fd_closep) int dir_fd = -1;
        _cleanup_(freep) char *text = NULL;
        const char *name;
        size_t n = 0;
        FILE *f;

        dir_fd = open_folder_of(a->config->metrics, &name);
        if (dir_fd < 0)
                return dir_fd;
        f = open_memstream(&text, &n);
        if (!f)
                return -ENOMEM;
        put_all(f, a, now);
        if (fclose(f) != 0)
                return -ENOMEM;
        return file_replace(dir_fd, name, 0644, VIEW(text, n), false);
}

void metrics_write(struct agent *a, uint64_t now) {
        struct metrics *m = &a->metrics;
        int r;

        if (a->config->metrics[0] == 0)
                return;
        if (!m->due && m->written_ms != 0 && now - MIN(now, m->written_ms) < METRICS_EVERY_MS)
                return;
        r = write_file(a, now);
        if (r < 0 && !m->failing)
                log_error("%s: metrics cannot be written: %s; we try again. Its folder must be there, "
                          "and user id %u may write to it: see kedged(8)",
                                a->config->metrics, strerror(-r), (unsigned) geteuid());
        else if (r >= 0 && m->failing)
                log_notice("%s: metrics are written again", a->config->metrics);
        m->failing = r < 0;
        m->due = false;
        m->written_ms = now;
}

void metrics_withdraw(const char *path) {
        _cleanup_(fd_closep) int dir_fd = -1;
        const char *name;

        if (path[0] == 0)
                return;
        dir_fd = open_folder_of(path, &name);
        if (dir_fd >= 0)
                (void) unlinkat(dir_fd, name, 0);
}
