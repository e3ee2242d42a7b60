/* Names of the faults, and beginning and ending one. */
#include <stdlib.h>
#include <string.h>

#include "tests/devnode/fault.h"
#include "tests/devnode/node.h"

const struct fault_info fault_table[FAULT_MAX] = {
        [FAULT_NONE] = { "none", "honest", 0 },
        [FAULT_FORGED_SIGNATURE] = { "forged-signature", "headers whose signature is altered", 0 },
        [FAULT_RECID_FLIPPED] = { "recid-flipped", "headers with the other recovery id", 0 },
        [FAULT_FORK] = { "fork", "[KEYTEXT[=0xHEX]] own branch on the final block, by a minority", 0 },
        [FAULT_FORK_MAJORITY] = { "fork-majority", "[N] a branch by a majority, N below final", 10 },
        [FAULT_STRANGER_HEAD] = { "stranger-head", "[KEYTEXT[=0xHEX]] unknown keys sign the head", 5 },
        [FAULT_SINGLE_MINER_HEAD] = { "single-miner-head",
                                      "[KEYTEXT[=0xHEX]] one miner signs a head that revokes", 5 },
        [FAULT_FROZEN] = { "frozen", "everything stays as it is now", 0 },
        [FAULT_LAG] = { "lag", "[N] N blocks behind", 20 },
        [FAULT_STALE_HEAD] = { "stale-head", "[N] goes back N blocks and stays there", 30 },
        [FAULT_WRONG_ROOT] = { "wrong-root", "state roots of another block", 0 },
        [FAULT_WRONG_PROOF] = { "wrong-proof", "a byte of each proof is wrong", 0 },
        [FAULT_OTHER_KEY_PROOF] = { "other-key-proof", "genuine proofs of another key", 0 },
        [FAULT_WRONG_ACCOUNT] = { "wrong-account", "another account with its genuine proof", 0 },
        [FAULT_WITHHOLD] = { "withhold", "no answer about accounts and values; heads go on", 0 },
        [FAULT_TRUNCATED] = { "truncated", "frames that end early", 0 },
        [FAULT_LENGTH_BEYOND] = { "length-beyond", "frames announced longer than sent", 0 },
        [FAULT_OVERSIZED] = { "oversized", "answers over 65535 bytes, length modulo 65536", 0 },
        [FAULT_SILENT] = { "silent", "hello is answered, nothing else", 0 },
        [FAULT_SLOW] = { "slow", "[MS] one byte every MS", 50 },
        [FAULT_RANDOM] = { "random", "frames of random bytes", 0 },
        [FAULT_DISCONNECT] = { "disconnect", "ends in the middle of a frame", 0 },
        [FAULT_UNKNOWN_ID] = { "unknown-id", "answers to a question nobody asked", 0 },
        [FAULT_TWICE] = { "twice", "every answer twice", 0 },
        [FAULT_LATE] = { "late", "[MS] every answer MS later", 15000 },
        [FAULT_TOO_LOW_FOREIGN] = { "too-low-foreign", "too_low with a foreign signature", 0 },
        [FAULT_PORTOPEN] = { "portopen", "a portopen push before the ticket", 0 },
        [FAULT_EMPTY_FRAMES] = { "empty-frames", "empty frames around every answer", 0 },
        [FAULT_OTHER_PAIR_ORDER] = { "other-pair-order", "pairs in a new order each time", 0 },
        [FAULT_UNKNOWN_PAIR] = { "unknown-pair", "a pair that nobody knows", 0 },
        [FAULT_PEAK_3] = { "peak-3", "says that block 3 is the newest", 0 },
        [FAULT_PEAK_HUGE] = { "peak-huge", "[N] says that a block far ahead is the newest", 0 },
        [FAULT_ANCHOR_HASH] = { "anchor-hash", "[N] another header at the client's anchor", 0 },
        [FAULT_NON_CONTIGUOUS] = { "non-contiguous", "[N] every Nth header is the next one", 10 },
        [FAULT_INFLATE] = { "inflate", "199 headers in joining order", 0 },
        [FAULT_WRONG_NODE_KEY] = { "wrong-node-key", "the TLS key of another node", 0 },
        [FAULT_NO_HELLO] = { "no-hello", "never answers hello", 0 },
        [FAULT_ERROR_EVERYTHING] = { "error-everything", "an error for every question", 0 },
        [FAULT_GAP_JUMP] = { "gap-jump", "[N] a run N ahead, signed by the client's own miners", 50000 },
        [FAULT_BAD_TIMESTAMPS] = { "bad-timestamps", "[MINER] that miner's blocks say 2099", 0 },
};

bool fault_find(const char *name, enum fault *ret) {
        for (unsigned i = 0; i < FAULT_MAX; i++)
                if (strcmp(fault_table[i].name, name) == 0) {
                        *ret = (enum fault) i;
                        return true;
                }
        return false;
}

/* The miner's lie is signed, so it is part of the chain and not of one node's answers. */
static void update_liar(struct devnode *dn) {
        dn->chain.liar = -1;
        for (unsigned i = 0; i < dn->options.nodes; i++)
                if (dn->nodes[i].fault == FAULT_BAD_TIMESTAMPS)
                        dn->chain.liar = (int) dn->nodes[i].arg_n;
}

void fault_set(struct node *node, enum fault fault, const char *arg) {
        bool key_changes = fault == FAULT_WRONG_NODE_KEY || node->fault == FAULT_WRONG_NODE_KEY;

        branch_clear(node);
        node->fault = fault;
        node->has_arg = arg && *arg;
        snprintf(node->arg, sizeof(node->arg), "%s", node->has_arg ? arg : "");
        node->arg_n = node->has_arg ? strtoull(arg, NULL, 0) : fault_table[fault].default_arg;
        node->fault_peak = chain_peak(&node->dn->chain);
        if (fault == FAULT_STALE_HEAD)
                node->fault_peak -= MIN(node->arg_n, node->fault_peak - 1);
        node->tls = fault == FAULT_WRONG_NODE_KEY ? node->tls_other : node->tls_own;
        if (key_changes)
                edge_close_node(node);
        update_liar(node->dn);
        branch_refresh(node);
}
