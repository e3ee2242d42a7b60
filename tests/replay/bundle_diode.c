/* A proof bundle of Diode's chain, made beside the simulator, and attacks on it. usage:
 * bundle_diode STRIDE [FILE]: FILE is written, for the corpus */

#include <stdio.h>
#include <stdlib.h>

#include "sim.h"
#include "tap.h"

#define CHECKPOINT 150
#define TIP        170

static struct sim sim;
static struct tap tap;

static unsigned tag_of(uint64_t number) {
        return (unsigned) (number / 8);
}

static void build(unsigned upstreams) {
        struct sim_chain *c;

        sim_init(&sim);
        c = sim_chain_new(&sim, "main", NULL, 0);
        for (uint64_t k = 0; k <= TIP; k++)
                sim_chain_add(c, sim_schedule(k, 120), tag_of(k), 1600000000 + 15 * k);
        sim.now_ms = BUNDLE_START_MS;
        sim.config.n_upstreams = upstreams;
        sim.config.poll_ms = 1000; /* as bundle_play.c has it */
        sim.config.request_ms = 5000;
        sim.config.rest_ms = 1000;
        sim.config.checkpoint.number = CHECKPOINT;
        sim.config.checkpoint.hash = sim_at(c, CHECKPOINT)->by.hash;
        for (unsigned i = 0; i < SIM_NODES; i++) {
                sim.node[i].chain = c;
                sim.node[i].peak = TIP;
        }
}

static struct bundle head_of(const char *name, size_t host_n) {
        struct bundle b = {
                .backend = BUNDLE_BLOCKQUICK,
                .zone = BUNDLE_MAP,
                .checkpoint = sim.config.checkpoint,
                .chain = "diode",
                .chain_id = sim.config.chain_id,
                .contract = sim_contract(),
                .host_n = host_n,
                .seed = sim.config.seed,
                .fleet = sim.config.fleet,
                .ticket_version = sim.config.ticket_version,
                .n_upstreams = sim.config.n_upstreams,
        };

        snprintf(b.name, sizeof(b.name), "%s", name);
        memcpy(b.device_key, sim.config.device_key, sizeof(b.device_key));
        for (size_t i = 0; i < b.n_upstreams; i++)
                b.upstream[i] = (struct bundle_upstream){ BUNDLE_NODE, sim.config.upstream[i] };
        return b;
}

static void put_questions(void) {
        struct chain_ask ask = { .id = 1, .at = CHAIN_AT_FINALIZED, .contract = sim_contract() };

        ask.n_slots = NAME_RECORD_FIELDS;
        if (name_record_slots(bundle_host(&tap.bundle), 0, ask.slots) < 0)
                abort();
        tap_ask(&tap, sim.now_ms);
        sim_ask(&sim, &ask);
        ask.id = 2;
        ask.at = CHAIN_AT_HEAD;
        sim_ask(&sim, &ask);
}

/* A fresh client follows, asks, and has its answers. */
static struct view make(const char *name, size_t host_n) {
        struct bundle head = head_of(name, host_n);
        struct chain_status st;

        if (blockquick_new(&sim.config, &sim.machine) < 0)
                abort();
        sim.machine = tap_chain(&tap, sim.machine, &head);
        for (unsigned i = 0; i < 600; i++) {
                sim_run_lazy(&sim, 100);
                chain_status(sim.machine, &st);
                if (st.state == CHAIN_FOLLOWING && st.head.ref.number == TIP)
                        break;
        }
        put_questions();
        for (unsigned i = 0; i < 100 && sim.n_answers < 2; i++)
                sim_run_lazy(&sim, 100);
        return tap_end(&tap);
}

static bool is_block(const struct chain_block *b) {
        const struct sim_block *at = sim_at(&sim.chain[0], b->ref.number);

        return at && hash32_eq(&at->by.hash, &b->ref.hash);
}

static bool hold(const struct bundle *b, const struct hash32 *values, uint64_t number) {
        struct hash32 slots[NAME_RECORD_FIELDS], apex[NAME_RECORD_FIELDS];

        if (name_record_slots(bundle_host(b), b->slot, slots) < 0 ||
                        name_record_slots(VIEW(NULL, 0), 0, apex) < 0)
                return false;
        for (size_t i = 0; i < NAME_RECORD_FIELDS; i++) {
                struct hash32 want = { { 0 } };

                if (hash32_eq(&slots[i], &apex[i]))
                        want = sim_record_value(i, tag_of(number));
                if (!hash32_eq(&want, &values[i]))
                        return false;
        }
        return true;
}

static bool is_true(void *userdata, const struct bundle *b, const struct bundle_claims *c) {
        struct address contract = sim_contract();

        (void) userdata;
        return is_block(&c->final) && is_block(&c->head) && address_eq(&contract, &b->contract) &&
               c->final.ref.number <= c->head.ref.number &&
               hold(b, c->values.final, c->final.ref.number) &&
               hold(b, c->values.head, c->head.ref.number);
}

static size_t check(struct view v, enum name_record_verdict want) {
        struct bundle_trust trust = { .checkpoint = sim.config.checkpoint };
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

/* Nodes that lie are in the transcript as well, and change nothing. */
static size_t with_liars(const char *fault) {
        struct view v;
        size_t failed;

        build(3);
        snprintf(sim.node[0].fault, sizeof(sim.node[0].fault), "%s", fault);
        v = make("sim", 0);
        failed = check(v, NAME_RECORD_PRESENT);
        if (failed > 0)
                printf("  with the fault %s\n", fault);
        sim_done(&sim);
        return failed;
}

int main(int argc, char **argv) {
        static const char *const faults[] = { "wrong-value", "wrong-roots", "forged", "silent",
                                              "garbage",     "closes" };
        struct attack a = { .is_true = is_true };
        size_t failed = 0;

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                failed += with_liars(faults[i]);
        build(1);
        failed += check(make("nobody.sim", 6), NAME_RECORD_ABSENT);
        sim_done(&sim);

        build(2);
        a.bundle = make("sim", 0);
        failed += check(a.bundle, NAME_RECORD_PRESENT);
        a.trust.checkpoint = sim.config.checkpoint;
        a.stride = argc > 1 ? (size_t) strtoul(argv[1], NULL, 10) : 1;
        if (argc > 2) {
                FILE *f = fopen(argv[2], "we");

                failed += !f || fwrite(a.bundle.p, 1, a.bundle.n, f) != a.bundle.n || fclose(f) != 0;
        }
        failed += attack_all(&a);
        sim_done(&sim);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
