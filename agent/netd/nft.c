/* The table inet kedge in the kernel. It is written in whole, in one transaction: readers of
 * packets see the one before or the one after. What stands after our transaction is summed up, so
 * that it can be told whether another tool has changed it: at first by the generation, which each
 * transaction of anybody moves on by one, and where that has moved by what stands then. */

#include "agent/netd/machine.h"

#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/netlink.h"
#include "agent/netd/nft_rules.h"

#define TRIES    3   /* others write too */
#define SETS_MAX 512 /* that are read; of ours are at most 4 times 68 */

struct nft {
        struct netlink netlink;
        bool known; /* generation and sum are of what nft_write() has made */
        uint32_t generation;
        uint64_t sum, wanted;
};

struct names {
        size_t n;
        char name[SETS_MAX][NFT_NAME_MAX];
};

struct survey {
        uint64_t sum;
        struct names *sets; /* NULL: not these */
        size_t n_unknown;   /* sets that are none of ours: more, or longer names */
};

int nft_new(struct nft **ret) {
        struct nft *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        netlink_init(&f->netlink, NETLINK_NETFILTER);
        *ret = f;
        return 0;
}

struct nft *nft_free(struct nft *f) {
        if (f)
                netlink_done(&f->netlink);
        free(f);
        return NULL;
}

/* FNV-1a: nobody gains by two tables of one sum who could not write the table anyhow. */
static uint64_t hash(uint64_t h, const void *p, size_t n) {
        const uint8_t *b = p;

        for (size_t i = 0; i < n; i++)
                h = (h ^ b[i]) * UINT64_C(0x100000001b3);
        return h;
}
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

static struct nlmsghdr *request(char *p, uint16_t type, uint16_t family) {
        struct nlmsghdr *m = mnl_nlmsg_put_header(p);
        struct nfgenmsg *g;

        m->nlmsg_type = (uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | type);
        g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        g->nfgen_family = (uint8_t) family;
        g->version = NFNETLINK_V0;
        return m;
}

static int take_generation(const struct nlmsghdr *m, void *data) {
        const struct nlattr *a;
        uint32_t *ret = data;

        mnl_attr_for_each(a, m, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(a) == NFTA_GEN_ID &&
                                mnl_attr_validate(a, MNL_TYPE_U32) >= 0) {
                        *ret = ntohl(mnl_attr_get_u32(a));
                        return 0;
                }
        }
        return -EBADMSG;
}

/* -EOPNOTSUPP: this kernel has no nf_tables. */
static int generation(struct nft *f, uint32_t *ret) {
        char b[64] __attribute__((aligned(MNL_ALIGNTO)));
        struct nlmsghdr *m = request(b, NFT_MSG_GETGEN, NFPROTO_UNSPEC);
        uint32_t id = 0;
        int r = netlink_do(&f->netlink, m, take_generation, &id);

        if (r < 0)
                return r == -EINVAL || r == -EPROTONOSUPPORT ? -EOPNOTSUPP : r;
        *ret = id;
        return 0;
}

/* In all of these messages the first attribute names the table, in most the second the thing. */
static bool is_ours(const struct nlmsghdr *m) {
        const struct nfgenmsg *g = mnl_nlmsg_get_payload(m);
        const struct nlattr *a;

        if (mnl_nlmsg_get_payload_len(m) < sizeof(*g) || g->nfgen_family != NFPROTO_INET)
                return false;
        mnl_attr_for_each(a, m, sizeof(*g)) {
                if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
                        return mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 &&
                               strcmp(mnl_attr_get_str(a), NFT_TABLE) == 0;
        }
        return false;
}

static void keep_name(struct survey *s, const struct nlmsghdr *m) {
        const struct nlattr *a;

        mnl_attr_for_each(a, m, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(a) != NFTA_SET_NAME)
                        continue;
                if (s->sets->n < SETS_MAX && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 &&
                                mnl_attr_get_payload_len(a) <= NFT_NAME_MAX) {
                        memcpy(s->sets->name[s->sets->n++], mnl_attr_get_str(a),
                                        mnl_attr_get_payload_len(a));
                        return;
                }
        }
        s->n_unknown++;
}

/* The order of a dump is not always the same: sums, not a chain of hashes. */
static int take_object(const struct nlmsghdr *m, void *data) {
        struct survey *s = data;

        if (!is_ours(m))
                return 0;
        s->sum += hash(HASH_BASIS + m->nlmsg_type,
                        (const uint8_t *) mnl_nlmsg_get_payload(m) + sizeof(struct nfgenmsg),
                        mnl_nlmsg_get_payload_len(m) - sizeof(struct nfgenmsg));
        if (s->sets)
                keep_name(s, m);
        return 0;
}

static int take_elements(const struct nlmsghdr *m, void *data) {
        const struct nlattr *list, *one;
        struct survey *s = data;
        uint64_t basis = HASH_BASIS;

        mnl_attr_for_each(list, m, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(list) == NFTA_SET_ELEM_LIST_SET)
                        basis = hash(HASH_BASIS, mnl_attr_get_payload(list),
                                        mnl_attr_get_payload_len(list));
        }
        mnl_attr_for_each(list, m, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
                        continue;
                mnl_attr_for_each_nested(one, list) s->sum += hash(
                                basis, mnl_attr_get_payload(one), mnl_attr_get_payload_len(one));
        }
        return 0;
}

static int survey_of(struct nft *f, uint16_t type, struct survey *s) {
        char b[128] __attribute__((aligned(MNL_ALIGNTO)));
        struct nlmsghdr *m = request(b, type, NFPROTO_INET);

        /* Others' tables are left out by the kernel where it can, else by is_ours(). */
        if (type == NFT_MSG_GETRULE)
                mnl_attr_put_strz(m, NFTA_RULE_TABLE, NFT_TABLE);
        return netlink_dump(&f->netlink, m, take_object, s);
}

static int survey_elements(struct nft *f, const char *set, struct survey *s) {
        char b[256] __attribute__((aligned(MNL_ALIGNTO)));
        struct nlmsghdr *m = request(b, NFT_MSG_GETSETELEM, NFPROTO_INET);

        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
        return netlink_dump(&f->netlink, m, take_elements, s);
}

static void names_free(struct names **p) {
        free(*p);
}

/* Everything of the table that stands. -EINTR: it has changed meanwhile. */
static int survey(struct nft *f, uint64_t *ret) {
        static const uint16_t types[] = { NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE,
                NFT_MSG_GETOBJ, NFT_MSG_GETFLOWTABLE };
        _cleanup_(names_free) struct names *sets = calloc(1, sizeof(*sets));
        struct survey s = { 0 };
        int r;

        if (!sets)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                r = survey_of(f, types[i], &s);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        s.sets = sets;
        r = survey_of(f, NFT_MSG_GETSET, &s);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sets->n; i++) {
                r = survey_elements(f, sets->name[i], &s);
                if (r < 0)
                        return r == -ENOENT ? -EINTR : r;
        }
        *ret = s.sum + s.n_unknown;
        return 0;
}

/* The sum of what stands, and the generation that it is of. -EAGAIN: somebody writes all the time.
 */
static int stands(struct nft *f, uint32_t *ret_generation, uint64_t *ret_sum) {
        uint32_t before, after;
        uint64_t sum;
        int r;

        for (int i = 0; i < TRIES; i++) {
                r = generation(f, &before);
                if (r < 0)
                        return r;
                r = survey(f, &sum);
                if (r == -EINTR)
                        continue;
                if (r < 0)
                        return r;
                r = generation(f, &after);
                if (r < 0)
                        return r;
                if (before == after) {
                        *ret_generation = after;
                        *ret_sum = sum;
                        return 0;
                }
        }
        return -EAGAIN;
}

static int refused(int error, void *data) {
        (void) data;
        return error;
}

static uint64_t wanted_sum(const struct nft_batch *b) {
        return hash(HASH_BASIS, b->b, b->n);
}

/* Writes, and sums up what stands: if nobody else has written meanwhile, that is ours. */
static int commit(struct nft *f, struct nft_batch *b) {
        uint32_t before, after;
        uint64_t sum;
        int r;

        r = generation(f, &before);
        if (r < 0)
                return r;
        r = netlink_batch(&f->netlink, b->b, b->n, refused, NULL);
        if (r < 0)
                return r;
        r = stands(f, &after, &sum);
        if (r < 0 && r != -EAGAIN)
                return r;
        if (r < 0 || after != (before == UINT32_MAX ? 1 : before + 1))
                return 0; /* written, but by more than us: nft_check() says so */
        f->generation = after;
        f->sum = sum;
        f->known = true;
        return 0;
}

int nft_check(struct nft *f, bool *ret_same) {
        uint32_t now;
        uint64_t sum;
        int r;

        if (!f->known) {
                *ret_same = false;
                return 0;
        }
        r = generation(f, &now);
        if (r < 0)
                return r;
        if (now != f->generation) {
                r = stands(f, &now, &sum);
                if (r < 0)
                        return r;
                if (sum != f->sum) {
                        *ret_same = false;
                        return 0;
                }
                f->generation = now;
        }
        *ret_same = true;
        return 0;
}

int nft_write(struct nft *f, const struct nft_want *wants, size_t n) {
        _cleanup_(nft_batch_done) struct nft_batch b = { 0 };
        uint64_t wanted;
        bool same = false;
        int r;

        nft_rules(&b, wants, n);
        r = nft_batch_end(&b);
        if (r < 0)
                return r;
        wanted = wanted_sum(&b);
        if (f->known && f->wanted == wanted) {
                r = nft_check(f, &same);
                if (r >= 0 && same)
                        return 0;
        }
        f->known = false;
        for (int i = 0; i < TRIES && !f->known; i++) {
                r = commit(f, &b);
                if (r < 0)
                        return r;
        }
        f->wanted = wanted;
        return 0;
}
