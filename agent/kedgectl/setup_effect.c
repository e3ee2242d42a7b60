/* What was written is put into effect: kedged is asked to read it, and where it says that it needs a
 * restart for that, or does not run, systemd's manager is asked over the bus, as systemctl does it, and
 * the job is waited for.
 *
 * What always holds: a kedged that refuses what is written for any other reason is left alone. It would
 * refuse to start with it, too. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/kedgectl/setup.h"

#define MANAGER    "org.freedesktop.systemd1"
#define UNIT       "kedged.service"
#define JOB_MAX_MS 100000 /* a unit's start is given up after 90 s */
#define EVERY_MS   100

static int say(char ret_why[CTL_WHY_MAX], int r, const sd_bus_error *e) {
        (void) snprintf(ret_why, CTL_WHY_MAX, "%s", e->message ? e->message : strerrordesc_np(-r));
        ctl_clean(ret_why, CTL_WHY_MAX);
        return r == -ENOENT ? -EIO : r;
}

static bool nobody_there(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_DISCONNECTED) ||
               sd_bus_error_has_name(e, "org.freedesktop.DBus.Error.Spawn.ChildExited") ||
               sd_bus_error_has_name(e, MANAGER ".NoSuchUnit");
}

/* The manager drops the object of a job that has ended. */
static bool job_runs(sd_bus *bus, const char *job) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char *state = NULL;
        int r = sd_bus_get_property_string(bus, MANAGER, job, MANAGER ".Job", "State", &error, &state);

        free(state);
        sd_bus_error_free(&error);
        return r >= 0;
}

/* 1: kedged has come up, and goes on; 0: it has not. */
static int is_active(sd_bus *bus, char ret_why[CTL_WHY_MAX]) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char *path = NULL, *state = NULL;
        int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", UNIT, &path);

        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState",
                                &error, &state);
        if (r < 0)
                r = nobody_there(&error) ? -ENOENT : say(ret_why, r, &error);
        else
                r = strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0;
        free(path);
        free(state);
        sd_bus_error_free(&error);
        return r;
}

static int run_job(sd_bus *bus, const char *member, char ret_why[CTL_WHY_MAX]) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        uint64_t begun = ctl_boottime_ms();
        const char *job;
        int r;

        r = sd_bus_call_method(bus, MANAGER, "/org/freedesktop/systemd1", MANAGER ".Manager", member,
                        &error, &reply, "ss", UNIT, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                r = nobody_there(&error) ? -ENOENT : say(ret_why, r, &error);
        while (r >= 0 && job_runs(bus, job) && ctl_boottime_ms() - begun < JOB_MAX_MS)
                (void) poll(NULL, 0, EVERY_MS);
        (void) sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return r;
}

static int restart(sd_bus *bus, char ret_why[CTL_WHY_MAX]) {
        int r = run_job(bus, "RestartUnit", ret_why);

        if (r >= 0)
                r = is_active(bus, ret_why);
        return r == 0 ? -ECANCELED : r;
}

int setup_restart(char ret_why[CTL_WHY_MAX]) {
        sd_bus *bus = NULL;
        int r;

        if (sd_bus_open_system(&bus) < 0)
                return -ENOENT;
        r = restart(bus, ret_why);
        (void) sd_bus_close_unref(bus);
        return r < 0 ? r : 0;
}

/* Of one that runs kedged itself says what became of it, as systemd does not know. One that is not on
 * the bus is sent its signal. */
static int reload(sd_bus *bus, bool unheard, char ret_why[CTL_WHY_MAX]) {
        int r = ctl_bus_tell("Reload", ret_why, "");

        if (r == -ENOENT && unheard)
                return -ERESTART;
        if (r == -ENOENT) {
                (void) snprintf(ret_why, CTL_WHY_MAX, "it is not on the bus to say why");
                r = run_job(bus, "ReloadUnit", ret_why);
                return r < 0 ? r : -EAGAIN;
        }
        return r == 0 || r == -ERESTART ? r : -EBADMSG;
}

int setup_effect(bool unheard, bool *ret_restarted, char ret_why[CTL_WHY_MAX]) {
        sd_bus *bus = NULL;
        int ran, r;

        *ret_restarted = false;
        if (sd_bus_open_system(&bus) < 0)
                return -ENOENT;
        ran = is_active(bus, ret_why);
        r = ran > 0 ? reload(bus, unheard, ret_why) : ran == 0 ? -ERESTART : ran;
        if (r == -ERESTART) {
                *ret_restarted = true;
                r = restart(bus, ret_why);
        }
        if (r == -ECANCELED && ran == 0) {
                (void) snprintf(ret_why, CTL_WHY_MAX, "it did not run, and does not start. See: "
                                                      "journalctl -u kedged");
                r = -EHOSTDOWN;
        }
        (void) sd_bus_close_unref(bus);
        return r < 0 ? r : 0;
}
