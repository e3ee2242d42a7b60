/* A method call, from its message to its reply.
 *
 * What always holds: arguments are looked at before anything waits, so that what waits is small;
 * nothing is done for a caller before his user is known, and all of it is charged to that user's
 * account at the query socket; what changes something goes through bus_call_check(); a caller who
 * has gone, and every caller of a bus that is lost, is forgotten. */

#include "agent/kedged/bus_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"

static const char too_much[] = "too much was asked by this user: ask again later";

static void call_free(struct bus_call *call) {
        struct bus_call **at = &call->bus->calls;

        while (*at && *at != call)
                at = &(*at)->next;
        if (*at) {
                *at = call->next;
                call->bus->n_calls--;
        }
        if (call->sender)
                call->sender->n_held--;
        if (call->client != 0)
                query_forget(&call->bus->agent->query, call->client);
        call->check = sd_bus_slot_unref(call->check);
        call->m = sd_bus_message_unref(call->m);
        free(call);
}

void bus_call_error(struct bus_call *call, const char *name, const char *why) {
        struct bus *b = call->bus;

        (void) sd_bus_reply_method_errorf(call->m, name, "%s", BUS_TEXT(why));
        call_free(call);
        bus_sent(b);
}

void bus_call_send(struct bus_call *call, sd_bus_message *reply) {
        struct bus *b = call->bus;

        if (!reply) {
                bus_call_error(call, SD_BUS_ERROR_NO_MEMORY, "out of memory");
                return;
        }
        (void) sd_bus_send(NULL, reply, NULL);
        (void) sd_bus_message_unref(reply);
        call_free(call);
        bus_sent(b);
}

/* The name that a refusal has; a chain that nobody can be asked of is told apart. */
static const char *error_name(const struct bus_call *call, const struct query_reply *reply) {
        const struct run *run = bus_run_of(call->bus->agent, &call->request);

        switch ((enum query_result) reply->result) {
        case QUERY_OK:
                break;
        case QUERY_UNPROVEN:
                if (run && (!run->linked || run_upstreams_up(run) == 0))
                        return BUS_ERROR "Unreachable";
                return BUS_ERROR "Unproven";
        case QUERY_ABSENT:
                return BUS_ERROR "Absent";
        case QUERY_STALE:
                return BUS_ERROR "Stale";
        case QUERY_REFUSED:
                return BUS_ERROR "Refused";
        case QUERY_UNKNOWN:
                return BUS_ERROR "Unknown";
        case QUERY_INVALID:
                return BUS_ERROR "Invalid";
        case QUERY_DENIED: /* no question that comes by the bus has this answer */
                break;
        }
        return BUS_ERROR "Unproven";
}

static void refuse(struct bus_call *call, const struct query_reply *reply) {
        bus_call_error(call, error_name(call, reply),
                        reply->reason[0] ? reply->reason : "proven: there is none");
}

static void tell(struct bus_call *call, const struct query_reply *reply) {
        sd_bus_message *out = NULL;
        int r = sd_bus_message_new_method_return(call->m, &out);

        if (r >= 0)
                r = call->method->tell(call, reply, out);
        if (r < 0)
                out = sd_bus_message_unref(out);
        if (call->error)
                bus_call_error(call, call->error, call->why);
        else if (r == -EDQUOT)
                bus_call_error(call, BUS_ERROR "LimitsExceeded", too_much);
        else if (r == -ENODATA)
                refuse(call, reply);
        else
                bus_call_send(call, out);
}

static bool is_told(const struct bus_call *call, enum query_result result) {
        if (call->method->tells_all)
                return result != QUERY_UNKNOWN && result != QUERY_REFUSED;
        return result == QUERY_OK;
}

static void on_answer(void *userdata, const struct query_reply *reply) {
        struct bus_call *call = userdata;

        call->client = 0;
        if (is_told(call, (enum query_result) reply->result))
                tell(call, reply);
        else
                refuse(call, reply);
}

void bus_call_ask(struct bus_call *call) {
        struct query_reply reply;
        int r = query_put(&call->bus->agent->query, call->uid, &call->request, on_answer, call,
                        &reply, &call->client);

        if (r == -EDQUOT)
                bus_call_error(call, BUS_ERROR "LimitsExceeded", too_much);
        else if (r < 0)
                bus_call_error(call, SD_BUS_ERROR_NO_MEMORY, "out of memory");
        else if (call->client == 0)
                on_answer(call, &reply);
}

static void not_now(void *userdata _unused_, const struct query_reply *reply _unused_) {
}

int bus_call_item(struct bus_call *call, const struct query_request *request,
                struct query_reply *ret) {
        uint64_t client;
        int r = query_put(
                        &call->bus->agent->query, call->uid, request, not_now, NULL, ret, &client);

        if (r < 0 || client == 0)
                return r;
        query_forget(&call->bus->agent->query, client);
        return -EBUSY;
}

/* The caller's user is known. */
static void go(struct bus_call *call) {
        if (!query_may_ask(&call->bus->agent->query, call->uid))
                bus_call_error(call, BUS_ERROR "LimitsExceeded", too_much);
        else if (call->method->action)
                bus_call_check(call);
        else
                call->method->serve(call);
}

static struct bus_call *held_of(const struct bus *b, const struct bus_sender *s) {
        struct bus_call *call = b->calls;

        while (call && call->sender != s)
                call = call->next;
        return call;
}

/* From the head of the line each time: a call that changes something may end others. */
void bus_calls_go_on(struct bus *b, const struct bus_sender *s) {
        bool known = s->known;
        uid_t uid = s->uid;

        for (struct bus_call *call; (call = held_of(b, s));) {
                call->sender->n_held--;
                call->sender = NULL;
                call->uid = uid;
                if (known)
                        go(call);
                else /* he has gone, or the bus is at an end: nobody reads it */
                        bus_call_error(call, BUS_ERROR "Refused", "the bus does not tell who asks");
        }
}

static const struct bus_method *find(const struct bus_method *table, const char *member) {
        while (table->member && strcmp(table->member, member) != 0)
                table++;
        return table->member ? table : NULL;
}

static const struct bus_method *method_of(sd_bus_message *m) {
        const char *member = sd_bus_message_get_member(m);
        const struct bus_method *found = find(bus_asks, member);

        if (!found)
                found = find(bus_lists, member);
        if (!found)
                found = find(bus_changes, member);
        return found ? found : find(bus_nets, member);
}

/* At the end of the line: those of one sender go on in their order. */
static int call_new(struct bus *b, sd_bus_message *m, const struct bus_method *method,
                struct bus_call **ret) {
        struct bus_call **at = &b->calls, *call;

        if (b->n_calls >= BUS_CALLS_MAX)
                return -ENOSPC;
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        while (*at)
                at = &(*at)->next;
        *at = call;
        call->bus = b;
        call->method = method;
        call->m = sd_bus_message_ref(m);
        b->n_calls++;
        *ret = call;
        return 0;
}

static void hold(struct bus_call *call, struct bus_sender *s) {
        if (s->n_held >= BUS_HELD_MAX) {
                bus_call_error(call, BUS_ERROR "LimitsExceeded", too_much);
                return;
        }
        call->sender = s;
        s->n_held++;
}

/* True where a message is worth looking at: an answer that nobody wants is not looked for. */
static bool is_wanted(sd_bus_message *m, const struct bus_method *method) {
        return method->action || sd_bus_message_get_expect_reply(m) > 0;
}

int bus_on_call(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const struct bus_method *method = method_of(m);
        const char *sender = sd_bus_message_get_sender(m), *why = "";
        struct bus *b = userdata;
        struct bus_call *call;
        struct bus_sender *s;

        if (!method || !sender)
                return -EOPNOTSUPP; /* the vtable has it, no table serves it: the tests call all */
        if (!is_wanted(m, method))
                return 1;
        if (bus_sender_find(b, sender, &s) < 0 || call_new(b, m, method, &call) < 0) {
                (void) sd_bus_reply_method_errorf(m, BUS_ERROR "LimitsExceeded",
                                "too many calls are open: ask again later");
                bus_sent(b);
                return 1;
        }
        if (method->read && method->read(call, &why) < 0)
                bus_call_error(call, BUS_ERROR "Refused", why);
        else if (!s->known)
                hold(call, s);
        else {
                call->uid = s->uid;
                go(call);
        }
        return 1;
}

int bus_filter(struct bus *b, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);
        struct bus_sender *s;
        uint8_t type;

        if (sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL || !sender)
                return 0;
        if (sd_bus_message_is_method_call(m, BUS_NAME, NULL))
                return 0; /* charged by go() */
        if (bus_sender_find(b, sender, &s) < 0 || !s->known ||
                        query_may_ask(&b->agent->query, s->uid))
                return 0;
        (void) sd_bus_reply_method_errorf(m, BUS_ERROR "LimitsExceeded", "%s", too_much);
        bus_sent(b);
        return 1;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *name, *was, *is;
        struct bus *b = userdata;

        if (sd_bus_message_read(m, "sss", &name, &was, &is) < 0 || name[0] != ':' || is[0] != 0)
                return 0;
        for (struct bus_call *call = b->calls, *next; call; call = next) {
                next = call->next;
                if (strcmp(sd_bus_message_get_sender(call->m), name) == 0)
                        call_free(call);
        }
        bus_sender_forget(b, name);
        return 0;
}

int bus_calls_watch(struct bus *b) {
        return sd_bus_add_match_async(b->bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                        on_gone, NULL, b);
}

void bus_calls_drop(struct bus *b) {
        while (b->calls)
                call_free(b->calls);
        bus_senders_drop(b);
}
