/* Fuzzes proof bundles, format and player. The checksum is put right first, so that what stands
 * behind it is reached. What parses is written again to the same bytes; the player ends, with the
 * bundle's own checkpoint for the verifier's; and what is proven is in order. */

#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "chain/bundle.h"
#include "core/sha256.h"
#include "replay/eth_sim.h"

static struct esim world; /* whose network the corpus is of */

static void same_again(const struct bundle *b, struct view file) {
        static uint8_t again[BUNDLE_MAX];
        struct buf out = BUF(again);
        struct view events = b->events, v;

        bundle_put_head(&out, b);
        while (events.n > 0) {
                struct bundle_event e;

                MUST(bundle_take_event(b, &events, &e) == 0);
                bundle_put_event(&out, &e);
        }
        bundle_put_end(&out);
        MUST(buf_done(&out, &v) == 0 && view_eq(v, file));
}

static void play(const struct bundle *b) {
        struct bundle_trust trust = { .checkpoint = b->checkpoint, .net = &world.net };
        enum bundle_verdict verdict = BUNDLE_UNPROVEN;
        char why[CHAIN_TEXT_MAX] = "";
        struct bundle_claims c;
        size_t step;
        int r = bundle_verify(b, &trust, &verdict, &c, &step, why);

        MUST(r == 0 || r == -EINVAL);
        if (r < 0)
                return;
        MUST(step <= BUNDLE_EVENTS_MAX);
        if (verdict == BUNDLE_UNPROVEN)
                MUST(why[0] != 0);
        else
                MUST(c.final.ref.number <= c.head.ref.number &&
                                !hash32_is_zero(&c.final.ref.hash) &&
                                !hash32_is_zero(&c.head.ref.hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t file[BUNDLE_MAX];
        struct bundle b;
        int r;

        if (size > sizeof(file))
                return 0;
        if (!world.maker)
                esim_init(&world, 32, 10, "be");
        if (size > 0)
                memcpy(file, data, size);
        if (size >= HASH32_SIZE) {
                struct hash32 sum;

                sha256(VIEW(file, size - HASH32_SIZE), &sum);
                memcpy(file + size - HASH32_SIZE, sum.b, HASH32_SIZE);
        }
        r = bundle_parse(VIEW(file, size), &b);
        MUST(r == 0 || r == -EBADMSG || r == -E2BIG || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;
        same_again(&b, VIEW(file, size));
        play(&b);
        return 0;
}
