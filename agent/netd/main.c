/* kedge-netd: does to this machine's network what kedged says, with CAP_NET_ADMIN and nothing else:
 * no network of its own, no name service, no bus. Options, and a clean end. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "agent/netd/daemon.h"
#include "agent/netd/machine.h"
#include "agent/netd/takedown.h"

static const char HELP[] =
                "kedge-netd makes tunnels, firewall sets and routes as kedged says.\n"
                "\n"
                "usage: kedge-netd [OPTION...]\n"
                "       kedge-netd [--config=FILE] --check-config | --take-down\n"
                "\n"
                "  --config=FILE   read FILE instead of " KEDGE_CONF_DIR "/netd.conf\n"
                "  --listen=PATH   make the socket PATH, instead of taking systemd's\n"
                "  --state=FOLDER  where private keys lie (/var/lib/kedge-netd)\n"
                "  --kedged-uid=N  the user that kedged runs as, by default the owner of\n"
                "                  " KEDGE_STATE_DIR "; root may always connect\n"
                "  --uapi=FOLDER   where wireguard-go has its sockets (" MACHINE_UAPI_FOLDER ")\n"
                "  --check-config  read the configuration, say what is wrong with it, and end\n"
                "  --take-down     remove our links and the table inet kedge, and end\n"
                "  --version, --help\n";

struct options {
        struct daemon_options daemon;
        const char *config; /* NULL: the default, which may lack */
        bool check, take_down, done;
};

enum { CONFIG = 1, LISTEN, STATE, KEDGED_UID, UAPI, CHECK, TAKE_DOWN, VERSION, USAGE };

static int take_uid(const char *text, uid_t *ret) {
        char *end = NULL;
        unsigned long n;

        errno = 0;
        n = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno != 0 || n >= UINT32_MAX) {
                fprintf(stderr, "kedge-netd: --kedged-uid=%s: not a user's number\n", text);
                return -EINVAL;
        }
        *ret = (uid_t) n;
        return 0;
}

static int take_option(int c, struct options *o) {
        switch (c) {
        case CONFIG:
                o->config = optarg;
                return 0;
        case LISTEN:
                o->daemon.listen = optarg;
                return 0;
        case STATE:
                o->daemon.state = optarg;
                return 0;
        case KEDGED_UID:
                return take_uid(optarg, &o->daemon.kedged_uid);
        case UAPI:
                o->daemon.uapi = optarg;
                return 0;
        case CHECK:
                o->check = true;
                return 0;
        case TAKE_DOWN:
                o->take_down = true;
                return 0;
        case VERSION:
                puts("kedge-netd " KEDGE_VERSION);
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
                { "listen", required_argument, NULL, LISTEN },
                { "state", required_argument, NULL, STATE },
                { "kedged-uid", required_argument, NULL, KEDGED_UID },
                { "uapi", required_argument, NULL, UAPI },
                { "check-config", no_argument, NULL, CHECK },
                { "take-down", no_argument, NULL, TAKE_DOWN },
                { "version", no_argument, NULL, VERSION },
                { "help", no_argument, NULL, USAGE },
                { 0 },
        };
        int c, r = 0;

        while (r >= 0 && !o->done && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
                r = take_option(c, o);
        if (r >= 0 && !o->done && optind < argc) {
                fprintf(stderr, "kedge-netd: %s: not an option; see --help\n", argv[optind]);
                r = -EINVAL;
        }
        return r;
}

int main(int argc, char **argv) {
        struct options o = { .daemon = { .state = "/var/lib/kedge-netd",
                                             .uapi = MACHINE_UAPI_FOLDER,
                                             .kedged_uid = (uid_t) -1 } };
        char why[NETD_WHY_MAX];
        struct netd_conf conf;

        if (read_options(argc, argv, &o) < 0)
                return 2;
        if (o.done)
                return EXIT_SUCCESS;
        if (netd_conf_load(&conf, o.config ? o.config : KEDGE_CONF_DIR "/netd.conf", !o.config,
                            why) < 0) {
                fprintf(stderr, SD_ERR "kedge-netd: %s\n", why);
                return o.check ? EXIT_FAILURE : EX_CONFIG;
        }
        if (o.check) {
                puts("the configuration is good");
                return EXIT_SUCCESS;
        }
        if (o.take_down)
                return takedown_machine(&conf, o.daemon.state, o.daemon.uapi) < 0 ? EXIT_FAILURE
                                                                                  : EXIT_SUCCESS;
        /* Large blocks are given back when they are freed. */
        (void) mallopt(M_MMAP_THRESHOLD, 64 * 1024);
        return daemon_run(&conf, &o.daemon) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
