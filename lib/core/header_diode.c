/* Block headers of Diode's L1, diode-protocol section 3. Nothing that a peer says about a header
 * is believed: the hash is computed, the miner recovered, and what was sent beside them must agree.
 * So a header that is HEADER_SIGNED has one spelling of everything its hash covers. */

#include "core/header_diode.h"

#include <errno.h>

#include "core/etf.h"
#include "core/rlp.h"
#include "core/sha256.h"

#define HASHED_MAX 320 /* of the signed form at its longest */

enum header_name {
        NAME_PREVIOUS_BLOCK,
        NAME_STATE_HASH,
        NAME_TRANSACTION_HASH,
        NAME_TIMESTAMP,
        NAME_NUMBER,
        NAME_NONCE,
        NAME_MINER_SIGNATURE,
        NAME_BLOCK_HASH,
        NAMES,
};

static const char *const names[NAMES] = {
        [NAME_PREVIOUS_BLOCK] = "previous_block",
        [NAME_STATE_HASH] = "state_hash",
        [NAME_TRANSACTION_HASH] = "transaction_hash",
        [NAME_TIMESTAMP] = "timestamp",
        [NAME_NUMBER] = "number",
        [NAME_NONCE] = "nonce",
        [NAME_MINER_SIGNATURE] = "miner_signature",
        [NAME_BLOCK_HASH] = "block_hash",
};

/* NAMES for a name that is not ours. */
static enum header_name name_of(struct view name) {
        enum header_name i = 0;

        while (i < NAMES && !view_eq_text(name, names[i]))
                i++;
        return i;
}

/* An integer like the others, but of up to 256 bits: its bytes are kept as they are. */
static int take_nonce(struct view *value, struct diode_header *h) {
        struct view nonce;
        int r;

        r = rlp_take_string(value, &nonce);
        if (r < 0)
                return r;
        if (nonce.n > sizeof(h->nonce))
                return -E2BIG;
        if (nonce.n > 0 && nonce.p[0] == 0)
                return -EBADMSG;

        if (nonce.n > 0)
                memcpy(h->nonce, nonce.p, nonce.n);
        h->nonce_n = nonce.n;
        return 0;
}

static int take_value(enum header_name name, struct view *value, struct diode_header *h) {
        switch (name) {
        case NAME_PREVIOUS_BLOCK:
                return rlp_take_bytes(value, h->previous_block.b, sizeof(h->previous_block.b));
        case NAME_STATE_HASH:
                return rlp_take_bytes(value, h->state_hash.b, sizeof(h->state_hash.b));
        case NAME_TRANSACTION_HASH:
                return rlp_take_bytes(value, h->transaction_hash.b, sizeof(h->transaction_hash.b));
        case NAME_TIMESTAMP:
                return rlp_take_uint(value, &h->timestamp);
        case NAME_NUMBER:
                return rlp_take_uint(value, &h->number);
        case NAME_NONCE:
                return take_nonce(value, h);
        case NAME_MINER_SIGNATURE:
                return rlp_take_bytes(value, h->miner_signature, sizeof(h->miner_signature));
        case NAME_BLOCK_HASH:
                return rlp_take_bytes(value, h->block_hash_sent.b, sizeof(h->block_hash_sent.b));
        case NAMES:
                break;
        }
        return 0; /* unknown names are ignored */
}

int diode_header_parse(struct view pairs, struct diode_header *ret) {
        struct diode_header h = { 0 };
        unsigned seen = 0;
        size_t n = 0;
        int r;

        while (pairs.n > 0) {
                struct view name, value;
                enum header_name i;

                if (n++ >= DIODE_PAIRS_MAX)
                        return -E2BIG;
                r = rlp_take_pair(&pairs, &name, &value);
                if (r < 0)
                        return r;

                i = name_of(name);
                if (i < NAMES && seen & 1U << i)
                        return -EBADMSG; /* two values: which one is meant is anyone's guess */
                r = take_value(i, &value, &h);
                if (r < 0)
                        return r;
                seen |= 1U << i;
        }

        if (~seen & ((1U << NAMES) - 1))
                return -EBADMSG; /* one of the eight is missing */
        *ret = h;
        return 0;
}

/* The list of 3.2, with the signature (the block's name) or without it (what is signed). */
static void hash_fields(const struct diode_header *h, bool with_signature, struct hash32 *ret) {
        uint8_t bytes[HASHED_MAX];
        struct buf b = BUF(bytes);

        etf_begin(&b);
        etf_put_list(&b, with_signature ? 7 : 6);
        etf_put_bytes(&b, VIEW_OF(&h->previous_block));
        etf_put_bytes(&b, VIEW_OF(&h->state_hash));
        etf_put_bytes(&b, VIEW_OF(&h->transaction_hash));
        etf_put_uint(&b, h->timestamp);
        etf_put_uint(&b, h->number);
        etf_put_big(&b, VIEW(h->nonce, h->nonce_n));
        if (with_signature)
                etf_put_bytes(&b, VIEW(h->miner_signature, sizeof(h->miner_signature)));
        etf_put_nil(&b);
        sha256(VIEW(bytes, b.n), ret);
}

void diode_header_hash(const struct diode_header *h, struct hash32 *ret) {
        hash_fields(h, true, ret);
}

enum header_verdict diode_header_verify(
                const struct diode_header *h, struct view key_sent, struct diode_signed *ret) {
        struct secp_pubkey signer, sent;
        struct hash32 message, hash;

        hash_fields(h, false, &message);
        if (secp_recover(&message, h->miner_signature, &signer) < 0)
                return HEADER_BAD_SIGNATURE;

        /* Not for the sake of the key, which we know by now: a recovery id or a field that was
         * changed yields another key, and the sent one tells (4.6, row 7). */
        if (secp_pubkey_parse(key_sent, &sent) < 0 ||
                        memcmp(sent.xy, signer.xy, sizeof(signer.xy)) != 0)
                return HEADER_WRONG_KEY;

        diode_header_hash(h, &hash);
        if (!hash32_eq(&hash, &h->block_hash_sent))
                return HEADER_WRONG_HASH;

        ret->hash = hash;
        secp_address(&signer, &ret->miner);
        return HEADER_SIGNED;
}

const char *header_verdict_text(enum header_verdict v) {
        switch (v) {
        case HEADER_UNPROVEN:
                return "not judged";
        case HEADER_SIGNED:
                return "signed";
        case HEADER_BAD_SIGNATURE:
                return "the miner's signature is not one";
        case HEADER_WRONG_KEY:
                return "signed by another key than the one sent with it";
        case HEADER_WRONG_HASH:
                return "the block hash sent is not the header's";
        }
        return "unknown verdict";
}
