/* Methods that change something, and who may call them.
 *
 * What always holds: nothing is changed before the caller is let in. Root and the agent's own user
 * are; for everybody else polkit is asked, asynchronously, about this caller and this action, and
 * only its plain yes counts: no polkit, an error, a challenge and a late answer are all a no. The
 * bus's own policy stands before this and lets few come so far; nothing here relies on it. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

#define CHECK_TIMEOUT_US (UINT64_C(120) * 1000000) /* a password is typed meanwhile */
#define CHECKS_MAX       16                        /* that wait, in all */
#define CHECKS_UID       4                         /* and of one user */

static void let_in(struct bus_call *call) {
        log_notice("%s: called on the bus by user id %u", call->method->member,
                        (unsigned) call->uid);
        call->method->serve(call);
}

static int on_verdict(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct bus_call *call = userdata;
        int yes = 0, challenge = 0, r;

        call->check = sd_bus_slot_unref(call->check);
        r = sd_bus_message_is_method_error(m, NULL)
                            ? -EACCES
                            : sd_bus_message_enter_container(m, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(m, "bb", &yes, &challenge);
        if (r < 0)
                bus_call_error(call, BUS_ERROR "NotAuthorized",
                                "polkit is not there to say who may do this: only root may");
        else if (yes)
                let_in(call);
        else if (challenge)
                bus_call_error(call, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                "a password is needed, and the call does not allow asking for it");
        else
                bus_call_error(call, BUS_ERROR "NotAuthorized",
                                "polkit does not allow this user to do this");
        return 0;
}

static int ask_polkit(struct bus_call *call) {
        uint32_t flags = sd_bus_message_get_allow_interactive_authorization(call->m) > 0;
        sd_bus_message *q = NULL;
        int r = sd_bus_message_new_method_call(call->bus->bus, &q, "org.freedesktop.PolicyKit1",
                        "/org/freedesktop/PolicyKit1/Authority",
                        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");

        if (r >= 0)
                r = sd_bus_message_append(q, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                sd_bus_message_get_sender(call->m), call->method->action, 0, flags,
                                "");
        if (r >= 0)
                r = sd_bus_call_async(call->bus->bus, &call->check, q, on_verdict, call,
                                CHECK_TIMEOUT_US);
        (void) sd_bus_message_unref(q);
        return r;
}

static bool too_many(const struct bus_call *call) {
        size_t all = 0, own = 0;

        for (const struct bus_call *c = call->bus->calls; c; c = c->next)
                if (c->check) {
                        all++;
                        own += c->uid == call->uid;
                }
        return all >= CHECKS_MAX || own >= CHECKS_UID;
}

void bus_call_check(struct bus_call *call) {
        if (call->uid == 0 || call->uid == geteuid())
                let_in(call);
        else if (too_many(call))
                bus_call_error(call, BUS_ERROR "LimitsExceeded",
                                "too many wait for polkit's answer");
        else if (ask_polkit(call) < 0)
                bus_call_error(call, BUS_ERROR "NotAuthorized",
                                "polkit cannot be asked: only root may do this");
}

void bus_call_finish(struct bus_call *call, int r, const char *why) {
        sd_bus_message *to = NULL;

        if (r < 0) {
                bus_call_error(call, r == -ENOENT ? BUS_ERROR "Unknown" : BUS_ERROR "Failed", why);
                return;
        }
        if (sd_bus_message_new_method_return(call->m, &to) < 0)
                to = NULL;
        bus_call_send(call, to);
}

static void reload(struct bus_call *call) {
        char why[CONFIG_WHY_MAX] = "";
        int r = agent_reload(call->bus->agent, why);

        if (r == -ERESTART)
                bus_call_error(call, BUS_ERROR "NeedsRestart", why);
        else
                bus_call_finish(call, r < 0 ? -EINVAL : 0, why);
}

static void flush(struct bus_call *call) {
        watch_flush(&call->bus->agent->watch, now_ms());
        bus_call_finish(call, 0, NULL);
}

static int read_hash(struct bus_call *call, const char **ret_why) {
        const char *hash;
        int r = sd_bus_message_read(call->m, "s", &hash);

        *ret_why = "not a hash: 0x and 64 digits";
        return r < 0 ? r : bus_read_hash(hash, &call->block.hash);
}

static int read_import(struct bus_call *call, const char **ret_why) {
        int r = bus_read_chain(call, ret_why);

        if (r < 0)
                return r;
        *ret_why = "not a block's number";
        r = sd_bus_message_read(call->m, "t", &call->block.number);
        return r < 0 ? r : read_hash(call, ret_why);
}

static int read_accept(struct bus_call *call, const char **ret_why) {
        int r = bus_read_chain(call, ret_why);

        return r < 0 ? r : read_hash(call, ret_why);
}

static void import(struct bus_call *call) {
        char why[AGENT_WHY_MAX] = "";
        int r = agent_import(call->bus->agent, call->request.chain, &call->block, why);

        bus_call_finish(call, r, why);
}

static void accept_conflict(struct bus_call *call) {
        char why[AGENT_WHY_MAX] = "";
        int r = agent_accept(call->bus->agent, call->request.chain, &call->block.hash, why);

        bus_call_finish(call, r, why);
}

const struct bus_method bus_changes[] = {
        { "Reload", "org.kedge.agent1.reload", NULL, reload, NULL },
        { "Flush", "org.kedge.agent1.flush", NULL, flush, NULL },
        { "ImportCheckpoint", "org.kedge.agent1.import-checkpoint", read_import, import, NULL },
        { "AcceptConflict", "org.kedge.agent1.accept-conflict", read_accept, accept_conflict,
                        NULL },
        { 0 },
};
