/* The loop. Something is done when kedged says so, when something that has failed is due, when the
 * kernel tells that ours has stirred, and every second or so: WireGuard's peers can be changed
 * without a word to anybody. Looking costs a hundredth of the time at most. */

#include "agent/netd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "agent/netd/door.h"
#include "agent/netd/machine.h"
#include "wire/owned.h"

#define CHECK_US     UINT64_C(1000000)
#define CHECK_MAX_US UINT64_C(30000000)
#define CHECK_SHARE  100
#define STIR_US      UINT64_C(100000) /* what stirs comes in swarms */

struct daemon {
        sd_event *event;
        struct apply apply;
        struct door door;
        struct machine *machine;
        struct stir *stir;
        sd_event_source *again, *check, *stirred;
        struct netd_state said[NETD_LINKS_MAX]; /* of each link, as the journal knows it */
        char status[64];
        unsigned n_served;
};

static void machine_freep(struct machine **m) {
        (void) machine_free(*m);
}

static void stir_freep(struct stir **s) {
        (void) stir_free(*s);
}

static uint64_t boot_us(void) {
        return door_now().ms * 1000;
}

/* One line where something fails, another way than before, and one where it works again. */
static void say_error(const char *name, const struct netd_state *s, struct netd_state *said) {
        if (s->error != 0 && strcmp(s->text, said->text) != 0)
                fprintf(stderr, SD_ERR "%s\n", s->text);
        else if (s->error == 0 && said->error != 0)
                fprintf(stderr, SD_NOTICE "%s: as desired again\n", name);
}

static void say_link(const struct apply_link *l, struct netd_state *said) {
        const struct netd_state *s = &l->state;

        if (memcmp(s, said, sizeof(*s)) == 0)
                return;
        if ((s->flags & NETD_DRIFTED) && !(said->flags & NETD_DRIFTED))
                fprintf(stderr, SD_WARNING "%s: another program has changed it%s\n", l->name,
                                s->flags & NETD_MENDED ? "; put back" : "");
        if (s->added != said->added || s->removed != said->removed || s->changed != said->changed)
                fprintf(stderr,
                                SD_INFO "%s: %u peers: %u new, %u removed, %u changed; %u flows "
                                        "deleted; %u.%03u ms\n",
                                l->name, s->n_peers, s->added, s->removed, s->changed, s->flows,
                                s->elapsed_us / 1000, s->elapsed_us % 1000);
        say_error(l->name, s, said);
        *said = *s;
}

static void tell_systemd(struct daemon *d) {
        char status[sizeof(d->status)];
        unsigned links = 0, peers = 0;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++) {
                links += d->apply.link[i].name[0] != '\0';
                peers += d->apply.link[i].state.n_peers;
        }
        (void) snprintf(status, sizeof(status), "%u links, %u peers%s", links, peers,
                        d->door.fd < 0 ? "; no kedged" : "");
        if (strcmp(status, d->status) == 0)
                return;
        memcpy(d->status, status, sizeof(status));
        (void) sd_notifyf(false, "STATUS=%s", status);
}

static size_t names_of(const struct apply *a, char ret[NETD_LINKS_MAX][NETD_LINK_NAME]) {
        size_t n = 0;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                if (a->link[i].name[0])
                        memcpy(ret[n++], a->link[i].name, NETD_LINK_NAME);
        return n;
}

/* True where one of ours has stirred since the last time. */
static bool has_stirred(struct daemon *d) {
        char names[NETD_LINKS_MAX][NETD_LINK_NAME];
        size_t n = names_of(&d->apply, names);
        bool stirred = false;

        return d->stir &&
               stir_read(d->stir, (const char(*)[NETD_LINK_NAME]) names, n, &stirred) >= 0 &&
               stirred;
}

static void set_timer(sd_event_source *timer, uint64_t at_us) {
        (void) sd_event_source_set_time(timer, at_us);
        (void) sd_event_source_set_enabled(timer, at_us ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* After whatever was done: tell it, and what comes next. */
static void on_done(void *userdata) {
        struct daemon *d = userdata;

        for (size_t i = 0; i < NETD_LINKS_MAX; i++)
                say_link(&d->apply.link[i], &d->said[i]);
        (void) has_stirred(d); /* that was us; what it hides is seen at the next look */
        door_flush(&d->door);
        set_timer(d->again, apply_next_ms(&d->apply) * 1000);
        tell_systemd(d);
        /* What a thousand peers took to be read, compared and written. */
        if (d->apply.n_runs + d->door.n_answered != d->n_served)
                (void) malloc_trim(0);
        d->n_served = d->apply.n_runs + d->door.n_answered;
}

static int on_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct daemon *d = userdata;
        const struct apply_now now = door_now();

        apply_again(&d->apply, &now);
        on_done(d);
        return 0;
}

static int on_check(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct daemon *d = userdata;
        const struct apply_now now = door_now();
        uint64_t begun_us = boot_us(), took_us;

        apply_check(&d->apply, &now);
        on_done(d);
        took_us = boot_us() - begun_us;
        set_timer(d->check, boot_us() + MIN(MAX(CHECK_US, CHECK_SHARE * took_us), CHECK_MAX_US));
        return 0;
}

static int on_stir(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_,
                void *userdata) {
        struct daemon *d = userdata;
        uint64_t soon_us = boot_us() + STIR_US, at_us = 0;

        if (has_stirred(d) && sd_event_source_get_time(d->check, &at_us) >= 0 && at_us > soon_us)
                set_timer(d->check, soon_us);
        return 0;
}

static int open_socket(const char *path, int *ret) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        _cleanup_(owned_closep) int fd = -1;
        int n = sd_listen_fds(true);

        if (!path && n == 1 &&
                        sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) > 0) {
                *ret = SD_LISTEN_FDS_START;
                return 0;
        }
        if (!path || strlen(path) >= sizeof(a.sun_path))
                return -EINVAL;
        (void) stpcpy(a.sun_path, path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) unlink(path);
        if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 8) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int block_signals(sd_event *event) {
        sigset_t stop;
        int r;

        sigemptyset(&stop);
        sigaddset(&stop, SIGTERM);
        sigaddset(&stop, SIGINT);
        if (sigprocmask(SIG_BLOCK, &stop, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

static int add_sources(struct daemon *d) {
        int r = sd_event_add_time(d->event, &d->again, CLOCK_BOOTTIME, 0, 0, on_again, d);

        if (r >= 0)
                r = sd_event_source_set_enabled(d->again, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(d->event, &d->check, CLOCK_BOOTTIME, boot_us() + CHECK_US, 0,
                                on_check, d);
        if (r >= 0)
                r = stir_new(&d->stir);
        if (r >= 0)
                r = sd_event_add_io(d->event, &d->stirred, stir_fd(d->stir), EPOLLIN, on_stir, d);
        return r;
}

static int complain(const char *what, const char *name, int r) {
        fprintf(stderr, SD_ERR "%s%s%s: %s\n", what, name ? " " : "", name ? name : "",
                        strerrordesc_np(-r));
        return r;
}

/* The folder of private keys is nobody else's. */
static int open_folder(const char *path, int *ret) {
        _cleanup_(owned_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)))
                return -EPERM;
        *ret = TAKE_FD(fd);
        return 0;
}

static int serve(struct daemon *d, const struct netd_conf *conf, const struct daemon_options *o) {
        int fd = -1, r = open_socket(o->listen, &fd);

        if (r < 0)
                return complain("no socket to listen at; start kedge-netd.socket, or use --listen=",
                                o->listen, r);
        r = door_open(&d->door, d->event, fd, &d->apply, conf, o->kedged_uid, on_done, d);
        if (r >= 0)
                r = add_sources(d);
        if (r >= 0)
                r = sd_event_set_watchdog(d->event, true);
        if (r >= 0)
                r = sd_notify(false, "READY=1\nSTATUS=waiting for kedged");
        if (r >= 0)
                r = sd_event_loop(d->event);
        if (r < 0)
                (void) complain("cannot run", NULL, r);
        (void) sd_notify(false, "STOPPING=1");
        (void) sd_event_source_unref(d->again);
        (void) sd_event_source_unref(d->check);
        (void) sd_event_source_unref(d->stirred);
        door_close(&d->door);
        return r;
}

int daemon_run(const struct netd_conf *conf, const struct daemon_options *o) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(machine_freep) struct machine *machine = NULL;
        _cleanup_(owned_closep) int folder_fd = -1;
        _cleanup_(stir_freep) struct stir *stir = NULL;
        struct daemon d = { 0 };
        int r = open_folder(o->state, &folder_fd);

        if (r < 0)
                return complain("private keys need a folder of our own, mode 0700:", o->state, r);
        r = machine_new(conf->backend, o->uapi, &machine);
        if (r >= 0)
                r = sd_event_default(&event);
        if (r >= 0)
                r = block_signals(event);
        if (r < 0)
                return complain("cannot run", NULL, r);
        d.event = event;
        apply_init(&d.apply, &machine_ops, machine, folder_fd);
        r = serve(&d, conf, o);
        stir = d.stir;
        apply_done(&d.apply);
        return r;
}
