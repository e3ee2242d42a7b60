/* Names of the faults, and beginning and ending one. */
#include "tests/ethnode/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "core/slot.h"
#include "tests/ethnode/node.h"

const struct fault_info fault_table[FAULT_MAX] = {
        [FAULT_NONE] = { "none", "honest", 0 },
        [FAULT_BAD_SIGNATURE] = { "bad-signature", "a bit of each signature", 0 },
        [FAULT_BAD_FINALITY_BRANCH] = { "bad-finality-branch", "a bit of its branch", 0 },
        [FAULT_BAD_FINALIZED] = { "bad-finalized", "a bit of the finalized header", 0 },
        [FAULT_FINALIZED_NEWER] = { "finalized-newer", "finalized after what attests it", 0 },
        [FAULT_BAD_COMMITTEE] = { "bad-committee", "the committee of another period", 0 },
        [FAULT_BAD_COMMITTEE_BRANCH] = { "bad-committee-branch", "a bit of its branch", 0 },
        [FAULT_BAD_EXECUTION] = { "bad-execution", "a bit of the execution state root", 0 },
        [FAULT_SHORT_BRANCH] = { "short-branch", "finality branches of one node less", 0 },
        [FAULT_TOO_FEW] = { "too-few", "one signer below two thirds", 0 },
        [FAULT_NO_SIGNERS] = { "no-signers", "nobody signed", 0 },
        [FAULT_OTHER_COMMITTEE] = { "other-committee", "signed by the next committee", 0 },
        [FAULT_OLD_UPDATE] = { "old-update", "updates of N slots ago, again", 40 },
        [FAULT_UNKNOWN_FORK] = { "unknown-fork", "objects of a fork that nobody knows", 0 },
        [FAULT_EXTRA_BYTES] = { "extra-bytes", "a byte behind each object", 0 },
        [FAULT_OVERLAP] = { "overlap", "two offsets to one place", 0 },
        [FAULT_WRONG_NETWORK] = { "wrong-network", "another network's genesis and chain id", 0 },
        [FAULT_CONFLICT] = { "conflict", "[KEYTEXT=0xHEX] another chain since the final block", 0 },
        [FAULT_CONFLICT_AGAIN] = { "conflict-again", "that chain, as it was begun", 0 },
        [FAULT_STALE] = { "stale", "everything stays as it is now", 0 },
        [FAULT_LAG] = { "lag", "[N] N slots behind", 20 },
        [FAULT_FORK_AHEAD] = { "fork-ahead", "[N] announces an unknown fork N epochs ahead", 50 },
        [FAULT_STATUS] = { "status", "[CODE] this status for everything", 503 },
        [FAULT_TRUNCATED] = { "truncated", "bodies that end early", 0 },
        [FAULT_ENDLESS] = { "endless", "bodies that never end", 0 },
        [FAULT_SILENT] = { "silent", "no answer", 0 },
        [FAULT_GARBAGE] = { "garbage", "a page of HTML for everything", 0 },
        [FAULT_JSON_ONLY] = { "json-only", "406 for SSZ", 0 },
        [FAULT_NO_BOOTSTRAP] = { "no-bootstrap", "404 for bootstraps", 0 },
        [FAULT_NO_UPDATES] = { "no-updates", "501 for ranges of updates", 0 },
        [FAULT_NO_BEACON] = { "no-beacon", "404 for all of the beacon API", 0 },
        [FAULT_NO_EXECUTION] = { "no-execution", "404 for all of JSON-RPC", 0 },
        [FAULT_PRUNED] = { "pruned", "[N] proofs of the newest N blocks only", 1 },
        [FAULT_BY_NUMBER] = { "by-number", "proofs by number only", 0 },
        [FAULT_UNUSED_NODE] = { "unused-node", "proofs with a node too many", 0 },
        [FAULT_WRONG_NODE] = { "wrong-node", "a bit in the last node of each proof", 0 },
        [FAULT_MISSING_NODE] = { "missing-node", "proofs without their last node", 0 },
        [FAULT_WRONG_VALUE] = { "wrong-value", "values that their proofs do not show", 0 },
        [FAULT_NOT_MINIMAL] = { "not-minimal", "a zero byte before each value in its leaf", 0 },
        [FAULT_OTHER_BLOCK] = { "other-block", "genuine proofs of the block before", 0 },
        [FAULT_OTHER_ACCOUNT] = { "other-account", "genuine proofs of another account", 0 },
        [FAULT_OTHER_SLOT] = { "other-slot", "genuine proofs of another storage slot", 0 },
        [FAULT_WITHHOLD] = { "withhold", "no proofs; heads go on", 0 },
};

bool fault_find(const char *name, enum fault *ret) {
        for (unsigned i = 0; i < FAULT_MAX; i++)
                if (strcmp(fault_table[i].name, name) == 0) {
                        *ret = (enum fault) i;
                        return true;
                }
        return false;
}

/* KEYTEXT=0xHEX */
static int split_on_arg(struct world *w, const char *arg, uint64_t from) {
        const char *eq = strchr(arg, '=');
        struct hash32 key, value;
        int r;

        if (!eq)
                return world_split(w, from, NULL, NULL);
        r = slot_key_of_text(VIEW(arg, (size_t) (eq - arg)), &key);
        if (r < 0)
                return r;
        slot_of_mapping(&key, 0, &key);
        r = hex_decode(VIEW_TEXT(eq + 1), value.b, sizeof(value.b));
        return r < 0 ? r : world_split(w, from, &key, &value);
}

int fault_set(struct node *node, enum fault fault, const char *arg) {
        struct world *w = &node->en->world;

        node->fault = fault;
        node->has_arg = arg && *arg;
        snprintf(node->arg, sizeof(node->arg), "%s", node->has_arg ? arg : "");
        node->arg_n = node->has_arg ? strtoull(arg, NULL, 0) : fault_table[fault].default_arg;
        node->fault_head = w->head;
        if (fault == FAULT_CONFLICT)
                return split_on_arg(w, node->arg, lc_make_finalized(w->make, w->head));
        return 0;
}
