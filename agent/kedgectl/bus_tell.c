/* The operator's word to the running agent: over the system bus, where polkit says who may. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "agent/kedgectl/ctl.h"

#define BUS_NAME   "org.kedge.Agent1"
#define BUS_PATH   "/org/kedge/Agent1"
#define NEEDS_RESTART BUS_NAME ".Error.NeedsRestart"
#define TIMEOUT_US (UINT64_C(150) * 1000000) /* a password may be typed meanwhile */

/* Nobody is there who could hear it, or it follows no such chain yet; everything else is an
 * answer. */
static bool nobody_hears(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_METHOD) ||
               sd_bus_error_has_name(e, BUS_NAME ".Error.Unknown") ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_DISCONNECTED);
}

static int say(char ret[CTL_WHY_MAX], int r, const sd_bus_error *e) {
        const char *why = e->message ? e->message : strerrordesc_np(-r);

        (void) snprintf(ret, CTL_WHY_MAX, "%s%s", why,
                        sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED)
                                        ? " (the bus lets only root and administrators do this)"
                                        : "");
        ctl_clean(ret, CTL_WHY_MAX);
        return r == -ENOENT ? -EIO : r;
}

static int call(sd_bus *bus, const char *member, const char *types, va_list ap,
                sd_bus_error *error) {
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, BUS_NAME, BUS_PATH, BUS_NAME, member);

        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(m, 1);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, ap);
        if (r >= 0)
                r = sd_bus_call(bus, m, TIMEOUT_US, error, NULL);
        (void) sd_bus_message_unref(m);
        return r;
}

int ctl_bus_tell(const char *member, char ret_why[CTL_WHY_MAX], const char *types, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        va_list ap;
        int r;

        if (sd_bus_open_system(&bus) < 0)
                return -ENOENT;
        va_start(ap, types);
        r = call(bus, member, types, ap, &error);
        va_end(ap);
        if (r < 0)
                r = nobody_hears(&error) ? -ENOENT : say(ret_why, r, &error);
        if (sd_bus_error_has_name(&error, NEEDS_RESTART))
                r = -ERESTART;
        sd_bus_error_free(&error);
        (void) sd_bus_close_unref(bus);
        return r < 0 ? r : 0;
}
