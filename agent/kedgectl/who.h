/* What kedgectl who has found out, before it is printed. */
#pragma once

#include "agent/kedgectl/explain.h"
#include "wire/login.h"

#define WHO_SERVICES_MAX 16

struct who {
        const char *user;
        enum login_managed here, at_console; /* by login.conf: from elsewhere, at the console */
        bool denied;                         /* DenyUsers= */
        bool valid;                          /* a record can have this name */
        int conf_errno;                      /* why login.conf is not believed; 0: it is */
        char conf[CTL_PATH_MAX];
        size_t n;                            /* services that were asked for */
        const char *service[WHO_SERVICES_MAX];
        struct query_reply reply[WHO_SERVICES_MAX];
        bool has_explain, has_policy;
        struct explain explain;   /* of the record of the first service */
        struct query_role policy; /* [pam] of its chain */
};

/* The exit code that one service's answer calls for. */
enum ctl_exit who_code(const struct query_reply *reply);

/* True where the agent is asked: for a managed user whom nothing here denies. */
bool who_is_asked(const struct who *w);

/* who_print.c */
void who_print(const struct ctl *ctl, const struct who *w);
enum ctl_exit who_print_json(const struct ctl *ctl, const struct who *w, enum ctl_exit code);

/* "0 3", or "none". */
#define WHO_BITS_MAX 1024
const char *who_bits(const struct hash32 *bits, char ret[WHO_BITS_MAX]);
