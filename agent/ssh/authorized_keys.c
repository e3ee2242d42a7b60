/* kedge-authorized-keys: what sshd calls (AuthorizedKeysCommand) to hear whether the key that it was
 * offered is that user's. Prints it for a yes; for everything else, and for users that are not ours
 * to judge, nothing, and the exit status is 0. Why goes to syslog, since sshd throws stderr away. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "agent/ssh/helper.h"
#include "agent/ssh/key.h"
#include "base/user.h"
#include "wire/login_unix.h"

#define NAME    "kedge-authorized-keys"
#define SERVICE "sshd"

static const char HELP[] =
        NAME " tells sshd whether a key is a user's, by chain state.\n"
        "\n"
        "usage: " NAME " [--config=FILE] [--runtime=DIR] USER KEY KEYTYPE\n"
        "\n"
        "In sshd_config: AuthorizedKeysCommand /usr/libexec/kedge/" NAME " %u %k %t\n"
        "\n"
        "  --config=FILE  who is ours to judge (/etc/kedge/login.conf)\n"
        "  --runtime=DIR  where kedged answers (/run/kedge)\n"
        "  --version, --help\n";

static const char *why_unread(int why) {
        switch (why) {
        case EPERM:
                return "is not a file of root's alone";
        case EBADMSG:
                return "does not read as login.conf(5) says";
        default:
                return strerrordesc_np(why) ?: "cannot be believed";
        }
}

/* True where the chain decides; what does not parse as a name is no user of a record. */
static bool is_ours(const struct helper *h, const char *user) {
        bool denied = false;
        int why = 0;

        switch (login_unix_read(h->config, user, false, &denied, &why)) {
        case LOGIN_MANAGED:
                break;
        case LOGIN_UNKNOWN:
                syslog(LOG_ERR, "%s: %s: nobody gets in by this key", h->config,
                                why_unread(why));
                return false;
        case LOGIN_NOT_OURS:
        case LOGIN_BREAK_GLASS:
                return false;
        }
        if (!user_name_valid(VIEW_TEXT(user))) {
                syslog(LOG_NOTICE, "refused: a managed user whose name no record can have");
                return false;
        }
        if (denied)
                syslog(LOG_NOTICE, "%s: refused: DenyUsers= names him", user);
        return !denied;
}

static int judge(const struct helper *h) {
        const char *user = h->arg[0], *base64 = h->arg[1], *type = h->arg[2];
        const char *const line[] = { type, base64 };
        char why[HELPER_WHY_MAX];
        enum ssh_key_verdict v;
        struct hash32 key;
        int r;

        if (!is_ours(h, user))
                return EXIT_SUCCESS;
        v = ssh_key_read(VIEW_TEXT(type), VIEW_TEXT(base64), &key);
        if (v != SSH_KEY_GOOD) {
                syslog(LOG_NOTICE, "%s: refused: %s", user, ssh_key_why(v));
                return EXIT_SUCCESS;
        }
        if (!helper_ask(h, QUERY_KEY_USER, user, SERVICE, &key, why)) {
                syslog(LOG_NOTICE, "%s: refused: %s", user, why);
                return EXIT_SUCCESS;
        }
        r = helper_print(line, ELEMENTSOF(line));
        syslog(LOG_INFO, "%s: %s%s", user, why, r < 0 ? ", but sshd does not listen" : "");
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        struct helper h = { .name = NAME, .help = HELP };

        helper_start();
        if (helper_options(argc, argv, &h) < 0)
                return 2;
        if (h.done)
                return EXIT_SUCCESS;
        if (h.n_args != 3 || h.ours) {
                fputs(NAME ": wants USER KEY KEYTYPE; see --help\n", stderr);
                return 2;
        }
        openlog(NAME, LOG_PID, LOG_AUTH);
        return judge(&h);
}
