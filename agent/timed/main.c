/* kedge-timed: keeps the system's clock from being before what a chain proves. It has CAP_SYS_TIME
 * and nothing else: no network, no name service, no bus. Options, the loop, and a clean end. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent/timed/clock.h"
#include "agent/timed/timed.h"
#include "wire/owned.h"

#define ROUND_US UINT64_C(15000000) /* about a block */
#define FIRST_US UINT64_C(2000000)  /* until something is known */
#define JUMP_US  UINT64_C(1000000)  /* who sets the clock all the time must not keep us busy */

static const char HELP[] =
        "kedge-timed keeps the clock from being before what kedged has proven.\n"
        "\n"
        "usage: kedge-timed [--config=FILE] [--socket=PATH] [--dry-run] [--once]\n"
        "       kedge-timed [--config=FILE] --check-config\n"
        "\n"
        "  --config=FILE   read FILE instead of " KEDGE_CONF_DIR "/timed.conf\n"
        "  --socket=PATH   where kedged answers (" KEDGE_RUNTIME_DIR "/query.sock)\n"
        "  --dry-run       say what would be done; set no clock, tell chrony nothing\n"
        "  --once          one round, and end: 0 if the clock is right or was set\n"
        "  --check-config  read the configuration, say what is wrong with it, and end\n"
        "  --version, --help\n";

struct options {
        const char *config; /* NULL: the default, which may lack */
        const char *socket;
        bool dry_run, once, check, done;
};

struct loop {
        struct timed timed;
        sd_event_source *timer;
        bool soon; /* the next round comes for a jump */
};

enum { CONFIG = 1, SOCKET, DRY_RUN, ONCE, CHECK, VERSION, USAGE };

static int take_option(int c, struct options *o) {
        switch (c) {
        case CONFIG:
                o->config = optarg;
                return 0;
        case SOCKET:
                o->socket = optarg;
                return 0;
        case DRY_RUN:
                o->dry_run = true;
                return 0;
        case ONCE:
                o->once = true;
                return 0;
        case CHECK:
                o->check = true;
                return 0;
        case VERSION:
                puts("kedge-timed " KEDGE_VERSION);
                o->done = true;
                return 0;
        case USAGE:
                fputs(HELP, stdout);
                o->done = true;
                return 0;
        default:
                return -EINVAL; /* getopt_long() has named the word */
        }
}

static int read_options(int argc, char **argv, struct options *o) {
        static const struct option table[] = {
                { "config", required_argument, NULL, CONFIG },
                { "socket", required_argument, NULL, SOCKET },
                { "dry-run", no_argument, NULL, DRY_RUN },
                { "once", no_argument, NULL, ONCE },
                { "check-config", no_argument, NULL, CHECK },
                { "version", no_argument, NULL, VERSION },
                { "help", no_argument, NULL, USAGE },
                { 0 },
        };
        int c, r = 0;

        while (r >= 0 && !o->done && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
                r = take_option(c, o);
        if (r >= 0 && !o->done && optind < argc) {
                fprintf(stderr, "kedge-timed: %s: not an option; see --help\n", argv[optind]);
                r = -EINVAL;
        }
        return r;
}

/* The next round is soon where this one came to nothing for want of an answer. */
static int again(struct loop *l) {
        int r = sd_event_source_set_time_relative(l->timer, l->timed.known ? ROUND_US : FIRST_US);

        return r < 0 ? r : sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct loop *l = userdata;

        l->soon = false;
        (void) timed_round(&l->timed);
        return again(l);
}

/* Somebody has set the clock, or we have. */
static int on_jump(sd_event_source *source _unused_, int fd, uint32_t events _unused_,
                void *userdata) {
        struct loop *l = userdata;
        int r = clock_watch_again(fd);

        if (r < 0 || l->soon)
                return r;
        l->soon = true;
        return sd_event_source_set_time_relative(l->timer, JUMP_US);
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

static int serve(struct loop *l) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(owned_closep) int watch_fd = clock_watch();
        int r;

        if (watch_fd < 0)
                return watch_fd;
        r = sd_event_default(&event);
        if (r >= 0)
                r = block_signals(event);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->timer, CLOCK_BOOTTIME, 0, 0, on_timer, l);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(l->timer, true);
        if (r >= 0)
                r = sd_event_add_io(event, NULL, watch_fd, EPOLLIN, on_jump, l);
        if (r >= 0)
                r = sd_notify(false, "READY=1\nSTATUS=asking the agent");
        if (r >= 0)
                r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        (void) sd_event_source_unref(l->timer);
        return r;
}

int main(int argc, char **argv) {
        const char *path = KEDGE_CONF_DIR "/timed.conf";
        struct options o = { .socket = KEDGE_RUNTIME_DIR "/query.sock" };
        struct loop l = { 0 };
        char why[TIMED_WHY_MAX];
        int r;

        if (read_options(argc, argv, &o) < 0)
                return 2;
        if (o.done)
                return EXIT_SUCCESS;
        path = o.config ? o.config : path;
        if (timed_config_load(&l.timed.config, path, !o.config, why) < 0) {
                fprintf(stderr, SD_ERR "kedge-timed: %s\n", why);
                return o.check ? EXIT_FAILURE : EX_CONFIG;
        }
        if (o.check) {
                puts("the configuration is good");
                return EXIT_SUCCESS;
        }
        l.timed.socket = o.socket;
        l.timed.conf_path = path;
        l.timed.dry_run = o.dry_run;
        if (o.once)
                return timed_round(&l.timed) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        r = serve(&l);
        if (r < 0) {
                fprintf(stderr, SD_ERR "kedge-timed: cannot run: %s\n", strerrordesc_np(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
