/* Entries of conntrack: those that have an address as an end are found in a dump of all, and
 * deleted one by one, each by its tuple and its number, so that none is hit which has come into
 * the place of another. A round deletes at most ROUND; as long as a round was full there is another
 * one, so memory stays what it is with any number of entries. */

#include "agent/netd/machine.h"

#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/netlink.h"

#define MESSAGE    256  /* a deletion: a tuple, a zone, a number */
#define A_PACKET   128  /* deletions: as many answers fit the socket at once */
#define ROUND      2048 /* deletions after one dump */
#define ROUNDS_MAX 512  /* a million entries */

struct flows {
        struct netlink netlink;
};

struct round {
        const struct ip *addrs;
        size_t n_addrs;
        struct nf_conntrack *entry, *end; /* as read; what of it names it */
        uint8_t *b;                       /* ROUND deletions */
        size_t n, size;
        uint32_t deleted;
        bool full;
};

int flows_new(struct flows **ret) {
        struct flows *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        netlink_init(&f->netlink, NETLINK_NETFILTER);
        *ret = f;
        return 0;
}

struct flows *flows_free(struct flows *f) {
        if (f)
                netlink_done(&f->netlink);
        free(f);
        return NULL;
}

static void round_done(struct round *d) {
        if (d->entry)
                nfct_destroy(d->entry);
        if (d->end)
                nfct_destroy(d->end);
        free(d->b);
}

static int by_ip(const void *a, const void *b) {
        return ip_cmp(a, b);
}

static bool is_end(const struct round *d, const struct nf_conntrack *e, uint8_t family,
                enum nf_conntrack_attr attr) {
        const void *p = nfct_get_attr(e, attr);
        struct ip ip = { .family = family };

        if (!p)
                return false;
        memcpy(ip.b, p, family == 4 ? 4 : 16);
        return bsearch(&ip, d->addrs, d->n_addrs, sizeof(ip), by_ip);
}

static bool is_meant(const struct round *d, const struct nf_conntrack *e) {
        static const enum nf_conntrack_attr four[] = { ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST,
                ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST };
        static const enum nf_conntrack_attr six[] = { ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST,
                ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST };

        for (size_t i = 0; i < ELEMENTSOF(four); i++)
                if (is_end(d, e, 4, four[i]) || is_end(d, e, 6, six[i]))
                        return true;
        return false;
}

static struct nlmsghdr *request(void *p, uint16_t type, uint8_t family) {
        struct nlmsghdr *m = mnl_nlmsg_put_header(p);
        struct nfgenmsg *g;

        m->nlmsg_type = (uint16_t) (NFNL_SUBSYS_CTNETLINK << 8 | type);
        g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        g->nfgen_family = family;
        g->version = NFNETLINK_V0;
        return m;
}

/* One deletion more. */
static int mark(struct round *d, const struct nf_conntrack *e) {
        uint8_t *at = d->b + d->size;
        struct nlmsghdr *m;
        int r;

        if (d->n == ROUND) {
                d->full = true;
                return 0;
        }
        memset(at, 0, MESSAGE);
        nfct_copy(d->end, e, NFCT_CP_ORIG);
        m = request(at, IPCTNL_MSG_CT_DELETE, nfct_get_attr_u8(e, ATTR_ORIG_L3PROTO));
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        r = nfct_nlmsg_build(m, d->end);
        if (r < 0)
                return -EBADMSG;
        if (nfct_attr_is_set(e, ATTR_ZONE))
                mnl_attr_put_u16(m, CTA_ZONE, htons(nfct_get_attr_u16(e, ATTR_ZONE)));
        mnl_attr_put_u32(m, CTA_ID, htonl(nfct_get_attr_u32(e, ATTR_ID)));
        d->size += MNL_ALIGN(m->nlmsg_len);
        d->n++;
        return 0;
}

static int take_entry(const struct nlmsghdr *m, void *data) {
        const struct nfgenmsg *g = mnl_nlmsg_get_payload(m);
        struct round *d = data;

        if (mnl_nlmsg_get_payload_len(m) < sizeof(*g))
                return -EBADMSG;
        nfct_destroy(d->entry);
        d->entry = nfct_new();
        if (!d->entry)
                return -ENOMEM;
        /* An entry that the library cannot read is none that we could delete. */
        if (nfct_nlmsg_parse(m, d->entry) < 0)
                return 0;
        return is_meant(d, d->entry) ? mark(d, d->entry) : 0;
}

static int deleted(int error, void *data) {
        struct round *d = data;

        if (error == 0)
                d->deleted++;
        return error == -ENOENT ? 0 : error; /* it has ended by itself */
}

static int delete_marked(struct flows *f, struct round *d) {
        uint8_t *at = d->b;
        int r;

        for (size_t left = d->n, some; left > 0; left -= some) {
                uint8_t *end = at;

                some = MIN(left, (size_t) A_PACKET);
                for (size_t i = 0; i < some; i++)
                        end += MNL_ALIGN(((struct nlmsghdr *) end)->nlmsg_len);
                r = netlink_batch(&f->netlink, at, (size_t) (end - at), deleted, d);
                if (r < 0)
                        return r;
                at = end;
        }
        return 0;
}

static int one_round(struct flows *f, struct round *d) {
        char b[64] __attribute__((aligned(MNL_ALIGNTO)));
        struct nlmsghdr *m = request(b, IPCTNL_MSG_CT_GET, AF_UNSPEC);
        int r;

        d->n = d->size = 0;
        d->full = false;
        r = netlink_dump(&f->netlink, m, take_entry, d);
        if (r == -EINVAL || r == -EPROTONOSUPPORT) /* nobody answers for conntrack */
                return -EOPNOTSUPP;
        return r < 0 ? r : delete_marked(f, d);
}

int flows_delete(struct flows *f, const struct ip *addrs, size_t n, uint32_t *ret_deleted) {
        _cleanup_(round_done) struct round d = { .addrs = addrs, .n_addrs = n };
        int r = 0;

        if (n == 0) {
                *ret_deleted = 0;
                return 0;
        }
        d.entry = nfct_new();
        d.end = nfct_new();
        d.b = malloc((size_t) ROUND * MESSAGE);
        if (!d.entry || !d.end || !d.b)
                return -ENOMEM;
        for (int i = 0; i < ROUNDS_MAX; i++) {
                r = one_round(f, &d);
                if (r < 0)
                        return r;
                if (!d.full)
                        break;
        }
        *ret_deleted = d.deleted;
        return d.full ? -EAGAIN : 0;
}
