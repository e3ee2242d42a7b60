/* The store on disk: what must survive a restart, in one run of bytes of a fixed order, numbers big
 * endian. Only what was proven is ever written, and the file around it carries a checksum; what is
 * judged here again keeps a state of another network, or of another version of ours, out. */

#include "core/lightclient.h"

#include <errno.h>

#define VERSION 1

static void put_hash(struct buf *b, const struct hash32 *h) {
        buf_put(b, h->b, sizeof(h->b));
}

static void put_header(struct buf *b, const struct lc_header *h) {
        buf_put_u8(b, (uint8_t) h->form);
        buf_put_u8(b, (uint8_t) h->execution);
        buf_put_u8(b, h->has_blob_gas);
        buf_put_be(b, h->beacon.slot, 8);
        buf_put_be(b, h->beacon.proposer_index, 8);
        put_hash(b, &h->beacon.parent_root);
        put_hash(b, &h->beacon.state_root);
        put_hash(b, &h->beacon.body_root);
        put_hash(b, &h->block_hash);
        put_hash(b, &h->state_root);
        put_hash(b, &h->receipts_root);
        buf_put_be(b, h->number, 8);
        buf_put_be(b, h->timestamp, 8);
        put_hash(b, &h->execution_root);
        put_hash(b, &h->capella_root);
        buf_put_u8(b, (uint8_t) h->n_branch);
        for (size_t i = 0; i < h->n_branch; i++)
                put_hash(b, &h->branch[i]);
}

void lc_store_encode(const struct lc_store *s, struct buf *b) {
        size_t n = LC_COMMITTEE_SIZE(s->net->committee_size);

        buf_put_u8(b, VERSION);
        put_hash(b, &s->net->genesis_validators_root);
        buf_put_be(b, s->net->committee_size, 2);
        put_header(b, &s->finalized);
        buf_put_be(b, s->previous_max, 2);
        buf_put_be(b, s->current_max, 2);
        buf_put_be(b, s->finalized_participants, 2);
        buf_put(b, s->current.ssz, n);
        buf_put_u8(b, s->has_next);
        if (s->has_next)
                buf_put(b, s->next.ssz, n);
}

static bool take_hash(struct view *v, struct hash32 *ret) {
        return view_take_copy(v, ret->b, sizeof(ret->b));
}

static bool take_flag(struct view *v, bool *ret) {
        uint64_t x;

        if (!view_take_be(v, 1, &x) || x > 1)
                return false;
        *ret = x;
        return true;
}

static bool take_kinds(struct view *v, struct lc_header *h) {
        uint64_t form, execution;

        if (!view_take_be(v, 1, &form) || !view_take_be(v, 1, &execution) ||
                        !take_flag(v, &h->has_blob_gas))
                return false;
        if (form >= ETH_FORKS || execution > LC_EXECUTION_HASH)
                return false;
        h->form = (enum eth_fork) form;
        h->execution = (enum lc_execution) execution;
        /* A block hash alone is what the newest form has, and it has nothing else. */
        return h->execution == LC_EXECUTION_NONE ||
               (h->execution == LC_EXECUTION_FULL) == lc_header_is_variable(h->form);
}

static bool take_header(struct view *v, struct lc_header *h) {
        uint64_t n;

        if (!take_kinds(v, h) || !view_take_be(v, 8, &h->beacon.slot) ||
                        h->beacon.slot > ETH_SLOT_MAX ||
                        !view_take_be(v, 8, &h->beacon.proposer_index) ||
                        !take_hash(v, &h->beacon.parent_root) ||
                        !take_hash(v, &h->beacon.state_root) ||
                        !take_hash(v, &h->beacon.body_root) || !take_hash(v, &h->block_hash) ||
                        !take_hash(v, &h->state_root) || !take_hash(v, &h->receipts_root) ||
                        !view_take_be(v, 8, &h->number) || !view_take_be(v, 8, &h->timestamp) ||
                        !take_hash(v, &h->execution_root) || !take_hash(v, &h->capella_root) ||
                        !view_take_be(v, 1, &n) || n > LC_EXECUTION_BRANCH_MAX)
                return false;

        h->n_branch = (size_t) n;
        for (size_t i = 0; i < h->n_branch; i++)
                if (!take_hash(v, &h->branch[i]))
                        return false;
        return true;
}

/* A count of signers. */
static bool take_count(struct view *v, size_t limit, uint64_t *ret) {
        return view_take_be(v, 2, ret) && *ret <= limit;
}

static int take_network(struct view *v, const struct eth_network *net) {
        struct hash32 root;
        uint64_t version, size;

        if (!view_take_be(v, 1, &version))
                return -EBADMSG;
        if (version != VERSION)
                return -EPROTONOSUPPORT;
        if (!take_hash(v, &root) || !view_take_be(v, 2, &size))
                return -EBADMSG;
        if (!hash32_eq(&root, &net->genesis_validators_root) || size != net->committee_size)
                return -EINVAL;
        return 0;
}

static int judge_header(const struct eth_network *net, const struct lc_header *h) {
        switch (lc_header_check(net, h)) {
        case LC_HEADER_VALID:
                return 0;
        case LC_HEADER_UNKNOWN_FORK:
                return -EPROTONOSUPPORT;
        case LC_HEADER_UNPROVEN:
        case LC_HEADER_BAD_BRANCH:
        case LC_HEADER_BAD_FORM:
                break;
        }
        return -EBADMSG;
}

int lc_store_decode(struct lc_store *s, struct view bytes) {
        size_t n = s->net->committee_size;
        uint64_t previous, current, signers;
        struct view now, next = { 0 };
        struct lc_header h = { 0 };
        bool has_next;
        int r;

        r = take_network(&bytes, s->net);
        if (r < 0)
                return r;
        if (!take_header(&bytes, &h) || !take_count(&bytes, n, &previous) ||
                        !take_count(&bytes, n, &current) || !take_count(&bytes, n, &signers) ||
                        !view_take(&bytes, LC_COMMITTEE_SIZE(n), &now) ||
                        !take_flag(&bytes, &has_next) ||
                        (has_next && !view_take(&bytes, LC_COMMITTEE_SIZE(n), &next)) ||
                        bytes.n > 0)
                return -EBADMSG;
        r = judge_header(s->net, &h);
        if (r < 0)
                return r;

        s->is_set = true;
        s->has_next = has_next;
        s->finalized = s->optimistic = h;
        memcpy(s->current.ssz, now.p, now.n);
        memset(&s->next, 0, sizeof(s->next));
        if (has_next)
                memcpy(s->next.ssz, next.p, next.n);
        s->previous_max = previous;
        s->current_max = current;
        s->finalized_participants = s->optimistic_participants = signers;
        if (s->best)
                s->best->is_set = false;
        return 0;
}
