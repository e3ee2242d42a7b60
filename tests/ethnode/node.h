/* The test node as a whole: one chain, several HTTP servers that show it, each with its own fault.
 * One thread, one poll loop. */
#pragma once

#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>

#include "tests/ethnode/fault.h"
#include "tests/ethnode/world.h"

#define NODES_MAX     8u
#define FAULT_ARG_MAX 160u
#define BODY_MAX      65536u
#define STATS_ROUTES  16u
#define SILENT_MAX    64u

struct ethnode;

struct node {
        struct ethnode *en;
        unsigned index;
        struct MHD_Daemon *httpd;
        uint16_t port;
        enum fault fault;
        bool has_arg;
        char arg[FAULT_ARG_MAX];
        uint64_t arg_n;
        uint64_t fault_head;                       /* the chain's head when the fault began */
        struct MHD_Connection *silent[SILENT_MAX]; /* suspended */
        size_t n_silent;
        struct {
                uint64_t requests, bytes_out;
                struct {
                        char name[24];
                        uint64_t n;
                } route[STATS_ROUTES];
        } stats;
};

struct options {
        const char *info, *control, *network;
        unsigned nodes;
        uint64_t interval_ms;
        struct world_options world;
};

struct line_server;

struct ethnode {
        struct options options;
        struct world world;
        struct node nodes[NODES_MAX];
        struct line_server *control;
        int64_t next_mine_ms;
        bool stop;
};

/* What goes back to the client. */
struct reply {
        unsigned status;
        bool is_ssz;
        char fork[16]; /* Eth-Consensus-Version, or empty */
        uint64_t retry_s;
        struct buf body; /* of BODY_MAX * 4 bytes, the sender's */
};

void reply_error(struct reply *r, unsigned status, const char *text);
void reply_json(struct reply *r, json_t *take);

/* The chain and the newest slot as this node shows them. */
struct world *node_world(struct node *node);
uint64_t node_head(struct node *node);
void node_count(struct node *node, const char *route);

/* beacon.c: path is what follows the host; query gives an argument's text, or NULL. */
void beacon_answer(struct node *node, const char *path, struct MHD_Connection *c, bool wants_ssz,
                struct reply *ret);

/* rpc.c */
void rpc_answer(struct node *node, struct view body, struct reply *ret);

/* lc_json.c */
json_t *lc_made_json(const struct eth_network *net, const struct lc_made *o);
json_t *json_hex(struct view bytes);
json_t *json_hash(const struct hash32 *h);

/* http.c */
int http_start(struct node *node);
void http_stop(struct node *node);
int http_fd(const struct node *node);
void http_run(struct node *node);
/* When the server wants to run again at the latest, in ms from now; -1: whenever. */
int http_timeout(const struct node *node);

/* control.c */
int control_start(struct ethnode *en);
int64_t now_ms(void);
