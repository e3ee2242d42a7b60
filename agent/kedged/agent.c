/* The object that owns the others, and the loop around them.
 *
 * What always holds: one thread, one loop; every callback does bounded work. What callbacks leave
 * to do (proofs that have ended, names to refresh, readers to tell) is done once after them, in
 * on_post(): so no part is ever entered while it is at work. */

#include "agent/kedged/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

#include "agent/kedged/device.h"
#include "agent/kedged/file.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static void tell_readers(struct agent *a, uint64_t now) {
        bool urgent = a->watch.urgent;

        if (!a->watch.changed)
                return;
        if (!urgent && now < a->publish.published_ms + PUBLISH_EVERY_MS)
                return;
        publish_names(&a->publish, &a->watch, now);
        if (urgent)
                kept_save(&a->kept, &a->watch, KEPT_REVOKED, now);
}

static void tell_systemd(struct agent *a) {
        char line[sizeof(a->status_line)];

        agent_status_text(a, line, sizeof(line));
        if (strcmp(line, a->status_line) == 0)
                return;
        memcpy(a->status_line, line, sizeof(line));
        (void) sd_notifyf(0, "STATUS=%s", line);
}

static void set_deadline(struct agent *a, uint64_t now) {
        uint64_t at = MIN(proofs_wake_ms(&a->proofs), net_desk_wake_ms(&a->net));

        if (a->watch.changed)
                at = MIN(at, MAX(a->publish.published_ms, now) + PUBLISH_EVERY_MS);
        if (at == UINT64_MAX) {
                (void) sd_event_source_set_enabled(a->deadline, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(a->deadline, at * 1000);
        (void) sd_event_source_set_enabled(a->deadline, SD_EVENT_ONESHOT);
}

static int on_post(sd_event_source *source _unused_, void *userdata) {
        struct agent *a = userdata;
        uint64_t now = now_ms();

        for (unsigned i = 0; i < AGENT_ROUNDS; i++) {
                uint64_t before = a->proofs.next_serial + a->proofs.finished;

                watch_pump(&a->watch, now);
                net_desk_ask(a, now);
                proofs_pump(&a->proofs, now);
                if (a->proofs.next_serial + a->proofs.finished == before)
                        break; /* nothing was asked, nothing has ended */
        }
        net_desk_pump(a, now); /* before readers are told, which takes the urgency away */
        net_desk_tell_names(a);
        agent_net_look(a, now);
        tell_readers(a, now);
        sessions_pump(a, now);
        set_deadline(a, now);
        return 0;
}

static int on_deadline(
                sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata _unused_) {
        return 0; /* on_post() follows */
}

static size_t budgets_of(const struct agent *a, struct budget *ret[CONFIG_CHAINS_MAX]) {
        for (size_t i = 0; i < a->n_runs; i++)
                ret[i] = &a->runs[i]->budget;
        return a->n_runs;
}

/* Where it cannot be written it is tried again; a restart would begin with what the disk has. */
static void save_budgets(struct agent *a, bool stopping) {
        struct budget *all[CONFIG_CHAINS_MAX];
        size_t n = budgets_of(a, all);

        (void) budget_save(a->state_fd, a->publish.boot_id, all, n, stopping, now_ms(),
                        &a->budget_saved_ms);
}

static int on_housekeeping(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        struct agent *a = userdata;
        uint64_t now = now_ms();

        query_expire(&a->query, now);
        agent_tell_states(a, now);
        agent_prove_look(a);
        if (now - a->retried_ms >= AGENT_RETRY_MS) {
                a->retried_ms = now;
                login_desk_keep(a, now);
                net_desk_keep(a, now);
                watch_expire(&a->watch, now);
                watch_announce(&a->watch);
                (void) agent_floor_s(a);
                floor_keep(&a->floor, now, false);
                kept_save(&a->kept, &a->watch, KEPT_NOW_AND_THEN, now);
                for (size_t i = 0; i < a->n_runs; i++)
                        run_retry(a->runs[i]);
                save_budgets(a, false);
                (void) malloc_trim(0); /* names come and go: what they leave is not ours to keep */
        }
        metrics_write(a, now);
        tell_systemd(a);
        (void) sd_event_source_set_time(source, (now + AGENT_HOUSEKEEPING_MS) * 1000);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si _unused_,
                void *userdata _unused_) {
        (void) sd_event_exit(sd_event_source_get_event(source), 0);
        return 0;
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *si _unused_,
                void *userdata) {
        char why[CONFIG_WHY_MAX];

        (void) agent_reload(userdata, why);
        return 0;
}

static void on_upstream(
                void *userdata, unsigned upstream, enum courier_kind kind, struct view body) {
        struct agent *a = userdata;

        if (upstream >= PROVE_BASE) {
                prove_upstream(&a->prove, upstream - PROVE_BASE, kind, body);
                return;
        }
        for (size_t i = 0; i < a->n_runs; i++) {
                struct run *run = a->runs[i];

                if (upstream < run->base || upstream - run->base >= run->config.upstreams.n)
                        continue;
                if (kind == COURIER_DOWN)
                        run_tell(run, NEWS_UPSTREAM, LOG_INFO, upstream - run->base, "%.*s",
                                        (int) body.n, (const char *) body.p);
                run_event(run,
                        kind == COURIER_UP   ? CHAIN_EV_UP :
                        kind == COURIER_DOWN ? CHAIN_EV_DOWN :
                                               CHAIN_EV_BYTES,
                        upstream - run->base, body);
                return;
        }
}

static void on_link(void *userdata, bool up) {
        struct agent *a = userdata;

        for (size_t i = 0; i < a->n_runs; i++)
                run_link(a->runs[i], up);
        prove_link(&a->prove, up);
}

/* One agent per state folder: two would take turns at forgetting what the other knows. */
static int lock_state(struct agent *a) {
        a->lock_fd = openat(a->state_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (a->lock_fd < 0)
                return -errno;
        if (flock(a->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        return 0;
}

static int open_folder(int dir_fd, const char *path, const char *shown, mode_t mode, int *ret_fd) {
        int fd = file_folder(dir_fd, path, mode);

        if (fd == -EACCES)
                log_error("%s: must belong to user id %u, and nobody else may write to it: chown "
                          "and chmod go-w, or name "
                          "another folder in [Agent]",
                                shown, (unsigned) geteuid());
        else if (fd < 0)
                log_error("%s: cannot be made or opened: %s; make it, for user id %u, or name "
                          "another folder in [Agent]",
                                shown, strerror(-fd), (unsigned) geteuid());
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

static int open_folders(struct agent *a) {
        const char *state = a->config->state_dir, *run = a->config->runtime_dir;
        char public[CONFIG_PATH_MAX + sizeof("/public")];
        int r;

        (void) snprintf(public, sizeof(public), "%s/public", state);
        r = open_folder(AT_FDCWD, state, state, 0755, &a->state_fd);
        if (r >= 0)
                r = open_folder(AT_FDCWD, run, run, 0755, &a->run_fd);
        if (r >= 0)
                r = open_folder(a->state_fd, "public", public, 0755, &a->public_fd);
        if (r < 0)
                return r;
        r = lock_state(a);
        if (r < 0)
                log_error("%s: %s", a->config->state_dir,
                        r == -EWOULDBLOCK ? "another kedged works with this folder" : strerror(-r));
        return r;
}

static int open_loop(struct agent *a) {
        sigset_t set;
        int r;

        if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
                sigaddset(&set, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_default(&a->event);
        if (r >= 0)
                r = sd_event_add_signal(a->event, &a->sigterm, SIGTERM, on_stop, a);
        if (r >= 0)
                r = sd_event_add_signal(a->event, &a->sigint, SIGINT, on_stop, a);
        if (r >= 0)
                r = sd_event_add_signal(a->event, &a->sighup, SIGHUP, on_reload, a);
        if (r >= 0)
                r = sd_event_add_post(a->event, &a->post, on_post, a);
        if (r >= 0)
                r = sd_event_add_time(
                                a->event, &a->timer, CLOCK_BOOTTIME, 0, 100000, on_housekeeping, a);
        if (r >= 0)
                r = sd_event_add_time(
                                a->event, &a->deadline, CLOCK_BOOTTIME, 0, 1000, on_deadline, a);
        if (r >= 0)
                r = sd_event_set_watchdog(a->event, true);
        if (r < 0)
                log_error("the event loop cannot be set up: %s", strerror(-r));
        return r;
}

static int open_book(struct agent *a) {
        int r = book_open(&a->book, a->state_fd);

        if (r == -EBADMSG)
                log_error("both generations of revocations in %s are damaged. kedged does not "
                          "start without them, since "
                          "keys that were taken back would be good again: restore them from a "
                          "backup, or move both "
                          "files away if you accept that",
                                a->config->state_dir);
        else if (r == -EPROTONOSUPPORT)
                r = store_of_a_later(a->config->state_dir, BOOK_FILE);
        else if (r < 0)
                log_error("revocations in %s cannot be read: %s; kedged runs as user id %u, who "
                          "must own them",
                                a->config->state_dir, strerror(-r), (unsigned) geteuid());
        return r;
}

/* Before any chain is made: each is told what time it is at least. */
static int open_floor(struct agent *a) {
        int r = publish_boot_id(a->publish.boot_id);

        if (r < 0) {
                log_error("the id of this boot cannot be read from /proc: %s", strerror(-r));
                return r;
        }
        floor_open(&a->floor, a->state_fd, a->publish.boot_id);
        return a->floor.foreign ? store_of_a_later(a->config->state_dir, FLOOR_FILE) : 0;
}

/* What a later kedge may have written, before we write anything. */
static int read_state(struct agent *a) {
        int r = open_book(a);

        if (r >= 0)
                r = open_floor(a);
        if (r >= 0)
                r = net_desk_read(a);
        if (r >= 0)
                r = agent_chains_readable(a, a->config, 0);
        return r;
}

static int open_words(struct agent *a) {
        int r = operator_open(&a->words, a->state_fd);

        if (r == -EPROTONOSUPPORT)
                return store_of_a_later(a->config->state_dir, OPERATOR_FILE);
        if (r < 0) {
                log_error("operator, in %s, cannot be read: %s. It says which checkpoint was "
                          "imported: restore it from a backup, or move both of its files away and "
                          "write Checkpoint= as you trust it today",
                                a->config->state_dir, strerror(-r));
                return r;
        }
        operator_apply(&a->words, a->config);
        operator_prune(&a->words, a->config);
        return 0;
}

static int open_sockets(struct agent *a) {
        char path[CONFIG_PATH_MAX + 32];
        int r;

        a->courier.on_event = on_upstream;
        a->courier.on_link = on_link;
        a->courier.userdata = a;
        (void) snprintf(path, sizeof(path), "%s/fetch.sock", a->config->runtime_dir);
        r = courier_open(&a->courier, a->event, path, a->config->fetch_uid, a->device_key);
        if (r >= 0) {
                a->prove.event = a->event;
                a->prove.courier = &a->courier;
                a->query.ask = agent_answer;
                a->query.userdata = a;
                (void) snprintf(path, sizeof(path), "%s/query.sock", a->config->runtime_dir);
                r = query_open(&a->query, a->event, path);
        }
        if (r < 0)
                log_error("%s: %s", path, strerror(-r));
        return r;
}

static int open_readers(struct agent *a) {
        int r;

        a->publish.run_fd = a->run_fd;
        a->publish.public_fd = a->public_fd;
        publish_withdraw(&a->publish); /* of an agent that was killed: its names are ours to prove again */
        r = publish_suffixes(&a->publish, a->config);
        if (r < 0)
                log_error("%s/public/suffixes cannot be written: %s", a->config->state_dir,
                                strerror(-r));
        return r;
}

static void load_budgets(struct agent *a) {
        struct budget *all[CONFIG_CHAINS_MAX];
        size_t n = budgets_of(a, all);

        budget_load(a->state_fd, a->publish.boot_id, all, n);
        a->budget_saved_ms = now_ms();
}

/* What an earlier run knew: names, and what stands of networks. */
static int open_known(struct agent *a) {
        kept_open(&a->kept, a->state_fd, a->publish.boot_id, &a->watch, now_ms());
        return net_desk_open(a);
}

/* See watch_tunnel_fn. */
static bool tunnel_of(void *userdata, const char *name, struct name_answer *ret,
                char ret_why[LOOKUP_WHY_MAX]) {
        const struct agent *a = userdata;

        return net_desk_name(&a->net, &a->watch, name, ret, ret_why);
}

static void init_watch(struct agent *a) {
        watch_init(&a->watch, a->config, a->runs, &a->proofs, &a->book, agent_on_name, a);
        a->watch.news = &a->news;
        a->watch.tunnel = tunnel_of;
        a->watch.tunnel_userdata = a;
}

static int open_news(struct agent *a) {
        int r = news_listen(&a->news, metrics_on_news, &a->metrics);

        return r < 0 ? r : news_listen(&a->news, sessions_on_news, a);
}

static int open_chain(struct agent *a, size_t index) {
        int r = agent_run_open(a, &a->config->chain[index], index, &a->runs[index]);

        a->n_runs += r >= 0;
        return r;
}

int agent_new(const char *config_path, struct config *config_take, struct agent **ret) {
        _cleanup_(agent_freep) struct agent *a = calloc(1, sizeof(*a));
        int r;

        if (!a) {
                config_take = config_free(config_take);
                return -ENOMEM;
        }
        a->config_path = config_path;
        a->config = config_take;
        a->state_fd = a->run_fd = a->public_fd = a->lock_fd = -1;
        a->started_ms = now_ms();
        init_watch(a);
        r = open_news(a);
        if (r < 0)
                return r;
        a->keys = (struct keys){ .config = a->config, .proofs = &a->proofs, .book = &a->book,
                                 .reply = agent_on_key, .userdata = a };
        r = login_desk_open(a);
        if (r >= 0)
                r = open_folders(a);
        if (r >= 0)
                r = device_key_open(a->state_fd, a->device_key);
        if (r >= 0)
                r = read_state(a);
        if (r >= 0)
                r = open_words(a);
        if (r >= 0)
                r = open_loop(a);
        for (size_t i = 0; r >= 0 && i < a->config->n_chains; i++)
                r = open_chain(a, i);
        if (r >= 0)
                r = open_readers(a);
        if (r >= 0)
                r = open_known(a);
        if (r >= 0)
                r = open_sockets(a);
        if (r >= 0 && a->config->bus)
                r = bus_open(&a->bus, a);
        if (r < 0)
                return r;
        load_budgets(a);
        agent_accept_configured(a);
        *ret = TAKE_PTR(a);
        return 0;
}

int agent_serve(struct agent *a) {
        int r;

        agent_tell_states(a, now_ms());
        (void) sd_notify(0, "READY=1");
        if (a->n_runs == 0)
                log_notice("no chain is configured: nothing is followed, and nothing trusted; see: "
                           "kedgectl setup");
        log_info("started: %zu chains, %zu zones", a->n_runs, a->config->n_zones);
        r = sd_event_loop(a->event);
        (void) sd_notify(0, "STOPPING=1");
        publish_withdraw(&a->publish);
        for (size_t i = 0; i < a->n_runs; i++)
                run_retry(a->runs[i]);
        a->watch.save_ms = 0; /* now, however large the book is */
        watch_announce(&a->watch);
        (void) agent_floor_s(a);
        floor_keep(&a->floor, now_ms(), true);
        kept_save(&a->kept, &a->watch, KEPT_AT_END, now_ms());
        save_budgets(a, true);
        metrics_withdraw(a->config->metrics);
        log_info("stopped");
        return r;
}

struct agent *agent_free(struct agent *a) {
        if (!a)
                return NULL;
        net_desk_done(&a->net);
        proofs_done(&a->proofs);
        bus_done(&a->bus);
        query_done(&a->query);
        prove_end(&a->prove);
        courier_done(&a->courier);
        watch_done(&a->watch);
        book_done(&a->book);
        for (size_t i = 0; i < a->n_runs; i++)
                a->runs[i] = run_free(a->runs[i]);
        source_freep(&a->post);
        source_freep(&a->timer);
        source_freep(&a->deadline);
        source_freep(&a->sigterm);
        source_freep(&a->sigint);
        source_freep(&a->sighup);
        a->event = sd_event_unref(a->event);
        (void) fd_close(a->lock_fd);
        (void) fd_close(a->public_fd);
        (void) fd_close(a->run_fd);
        (void) fd_close(a->state_fd);
        a->config = config_free(a->config);
        explicit_bzero(a->device_key, sizeof(a->device_key));
        login_desk_done(&a->login);
        free(a);
        return NULL;
}
