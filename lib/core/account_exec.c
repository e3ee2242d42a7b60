/* Accounts and storage slots of the execution layer, proven against a state root (Yellow Paper 4.1,
 * EIP-1186). The tries' paths are the hashes of address and slot; zero is never stored, so that
 * absence is how it is shown. A leaf has one spelling: a second one is refused even though its hash
 * is the proven one, because no client would have written it. */

#include "core/account_exec.h"

#include "core/keccak.h"
#include "core/rlp.h"

const struct hash32 account_exec_no_code = { {
                0xc5,
                0xd2,
                0x46,
                0x01,
                0x86,
                0xf7,
                0x23,
                0x3c,
                0x92,
                0x7e,
                0x7d,
                0xb2,
                0xdc,
                0xc7,
                0x03,
                0xc0,
                0xe5,
                0x00,
                0xb6,
                0x53,
                0xca,
                0x82,
                0x27,
                0x3b,
                0x7b,
                0xfa,
                0xd8,
                0x04,
                0x5d,
                0x85,
                0xa4,
                0x70,
} };

/* An integer of at most 32 bytes, without leading zeros. */
static bool take_u256(struct view *in, struct hash32 *ret) {
        struct hash32 x = { 0 };
        struct view be;

        if (rlp_take_string(in, &be) < 0)
                return false;
        if (be.n > sizeof(x.b))
                return false;
        if (be.n > 0 && be.p[0] == 0)
                return false;

        if (be.n > 0)
                memcpy(x.b + sizeof(x.b) - be.n, be.p, be.n);
        *ret = x;
        return true;
}

static bool parse_account(struct view leaf, struct account_exec *ret) {
        struct account_exec a = { .exists = true };
        struct view in;

        if (rlp_whole_list(leaf, &in) < 0)
                return false;
        if (rlp_take_uint(&in, &a.nonce) < 0 || !take_u256(&in, &a.balance) ||
                        rlp_take_bytes(&in, a.storage_root.b, sizeof(a.storage_root.b)) < 0 ||
                        rlp_take_bytes(&in, a.code_hash.b, sizeof(a.code_hash.b)) < 0)
                return false;
        if (in.n > 0)
                return false;
        *ret = a;
        return true;
}

enum mpt_verdict account_exec_verify(const struct hash32 *state_root, const struct address *address,
                const struct mpt_proof *proof, struct account_exec *ret) {
        struct account_exec a = {
                .storage_root = mpt_empty_root,
                .code_hash = account_exec_no_code,
        };
        struct hash32 key;
        struct view leaf;
        enum mpt_verdict v;

        keccak256(VIEW_OF(address), &key);
        v = mpt_verify(state_root, VIEW_OF(&key), proof, &leaf);
        if (v == MPT_PRESENT && !parse_account(leaf, &a))
                return MPT_MALFORMED;
        if (v == MPT_PRESENT || v == MPT_ABSENT)
                *ret = a;
        return v;
}

enum mpt_verdict storage_exec_verify(const struct hash32 *storage_root, const struct hash32 *slot,
                const struct mpt_proof *proof, struct hash32 *ret) {
        struct hash32 key, value = { 0 };
        struct view leaf;
        enum mpt_verdict v;

        keccak256(VIEW_OF(slot), &key);
        v = mpt_verify(storage_root, VIEW_OF(&key), proof, &leaf);
        if (v == MPT_PRESENT && (!take_u256(&leaf, &value) || leaf.n > 0 || hash32_is_zero(&value)))
                return MPT_MALFORMED;
        if (v == MPT_PRESENT || v == MPT_ABSENT)
                *ret = value;
        return v;
}

bool account_exec_matches(const struct account_exec *proven, const struct account_exec *said) {
        bool none = !proven->exists;

        if (said->nonce != proven->nonce)
                return false;
        if (!hash32_eq(&said->balance, &proven->balance))
                return false;
        if (!hash32_eq(&said->storage_root, &proven->storage_root) &&
                        !(none && hash32_is_zero(&said->storage_root)))
                return false;
        return hash32_eq(&said->code_hash, &proven->code_hash) ||
               (none && hash32_is_zero(&said->code_hash));
}
