/* The control socket of the test nodes: one command a line, one answer line. */
#include "tests/devnode/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hex.h"

#define CLIENTS_MAX (LINE_POLL_MAX - 1)
#define LINE_MAX_N  512u
#define WORDS_MAX   5u

struct client {
        int fd; /* -1: free */
        size_t n;
        char line[LINE_MAX_N];
};

struct line_server {
        const struct line_command *commands;
        void *arg;
        int listen_fd;
        char path[108];
        struct client clients[CLIENTS_MAX];
};

bool line_value(char **words, unsigned n, unsigned at, struct hash32 *ret, FILE *answer) {
        struct hash32 value = {};
        size_t len = strlen(words[at]);

        if (strcmp(words[at], "text") == 0) {
                char *text = n > at + 1 ? words[at + 1] : words[at] + len;
                size_t m = strlen(text);

                if (m >= 2 && text[0] == '"' && text[m - 1] == '"') {
                        text++;
                        m -= 2;
                }
                if (m > sizeof(value.b)) {
                        fprintf(answer, "error a text has at most 32 bytes\n");
                        return false;
                }
                memcpy(value.b, text, m);
        } else if (hex_decode(VIEW(words[at], len), value.b, sizeof(value.b)) < 0) {
                fprintf(answer, "error want 0x and 64 digits, or text \"...\"\n");
                return false;
        }
        *ret = value;
        return true;
}

static void run_line(struct line_server *ls, char *line, FILE *answer) {
        char *words[WORDS_MAX] = {}, *save = NULL;
        unsigned n = 0;

        for (char *w = strtok_r(line, " \r", &save); w && n < WORDS_MAX - 1;
                        w = strtok_r(NULL, n == 3 ? "\r" : " \r", &save))
                words[n++] = w;
        if (n == 0) {
                fprintf(answer, "error empty line\n");
                return;
        }
        for (const struct line_command *c = ls->commands; c->name; c++)
                if (strcmp(words[0], c->name) == 0) {
                        if (n < c->min_words)
                                fprintf(answer, "error %s needs more words\n", words[0]);
                        else
                                c->run(ls->arg, words, n, answer);
                        return;
                }
        fprintf(answer, "error no such command: %s\n", words[0]);
}

int line_server_start(const char *path, const struct line_command *commands, void *arg,
                struct line_server **ret) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        struct line_server *ls = calloc(1, sizeof(*ls));

        if (!ls || strlen(path) >= sizeof(sa.sun_path)) {
                free(ls);
                return -ENAMETOOLONG;
        }
        memcpy(sa.sun_path, path, strlen(path) + 1);
        memcpy(ls->path, sa.sun_path, sizeof(ls->path));
        ls->commands = commands;
        ls->arg = arg;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                ls->clients[i].fd = -1;
        (void) unlink(ls->path);
        *ret = ls;
        ls->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (ls->listen_fd < 0 || bind(ls->listen_fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
                        listen(ls->listen_fd, 8) < 0)
                return -errno;
        return 0;
}

static void client_close(struct client *c) {
        close(c->fd);
        *c = (struct client){ .fd = -1 };
}

static void client_line(struct line_server *ls, struct client *c, char *line) {
        char *text = NULL;
        size_t n = 0;
        FILE *answer = open_memstream(&text, &n);

        if (!answer)
                return;
        run_line(ls, line, answer);
        fclose(answer);
        if (send(c->fd, text, n, MSG_NOSIGNAL) != (ssize_t) n)
                shutdown(c->fd, SHUT_RDWR);
        free(text);
}

static void client_read(struct line_server *ls, struct client *c) {
        ssize_t r = recv(c->fd, c->line + c->n, sizeof(c->line) - c->n, MSG_DONTWAIT);
        char *end;

        if (r < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (r <= 0 || c->n + (size_t) r >= sizeof(c->line)) {
                client_close(c);
                return;
        }
        c->n += (size_t) r;
        while ((end = memchr(c->line, '\n', c->n))) {
                size_t n = (size_t) (end - c->line) + 1;
                char line[LINE_MAX_N];

                *end = '\0';
                memcpy(line, c->line, n);
                memmove(c->line, c->line + n, c->n - n);
                c->n -= n;
                client_line(ls, c, line);
        }
}

size_t line_server_fill(struct line_server *ls, struct pollfd *fds, size_t cap) {
        size_t n = 0;

        fds[n++] = (struct pollfd){ .fd = ls->listen_fd, .events = POLLIN };
        for (unsigned i = 0; i < CLIENTS_MAX && n < cap; i++)
                if (ls->clients[i].fd >= 0)
                        fds[n++] = (struct pollfd){ .fd = ls->clients[i].fd, .events = POLLIN };
        return n;
}

static void accept_client(struct line_server *ls) {
        int fd = accept4(ls->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                if (ls->clients[i].fd < 0) {
                        ls->clients[i].fd = fd;
                        return;
                }
        close(fd);
}

void line_server_done(struct line_server *ls, const struct pollfd *fds, size_t n) {
        for (size_t i = 1; i < n; i++)
                for (unsigned j = 0; j < CLIENTS_MAX; j++)
                        if (fds[i].revents && fds[i].fd == ls->clients[j].fd)
                                client_read(ls, &ls->clients[j]);
        if (fds[0].revents)
                accept_client(ls);
}

struct line_server *line_server_stop(struct line_server *ls) {
        if (!ls)
                return NULL;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                if (ls->clients[i].fd >= 0)
                        client_close(&ls->clients[i]);
        if (ls->listen_fd >= 0) {
                close(ls->listen_fd);
                (void) unlink(ls->path);
        }
        free(ls);
        return NULL;
}
