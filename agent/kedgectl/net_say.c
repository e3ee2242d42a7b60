/* The operator's word to the running agent about a network: over the system bus, where polkit says
 * who may. Each answer ends with what to type next. */

#include "agent/kedgectl/net.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define KEY_RETRY_MS 100

static const struct word {
        const char *verb, *member;
        bool timed; /* takes a time after which it goes back by itself */
} words[] = {
        { "apply", "NetApply", true },
        { "confirm", "NetConfirm", false },
        { "rollback", "NetRollback", true },
};

/* CTL_OK, or it was told. */
static enum ctl_exit heard(const struct ctl *ctl, const char *network, int r, const char *why) {
        if (r == -ENOENT)
                return ctl_fail(ctl, CTL_UNREACHABLE,
                                "the agent is not on the system bus, where this is said: systemctl "
                                "status kedged dbus");
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "network %s: the agent refuses: %s", network,
                                why);
        return CTL_OK;
}

static void print_said(const struct ctl *ctl, const struct word *word, const char *network) {
        char left[CTL_TEXT_MAX];
        bool apply = strcmp(word->verb, "apply") == 0, timed = word->timed && ctl->given_ms != 0;

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), network, ctl_paint(ctl, CTL_PLAIN));
        if (timed) {
                ctl_row(apply ? "applied" : "armed", "in %s it goes back to what stood before",
                                ctl_words_of_ms(ctl->given_ms, left));
                ctl_row("next",
                                "kedgectl net confirm %s, if you can still type it then: what "
                                "stands "
                                "stays",
                                network);
        } else if (word->timed && !apply) {
                ctl_row("went back", "to what stood before, but for whoever is revoked by now");
                ctl_row("next", "nothing is added from now on, until: kedgectl net apply %s",
                                network);
        } else
                ctl_row(apply ? "applied" : "confirmed", "kedgectl net plan %s shows what is left",
                                network);
}

enum ctl_exit net_say(const struct ctl *ctl, const char *verb, const char *name) {
        const struct word *word = words;
        char why[CTL_WHY_MAX] = "";
        struct query_net n;
        enum ctl_exit code;
        uint32_t index;
        int r;

        while (strcmp(word->verb, verb) != 0)
                word++;
        code = net_find(ctl, name, false, &index, &n);
        if (code != CTL_OK)
                return code;
        r = word->timed ? ctl_bus_tell(word->member, why, "st", n.name, ctl->given_ms)
                        : ctl_bus_tell(word->member, why, "s", n.name);
        code = heard(ctl, n.name, r, why);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return ctl_print_json(
                                CTL_OK, json_pack("{s:s, s:s, s:I}", "network", n.name, "told",
                                                        word->member, "timeout_ms",
                                                        ctl_int(word->timed ? ctl->given_ms : 0)));
        print_said(ctl, word, n.name);
        return CTL_OK;
}

/* Until kedge-netd has told of its next key, or waiting is over. */
static enum ctl_exit wait_for_next(
                const struct ctl *ctl, uint32_t *index, struct query_net *n, const char *name) {
        uint64_t until = ctl_boottime_ms() + (uint64_t) ctl->timeout_ms;

        for (;;) {
                enum ctl_exit code = net_find(ctl, name, true, index, n);

                if (code != CTL_OK || !hash32_is_zero(&n->next_key))
                        return code;
                if (ctl_boottime_ms() >= until)
                        return ctl_fail(ctl, CTL_FAILURE,
                                        "network %s: kedge-netd has told of no next key; see: "
                                        "journalctl -u kedge-netd",
                                        n->name);
                (void) poll(NULL, 0, KEY_RETRY_MS);
        }
}

static enum ctl_exit make_next(const struct ctl *ctl, uint32_t *index, struct query_net *n) {
        char why[CTL_WHY_MAX] = "", name[sizeof(n->name)];
        enum ctl_exit code;

        memcpy(name, n->name, sizeof(name));
        code = heard(ctl, name, ctl_bus_tell("NetNextKey", why, "s", name), why);
        return code == CTL_OK ? wait_for_next(ctl, index, n, name) : code;
}

static const char *own_name(const struct query_net *n, char ret[NAME_MAX_LEN + 68]) {
        (void) snprintf(ret, NAME_MAX_LEN + 68, "%s%s%s", n->host, n->host[0] ? "." : "", n->zone);
        return ret;
}

static void print_key(const struct ctl *ctl, const struct query_net *n) {
        char key[NET_KEY_TEXT], name[NAME_MAX_LEN + 68];

        (void) own_name(n, name);
        if (!ctl->next) {
                puts(net_key(&n->public_key, key));
                return;
        }
        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), n->name, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("key", "%s", net_key(&n->public_key, key));
        ctl_row("next key", "%s", net_key(&n->next_key, key));
        ctl_row("publish", "kedgectl record wg %s next=%s", name, key);
        ctl_row("then", "when that is final, at all members: kedgectl record promote %s wg_key",
                        name);
        ctl_row("", "kedge-netd goes over to it when the chain lists it as ours");
}

enum ctl_exit net_say_key(const struct ctl *ctl, const char *name) {
        char text[NET_KEY_TEXT], next[NET_KEY_TEXT];
        struct query_net n;
        enum ctl_exit code;
        uint32_t index;

        code = net_find(ctl, name, true, &index, &n);
        if (code == CTL_OK && ctl->next)
                code = make_next(ctl, &index, &n);
        if (code != CTL_OK)
                return code;
        if (hash32_is_zero(&n.public_key))
                return ctl_fail(ctl, CTL_FAILURE,
                                "network %s: kedge-netd has told of no key yet; it makes and holds "
                                "it: "
                                "systemctl status kedge-netd",
                                n.name);
        if (ctl->json)
                return ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:s, s:o}", "network", n.name, "key",
                                                net_key(&n.public_key, text), "next_key",
                                                hash32_is_zero(&n.next_key)
                                                                ? json_null()
                                                                : json_string(net_key(&n.next_key,
                                                                                  next))));
        print_key(ctl, &n);
        return CTL_OK;
}
