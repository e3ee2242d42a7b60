/* A day's bytes come evenly, as into a bucket that holds an eighth of a day: what can wait (proving
 * watched records again) waits while the bucket is empty, so that the evening gets as much as the
 * morning. What cannot wait (headers, finality, a client's own question, keys in a contract that is
 * proven to have changed) is counted and never held back; so the bucket may be owed something, but
 * never more than it holds: a long catching up does not stop the proofs of the days after.
 *
 * Somebody who asks all the time, or an upstream that sends more than it was asked for, could empty
 * the bucket for ever and so make revocations late. So an eighth of a day's bytes is kept beside it,
 * for proofs of watched records alone, and is charged with nothing but them.
 *
 * In any 24 hours what waits is not begun once a day's bytes are spent, but for what was kept. */

#include "agent/kedged/budget.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/file.h"
#include "agent/kedged/util.h"

#define BUDGET_MAGIC "KEDGBUD1"

struct budget_row {
        char chain[32];
        int64_t left;
        uint64_t at_ms; /* CLOCK_BOOTTIME */
};

struct budget_image {
        char magic[8];
        uint8_t boot_id[16];
        struct budget_row row[BUDGET_CHAINS_MAX];
};

static int64_t most(const struct budget *b) {
        return (int64_t) (b->daily / BUDGET_AT_ONCE);
}

static int64_t most_kept(const struct budget *b) {
        return (int64_t) (b->daily / BUDGET_KEPT / BUDGET_AT_ONCE);
}

static void fill(int64_t *left, uint64_t *remainder, uint64_t passed, uint64_t a_day, int64_t limit) {
        uint64_t parts = passed * a_day + *remainder;

        *left += (int64_t) (parts / BUDGET_DAY_MS);
        *remainder = parts % BUDGET_DAY_MS;
        if (*left >= limit) {
                *left = limit;
                *remainder = 0;
        }
}

static void refill(struct budget *b, uint64_t now) {
        uint64_t passed = MIN(now - MIN(now, b->at_ms), BUDGET_DAY_MS); /* BUDGET_MAX fits then */
        uint64_t kept = b->daily / BUDGET_KEPT;

        b->at_ms = now;
        fill(&b->left, &b->remainder, passed,
                        b->daily - (uint64_t) (most(b) + most_kept(b)) - kept, most(b));
        fill(&b->kept, &b->kept_remainder, passed, kept, most_kept(b));
}

void budget_init(struct budget *b, const char *chain, uint64_t daily, uint64_t now) {
        *b = (struct budget){ .daily = daily, .at_ms = now };
        (void) snprintf(b->chain, sizeof(b->chain), "%s", chain);
        b->left = b->saved_left = most(b);
        b->kept = most_kept(b);
}

void budget_limit(struct budget *b, uint64_t daily, uint64_t now) {
        int64_t spent;

        if (daily == b->daily)
                return;
        refill(b, now);
        spent = b->daily > 0 ? most(b) - b->left : 0;
        b->daily = daily;
        b->remainder = 0;
        b->left = MAX(most(b) - spent, -most(b));
        b->kept_remainder = 0;
        b->kept = MIN(b->kept, most_kept(b));
}

void budget_count(struct budget *b, uint64_t total, uint64_t now) {
        uint64_t more = total < b->seen ? total : total - b->seen;

        b->seen = total;
        if (b->daily == 0)
                return;
        refill(b, now);
        b->left = MAX(b->left - (int64_t) MIN(more, BUDGET_MAX), -most(b));
}

bool budget_allows(struct budget *b, uint64_t now) {
        if (b->daily == 0)
                return true;
        if (now != b->at_ms)
                refill(b, now);
        return b->left > 0 || b->kept > 0;
}

void budget_charge(struct budget *b, uint64_t about) {
        if (b->daily > 0 && b->left <= 0)
                b->kept = MAX(b->kept - (int64_t) MIN(about, BUDGET_MAX), -most_kept(b));
}

uint64_t budget_left(const struct budget *b) {
        return b->left > 0 ? (uint64_t) b->left : 0;
}

bool budget_may_warn(struct budget *b, uint64_t now) {
        if (b->warned_ms != 0 && now - MIN(now, b->warned_ms) < BUDGET_DAY_MS)
                return false;
        b->warned_ms = now;
        return true;
}

static void take_row(struct budget *b, const struct budget_row *row, bool this_boot) {
        uint64_t now = b->at_ms;

        b->left = MIN(MAX(row->left, -most(b)), most(b));
        if (this_boot) {
                b->at_ms = row->at_ms;
                refill(b, now);
        }
        b->saved_left = b->left;
}

void budget_load(int dir_fd, const uint8_t boot_id[16], struct budget *const all[], size_t n) {
        _cleanup_(freep) uint8_t *bytes = NULL;
        struct budget_image image;
        size_t bytes_n;

        if (file_read(dir_fd, BUDGET_FILE, sizeof(image), &bytes, &bytes_n) < 0 ||
                        bytes_n != sizeof(image))
                return;
        memcpy(&image, bytes, sizeof(image));
        if (memcmp(image.magic, BUDGET_MAGIC, sizeof(image.magic)) != 0)
                return;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < BUDGET_CHAINS_MAX; k++)
                        if (all[i]->daily > 0 &&
                                        strncmp(image.row[k].chain, all[i]->chain,
                                                        sizeof(all[i]->chain)) == 0)
                                take_row(all[i], &image.row[k],
                                                memcmp(image.boot_id, boot_id, 16) == 0);
}

static bool is_due(struct budget *const all[], size_t n, bool late) {
        for (size_t i = 0; i < n; i++) {
                int64_t less = all[i]->saved_left - all[i]->left;

                if (less > most(all[i]) / BUDGET_AT_ONCE || (late && less != 0))
                        return true;
        }
        return false;
}

int budget_save(int dir_fd, const uint8_t boot_id[16], struct budget *const all[], size_t n,
                bool stopping, uint64_t now, uint64_t *saved_ms) {
        struct budget_image image = { 0 };
        int r;

        n = MIN(n, BUDGET_CHAINS_MAX);
        if (!is_due(all, n, stopping || now - MIN(now, *saved_ms) >= BUDGET_SAVE_MS))
                return 0;
        memcpy(image.magic, BUDGET_MAGIC, sizeof(image.magic));
        memcpy(image.boot_id, boot_id, sizeof(image.boot_id));
        for (size_t i = 0; i < n; i++) {
                memcpy(image.row[i].chain, all[i]->chain, sizeof(image.row[i].chain));
                image.row[i].left = all[i]->left;
                image.row[i].at_ms = all[i]->at_ms;
        }
        r = file_replace(dir_fd, BUDGET_FILE, 0600, VIEW(&image, sizeof(image)), false);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                all[i]->saved_left = all[i]->left;
        *saved_ms = now;
        return 0;
}
