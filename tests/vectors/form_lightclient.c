/* Light-client objects in SSZ, processed in their order: a stretch of mainnet, and the official
 * scenarios with forced updates. */

#include "lc_vec.h"

#include <string.h>

static bool root_is(json_t *o, const char *key, const struct hash32 *have) {
        struct hash32 want;

        return vec_hash(o, key, &want) && hash32_eq(&want, have);
}

static bool u64_is(json_t *o, const char *key, uint64_t have) {
        uint64_t want;

        return !vec_has(o, key) || (vec_u64(o, key, &want) && want == have);
}

static const char *start(struct vec *v, struct lc_store *s, json_t *root) {
        json_t *o = json_object_get(root, "bootstrap");
        struct hash32 trusted, committee;
        struct lc_bootstrap b;
        const char *why = lc_vec_bootstrap(v, s->net, o, &b);

        if (why)
                return why;
        NEED(vec_hash(root, "trusted_block_root", &trusted), "no trusted root");
        trusted.b[7] ^= 1;
        NEED(lc_store_init(s, &trusted, &b) == LC_NOT_TRUSTED_ROOT, "another root is trusted");
        trusted.b[7] ^= 1;
        NEED(lc_store_init(s, &trusted, &b) == LC_VALID, "refused");
        lc_committee_root(s->net, b.committee, &committee);
        if (vec_has(o, "current_sync_committee_root"))
                NEED(root_is(o, "current_sync_committee_root", &committee), "another committee");
        NEED(u64_is(o, "slot", b.header.beacon.slot), "another slot");
        NEED(u64_is(o, "period", eth_period(s->net, b.header.beacon.slot)), "another period");
        return NULL;
}

/* A step that the store refuses, for a case that wants it taken. */
static const char *take(struct vec *v, struct lc_store *s, json_t *o, enum lc_kind kind,
                uint64_t current_slot, struct lc_update *ret) {
        const char *why = lc_vec_update(v, s->net, o, kind, ret);
        struct lc_moved moved;
        enum lc_verdict verdict;

        if (why)
                return why;
        verdict = lc_store_process(s, ret, current_slot, &moved);
        NEED(verdict == LC_VALID, "%s", lc_verdict_text(verdict));
        return NULL;
}

/* ---- a stretch of mainnet ---- */

static const char *check_fields(const struct lc_store *s, json_t *o, const struct lc_update *u) {
        struct hash32 root;

        NEED(u64_is(o, "attested_slot", u->attested.beacon.slot), "attested slot");
        NEED(u64_is(o, "signature_slot", u->signature_slot), "signature slot");
        NEED(u64_is(o, "finalized_slot", u->finalized.beacon.slot), "finalized slot");
        NEED(u64_is(o, "participants", lc_participants(s->net, u)), "participants");
        NEED(u64_is(o, "period", eth_period(s->net, u->attested.beacon.slot)), "period");
        if (vec_has(o, "next_sync_committee_root")) {
                NEED(u->has_committee, "no committee");
                lc_committee_root(s->net, u->committee, &root);
                NEED(root_is(o, "next_sync_committee_root", &root), "another next committee");
        }
        return NULL;
}

static const char *check_after(const struct lc_store *s, json_t *after) {
        NEED(u64_is(after, "finalized_slot", s->finalized.beacon.slot),
                        "finalized slot is %" PRIu64, s->finalized.beacon.slot);
        NEED(u64_is(after, "optimistic_slot", s->optimistic.beacon.slot),
                        "optimistic slot is %" PRIu64, s->optimistic.beacon.slot);
        NEED(u64_is(after, "finalized_block", s->finalized.number), "finalized block");
        NEED(u64_is(after, "optimistic_block", s->optimistic.number), "optimistic block");
        if (vec_has(after, "finalized_block_hash"))
                NEED(root_is(after, "finalized_block_hash", &s->finalized.block_hash), "hash");
        if (vec_has(after, "optimistic_block_hash"))
                NEED(root_is(after, "optimistic_block_hash", &s->optimistic.block_hash), "hash");
        if (vec_has(after, "next_known"))
                NEED(json_is_true(json_object_get(after, "next_known")) == s->has_next,
                                "next committee");
        return NULL;
}

static const char *mainnet_step(struct vec *v, struct lc_store *s, json_t *o, enum lc_kind kind,
                uint64_t current_slot) {
        struct lc_update u;
        const char *why = take(v, s, o, kind, current_slot, &u);

        if (!why)
                why = check_fields(s, o, &u);
        return why ? why : check_after(s, json_object_get(o, "after"));
}

static void steps_of(struct vec *v, struct lc_store *s, json_t *list, enum lc_kind kind,
                uint64_t current_slot, const char *mode) {
        char name[64];
        json_t *o;
        size_t i;

        json_array_foreach(list, i, o) {
                (void) snprintf(name, sizeof(name), "%s update of kind %d", mode, kind);
                vec_case_at(v, i, name, mainnet_step(v, s, o, kind, current_slot));
        }
}

static void run_stretch(struct vec *v, json_t *root, const struct eth_network *net, bool spec) {
        struct lc_store *s = lc_vec_store(v, net, spec);
        const char *mode = spec ? "spec" : "ours";
        const char *why = start(v, s, root);
        json_t *finality = json_object_get(root, "finality_update");
        uint64_t now = 0;

        (void) vec_u64(root, "current_slot", &now);
        vec_case(v, "bootstrap", why);
        if (why)
                return;
        steps_of(v, s, json_object_get(root, "updates"), LC_UPDATE, now, mode);
        if (finality)
                vec_case(v, "finality update",
                                mainnet_step(v, s, finality, LC_FINALITY_UPDATE, now));
        steps_of(v, s, json_object_get(root, "optimistic_updates"), LC_OPTIMISTIC_UPDATE, now,
                        mode);
}

static bool has_ssz_bootstrap(json_t *root) {
        return vec_has(json_object_get(root, "bootstrap"), "ssz") && !vec_has(root, "expect");
}

static bool detect_stretch(json_t *root) {
        return has_ssz_bootstrap(root) && json_is_array(json_object_get(root, "updates"));
}

static void run_mainnet(struct vec *v, json_t *root) {
        const struct eth_network *net = lc_vec_network(v, root);

        vec_case(v, "network", net ? NULL : "no such network");
        if (!net)
                return;
        run_stretch(v, root, net, true);
        run_stretch(v, root, net, false);
}

const struct form form_lc_stretch = { "lightclient", detect_stretch, run_mainnet, true };

/* ---- official scenarios ---- */

static const char *check_header(const struct lc_store *s, const struct lc_header *h, json_t *want,
                const char *what) {
        struct hash32 root;

        NEED(u64_is(want, "slot", h->beacon.slot), "%s slot is %" PRIu64, what, h->beacon.slot);
        beacon_header_root(&h->beacon, &root);
        NEED(root_is(want, "beacon_root", &root), "%s beacon root", what);
        NEED(root_is(want, "execution_root", lc_header_execution_root(s->net, h)),
                        "%s execution root", what);
        return NULL;
}

static const char *scenario_step(struct vec *v, struct lc_store *s, json_t *o) {
        json_t *checks = json_object_get(o, "checks");
        struct lc_moved moved;
        const char *why = NULL;
        struct lc_update u;
        uint64_t now;

        NEED(vec_u64(o, "current_slot", &now), "no slot");
        if (strcmp(vec_text(o, "op"), "force_update") == 0)
                lc_store_force(s, now, &moved);
        else
                why = take(v, s, o, LC_UPDATE, now, &u);
        if (!why)
                why = check_header(s, &s->finalized, json_object_get(checks, "finalized_header"),
                                "finalized");
        if (!why)
                why = check_header(s, &s->optimistic, json_object_get(checks, "optimistic_header"),
                                "optimistic");
        return why;
}

static bool detect_scenario(json_t *root) {
        return has_ssz_bootstrap(root) && json_is_array(json_object_get(root, "steps"));
}

static void run_scenario(struct vec *v, json_t *root) {
        const struct eth_network *net = lc_vec_network(v, root);
        struct lc_store *s;
        const char *why;
        json_t *o;
        size_t i;

        vec_case(v, "network", net ? NULL : "its table is none");
        if (!net)
                return;
        s = lc_vec_store(v, net, true);
        why = start(v, s, root);
        vec_case(v, "bootstrap", why);
        if (why)
                return;
        json_array_foreach(json_object_get(root, "steps"), i, o)
                        vec_case_at(v, i, vec_text(o, "op"), scenario_step(v, s, o));
}

const struct form form_lc_scenario = { "lightclient_scenario", detect_scenario, run_scenario,
        true };
