/* One finding after another: what is well, what is not, and the cure. */
#pragma once

#include "agent/kedgectl/ctl.h"

#define DOCTOR_FINDINGS_MAX 256
#define DOCTOR_TEXT_MAX     640
#define DOCTOR_PATH_MAX     256

enum doctor_level { DOCTOR_FAIL = 0, DOCTOR_WARN, DOCTOR_OK };

struct doctor_finding {
        enum doctor_level level;
        const char *check;
        char what[DOCTOR_TEXT_MAX], cure[DOCTOR_TEXT_MAX]; /* cure: a command or an edit; empty: none */
};

struct doctor {
        const struct ctl *ctl;
        size_t n;
        struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
        bool agent; /* it answers */
};

/* cure may be NULL. What a stranger said may stand in both. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *cure,
                const char *format, ...) _printf_(5, 6);

/* doctor_files.c: nsswitch.conf, the suffix list, the snapshot, the state folder, the bus. */
void doctor_files(struct doctor *d);

/* A file of the system's; --root says where that lies. */
const char *doctor_path(const struct doctor *d, const char *path, char ret[DOCTOR_PATH_MAX]);

/* doctor_login.c: PAM, login.conf, and who gets in when the chain cannot be reached. */
void doctor_login(struct doctor *d);

/* doctor_sshd.c: the ways into sshd that pass by what the chain says. */
void doctor_sshd(struct doctor *d);

/* doctor_net.c: the networks of net.conf, and kedge-netd. */
void doctor_net(struct doctor *d);

/* doctor_agent.c: whether it answers and what it says of itself. Sets d->agent. */
void doctor_agent(struct doctor *d);
