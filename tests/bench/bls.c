/* The signature of one light-client update: 512 members, of whom 4 are absent (so five keys are
 * decompressed), verified by our own arithmetic, by libblst where it is there, and beside them one
 * bare libsecp256k1 recovery, which is what a header of the other chain costs. They take turns, so
 * that a busy machine slows them alike; the best turn of each counts. Prints figures; fails on a
 * signature that is refused alone. */

#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eth/bls_sign.h"

#define MEMBERS 512
#define ABSENT  4
#define ROUNDS  40
#define TIMES   5

typedef enum bls_verdict (*committee_verify_fn)(const uint8_t *keys, size_t n,
                const uint8_t *aggregate, const uint8_t *bits, struct view message,
                const uint8_t *signature);

enum bls_verdict ours_committee_verify(const uint8_t *keys, size_t n, const uint8_t *aggregate,
                const uint8_t *bits, struct view message, const uint8_t *signature);
enum bls_verdict blst_peer_committee_verify(const uint8_t *keys, size_t n, const uint8_t *aggregate,
                const uint8_t *bits, struct view message, const uint8_t *signature);

static uint8_t keys[MEMBERS * BLS_PUBKEY_SIZE], aggregate[BLS_PUBKEY_SIZE], bits[MEMBERS / 8],
                half[MEMBERS / 8];
static uint8_t signature[BLS_SIGNATURE_SIZE], half_signature[BLS_SIGNATURE_SIZE], root[32];
static secp256k1_context *context;

static void must(bool what, const char *text) {
        if (what)
                return;
        fprintf(stderr, "bls: %s\n", text);
        exit(EXIT_FAILURE);
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void sign_by(const uint8_t *sks, const uint8_t *who, uint8_t ret[BLS_SIGNATURE_SIZE]) {
        static uint8_t signers[MEMBERS * 32];
        uint8_t sum[32];
        size_t n = 0;

        for (size_t i = 0; i < MEMBERS; i++)
                if (who[i / 8] >> i % 8 & 1)
                        memcpy(signers + 32 * n++, sks + 32 * i, 32);
        bls_sign_sum(signers, n, sum);
        bls_sign(sum, VIEW(root, sizeof(root)), ret);
}

static void make(void) {
        static uint8_t sks[MEMBERS * 32];

        for (size_t i = 0; i < MEMBERS; i++) {
                memset(sks + 32 * i, (int) (i % 251 + 1), 32);
                sks[32 * i] = (uint8_t) (i / 251 + 1);
                bls_sign_pubkey(sks + 32 * i, keys + BLS_PUBKEY_SIZE * i);
        }
        must(bls_sign_aggregate_keys(keys, MEMBERS, aggregate) == 0, "no aggregate");
        memset(bits, 0xff, sizeof(bits));
        bits[17] = 0xff >> ABSENT;
        memset(half, 0x55, sizeof(half));
        sign_by(sks, bits, signature);
        sign_by(sks, half, half_signature);
}

static double verify(committee_verify_fn by, const uint8_t *who, const uint8_t *sig) {
        double from = now();

        for (int i = 0; i < TIMES; i++)
                must(by(keys, MEMBERS, aggregate, who, VIEW(root, sizeof(root)), sig) ==
                                                BLS_VERIFIED,
                                "a signature is refused");
        return (now() - from) / TIMES;
}

static double recover(void) {
        static const uint8_t sk[32] = { [31] = 7 };
        secp256k1_ecdsa_recoverable_signature sig;
        secp256k1_pubkey key;
        double from;

        must(secp256k1_ecdsa_sign_recoverable(context, &sig, root, sk, NULL, NULL), "not signed");
        from = now();
        for (int i = 0; i < TIMES; i++)
                must(secp256k1_ecdsa_recover(context, &key, &sig, root), "not recovered");
        return (now() - from) / TIMES;
}

int main(void) {
        double ours = 1, ours_half = 1, blst = 1, secp = 1;

        context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
        memset(root, 0x5a, sizeof(root));
        make();
        for (int i = 0; i < ROUNDS; i++) {
                ours = MIN(ours, verify(ours_committee_verify, bits, signature));
#ifdef HAVE_BLST
                blst = MIN(blst, verify(blst_peer_committee_verify, bits, signature));
#endif
                secp = MIN(secp, recover());
                if (i % 8 == 0)
                        ours_half = MIN(ours_half,
                                        verify(ours_committee_verify, half, half_signature));
        }
        printf("one update's signature, %d members, CPU time; this build verifies by: %s\n",
                        MEMBERS, bls_implementation());
        printf("  %-34s %9.0f us   %.1f times a bare secp256k1 recovery (%.0f us)\n",
                        "ours, 4 absent", 1e6 * ours, ours / secp, 1e6 * secp);
        printf("  %-34s %9.0f us\n", "ours, half of them absent", 1e6 * ours_half);
#ifdef HAVE_BLST
        printf("  %-34s %9.0f us   ours takes %.2f times as long\n", "libblst, 4 absent",
                        1e6 * blst, ours / blst);
#else
        (void) blst;
        printf("  libblst is not there\n");
#endif
        secp256k1_context_destroy(context);
        return EXIT_SUCCESS;
}
