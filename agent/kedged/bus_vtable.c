/* What can be seen on the bus, as docs/dbus/org.kedge.Agent1.xml has it: a test compares the two.
 * Every method is marked unprivileged, since sd-bus would otherwise ask the bus who calls, and
 * wait: who may change what is decided in bus_change.c. */

#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

static int get_version(sd_bus *bus _unused_, const char *path _unused_,
                const char *interface _unused_, const char *property _unused_, sd_bus_message *to,
                void *userdata _unused_, sd_bus_error *error _unused_) {
        return sd_bus_message_append(to, "s", KEDGE_VERSION);
}

static int get_chains(sd_bus *bus _unused_, const char *path _unused_,
                const char *interface _unused_, const char *property _unused_, sd_bus_message *to,
                void *userdata, sd_bus_error *error _unused_) {
        const struct bus *b = userdata;
        int r = sd_bus_message_open_container(to, 'a', "s");

        for (size_t i = 0; r >= 0 && i < b->agent->n_runs; i++)
                r = sd_bus_message_append(to, "s", b->agent->runs[i]->config.name);
        return r < 0 ? r : sd_bus_message_close_container(to);
}

/* From the best to the worst. */
static unsigned badness(enum name_state state) {
        switch (state) {
        case STATE_FOLLOWING:
                return 0;
        case STATE_BEHIND:
                return 1;
        case STATE_STARTING:
                return 2;
        case STATE_STALE:
                return 3;
        case STATE_STUCK:
                break;
        }
        return 4;
}

static int get_state(sd_bus *bus _unused_, const char *path _unused_,
                const char *interface _unused_, const char *property _unused_, sd_bus_message *to,
                void *userdata, sd_bus_error *error _unused_) {
        const struct bus *b = userdata;
        enum name_state worst = STATE_FOLLOWING;

        for (size_t i = 0; i < b->agent->n_runs; i++) {
                enum name_state state = agent_chain_state(b->agent, b->agent->runs[i], now_ms());

                if (badness(state) > badness(worst))
                        worst = state;
        }
        return sd_bus_message_append(to, "s", agent_state_word(worst));
}

/* Of the first chain, like GetTime with an empty name; 0 where that gives an error. */
static int get_time(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                const char *property, sd_bus_message *to, void *userdata,
                sd_bus_error *error _unused_) {
        const struct query_request q = { .verb = QUERY_TIME };
        const struct bus *b = userdata;
        struct query_client nobody = { .query = &b->agent->query };
        struct query_reply reply;
        bool known;

        query_reply_init(&reply, 0, QUERY_UNPROVEN);
        known = agent_answer(b->agent, &nobody, &q, &reply) && reply.result == QUERY_OK;
        if (strcmp(property, "TimeLower") == 0)
                return sd_bus_message_append(to, "t", known ? reply.time.lower : 0);
        if (strcmp(property, "TimeUpper") == 0)
                return sd_bus_message_append(to, "t", known ? reply.time.upper : 0);
        return sd_bus_message_append(to, "t", known ? reply.time.number : 0);
}

#define OPEN SD_BUS_VTABLE_UNPRIVILEGED

const sd_bus_vtable bus_vtable[] = { SD_BUS_VTABLE_START(0),

        SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", name),
                        SD_BUS_RESULT("as", addresses, "q", port, "as", pins, "as", devices, "s",
                                        chain, "t", finalized, "t", head, "t", age_ms, "b", stale,
                                        "s", state),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Lookup",
                        SD_BUS_ARGS("s", chain, "s", contract, "t", slot, "s", key),
                        SD_BUS_RESULT("s", value, "t", finalized, "s", finalized_hash, "t", head,
                                        "s", head_hash, "t", age_ms, "b", stale),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("VerifyCertificate", SD_BUS_ARGS("s", name, "ay", certificate),
                        SD_BUS_RESULT("s", pin, "s", pinned, "s", chain, "t", finalized, "t", head,
                                        "t", age_ms, "b", stale, "s", state),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("GetTime", SD_BUS_ARGS("s", chain),
                        SD_BUS_RESULT("t", lower, "t", upper, "t", block, "t", age_ms, "t", floor,
                                        "b", stale, "s", state),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_ARGS("s", chain),
                        SD_BUS_RESULT("s", name, "s", backend, "s", state, "s", text, "s", alarm,
                                        "b", conflict, "t", finalized, "s", finalized_hash, "t",
                                        finalized_time, "t", head, "s", head_hash, "t", head_time,
                                        "t", head_age_ms, "u", head_share, "u", upstreams, "u",
                                        upstreams_up, "t", time_lower, "t", time_upper, "t",
                                        watched, "t", revocations, "t", uptime_ms),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListChains", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sssttt)", chains),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListUpstreams", SD_BUS_ARGS("s", chain),
                        SD_BUS_RESULT("a(ssttttttss)", upstreams), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListZones", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssttt)", zones),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListRoles", SD_BUS_ARGS("s", chain),
                        SD_BUS_RESULT("a(ssssttts)", roles), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListWatched", SD_BUS_ARGS("s", after, "u", limit),
                        SD_BUS_RESULT("a(sssstttutts)", names, "s", next), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListEvidence", SD_BUS_ARGS("u", from),
                        SD_BUS_RESULT("a(ssts)", files), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", name),
                        SD_BUS_RESULT("s", zone, "s", chain, "s", state, "s", result, "s", why, "s",
                                        contract, "t", slot, "t", age_ms, "t", finalized, "s",
                                        finalized_hash, "s", finalized_root, "s",
                                        finalized_upstream, "t", head, "s", head_hash, "s",
                                        head_root, "s", head_upstream, "a(sssss)", fields,
                                        "a(ssts)", revocations),
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Flush", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ImportCheckpoint", SD_BUS_ARGS("s", chain, "t", number, "s", hash),
                        SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("AcceptConflict", SD_BUS_ARGS("s", chain, "s", hash),
                        SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListNetworks", SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a(sssssssbbbbuuuttsss)", networks), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("ListPeers", SD_BUS_ARGS("s", network, "s", after, "u", limit),
                        SD_BUS_RESULT("a(sssbbsssstttt)", peers, "s", next), bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("NetApply", SD_BUS_ARGS("s", network, "t", timeout_ms),
                        SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("NetConfirm", SD_BUS_ARGS("s", network), SD_BUS_NO_RESULT,
                        bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("NetRollback", SD_BUS_ARGS("s", network, "t", timeout_ms),
                        SD_BUS_NO_RESULT, bus_on_call, OPEN),
        SD_BUS_METHOD_WITH_ARGS("NetNextKey", SD_BUS_ARGS("s", network), SD_BUS_NO_RESULT,
                        bus_on_call, OPEN),

        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Chains", "as", get_chains, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TimeLower", "t", get_time, 0, 0),
        SD_BUS_PROPERTY("TimeUpper", "t", get_time, 0, 0),
        SD_BUS_PROPERTY("TimeBlock", "t", get_time, 0, 0),

        SD_BUS_SIGNAL_WITH_ARGS("RecordChanged", SD_BUS_ARGS("s", name, "s", chain, "t", block), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Revoked",
                        SD_BUS_ARGS("s", name, "s", field, "s", chain, "t", block, "s", hash), 0),
        SD_BUS_SIGNAL_WITH_ARGS("HeadChanged",
                        SD_BUS_ARGS("s", chain, "t", head, "s", hash, "t", finalized), 0),
        SD_BUS_SIGNAL_WITH_ARGS("StateChanged", SD_BUS_ARGS("s", chain, "s", state, "s", why), 0),
        SD_BUS_SIGNAL_WITH_ARGS("EvidenceKept", SD_BUS_ARGS("s", chain, "s", file, "s", why), 0),
        SD_BUS_SIGNAL_WITH_ARGS("NetChanged",
                        SD_BUS_ARGS("s", network, "s", host, "s", fate, "t", block), 0),

        SD_BUS_VTABLE_END };
