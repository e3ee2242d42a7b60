/* The networks of net.conf: whether the agent has them, whether kedge-netd does what it is told,
 * and whether peers are heard of. */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/doctor.h"
#include "agent/kedgectl/net.h"
#include "config.h"
#include "wire/netd.h"

#define CONF_MAX    (1 << 20)
#define HANDSHAKE_S 180 /* WireGuard makes one every two minutes where there is traffic */
#define ROWS_SHOWN  3   /* names in one line */

static const char check[] = "networks";

/* Peers that we could speak to, and have not lately. */
struct quiet {
        size_t n, shown;
        char names[ROWS_SHOWN * 66];
};

static enum ctl_exit hear(void *userdata, const struct query_net_peer *p) {
        struct quiet *q = userdata;
        size_t n = strlen(q->names);

        if (!p->told || !p->seen || p->foreign || p->endpoint.ip.family == 0 ||
                        (p->handshake_s != UINT64_MAX && p->handshake_s <= HANDSHAKE_S))
                return CTL_OK;
        q->n++;
        if (q->shown == ROWS_SHOWN)
                return CTL_OK;
        q->shown++;
        (void) snprintf(q->names + n, sizeof(q->names) - n, "%s%s", n > 0 ? ", " : "", p->host);
        return CTL_OK;
}

static void look_at_peers(struct doctor *d, uint32_t index, const struct query_net *n, bool *good) {
        struct quiet q = { 0 };

        if (!n->connected || net_rows(d->ctl, index, hear, &q) != CTL_OK || q.n == 0)
                return;
        *good = false;
        doctor_say(d, DOCTOR_WARN, check,
                        "kedgectl net status: are they on, and may UDP come and go?",
                        "%s: no handshake with %zu peers for three minutes, or ever: %s%s", n->name,
                        q.n, q.names, q.n > q.shown ? ", ..." : "");
}

static void look_at_key(struct doctor *d, const struct query_net *n, bool *good) {
        char cure[DOCTOR_TEXT_MAX], key[NET_KEY_TEXT];

        if (hash32_is_zero(&n->public_key) || hash32_eq(&n->public_key, &n->listed_key))
                return;
        *good = false;
        (void) snprintf(cure, sizeof(cure), "kedgectl record wg %s%s%s key=%s", n->host,
                        n->host[0] ? "." : "", n->zone, net_key(&n->public_key, key));
        doctor_say(d, DOCTOR_FAIL, check, cure, "%s: the chain %s as ours, so nobody lets us in",
                        n->name,
                        hash32_is_zero(&n->listed_key) ? "lists no final key"
                                                       : "lists another key");
}

/* What kedge-netd has made of it. */
static void look_at_link(struct doctor *d, const struct query_net *n, bool *good) {
        bool before = *good;
        char cure[DOCTOR_TEXT_MAX];

        *good = false;
        if (!n->connected)
                doctor_say(d, DOCTOR_FAIL, check, "systemctl enable --now kedge-netd.socket; systemctl status kedge-netd",
                                "%s: kedge-netd is not connected: nothing is applied, what stands "
                                "stays",
                                n->name);
        else if (n->backend == NETD_NO_BACKEND && (n->error == 0 || n->error == -EOPNOTSUPP)) {
                (void) snprintf(cure, sizeof(cure),
                                "modprobe wireguard, or systemctl enable --now "
                                "kedge-wireguard-go@%s",
                                n->link);
                doctor_say(d, DOCTOR_FAIL, check, cure, "%s: there is no WireGuard for %s", n->name,
                                n->link);
        } else if (n->error != 0)
                doctor_say(d, DOCTOR_FAIL, check, "journalctl -u kedge-netd", "%s: %s", n->name,
                                net_error(n));
        else if (!n->up)
                doctor_say(d, DOCTOR_FAIL, check, "journalctl -u kedge-netd", "%s: %s is not up",
                                n->name, n->link);
        else if (n->wants_firewall && !n->firewall)
                doctor_say(d, DOCTOR_FAIL, check, "journalctl -u kedge-netd",
                                "%s: table inet kedge does not stand: nothing is filtered",
                                n->name);
        else
                *good = before;
}

static void look_at_words(struct doctor *d, const struct query_net *n, bool *good) {
        char cure[DOCTOR_TEXT_MAX], left[CTL_TEXT_MAX];
        bool before = *good;

        *good = false;
        (void) snprintf(cure, sizeof(cure), "kedgectl net plan %s", n->name);
        if (n->alarm[0])
                doctor_say(d, DOCTOR_FAIL, check, cure, "%s: %s", n->name, n->alarm);
        else if (n->count[QUERY_FATE_REFUSED] > 0)
                doctor_say(d, DOCTOR_FAIL, check, cure, "%s: %u members cannot be peers", n->name,
                                n->count[QUERY_FATE_REFUSED]);
        else if (n->n_foreign > 0)
                doctor_say(d, DOCTOR_WARN, check, cure, "%s: %u peers that nobody desired", n->name,
                                n->n_foreign);
        else if (n->revert_ms != 0)
                doctor_say(d, DOCTOR_WARN, check, cure, "%s: it goes back in %s unless confirmed",
                                n->name, ctl_words_of_ms(n->revert_ms, left));
        else if (n->rolled_back || n->count[QUERY_FATE_HELD] > 0)
                doctor_say(d, DOCTOR_WARN, check, cure, "%s: what is new waits: %s", n->name,
                                n->held[0] ? n->held : "for a word");
        else
                *good = before;
}

static void look_at_network(struct doctor *d, uint32_t index, const struct query_net *n) {
        bool good = true;

        look_at_link(d, n, &good);
        look_at_key(d, n, &good);
        look_at_words(d, n, &good);
        look_at_peers(d, index, n, &good);
        if (good)
                doctor_say(d, DOCTOR_OK, check, NULL, "%s: %s is up, %u peers stand", n->name,
                                n->link, n->n_seen);
}

/* OnlyFleet= of a link that is not there closes nothing. */
static void look_at_only(struct doctor *d, char *line) {
        char *at = line + strspn(line, " \t"), *save = NULL, path[DOCTOR_PATH_MAX], below[64];

        if (strncmp(at, "OnlyFleet", 9) != 0 || !strchr(at, '='))
                return;
        for (char *w = strtok_r(strchr(at, '=') + 1, " \t\r", &save); w;
                        w = strtok_r(NULL, " \t\r", &save)) {
                (void) snprintf(below, sizeof(below), "/sys/class/net/%.32s", w);
                if (access(doctor_path(d, below, path), F_OK) < 0)
                        doctor_say(d, DOCTOR_WARN, check,
                                        "OnlyFleet= in " KEDGE_CONF_DIR "/net.conf",
                                        "there is no link %.32s, which OnlyFleet= names", w);
        }
}

/* root reads it all the same, and so does --check-config; kedged then keeps what it had, and does
 * not start again. */
static void look_at_mode(struct doctor *d, const char *path) {
        const struct passwd *kedged = getpwnam("_kedge");
        struct stat st;

        if (stat(path, &st) < 0 || (st.st_mode & S_IROTH) ||
                        (kedged && st.st_uid == kedged->pw_uid) ||
                        (kedged && st.st_gid == kedged->pw_gid && (st.st_mode & S_IRGRP)))
                return;
        doctor_say(d, DOCTOR_FAIL, check, "chmod 644 " KEDGE_CONF_DIR "/net.conf",
                        "kedged may not read %s", path);
}

/* False: there is no such file. */
static bool look_at_file(struct doctor *d) {
        char path[DOCTOR_PATH_MAX], *text = NULL, *save = NULL;
        size_t n;
        int r = ctl_read_file(
                        doctor_path(d, KEDGE_CONF_DIR "/net.conf", path), CONF_MAX, &text, &n);

        if (r < 0 && r != -ENOENT)
                doctor_say(d, DOCTOR_WARN, check, "kedged --check-config", "%s cannot be read: %s",
                                path, strerrordesc_np(-r));
        look_at_mode(d, path);
        for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line;
                        line = strtok_r(NULL, "\n", &save))
                look_at_only(d, line);
        free(text);
        return r != -ENOENT;
}

void doctor_net(struct doctor *d) {
        bool file = look_at_file(d);
        struct query_reply reply;
        uint32_t i = 0;

        for (; d->agent && i < NET_NETS_MAX; i++) {
                struct query_request request = {
                        .verb = QUERY_NET, .index = i, .item = QUERY_NET_LOOK
                };

                if (ctl_get(d->ctl, &request, &reply) < 0 || reply.result != QUERY_OK)
                        break;
                look_at_network(d, i, &reply.net);
        }
        if (d->agent && i == 0 && file)
                doctor_say(d, DOCTOR_OK, check, NULL,
                                "net.conf holds no network, or none that was read");
}
