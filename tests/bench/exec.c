/* Account and slot proofs and block headers of the execution layer per second, against what cannot
 * be saved: Keccak-256 over the same bytes by the same library. The proofs are as deep and as wide
 * as mainnet's: eight full branches above an account, seven above a slot of a large contract. They
 * take turns, so that a busy machine slows them alike. Prints figures; fails on unreadable inputs
 * alone. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "core/account_exec.h"
#include "core/header_exec.h"
#include "core/keccak.h"
#include "core/rlp.h"
#include "eth/trie.h"

#define ROUNDS        10
#define TURNS         400
#define ACCOUNT_DEPTH 8
#define SLOT_DEPTH    7
#define HEADER_FIELDS 21

enum kind {
        ACCOUNT,
        ACCOUNT_HASHES,
        SLOT,
        SLOT_HASHES,
        HEADER,
        HEADER_HASH,
        KINDS,
};

static const struct address address = { "an address of twenty" };
static const struct hash32 slot = { "a slot, of thirty-two bytes...." };
static struct trie_proof account_proof, slot_proof;
static struct hash32 account_root, slot_root, header_hash;
static uint8_t header_bytes[1024];
static size_t header_n;
static double seconds[KINDS];

static void must(bool what, const char *text) {
        if (what)
                return;
        fprintf(stderr, "exec: %s\n", text);
        exit(EXIT_FAILURE);
}

/* ---- inputs ---- */

/* A trie in which the path of key leads through so many branches without an empty place. */
static void make_proof(struct view key, struct view leaf, unsigned depth, struct trie_proof *ret,
                struct hash32 *ret_root) {
        struct trie *t = trie_new();
        struct hash32 path, other;

        keccak256(key, &path);
        trie_put(t, VIEW_OF(&path), leaf);
        for (unsigned i = 0; i < depth; i++)
                for (unsigned x = 1; x < 16; x++) {
                        other = path;
                        other.b[i / 2] ^= (uint8_t) (i % 2 == 0 ? x << 4 : x);
                        trie_put(t, VIEW_OF(&other),
                                        VIEW("a neighbour's leaf, long enough to be hashed", 44));
                }
        trie_root(t, ret_root);
        must(trie_prove(t, VIEW_OF(&path), ret) == depth + 1, "a proof is not as deep as wanted");
        t = trie_free(t);
}

static void make_account(void) {
        uint8_t bytes[128];
        struct buf b = BUF(bytes);
        size_t list = rlp_list_begin(&b);

        rlp_put_uint(&b, 1);
        rlp_put_uint(&b, UINT64_C(1) << 60);
        rlp_put_string(&b, VIEW_OF(&slot_root));
        rlp_put_string(&b, VIEW_OF(&slot));
        rlp_list_end(&b, list);
        make_proof(VIEW_OF(&address), VIEW(bytes, b.n), ACCOUNT_DEPTH, &account_proof,
                        &account_root);
}

static void make_slot(void) {
        uint8_t bytes[64];
        struct buf b = BUF(bytes);

        rlp_put_string(&b, VIEW_OF(&address));
        make_proof(VIEW_OF(&slot), VIEW(bytes, b.n), SLOT_DEPTH, &slot_proof, &slot_root);
}

static void make_header(void) {
        static const size_t sizes[HEADER_FIELDS] = { 32, 32, 20, 32, 32, 32, 256, 0, 4, 4, 4, 4, 15,
                32, 8, 4, 32, 3, 4, 32, 32 };
        static const uint8_t no_list = 0xc0;
        struct buf b = BUF(header_bytes);
        size_t list = rlp_list_begin(&b);
        struct hash32 no_uncles;

        keccak256(VIEW(&no_list, 1), &no_uncles);
        for (size_t i = 0; i < HEADER_FIELDS; i++) {
                uint8_t field[256];

                memset(field, i == 14 ? 0 : 0x77, sizeof(field));
                if (i == 1)
                        memcpy(field, no_uncles.b, sizeof(no_uncles.b));
                rlp_put_string(&b, VIEW(field, sizes[i]));
        }
        rlp_list_end(&b, list);
        header_n = b.n;
        keccak256(VIEW(header_bytes, header_n), &header_hash);
}

/* ---- what is timed ---- */

static void verify_account(void) {
        struct account_exec a;

        must(account_exec_verify(&account_root, &address, &account_proof.mpt, &a) == MPT_PRESENT,
                        "an account is refused");
}

static void verify_slot(void) {
        struct hash32 value;

        must(storage_exec_verify(&slot_root, &slot, &slot_proof.mpt, &value) == MPT_PRESENT,
                        "a slot is refused");
}

static void verify_header(void) {
        struct header_exec h;

        must(header_exec_verify(&header_hash, VIEW(header_bytes, header_n), &h) ==
                                        HEADER_EXEC_PROVEN,
                        "a header is refused");
}

static void hash_nodes(const struct trie_proof *p) {
        struct hash32 hash;

        for (size_t i = 0; i < p->mpt.n; i++)
                keccak256(p->mpt.node[i], &hash);
}

static void hash_account(void) {
        hash_nodes(&account_proof);
}

static void hash_slot(void) {
        hash_nodes(&slot_proof);
}

static void hash_header(void) {
        struct hash32 hash;

        keccak256(VIEW(header_bytes, header_n), &hash);
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static size_t size_of(const struct trie_proof *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->mpt.n; i++)
                n += p->mpt.node[i].n;
        return n;
}

static void print(const char *title, enum kind kind) {
        printf("  %-34s %9.0f   %.2f times the time of Keccak-256 over the same bytes\n", title,
                        TURNS * ROUNDS / seconds[kind], seconds[kind] / seconds[kind + 1]);
}

int main(void) {
        static void (*const work[KINDS])(void) = { verify_account, hash_account, verify_slot,
                hash_slot, verify_header, hash_header };

        make_slot();
        make_account();
        make_header();
        for (int round = 0; round < ROUNDS; round++)
                for (int kind = 0; kind < KINDS; kind++) {
                        double from = now();

                        for (int turn = 0; turn < TURNS; turn++)
                                work[kind]();
                        seconds[kind] += now() - from;
                }

        printf("per second of CPU; account proof %zu bytes, slot proof %zu, header %zu\n",
                        size_of(&account_proof), size_of(&slot_proof), header_n);
        print("account proofs", ACCOUNT);
        print("slot proofs", SLOT);
        print("block headers", HEADER);
        trie_proof_done(&account_proof);
        trie_proof_done(&slot_proof);
        return EXIT_SUCCESS;
}
