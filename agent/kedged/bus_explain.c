/* Explain: why a name is served, or is not; of a record too, which may be asked for by nothing else.
 * The name is asked for first, so that it is proven; then the last proof of it is told from memory,
 * in one turn of the loop, so all of it is of one proof. */

#include <errno.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"

#define EXPLAIN_ITEMS_MAX 32 /* fields of a record, and revocations of it */

/* Item number i; -ENODATA: nothing is known of the name. */
static int item(struct bus_call *call, uint32_t i, struct query_reply *ret) {
        struct query_request q = { .verb = QUERY_EXPLAIN, .item = i };
        int r;

        memcpy(q.name, call->request.name, sizeof(q.name));
        r = bus_call_item(call, &q, ret);
        if (r < 0)
                return r;
        return ret->result == QUERY_OK ? 0 : -ENODATA;
}

static int put_head(const struct query_explain *e, const char *result, const char *why,
                sd_bus_message *to) {
        uint64_t now = now_ms();

        return sd_bus_message_append(to, "ssssssttts", e->zone, e->chain,
                        agent_state_word((enum name_state) e->state), result, BUS_TEXT(why),
                        e->kind == ZONE_ENS ? "" : BUS_HEX(e->contract.b, ADDRESS_SIZE), e->slot,
                        e->proven_ms == 0 ? UINT64_MAX : now - MIN(now, e->proven_ms),
                        e->final.number,
                        BUS_HEX(e->final.hash.b, HASH32_SIZE));
}

static int put_blocks(const struct query_explain *e, sd_bus_message *to) {
        return sd_bus_message_append(to, "sstsss", BUS_HEX(e->final_root.b, HASH32_SIZE),
                        BUS_TEXT(e->final_upstream), e->head.number,
                        BUS_HEX(e->head.hash.b, HASH32_SIZE), BUS_HEX(e->head_root.b, HASH32_SIZE),
                        BUS_TEXT(e->head_upstream));
}

static int put_fields(struct bus_call *call, uint32_t n, sd_bus_message *to) {
        int r = sd_bus_message_open_container(to, 'a', "(sssss)");

        for (uint32_t i = 0; r >= 0 && i < n; i++) {
                struct query_reply reply;
                const struct query_explain *e = &reply.explain;

                r = item(call, i, &reply);
                if (r >= 0)
                        r = sd_bus_message_append(to, "(sssss)", e->field, BUS_TEXT(e->why),
                                        BUS_HEX(e->field_slot.b, HASH32_SIZE),
                                        BUS_HEX(e->field_final.b, HASH32_SIZE),
                                        BUS_HEX(e->field_head.b, HASH32_SIZE));
        }
        return r < 0 ? r : sd_bus_message_close_container(to);
}

static int put_revocations(struct bus_call *call, uint32_t n, sd_bus_message *to) {
        int r = sd_bus_message_open_container(to, 'a', "(ssts)");

        for (uint32_t i = 0; r >= 0 && i < n; i++) {
                struct query_reply reply;
                const struct query_explain *e = &reply.explain;

                r = item(call, i, &reply);
                if (r >= 0)
                        r = sd_bus_message_append(to, "(ssts)", e->revoked,
                                        BUS_HEX(e->revoked_key.b, HASH32_SIZE),
                                        e->revoked_at.number,
                                        BUS_HEX(e->revoked_at.hash.b, HASH32_SIZE));
        }
        return r < 0 ? r : sd_bus_message_close_container(to);
}

int bus_tell_explained(struct bus_call *call, const struct query_reply *from, sd_bus_message *to) {
        struct query_reply reply;
        int r = item(call, 0, &reply);
        bool record = call->request.verb == QUERY_EXPLAIN;

        if (r >= 0)
                r = put_head(&reply.explain,
                                bus_result_word(record ? reply.explain.result : from->result),
                                from->reason[0] ? from->reason : reply.reason, to);
        if (r >= 0)
                r = put_blocks(&reply.explain, to);
        if (r >= 0)
                r = put_fields(call, MIN(reply.explain.n_fields, EXPLAIN_ITEMS_MAX), to);
        if (r >= 0)
                r = put_revocations(call, MIN(reply.explain.n_revocations, EXPLAIN_ITEMS_MAX), to);
        return r;
}
