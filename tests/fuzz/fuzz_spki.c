/* base/spki: what is found lies in the certificate, in order, and a longer certificate is refused;
 * a date has one value. */

#include "fuzz.h"

#include "base/spki.h"

static bool lies_in(struct view part, struct view whole) {
        return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct view in = VIEW(data, size);
        struct spki_parts parts, less;
        uint8_t xy[64];
        int64_t s;

        if (spki_time(in, &s) == 0)
                MUST(s >= -62167219200 && s <= 253402300799 && (size == 15 || size == 17));
        if (spki_secp256k1(in, xy) == 0)
                MUST(size == 88 && memcmp(xy, data + 24, 64) == 0);

        if (spki_find(in, &parts) < 0)
                return 0;
        MUST(lies_in(parts.not_before, in) && lies_in(parts.not_after, in) &&
                        lies_in(parts.spki, in));
        MUST(parts.not_before.p + parts.not_before.n == parts.not_after.p);
        MUST(parts.not_after.p + parts.not_after.n < parts.spki.p && parts.spki.p[0] == 0x30 &&
                        parts.spki.n > 8);
        MUST(spki_find(VIEW(data, size - 1), &less) < 0);
        if (spki_secp256k1(parts.spki, xy) == 0)
                MUST(parts.spki.n == 88);
        return 0;
}
