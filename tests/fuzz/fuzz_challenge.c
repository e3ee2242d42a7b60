/* agent/kedged/challenge: a good answer, changed as the input says.
 *
 * Input: what is changed of the asker (one byte), then masks for nonce and signature. Only the very
 * answer that was asked for is good, and that once; whatever else is done to it, nobody gets the
 * signer's name. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/challenge.h"
#include "base/view.h"
#include "core/eip191.h"
#include "core/secp.h"

static const uint8_t key[32] = { [0] = 1, [31] = 9 };

/* False: as it was. */
static bool change(struct challenge_ask *ask, uint8_t how) {
        switch (how % 8) {
        case 1:
                ask->uid = 1;
                return true;
        case 2:
                ask->user = "bob";
                return true;
        case 3:
                ask->service = "su";
                return true;
        case 4:
                ask->host = "gw2.plant.fleet";
                return true;
        case 5:
                ask->life_ms++;
                return true;
        case 6:
                ask->user = "alicel";
                ask->service = "ogin";
                return true;
        default:
                return false;
        }
}

static bool xor_in(uint8_t *to, size_t n, struct view *mask) {
        bool any = false;

        for (size_t i = 0; i < n && mask->n > 0; i++) {
                any = any || mask->p[0] != 0;
                to[i] ^= mask->p[0];
                *mask = VIEW(mask->p + 1, mask->n - 1);
        }
        return any;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct challenge_desk desk;
        struct challenge_ask ask = { .uid = 0, .user = "alice", .service = "login", .host = "gw1.plant.fleet",
                                     .now_ms = 77777, .life_ms = 120000, .now_s = 1795350000 };
        uint8_t nonce[LOGIN_NONCE_SIZE], signature[65], was_v;
        char text[LOGIN_TEXT_MAX + 1];
        struct address signer = { 0 }, mine;
        struct view in = VIEW(data, size);
        bool moved, nonce_moved, signature_moved;
        enum login_verdict v;
        struct secp_pubkey pub;

        memset(&desk, 0, sizeof(desk));
        memset(desk.secret, 0x42, sizeof(desk.secret)); /* the same each time */
        MUST(secp_pubkey_of(key, &pub) == 0);
        secp_address(&pub, &mine);
        MUST(challenge_make(&desk, &ask, nonce, text) == 0);
        MUST(eip191_sign(VIEW_TEXT(text), key, signature) == 0);
        was_v = signature[64];
        moved = in.n > 0 && change(&ask, in.p[0]);
        in = in.n > 0 ? VIEW(in.p + 1, in.n - 1) : in;
        signature_moved = xor_in(signature, 64, &in);
        (void) xor_in(signature + 64, 1, &in); /* v has two spellings */
        nonce_moved = xor_in(nonce, sizeof(nonce), &in);

        v = challenge_check(&desk, &ask, nonce, signature, &signer);
        if (moved || nonce_moved) {
                MUST(v == LOGIN_BAD_CHALLENGE);
                return 0;
        }
        MUST(v == LOGIN_UNPROVEN || v == LOGIN_BAD_SIGNATURE);
        if (v == LOGIN_UNPROVEN)
                MUST(address_eq(&signer, &mine) ==
                                (!signature_moved && (signature[64] == was_v || signature[64] + 27 == was_v)));
        if (v != LOGIN_UNPROVEN || !address_eq(&signer, &mine))
                return 0;
        MUST(challenge_use(&desk, &ask, nonce) == 0);
        MUST(challenge_check(&desk, &ask, nonce, signature, &signer) == LOGIN_REPLAYED);
        MUST(challenge_use(&desk, &ask, nonce) < 0);
        return 0;
}
