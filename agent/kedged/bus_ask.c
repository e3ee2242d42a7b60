/* One question, one answer: the methods of the bus that are verbs of the query socket. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

const struct run *bus_run_of(const struct agent *a, const struct query_request *q) {
        struct view host;
        size_t zone;

        if (q->name[0]) {
                if (lookup_zone(a->config, q->name, &zone, &host) < 0)
                        return NULL;
                return a->runs[a->config->zone[zone].chain_index];
        }
        for (size_t i = 0; i < a->n_runs; i++)
                if (q->chain[0] == 0 || strcmp(a->runs[i]->config.name, q->chain) == 0)
                        return a->runs[i];
        return NULL;
}

int bus_read_name(struct bus_call *call, const char **ret_why) {
        char name[NAME_MAX_LEN + 1];
        const char *text;

        if (sd_bus_message_read(call->m, "s", &text) < 0 ||
                        name_normalize(VIEW(text, strnlen(text, BUS_TEXT_MAX)), name) < 0) {
                *ret_why = "not a host name";
                return -EINVAL;
        }
        (void) snprintf(call->request.name, sizeof(call->request.name), "%s", name);
        call->request.verb = QUERY_RESOLVE;
        return 0;
}

/* A record name is explained at once, and asked for by that. */
static int read_explained(struct bus_call *call, const char **ret_why) {
        char name[NAME_MAX_LEN + 1];
        const char *text;

        if (sd_bus_message_read(call->m, "s", &text) < 0 ||
                        name_normalize_record(VIEW(text, strnlen(text, BUS_TEXT_MAX)), name) < 0) {
                *ret_why = "neither a host name nor a record name";
                return -EINVAL;
        }
        (void) snprintf(call->request.name, sizeof(call->request.name), "%s", name);
        call->request.verb = name[0] == '_' ? QUERY_EXPLAIN : QUERY_RESOLVE;
        return 0;
}

int bus_read_chain(struct bus_call *call, const char **ret_why) {
        const char *text;

        if (sd_bus_message_read(call->m, "s", &text) < 0 ||
                        strnlen(text, BUS_TEXT_MAX) >= sizeof(call->request.chain)) {
                *ret_why = "not a name that a chain can have";
                return -EINVAL;
        }
        (void) snprintf(call->request.chain, sizeof(call->request.chain), "%s", text);
        return 0;
}

static int read_lookup(struct bus_call *call, const char **ret_why) {
        struct query_request *q = &call->request;
        const char *contract, *key;
        int r = bus_read_chain(call, ret_why);

        if (r < 0)
                return r;
        q->verb = QUERY_LOOKUP;
        *ret_why = "not a contract: 0x and 40 digits";
        r = sd_bus_message_read(call->m, "sts", &contract, &q->slot, &key);
        if (r >= 0)
                r = bus_read_address(contract, &q->contract);
        if (r < 0)
                return r;
        *ret_why = "not a key: 0x and 64 digits, or printable text without spaces";
        return bus_read_key(key, &q->key);
}

static int read_time(struct bus_call *call, const char **ret_why) {
        call->request.verb = QUERY_TIME;
        return bus_read_chain(call, ret_why);
}

static int read_certificate(struct bus_call *call, const char **ret_why) {
        const void *der;
        size_t n;
        int r = bus_read_name(call, ret_why);

        if (r < 0)
                return r;
        *ret_why = "not one X.509 certificate in DER of at most 16384 bytes";
        r = sd_bus_message_read_array(call->m, 'y', &der, &n);
        if (r < 0)
                return r;
        return bus_read_certificate(VIEW(der, n), &call->certificate);
}

const char *bus_hex(const void *data, size_t n, char ret[BUS_HEX_SIZE]) {
        memcpy(ret, "0x", 2);
        (void) hex_encode(data, n, ret + 2);
        return ret;
}

static int put_hex(sd_bus_message *to, const void *data, size_t n) {
        return sd_bus_message_append(to, "s", BUS_HEX(data, n));
}

static int put_addresses(sd_bus_message *to, const struct name_answer *a) {
        int r = sd_bus_message_open_container(to, 'a', "s");

        for (size_t i = 0; r >= 0 && i < MIN(a->n_addrs, NAME_ADDRS_MAX); i++) {
                char text[INET6_ADDRSTRLEN] = "";

                (void) inet_ntop(a->addr[i].family == 4 ? AF_INET : AF_INET6, a->addr[i].b, text,
                                sizeof(text));
                r = sd_bus_message_append(to, "s", text);
        }
        return r < 0 ? r : sd_bus_message_close_container(to);
}

/* n values of size bytes each, as texts. */
static int put_values(sd_bus_message *to, const void *values, size_t n, size_t size) {
        int r = sd_bus_message_open_container(to, 'a', "s");

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = put_hex(to, (const uint8_t *) values + i * size, size);
        return r < 0 ? r : sd_bus_message_close_container(to);
}

/* Where an answer about a name comes from, and how old it is: "stttbs". */
static int put_source(const struct bus_call *call, const struct name_answer *a, uint64_t fresh_ms,
                sd_bus_message *to) {
        const struct run *run = bus_run_of(call->bus->agent, &call->request);
        uint64_t now = now_ms();

        return sd_bus_message_append(to, "stttbs", run ? run->config.name : "", a->final_number,
                        a->head_number,
                        a->proven_ms == 0 ? UINT64_MAX : now - MIN(now, a->proven_ms),
                        now > fresh_ms, agent_state_word((enum name_state) a->state));
}

static int tell_name(struct bus_call *call, const struct query_reply *from, sd_bus_message *to) {
        const struct name_answer *a = &from->name;
        int r = put_addresses(to, a);

        if (r >= 0)
                r = sd_bus_message_append(to, "q", a->port);
        if (r >= 0)
                r = put_values(to, a->pin, MIN(a->n_pins, NAME_PINS_MAX), HASH32_SIZE);
        if (r >= 0)
                r = put_values(to, a->device, MIN(a->has_device, ELEMENTSOF(a->device)),
                                ADDRESS_SIZE);
        if (r >= 0)
                r = put_source(call, a, MIN(a->fresh_ms, a->n_pins ? a->pins_fresh_ms : UINT64_MAX),
                                to);
        return r;
}

static int tell_value(struct bus_call *call, const struct query_reply *from, sd_bus_message *to) {
        const struct query_lookup *l = &from->lookup;
        const struct config_role *roles = call->bus->agent->config->role;
        uint64_t fresh = MIN(roles[ROLE_NAMES].max_age_ms, roles[ROLE_TLS].max_age_ms);

        return sd_bus_message_append(to, "stststb", BUS_HEX(&l->value, HASH32_SIZE),
                        l->block.number, BUS_HEX(&l->block.hash, HASH32_SIZE), l->head.number,
                        BUS_HEX(&l->head.hash, HASH32_SIZE), l->age_ms, l->age_ms > fresh);
}

static int tell_time(struct bus_call *call _unused_, const struct query_reply *from,
                sd_bus_message *to) {
        const struct query_time *t = &from->time;

        return sd_bus_message_append(to, "tttttbs", t->lower, t->upper, t->number, t->age_ms,
                        t->floor, t->stale, agent_state_word((enum name_state) t->state));
}

static int tell_accepted(struct bus_call *call, const struct name_answer *a, size_t pin,
                const char *what, sd_bus_message *to) {
        int r = put_hex(to, &a->pin[pin], HASH32_SIZE);

        if (r >= 0)
                r = sd_bus_message_append(to, "s", what);
        return r < 0 ? r : put_source(call, a, a->pins_fresh_ms, to);
}

/* An answer about the name is no answer yet about the certificate: only a pin of it is. */
static int tell_verified(
                struct bus_call *call, const struct query_reply *from, sd_bus_message *to) {
        size_t pin;

        switch (bus_judge_certificate(&call->certificate, &from->name, &pin)) {
        case BUS_CERTIFICATE_PINNED:
                return tell_accepted(call, &from->name, pin, "certificate", to);
        case BUS_KEY_PINNED:
                return tell_accepted(call, &from->name, pin, "key", to);
        case BUS_CERTIFICATE_UNNAMED:
                call->error = BUS_ERROR "NoKey";
                call->why = "the name's record holds no TLS key, or none that is not too old";
                return -ENOKEY;
        case BUS_CERTIFICATE_REFUSED:
                break;
        }
        call->error = BUS_ERROR "Rejected";
        call->why = "not the key that the chain names";
        return -EKEYREJECTED;
}

const struct bus_method bus_asks[] = {
        { "Resolve", NULL, bus_read_name, bus_call_ask, tell_name },
        { "Lookup", NULL, read_lookup, bus_call_ask, tell_value },
        { "VerifyCertificate", NULL, read_certificate, bus_call_ask, tell_verified },
        { "GetTime", NULL, read_time, bus_call_ask, tell_time },
        { "Explain", NULL, read_explained, bus_call_ask, bus_tell_explained, .tells_all = true },
        { 0 },
};
