/* A socket that takes one command a line and gives one answer line, `ok ...` or `error ...`. Both
 * test nodes are steered by one. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/types.h"

#define LINE_POLL_MAX 17u

struct line_command {
        const char *name;
        unsigned min_words; /* with the command itself */
        void (*run)(void *arg, char **words, unsigned n, FILE *answer);
};

struct line_server;

/* commands is borrowed, and ends with a row without a name. 0 or -errno. */
int line_server_start(const char *path, const struct line_command *commands, void *arg,
                struct line_server **ret);
/* At most LINE_POLL_MAX descriptors to wait for; and what came of it. */
size_t line_server_fill(struct line_server *ls, struct pollfd *fds, size_t cap);
void line_server_done(struct line_server *ls, const struct pollfd *fds, size_t n);
struct line_server *line_server_stop(struct line_server *ls);

/* The value in words from at on: 0x and 64 digits, or text "...". false: answer has said why not.
 */
bool line_value(char **words, unsigned n, unsigned at, struct hash32 *ret, FILE *answer);
