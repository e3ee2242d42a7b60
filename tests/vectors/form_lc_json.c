/* Light-client objects as servers tell them in JSON: a local network of several clients, our own
 * devnet with its SSZ beside, the shapes of Gloas, what must be refused, and signed heads of
 * mainnet. */

#include "lc_vec.h"

#include <string.h>

static bool root_is(json_t *o, const char *key, const struct hash32 *have) {
        struct hash32 want;

        return vec_hash(o, key, &want) && hash32_eq(&want, have);
}

/* ---- updates, each with the committee that signed it ---- */

static const char *committee_bytes(
                struct vec *v, const struct eth_network *net, json_t *o, struct view *ret) {
        json_t *keys = json_object_get(o, "pubkeys");
        uint8_t *p = vec_alloc(v, LC_COMMITTEE_SIZE(net->committee_size));

        NEED(json_array_size(keys) == net->committee_size, "no committee");
        for (size_t i = 0; i <= net->committee_size; i++)
                NEED(vec_fixed(i < net->committee_size ? json_array_get(keys, i)
                                                       : json_object_get(o, "aggregate_pubkey"),
                                     p + i * BLS_PUBKEY_SIZE, BLS_PUBKEY_SIZE),
                                "key %zu", i);
        *ret = VIEW(p, LC_COMMITTEE_SIZE(net->committee_size));
        return NULL;
}

static const char *check_roots(const struct eth_network *net, const struct lc_update *u,
                struct view committee, json_t *expect) {
        struct hash32 root;

        beacon_header_root(&u->finalized.beacon, &root);
        NEED(root_is(expect, "finalized_root", &root), "finalized root");
        NEED(root_is(expect, "execution_root_finalized",
                             lc_header_execution_root(net, &u->finalized)),
                        "finalized execution root");
        lc_committee_root(net, committee, &root);
        NEED(root_is(expect, "signing_committee_root", &root), "committee root");
        return NULL;
}

/* A store in the period of the signature that knows the signers and nothing else. */
static struct lc_store *store_of(struct vec *v, const struct eth_network *net,
                const struct lc_update *u, struct view committee) {
        struct lc_store *s = lc_vec_store(v, net, true);

        s->is_set = true;
        s->finalized.beacon.slot = eth_period(net, u->signature_slot) * eth_slots_per_period(net);
        memcpy(s->current.ssz, committee.p, committee.n);
        return s;
}

static const char *check_signed_update(struct vec *v, const struct eth_network *net, json_t *o) {
        json_t *expect = json_object_get(o, "expect");
        struct view committee;
        enum lc_verdict verdict;
        struct lc_update u;
        const char *why;

        why = committee_bytes(v, net, json_object_get(o, "signing_committee"), &committee);
        if (!why)
                why = lc_vec_json_update(v, net, vec_text(o, "fork"), json_object_get(o, "update"),
                                LC_UPDATE, &u, NULL);
        if (!why)
                why = check_roots(net, &u, committee, expect);
        if (!why)
                why = lc_vec_signed(v, net, &u, committee, expect);
        if (why)
                return why;
        verdict = lc_update_check(store_of(v, net, &u, committee), &u, LC_NO_CLOCK);
        NEED(verdict == LC_VALID, "%s", lc_verdict_text(verdict));
        return NULL;
}

static bool detect_signed(json_t *root) {
        return vec_has(json_array_get(json_object_get(root, "updates"), 0), "signing_committee");
}

static void run_signed(struct vec *v, json_t *root) {
        const struct eth_network *net = lc_vec_network(v, root);
        json_t *o;
        size_t i;

        vec_case(v, "network", net ? NULL : "its table is none");
        if (!net)
                return;
        json_array_foreach(json_object_get(root, "updates"), i, o)
                        vec_case_at(v, i, vec_text(o, "step"), check_signed_update(v, net, o));
}

const struct form form_lc_signed = { "lightclient_signed", detect_signed, run_signed, true };

/* ---- the devnet ---- */

static const char *check_bootstrap_json(struct vec *v, json_t *root) {
        json_t *o = json_object_get(root, "bootstrap");
        struct view want, have;
        const char *why = lc_vec_json(v, JSON_SSZ_BOOTSTRAP, vec_text(o, "version"),
                        json_object_get(o, "data"), &have);

        if (why)
                return why;
        NEED(vec_hex(v, root, "bootstrap_ssz", &want), "no bytes");
        NEED(view_eq(want, have), "its JSON is another one");
        return NULL;
}

/* One chunk of a range answer: length, fork digest, object. */
static const char *check_chunk(
                struct vec *v, const struct eth_network *net, struct view *at, json_t *o) {
        struct view chunk, digest, ssz;
        enum eth_fork fork;
        struct lc_update u;
        uint64_t n = 0;
        const char *why;

        for (size_t i = 0; i < 8 && at->n > 7; i++)
                n |= (uint64_t) at->p[i] << (8 * i);
        NEED(view_take(at, 8, &chunk) && view_take(at, n, &chunk), "cut off");
        NEED(view_take(&chunk, 4, &digest), "no digest");
        NEED(eth_fork_of_digest(net, digest.p, &fork) == 0, "unknown digest");
        NEED(strcmp(eth_fork_name(fork), vec_text(o, "version")) == 0, "another fork");
        NEED(lc_update_parse(net, fork, LC_UPDATE, chunk, &u) == 0, "malformed");
        why = lc_vec_json_update(v, net, vec_text(o, "version"), json_object_get(o, "data"),
                        LC_UPDATE, &u, &ssz);
        if (why)
                return why;
        NEED(view_eq(ssz, chunk), "its JSON is another one");
        return NULL;
}

static const char *feed(struct vec *v, struct lc_store *s, json_t *o, enum lc_kind kind) {
        struct lc_moved moved = { 0 };
        enum lc_verdict verdict;
        struct lc_update u;
        const char *why = lc_vec_json_update(v, s->net, vec_text(o, "version"),
                        json_object_get(o, "data"), kind, &u, NULL);

        if (why)
                return why;
        verdict = lc_store_process(s, &u, LC_NO_CLOCK, &moved);
        NEED(verdict == LC_VALID, "%s", lc_verdict_text(verdict));
        NEED(moved.optimistic, "the head does not move");
        return NULL;
}

static const char *check_end(const struct lc_store *s, json_t *expect) {
        uint64_t slot, number;

        NEED(vec_u64(expect, "finalized_slot", &slot) && slot == s->finalized.beacon.slot,
                        "finalized slot is %" PRIu64, s->finalized.beacon.slot);
        NEED(vec_u64(expect, "finalized_block_number", &number) && number == s->finalized.number,
                        "number is %" PRIu64, s->finalized.number);
        NEED(root_is(expect, "finalized_block_hash", &s->finalized.block_hash), "block hash");
        NEED(root_is(expect, "state_root", &s->finalized.state_root), "state root");
        return NULL;
}

static bool detect_devnet(json_t *root) {
        return vec_has(root, "bootstrap_ssz") && vec_has(root, "updates_ssz");
}

static void run_devnet(struct vec *v, json_t *root) {
        struct lc_store *s = NULL;
        const char *why = lc_vec_devnet(v, root, &s);
        struct view range;
        json_t *o;
        size_t i;

        vec_case(v, "bootstrap and updates", why);
        if (why)
                return;
        vec_case(v, "bootstrap in JSON", check_bootstrap_json(v, root));
        if (!vec_hex(v, root, "updates_ssz", &range))
                range = VIEW(NULL, 0);
        json_array_foreach(json_object_get(root, "updates"), i, o)
                        vec_case_at(v, i, "update of the range", check_chunk(v, s->net, &range, o));
        vec_case(v, "end of the range", range.n == 0 ? NULL : "bytes behind it");
        vec_case(v, "finality update",
                        feed(v, s, json_object_get(root, "finality_update"), LC_FINALITY_UPDATE));
        vec_case(v, "optimistic update",
                        feed(v, s, json_object_get(root, "optimistic_update"),
                                        LC_OPTIMISTIC_UPDATE));
        vec_case(v, "the store at the end", check_end(s, json_object_get(root, "expect")));
}

const struct form form_lc_devnet = { "lightclient_devnet", detect_devnet, run_devnet, true };

/* ---- what must be refused, and what must not ---- */

static const struct reason {
        const char *text;
        enum lc_verdict want;
} reasons[] = {
        { "fin header", LC_BAD_HEADER },
        { "finality branch", LC_BAD_FINALITY },
        { "participation", LC_NO_SIGNERS },
        { "signature", LC_BAD_SIGNATURE },
        { "slot order", LC_BAD_ORDER },
        { "skip period", LC_WRONG_PERIOD },
};

static const char *judge_refusal(json_t *o, enum lc_verdict verdict) {
        const char *reason = vec_text(o, "reason_seen");

        NEED(verdict != LC_VALID, "taken");
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (strcmp(reason, reasons[i].text) == 0) {
                        NEED(verdict == reasons[i].want, "refused as %s", lc_verdict_text(verdict));
                        return NULL;
                }
        return vec_why("a reason that this runner does not know: %s", reason);
}

static const char *negative_case(struct vec *v, json_t *devnet, json_t *o) {
        const char *expect = vec_text(o, "expect"), *why;
        struct lc_moved moved = { 0 };
        struct lc_store *s = NULL;
        enum lc_verdict verdict;
        struct lc_update u;
        uint64_t now;

        why = lc_vec_devnet(v, devnet, &s);
        if (why)
                return why;
        NEED(vec_u64(o, "current_slot", &now), "no slot");
        why = lc_vec_json_update(v, s->net, "fulu", json_object_get(o, "update"),
                        LC_FINALITY_UPDATE, &u, NULL);
        if (strstr(expect, "reject by a length check"))
                return why ? NULL : "a branch that is too long is read";
        if (why)
                return why;
        verdict = lc_store_process(s, &u, now, &moved);
        if (strcmp(expect, "reject") == 0)
                return judge_refusal(o, verdict);
        NEED(verdict == LC_VALID, "%s", lc_verdict_text(verdict));
        NEED(moved.finalized == (strcmp(expect, "finalize") == 0), "finality");
        NEED(moved.optimistic == (strcmp(expect, "accept-no-change") != 0), "head");
        return NULL;
}

static bool detect_negative(json_t *root) {
        return vec_has(json_array_get(json_object_get(root, "cases"), 0), "update");
}

static void run_negative(struct vec *v, json_t *root) {
        json_t *devnet = lc_vec_load(v, "devnet/minimal-fulu-devnet-a.json"), *o;
        size_t i;

        vec_case(v, "devnet", devnet ? NULL : "its file is not there");
        if (!devnet)
                return;
        json_array_foreach(json_object_get(root, "cases"), i, o)
                        vec_case_at(v, i, vec_text(o, "name"), negative_case(v, devnet, o));
}

const struct form form_lc_negative = { "lightclient_negative", detect_negative, run_negative,
        true };

/* ---- the shapes of Gloas ---- */

/* Its SSZ, which is also what its JSON makes. */
static const char *gloas_bytes(struct vec *v, json_t *root, const char *key,
                enum json_ssz_object kind, struct view *ret) {
        json_t *o = json_object_get(root, key);
        struct view made;
        const char *why = lc_vec_json(v, kind, "gloas", json_object_get(o, "json"), &made);

        if (why)
                return why;
        NEED(vec_hex(v, o, "ssz", ret), "no bytes");
        NEED(view_eq(*ret, made), "its JSON is another one");
        return NULL;
}

static const char *gloas_bootstrap(struct vec *v, struct lc_store *s, json_t *root) {
        struct hash32 trusted, committee;
        struct lc_bootstrap b;
        struct view ssz;
        const char *why = gloas_bytes(v, root, "bootstrap", JSON_SSZ_BOOTSTRAP, &ssz);

        if (why)
                return why;
        NEED(vec_hash(root, "trusted_block_root", &trusted), "no trusted root");
        NEED(lc_bootstrap_parse(s->net, ETH_GLOAS, ssz, &b) == 0, "malformed");
        NEED(lc_store_init(s, &trusted, &b) == LC_VALID, "refused");
        lc_committee_root(s->net, b.committee, &committee);
        NEED(root_is(json_object_get(root, "expect"), "current_sync_committee_root", &committee),
                        "another committee");
        return NULL;
}

static const char *gloas_update(struct vec *v, struct lc_store *s, json_t *root, const char *key,
                enum json_ssz_object object, enum lc_kind kind) {
        json_t *expect = json_object_get(root, "expect");
        struct lc_moved moved;
        enum lc_verdict verdict;
        struct hash32 committee;
        struct lc_update u;
        struct view ssz;
        const char *why = gloas_bytes(v, root, key, object, &ssz);

        if (why)
                return why;
        NEED(lc_update_parse(s->net, ETH_GLOAS, kind, ssz, &u) == 0, "malformed");
        why = lc_vec_signed(v, s->net, &u,
                        VIEW(s->current.ssz, LC_COMMITTEE_SIZE(s->net->committee_size)), expect);
        if (why)
                return why;
        if (kind == LC_UPDATE) {
                lc_committee_root(s->net, u.committee, &committee);
                NEED(root_is(expect, "next_sync_committee_root", &committee), "next committee");
        }
        NEED(u.attested.execution == LC_EXECUTION_HASH, "more than a hash");
        verdict = lc_store_process(s, &u, LC_NO_CLOCK, &moved);
        NEED(verdict == LC_VALID, "%s", lc_verdict_text(verdict));
        NEED(s->optimistic.beacon.slot == u.attested.beacon.slot, "the head is another");
        return NULL;
}

static bool read_beacon(json_t *o, struct beacon_header *ret) {
        return vec_u64(o, "slot", &ret->slot) &&
               vec_u64(o, "proposer_index", &ret->proposer_index) &&
               vec_hash(o, "parent_root", &ret->parent_root) &&
               vec_hash(o, "state_root", &ret->state_root) &&
               vec_hash(o, "body_root", &ret->body_root);
}

/* A header of Fulu that was carried into the form of Gloas, on a network that has reached Fulu. */
static const char *carried_header(const struct eth_network *gloas, json_t *o) {
        struct eth_network net = *gloas;
        struct lc_header h = { .form = ETH_GLOAS, .execution = LC_EXECUTION_HASH };
        json_t *branch = json_object_get(o, "execution_branch");

        net.fork[ETH_GLOAS].epoch = ETH_EPOCH_NEVER;
        NEED(read_beacon(json_object_get(o, "beacon"), &h.beacon), "no header");
        NEED(vec_hash(o, "execution_block_hash", &h.block_hash), "no block hash");
        h.n_branch = json_array_size(branch);
        NEED(h.n_branch == LC_EXECUTION_BRANCH_MAX, "no branch");
        for (size_t i = 0; i < h.n_branch; i++)
                NEED(vec_fixed(json_array_get(branch, i), h.branch[i].b, 32), "no node");
        NEED(lc_header_check(&net, &h) == LC_HEADER_VALID, "refused");
        NEED(lc_header_check(gloas, &h) == LC_HEADER_BAD_BRANCH, "taken for one of Gloas");
        h.branch[0].b[0] = 1;
        NEED(lc_header_check(&net, &h) == LC_HEADER_BAD_BRANCH, "padding that is not zero");
        return NULL;
}

static bool detect_gloas(json_t *root) {
        return vec_has(root, "upgraded_fulu_header");
}

static void run_gloas(struct vec *v, json_t *root) {
        const struct eth_network *net = lc_vec_network(v, root);
        struct lc_store *s;
        const char *why;

        vec_case(v, "network", net ? NULL : "its table is none");
        if (!net)
                return;
        s = lc_vec_store(v, net, true);
        why = gloas_bootstrap(v, s, root);
        vec_case(v, "bootstrap", why);
        if (why)
                return;
        vec_case(v, "optimistic update",
                        gloas_update(v, s, root, "optimistic_update", JSON_SSZ_OPTIMISTIC,
                                        LC_OPTIMISTIC_UPDATE));
        vec_case(v, "finality update",
                        gloas_update(v, s, root, "finality_update", JSON_SSZ_FINALITY,
                                        LC_FINALITY_UPDATE));
        vec_case(v, "update", gloas_update(v, s, root, "update", JSON_SSZ_UPDATE, LC_UPDATE));
        vec_case(v, "a header carried up from Fulu",
                        carried_header(net, json_object_get(root, "upgraded_fulu_header")));
}

const struct form form_lc_gloas = { "lightclient_gloas", detect_gloas, run_gloas, true };

/* ---- heads of mainnet, each signed by the committee of a period ---- */

static const char *check_head(struct vec *v, json_t *root) {
        const struct eth_network *net = lc_vec_network(v, root);
        struct view committee, ssz, made;
        struct lc_update u;
        uint64_t period;
        const char *why;

        NEED(net, "no such network");
        NEED(vec_u64(root, "committee_period", &period), "no period");
        NEED(lc_vec_committee(v, period, &committee), "no committee of period %" PRIu64, period);
        why = lc_vec_json_update(v, net, vec_text(root, "fork"),
                        json_object_get(root, "optimistic_update"), LC_OPTIMISTIC_UPDATE, &u,
                        &made);
        if (why)
                return why;
        NEED(vec_hex(v, root, "optimistic_update_ssz", &ssz), "no bytes");
        NEED(view_eq(ssz, made), "its JSON is another one");
        NEED(eth_period(net, u.signature_slot) == period, "another period");
        return lc_vec_signed(v, net, &u, committee, json_object_get(root, "expect"));
}

static bool detect_heads(json_t *root) {
        return vec_has(root, "optimistic_update") && vec_has(root, "committee_period");
}

static void run_heads(struct vec *v, json_t *root) {
        vec_case(v, "signed head", check_head(v, root));
}

const struct form form_lc_heads = { "lightclient_heads", detect_heads, run_heads, true };
