/* kedge-known-hosts: what ssh calls (KnownHostsCommand) to hear whether a host's key is the one that
 * its record holds. Names that are not ours: nothing, and the exit status is 0, so that ssh goes on
 * with its own files. A name of ours with a key that is not proven its: the exit status is 1, which
 * ends the connection whatever else the user's configuration believes. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ssh/helper.h"
#include "agent/ssh/host.h"
#include "agent/ssh/key.h"
#include "wire/snapshot.h"

#define NAME "kedge-known-hosts"

static const char HELP[] =
        NAME " tells ssh whether a key is a host's, by chain state.\n"
        "\n"
        "usage: " NAME " [--runtime=DIR] [--state=DIR] REASON HOST KEYTYPE KEY\n"
        "       " NAME " [--state=DIR] --ours HOST\n"
        "\n"
        "In ssh_config: KnownHostsCommand /usr/libexec/kedge/" NAME " %I %H %t %K\n"
        "\n"
        "  --ours         only say, by the exit status, whether HOST lies in a zone of ours\n"
        "  --runtime=DIR  where kedged answers (/run/kedge)\n"
        "  --state=DIR    where it says what is ours (/var/lib/kedge)\n"
        "  --version, --help\n";

/* A list that cannot be believed says no to nothing: the name is treated as ours. */
static bool is_ours(const struct helper *h, const char *host, char name[NAME_MAX_LEN + 1]) {
        char path[HELPER_PATH_MAX];
        int r;

        if (ssh_host_parse(VIEW_TEXT(host), name) < 0)
                return false;
        r = helper_path(h->state, "public/suffixes", path);
        if (r >= 0)
                r = suffixes_match(path, name);
        if (r == -ENOENT)
                return false;
        if (r < 0)
                fprintf(stderr, NAME ": %s: %s: %s is taken for ours\n", path,
                                strerrordesc_np(-r) ?: "cannot be believed", name);
        return r != 0;
}

static int refuse(const char *name, const char *why) {
        fprintf(stderr, NAME ": %s: refused: %s\n", name, why);
        return EXIT_FAILURE;
}

static int judge(const struct helper *h) {
        const char *reason = h->arg[0], *host = h->arg[1], *type = h->arg[2], *base64 = h->arg[3];
        const char *const line[] = { host, type, base64 };
        char name[NAME_MAX_LEN + 1], why[HELPER_WHY_MAX];
        enum ssh_key_verdict v;
        struct hash32 key;
        int r;

        if (strcmp(reason, "ORDER") == 0) /* no key yet: which types are there to ask for? */
                return EXIT_SUCCESS;
        if (!is_ours(h, host, name))
                return EXIT_SUCCESS;
        v = ssh_key_read(VIEW_TEXT(type), VIEW_TEXT(base64), &key);
        if (v != SSH_KEY_GOOD)
                return refuse(name, ssh_key_why(v));
        if (!helper_ask(h, QUERY_KEY_HOST, name, "", &key, why))
                return refuse(name, why);
        r = helper_print(line, ELEMENTSOF(line));
        return r < 0 ? refuse(name, "ssh does not listen") : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        struct helper h = { .name = NAME, .help = HELP };
        char name[NAME_MAX_LEN + 1];

        helper_start();
        if (helper_options(argc, argv, &h) < 0)
                return 2;
        if (h.done)
                return EXIT_SUCCESS;
        if (h.n_args != (h.ours ? 1 : 4)) {
                fputs(NAME ": wants REASON HOST KEYTYPE KEY, or --ours HOST; see --help\n", stderr);
                return 2;
        }
        if (h.ours)
                return is_ours(&h, h.arg[0], name) ? EXIT_SUCCESS : EXIT_FAILURE;
        return judge(&h);
}
