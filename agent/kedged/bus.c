/* The connection to the system bus: reached for, lost, reached for again.
 *
 * What always holds: nothing here waits. Whatever the bus is asked is asked asynchronously; a bus
 * that is not there, dies, comes back or takes nothing costs a line in the journal and a try after
 * a pause that grows, and no other part of the agent notices. What is known of a connection (who
 * its callers are, what they wait for) ends with it: another bus gives the same names to others. */

#include "agent/kedged/bus.h"

#include <errno.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/bus_call.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static void wake_in(struct bus *b, uint64_t ms) {
        (void) sd_event_source_set_time(b->retry, (now_ms() + ms) * 1000);
        (void) sd_event_source_set_enabled(b->retry, SD_EVENT_ONESHOT);
}

/* why is static text. */
static void say(struct bus *b, const char *why) {
        if (!b->said || strcmp(b->said, why) != 0)
                log_notice("%s; tried again from time to time", why);
        b->said = why;
}

void bus_lose(struct bus *b, const char *why) {
        b->named = false;
        say(b, why);
        wake_in(b, 0);
}

void bus_sent(struct bus *b) {
        uint64_t n;

        if (b->named && sd_bus_get_n_queued_write(b->bus, &n) >= 0 && n > BUS_QUEUED_MAX)
                bus_lose(b, "the system bus does not take what is sent to it: it is left");
}

const char *bus_text(const char *from, char *ret, size_t cap) {
        size_t n = 0;

        for (; from && from[n] && n + 1 < cap; n++)
                ret[n] = from[n] >= 0x20 && from[n] < 0x7f ? from[n] : '?';
        ret[n] = 0;
        return ret;
}

static void leave(struct bus *b) {
        bus_calls_drop(b);
        sessions_drop(b->agent);
        b->named = false;
        if (b->bus)
                sd_bus_close(b->bus);
        b->bus = sd_bus_unref(b->bus);
}

static int on_lost(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_) {
        bus_lose(userdata, "the system bus has gone");
        return 0;
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        struct bus *b = userdata;
        uint32_t answer = 0;

        if (!e && sd_bus_message_read(m, "u", &answer) >= 0 && answer == 1) {
                b->named = true;
                b->said = NULL;
                b->pause_ms = 0;
                log_info("on the system bus as " BUS_NAME);
                sessions_stir(b->agent);
        } else if (e && strcmp(e->name, SD_BUS_ERROR_ACCESS_DENIED) == 0)
                bus_lose(b, "the system bus does not give us the name " BUS_NAME
                            ": is its policy org.kedge.Agent1.conf installed, and read since?");
        else if (e)
                bus_lose(b, "the system bus cannot be reached");
        else
                bus_lose(b, "another process has the name " BUS_NAME " on the system bus");
        return 0;
}

static int on_filter(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        return bus_filter(userdata, m);
}

/* Everything that we are on this connection, in the order in which it is sent. */
static int set_up(struct bus *b) {
        int r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH, BUS_NAME, bus_vtable, b);

        if (r >= 0)
                r = sd_bus_add_filter(b->bus, NULL, on_filter, b);
        if (r >= 0) /* local: no message is sent for it */
                r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus.Local",
                                "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                "Disconnected", on_lost, NULL, b);
        if (r >= 0)
                r = bus_calls_watch(b);
        if (r >= 0)
                r = sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, on_name, b);
        return r;
}

static int reach(struct bus *b) {
        int r = sd_bus_new(&b->bus);
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");

        if (r >= 0)
                r = sd_bus_set_address(b->bus,
                                address ? address : "unix:path=/run/dbus/system_bus_socket");
        if (r >= 0)
                r = sd_bus_set_bus_client(b->bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(b->bus, false); /* nobody hands us any */
        if (r >= 0)
                r = sd_bus_start(b->bus);
        if (r >= 0)
                r = sd_bus_attach_event(b->bus, b->agent->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = set_up(b);
        return r;
}

static int on_retry(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        struct bus *b = userdata;

        if (!b->bus) {
                if (reach(b) >= 0)
                        return 0;
                say(b, "the system bus cannot be reached");
        }
        leave(b);
        b->pause_ms = b->pause_ms == 0 ? BUS_PAUSE_MS : MIN(b->pause_ms * 2, BUS_PAUSE_MAX);
        wake_in(b, b->pause_ms);
        return 0;
}

int bus_open(struct bus *b, struct agent *agent) {
        int r;

        b->agent = agent;
        r = sd_event_add_time(agent->event, &b->retry, CLOCK_BOOTTIME, 0, 1000, on_retry, b);
        if (r >= 0)
                r = bus_signal_open(b);
        return r;
}

void bus_done(struct bus *b) {
        if (!b->agent)
                return;
        source_freep(&b->retry);
        bus_signal_done(b);
        leave(b);
}
