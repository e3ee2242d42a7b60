/* The agent's signals, as a bell. A bus that is not there, that goes away or on which the agent is
 * not leaves us with looking now and then. Anybody may ring: it costs a look, and no more than one
 * in BELL_GAP_MS. */

#include "agent/kedgectl/bell.h"

#include <errno.h>
#include <poll.h>

#define NAME     "org.kedge.Agent1"
#define SIGNALS  "type='signal',sender='" NAME "',interface='" NAME "'"
#define COMINGS  "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" NAME "'"

static int on_signal(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        struct bell *b = userdata;

        b->rang = b->heard = true;
        return 0;
}

/* It came or went: whether it still rings is to be heard again. */
static int on_coming(sd_bus_message *m _unused_, void *userdata, sd_bus_error *e _unused_) {
        struct bell *b = userdata;

        b->rang = true;
        b->heard = false;
        return 0;
}

static void give_up(struct bell *b) {
        b->bus = sd_bus_close_unref(b->bus);
        b->heard = false;
}

void bell_open(struct bell *ret) {
        *ret = (struct bell){ 0 };
        if (sd_bus_open_system(&ret->bus) < 0) {
                ret->bus = NULL;
                return;
        }
        if (sd_bus_add_match_async(ret->bus, NULL, SIGNALS, on_signal, NULL, ret) < 0 ||
                        sd_bus_add_match_async(ret->bus, NULL, COMINGS, on_coming, NULL, ret) < 0)
                give_up(ret);
}

void bell_done(struct bell *b) {
        give_up(b);
}

/* What has come, without waiting. */
static void take(struct bell *b) {
        int r = 1;

        while (b->bus && r > 0) {
                r = sd_bus_process(b->bus, NULL);
                if (r < 0)
                        give_up(b);
        }
}

static void sleep_ms(uint64_t ms) {
        (void) poll(NULL, 0, (int) ms);
}

/* Sleeps, but for what comes over the bus. */
static void listen_for(struct bell *b, uint64_t ms) {
        struct pollfd p = { .fd = sd_bus_get_fd(b->bus) };
        uint64_t bus_us = UINT64_MAX;
        int events = sd_bus_get_events(b->bus), timeout = (int) ms;

        if (p.fd < 0 || events < 0) {
                give_up(b);
                sleep_ms(ms);
                return;
        }
        p.events = (short) events;
        if (sd_bus_get_timeout(b->bus, &bus_us) > 0 && bus_us != UINT64_MAX)
                timeout = MIN(timeout, BELL_GAP_MS); /* something of the bus's own is due soon */
        (void) poll(&p, 1, timeout);
}

void bell_wait(struct bell *b, uint64_t often_ms) {
        uint64_t now = ctl_boottime_ms(), since = b->looked_ms > 0 ? b->looked_ms : now;

        take(b);
        while (!b->rang) {
                uint64_t until = since + (b->heard ? BELL_SELDOM_MS : often_ms);

                now = ctl_boottime_ms();
                if (now >= until)
                        break;
                if (b->bus)
                        listen_for(b, until - now);
                else
                        sleep_ms(until - now);
                take(b);
        }
        now = ctl_boottime_ms();
        if (b->rang && now < since + BELL_GAP_MS)
                sleep_ms(since + BELL_GAP_MS - now);
        b->rang = false;
        b->looked_ms = ctl_boottime_ms();
}
