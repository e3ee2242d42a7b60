/* Light-client updates of 512 members per second, from bytes to a store that has moved, against
 * what cannot be saved: the verification of the same signature by the same core; and roots of
 * committees against the bare SHA-256 of as many pairs. They take turns, so that a busy machine
 * slows them alike. Prints figures; fails where something is refused alone. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/lightclient.h"
#include "core/sha256.h"
#include "eth/lc_make.h"

#define ROUNDS 10
#define TURNS  8
#define BEGIN  8192                        /* the first slot of period 1 */
#define PAIRS  (2 * ETH_COMMITTEE_MAX + 1) /* its keys and the sum, 511 nodes, one above */

enum kind {
        ALL_SIGN,
        ALL_SIGN_BLS,
        FOUR_ABSENT,
        FOUR_ABSENT_BLS,
        TWO_THIRDS,
        TWO_THIRDS_BLS,
        FINALITY,
        FINALITY_BLS,
        COMMITTEE,
        COMMITTEE_HASHES,
        KINDS,
};

struct object {
        enum lc_kind kind;
        uint8_t bytes[LC_OBJECT_MAX];
        size_t n;
        struct lc_update update;
        struct hash32 message;
};

static struct eth_network net;
static struct lc_store start, store;
static struct object object[COMMITTEE]; /* one for each two kinds */
static double seconds[KINDS];

static void must(bool what, const char *text) {
        if (what)
                return;
        fprintf(stderr, "lightclient: %s\n", text);
        exit(EXIT_FAILURE);
}

/* ---- inputs ---- */

static void make_network(void) {
        net = (struct eth_network){
                .name = "bench",
                .seconds_per_slot = 12,
                .slots_per_epoch = 32,
                .epochs_per_period = 256,
                .committee_size = ETH_COMMITTEE_MAX,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        net.fork[ETH_GLOAS].epoch = ETH_EPOCH_NEVER;
        for (size_t i = 0; i < ETH_FORKS; i++)
                net.fork[i].version[0] = (uint8_t) i;
}

static void make_start(struct lc_make *m) {
        static struct lc_made made;
        static uint8_t bytes[LC_OBJECT_MAX];
        struct buf b = BUF(bytes);
        struct lc_bootstrap bootstrap;
        struct hash32 root;

        lc_make_bootstrap(m, BEGIN, &made);
        lc_made_put(&net, &made, &b);
        lc_make_root(m, BEGIN, &root);
        start.net = &net;
        start.head_two_thirds = true;
        must(!b.full && lc_bootstrap_parse(&net, ETH_FULU, VIEW(bytes, b.n), &bootstrap) == 0 &&
                                        lc_store_init(&start, &root, &bootstrap) == LC_VALID,
                        "a bootstrap is refused");
}

static void make_object(
                struct lc_make *m, struct object *o, enum lc_kind kind, unsigned participants) {
        const struct lc_make_how how = { .participants = participants };
        static struct lc_made made;
        struct buf b = BUF(o->bytes);
        struct hash32 domain;

        o->kind = kind;
        lc_make_update(m, kind == LC_UPDATE ? LC_MADE_UPDATE : LC_MADE_FINALITY, BEGIN + 200, &how,
                        &made);
        lc_made_put(&net, &made, &b);
        o->n = b.n;
        must(!b.full && lc_update_parse(&net, ETH_FULU, kind, VIEW(o->bytes, o->n), &o->update) ==
                                                        0,
                        "an update does not parse");
        beacon_header_root(&o->update.attested.beacon, &o->message);
        must(eth_sync_domain(&net, o->update.signature_slot, &domain) == 0, "no domain");
        sha256_pair(&o->message, &domain, &o->message);
}

static void make_inputs(void) {
        const struct lc_make_config config = { .net = &net, .seed = 1, .first = 1 };
        struct lc_make *m;

        make_network();
        m = lc_make_new(&config);
        must(m, "out of memory");
        make_start(m);
        make_object(m, &object[ALL_SIGN], LC_UPDATE, 0);
        make_object(m, &object[FOUR_ABSENT], LC_UPDATE, ETH_COMMITTEE_MAX - 4);
        make_object(m, &object[TWO_THIRDS], LC_UPDATE, 342);
        make_object(m, &object[FINALITY], LC_FINALITY_UPDATE, ETH_COMMITTEE_MAX - 4);
        m = lc_make_free(m);
}

/* ---- what is timed ---- */

static void accept_update(const struct object *o) {
        struct lc_moved moved;
        struct lc_update u;

        memcpy(&store, &start, sizeof(store));
        must(lc_update_parse(&net, ETH_FULU, o->kind, VIEW(o->bytes, o->n), &u) == 0 &&
                                        lc_store_process(&store, &u, LC_NO_CLOCK, &moved) ==
                                                        LC_VALID &&
                                        moved.finalized &&
                                        moved.committee == (o->kind == LC_UPDATE),
                        "an update is refused");
}

static void verify_bare(const struct object *o) {
        const uint8_t *keys = start.current.ssz;

        must(bls_committee_verify(keys, ETH_COMMITTEE_MAX,
                             keys + ETH_COMMITTEE_MAX * BLS_PUBKEY_SIZE, o->update.bits,
                             VIEW_OF(&o->message), o->update.signature) == BLS_VERIFIED,
                        "a signature is refused");
}

static void root_of_committee(void) {
        struct hash32 root;

        lc_committee_root(&net, VIEW(start.current.ssz, LC_COMMITTEE_MAX), &root);
}

static void hash_pairs(void) {
        struct hash32 a = { { 1 } }, b = { { 2 } };

        for (size_t i = 0; i < PAIRS; i++)
                sha256_pair(&a, &b, &a);
}

static void work(enum kind kind) {
        switch (kind) {
        case ALL_SIGN:
        case FOUR_ABSENT:
        case TWO_THIRDS:
        case FINALITY:
                accept_update(&object[kind]);
                break;
        case ALL_SIGN_BLS:
        case FOUR_ABSENT_BLS:
        case TWO_THIRDS_BLS:
        case FINALITY_BLS:
                verify_bare(&object[kind - 1]);
                break;
        case COMMITTEE:
                root_of_committee();
                break;
        case COMMITTEE_HASHES:
                hash_pairs();
                break;
        case KINDS:
                break;
        }
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void print(const char *title, enum kind kind, const char *peer) {
        printf("  %-34s %9.0f   %.2f times the time of %s\n", title, TURNS * ROUNDS / seconds[kind],
                        seconds[kind] / seconds[kind + 1], peer);
}

int main(void) {
        make_inputs();
        for (int round = 0; round < ROUNDS; round++)
                for (int kind = 0; kind < KINDS; kind++) {
                        double from = now();

                        for (int turn = 0; turn < TURNS; turn++)
                                work((enum kind) kind);
                        seconds[kind] += now() - from;
                }

        printf("per second of CPU, bytes to accepted; 512 members; update %zu bytes, finality "
               "update %zu; store %zu\n",
                        object[ALL_SIGN].n, object[FINALITY].n, sizeof(store));
        print("updates, all sign", ALL_SIGN, "its signature alone");
        print("updates, 4 absent", FOUR_ABSENT, "its signature alone");
        print("updates, 342 sign", TWO_THIRDS, "its signature alone");
        print("finality updates, 4 absent", FINALITY, "its signature alone");
        print("roots of a committee", COMMITTEE, "1025 bare SHA-256 of a pair");
        return EXIT_SUCCESS;
}
