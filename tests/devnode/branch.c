/* Blocks that only a faulty node shows: forks, heads signed by the wrong people, jumps. Their
 * headers are signed with real keys and their states are real trees, so everything about them
 * verifies except who stands behind them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "core/sha256.h"
#include "tests/devnode/node.h"

#define FORK_LEAD 3u
#define JUMP_RUN  120u

void branch_clear(struct node *node) {
        for (size_t i = 0; i < node->branch.n; i++)
                block_done(&node->branch.blocks[i]);
        free(node->branch.blocks);
        node->branch = (struct branch){};
}

/* What the branch's state says that the chain's does not: KEYTEXT cleared, or KEYTEXT=0xHEX. */
static struct chain_set branch_change(const struct node *node, const char *fallback) {
        char text[FAULT_ARG_MAX], *eq;
        struct chain_set set = {};

        snprintf(text, sizeof(text), "%s", node->has_arg ? node->arg : fallback);
        eq = strchr(text, '=');
        if (eq) {
                *eq = '\0';
                if (hex_decode(VIEW_TEXT(eq + 1), set.value.b, 32) < 0)
                        memset(set.value.b, 0xee, sizeof(set.value.b));
        }
        chain_slot(text, &set.slot);
        return set;
}

static void branch_add(struct node *node, const struct block *parent, uint64_t number,
                       const struct key *miner, const struct chain_set *set) {
        struct chain *c = &node->dn->chain;
        struct branch *br = &node->branch;
        struct block b = { .previous = parent->hash, .number = number,
                           .transactions = c->blocks[0].transactions,
                           .timestamp = parent->timestamp + 1 };

        b.nonce[31] = 7;
        b.accounts = chain_state_next(c, parent->accounts, number, &miner->address, set,
                                      set && br->n == 0);
        tree_root(b.accounts, &b.state);
        block_seal(&b, miner);
        br->blocks = realloc(br->blocks, (br->n + 1) * sizeof(*br->blocks));
        assert(br->blocks);
        if (br->n == 0)
                br->base = number;
        br->blocks[br->n++] = b;
}

static const struct block *tip_or(const struct node *node, const struct block *fallback) {
        return node->branch.n > 0 ? &node->branch.blocks[node->branch.n - 1] : fallback;
}

/* Miners that are in the window ending at number, the weakest first, until they hold `limit`. */
static unsigned minority(const struct chain *c, uint64_t number, unsigned limit,
                         const struct key **ret, unsigned cap) {
        bool used[CHAIN_MINERS_MAX] = {};
        unsigned n = 0, sum = 0;

        for (; n < cap; n++) {
                unsigned best = 0, least = CHAIN_WINDOW + 1;

                for (unsigned i = 0; i < c->config.miners; i++) {
                        unsigned w = chain_weight(c, number, &c->miners[i].address);

                        if (!used[i] && w > 0 && w < least) {
                                least = w;
                                best = i;
                        }
                }
                if (least > CHAIN_WINDOW || (n > 0 && sum + least > limit))
                        break;
                used[best] = true;
                sum += least;
                ret[n] = &c->miners[best];
        }
        return n;
}

static void fork_extend(struct node *node, bool majority) {
        struct chain *c = &node->dn->chain;
        const struct key *few[CHAIN_MINERS_MAX];
        uint64_t base = node->branch.base, end = chain_peak(c) + FORK_LEAD;
        struct chain_set set = majority ? (struct chain_set){} : branch_change(node, "fork");
        unsigned n_few;

        if (node->branch.n == 0) {
                base = chain_final(c) + 1;
                if (majority) {
                        base -= MIN(node->arg_n, base - 2);
                        chain_slot("fork", &set.slot);
                        memset(set.value.b, 0x66, sizeof(set.value.b));
                } else if (!node->has_arg) {
                        memset(set.value.b, 0x66, sizeof(set.value.b));
                }
        }
        n_few = minority(c, base - 1, 40, few, ELEMENTSOF(few));
        assert(n_few > 0);
        for (uint64_t n = base + node->branch.n; n <= end; n++) {
                const struct block *parent = tip_or(node, &c->blocks[base - 1]);
                const struct key *miner = majority ? &c->miners[chain_turn(c, n, -1, 0)] :
                                                     few[n % n_few];

                if (!parent->accounts)
                        break;
                branch_add(node, parent, n, miner, &set);
        }
}

/* A few blocks on the newest honest one, made anew whenever the chain grows. */
static void head_rebuild(struct node *node, bool stranger) {
        struct chain *c = &node->dn->chain;
        struct chain_set set = branch_change(node, "signature");
        const struct key *one[1];
        struct key strangers[3];
        uint64_t peak = chain_peak(c);

        branch_clear(node);
        for (unsigned i = 0; i < ELEMENTSOF(strangers); i++) {
                char text[64];

                snprintf(text, sizeof(text), "kedge-devnode-stranger-%u", i);
                key_from_text(&strangers[i], text);
        }
        if (minority(c, peak, 0, one, 1) == 0)
                return;
        for (unsigned i = 0; i < fault_table[node->fault].default_arg; i++)
                branch_add(node, tip_or(node, &c->blocks[peak]), peak + 1 + i,
                           stranger ? &strangers[i % ELEMENTSOF(strangers)] : one[0], &set);
}

/* Headers far ahead, signed by the very miners that the client trusts where it stands. */
static void jump_rebuild(struct node *node) {
        struct chain *c = &node->dn->chain;
        uint64_t peak = chain_peak(c), last = node->quick_last;
        struct block far = c->blocks[peak];
        struct chain_set set = branch_change(node, "signature");

        branch_clear(node);
        set.value = (struct hash32){};
        chain_slot("signature", &set.slot);
        if (last < CHAIN_WINDOW || last > peak)
                last = node->dn->checkpoint;
        sha256(VIEW("far ahead", 9), &far.hash);
        for (unsigned i = 0; i < JUMP_RUN; i++) {
                uint64_t like = last - CHAIN_WINDOW + 1 + i % CHAIN_WINDOW;
                int miner = like > 0 ? chain_miner_index(c, &c->blocks[like].miner) : 0;

                branch_add(node, tip_or(node, &far), peak + node->arg_n + i,
                           &c->miners[miner < 0 ? 0 : miner], &set);
        }
}

void branch_refresh(struct node *node) {
        struct chain *c = &node->dn->chain;

        if (node->branch.n > 0 && node->branch.generation == c->generation &&
            node->fault != FAULT_GAP_JUMP)
                return;
        switch (node->fault) {
        case FAULT_FORK:
                fork_extend(node, false);
                break;
        case FAULT_FORK_MAJORITY:
                fork_extend(node, true);
                break;
        case FAULT_STRANGER_HEAD:
                head_rebuild(node, true);
                break;
        case FAULT_SINGLE_MINER_HEAD:
                head_rebuild(node, false);
                break;
        case FAULT_GAP_JUMP:
                jump_rebuild(node);
                break;
        default:
                return;
        }
        node->branch.generation = c->generation;
}
