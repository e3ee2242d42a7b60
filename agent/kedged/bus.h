/* The agent on the system bus: org.kedge.Agent1, as docs/dbus/org.kedge.Agent1.md has it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "agent/kedged/config.h"
#include "agent/kedged/news.h"
#include "base/cleanup.h"

#define BUS_NAME        "org.kedge.Agent1"
#define BUS_PATH        "/org/kedge/Agent1"
#define BUS_ERROR       BUS_NAME ".Error."
#define BUS_PAUSE_MS    1000 /* before the first new try to reach the bus; doubled with each */
#define BUS_PAUSE_MAX   30000
#define BUS_HEAD_MS     200  /* between two HeadChanged of one chain */
#define BUS_QUEUED_MAX  8192 /* messages that the bus does not take: then it is left */
#define BUS_TEXT_SIZE   512  /* of any text that we send, with the NUL */
#define BUS_SENDERS_MAX 256  /* whose users are known, or asked for */
#define BUS_SENDER_SIZE 256  /* of a unique name, with the NUL */
#define BUS_CALLS_MAX   1024 /* that wait for something, in all */
#define BUS_HELD_MAX    16   /* of one sender whose user is not known yet */

struct agent;
struct bus_call;
struct bus_sender;

/* What a chain's head was when it was told last, and what is to be told of it. */
struct bus_head {
        bool waiting;
        uint64_t told_ms;
        struct block_ref head, finalized;
};

struct bus {
        struct agent *agent; /* borrowed, with its loop */
        sd_bus *bus;         /* NULL: there is none now */
        bool named;          /* and it has given us our name */
        const char *said;    /* why there is none: not again before there was one */
        uint64_t pause_ms;
        sd_event_source *retry; /* ends a connection that is lost, and begins one */
        sd_event_source *beat;  /* tells of heads that wait */
        struct bus_head head[CONFIG_CHAINS_MAX];
        size_t n_senders, n_calls;
        struct bus_sender *senders;
        struct bus_call *calls;
};

/* Begins to reach for the bus; whether there is one is no condition of anything. b is zeroed by the
 * caller and must stay where it is. */
_must_check_ int bus_open(struct bus *b, struct agent *agent);
void bus_done(struct bus *b);

/* Between the files of bus. */

/* The connection is no good: it is ended after this turn of the loop, and begun anew later. why is
 * static text. */
void bus_lose(struct bus *b, const char *why);

/* After something was sent: a bus that takes nothing must not make us grow. */
void bus_sent(struct bus *b);

/* A text that a server of somebody else's may have had a hand in, as the bus takes it: printable
 * ASCII, the rest as '?'. ret, which has room for cap bytes with the NUL. */
const char *bus_text(const char *from, char *ret, size_t cap);

#define BUS_TEXT(from) bus_text((from), (char[BUS_TEXT_SIZE]){ 0 }, BUS_TEXT_SIZE)

/* bus_vtable.c */
extern const sd_bus_vtable bus_vtable[];

/* bus_signal.c */
_must_check_ int bus_signal_open(struct bus *b);
void bus_signal_done(struct bus *b);
