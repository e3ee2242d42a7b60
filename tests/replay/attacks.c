/* Every delivery of blockquick_attacks.json, through the machine: a client that holds the start as
 * its final block meets an upstream that shows the attacker's chain. The strict rule itself is
 * judged by run-vectors; here F must stay on the honest chain wherever the rule says that it does
 * not move. usage: attacks FOLDER (exit status 77 if the files are not there) */

#include "sim.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "core/rlp.h"

#define SKIP 77

static struct sim sim;

static void add_reply(struct sim_chain *c, const char *text) {
        static uint8_t bytes[4096];
        struct sim_block *b = &c->block[c->n];
        struct view body, list, key;
        size_t n;

        if (hex_decode_any(VIEW_TEXT(text), bytes, sizeof(bytes), &n) < 0 ||
                        rlp_whole_list(VIEW(bytes, n), &body) < 0 ||
                        rlp_take_string(&body, &key) < 0 || rlp_take_list(&body, &list) < 0 ||
                        diode_header_parse(list, &b->h) < 0)
                abort();
        *b = (struct sim_block){ .h = b->h };
        diode_header_hash(&b->h, &b->by.hash);
        if (body.n > 0 && rlp_take_string(&body, &key) == 0 && key.n == sizeof(b->key)) {
                struct secp_pubkey pubkey;

                memcpy(b->key, key.p, key.n);
                if (secp_pubkey_parse(key, &pubkey) == 0)
                        secp_address(&pubkey, &b->by.miner);
        }
        c->n++;
}

static void load_main(json_t *file) {
        struct sim_chain *c = sim_chain_new(&sim, "main", NULL, 0);
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(file, "items"), i, item)
                add_reply(c, json_string_value(json_object_get(item, "reply")));
}

/* The forged headers become chains beside main: a new one wherever the numbers fall. */
static size_t load_forged(json_t *delivered) {
        struct sim_chain *c = NULL;
        size_t i, n = 0;
        json_t *d;

        json_array_foreach(delivered, i, d) {
                const char *reply = json_string_value(json_object_get(d, "reply"));
                struct sim_chain one = { .block = (struct sim_block[1]){ { .tag = 0 } } };
                char name[16];

                if (!reply)
                        continue;
                add_reply(&one, reply);
                if (!c || one.block[0].h.number != c->first + c->n) {
                        snprintf(name, sizeof(name), "forged%zu", n++);
                        c = sim_chain_new(&sim, name, sim_chain_find(&sim, "main"),
                                        one.block[0].h.number);
                }
                c->block[c->n++] = one.block[0];
        }
        return n;
}

static int run_case(json_t *item, json_t *headers) {
        const char *name = json_string_value(json_object_get(item, "case"));
        uint64_t start = (uint64_t) json_integer_value(json_object_get(item, "start"));
        bool moves = json_is_true(json_object_get(json_object_get(item, "strict"), "moved"));
        bool far = strncmp(name, "gap", 3) == 0, honest = strcmp(name, "inflated table") == 0;
        struct chain_status st;
        const struct sim_block *at;
        struct sim_chain *main_chain;
        size_t n;
        int r = 0;

        sim_init(&sim);
        load_main(headers);
        main_chain = sim_chain_find(&sim, "main");
        n = load_forged(json_object_get(item, "delivered"));
        sim.config.checkpoint = (struct block_ref){ .number = start,
                .hash = sim_at(main_chain, start)->by.hash };
        sim.config.max_gap = 1000;
        sim.node[0].chain = main_chain;
        sim.node[0].peak = start;
        if (sim_start(&sim) < 0)
                abort();
        sim_run(&sim, 10000);
        for (size_t i = 0; i < n; i++) {
                struct sim_chain *c = &sim.chain[1 + i];

                sim.node[0].chain = c;
                sim.node[0].peak = c->first + c->n - 1;
                sim_run(&sim, 120000);
        }
        chain_status(sim.machine, &st);
        if (st.finalized.ref.number < start || !st.has_finalized)
                r = -1;
        at = sim_at(main_chain, st.finalized.ref.number);
        if ((!moves || far || honest) && (!at || !hash32_eq(&at->by.hash, &st.finalized.ref.hash)))
                r = -1;
        if (moves && !far && !honest && st.finalized.ref.number <= start)
                r = -1;
        printf("%s %s: final %llu\n", r == 0 ? "ok" : "FAIL", name,
                        (unsigned long long) st.finalized.ref.number);
        sim_done(&sim);
        return r;
}

static json_t *load(const char *folder, const char *name) {
        char path[4096];
        json_error_t error;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return json_load_file(path, 0, &error);
}

int main(int argc, char **argv) {
        json_t *attacks = argc > 1 ? load(argv[1], "blockquick_attacks.json") : NULL;
        json_t *headers = argc > 1 ? load(argv[1], "headers_devnet.json") : NULL;
        json_t *item;
        size_t i;
        int r = attacks && headers ? 0 : -1;

        if (r < 0) {
                printf("skipped: no vectors in the folder of the option `vectors`\n");
                return SKIP;
        }
        json_array_foreach(json_object_get(attacks, "items"), i, item)
                if (run_case(item, headers) < 0)
                        r = -1;
        json_decref(attacks);
        json_decref(headers);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
