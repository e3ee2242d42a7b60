/* The machine on recorded mainnet: a bootstrap of period 800 and an update of each period to 821,
 * three and a half weeks. Two weeks offline pass, more are refused with words that say what to
 * type, and pass with the operator's word. usage: eth_recorded FOLDER (exit status 77 if the files
 * are not there) */

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ethapi.h"
#include "base/hex.h"
#include "chain/ethereum.h"

#define SKIP       77
#define UPDATES    21
#define FIRST      800
#define COMMITTEE  (48 * 513)
#define UPDATE_CUT (COMMITTEE + 5 * 32) /* the committee and its branch, before Electra */

struct object {
        uint8_t bytes[32768];
        size_t n;
};

static struct object bootstrap, update[UPDATES], finality, optimistic, made;
static struct hash32 root;
static struct eth_network net;
static size_t upto; /* how many periods the server knows */
static size_t failed;

#define MUST(what)                                                                                 \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);           \
                        failed++;                                                                  \
                }                                                                                  \
        } while (0)

static void make_network(void) {
        static const uint64_t epochs[ETH_FORKS] = { 0, 74240, 144896, 194048, 269568, 364032,
                411392, ETH_EPOCH_NEVER };

        net = (struct eth_network){
                .name = "mainnet",
                .chain_id = 1,
                .genesis_time = 1606824023,
                .seconds_per_slot = 12,
                .slots_per_epoch = 32,
                .epochs_per_period = 256,
                .committee_size = 512,
                .unknown_epoch = ETH_EPOCH_NEVER,
        };
        if (hex_decode(VIEW_TEXT("4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe9"
                                 "5"),
                            net.genesis_validators_root.b, HASH32_SIZE) < 0)
                abort();
        for (unsigned f = 0; f < ETH_FORKS; f++) {
                net.fork[f].version[0] = (uint8_t) f;
                net.fork[f].epoch = epochs[f];
        }
}

static void take(json_t *o, struct object *ret) {
        const char *text = json_string_value(json_object_get(o, "ssz"));

        if (!text || hex_decode_any(VIEW_TEXT(text), ret->bytes, sizeof(ret->bytes), &ret->n) < 0)
                abort();
}

static bool load(const char *folder) {
        char path[4096];
        json_t *file, *o;
        size_t i;

        snprintf(path, sizeof(path), "%s/lightclient/mainnet-capella-800-821.json", folder);
        file = json_load_file(path, 0, NULL);
        if (!file)
                return false;
        take(json_object_get(file, "bootstrap"), &bootstrap);
        json_array_foreach(json_object_get(file, "updates"), i, o) if (i < UPDATES)
                        take(o, &update[i]);
        take(json_object_get(file, "finality_update"), &finality);
        take(json_array_get(json_object_get(file, "optimistic_updates"), 0), &optimistic);
        if (hex_decode(VIEW_TEXT(json_string_value(json_object_get(file, "trusted_block_root"))),
                            root.b, HASH32_SIZE) < 0)
                abort();
        json_decref(file);
        return true;
}

static void put_le32(uint8_t *p, uint32_t x) {
        for (unsigned i = 0; i < 4; i++)
                p[i] = (uint8_t) (x >> 8 * i);
}

/* An update without its committee is a finality update: the same headers, the same signature. */
static const struct object *without_committee(const struct object *u) {
        made.n = u->n - UPDATE_CUT;
        memcpy(made.bytes, u->bytes, 4);
        memcpy(made.bytes + 4, u->bytes + 4 + UPDATE_CUT, u->n - 4 - UPDATE_CUT);
        for (unsigned at = 0; at < 8; at += 4) {
                uint8_t *p = made.bytes + at;
                uint32_t offset = (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16;

                put_le32(p, offset - UPDATE_CUT);
        }
        return &made;
}

static struct ethapi_object as_object(const struct object *o) {
        return (struct ethapi_object){ .fork = VIEW_TEXT("capella"), .ssz = VIEW(o->bytes, o->n) };
}

static void serve(const struct ethapi_request *r, struct ethapi_answer *a) {
        switch (r->kind) {
        case ETHAPI_GENESIS:
                a->genesis.time = net.genesis_time;
                a->genesis.validators_root = net.genesis_validators_root;
                return;
        case ETHAPI_BOOTSTRAP:
                a->objects.object[a->objects.n++] = as_object(&bootstrap);
                return;
        case ETHAPI_UPDATES:
                for (uint64_t p = r->start; p < r->start + r->count && p - FIRST < upto; p++)
                        a->objects.object[a->objects.n++] = as_object(&update[p - FIRST]);
                if (a->objects.n == 0)
                        a->result = ETHAPI_ABSENT;
                return;
        case ETHAPI_FINALITY:
                a->objects.object[a->objects.n++] = as_object(
                                upto == UPDATES ? &finality : without_committee(&update[upto - 1]));
                return;
        case ETHAPI_OPTIMISTIC:
                if (upto == UPDATES)
                        a->objects.object[a->objects.n++] = as_object(&optimistic);
                else
                        a->result = ETHAPI_ABSENT;
                return;
        case ETHAPI_FORK_SCHEDULE:
                return;
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                a->result = ETHAPI_UNSUPPORTED;
                return;
        }
}

static uint8_t message[ETHAPI_MESSAGE_MAX];
static size_t message_n;

static void carry_out(const struct chain_out *out, enum chain_event *next) {
        for (size_t i = 0; i < out->n; i++) {
                const struct chain_action *a = &out->action[i];
                struct ethapi_answer answer = { .result = ETHAPI_OK };
                struct buf b = BUF(message);
                struct ethapi_request r;

                if (a->kind == CHAIN_DO_CONNECT)
                        *next = CHAIN_EV_UP;
                MUST(a->kind != CHAIN_DO_BLAME);
                if (a->kind != CHAIN_DO_SEND)
                        continue;
                if (ethapi_parse_request(a->bytes, &r) < 0)
                        abort();
                answer.id = r.id;
                answer.kind = r.kind;
                serve(&r, &answer);
                if (r.kind == ETHAPI_FORK_SCHEDULE)
                        continue; /* one message at a time: this one is not waited for */
                ethapi_put_answer(&b, &answer);
                message_n = b.n;
                *next = CHAIN_EV_BYTES;
        }
}

/* Until there is nothing left to do at once. */
static void play(struct chain *chain, struct chain_status *ret) {
        static struct chain_out out;
        struct chain_in in = { .event = CHAIN_EV_TICK, .now_ms = 1000 };

        for (unsigned i = 0; i < 200; i++) {
                enum chain_event next = CHAIN_EV_TICK;

                if (chain_step(chain, &in, &out) < 0)
                        abort();
                carry_out(&out, &next);
                chain_status(chain, ret);
                if (next == CHAIN_EV_TICK && ret->state != CHAIN_STARTING)
                        break;
                in = (struct chain_in){ .event = next, .now_ms = in.now_ms + 20 };
                if (next == CHAIN_EV_BYTES)
                        in.bytes = VIEW(message, message_n);
        }
}

static struct chain_status run(size_t periods, const struct hash32 *accept) {
        struct ethereum_config config = {
                .net = &net,
                .checkpoint = root,
                .n_upstreams = 1,
                .upstream = { ETHEREUM_BEACON },
                .seed = 1,
        };
        struct chain_status st;
        struct chain *chain;

        upto = periods;
        if (accept)
                config.accept_old = *accept;
        if (ethereum_new(&config, &chain) < 0)
                abort();
        play(chain, &st);
        (void) chain_free(chain);
        return st;
}

static void two_weeks_pass(void) {
        struct chain_status st = run(13, NULL); /* an update of 812, the thirteenth */

        MUST(st.state == CHAIN_FOLLOWING && st.has_head && !st.too_old);
        MUST(st.jumped && strstr(st.text, "without a clock"));
        MUST(strstr(st.detail, "period 812, fork capella"));
}

static void more_is_refused(void) {
        struct chain_status st = run(15, NULL);

        MUST(st.state == CHAIN_STUCK && st.too_old && !st.has_head);
        st = run(UPDATES, NULL);
        MUST(st.state == CHAIN_STUCK && st.too_old && !st.has_head);
        MUST(hash32_eq(&st.anchor, &root) && st.anchor_number == 6553600);
        MUST(strstr(st.text, "kedgectl checkpoint accept mainnet "
                             "0x15cf56ebf887ede9cf3fc10a26ec83828628932c100e42c98c84f83da710c863"));
        MUST(strstr(st.text, "or import"));
}

static void more_passes_with_the_operators_word(void) {
        struct hash32 other = { { 1 } };
        struct chain_status st = run(UPDATES, &root);

        MUST(st.state == CHAIN_FOLLOWING && st.has_head && !st.too_old);
        MUST(st.finalized.ref.number == 17548012 && st.head.ref.number == 17548090);
        MUST(st.time_lower == net.genesis_time + UINT64_C(6730752) * 12);
        MUST(st.head_miners == 503 && st.head_share == 98);
        st = run(UPDATES, &other);
        MUST(st.too_old);
}

int main(int argc, char **argv) {
        make_network();
        if (argc < 2 || !load(argv[1])) {
                printf("skipped: no vectors in the folder of the option `vectors`\n");
                return SKIP;
        }
        two_weeks_pass();
        more_is_refused();
        more_passes_with_the_operators_word();
        printf("%s\n", failed == 0 ? "ok" : "FAIL");
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
