/* Bundles that were made once, by the simulators of tests/replay, still prove what they proved: the
 * promise of docs/protocols/bundle.md about versions. usage: bundle_kept FOLDER */

#include <stdio.h>
#include <stdlib.h>

#include "chain/bundle.h"
#include "eth_sim.h"

static size_t check(const char *folder, const char *name, const struct eth_network *net,
                uint64_t final, uint64_t head) {
        static uint8_t bytes[BUNDLE_MAX];
        enum bundle_verdict verdict = BUNDLE_UNPROVEN;
        char path[4096], why[CHAIN_TEXT_MAX] = "";
        struct bundle_trust trust = { .net = net };
        struct bundle_claims c;
        size_t n, step = 0;
        struct bundle b;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "re");
        if (!f)
                return 1;
        n = fread(bytes, 1, sizeof(bytes), f);
        (void) fclose(f);
        if (bundle_parse(VIEW(bytes, n), &b) < 0)
                return 1;
        trust.checkpoint = b.checkpoint;
        if (bundle_verify(&b, &trust, &verdict, &c, &step, why) == 0 && verdict == BUNDLE_PROVEN &&
                        c.record.verdict == NAME_RECORD_PRESENT && c.final.ref.number == final &&
                        c.head.ref.number == head)
                return 0;
        printf("%s: after %zu events: %s\n", name, step, why);
        return 1;
}

int main(int argc, char **argv) {
        static struct esim s; /* for its network */
        size_t failed = 0;

        if (argc != 2)
                return 2;
        esim_init(&s, 32, 10, "be");
        failed += check(argv[1], "diode", NULL, 165, 167);
        failed += check(argv[1], "ethereum", &s.net, 648, 657);
        failed += check(argv[1], "ens", &s.net, 648, 657);
        esim_done(&s);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
