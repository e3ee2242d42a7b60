/* The control socket: one command a line, one answer line, `ok ...` or `error ...`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hex.h"
#include "core/sha256.h"
#include "tests/devnode/node.h"

#define CLIENTS_MAX 16u
#define LINE_MAX_N  512u
#define MINE_MAX    100000u
#define WORDS_MAX   5u

struct client {
        int fd; /* -1: free */
        size_t n;
        char line[LINE_MAX_N];
};

struct control {
        int listen_fd;
        char path[108];
        struct client clients[CLIENTS_MAX];
};

struct command {
        const char *name;
        unsigned min_words; /* with the command itself */
        void (*run)(struct devnode *dn, char **words, unsigned n, FILE *answer);
};

static void run_set(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        struct hash32 value = {};
        size_t len = strlen(words[2]);

        if (strcmp(words[2], "text") == 0) {
                char *text = n > 3 ? words[3] : words[2] + len;
                size_t m = strlen(text);

                if (m >= 2 && text[0] == '"' && text[m - 1] == '"') {
                        text++;
                        m -= 2;
                }
                if (m > sizeof(value.b)) {
                        fprintf(answer, "error a text has at most 32 bytes\n");
                        return;
                }
                memcpy(value.b, text, m);
        } else if (hex_decode(VIEW(words[2], len), value.b, sizeof(value.b)) < 0) {
                fprintf(answer, "error want 0x and 64 digits, or text \"...\"\n");
                return;
        }
        if (!chain_set(&dn->chain, words[1], &value))
                fprintf(answer, "error too many changes wait for a block\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) dn->chain.n_blocks);
}

static void run_clear(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        static const struct hash32 zero;

        (void) n;
        if (!chain_set(&dn->chain, words[1], &zero))
                fprintf(answer, "error too many changes wait for a block\n");
        else
                fprintf(answer, "ok in block %llu\n", (unsigned long long) dn->chain.n_blocks);
}

static void put_block(const struct block *b, FILE *answer) {
        char hash[65], state[65], miner[41];

        fprintf(answer, "ok %llu 0x%s state=0x%s timestamp=%llu miner=0x%s\n",
                (unsigned long long) b->number, hex_encode(b->hash.b, 32, hash),
                hex_encode(b->state.b, 32, state), (unsigned long long) b->timestamp,
                hex_encode(b->miner.b, 20, miner));
}

static void run_mine(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        uint64_t count = n > 1 ? strtoull(words[1], NULL, 10) : 1;

        if (count == 0 || count > MINE_MAX) {
                fprintf(answer, "error want a number of blocks from 1 to %u\n", MINE_MAX);
                return;
        }
        devnode_mine(dn, count);
        put_block(&dn->chain.blocks[chain_peak(&dn->chain)], answer);
}

static void run_interval(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        (void) n;
        dn->options.interval_ms = strtoull(words[1], NULL, 10);
        dn->next_mine_ms = now_ms() + (int64_t) dn->options.interval_ms;
        fprintf(answer, "ok %llu\n", (unsigned long long) dn->options.interval_ms);
}

static void run_peak(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        (void) words;
        (void) n;
        put_block(&dn->chain.blocks[chain_peak(&dn->chain)], answer);
}

static void run_final(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        (void) words;
        (void) n;
        put_block(&dn->chain.blocks[chain_final(&dn->chain)], answer);
}

static void run_header(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        uint64_t number = strtoull(words[1], NULL, 10);

        (void) n;
        if (number > chain_peak(&dn->chain))
                fprintf(answer, "error the newest block is %llu\n",
                        (unsigned long long) chain_peak(&dn->chain));
        else
                put_block(&dn->chain.blocks[number], answer);
}

/* The nodes that a word names, as a range; false for none. */
static bool which_nodes(
                struct devnode *dn, const char *word, unsigned *ret_from, unsigned *ret_to) {
        char *end;
        unsigned long i = strtoul(word, &end, 10);

        if (strcmp(word, "all") == 0) {
                *ret_from = 0;
                *ret_to = dn->options.nodes;
                return true;
        }
        if (*end || end == word || i >= dn->options.nodes)
                return false;
        *ret_from = (unsigned) i;
        *ret_to = (unsigned) i + 1;
        return true;
}

static void run_fault(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        unsigned from, to;
        enum fault fault;

        if (!which_nodes(dn, words[1], &from, &to))
                fprintf(answer, "error no such node: %s\n", words[1]);
        else if (!fault_find(words[2], &fault))
                fprintf(answer, "error no such fault: %s (try faults)\n", words[2]);
        else {
                for (unsigned i = from; i < to; i++)
                        fault_set(&dn->nodes[i], fault, n > 3 ? words[3] : NULL);
                fprintf(answer, "ok %s\n", fault_table[fault].name);
        }
}

static void run_faults(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        (void) dn;
        (void) words;
        (void) n;
        fprintf(answer, "ok");
        for (unsigned i = 0; i < FAULT_MAX; i++)
                fprintf(answer, " %s", fault_table[i].name);
        fprintf(answer, "\n");
}

static void run_stats(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        const struct stats *s;
        unsigned from, to;

        (void) n;
        if (!which_nodes(dn, words[1], &from, &to) || to - from != 1) {
                fprintf(answer, "error no such node: %s\n", words[1]);
                return;
        }
        s = &dn->nodes[from].stats;
        fprintf(answer,
                "ok fault=%s connections=%llu handshakes=%llu requests=%llu unanswered=%llu "
                "bytes_in=%llu bytes_out=%llu tickets=%llu ticket_bytes=%llu",
                fault_table[dn->nodes[from].fault].name, (unsigned long long) s->connections,
                (unsigned long long) s->handshakes, (unsigned long long) s->requests,
                (unsigned long long) s->unanswered, (unsigned long long) s->bytes_in,
                (unsigned long long) s->bytes_out, (unsigned long long) s->tickets,
                (unsigned long long) s->ticket_bytes);
        for (unsigned i = 0; i < STATS_METHODS && s->methods[i].name[0]; i++)
                fprintf(answer, " %s=%llu", s->methods[i].name,
                        (unsigned long long) s->methods[i].n);
        fprintf(answer, "\n");
}

static void run_stop(struct devnode *dn, char **words, unsigned n, FILE *answer) {
        (void) words;
        (void) n;
        dn->stop = true;
        fprintf(answer, "ok\n");
}

static const struct command commands[] = {
        { "set", 3, run_set },       { "clear", 2, run_clear },   { "mine", 1, run_mine },
        { "interval", 2, run_interval }, { "peak", 1, run_peak }, { "final", 1, run_final },
        { "header", 2, run_header }, { "fault", 3, run_fault },   { "faults", 1, run_faults },
        { "stats", 2, run_stats },   { "stop", 1, run_stop },
};

static void run_line(struct devnode *dn, char *line, FILE *answer) {
        char *words[WORDS_MAX] = {}, *save = NULL;
        unsigned n = 0;

        for (char *w = strtok_r(line, " \r", &save); w && n < WORDS_MAX - 1;
             w = strtok_r(NULL, n == 3 ? "\r" : " \r", &save))
                words[n++] = w;
        if (n == 0) {
                fprintf(answer, "error empty line\n");
                return;
        }
        for (unsigned i = 0; i < ELEMENTSOF(commands); i++)
                if (strcmp(words[0], commands[i].name) == 0) {
                        if (n < commands[i].min_words)
                                fprintf(answer, "error %s needs more words\n", words[0]);
                        else
                                commands[i].run(dn, words, n, answer);
                        return;
                }
        fprintf(answer, "error no such command: %s\n", words[0]);
}

int control_start(struct devnode *dn) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        struct control *ctl = calloc(1, sizeof(*ctl));

        if (!ctl || strlen(dn->options.control) >= sizeof(sa.sun_path)) {
                free(ctl);
                return -ENAMETOOLONG;
        }
        memcpy(sa.sun_path, dn->options.control, strlen(dn->options.control) + 1);
        memcpy(ctl->path, sa.sun_path, sizeof(ctl->path));
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                ctl->clients[i].fd = -1;
        (void) unlink(ctl->path);
        dn->control = ctl;
        ctl->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (ctl->listen_fd < 0 || bind(ctl->listen_fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
            listen(ctl->listen_fd, 8) < 0)
                return -errno;
        return 0;
}

static void client_close(struct client *c) {
        close(c->fd);
        *c = (struct client){ .fd = -1 };
}

static void client_line(struct devnode *dn, struct client *c, char *line) {
        char *text = NULL;
        size_t n = 0;
        FILE *answer = open_memstream(&text, &n);

        if (!answer)
                return;
        run_line(dn, line, answer);
        fclose(answer);
        if (send(c->fd, text, n, MSG_NOSIGNAL) != (ssize_t) n)
                shutdown(c->fd, SHUT_RDWR);
        free(text);
}

static void client_read(struct devnode *dn, struct client *c) {
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
                client_line(dn, c, line);
        }
}

size_t control_poll_fill(struct devnode *dn, struct pollfd *fds, size_t cap) {
        struct control *ctl = dn->control;
        size_t n = 0;

        fds[n++] = (struct pollfd){ .fd = ctl->listen_fd, .events = POLLIN };
        for (unsigned i = 0; i < CLIENTS_MAX && n < cap; i++)
                if (ctl->clients[i].fd >= 0)
                        fds[n++] = (struct pollfd){ .fd = ctl->clients[i].fd, .events = POLLIN };
        return n;
}

static void control_accept(struct control *ctl) {
        int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                if (ctl->clients[i].fd < 0) {
                        ctl->clients[i].fd = fd;
                        return;
                }
        close(fd);
}

void control_poll_done(struct devnode *dn, const struct pollfd *fds, size_t n) {
        for (size_t i = 1; i < n; i++)
                for (unsigned j = 0; j < CLIENTS_MAX; j++)
                        if (fds[i].revents && fds[i].fd == dn->control->clients[j].fd)
                                client_read(dn, &dn->control->clients[j]);
        if (fds[0].revents)
                control_accept(dn->control);
}

void control_stop(struct devnode *dn) {
        if (!dn->control)
                return;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                if (dn->control->clients[i].fd >= 0)
                        client_close(&dn->control->clients[i]);
        if (dn->control->listen_fd >= 0) {
                close(dn->control->listen_fd);
                (void) unlink(dn->control->path);
        }
        free(dn->control);
        dn->control = NULL;
}
