/* What kedgectl net prints of a network: its state, and a row for each member; or its plan, a line
 * for each that differs, like a diff. */

#include "agent/kedgectl/net.h"

#include <stdio.h>
#include <string.h>

#include "wire/netd.h"

static const struct {
        char sign;
        enum ctl_colour colour;
} marks[] = {
        [NET_SAME] = { ' ', CTL_PLAIN },
        [NET_PLUS] = { '+', CTL_GREEN },
        [NET_MINUS] = { '-', CTL_RED },
        [NET_TILDE] = { '~', CTL_YELLOW },
        [NET_ALARM] = { '!', CTL_RED },
};

static const char *backend_text(const struct query_net *n) {
        if (!n->connected)
                return "kedge-netd is not connected";
        switch ((enum netd_backend) n->backend) {
        case NETD_KERNEL:
                return "WireGuard of the kernel";
        case NETD_USERSPACE:
                return "WireGuard in user space";
        case NETD_NO_BACKEND:
                break;
        }
        return "no WireGuard yet";
}

static void print_head(const struct ctl *ctl, const struct query_net *n) {
        bool good = net_code(n) == CTL_OK;

        printf("%s%s%s  %s%s%s, %s on %s\n", ctl_paint(ctl, CTL_BOLD), n->name,
                        ctl_paint(ctl, CTL_PLAIN),
                        ctl_paint(ctl, good                     ? CTL_GREEN
                                        : n->connected && n->up ? CTL_YELLOW
                                                                : CTL_RED),
                        n->connected && n->up ? "up" : "down", ctl_paint(ctl, CTL_PLAIN),
                        backend_text(n), n->link);
}

static void print_prefixes(const char *label, const struct ip_prefix prefix[2]) {
        char text[IP_TEXT_MAX];

        for (size_t i = 0; i < 2; i++)
                if (prefix[i].ip.family != 0)
                        ctl_row(label, "%s", ip_prefix_text(&prefix[i], text));
}

static void print_own(const struct ctl *ctl, const struct query_net *n) {
        bool listed = !hash32_is_zero(&n->public_key) && hash32_eq(&n->public_key, &n->listed_key);
        char key[NET_KEY_TEXT];

        ctl_row("we are", "%s%s%s", n->host, n->host[0] ? "." : "", n->zone);
        print_prefixes("address", n->own);
        ctl_row("key", "%s%s%s%s", net_key(&n->public_key, key),
                        listed ? "" : ctl_paint(ctl, CTL_RED),
                        listed ? ", as the chain lists it"
                               : ", which the chain does not list as ours",
                        listed ? "" : ctl_paint(ctl, CTL_PLAIN));
        if (!listed && !hash32_is_zero(&n->listed_key))
                ctl_row("", "it lists %s", net_key(&n->listed_key, key));
        if (!hash32_is_zero(&n->next_key))
                ctl_row("next key", "%s", net_key(&n->next_key, key));
}

/* What an operator should not miss. */
static void print_alarms(const struct ctl *ctl, const struct query_net *n) {
        char left[CTL_TEXT_MAX];

        if (n->alarm[0])
                ctl_row("alarm", "%s%s%s", ctl_paint(ctl, CTL_RED), n->alarm,
                                ctl_paint(ctl, CTL_PLAIN));
        if (n->error != 0)
                ctl_row("error", "%s%s", ctl_paint(ctl, CTL_RED), net_error(n));
        if (n->error != 0 && ctl->colour)
                fputs(ctl_paint(ctl, CTL_PLAIN), stdout);
        if (n->verdict != QUERY_ROLE_FRESH)
                ctl_row("[net]", "%s%s%s: kedgectl roles says why", ctl_paint(ctl, CTL_YELLOW),
                                ctl_role_verdict(n->verdict), ctl_paint(ctl, CTL_PLAIN));
        if (n->drifted)
                ctl_row("drift", "another tool has changed something of ours%s",
                                n->mended ? "; it was put back" : "");
        if (n->held[0])
                ctl_row("held", "%s", n->held);
        if (n->revert_ms != 0)
                ctl_row("goes back", "in %s, unless confirmed: kedgectl net confirm %s",
                                ctl_words_of_ms(n->revert_ms, left), n->name);
}

static void print_counts(const struct query_net *n) {
        char age[CTL_TEXT_MAX];

        if (!n->list_known)
                ctl_row("members", "not proven yet");
        else if (n->list_head > 0)
                ctl_row("members", "listed at %llu (finalized) and %llu (head)",
                                (unsigned long long) n->list_final,
                                (unsigned long long) n->list_head);
        if (net_is_sighted(n))
                ctl_row("peers", "%u, %u of them nobody desired; seen %s ago", n->n_seen,
                                n->n_foreign, ctl_words_of_ms(n->seen_age_ms, age));
        if (n->allowance != UINT32_MAX)
                ctl_row("new ones", "%u may come in this hour without a word (AddPerHour=%u)",
                                n->allowance, n->add_per_hour);
}

static void print_network(const struct ctl *ctl, const struct query_net *n) {
        print_head(ctl, n);
        ctl_row("zone", "%s on chain %s", n->zone, n->chain);
        print_own(ctl, n);
        print_prefixes("prefix", n->prefix);
        if (n->listen_port != 0 || n->actual_port != 0)
                ctl_row("port", "%u%s", n->actual_port ? n->actual_port : n->listen_port,
                                n->actual_port && n->listen_port && n->actual_port != n->listen_port
                                                ? ", which is not ListenPort="
                                                : "");
        if (n->wants_firewall)
                ctl_row("firewall", "%s",
                                n->firewall ? "table inet kedge stands"
                                            : "table inet kedge does not stand");
        print_counts(n);
        print_alarms(ctl, n);
}

struct status_rows {
        const struct ctl *ctl;
        size_t n;
        bool untold; /* of some row, what does not stand in the contract */
};

static void print_name(const struct ctl *ctl, const struct query_net_peer *p) {
        bool bad = p->fate == QUERY_FATE_REFUSED || p->fate == QUERY_FATE_GOES || p->foreign;
        bool good = p->fate == QUERY_FATE_STAYS || p->fate == QUERY_FATE_ADD ||
                    p->fate == QUERY_FATE_SELF || p->fate == QUERY_FATE_MOVE;

        printf("  %-24s %s%-8s%s", p->host[0] ? p->host : "(nobody's)",
                        ctl_paint(ctl, bad     ? CTL_RED
                                        : good ? CTL_GREEN
                                               : CTL_YELLOW),
                        p->foreign ? "foreign" : net_fate_name(p->fate), ctl_paint(ctl, CTL_PLAIN));
}

static enum ctl_exit status_row(void *userdata, const struct query_net_peer *p) {
        struct status_rows *rows = userdata;
        char addrs[NET_ADDRS_MAX], where[IP_TEXT_MAX], age[CTL_TEXT_MAX] = "-", rx[CTL_TEXT_MAX],
                                                       tx[CTL_TEXT_MAX];
        const struct ip_endpoint *e = p->seen_endpoint.ip.family ? &p->seen_endpoint : &p->endpoint;

        if (rows->n++ == 0)
                printf("\n  %s%-24s %-8s %-16s  %-22s  %-12s  %8s  %8s%s\n",
                                ctl_paint(rows->ctl, CTL_BOLD), "HOST", "FATE", "ADDRESS",
                                "ENDPOINT", "HANDSHAKE", "RECEIVED", "SENT",
                                ctl_paint(rows->ctl, CTL_PLAIN));
        rows->untold = rows->untold || (p->seen && !p->told);
        if (p->seen && p->told && p->handshake_s != UINT64_MAX)
                (void) ctl_words_of_ms(MIN(p->handshake_s, UINT64_MAX / 1000) * 1000, age);
        print_name(rows->ctl, p);
        printf(" %-16s  %-22s  %-12s  %8s  %8s%s%s\n",
                        net_addrs(p->foreign ? p->seen_tunnel : p->tunnel, addrs),
                        e->ip.family ? ip_endpoint_text(e, where) : "-", age,
                        p->seen && p->told ? ctl_bytes(p->rx, rx) : "-",
                        p->seen && p->told ? ctl_bytes(p->tx, tx) : "-", p->why[0] ? "  " : "",
                        p->why);
        return CTL_OK;
}

enum ctl_exit net_print_status(const struct ctl *ctl, uint32_t index, const struct query_net *n,
                json_t *list _unused_, enum ctl_exit *ret_state) {
        struct status_rows rows = { .ctl = ctl };
        enum ctl_exit code;

        print_network(ctl, n);
        code = net_rows(ctl, index, status_row, &rows);
        if (code != CTL_OK)
                return code;
        if (rows.untold)
                puts("\n  handshakes and bytes are told to root: sudo kedgectl net status");
        *ret_state = net_code(n);
        return CTL_OK;
}

struct plan_rows {
        const struct ctl *ctl;
        const struct query_net *network;
        struct net_sum sum;
        size_t unproven, foreign;
};

static enum ctl_exit plan_row(void *userdata, const struct query_net_peer *p) {
        struct plan_rows *rows = userdata;
        struct net_change c;

        net_diff(rows->network, p, &c);
        net_sum_add(&rows->sum, &c);
        rows->unproven += p->fate == QUERY_FATE_WAITS;
        rows->foreign += p->foreign;
        if (c.mark == NET_SAME)
                return CTL_OK;
        printf("  %s%c %-24s%s %s", ctl_paint(rows->ctl, marks[c.mark].colour), marks[c.mark].sign,
                        p->host[0] ? p->host : "(nobody's)", ctl_paint(rows->ctl, CTL_PLAIN),
                        c.what);
        if (p->block > 0)
                printf("  [block %llu]", (unsigned long long) p->block);
        putchar('\n');
        return CTL_OK;
}

static void print_sum(const struct query_net *n, const struct plan_rows *rows) {
        const struct net_sum *s = &rows->sum;
        const struct {
                size_t n;
                const char *what;
        } counts[] = {
                { s->mark[NET_PLUS], "to add" },
                { s->mark[NET_TILDE], "to change" },
                { s->mark[NET_MINUS], "to remove" },
                { s->waits, "held" },
                { net_settings_wait(n, s), "change of settings held" },
                { s->mark[NET_ALARM], "wrong" },
                { rows->unproven, "not proven yet" },
        };
        char next[NET_WHAT_MAX];
        const char *comma = "";

        printf("  ");
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                if (counts[i].n == 0)
                        continue;
                printf("%s%zu %s", comma, counts[i].n, counts[i].what);
                comma = ", ";
        }
        if (rows->foreign == 0 && n->n_foreign > 0)
                printf("%s%u that nobody desired, which root is told of: sudo kedgectl net plan\n",
                                comma, n->n_foreign);
        else
                printf("%s\n", comma[0] ? ""
                                : net_is_sighted(n)
                                                ? "nothing to do: what stands is what is desired"
                                                : "nothing is new");
        if (!net_is_sighted(n))
                ctl_row("", "what kedge-netd has is not known: this is against what was applied "
                            "last");
        if (net_next(n, s, next)[0])
                ctl_row("next", "%s", next);
}

enum ctl_exit net_print_plan(const struct ctl *ctl, uint32_t index, const struct query_net *n,
                json_t *list _unused_, enum ctl_exit *ret_state) {
        struct plan_rows rows = { .ctl = ctl, .network = n };
        enum ctl_exit code;

        print_head(ctl, n);
        print_alarms(ctl, n);
        code = net_rows(ctl, index, plan_row, &rows);
        if (code != CTL_OK)
                return code;
        print_sum(n, &rows);
        *ret_state = net_plan_code(n, &rows.sum);
        return CTL_OK;
}
