/* Transactions (Yellow Paper 4.2; EIP-155, 2930, 1559, 3860, 4844, 7702): the fields of each type
 * in their order, the rules that need no state, and the sender by recovery. The bytes that are
 * signed are the fields as they stand, so they are copied and never written anew. */

#include "eth/tx.h"

#include <stdlib.h>

#include "base/buf.h"
#include "core/keccak.h"
#include "core/rlp.h"
#include "core/secp.h"

#define INIT_CODE_MAX 49152
#define TRY(what)                                                                                  \
        do {                                                                                       \
                const char *why_ = (what);                                                         \
                if (why_)                                                                          \
                        return why_;                                                               \
        } while (0)

struct reading {
        struct view in;   /* the list's elements that are left */
        struct view list; /* all of them */
        struct tx tx;
        struct hash32 priority, blob_fee;
        uint64_t access_gas;
};

/* ---- values ---- */

static const char *take_u256(struct view *in, struct hash32 *ret) {
        struct hash32 x = { 0 };
        struct view be;

        if (rlp_take_string(in, &be) < 0)
                return "an integer is missing or no string";
        if (be.n > 32)
                return "an integer over 256 bits";
        if (be.n > 0 && be.p[0] == 0)
                return "an integer with a leading zero";
        if (be.n > 0)
                memcpy(x.b + 32 - be.n, be.p, be.n);
        *ret = x;
        return NULL;
}

static const char *take_u64(struct view *in, uint64_t *ret) {
        return rlp_take_uint(in, ret) < 0 ? "an integer that is none of 64 bits" : NULL;
}

static const char *take_to(struct reading *r, bool may_create) {
        struct view to;

        if (rlp_take_string(&r->in, &to) < 0)
                return "no receiver";
        if (to.n == 0 && may_create) {
                r->tx.creates = true;
                return NULL;
        }
        if (to.n != ADDRESS_SIZE)
                return "a receiver that is no address";
        memcpy(r->tx.to.b, to.p, ADDRESS_SIZE);
        return NULL;
}

static const char *take_data(struct reading *r) {
        return rlp_take_string(&r->in, &r->tx.data) < 0 ? "no data" : NULL;
}

/* [[address, [key, ...]], ...] */
static const char *take_access(struct reading *r) {
        struct view all, one, keys;
        uint8_t skip[32];

        if (rlp_take_list(&r->in, &all) < 0)
                return "no access list";
        while (all.n > 0) {
                if (rlp_take_list(&all, &one) < 0 || rlp_take_bytes(&one, skip, ADDRESS_SIZE) < 0)
                        return "an access list's address";
                if (rlp_take_list(&one, &keys) < 0 || one.n > 0)
                        return "an access list's entry";
                for (r->access_gas += 2400; keys.n > 0; r->access_gas += 1900)
                        if (rlp_take_bytes(&keys, skip, 32) < 0)
                                return "an access list's key";
        }
        return NULL;
}

static const char *take_blob_hashes(struct reading *r) {
        struct view all;
        uint8_t hash[32];

        if (rlp_take_list(&r->in, &all) < 0)
                return "no blob hashes";
        if (all.n == 0)
                return "no blob";
        while (all.n > 0)
                if (rlp_take_bytes(&all, hash, sizeof(hash)) < 0 || hash[0] != 1)
                        return "a blob's hash";
        return NULL;
}

/* [[chain id, address, nonce, y parity, r, s], ...] */
static const char *take_authorizations(struct reading *r) {
        struct view all, one;
        struct hash32 skip;
        uint8_t address[ADDRESS_SIZE];
        uint64_t x;

        if (rlp_take_list(&r->in, &all) < 0)
                return "no authorizations";
        if (all.n == 0)
                return "no authorization";
        while (all.n > 0) {
                if (rlp_take_list(&all, &one) < 0)
                        return "an authorization";
                TRY(take_u256(&one, &skip));
                if (rlp_take_bytes(&one, address, sizeof(address)) < 0)
                        return "an authorization's address";
                TRY(take_u64(&one, &x));
                TRY(take_u64(&one, &x));
                if (x > 0xff)
                        return "an authorization's parity";
                TRY(take_u256(&one, &skip));
                TRY(take_u256(&one, &skip));
                if (one.n > 0)
                        return "an authorization of more than six";
                r->access_gas += 25000;
        }
        return NULL;
}

/* ---- fields by type ---- */

static const char *take_legacy(struct reading *r) {
        TRY(take_u64(&r->in, &r->tx.nonce));
        TRY(take_u256(&r->in, &r->tx.price));
        TRY(take_u64(&r->in, &r->tx.gas));
        TRY(take_to(r, true));
        TRY(take_u256(&r->in, &r->tx.value));
        return take_data(r);
}

static const char *take_typed(struct reading *r) {
        r->tx.has_chain_id = true;
        TRY(take_u64(&r->in, &r->tx.chain_id));
        TRY(take_u64(&r->in, &r->tx.nonce));
        if (r->tx.type >= 2)
                TRY(take_u256(&r->in, &r->priority));
        TRY(take_u256(&r->in, &r->tx.price));
        TRY(take_u64(&r->in, &r->tx.gas));
        TRY(take_to(r, r->tx.type <= 2));
        TRY(take_u256(&r->in, &r->tx.value));
        TRY(take_data(r));
        TRY(take_access(r));
        if (r->tx.type == 3) {
                TRY(take_u256(&r->in, &r->blob_fee));
                return take_blob_hashes(r);
        }
        return r->tx.type == 4 ? take_authorizations(r) : NULL;
}

/* ---- who signed ---- */

/* The hash of the fields before the signature, of a protected legacy one with its chain id. */
static void digest_of(const struct reading *r, const uint8_t *end, struct hash32 *ret) {
        size_t n = (size_t) (end - r->list.p);
        struct buf b = { .p = malloc(n + 32), .cap = n + 32 };
        size_t list;

        if (!b.p)
                abort();
        if (r->tx.type > 0)
                buf_put_u8(&b, (uint8_t) r->tx.type);
        list = rlp_list_begin(&b);
        buf_put(&b, r->list.p, n);
        if (r->tx.type == 0 && r->tx.has_chain_id) {
                rlp_put_uint(&b, r->tx.chain_id);
                rlp_put_uint(&b, 0);
                rlp_put_uint(&b, 0);
        }
        rlp_list_end(&b, list);
        if (b.full)
                abort();
        keccak256(VIEW(b.p, b.n), ret);
        free(b.p);
}

static const char *read_v(struct reading *r, uint64_t v, uint8_t *ret_parity) {
        if (r->tx.type > 0) {
                *ret_parity = (uint8_t) v;
                return v > 1 ? "a parity over 1" : NULL;
        }
        if (v == 27 || v == 28) {
                *ret_parity = (uint8_t) (v - 27);
                return NULL;
        }
        if (v < 35)
                return "a v that is none";
        r->tx.has_chain_id = true;
        r->tx.chain_id = (v - 35) / 2;
        *ret_parity = (uint8_t) ((v - 35) % 2);
        return NULL;
}

static const char *take_signature(struct reading *r) {
        const uint8_t *end = r->in.p;
        uint8_t signature[SECP_SIGNATURE_SIZE];
        struct secp_pubkey key;
        struct hash32 x, digest;
        uint64_t v;

        TRY(take_u64(&r->in, &v));
        TRY(read_v(r, v, &signature[0]));
        TRY(take_u256(&r->in, &x));
        memcpy(signature + 1, x.b, 32);
        TRY(take_u256(&r->in, &x));
        memcpy(signature + 33, x.b, 32);
        if (r->in.n > 0)
                return "a field too many";

        digest_of(r, end, &digest);
        if (secp_recover(&digest, signature, &key) < 0)
                return "a signature that is none";
        secp_address(&key, &r->tx.sender);
        return NULL;
}

/* ---- rules without state ---- */

/* price * gas below 2^256 */
static bool product_fits(const struct hash32 *price, uint64_t gas) {
        uint32_t sum[32 + 8 + 1] = { 0 }; /* bytes of the product, the lowest first */

        for (size_t i = 0; i < 32; i++)
                for (size_t j = 0; j < 8; j++)
                        sum[i + j] += (uint32_t) price->b[31 - i] * (uint8_t) (gas >> (8 * j));
        for (size_t i = 0; i + 1 < ELEMENTSOF(sum); i++) {
                sum[i + 1] += sum[i] >> 8;
                sum[i] &= 0xff;
        }
        for (size_t i = 32; i < ELEMENTSOF(sum); i++)
                if (sum[i] != 0)
                        return false;
        return true;
}

static uint64_t intrinsic_gas(const struct reading *r) {
        uint64_t gas = 21000 + r->access_gas;

        for (size_t i = 0; i < r->tx.data.n; i++)
                gas += r->tx.data.p[i] == 0 ? 4 : 16;
        if (r->tx.creates)
                gas += 32000 + 2 * ((r->tx.data.n + 31) / 32);
        return gas;
}

static const char *judge(struct reading *r, uint64_t chain_id) {
        if (chain_id != 0 && r->tx.has_chain_id && r->tx.chain_id != chain_id)
                return "another chain's";
        if (r->tx.nonce == UINT64_MAX)
                return "a nonce that has no next";
        if (memcmp(&r->priority, &r->tx.price, sizeof(r->priority)) > 0)
                return "a priority fee over the fee";
        if (!product_fits(&r->tx.price, r->tx.gas))
                return "a price that overflows";
        r->tx.intrinsic = intrinsic_gas(r);
        return NULL;
}

const char *tx_check_cancun(const struct tx *tx) {
        if (tx->creates && tx->data.n > INIT_CODE_MAX)
                return "too much code";
        return tx->gas < tx->intrinsic ? "too little gas" : NULL;
}

const char *tx_parse(struct view raw, uint64_t chain_id, struct tx *ret) {
        struct reading r = { .in = raw };
        struct view whole = raw, tag;

        if (raw.n == 0)
                return "empty";
        if (raw.p[0] < 0xc0) {
                if (raw.p[0] == 0 || raw.p[0] >= TX_TYPES || !view_take(&whole, 1, &tag))
                        return "a type that is none";
                r.tx.type = raw.p[0];
        }
        if (rlp_whole_list(whole, &r.list) < 0)
                return "no list";

        r.in = r.list;
        TRY(r.tx.type == 0 ? take_legacy(&r) : take_typed(&r));
        TRY(take_signature(&r));
        TRY(judge(&r, chain_id));
        keccak256(raw, &r.tx.hash);
        *ret = r.tx;
        return NULL;
}
