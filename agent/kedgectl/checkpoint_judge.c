/* What several sources say of a checkpoint, and how a root is shown. The sources are not trusted
 * one by one: their agreement is what an operator gets to see. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedgectl/checkpoint.h"
#include "base/hex.h"

static bool same_block(const struct checkpoint_source *a, const struct checkpoint_source *b) {
        return a->slot == b->slot && hash32_eq(&a->root, &b->root);
}

enum checkpoint_agreement checkpoint_judge(
                const struct checkpoint_sources *all, size_t *ret, size_t *ret_n) {
        bool contradiction = false;
        size_t best = 0, most = 0;

        for (size_t i = 0; i < all->n; i++) {
                const struct checkpoint_source *a = &all->source[i];
                size_t n = 0;

                if (!a->answered)
                        continue;
                for (size_t k = 0; k < all->n; k++) {
                        const struct checkpoint_source *b = &all->source[k];

                        if (b->answered && b->slot == a->slot && !hash32_eq(&b->root, &a->root))
                                contradiction = true;
                        n += b->answered && same_block(a, b);
                }
                if (n > most || (n == most && a->slot > all->source[best].slot)) {
                        best = i;
                        most = n;
                }
        }
        *ret = best;
        *ret_n = most;
        if (contradiction)
                return CHECKPOINT_CONTRADICTION;
        return most == 0 ? CHECKPOINT_NO_ANSWER : most == 1 ? CHECKPOINT_ALONE : CHECKPOINT_AGREED;
}

int checkpoint_parse(struct view text, uint64_t *ret_slot, struct hash32 *ret_root) {
        const uint8_t *space = memchr(text.p, ' ', text.n);
        char digits[21] = "";
        struct hash32 root;
        uint64_t slot;
        size_t n;

        if (!space)
                return -EBADMSG;
        n = (size_t) (space - text.p);
        if (n == 0 || n >= sizeof(digits))
                return -EBADMSG;
        memcpy(digits, text.p, n);
        if (ctl_number(digits, UINT64_MAX, &slot) < 0)
                return -EBADMSG;
        text = VIEW(space + 1, text.n - n - 1);
        if (text.n > 0 && text.p[text.n - 1] == '\n')
                text.n--;
        if (text.n != 66 || text.p[0] != '0' || text.p[1] != 'x' ||
                        hex_decode(text, root.b, sizeof(root.b)) < 0 || hash32_is_zero(&root))
                return -EBADMSG;
        *ret_slot = slot;
        *ret_root = root;
        return 0;
}

const char *checkpoint_aloud(const struct hash32 *root, char ret[CHECKPOINT_ALOUD]) {
        for (size_t i = 0; i < 8; i++) {
                (void) hex_encode(root->b + 4 * i, 4, ret + 9 * i);
                ret[9 * i + 8] = i < 7 ? ' ' : '\0';
        }
        return ret;
}

const char *checkpoint_short(const struct hash32 *root, char ret[10]) {
        (void) snprintf(ret, 10, "%02x%02x-%02x%02x", root->b[0], root->b[1], root->b[30],
                        root->b[31]);
        return ret;
}

bool checkpoint_chain_valid(const char *chain) {
        size_t n = strlen(chain);

        if (n == 0 || n >= CHECKPOINT_CHAIN_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!(chain[i] >= 'a' && chain[i] <= 'z') && !isdigit((unsigned char) chain[i]) &&
                                (chain[i] != '-' || i == 0))
                        return false;
        return true;
}
