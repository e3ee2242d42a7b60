/* Objects of nodes (diode-protocol 8.1). */

#include "objects.h"

#include <errno.h>

#define PAIRS_MAX 64

int object_ticket_parse(struct view rlp, struct ticket *ret) {
        struct ticket t = { 0 };
        struct view at, type;

        if (rlp_whole_list(rlp, &at) < 0 || rlp_take_string(&at, &type) < 0)
                return -EBADMSG;
        t.version = view_eq_text(type, "ticketv2") ? 2 : view_eq_text(type, "ticket") ? 1 : 0;
        if (t.version == 0 || rlp_take_bytes(&at, t.server.b, sizeof(t.server.b)) < 0)
                return -EBADMSG;
        if (t.version == 1) {
                if (rlp_take_uint(&at, &t.block_number) < 0)
                        return -EBADMSG;
        } else if (rlp_take_uint(&at, &t.chain_id) < 0 || rlp_take_uint(&at, &t.epoch) < 0) {
                return -EBADMSG;
        }
        if (rlp_take_bytes(&at, t.fleet.b, sizeof(t.fleet.b)) < 0 ||
                        rlp_take_uint(&at, &t.total_connections) < 0 ||
                        rlp_take_uint(&at, &t.total_bytes) < 0 ||
                        rlp_take_string(&at, &t.local_address) < 0 ||
                        rlp_take_bytes(&at, t.device_signature, sizeof(t.device_signature)) < 0 ||
                        rlp_take_bytes(&at, t.server_signature, sizeof(t.server_signature)) < 0 ||
                        at.n > 0)
                return -EBADMSG;
        *ret = t;
        return 0;
}

/* Each [k, v] is a list; v is an integer except of the keys that are texts. */
static int put_pairs(struct buf *b, struct view pairs) {
        struct view at = pairs, pair, key, value;
        uint32_t n = 0;

        while (at.n > 0) {
                if (n++ == PAIRS_MAX || rlp_take_list(&at, &pair) < 0)
                        return -EBADMSG;
        }
        etf_put_list(b, n);
        for (at = pairs; at.n > 0;) {
                if (rlp_take_list(&at, &pair) < 0 || rlp_take_string(&pair, &key) < 0 ||
                        rlp_take_string(&pair, &value) < 0 || pair.n > 0)
                        return -EBADMSG;
                etf_put_list(b, 2);
                etf_put_bytes(b, key);
                if (view_eq_text(key, "name") || view_eq_text(key, "features"))
                        etf_put_bytes(b, value);
                else
                        etf_put_big(b, value);
                etf_put_nil(b);
        }
        if (n > 0)
                etf_put_nil(b);
        return 0;
}

int object_server_signer(struct vec *v, struct view rlp, struct address *ret) {
        struct buf b = { .p = vec_alloc(v, 8192), .cap = 8192 };
        struct view at, type, host, version, pairs;
        uint8_t signature[SECP_SIGNATURE_SIZE];
        struct secp_pubkey key;
        struct hash32 digest;
        struct rlp_item next;
        uint64_t edge, peer;
        bool is_long;

        if (rlp_whole_list(rlp, &at) < 0 || rlp_take_string(&at, &type) < 0 ||
                        !view_eq_text(type, "server") || rlp_take_string(&at, &host) < 0 ||
                        rlp_take_uint(&at, &edge) < 0 || rlp_take_uint(&at, &peer) < 0)
                return -EBADMSG;
        pairs = at;
        is_long = rlp_take(&pairs, &next) == 0 && pairs.n > 0;

        etf_begin(&b);
        etf_put_list(&b, is_long ? 5 : 3);
        etf_put_bytes(&b, host);
        etf_put_uint(&b, edge);
        etf_put_uint(&b, peer);
        if (is_long) {
                if (rlp_take_string(&at, &version) < 0 || rlp_take_list(&at, &pairs) < 0)
                        return -EBADMSG;
                etf_put_bytes(&b, version);
                if (put_pairs(&b, pairs) < 0)
                        return -EBADMSG;
        }
        etf_put_nil(&b);
        if (b.full || rlp_take_bytes(&at, signature, sizeof(signature)) < 0 || at.n > 0)
                return -EBADMSG;

        sha256(VIEW(b.p, b.n), &digest);
        if (secp_recover(&digest, signature, &key) < 0)
                return -EBADMSG;
        secp_address(&key, ret);
        return 0;
}
