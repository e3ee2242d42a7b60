/* agent/kedged/bus_args: any text and any certificate from the bus. What must hold: a text that is
 * read has one spelling but for the case of its digits; a certificate is accepted for a pin of the
 * answer and nothing else. */

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "agent/kedged/bus_args.h"
#include "base/hex.h"
#include "core/sha256.h"

static void same_digits(const char *text, const void *value, size_t n) {
        uint8_t again[HASH32_SIZE];

        MUST(strlen(text) == 2 + 2 * n);
        MUST(hex_decode(VIEW_TEXT(text), again, n) == 0 && memcmp(again, value, n) == 0);
}

static void try_text(const uint8_t *data, size_t size) {
        char text[2 * BUS_TEXT_MAX + 1];
        struct address address;
        struct hash32 hash, key;
        size_t n = MIN(size, sizeof(text) - 1);

        memcpy(text, data, n);
        text[n] = 0;
        if (bus_read_address(text, &address) == 0)
                same_digits(text, address.b, sizeof(address.b));
        if (bus_read_hash(text, &hash) == 0) {
                same_digits(text, hash.b, sizeof(hash.b));
                MUST(bus_read_key(text, &key) == 0 && hash32_eq(&key, &hash));
        } else if (bus_read_key(text, &key) == 0)
                MUST(strlen(text) > 0 && strlen(text) < BUS_TEXT_MAX &&
                                strncmp(text, "0x", 2) != 0);
}

static void try_certificate(struct view der) {
        struct name_answer answer = { .verdict = NAME_PRESENT, .n_pins = 2 };
        struct bus_certificate c;
        size_t pin;
        int r = bus_read_certificate(der, &c);

        MUST(r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r < 0)
                return;
        MUST(der.n <= BUS_CERTIFICATE_MAX);
        sha256(der, &answer.pin[2]); /* it is not among the two */
        MUST(hash32_eq(&answer.pin[2], &c.whole));
        MUST(bus_judge_certificate(&c, &answer, &pin) == BUS_CERTIFICATE_REFUSED);
        answer.pin[1] = c.key;
        MUST(bus_judge_certificate(&c, &answer, &pin) == BUS_KEY_PINNED && pin == 1);
        answer.n_pins = 3;
        answer.pin[1].b[0] ^= 1;
        MUST(bus_judge_certificate(&c, &answer, &pin) == BUS_CERTIFICATE_PINNED && pin == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        try_text(data, size);
        try_certificate(VIEW(data, size));
        return 0;
}
