/* Whose process has which unique name. The bus is asked once for each, asynchronously; it never
 * gives a name twice, so what it said stays true as long as this connection to it. The table is
 * bounded: the one not heard of for longest goes, and is asked for again when he calls again. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/bus_call.h"
#include "agent/kedged/util.h"

static void drop(struct bus_sender **at) {
        struct bus_sender *s = *at;

        *at = s->next;
        s->bus->n_senders--;
        s->asked = sd_bus_slot_unref(s->asked);
        free(s);
}

static int on_user(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        struct bus_sender *s = userdata;
        struct bus *b = s->bus;
        uint32_t uid;

        s->asked = sd_bus_slot_unref(s->asked);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "u", &uid) < 0)
                s->failed = true;
        else {
                s->uid = uid;
                s->known = true;
        }
        bus_calls_go_on(b, s);
        return 0;
}

static int make_room(struct bus *b) {
        struct bus_sender **oldest = NULL;

        if (b->n_senders < BUS_SENDERS_MAX)
                return 0;
        for (struct bus_sender **at = &b->senders; *at; at = &(*at)->next)
                if ((*at)->n_held == 0 && (!oldest || (*at)->seen_ms < (*oldest)->seen_ms))
                        oldest = at;
        if (!oldest)
                return -ENOSPC;
        drop(oldest);
        return 0;
}

static int ask(struct bus_sender *s) {
        return sd_bus_call_method_async(s->bus->bus, &s->asked, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser",
                        on_user, s, "s", s->name);
}

static int add(struct bus *b, const char *name, struct bus_sender **ret) {
        struct bus_sender *s;
        int r = make_room(b);

        if (r < 0)
                return r;
        if (strnlen(name, BUS_SENDER_SIZE) == BUS_SENDER_SIZE)
                return -E2BIG;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->bus = b;
        (void) snprintf(s->name, sizeof(s->name), "%s", name);
        r = ask(s);
        if (r < 0) {
                free(s);
                return r;
        }
        s->next = b->senders;
        b->senders = s;
        b->n_senders++;
        *ret = s;
        return 0;
}

int bus_sender_find(struct bus *b, const char *name, struct bus_sender **ret) {
        struct bus_sender *s = b->senders;
        int r = 0;

        while (s && strcmp(s->name, name) != 0)
                s = s->next;
        if (!s)
                r = add(b, name, &s);
        else if (s->failed) {
                s->failed = false;
                r = ask(s);
        }
        if (r < 0)
                return r;
        s->seen_ms = now_ms();
        *ret = s;
        return 0;
}

void bus_sender_forget(struct bus *b, const char *name) {
        for (struct bus_sender **at = &b->senders; *at; at = &(*at)->next)
                if (strcmp((*at)->name, name) == 0 && (*at)->n_held == 0) {
                        drop(at);
                        return;
                }
}

void bus_senders_drop(struct bus *b) {
        while (b->senders)
                drop(&b->senders);
}
