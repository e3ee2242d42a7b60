/* The functions of libpam that pam_kedge.so calls, over a handle that a test fills: for the fuzz
 * target and for system calls that fail. */
#pragma once

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct pam_handle {
        const char *user, *service, *tty, *rhost;
        const char *answer; /* NULL: the conversation fails */
        unsigned n_prompts, n_logged;
        char prompt[PAM_MAX_MSG_SIZE];
        char log[512]; /* the last line */
};

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv);
int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv);
int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv);

int pam_get_item(const pam_handle_t *pamh, int which, const void **ret) {
        switch (which) {
        case PAM_USER:
                *ret = pamh->user;
                return PAM_SUCCESS;
        case PAM_SERVICE:
                *ret = pamh->service;
                return PAM_SUCCESS;
        case PAM_TTY:
                *ret = pamh->tty;
                return PAM_SUCCESS;
        case PAM_RHOST:
                *ret = pamh->rhost;
                return PAM_SUCCESS;
        default:
                return PAM_BAD_ITEM;
        }
}

int pam_get_user(pam_handle_t *pamh, const char **ret, const char *prompt _unused_) {
        *ret = pamh->user;
        return pamh->user ? PAM_SUCCESS : PAM_CONV_ERR;
}

int pam_fail_delay(pam_handle_t *pamh _unused_, unsigned int usec _unused_) {
        return PAM_SUCCESS;
}

int pam_prompt(pam_handle_t *pamh, int style _unused_, char **ret, const char *format, ...) {
        va_list ap;

        pamh->n_prompts++;
        va_start(ap, format);
        (void) vsnprintf(pamh->prompt, sizeof(pamh->prompt), format, ap);
        va_end(ap);
        *ret = pamh->answer ? strdup(pamh->answer) : NULL;
        return *ret ? PAM_SUCCESS : PAM_CONV_ERR;
}

void pam_syslog(const pam_handle_t *pamh, int priority _unused_, const char *format, ...) {
        struct pam_handle *h = (struct pam_handle *) (uintptr_t) pamh;
        va_list ap;

        h->n_logged++;
        va_start(ap, format);
        (void) vsnprintf(h->log, sizeof(h->log), format, ap);
        va_end(ap);
}
