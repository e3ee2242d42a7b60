/* The arguments of the bus, from text to value. Pure; whatever is longer, shorter or else than
 * documented is refused whole. */

#include "agent/kedged/bus_args.h"

#include <errno.h>
#include <string.h>

#include "base/ct.h"
#include "base/hex.h"
#include "base/spki.h"
#include "core/sha256.h"
#include "core/slot.h"

static int read_hex(const char *text, void *ret, size_t n) {
        size_t len = strnlen(text, BUS_TEXT_MAX);

        if (strncmp(text, "0x", 2) != 0)
                return -EINVAL;
        return hex_decode(VIEW(text, len), ret, n);
}

int bus_read_address(const char *text, struct address *ret) {
        return read_hex(text, ret->b, sizeof(ret->b));
}

int bus_read_hash(const char *text, struct hash32 *ret) {
        return read_hex(text, ret->b, sizeof(ret->b));
}

int bus_read_key(const char *text, struct hash32 *ret) {
        size_t len = strnlen(text, BUS_TEXT_MAX);

        if (len == BUS_TEXT_MAX)
                return -EINVAL;
        if (strncmp(text, "0x", 2) == 0)
                return bus_read_hash(text, ret);
        return slot_key_of_text(VIEW(text, len), ret) < 0 ? -EINVAL : 0;
}

int bus_read_certificate(struct view der, struct bus_certificate *ret) {
        struct spki_parts parts;
        int r;

        if (der.n > BUS_CERTIFICATE_MAX)
                return -E2BIG;
        r = spki_find(der, &parts);
        if (r < 0)
                return r;
        sha256(der, &ret->whole);
        sha256(parts.spki, &ret->key);
        return 0;
}

enum bus_verdict bus_judge_certificate(const struct bus_certificate *certificate,
                const struct name_answer *answer, size_t *ret_pin) {
        size_t n = MIN(answer->n_pins, NAME_PINS_MAX);

        for (size_t i = 0; i < n; i++) {
                bool whole = ct_eq(certificate->whole.b, answer->pin[i].b, HASH32_SIZE);

                if (!whole && !ct_eq(certificate->key.b, answer->pin[i].b, HASH32_SIZE))
                        continue;
                *ret_pin = i;
                return whole ? BUS_CERTIFICATE_PINNED : BUS_KEY_PINNED;
        }
        return n == 0 ? BUS_CERTIFICATE_UNNAMED : BUS_CERTIFICATE_REFUSED;
}
