/* kedgectl doctor: looks at all that has to be right for names of ours to be answered on this
 * machine, and says of each whether it is, and what to type where it is not. It changes nothing. */

#include "agent/kedgectl/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
        const char *name;
        enum ctl_colour colour;
} levels[] = {
        [DOCTOR_FAIL] = { "FAIL", CTL_RED },
        [DOCTOR_WARN] = { "warn", CTL_YELLOW },
        [DOCTOR_OK] = { "ok", CTL_GREEN },
};

void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *cure,
                const char *format, ...) {
        struct doctor_finding *f = &d->finding[MIN(d->n, (size_t) DOCTOR_FINDINGS_MAX - 1)];
        va_list args;

        /* Where there is no room left, a failure takes the place of the last. */
        if (d->n == DOCTOR_FINDINGS_MAX && level != DOCTOR_FAIL)
                return;
        d->n = MIN(d->n + 1, (size_t) DOCTOR_FINDINGS_MAX);
        f->level = level;
        f->check = check;
        va_start(args, format);
        (void) vsnprintf(f->what, sizeof(f->what), format, args);
        va_end(args);
        (void) snprintf(f->cure, sizeof(f->cure), "%s", cure ? cure : "");
        ctl_clean(f->what, sizeof(f->what));
        ctl_clean(f->cure, sizeof(f->cure));
}

static void print_finding(const struct ctl *ctl, const struct doctor_finding *f) {
        printf("%s%-4s%s  %-10s  %s%s%s\n", ctl_paint(ctl, levels[f->level].colour),
                        levels[f->level].name, ctl_paint(ctl, CTL_PLAIN), f->check, f->what,
                        f->cure[0] ? "; cure: " : "", f->cure);
}

enum ctl_exit verb_doctor(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        struct doctor *d = calloc(1, sizeof(*d));
        json_t *list = ctl->json ? json_array() : NULL;
        enum ctl_exit code = CTL_OK;

        if (!d)
                return ctl_fail(ctl, CTL_FAILURE, "not enough memory");
        d->ctl = ctl;
        doctor_agent(d);
        doctor_files(d);
        doctor_login(d);
        doctor_net(d);
        for (size_t i = 0; i < d->n; i++) {
                const struct doctor_finding *f = &d->finding[i];

                if (f->level == DOCTOR_FAIL)
                        code = CTL_FAILURE;
                if (ctl->json)
                        (void) json_array_append_new(list,
                                        json_pack("{s:s, s:s, s:s, s:s}", "level",
                                                        levels[f->level].name, "check", f->check,
                                                        "what", f->what, "cure", f->cure));
                else
                        print_finding(ctl, f);
        }
        free(d);
        return ctl->json ? ctl_print_json(code, json_pack("{s:o}", "checks", list)) : code;
}
