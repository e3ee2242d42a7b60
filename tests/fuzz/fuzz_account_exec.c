/* core/account_exec: the input is an address (or slot) of 32 bytes and a leaf. A leaf that is taken
 * is what its account or value is written as: it has no second spelling. A server's words match
 * their own proof, and with one bit changed they do not. */

#include "fuzz.h"

#include "base/buf.h"
#include "core/account_exec.h"
#include "core/keccak.h"
#include "core/rlp.h"
#include "eth/trie.h"

#define LEAF_MAX 512

static struct view trimmed(const struct hash32 *x) {
        size_t zeros = 0;

        while (zeros < sizeof(x->b) && x->b[zeros] == 0)
                zeros++;
        return VIEW(x->b + zeros, sizeof(x->b) - zeros);
}

static void check_words(const struct account_exec *a) {
        struct account_exec said = *a;

        MUST(account_exec_matches(a, &said));
        said.nonce ^= 1;
        MUST(!account_exec_matches(a, &said));
        said = *a;
        said.balance.b[a->nonce % 32] ^= 1;
        MUST(!account_exec_matches(a, &said));
        said = *a;
        said.storage_root.b[a->nonce % 32] ^= 1;
        MUST(!account_exec_matches(a, &said));
        said = *a;
        said.code_hash.b[a->nonce % 32] ^= 1;
        MUST(!account_exec_matches(a, &said));
}

static void check_account(const struct hash32 *root, const struct address *address,
                const struct mpt_proof *proof, struct view leaf) {
        uint8_t bytes[LEAF_MAX];
        struct buf b = BUF(bytes);
        struct account_exec a;
        enum mpt_verdict v = account_exec_verify(root, address, proof, &a);
        size_t list;

        MUST(v == MPT_PRESENT || v == MPT_MALFORMED);
        if (v != MPT_PRESENT)
                return;
        list = rlp_list_begin(&b);
        rlp_put_uint(&b, a.nonce);
        rlp_put_string(&b, trimmed(&a.balance));
        rlp_put_string(&b, VIEW_OF(&a.storage_root));
        rlp_put_string(&b, VIEW_OF(&a.code_hash));
        rlp_list_end(&b, list);
        MUST(a.exists && view_eq(VIEW(bytes, b.n), leaf));
        check_words(&a);
}

static void check_slot(const struct hash32 *root, const struct hash32 *slot,
                const struct mpt_proof *proof, struct view leaf) {
        uint8_t bytes[LEAF_MAX];
        struct buf b = BUF(bytes);
        struct hash32 value;
        enum mpt_verdict v = storage_exec_verify(root, slot, proof, &value);

        MUST(v == MPT_PRESENT || v == MPT_MALFORMED);
        if (v != MPT_PRESENT)
                return;
        rlp_put_string(&b, trimmed(&value));
        MUST(!hash32_is_zero(&value) && view_eq(VIEW(bytes, b.n), leaf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size);
        struct hash32 slot, root;
        struct address address;
        struct trie_proof proof;
        struct trie *t;

        if (!view_take_copy(&in, slot.b, sizeof(slot.b)) || in.n == 0 || in.n > LEAF_MAX)
                return 0;
        memcpy(address.b, slot.b, sizeof(address.b));

        t = trie_new_secure();
        trie_put(t, VIEW_OF(&address), in);
        trie_put(t, VIEW_OF(&slot), in);
        trie_root(t, &root);
        (void) trie_prove(t, VIEW_OF(&address), &proof);
        check_account(&root, &address, &proof.mpt, in);
        trie_proof_done(&proof);
        (void) trie_prove(t, VIEW_OF(&slot), &proof);
        check_slot(&root, &slot, &proof.mpt, in);
        trie_proof_done(&proof);
        t = trie_free(t);
        return 0;
}
