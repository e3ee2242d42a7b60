/* Messages of nf_tables (include/uapi/linux/netfilter/nf_tables.h) by libmnl and libnftnl. */

#include "agent/netd/nft_batch.h"

#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#define ROOM            65536 /* for one more message: an attribute cannot be longer */
#define ELEMENTS        500   /* of one message: below 65,535 bytes */
#define PRIORITY_FILTER 0

/* NF_CT_STATE_BIT() of linux/netfilter/nf_conntrack_common.h for IP_CT_ESTABLISHED, IP_CT_RELATED.
 */
#define CT_ESTABLISHED 2u
#define CT_RELATED     4u
#define CT_REPLY       1u /* IP_CT_DIR_REPLY of nf_conntrack_tuple_common.h */

static const char *const TYPE_FILTER = "filter";

enum { KEY_IPV4 = 7, KEY_IPV6 = 8 }; /* how nft(8) calls them: types of libnftables */

static char *room(struct nft_batch *b) {
        uint8_t *p;
        size_t want;

        if (b->error < 0)
                return NULL;
        if (b->room - b->n >= ROOM)
                return (char *) b->b + b->n;
        want = b->room + b->room / 2 + ROOM;
        p = realloc(b->b, want);
        if (!p) {
                b->error = -ENOMEM;
                return NULL;
        }
        /* What libmnl leaves between attributes is zero, so that equal wishes are equal bytes. */
        memset(p + b->n, 0, want - b->n);
        b->b = p;
        b->room = want;
        return (char *) p + b->n;
}

static void put(struct nft_batch *b, const struct nlmsghdr *m) {
        b->n += MNL_ALIGN(m->nlmsg_len);
}

static void fail(struct nft_batch *b) {
        if (b->error == 0)
                b->error = -ENOMEM;
}

void nft_batch_begin(struct nft_batch *b) {
        char *p = room(b);

        if (p)
                put(b, nftnl_batch_begin(p, 0));
}

int nft_batch_end(struct nft_batch *b) {
        char *p = room(b);
        struct nlmsghdr *m, *last = NULL;
        int left = (int) b->n;

        if (!p)
                return b->error;
        for (m = (struct nlmsghdr *) b->b; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
                last = m;
        if (!last)
                return -EINVAL;
        last->nlmsg_flags |= NLM_F_ACK;
        put(b, nftnl_batch_end(p, 0));
        return 0;
}

void nft_batch_done(struct nft_batch *b) {
        free(b->b);
        *b = (struct nft_batch){ 0 };
}

void nft_put_table(struct nft_batch *b, bool add) {
        char *p = room(b);
        struct nlmsghdr *m;

        if (!p)
                return;
        m = nftnl_nlmsg_build_hdr(p, add ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE, NFPROTO_INET,
                        add ? NLM_F_CREATE : 0, 0);
        mnl_attr_put_strz(m, NFTA_TABLE_NAME, NFT_TABLE);
        put(b, m);
}

void nft_put_chain(struct nft_batch *b, const char *name, int hook) {
        char *p = room(b);
        struct nlmsghdr *m;
        struct nlattr *nest;

        if (!p)
                return;
        m = nftnl_nlmsg_build_hdr(p, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE, 0);
        mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, NFT_TABLE);
        mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name);
        if (hook >= 0) {
                nest = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
                mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl((uint32_t) hook));
                mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl(PRIORITY_FILTER));
                mnl_attr_nest_end(m, nest);
                mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
                mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, TYPE_FILTER);
        }
        put(b, m);
}

void nft_put_set(struct nft_batch *b, const char *name, uint8_t family) {
        char *p = room(b);
        struct nlmsghdr *m;

        if (!p)
                return;
        m = nftnl_nlmsg_build_hdr(p, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE, 0);
        mnl_attr_put_strz(m, NFTA_SET_TABLE, NFT_TABLE);
        mnl_attr_put_strz(m, NFTA_SET_NAME, name);
        mnl_attr_put_u32(m, NFTA_SET_KEY_TYPE, htonl(family == 4 ? KEY_IPV4 : KEY_IPV6));
        mnl_attr_put_u32(m, NFTA_SET_KEY_LEN, htonl(family == 4 ? 4 : 16));
        mnl_attr_put_u32(m, NFTA_SET_ID, htonl(++b->sets));
        put(b, m);
}

static bool elements_begin(struct nft_elements *e) {
        char *p = room(e->batch);
        struct nlmsghdr *m;

        if (!p)
                return false;
        m = nftnl_nlmsg_build_hdr(p, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE, 0);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, e->set);
        e->at = e->batch->n;
        e->nest = m->nlmsg_len;
        (void) mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        return true;
}

/* The batch may move between messages, never within one. */
void nft_put_element(struct nft_elements *e, const struct ip *ip) {
        struct nlattr *one, *key;
        struct nlmsghdr *m;

        if (e->batch->error < 0 || (e->n == 0 && !elements_begin(e)))
                return;
        m = (struct nlmsghdr *) (e->batch->b + e->at);
        one = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
        key = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
        mnl_attr_put(m, NFTA_DATA_VALUE, ip->family == 4 ? 4 : 16, ip->b);
        mnl_attr_nest_end(m, key);
        mnl_attr_nest_end(m, one);
        if (++e->n == ELEMENTS)
                nft_put_elements_end(e);
}

void nft_put_elements_end(struct nft_elements *e) {
        struct nlmsghdr *m;

        if (e->batch->error < 0 || e->n == 0)
                return;
        m = (struct nlmsghdr *) (e->batch->b + e->at);
        mnl_attr_nest_end(m, (struct nlattr *) ((uint8_t *) m + e->nest));
        put(e->batch, m);
        e->n = 0;
}

struct nftnl_rule *nft_rule_begin(struct nft_batch *b, const char *chain) {
        struct nftnl_rule *r = b->error < 0 ? NULL : nftnl_rule_alloc();

        if (!r || nftnl_rule_set_str(r, NFTNL_RULE_TABLE, NFT_TABLE) < 0 ||
                        nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain) < 0) {
                fail(b);
                if (r)
                        nftnl_rule_free(r);
                return NULL;
        }
        nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
        return r;
}

static struct nftnl_expr *add_expr(struct nft_batch *b, struct nftnl_rule *r, const char *name) {
        struct nftnl_expr *e = r ? nftnl_expr_alloc(name) : NULL;

        if (!e) {
                fail(b);
                return NULL;
        }
        nftnl_rule_add_expr(r, e);
        return e;
}

void nft_rule_end(struct nft_batch *b, struct nftnl_rule *r, struct nft_jump what) {
        struct nftnl_expr *e = add_expr(b, r, "immediate");
        struct nlmsghdr *m;
        char *p;

        if (e) {
                nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
                nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t) what.verdict);
                if (what.chain && nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, what.chain) < 0)
                        fail(b);
        }
        p = room(b);
        if (p && r) {
                m = nftnl_nlmsg_build_hdr(
                                p, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_APPEND, 0);
                nftnl_rule_nlmsg_build_payload(m, r);
                put(b, m);
        }
        if (r)
                nftnl_rule_free(r);
}

static void add_meta(struct nft_batch *b, struct nftnl_rule *r, uint32_t key) {
        struct nftnl_expr *e = add_expr(b, r, "meta");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void add_cmp(
                struct nft_batch *b, struct nftnl_rule *r, uint32_t op, const void *p, uint32_t n) {
        struct nftnl_expr *e = add_expr(b, r, "cmp");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
        if (nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, p, n) < 0)
                fail(b);
}

static void add_payload(struct nft_batch *b, struct nftnl_rule *r, uint32_t base, uint32_t offset,
                uint32_t n) {
        struct nftnl_expr *e = add_expr(b, r, "payload");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, n);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void add_range(struct nft_batch *b, struct nftnl_rule *r, const void *from, const void *to,
                uint32_t n) {
        struct nftnl_expr *e;

        if (memcmp(from, to, n) == 0) {
                add_cmp(b, r, NFT_CMP_EQ, from, n);
                return;
        }
        e = add_expr(b, r, "range");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
        if (nftnl_expr_set(e, NFTNL_EXPR_RANGE_FROM_DATA, from, n) < 0 ||
                        nftnl_expr_set(e, NFTNL_EXPR_RANGE_TO_DATA, to, n) < 0)
                fail(b);
}

static void if_link(struct nft_batch *b, struct nftnl_rule *r, uint32_t op, const char *link) {
        char name[16] = { 0 }; /* in whole: without the NUL it would be a beginning */

        memcpy(name, link, strnlen(link, sizeof(name) - 1));
        add_meta(b, r, NFT_META_IIFNAME);
        add_cmp(b, r, op, name, sizeof(name));
}

void nft_if_link(struct nft_batch *b, struct nftnl_rule *r, const char *link) {
        if_link(b, r, NFT_CMP_EQ, link);
}

void nft_if_other_link(struct nft_batch *b, struct nftnl_rule *r, const char *link) {
        if_link(b, r, NFT_CMP_NEQ, link);
}

void nft_if_family(struct nft_batch *b, struct nftnl_rule *r, uint8_t family) {
        const uint8_t proto = family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

        add_meta(b, r, NFT_META_NFPROTO);
        add_cmp(b, r, NFT_CMP_EQ, &proto, 1);
}

void nft_if_protocol(struct nft_batch *b, struct nftnl_rule *r, uint8_t protocol) {
        add_meta(b, r, NFT_META_L4PROTO);
        add_cmp(b, r, NFT_CMP_EQ, &protocol, 1);
}

void nft_if_source(struct nft_batch *b, struct nftnl_rule *r, uint8_t family, const char *set,
                bool is_not) {
        struct nftnl_expr *e;

        add_payload(b, r, NFT_PAYLOAD_NETWORK_HEADER, family == 4 ? 12 : 8, family == 4 ? 4 : 16);
        e = add_expr(b, r, "lookup");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
        if (nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set) < 0)
                fail(b);
        if (is_not)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void nft_if_dest(struct nft_batch *b, struct nftnl_rule *r, const struct ip *a) {
        const uint32_t size = a->family == 4 ? 4 : 16;

        add_payload(b, r, NFT_PAYLOAD_NETWORK_HEADER, a->family == 4 ? 16 : 24, size);
        add_cmp(b, r, NFT_CMP_EQ, a->b, size);
}

void nft_if_port(struct nft_batch *b, struct nftnl_rule *r, uint32_t offset, uint16_t from,
                uint16_t to) {
        const uint16_t first = htons(from), last = htons(to);

        add_payload(b, r, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(first));
        add_range(b, r, &first, &last, sizeof(first));
}

void nft_if_byte(struct nft_batch *b, struct nftnl_rule *r, uint32_t base, uint32_t offset,
                uint8_t from, uint8_t to) {
        add_payload(b, r, base, offset, 1);
        add_range(b, r, &from, &to, 1);
}

static void add_state(struct nft_batch *b, struct nftnl_rule *r, uint32_t bits) {
        const uint32_t zero = 0;
        struct nftnl_expr *e = add_expr(b, r, "ct");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
        e = add_expr(b, r, "bitwise");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
        if (nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits)) < 0 ||
                        nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero)) < 0)
                fail(b);
        add_cmp(b, r, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void nft_if_established(struct nft_batch *b, struct nftnl_rule *r) {
        add_state(b, r, CT_ESTABLISHED | CT_RELATED);
}

void nft_if_related(struct nft_batch *b, struct nftnl_rule *r) {
        add_state(b, r, CT_RELATED);
}

void nft_if_reply(struct nft_batch *b, struct nftnl_rule *r) {
        const uint8_t reply = CT_REPLY;
        struct nftnl_expr *e = add_expr(b, r, "ct");

        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_DIRECTION);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
        add_cmp(b, r, NFT_CMP_EQ, &reply, sizeof(reply));
}
