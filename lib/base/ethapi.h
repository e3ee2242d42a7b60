/* What kedged asks of Ethereum's servers and what came back, in the bytes that both ends of the
 * link to kedge-fetch write alike. The chain's machine writes requests and reads answers;
 * kedge-fetch makes HTTP of the one and, whether a server spoke SSZ or JSON, these bytes of the
 * other: integers big endian, views borrowed.
 *
 *   request  id:u32 kind:u8 body
 *     GENESIS, FORK_SCHEDULE, FINALITY, OPTIMISTIC, CHECKPOINT, CHAIN_ID  nothing
 *     BOOTSTRAP, HEADER   root:32
 *     UPDATES             start:u64 count:u8, count at least 1
 *     PROOF               by_number:u8 root:32 number:u64 address:20 n:u8 slot:32[n]
 *
 *   answer   id:u32 kind:u8 result:u8 body
 *     not OK              (BUSY: retry_s:u32) text, to the end
 *     GENESIS             time:u64 validators_root:32 version:4
 *     FORK_SCHEDULE       n:u8 (version:4 epoch:u64)[n]
 *     BOOTSTRAP, UPDATES, FINALITY, OPTIMISTIC
 *                         n:u8 (by_digest:u8 length:u8 fork[length] length:u16 ssz[length])[n],
 *                         n at least 1
 *     CHECKPOINT          slot:u64 root:32
 *     CHAIN_ID            id:u64
 *     HEADER              RLP, to the end
 *     PROOF               nonce:u64 balance:32 code_hash:32 storage_root:32 nodes
 *                         n:u8 (key:32 value:32 nodes)[n]
 *       nodes             n:u8 (length:u16 node[length])[n]
 *
 * Everything in an answer is a stranger's word until lib/core has proven it. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"

#define ETHAPI_MESSAGE_MAX 65535 /* of a request or an answer: one courier frame */
#define ETHAPI_UPDATES_MAX 2     /* in one answer: 27 kB each */
#define ETHAPI_SLOTS_MAX   8     /* in one proof */
#define ETHAPI_NODES_MAX   65
#define ETHAPI_NODE_MAX    1024
#define ETHAPI_FORKS_MAX   32
#define ETHAPI_TAG_MAX     32
#define ETHAPI_TEXT_MAX    120
#define ETHAPI_RETRY_S_MAX 86400

enum ethapi_kind {
        ETHAPI_GENESIS = 1,   /* beacon: genesis time, validators root, fork version */
        ETHAPI_FORK_SCHEDULE, /* beacon: versions and epochs */
        ETHAPI_BOOTSTRAP,     /* beacon: of a block root */
        ETHAPI_UPDATES,       /* beacon: of count periods from start on */
        ETHAPI_FINALITY,      /* beacon: the latest finality update */
        ETHAPI_OPTIMISTIC,    /* beacon: the latest optimistic update */
        ETHAPI_CHECKPOINT,    /* beacon: slot and root of the block that it calls finalized */
        ETHAPI_CHAIN_ID = 16, /* execution */
        ETHAPI_HEADER,        /* execution: a block's header by hash, as RLP */
        ETHAPI_PROOF,         /* execution: EIP-1186 at a block */
};

enum ethapi_result {
        ETHAPI_OK = 1,
        ETHAPI_ABSENT, /* it does not have it: 404, an empty list, null, pruned, unknown block */
        ETHAPI_UNSUPPORTED, /* it does not do this: 405, 406, 501, method not found; or a fork that
                               kedge-fetch does not know */
        ETHAPI_BUSY,        /* 429, 503, rate limits: later */
        ETHAPI_FAILED,      /* no answer: DNS, connection, TLS, time, 4xx and 5xx of other kinds */
        ETHAPI_NONSENSE,    /* an answer that is none: JSON, sizes, truncated, endless */
};

struct ethapi_request {
        uint32_t id;
        enum ethapi_kind kind;
        struct hash32 root;     /* BOOTSTRAP: block root; HEADER, PROOF: block hash */
        uint64_t start, count;  /* UPDATES: count 1 to ETHAPI_UPDATES_MAX */
        uint64_t number;        /* PROOF: of the block, for servers that do not take a hash */
        bool by_number;         /* PROOF: ask by number */
        struct address address; /* PROOF */
        size_t n_slots;         /* PROOF: 0 to ETHAPI_SLOTS_MAX */
        struct hash32 slot[ETHAPI_SLOTS_MAX];
};

/* A light-client object: SSZ, and what told its fork: a 4-byte digest, or a name. */
struct ethapi_object {
        bool by_digest;
        struct view fork; /* a name: a-z, 0-9, '_', '-' */
        struct view ssz;
};

struct ethapi_nodes {
        size_t n;
        struct view node[ETHAPI_NODES_MAX];
};

struct ethapi_answer {
        uint32_t id;
        enum ethapi_kind kind;
        enum ethapi_result result;
        struct view text; /* not OK: why, for people; at most ETHAPI_TEXT_MAX printable bytes */
        uint64_t retry_s; /* BUSY: Retry-After as told, at most ETHAPI_RETRY_S_MAX, or 0 */
        union {
                struct {
                        uint64_t time;
                        struct hash32 validators_root;
                        uint8_t version[4];
                } genesis;
                struct {
                        size_t n;
                        struct {
                                uint8_t version[4];
                                uint64_t epoch;
                        } fork[ETHAPI_FORKS_MAX];
                } schedule;
                struct {
                        size_t n; /* BOOTSTRAP, FINALITY, OPTIMISTIC: 1 */
                        struct ethapi_object object[ETHAPI_UPDATES_MAX];
                } objects;
                struct {
                        uint64_t slot;
                        struct hash32 root;
                } checkpoint;
                uint64_t chain_id;
                struct view header; /* RLP */
                struct {
                        /* as the server says; nothing of it is proven, and it is compared, not used
                         */
                        uint64_t nonce;
                        struct hash32 balance, code_hash, storage_root;
                        struct ethapi_nodes account;
                        size_t n_slots;
                        struct {
                                struct hash32 key, value;
                                struct ethapi_nodes nodes;
                        } slot[ETHAPI_SLOTS_MAX];
                } proof;
        };
};

/* Write; what does not fit, or breaks a limit above, leaves the buf full. */
void ethapi_put_request(struct buf *b, const struct ethapi_request *r);
void ethapi_put_answer(struct buf *b, const struct ethapi_answer *a);

/* Read; the message must end exactly. -EBADMSG, -E2BIG over a limit, -EPROTONOSUPPORT for a kind or
 * result that is none. */
_must_check_ int ethapi_parse_request(struct view message, struct ethapi_request *ret);
_must_check_ int ethapi_parse_answer(struct view message, struct ethapi_answer *ret);

/* "bootstrap", "account proof", ... for journals. */
const char *ethapi_kind_text(enum ethapi_kind kind);
