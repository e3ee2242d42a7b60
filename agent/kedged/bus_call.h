/* Method calls on the bus: who makes them, what they wait for, and what they get. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "agent/kedged/bus.h"
#include "agent/kedged/bus_args.h"
#include "agent/kedged/net_config.h"
#include "agent/kedged/run.h"
#include "base/cleanup.h"
#include "wire/query.h"

struct bus_call;

/* One method. read() looks at the arguments and keeps what it needs in the call: false with the
 * reason where they are not what they must be. serve() answers, or leaves the call waiting for a
 * question; tell() then puts the answer to it into the reply. */
struct bus_method {
        const char *member;
        const char *action; /* of polkit, for what changes something */
        int (*read)(struct bus_call *call, const char **ret_why);
        void (*serve)(struct bus_call *call);
        int (*tell)(struct bus_call *call, const struct query_reply *from, sd_bus_message *to);
        bool tells_all; /* tell() is for refusals too; -ENODATA from it: the refusal as it is */
};

struct bus_call {
        struct bus_call *next;
        struct bus *bus;
        sd_bus_message *m;
        const struct bus_method *method;
        struct bus_sender *sender; /* not NULL: waits until that one's user is known */
        uid_t uid;                 /* then */
        uint64_t client;           /* not 0: waits for the answer to a question */
        sd_bus_slot *check;        /* not NULL: waits for polkit */
        const char *error, *why;   /* set by tell() where its answer is a refusal */
        struct query_request request;
        struct bus_certificate certificate;
        uint32_t limit;         /* of rows */
        struct block_ref block; /* of an operator's word */
        char network[NET_NAME_MAX];
        uint64_t timeout_ms;
};

/* Every method call on our interface: an sd_bus_message_handler_t. */
int bus_on_call(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Counts what goes to interfaces that sd-bus answers itself. 1: over a limit, refused. */
int bus_filter(struct bus *b, sd_bus_message *m);

/* To be told of callers that go; and: all of them have. */
_must_check_ int bus_calls_watch(struct bus *b);
void bus_calls_drop(struct bus *b);

/* Each of these ends the call. */
void bus_call_error(struct bus_call *call, const char *name, const char *why);
void bus_call_send(struct bus_call *call, sd_bus_message *reply); /* NULL: out of memory */

/* Puts call->request; its answer goes to method->tell(), a refusal to the caller. */
void bus_call_ask(struct bus_call *call);

/* One of several questions, answered at once from what the agent has; the user is charged. 0, or
 * -EDQUOT, -ENOMEM, -EBUSY where the answer is not at hand. */
_must_check_ int bus_call_item(struct bus_call *call, const struct query_request *request,
                struct query_reply *ret);

/* bus_list.c: a table. Puts its row number i: 0, -ENOENT where there are no more, or another
 * error. */
typedef int bus_row_fn(struct bus_call *call, size_t i, sd_bus_message *to);
_must_check_ int bus_call_rows(struct bus_call *call, bus_row_fn *row, size_t max,
                const char *type, sd_bus_message *to);

/* These end the call, with the whole table as the answer, or with what r says. */
void bus_call_serve_rows(struct bus_call *call, bus_row_fn *row, size_t max, const char *type);
void bus_call_fail(struct bus_call *call, int r);

/* bus_change.c: the same of what was to be changed; why is for the caller. */
void bus_call_finish(struct bus_call *call, int r, const char *why);

/* bus_ask.c: the chain that a question is about; NULL: none of ours. */
const struct run *bus_run_of(const struct agent *a, const struct query_request *q);

/* read(): a chain's name, the first argument; a name to resolve. */
int bus_read_chain(struct bus_call *call, const char **ret_why);
int bus_read_name(struct bus_call *call, const char **ret_why);

/* "0x" and the digits of n bytes, at most HASH32_SIZE. */
#define BUS_HEX_SIZE     (2 + 2 * HASH32_SIZE + 1)
#define BUS_HEX(data, n) bus_hex((data), (n), (char[BUS_HEX_SIZE]){ 0 })
const char *bus_hex(const void *data, size_t n, char ret[BUS_HEX_SIZE]);

/* bus_sender.c: users of unique names. */
struct bus_sender {
        struct bus_sender *next;
        struct bus *bus;
        char name[BUS_SENDER_SIZE];
        bool known, failed;
        uid_t uid;
        unsigned n_held;
        uint64_t seen_ms;
        sd_bus_slot *asked;
};

/* The sender called name, who is asked for where he is new. -ENOSPC: everybody in the table has
 * calls that wait. */
_must_check_ int bus_sender_find(struct bus *b, const char *name, struct bus_sender **ret);
void bus_sender_forget(struct bus *b, const char *name);
void bus_senders_drop(struct bus *b);

/* His user is known, or will not be: what he sent goes on. */
void bus_calls_go_on(struct bus *b, const struct bus_sender *s);

/* bus_change.c: goes on with serve() where polkit lets the caller. */
void bus_call_check(struct bus_call *call);

/* An enum query_result in a word. */
const char *bus_result_word(unsigned result);

/* bus_explain.c: tell() of Explain. */
int bus_tell_explained(struct bus_call *call, const struct query_reply *from, sd_bus_message *to);

/* The tables of methods: bus_ask.c, bus_list.c, bus_change.c, bus_net.c. Each ends with an empty
 * row. */
extern const struct bus_method bus_asks[], bus_lists[], bus_changes[], bus_nets[];
