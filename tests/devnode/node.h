/* The test node as a whole: one chain, several edge nodes that serve it, each with its own key,
 * its own fault and its own memory of devices and tickets. One thread, one poll loop. */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/types.h>

#include "tests/devnode/chain.h"
#include "tests/devnode/fault.h"

#define NODES_MAX        8u
#define CONNS_MAX        256u
#define DEVICES_MAX      64u
#define TICKETS_MAX      8u /* of one device at one node */
#define FRAME_MAX        65535u
#define LOCAL_MAX        512u
#define FAULT_ARG_MAX    160u
#define STATS_METHODS    24u

struct ticket {
        unsigned version; /* 0: none */
        uint64_t chain, epoch, block, conns, bytes;
        struct hash32 block_hash;
        struct address fleet;
        uint8_t local[LOCAL_MAX];
        size_t local_n;
        uint8_t device_signature[SIGNATURE_SIZE], server_signature[SIGNATURE_SIZE];
};

struct device {
        struct address address;
        uint64_t usage, paid;
        struct ticket tickets[TICKETS_MAX];
        unsigned n_tickets, newest;
};

struct branch {
        uint64_t base; /* number of blocks[0] */
        struct block *blocks;
        size_t n;
        uint64_t generation; /* of the chain when it was last made longer */
};

struct stats {
        uint64_t connections, handshakes, requests, bytes_in, bytes_out, tickets, ticket_bytes;
        uint64_t unanswered;
        struct {
                char name[24];
                uint64_t n;
        } methods[STATS_METHODS];
};

struct node {
        struct devnode *dn;
        unsigned index;
        struct key key;
        uint16_t port;
        int listen_fd;
        SSL_CTX *tls, *tls_own, *tls_other;
        enum fault fault;
        bool has_arg;
        char arg[FAULT_ARG_MAX];
        uint64_t arg_n;      /* the argument as a number */
        uint64_t fault_peak; /* the chain's peak when the fault began */
        uint64_t quick_last; /* what a client last called its own newest block */
        struct branch branch;
        struct device devices[DEVICES_MAX];
        unsigned n_devices;
        struct stats stats;
};

struct options {
        const char *info, *control, *suffix_host;
        struct in_addr address;
        unsigned nodes, blocks, hello_max;
        uint64_t interval_ms, ticket_deadline_ms, grace, epoch_blocks;
        bool past_peak_error;
        struct chain_config chain;
};

struct conn;
struct line_server;

struct devnode {
        struct options options;
        struct chain chain;
        struct node nodes[NODES_MAX];
        struct conn *conns;
        unsigned n_conns;
        struct line_server *control;
        uint64_t checkpoint;
        int64_t next_mine_ms;
        uint32_t push_id;
        bool stop;
};

int64_t now_ms(void);
uint64_t wall_s(void);

/* tls.c */
SSL_CTX *tls_context(const struct key *key);
bool tls_peer(SSL *ssl, struct address *ret);

/* view.c: the chain as this node shows it, with its fault. */
uint64_t view_peak(struct node *node);
const struct block *view_block(struct node *node, uint64_t number);
/* A header as served; false where the node has none. */
bool view_header(struct node *node, uint64_t number, struct block *ret);
int view_quick(struct node *node, uint64_t last, uint64_t window, uint64_t *ret, size_t cap);

/* branch.c: blocks of the faults that show another chain. */
void branch_refresh(struct node *node);
void branch_clear(struct node *node);

/* answer.c: one request. Writes the message (a list) into ret. */
enum answer { ANSWER_SEND, ANSWER_NONE, ANSWER_CLOSE };
struct request {
        struct conn *conn;
        struct node *node;
        const struct rlpr *args; /* without the method */
        size_t n_args;
};
enum answer answer_request(struct request *rq, const struct rlpr *method, struct out *ret);
void message_begin(struct out *o, size_t *at);
enum answer message_end(struct out *o, size_t at);
enum answer message_error(struct out *o, const char *text);
enum answer message_bad_input(struct out *o);

/* ticket.c */
struct device *device_get(struct node *node, const struct address *address);
enum answer answer_ticket(struct request *rq, unsigned version, struct out *ret);
enum answer answer_object(struct request *rq, struct out *ret);
void device_blob(const struct ticket *t, const struct address *server, struct out *ret);

/* edge.c */
int edge_listen(struct node *node);
void edge_accept(struct node *node);
size_t edge_poll_fill(struct devnode *dn, struct pollfd *fds, size_t cap);
void edge_poll_done(struct devnode *dn, const struct pollfd *fds, size_t n);
int64_t edge_next_ms(struct devnode *dn);
void edge_timers(struct devnode *dn);
void edge_close_all(struct devnode *dn);
void edge_close_node(struct node *node);
const struct address *conn_device(const struct conn *conn);
unsigned conn_hello(const struct conn *conn);
void conn_set_hello(struct conn *conn, unsigned version);
void conn_ticket_accepted(struct conn *conn);
bool conn_has_ticket(const struct conn *conn);
/* wants_ticket: the time for a ticket begins anew. */
void conn_push(struct conn *conn, const struct out *message, bool wants_ticket);

/* control.c */
int control_start(struct devnode *dn);
void devnode_mine(struct devnode *dn, uint64_t n);

/* selfcheck.c */
int self_check(const char *vectors_dir);
