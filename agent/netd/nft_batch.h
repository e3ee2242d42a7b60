/* A transaction of nf_tables as it is put together: messages one after another, in one buffer. And
 * what rules are made of. Once a call has failed the batch keeps its error, and takes no more. */
#pragma once

#include <libnftnl/rule.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/ip.h"

#define NFT_TABLE    "kedge"
#define NFT_NAME_MAX 40

struct nft_batch {
        uint8_t *b;
        size_t n, room;
        uint32_t sets; /* so many were made: each needs a number of its own in a transaction */
        int error;     /* 0, or -errno of what failed first */
};

/* Where a verdict goes on. */
struct nft_jump {
        int verdict;       /* NF_ACCEPT, NF_DROP, NFT_JUMP */
        const char *chain; /* of NFT_JUMP */
};

void nft_batch_begin(struct nft_batch *b);
/* 0, or the error. The last message before the end is acknowledged. */
_must_check_ int nft_batch_end(struct nft_batch *b);
void nft_batch_done(struct nft_batch *b);

void nft_put_table(struct nft_batch *b, bool add);
/* hook < 0: a chain that others jump to. */
void nft_put_chain(struct nft_batch *b, const char *name, int hook);
void nft_put_set(struct nft_batch *b, const char *name, uint8_t family);

/* Elements, as many as a message can hold and then the next; ip of another family than the set's
 * are left out by who calls. */
struct nft_elements {
        struct nft_batch *batch;
        const char *set;
        size_t n;        /* in the message that is being filled */
        size_t at, nest; /* where it begins in the batch, and its list */
};
void nft_put_element(struct nft_elements *e, const struct ip *ip);
void nft_put_elements_end(struct nft_elements *e);

/* Of a rule: nft_rule_begin(), what has to hold, nft_rule_end(). NULL is passed through: memory. */
struct nftnl_rule *nft_rule_begin(struct nft_batch *b, const char *chain);
void nft_rule_end(struct nft_batch *b, struct nftnl_rule *r, struct nft_jump what);

void nft_if_link(struct nft_batch *b, struct nftnl_rule *r, const char *link);
void nft_if_other_link(struct nft_batch *b, struct nftnl_rule *r, const char *link);
/* Sent to a; only after nft_if_family(). */
void nft_if_dest(struct nft_batch *b, struct nftnl_rule *r, const struct ip *a);
void nft_if_family(struct nft_batch *b, struct nftnl_rule *r, uint8_t family); /* 4 or 6 */
void nft_if_protocol(struct nft_batch *b, struct nftnl_rule *r, uint8_t protocol);
/* The source is, or is not, in the set; only after nft_if_family(). */
void nft_if_source(struct nft_batch *b, struct nftnl_rule *r, uint8_t family, const char *set,
                bool is_not);
/* 16 bits of the transport header at an offset are from .. to. */
void nft_if_port(struct nft_batch *b, struct nftnl_rule *r, uint32_t offset, uint16_t from,
                uint16_t to);
void nft_if_byte(struct nft_batch *b, struct nftnl_rule *r, uint32_t base, uint32_t offset,
                uint8_t from, uint8_t to);
void nft_if_established(struct nft_batch *b, struct nftnl_rule *r); /* or related */
void nft_if_related(struct nft_batch *b, struct nftnl_rule *r);
/* It goes the other way than the first packet of its flow did. */
void nft_if_reply(struct nft_batch *b, struct nftnl_rule *r);
