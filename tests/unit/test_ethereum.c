/* chain/ethereum: what _new() refuses, what a step refuses, and what is kept across restarts. The
 * conversations stand in tests/replay. */

#include "unit.h"

#include <errno.h>

#include "chain/eth.h"

static struct eth_network net(void) {
        struct eth_network n = {
                .name = "testnet",
                .chain_id = 1337,
                .genesis_time = 1600000000,
                .seconds_per_slot = 6,
                .slots_per_epoch = 8,
                .epochs_per_period = 8,
                .committee_size = 32,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };

        memset(n.genesis_validators_root.b, 3, HASH32_SIZE);
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                n.fork[f].version[0] = (uint8_t) f;
                n.fork[f].epoch = f <= ETH_FULU ? 0 : ETH_EPOCH_NEVER;
        }
        return n;
}

static struct ethereum_config good(const struct eth_network *n) {
        struct ethereum_config c = {
                .net = n,
                .n_upstreams = 2,
                .upstream = { ETHEREUM_BEACON, ETHEREUM_EXECUTION },
                .seed = 7,
        };

        memset(c.checkpoint.b, 7, HASH32_SIZE);
        return c;
}

static const struct config_case {
        const char *what;
        size_t at, size;
        uint64_t value;
        int want;
} config_cases[] = {
#define FIELD(f) offsetof(struct ethereum_config, f), sizeof(((struct ethereum_config *) 0)->f)
        { "as it is", FIELD(n_upstreams), 2, 0 },
        { "no upstream", FIELD(n_upstreams), 0, -EINVAL },
        { "too many upstreams", FIELD(n_upstreams), CHAIN_UPSTREAMS_MAX + 1, -EINVAL },
        { "an upstream of no kind", FIELD(upstream[1]), 0, -EINVAL },
        { "no beacon", FIELD(upstream[0]), ETHEREUM_EXECUTION, -EINVAL },
        { "beacons alone", FIELD(upstream[1]), ETHEREUM_BEACON, 0 },
        { "no network", FIELD(net), 0, -EINVAL },
        { "no poll is the default", FIELD(poll_ms), 0, 0 },
        { "a poll of more than a day", FIELD(poll_ms), 86400001, -EINVAL },
        { "a deadline of more than a day", FIELD(request_ms), 86400001, -EINVAL },
        { "a rest of more than a day", FIELD(rest_ms), 86400001, -EINVAL },
        { "an age that cannot be", FIELD(checkpoint_age_s), UINT64_MAX, -EINVAL },
        { "a floor that cannot be", FIELD(floor_s), UINT64_MAX, -EINVAL },
        { "forced updates", FIELD(forced_updates), 1, 0 },
};

START_TEST(ethereum_config_case) {
        const struct config_case *c = &config_cases[_i];
        struct eth_network n = net();
        struct ethereum_config config = good(&n);
        struct chain *chain = NULL;

        memcpy((uint8_t *) &config + c->at, &c->value, c->size);
        ck_assert_msg(ethereum_new(&config, &chain) == c->want, "%s", c->what);
        ck_assert_msg((chain != NULL) == (c->want == 0), "%s: output", c->what);
        (void) chain_free(chain);
}
END_TEST

START_TEST(ethereum_needs_an_anchor_and_a_network_that_can_be) {
        struct eth_network n = net();
        struct ethereum_config config = good(&n);
        struct chain *chain = NULL;

        memset(config.checkpoint.b, 0, HASH32_SIZE);
        ck_assert_int_eq(ethereum_new(&config, &chain), -EINVAL);
        config = good(&n);
        n.committee_size = 33;
        ck_assert_int_eq(ethereum_new(&config, &chain), -EINVAL);
        ck_assert_ptr_null(chain);
}
END_TEST

START_TEST(ethereum_refuses_events_that_are_none) {
        static struct chain_out out;
        struct eth_network n = net();
        struct ethereum_config config = good(&n);
        struct chain_ask ask = { .id = 1, .n_slots = CHAIN_KEYS_MAX + 1 };
        struct chain_in in = { .event = CHAIN_EV_UP, .now_ms = 1000, .upstream = 2 };
        struct chain *chain;
        size_t memory;

        ck_assert_int_eq(ethereum_new(&config, &chain), 0);
        memory = chain_memory(chain);
        ck_assert_uint_le(memory, 144 * 1024); /* of it 16 for the slots of all questions */
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        in = (struct chain_in){ .event = (enum chain_event) 99 };
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        in = (struct chain_in){ .event = CHAIN_EV_ASK, .ask = &ask };
        ck_assert_int_eq(chain_step(chain, &in, &out), -EINVAL);
        ask.n_slots = 1; /* good, but nothing is trusted yet */
        ck_assert_int_eq(chain_step(chain, &in, &out), 0);
        ck_assert_uint_ge(out.n, 1);
        ck_assert_int_eq(out.action[0].kind, CHAIN_DO_ANSWER);
        ck_assert_int_eq(out.action[0].answer->verdict, CHAIN_UNPROVEN);
        ck_assert_uint_eq(chain_memory(chain), memory);
        chain_freep(&chain);
        ck_assert_ptr_null(chain);
}
END_TEST

/* Whoever allows forced updates pays for the update that is kept. */
START_TEST(ethereum_memory_is_honest) {
        struct eth_network n = net();
        struct ethereum_config config = good(&n);
        struct chain *plain, *forced;

        ck_assert_int_eq(ethereum_new(&config, &plain), 0);
        config.forced_updates = true;
        ck_assert_int_eq(ethereum_new(&config, &forced), 0);
        ck_assert_uint_eq(chain_memory(forced), chain_memory(plain) + sizeof(struct lc_best));
        (void) chain_free(plain);
        (void) chain_free(forced);
}
END_TEST

START_TEST(texts_tell_dates_and_versions) {
        static const struct {
                uint64_t s;
                const char *want;
        } dates[] = {
                { 0, "1970-01-01 00:00 UTC" },
                { 951782400, "2000-02-29 00:00 UTC" },
                { 1709251199, "2024-02-29 23:59 UTC" },
                { 1764798551, "2025-12-03 21:49 UTC" },
                { UINT64_C(4102444799), "2099-12-31 23:59 UTC" },
        };
        static const uint8_t version[4] = { 0x90, 0, 0, 0x75 };
        struct hash32 h = { { 0xab } };
        char text[CHAIN_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(dates); i++) {
                (void) chain_say(text, sizeof(text), "%t", dates[i].s);
                ck_assert_str_eq(text, dates[i].want);
        }
        (void) chain_say(text, sizeof(text), "%v", version);
        ck_assert_str_eq(text, "0x90000075");
        ck_assert_uint_eq(chain_say(text, sizeof(text), "%H", &h), 66);
        ck_assert_int_eq(strncmp(text, "0xab00", 6), 0);
}
END_TEST

/* Two years without a pause, on a crystal that is 500 parts in a million too fast: the clock that
 * counts from the boot has gained nine hours on the chain by then. */
START_TEST(ethereum_floor_never_overtakes_the_chain) {
        uint64_t years = UINT64_C(2) * 365 * 86400, gained = years / 2000;
        struct eth eth = { .cfg.floor_s = 1700000000, .start_ms = 5000 };

        eth.now_ms = 5000 + (years + gained) * 1000;
        ck_assert_uint_le(eth_least_now(&eth), 1700000000 + years);
        ck_assert_uint_ge(eth_least_now(&eth), 1700000000 + years - years / 500);
        eth.cfg.floor_s = 0;
        ck_assert_uint_eq(eth_least_now(&eth), 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("ethereum");
        TCase *t = tcase_create("ethereum");

        tcase_add_loop_test(t, ethereum_config_case, 0, ELEMENTSOF(config_cases));
        tcase_add_test(t, ethereum_needs_an_anchor_and_a_network_that_can_be);
        tcase_add_test(t, ethereum_refuses_events_that_are_none);
        tcase_add_test(t, ethereum_memory_is_honest);
        tcase_add_test(t, texts_tell_dates_and_versions);
        tcase_add_test(t, ethereum_floor_never_overtakes_the_chain);
        suite_add_tcase(s, t);
        return unit_run(s);
}
