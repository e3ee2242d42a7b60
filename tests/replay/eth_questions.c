/* Conversations about contract storage, and what following costs. */

#include "eth_play.h"

void questions(void) {
        struct hash32 root;
        size_t before;

        world("bbee", 30);
        start();
        run(30);
        esim_ask(&s, 1, CHAIN_AT_HEAD, 16, NULL); /* two requests */
        esim_ask(&s, 2, CHAIN_AT_FINALIZED, 1, NULL);
        run(3);
        must_prove(1);
        must_prove(2);
        MUST(answer_of(1)->n_values == 16);
        MUST(answer_of(2) && answer_of(1)->block.ref.number > answer_of(2)->block.ref.number);
        MUST(s.node[2].asked[ETHAPI_PROOF] + s.node[3].asked[ETHAPI_PROOF] == 3);

        look();
        esim_storage_root(&s, st.finalized.ref.number, &root);
        before = s.node[2].bytes_in + s.node[3].bytes_in;
        esim_ask(&s, 3, CHAIN_AT_FINALIZED, 8, &root);
        run(3);
        MUST(answer_of(3)->verdict == CHAIN_UNCHANGED);
        MUST(s.node[2].bytes_in + s.node[3].bytes_in - before < 2500);
        root.b[0] ^= 1;
        esim_ask(&s, 4, CHAIN_AT_FINALIZED, 8, &root);
        run(3);
        must_prove(4);
}

/* Servers may show no slot of what has no storage: the account's proof says all. */
void no_account(void) {
        struct chain_ask ask = {
                .id = 1, .at = CHAIN_AT_FINALIZED, .contract = { { 0x77 } }, .n_slots = 12
        };
        struct chain_in in = { .event = CHAIN_EV_ASK, .ask = &ask };

        world("be", 30);
        s.nobodys = true;
        start();
        run(30);
        esim_step(&s, &in);
        run(3);
        MUST(answer_of(1)->verdict == CHAIN_PROVEN && answer_of(1)->n_values == 12);
        for (size_t i = 0; i < 12; i++)
                MUST(hash32_is_zero(&answer_of(1)->values[i]));
        MUST(s.node[1].blamed == 0);
}

static const struct lie proof_lies[] = {
        { "node", "value" },
        { "account-node", "account" },
        { "unused-node", "not needed" },
        { "missing-node", "" },
        { "value", "another value" },
        { "key", "another slot" },
        { "balance", "other fields" },
        { "fewer", "another number" },
        { "no-slots", "another number" },
        { "other-block", "account" },
        { "other-account", "account" },
        { "other-slot", "value" },
        { "garbage", "message" },
        { "network", "another network: sepolia" },
        { "by-number", NULL },
        { "pruned", NULL },
        { "withhold", NULL },
        { "silent", NULL },
        { "busy", NULL },
};

void lying_proofs(void) {
        for (size_t i = 0; i < ELEMENTSOF(proof_lies); i++) {
                const struct lie *l = &proof_lies[i];

                world("bee", 30);
                fault(1, l->fault);
                start();
                run(30);
                for (uint64_t id = 1; id <= 4; id++) {
                        esim_ask(&s, id, id % 2 ? CHAIN_AT_HEAD : CHAIN_AT_FINALIZED, 12, NULL);
                        run(3);
                        must_prove(id);
                }
                if (l->text) {
                        MUST(s.node[1].blamed >= 1);
                        look();
                        MUST(st.upstream[1].lies + st.upstream[1].failures >= 1);
                        MUST(st.upstream[1].lies >= 1 || strcmp(l->fault, "garbage") == 0);
                        MUST(esim_said(&s, CHAIN_DO_BLAME, l->text) >= 1);
                } else
                        MUST(s.node[1].blamed == 0);
                MUST(s.node[2].blamed == 0 && s.broken == 0);
                if (failed)
                        printf("^ fault %s\n", l->fault);
                esim_done(&s);
        }
        world("be", 1);
}

void proofs_nobody_has(void) {
        world("bee", 30);
        fault(1, "pruned");
        fault(2, "pruned");
        start();
        run(30);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 2, NULL);
        esim_ask(&s, 2, CHAIN_AT_HEAD, 2, NULL);
        run(3);
        MUST(unproven(1));
        MUST(strstr(answer_of(1)->why, "unknown block"));
        MUST(answer_of(2)->id == 0); /* a head may only be too new */
        fault(2, "");
        run(5);
        must_prove(2);
        MUST(s.node[1].blamed + s.node[2].blamed == 0);
        fault(1, "silent");
        fault(2, "silent");
        esim_ask(&s, 3, CHAIN_AT_HEAD, 2, NULL);
        run(13);
        MUST(unproven(3));
}

/* Servers that take no hash: remembered, shown, and asked by number at once. */
void by_number(void) {
        size_t n;

        world("be", 30);
        fault(1, "by-number");
        start();
        run(30);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 2, NULL);
        run(3);
        must_prove(1);
        look();
        MUST(strstr(st.upstream[1].serves, "by number only"));
        n = s.node[1].asked[ETHAPI_PROOF];
        esim_ask(&s, 2, CHAIN_AT_HEAD, 2, NULL);
        run(3);
        must_prove(2);
        MUST(s.node[1].asked[ETHAPI_PROOF] == n + 1);
}

static size_t too_many(void) {
        size_t n = 0;

        for (size_t i = 0; i < s.n_answers; i++)
                n += strstr(s.answer[i].why, "too many") != NULL;
        return n;
}

void cancelled(void) {
        struct chain_ask ask = { .id = 1 };
        struct chain_in in = { .event = CHAIN_EV_CANCEL, .ask = &ask };

        world("bee", 30);
        start();
        run(30);
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 2, NULL);
        esim_step(&s, &in);
        run(10);
        MUST(answer_of(1)->id == 0);
        for (uint64_t id = 10; id < 10 + CHAIN_ASKS_MAX + 3; id++)
                esim_ask(&s, id, CHAIN_AT_HEAD, 4, NULL);
        run(10);
        must_prove(10);
        must_prove(10 + CHAIN_ASKS_MAX - 1);
        MUST(unproven(10 + CHAIN_ASKS_MAX));
        MUST(too_many() == 3);
}

/* ---- what it costs, of the real sizes ---- */

static size_t bytes_of_beacons(void) {
        size_t n = 0;

        for (unsigned i = 0; i < s.n_nodes; i++)
                n += s.node[i].kind == ETHEREUM_BEACON ? s.node[i].bytes_in : 0;
        return n;
}

void cost(void) {
        size_t cold, day;

        esim_init(&s, 512, 200, "be");
        s.config.poll_ms = SECONDS(60);
        start();
        run(10);
        must_follow();
        cold = bytes_of_beacons();
        printf("cold start: %zu bytes\n", cold);
        MUST(cold <= 56 * 1024);
        MUST(chain_memory(s.machine) <= 128 * 1024);
        printf("memory: %zu bytes\n", chain_memory(s.machine));
        s.config.poll_ms = SECONDS(86400);
        esim_forget(&s);
        start();
        day = bytes_of_beacons();
        run(86400);
        day = bytes_of_beacons() - day - cold;
        printf("a day of finality alone: %zu bytes\n", day);
        MUST(day <= 640 * 1024);
        esim_done(&s);

        esim_init(&s, 512, 14 * 86400 / 12, "be");
        start();
        run(30);
        must_follow();
        printf("two weeks offline, after the bootstrap: %zu bytes\n", bytes_of_beacons() - 25700);
        MUST(bytes_of_beacons() - 25700 <= 400 * 1024);
}

/* As an operator meets it: sizes, periods and the age are the public networks' own. */
void two_months(void) {
        esim_init(&s, 512, 61 * 86400 / 12, "bee");
        start();
        run(60);
        MUST(st.state == CHAIN_STUCK && st.too_old && !st.has_head);
        MUST(strstr(st.text, "kedgectl checkpoint accept simnet 0x"));
        esim_ask(&s, 1, CHAIN_AT_FINALIZED, 1, NULL);
        MUST(unproven(1));
        MUST(s.node[0].blamed == 0);

        s.config.accept_old = st.anchor;
        start();
        run(120);
        must_follow();
        MUST(!st.too_old);
        printf("two months offline: %zu bytes\n", bytes_of_beacons());
}
