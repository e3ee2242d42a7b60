/* What the files of libkedge share. */
#pragma once

#include <stdarg.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "kedge/kedge.h"
#include "wire/query.h"

#define CLIENT_PATH_SIZE  sizeof(((struct sockaddr_un *) NULL)->sun_path)
#define CLIENT_ERROR_SIZE 512
#define CLIENT_WAIT_MAX_MS 600000

struct kedge_client {
        int timeout_ms;
        char path[CLIENT_PATH_SIZE];
        char chain[sizeof(((struct query_request *) NULL)->chain)];
        char error[CLIENT_ERROR_SIZE];
};

/* Keeps the text for kedge_error_text(); returns r, so that a caller can return it on. */
int client_fail(struct kedge_client *client, int r, const char *format, ...) _printf_(3, 4);

/* Asks, and judges the reply: 0 with a reply of result QUERY_OK, or one of the errors of kedge.h
 * with its text kept. what names the thing asked for, for that text. */
_must_check_ int client_ask(struct kedge_client *client, struct query_request *request,
        const char *what, struct query_reply *ret);

/* A record of the agent's answer: checked, copied. -EBADMSG, -ENOMEM, and -ESTALE where nothing in
 * it may be believed at now_ms. */
_must_check_ int record_of_answer(const struct name_answer *answer, uint64_t now_ms,
        struct kedge_record **ret);

/* CLOCK_BOOTTIME: it goes on while the machine sleeps, so an age cannot stand still. */
uint64_t boottime_ms(void);
