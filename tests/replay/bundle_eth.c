/* A proof bundle of an Ethereum chain, made beside the simulator, and attacks on it. usage:
 * bundle_eth STRIDE [FILE [ENS]]: both are written, for the corpus */

#include <stdio.h>
#include <stdlib.h>

#include "eth_sim.h"
#include "tap.h"

static struct esim s;
static struct tap tap;

static struct bundle head_of(const char *name, size_t host_n) {
        struct bundle b = {
                .backend = BUNDLE_ETHEREUM,
                .zone = BUNDLE_MAP,
                .checkpoint = { .hash = s.config.checkpoint },
                .chain_id = s.net.chain_id,
                .genesis = s.net.genesis_validators_root,
                .contract = esim_contract(),
                .host_n = host_n,
                .seed = s.config.seed,
                .n_upstreams = s.n_nodes,
        };

        snprintf(b.chain, sizeof(b.chain), "%s", s.net.name);
        snprintf(b.name, sizeof(b.name), "%s", name);
        for (size_t i = 0; i < b.n_upstreams; i++)
                b.upstream[i].kind = s.node[i].kind == ETHEREUM_BEACON ? BUNDLE_BEACON
                                                                       : BUNDLE_EXECUTION;
        return b;
}

static void put_questions(void) {
        struct chain_ask ask = { .id = 1, .at = CHAIN_AT_FINALIZED, .contract = esim_contract() };
        struct chain_in in = { .event = CHAIN_EV_ASK, .ask = &ask };

        ask.n_slots = NAME_RECORD_FIELDS;
        if (name_record_slots(bundle_host(&tap.bundle), 0, ask.slots) < 0)
                abort();
        tap_ask(&tap, s.now_ms);
        esim_step(&s, &in);
        ask.id = 2;
        ask.at = CHAIN_AT_HEAD;
        esim_step(&s, &in);
}

/* A fresh client follows, asks, and has its answers. */
static struct view make(const char *name, size_t host_n) {
        struct chain_in tick = { .event = CHAIN_EV_TICK };
        struct bundle head;
        struct chain_status st = { 0 };

        s.config.poll_ms = 1000; /* as bundle_play.c has it */
        s.config.request_ms = 5000;
        s.config.rest_ms = 1000;
        s.named = host_n == 0;
        s.nobodys = false;
        head = head_of(name, host_n);
        if (ethereum_new(&s.config, &s.machine) < 0)
                abort();
        s.machine = tap_chain(&tap, s.machine, &head);
        esim_step(&s, &tick);
        for (unsigned i = 0; i < 600 && !(st.has_head && st.state == CHAIN_FOLLOWING); i++) {
                esim_run(&s, 100);
                chain_status(s.machine, &st);
        }
        put_questions();
        for (unsigned i = 0; i < 300 && s.n_answers < 2; i++)
                esim_run(&s, 100);
        return tap_end(&tap);
}

/* The same of a name of ENS, made as kedged makes it. */
static struct view make_ens(void) {
        struct bundle_trust trust = { .checkpoint.hash = s.config.checkpoint, .net = &s.net };
        struct chain_in in = { .event = CHAIN_EV_TICK };
        struct bundle head = head_of(ESIM_ENS_NAME, 0);
        struct chain_status st = { 0 };

        head.zone = BUNDLE_ENS;
        head.contract = (struct address){ 0 };
        s.machine = tap_player(&tap, &head, &trust);
        esim_step(&s, &in);
        for (unsigned i = 0; i < 600 && !(st.has_head && st.state == CHAIN_FOLLOWING); i++) {
                esim_run(&s, 100);
                chain_status(s.machine, &st);
        }
        in.event = CHAIN_EV_ASK;
        esim_step(&s, &in);
        for (unsigned i = 0; i < 300 && !bundle_play_answered(tap.play); i++)
                esim_run(&s, 100);
        return tap_end(&tap);
}

static bool is_block(const struct chain_block *b) {
        struct lc_made_block made;

        if (b->ref.number > esim_slot(&s))
                return false;
        lc_make_block(s.maker, b->ref.number, &made);
        return hash32_eq(&made.hash, &b->ref.hash);
}

static bool hold(const struct bundle *b, const struct hash32 *values, uint64_t number) {
        struct hash32 slots[NAME_RECORD_FIELDS];

        for (size_t i = 0; b->zone == BUNDLE_ENS && i < NAME_RECORD_FIELDS; i++) {
                struct hash32 want = esim_record_value(number, i);

                if (strcmp(b->name, ESIM_ENS_NAME) != 0 || !hash32_eq(&want, &values[i]))
                        return false;
        }
        if (b->zone == BUNDLE_ENS)
                return true;
        if (name_record_slots(bundle_host(b), b->slot, slots) < 0)
                return false;
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct hash32 want = esim_value_at(number, &slots[i]);

                if (!hash32_eq(&want, &values[i]))
                        return false;
        }
        return true;
}

static bool is_true(void *userdata, const struct bundle *b, const struct bundle_claims *c) {
        struct address contract = esim_contract();

        (void) userdata;
        return is_block(&c->final) && is_block(&c->head) &&
               (b->zone == BUNDLE_ENS || address_eq(&contract, &b->contract)) &&
               c->final.ref.number <= c->head.ref.number &&
               hold(b, c->values.final, c->final.ref.number) &&
               hold(b, c->values.head, c->head.ref.number);
}

static size_t check(struct view v, enum name_record_verdict want, const struct eth_network *net) {
        struct bundle_trust trust = { .checkpoint.hash = s.config.checkpoint, .net = net };
        enum bundle_verdict verdict = BUNDLE_UNPROVEN;
        char why[CHAIN_TEXT_MAX] = "";
        struct bundle_claims c;
        struct bundle b;
        size_t step = 0;

        if (bundle_parse(v, &b) < 0 || bundle_verify(&b, &trust, &verdict, &c, &step, why) < 0 ||
                        verdict != BUNDLE_PROVEN || c.record.verdict != want ||
                        !is_true(NULL, &b, &c)) {
                printf("not as wanted after %zu events: %s\n", step, why);
                return 1;
        }
        printf("%zu bytes, %zu events; final %llu, head %llu\n", v.n, step,
                        (unsigned long long) c.final.ref.number,
                        (unsigned long long) c.head.ref.number);
        return 0;
}

static size_t with_liars(const char *fault) {
        size_t failed;

        esim_init(&s, 32, 100, "bbbeee");
        snprintf(s.node[0].fault, sizeof(s.node[0].fault), "%s", fault);
        snprintf(s.node[3].fault, sizeof(s.node[3].fault), "%s", fault);
        failed = check(make("sim", 0), NAME_RECORD_PRESENT, &s.net);
        if (failed > 0)
                printf("  with the fault %s\n", fault);
        failed += s.broken;
        esim_done(&s);
        return failed;
}

/* Another network's file makes no machine of it, or one that refuses. */
static size_t other_network(struct view v) {
        struct eth_network net = s.net;
        struct bundle_trust trust = { .checkpoint.hash = s.config.checkpoint, .net = &net };
        enum bundle_verdict verdict = BUNDLE_UNPROVEN;
        char why[CHAIN_TEXT_MAX];
        struct bundle_claims c;
        size_t failed = 0, step;
        struct bundle b;

        if (bundle_parse(v, &b) < 0)
                return 1;
        net.genesis_validators_root.b[0] ^= 1;
        failed += bundle_verify(&b, &trust, &verdict, &c, &step, why) != -EINVAL;
        net = s.net;
        net.chain_id++;
        failed += bundle_verify(&b, &trust, &verdict, &c, &step, why) != -EINVAL;
        net = s.net;
        net.fork[ETH_ELECTRA].version[0] ^= 1;
        failed += bundle_verify(&b, &trust, &verdict, &c, &step, why) < 0 ||
                  verdict != BUNDLE_UNPROVEN;
        if (failed > 0)
                printf("proven by another network's data\n");
        return failed;
}

static size_t attack(bool ens, int argc, char **argv) {
        struct attack a = { .is_true = is_true };
        size_t failed = 0;

        esim_init(&s, 32, 10, "be");
        a.bundle = ens ? make_ens() : make("sim", 0);
        failed += check(a.bundle, NAME_RECORD_PRESENT, &s.net) + s.broken;
        failed += other_network(a.bundle);
        a.trust = (struct bundle_trust){ .checkpoint.hash = s.config.checkpoint, .net = &s.net };
        a.stride = argc > 1 ? (size_t) strtoul(argv[1], NULL, 10) : 1;
        if (argc > 2 + ens) {
                FILE *f = fopen(argv[2 + ens], "we");

                failed += !f || fwrite(a.bundle.p, 1, a.bundle.n, f) != a.bundle.n || fclose(f) != 0;
        }
        failed += attack_all(&a);
        esim_done(&s);
        return failed;
}

int main(int argc, char **argv) {
        static const char *const faults[] = { "signature", "execution", "value", "node", "garbage",
                                              "silent" };
        size_t failed = 0;

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                failed += with_liars(faults[i]);
        failed += attack(false, argc, argv);
        failed += attack(true, argc, argv);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
