/* core/header_exec: what parses is RLP of a known shape that is written back to the same bytes, is
 * proven by its own hash, and by no other. */

#include "fuzz.h"

#include "base/buf.h"
#include "core/header_exec.h"
#include "core/keccak.h"
#include "core/rlp.h"

static void check_bytes(struct view in, unsigned n_fields) {
        uint8_t bytes[HEADER_EXEC_MAX];
        struct buf b = BUF(bytes);
        struct view body, field;
        unsigned n = 0;
        size_t list;

        MUST(rlp_whole_list(in, &body) == 0);
        list = rlp_list_begin(&b);
        for (; body.n > 0; n++) {
                MUST(rlp_take_string(&body, &field) == 0);
                rlp_put_string(&b, field);
        }
        rlp_list_end(&b, list);
        MUST(n == n_fields && !b.full && view_eq(VIEW(bytes, b.n), in));
}

static void check_hash(struct view in, const struct header_exec *h) {
        struct header_exec other = { 0 };
        struct hash32 hash;

        keccak256(in, &hash);
        MUST(hash32_eq(&hash, &h->hash));
        MUST(header_exec_verify(&hash, in, &other) == HEADER_EXEC_PROVEN);
        MUST(memcmp(&other, h, sizeof(other)) == 0);
        for (size_t i = 0; i < sizeof(hash.b); i++) {
                hash.b[i] ^= (uint8_t) (1 << i % 8);
                MUST(header_exec_verify(&hash, in, &other) == HEADER_EXEC_WRONG_HASH);
                hash.b[i] ^= (uint8_t) (1 << i % 8);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size);
        struct header_exec h = { .n_fields = 77 };

        if (header_exec_parse(in, &h) < 0) {
                MUST(h.n_fields == 77);
                return 0;
        }
        MUST(size <= HEADER_EXEC_MAX);
        MUST(h.n_fields == 15 || h.n_fields == 16 || h.n_fields == 17 || h.n_fields == 20 ||
                        h.n_fields == 21 || h.n_fields == 23);
        MUST(h.n_fields > 15 || h.base_fee == 0);
        check_bytes(in, h.n_fields);
        check_hash(in, &h);
        return 0;
}
