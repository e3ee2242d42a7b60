/* Attacks on a good bundle, with its checksum put right: whatever is changed, the player ends, and
 * refuses, or claims the very same, or claims something else that is true (a proof that a name is
 * absent may well hold for another name, too). */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/sha256.h"
#include "tap.h"

#define HEAD_MAX 900

static uint8_t *heap(struct view v, size_t more) {
        uint8_t *p = malloc(v.n + more);

        if (!p)
                abort();
        memcpy(p, v.p, v.n);
        return p;
}

static void mend(uint8_t *p, size_t n) {
        struct hash32 sum;

        sha256(VIEW(p, n - HASH32_SIZE), &sum);
        memcpy(p + n - HASH32_SIZE, sum.b, HASH32_SIZE);
}

static bool same_claims(const struct bundle_claims *a, const struct bundle_claims *b) {
        return memcmp(&a->values, &b->values, sizeof(a->values)) == 0 &&
               a->final.timestamp == b->final.timestamp &&
               a->head.timestamp == b->head.timestamp && a->record.verdict == b->record.verdict;
}

static int verify(struct view v, const struct bundle_trust *trust, struct bundle *ret_b,
                struct bundle_claims *ret) {
        enum bundle_verdict verdict = BUNDLE_UNPROVEN;
        char why[CHAIN_TEXT_MAX];
        size_t step;
        int r = bundle_parse(v, ret_b);

        if (r >= 0)
                r = bundle_verify(ret_b, trust, &verdict, ret, &step, why);
        if (r == -ENOMEM)
                abort();
        return r < 0 ? r : verdict == BUNDLE_PROVEN ? 0 : -EKEYREJECTED;
}

/* One changed bundle. False: it says what is false. */
static bool try(struct attack *a, const struct bundle_claims *good, struct view changed,
                const char *what, size_t at) {
        struct bundle_claims c;
        struct bundle b;

        if (verify(changed, &a->trust, &b, &c) < 0) {
                a->refused++;
                return true;
        }
        if (same_claims(good, &c)) {
                a->same++;
                return true;
        }
        a->other++;
        if (a->is_true(a->userdata, &b, &c))
                return true;
        printf("%s, byte %zu: a false claim is proven\n", what, at);
        return false;
}

static size_t bytes(struct attack *a, const struct bundle_claims *good) {
        size_t failed = 0, n = a->bundle.n;

        for (size_t at = 0; at < n - HASH32_SIZE;
                        at += at < HEAD_MAX && a->stride > 1 ? 3 : a->stride) {
                static const uint8_t changes[] = { 0x01, 0xff };

                for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                        uint8_t *p = heap(a->bundle, 0);

                        p[at] ^= changes[i];
                        mend(p, n);
                        failed += !try(a, good, VIEW(p, n), "changed", at);
                        free(p);
                        if (at < HEAD_MAX && a->stride > 1)
                                break; /* one of the two is enough there */
                }
        }
        return failed;
}

/* Damage: the checksum is not put right. */
static size_t damaged(struct attack *a) {
        struct bundle_claims c;
        struct bundle b;
        size_t failed = 0;

        for (size_t at = 0; at < a->bundle.n; at += 97) {
                uint8_t *p = heap(a->bundle, 0);

                p[at] ^= 0x10;
                failed += verify(VIEW(p, a->bundle.n), &a->trust, &b, &c) >= 0;
                free(p);
        }
        return failed;
}

static size_t cut_and_grown(struct attack *a, const struct bundle_claims *good) {
        size_t failed = 0, n = a->bundle.n;

        for (size_t cut = 1; cut < n - HASH32_SIZE - 10; cut += MAX(n / 40, (size_t) 1)) {
                uint8_t *p = heap(VIEW(a->bundle.p, n - cut), 0);

                mend(p, n - cut);
                failed += !try(a, good, VIEW(p, n - cut), "cut", cut);
                free(p);
        }
        for (size_t more = 1; more < 64; more += 9) {
                uint8_t *p = heap(a->bundle, more);

                memset(p + n - HASH32_SIZE, (int) more, more + HASH32_SIZE);
                mend(p, n + more);
                failed += !try(a, good, VIEW(p, n + more), "grown", more);
                free(p);
        }
        return failed;
}

static size_t split(const struct bundle *b, struct bundle_event *ret) {
        struct view v = b->events;
        size_t n = 0;

        while (v.n > 0)
                if (n == BUNDLE_EVENTS_MAX || bundle_take_event(b, &v, &ret[n++]) < 0)
                        abort();
        return n;
}

static uint8_t again[BUNDLE_MAX];
static struct bundle_event event[BUNDLE_EVENTS_MAX];

static struct view join(const struct bundle *b, size_t n, size_t skip, size_t swap) {
        struct buf out = BUF(again);
        struct view v;

        bundle_put_head(&out, b);
        for (size_t i = 0; i < n; i++)
                if (i != skip)
                        bundle_put_event(&out, &event[i == swap       ? i + 1 :
                                                       i == swap + 1 ? i - 1 :
                                                                       i]);
        bundle_put_end(&out);
        if (buf_done(&out, &v) < 0)
                abort();
        return v;
}

/* Events left out, and in another order. */
static size_t shuffled(struct attack *a, const struct bundle_claims *good) {
        size_t failed = 0, n, steps;
        struct bundle b;

        if (bundle_parse(a->bundle, &b) < 0)
                abort();
        n = split(&b, event);
        steps = MAX(n / 60, (size_t) 1);
        if (!view_eq(join(&b, n, SIZE_MAX, SIZE_MAX - 1), a->bundle))
                failed += printf("a bundle has another spelling\n") > 0;
        for (size_t i = 0; i + 1 < n; i += a->stride > 1 ? steps : 1) {
                failed += !try(a, good, join(&b, n, i, SIZE_MAX - 1), "event left out", i);
                failed += !try(a, good, join(&b, n, SIZE_MAX, i), "events swapped", i);
        }
        failed += !try(a, good, join(&b, 0, SIZE_MAX, SIZE_MAX - 1), "no events", 0);
        return failed;
}

/* Another's word for the checkpoint is not ours. */
static size_t other_checkpoint(struct attack *a) {
        struct bundle_trust ours = a->trust;
        struct bundle_claims c;
        struct bundle b;
        size_t failed = 0;

        ours.checkpoint.hash.b[31] ^= 1;
        failed += verify(a->bundle, &ours, &b, &c) >= 0;
        ours = a->trust;
        ours.checkpoint.number++;
        if (b.backend == BUNDLE_BLOCKQUICK)
                failed += verify(a->bundle, &ours, &b, &c) >= 0;
        if (failed > 0)
                printf("proven from another checkpoint\n");
        return failed;
}

size_t attack_all(struct attack *a) {
        struct bundle_claims good;
        struct bundle b;
        size_t failed = 0;
        int r = verify(a->bundle, &a->trust, &b, &good);

        if (r < 0 || !a->is_true(a->userdata, &b, &good)) {
                printf("the good bundle is refused (%d), or false\n", r);
                return 1;
        }
        failed += bytes(a, &good);
        failed += damaged(a);
        failed += cut_and_grown(a, &good);
        failed += shuffled(a, &good);
        failed += other_checkpoint(a);
        printf("%zu bytes: %zu changes refused, %zu claim the same, %zu claim something else that is "
               "true\n",
                        a->bundle.n, a->refused, a->same, a->other);
        return failed;
}
