/* core/header_diode: the input is the list of pairs and the key of a getblockheader2 answer. What
 * is signed is tied to every field, and to the hash and key that were sent. */

#include "fuzz.h"

#include "core/header_diode.h"
#include "core/rlp.h"
#include "core/secp.h"

static void check_signed(
                const struct diode_header *h, struct view key, const struct diode_signed *s) {
        struct diode_header changed[7];
        struct secp_pubkey sent;
        struct address address;
        struct diode_signed other;

        MUST(hash32_eq(&s->hash, &h->block_hash_sent));
        MUST(secp_pubkey_parse(key, &sent) == 0);
        secp_address(&sent, &address);
        MUST(address_eq(&address, &s->miner));

        for (size_t i = 0; i < ELEMENTSOF(changed); i++)
                changed[i] = *h;
        changed[0].previous_block.b[3] ^= 0x10;
        changed[1].state_hash.b[31] ^= 1;
        changed[2].transaction_hash.b[0] ^= 0x80;
        changed[3].timestamp ^= 1;
        changed[4].number ^= 1;
        changed[5].miner_signature[0] ^= 1;
        changed[6].miner_signature[64] ^= 1;
        for (size_t i = 0; i < ELEMENTSOF(changed); i++) {
                diode_header_hash(&changed[i], &changed[i].block_hash_sent);
                MUST(diode_header_verify(&changed[i], key, &other) != HEADER_SIGNED);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size), pairs, key = { NULL, 0 };
        struct diode_header h;
        struct diode_signed s;

        if (rlp_take_list(&in, &pairs) < 0)
                return 0;
        if (rlp_take_string(&in, &key) < 0)
                key = VIEW(NULL, 0);
        if (diode_header_parse(pairs, &h) < 0)
                return 0;

        MUST(h.nonce_n <= sizeof(h.nonce) && (h.nonce_n == 0 || h.nonce[0] != 0));
        switch (diode_header_verify(&h, key, &s)) {
        case HEADER_SIGNED:
                check_signed(&h, key, &s);
                break;
        case HEADER_BAD_SIGNATURE:
        case HEADER_WRONG_KEY:
        case HEADER_WRONG_HASH:
                break;
        case HEADER_UNPROVEN:
                MUST(!"a header that was looked at is judged");
        }
        return 0;
}
