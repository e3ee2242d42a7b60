/* Proof bundles: an answer that carries its own proof (docs/protocols/bundle.md).
 *
 * A bundle is the transcript of a fresh light client that begins at a checkpoint: what came in, in
 * its order. The machines of this room do the same on the same events; so whoever trusts the
 * checkpoint plays them to a machine of his own, and believes what that machine has proven. Nothing
 * that stands in a bundle is believed for standing there. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/view.h"
#include "chain/blockquick.h"
#include "chain/chain.h"
#include "core/ens_walk.h"
#include "core/eth_network.h"
#include "core/name_record.h"

#define BUNDLE_VERSION      1
#define BUNDLE_MAX          (1 << 20) /* bytes of a file */
#define BUNDLE_EVENTS_MAX   16384
#define BUNDLE_ASKS_MAX     8
#define BUNDLE_TRIES_MAX    4 /* ENS: a head that moves on has the walk begin again */
#define BUNDLE_MESSAGE_MAX  65535
#define BUNDLE_PAUSE_MAX_MS 120000 /* between two events */
#define BUNDLE_NAME_MAX     253
#define BUNDLE_START_MS     1000 /* what the machine's clock says at the start */

enum bundle_backend { BUNDLE_BLOCKQUICK = 1, BUNDLE_ETHEREUM };
enum bundle_zone { BUNDLE_MAP = 1, BUNDLE_ENS };
enum bundle_upstream_kind { BUNDLE_NODE = 1, BUNDLE_BEACON, BUNDLE_EXECUTION };

struct bundle_upstream {
        enum bundle_upstream_kind kind;
        struct address node; /* NODE */
};

/* What the machine is made of, but for what the verifier must bring himself. */
struct bundle {
        enum bundle_backend backend;
        struct block_ref checkpoint;     /* where its maker began; Ethereum: number 0, a root */
        char chain[ETH_NAME_MAX];        /* Ethereum: the network's name; else a label */
        uint64_t chain_id;
        struct hash32 genesis;           /* Ethereum: the genesis validators root */
        enum bundle_zone zone;
        /* MAP: a mapping of a contract; that the zone behind the host is this one is the maker's
         * word. ENS: the name itself says where its record is. */
        struct address contract;
        uint64_t slot;
        char name[BUNDLE_NAME_MAX + 1];
        size_t host_n; /* MAP: name's first bytes are the host, or a subject as core/name_record.h
                          has it; 0: the apex */
        uint64_t made_s;                 /* when, by the maker's word; 0: unknown */
        uint32_t seed;
        /* BLOCKQUICK: a key that is good for nothing else, and what its tickets name. */
        uint8_t device_key[SECP_PRIVKEY_SIZE];
        struct address fleet;
        unsigned ticket_version;
        size_t n_upstreams;
        struct bundle_upstream upstream[CHAIN_UPSTREAMS_MAX];
        struct view events; /* borrowed */
};

enum bundle_kind {
        BUNDLE_TICK = 1,
        BUNDLE_UP,    /* bytes: as of CHAIN_EV_UP */
        BUNDLE_DOWN,
        BUNDLE_BYTES, /* bytes: one message */
        BUNDLE_ASK,   /* the record is asked for, at finalized and at head */
};

struct bundle_event {
        enum bundle_kind kind;
        unsigned upstream; /* UP, DOWN, BYTES */
        uint32_t pause_ms; /* since the event before */
        struct view bytes;
};

/* -EBADMSG: not a bundle, or against its rules; -EILSEQ: damaged, its checksum is another; -E2BIG:
 * over a limit; -EPROTONOSUPPORT: of a later version. *ret borrows from file. */
_must_check_ int bundle_parse(struct view file, struct bundle *ret);

/* The next of *events, which moves on. -EBADMSG, -E2BIG. */
_must_check_ int bundle_take_event(
                const struct bundle *b, struct view *events, struct bundle_event *ret);

/* Writing one: the head, the events, the end. What does not fit leaves the buffer full. */
void bundle_put_head(struct buf *out, const struct bundle *b);
void bundle_put_event(struct buf *out, const struct bundle_event *e);
void bundle_put_end(struct buf *out);

static inline struct view bundle_host(const struct bundle *b) {
        return VIEW(b->name, b->host_n);
}

/* Which fields the record has; never NULL for a bundle that was parsed. */
static inline const struct name_record_shape *bundle_shape(const struct bundle *b) {
        return name_record_shape_of(bundle_host(b));
}

/* What the verifier brings himself: nothing of it is taken from a bundle. */
struct bundle_trust {
        struct block_ref checkpoint;   /* Ethereum: the hash is what counts */
        const struct eth_network *net; /* Ethereum; borrowed */
};

enum bundle_verdict { BUNDLE_UNPROVEN = 0, BUNDLE_PROVEN };

/* What was proven. */
struct bundle_claims {
        struct chain_block final, head;
        struct name_record_values values;
        struct name_record record;
};

/* The record at one of the two blocks: a question of a map, some of ENS. */
struct bundle_side {
        enum chain_at at;
        uint64_t id;  /* of the question that is open; 0: none is */
        bool asked, answered, proven;
        unsigned tries;
        struct chain_block block; /* of the first answer */
        struct chain_answer answer;
        struct ens_walk walk;
        struct hash32 value[NAME_RECORD_FIELDS];
};

/* A machine at play. */
struct bundle_play {
        struct chain *chain;
        enum bundle_zone zone;
        struct address contract;
        const struct name_record_shape *shape;
        struct hash32 slots[NAME_RECORD_FIELDS], node;
        uint64_t now_ms, last_id;
        unsigned asks;
        struct bundle_side final, head;
        struct chain_status status; /* after the last event */
        char why[CHAIN_TEXT_MAX];   /* what went wrong last */
        struct chain_out out;
};

/* -EINVAL: trust or the bundle does not make a machine; -ENOMEM. */
_must_check_ int bundle_play_new(
                const struct bundle *b, const struct bundle_trust *trust, struct bundle_play **ret);
struct bundle_play *bundle_play_free(struct bundle_play *p);

static inline void bundle_play_freep(struct bundle_play **p) {
        *p = bundle_play_free(*p);
}

/* Whoever makes a bundle carries out what the machine wants: CONNECT, SEND, DROP. */
typedef void bundle_act_fn(void *userdata, const struct chain_action *action);

/* act may be NULL. -EINVAL where the event cannot be at this point: p->why says it. */
_must_check_ int bundle_play_event(struct bundle_play *p, const struct bundle_event *e,
                bundle_act_fn *act, void *userdata);

/* May BUNDLE_ASK come now? */
_must_check_ bool bundle_play_may_ask(const struct bundle_play *p);
/* Asked, and all of it is answered, well or not. */
_must_check_ bool bundle_play_answered(const struct bundle_play *p);

/* Both blocks were proven to say what they say: asking again would not help. */
_must_check_ bool bundle_play_is_final(const struct bundle_play *p);

/* *ret_claims is set where it says PROVEN; else ret_why says why not. */
_must_check_ enum bundle_verdict bundle_play_verdict(const struct bundle_play *p,
                struct bundle_claims *ret_claims, char ret_why[CHAIN_TEXT_MAX]);

/* Plays the whole bundle. *ret_step is how many events were played. -EINVAL, -ENOMEM as
 * bundle_play_new(). */
_must_check_ int bundle_verify(const struct bundle *b, const struct bundle_trust *trust,
                enum bundle_verdict *ret_verdict, struct bundle_claims *ret_claims,
                size_t *ret_step, char ret_why[CHAIN_TEXT_MAX]);
