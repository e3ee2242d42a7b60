/* kedge-fetch: the program that talks to strangers, and decides nothing. It keeps no file, and no
 * secret but the TLS identity that kedged hands it. Options, the loop, and a clean end. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent/fetch/checkpoint.h"
#include "agent/fetch/link.h"

#define MILLISECONDS_MAX 600000
#define TRIM_US          UINT64_C(10000000)

static const char HELP[] =
        "kedge-fetch carries messages between kedged and its upstreams.\n"
        "\n"
        "usage: kedge-fetch [--socket=PATH] [--connect-timeout=MS] [--message-timeout=MS]\n"
        "                   [--request-timeout=MS]\n"
        "       kedge-fetch --checkpoint=URL [--verify] [--request-timeout=MS]\n"
        "\n"
        "  --socket=PATH         where kedged listens (" KEDGE_RUNTIME_DIR "/fetch.sock)\n"
        "  --connect-timeout=MS  for looking up, connecting and TLS together (15000)\n"
        "  --message-timeout=MS  for one message, from its first byte to its last (30000)\n"
        "  --request-timeout=MS  for one HTTP request and its answer (14000)\n"
        "  --checkpoint=URL      print slot and root of the block that this beacon server calls\n"
        "                        finalized, and end\n"
        "  --verify              check that server's certificate\n"
        "  --version, --help\n";

struct options {
        const char *socket;
        struct upstream_limits limits;
        const char *checkpoint; /* whom to ask for one; NULL: serve kedged */
        bool verify;
        bool done; /* said what was asked; nothing to run */
};

static int read_milliseconds(const char *name, const char *text, uint64_t *ret_us) {
        char *end;
        long ms;

        errno = 0;
        ms = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || ms < 1 || ms > MILLISECONDS_MAX) {
                fprintf(stderr, "kedge-fetch: --%s=%s: give milliseconds, 1 to %d\n", name, text,
                                MILLISECONDS_MAX);
                return -EINVAL;
        }
        *ret_us = (uint64_t) ms * 1000;
        return 0;
}

enum { SOCKET = 1, CONNECT, MESSAGE, REQUEST, CHECKPOINT, VERIFY, VERSION, USAGE };

static int take_option(int c, struct options *o) {
        switch (c) {
        case SOCKET:
                o->socket = optarg;
                return 0;
        case CONNECT:
                return read_milliseconds("connect-timeout", optarg, &o->limits.connect_us);
        case MESSAGE:
                return read_milliseconds("message-timeout", optarg, &o->limits.frame_us);
        case REQUEST:
                return read_milliseconds("request-timeout", optarg, &o->limits.request_us);
        case CHECKPOINT:
                o->checkpoint = optarg;
                return 0;
        case VERIFY:
                o->verify = true;
                return 0;
        case VERSION:
                puts("kedge-fetch " KEDGE_VERSION);
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
                { "socket", required_argument, NULL, SOCKET },
                { "connect-timeout", required_argument, NULL, CONNECT },
                { "message-timeout", required_argument, NULL, MESSAGE },
                { "request-timeout", required_argument, NULL, REQUEST },
                { "checkpoint", required_argument, NULL, CHECKPOINT },
                { "verify", no_argument, NULL, VERIFY },
                { "version", no_argument, NULL, VERSION },
                { "help", no_argument, NULL, USAGE },
                { 0 },
        };
        int c, r = 0;

        while (r >= 0 && !o->done && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
                r = take_option(c, o);
        if (r >= 0 && !o->done && optind < argc) {
                fprintf(stderr, "kedge-fetch: %s: not an option; see --help\n", argv[optind]);
                r = -EINVAL;
        }
        return r;
}

/* Connections come and go: what TLS and HTTP leave of them in the heap is not ours to keep. */
static int on_trim(sd_event_source *source, uint64_t usec, void *userdata) {
        (void) usec;
        (void) userdata;
        (void) malloc_trim(0);
        (void) sd_event_source_set_time_relative(source, TRIM_US);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static int run(sd_event *event, const struct options *o) {
        struct link *link;
        sigset_t stop;
        int r;

        sigemptyset(&stop);
        sigaddset(&stop, SIGTERM);
        sigaddset(&stop, SIGINT);
        if (sigprocmask(SIG_BLOCK, &stop, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, TRIM_US, TRIM_US / 2,
                                on_trim, NULL);
        if (r >= 0)
                r = link_new(event, o->socket, &o->limits, &link);
        if (r < 0)
                return r;

        (void) sd_notify(false, "READY=1\nSTATUS=starting");
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        (void) link_free(link);
        return r;
}

int main(int argc, char **argv) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        struct options o = {
                .socket = KEDGE_RUNTIME_DIR "/fetch.sock",
                .limits = { .connect_us = 15000000, .frame_us = 30000000, .request_us = 14000000 },
        };
        int r;

        if (read_options(argc, argv, &o) < 0)
                return 2;
        if (o.done)
                return EXIT_SUCCESS;

        /* The identity is in our memory: no core file, and no other process of this user may
         * look. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) signal(SIGPIPE, SIG_IGN);
        r = sd_event_default(&event);
        if (r >= 0 && o.checkpoint)
                return checkpoint_fetch(event, &o.limits, o.verify, o.checkpoint) < 0;
        if (r >= 0)
                r = run(event, &o);
        if (r < 0) {
                fprintf(stderr, SD_ERR "kedge-fetch: cannot run: %s\n", strerrordesc_np(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
