/* Another configuration while running. It is taken whole or not at all; what it may change
 * is zones, ages and upstreams, and it may have more chains at the end of its list. Machines for
 * changed upstreams and for new chains are made, and the states of new networks looked at, before
 * anything is given up. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

struct machines {
        struct chain *chain[CONFIG_CHAINS_MAX];
};

static void machines_done(struct machines *m) {
        for (size_t i = 0; i < CONFIG_CHAINS_MAX; i++)
                m->chain[i] = chain_free(m->chain[i]);
}

/* Chains that we do not have yet, in the places that they are to have. */
struct added {
        struct run *run[CONFIG_CHAINS_MAX];
};

static void added_done(struct added *added) {
        for (size_t i = 0; i < CONFIG_CHAINS_MAX; i++)
                added->run[i] = run_free(added->run[i]);
}

static int open_added(struct agent *a, const struct config *next, struct added *added) {
        int r = 0;

        for (size_t i = a->n_runs; r >= 0 && i < next->n_chains; i++)
                r = agent_run_open(a, &next->chain[i], i, &added->run[i]);
        return r;
}

/* Nothing fails from here on. */
static void take_added(struct agent *a, struct added *added) {
        while (a->n_runs < CONFIG_CHAINS_MAX && added->run[a->n_runs]) {
                struct budget *budget = &added->run[a->n_runs]->budget;

                a->runs[a->n_runs] = TAKE_PTR(added->run[a->n_runs]);
                budget_load(a->state_fd, a->publish.boot_id, &budget, 1);
                a->n_runs++;
        }
}

static int make_machines(struct agent *a, const struct config *next, struct machines *m) {
        for (size_t i = 0; i < a->n_runs; i++) {
                struct run *run = a->runs[i];
                int r;

                if (config_same_machine(&run->config, &next->chain[i]))
                        continue;
                r = agent_chain_new(a, &next->chain[i], VIEW(run->state, run->state_n),
                                VIEW(NULL, 0), &m->chain[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Files beside kedged.conf: all of them good, or nothing of any is taken. */
static int load(struct agent *a, struct config **next, struct login_config *login,
                struct net_config *net, char why[CONFIG_WHY_MAX]) {
        int r;

        r = config_load(a->config_path, next, why);
        if (r >= 0)
                r = login_config_load(a->config_path, *next, login, why);
        if (r >= 0)
                r = net_config_load(a->config_path, *next, net, why);
        if (r >= 0)
                operator_apply(&a->words, *next);
        if (r >= 0)
                r = config_may_replace(a->config, *next, why);
        return r;
}

static int replace(struct agent *a, struct config **next, struct login_config *login,
                struct net_config *net, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(machines_done) struct machines m = { 0 };
        _cleanup_(added_done) struct added added = { 0 };
        size_t had = a->n_runs;
        int r = load(a, next, login, net, ret_why);

        if (r < 0)
                return r;
        r = agent_chains_readable(a, *next, a->n_runs);
        if (r >= 0)
                r = net_desk_may_replace(a, net);
        if (r >= 0)
                r = make_machines(a, *next, &m);
        if (r >= 0)
                r = open_added(a, *next, &added);
        if (r >= 0)
                r = publish_suffixes(&a->publish, *next);
        if (r < 0) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX,
                                "the new configuration cannot be put into effect: %s",
                                r == -EPROTONOSUPPORT ? "a file of it in the state folder was written by a "
                                                        "later kedge; the journal says which"
                                                      : strerror(-r));
                return r == -ERESTART ? -EINVAL : r;
        }
        operator_prune(&a->words, *next);
        take_added(a, &added);
        watch_reconfigure(&a->watch, *next);
        kept_reconfigure(&a->kept, &a->watch, now_ms());
        a->keys.config = *next;
        for (size_t i = 0; i < had; i++)
                if (m.chain[i]) {
                        proofs_put_again(&a->proofs, a->runs[i]);
                        run_replace(a->runs[i], &(*next)->chain[i], TAKE_PTR(m.chain[i]));
                } else
                        a->runs[i]->config = (*next)->chain[i];
        for (size_t i = 0; i < a->n_runs; i++)
                budget_limit(&a->runs[i]->budget, (*next)->chain[i].daily_bytes, now_ms());
        for (size_t i = had; i < a->n_runs; i++)
                run_link(a->runs[i], courier_is_linked(&a->courier));
        return 0;
}

int agent_reload(struct agent *a, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(config_freep) struct config *next = NULL;
        _cleanup_(freep) struct login_config *login = malloc(sizeof(*login));
        _cleanup_(net_config_done) struct net_config net = { 0 };
        struct config *was = a->config;
        int r;

        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                        (unsigned long long) now_ms() * 1000);
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "not enough memory");
        r = login ? replace(a, &next, login, &net, ret_why) : -ENOMEM;
        if (r < 0)
                log_error("%s; the running configuration stays", ret_why);
        else {
                a->config = TAKE_PTR(next);
                login_desk_replace(a, login);
                net_desk_replace(a, &net);
                sessions_stir(a);
                if (strcmp(was->metrics, a->config->metrics) != 0)
                        metrics_withdraw(was->metrics);
                a->metrics.due = true;
                was = config_free(was);
                agent_accept_configured(a);
                log_info("reloaded: %zu chains, %zu zones, %zu networks", a->n_runs,
                                a->config->n_zones, a->net.n);
        }
        (void) sd_notify(0, "READY=1");
        return r;
}
