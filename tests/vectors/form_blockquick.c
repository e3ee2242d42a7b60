/* BlockQuick by the strict rule of diode-protocol 4.5: what nodes serve as getblockquick2, and
 * deliveries that forge or break it. The honest chain comes from a companion file of headers. */

#include "vec.h"

#include <stdlib.h>
#include <string.h>

#define RUNS_MAX  64
#define STEPS_MAX 1024

/* Linked headers, ascending. */
struct run {
        const struct reduced_header *h;
        size_t n;
};

static bool table_at(const struct ledger *l, uint64_t number, struct reputation *ret) {
        const struct reduced_header *tip = ledger_at(l, number);

        if (!tip || number < l->first + REPUTATION_WINDOW - 1)
                return false;
        return reputation_from_checkpoint(number, &tip->hash, tip - (REPUTATION_WINDOW - 1),
                               REPUTATION_WINDOW, ret) == REPUTATION_MOVED;
}

/* Applies the rule while it moves, runs in their order; each new final number is a step. */
static size_t follow(struct reputation *t, const struct run *run, size_t n, uint64_t *steps) {
        size_t n_steps = 0;
        bool progress = true;

        while (progress) {
                progress = false;
                for (size_t i = 0; i < n; i++)
                        while (n_steps < STEPS_MAX &&
                                        reputation_accept(t, run[i].h, run[i].n, UINT64_MAX) ==
                                                        REPUTATION_MOVED) {
                                steps[n_steps++] = t->number;
                                progress = true;
                        }
        }
        return n_steps;
}

/* ---- the rule a second time ---- */

/* As the vectors word it, for any window: core has one window only, and for that one both must
 * agree. */
struct plain {
        uint64_t final;
        size_t window;
        unsigned threshold;
        struct address table[256];
};

/* The newest header at or above from on which more than the threshold stands. */
static bool plain_score(const struct plain *p, const struct run *run, size_t from, size_t *ret) {
        bool counted[ELEMENTSOF(p->table)] = { false };
        unsigned score = 0;

        for (size_t i = run->n; i-- > from;) {
                for (size_t k = 0; k < p->window; k++)
                        if (!counted[k] && address_eq(&p->table[k], &run->h[i].miner)) {
                                counted[k] = true;
                                score++;
                        }
                if (score > p->threshold) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

static bool plain_accept(struct plain *p, const struct run *run, const struct ledger *l) {
        size_t from = 0, c;

        while (from < run->n && run->h[from].number <= p->final)
                from++;
        if (from == run->n || !plain_score(p, run, from, &c))
                return false;
        if (run->h[from].number > p->final + 1 && c < p->window - 1)
                return false;
        /* Linked or rebuilt, the miners are those of the honest chain. */
        p->final = run->h[c].number;
        for (size_t k = 0; k < p->window; k++)
                p->table[k] = ledger_at(l, p->final - k)->miner;
        return true;
}

static size_t plain_follow(const struct ledger *l, uint64_t last, json_t *strict,
                const struct run *run, size_t n, uint64_t *steps) {
        struct plain p = { .final = last };
        uint64_t window = REPUTATION_WINDOW, threshold = REPUTATION_THRESHOLD;
        bool progress = true;
        size_t n_steps = 0;

        (void) vec_u64(strict, "window", &window);
        (void) vec_u64(strict, "threshold", &threshold);
        if (window == 0 || window > ELEMENTSOF(p.table) || last < l->first + window - 1)
                return 0;
        p.window = window;
        p.threshold = (unsigned) threshold;
        for (size_t k = 0; k < window; k++)
                p.table[k] = ledger_at(l, last - k)->miner;
        while (progress) {
                progress = false;
                for (size_t i = 0; i < n; i++)
                        while (n_steps < STEPS_MAX && plain_accept(&p, &run[i], l)) {
                                steps[n_steps++] = p.final;
                                progress = true;
                        }
        }
        return n_steps;
}

/* ---- getblockquick2 ---- */

static const char *check_request(struct vec *v, json_t *item, uint64_t last, uint64_t window) {
        uint8_t bytes[EDGE_REQUEST_MAX];
        struct buf b = BUF(bytes);
        struct view inner;

        if (!vec_has(item, "request"))
                return NULL;
        NEED(vec_hex(v, item, "request", &inner), "request is not hexadecimal");
        edge_put_getblockquick2(&b, 1, last, window);
        NEED(vec_request_is(v, inner, &b), "another request");
        return NULL;
}

/* The numbers of the answer, cut into runs; each must be what the vectors list. */
static const char *take_runs(
                struct vec *v, json_t *item, const struct ledger *l, struct run *run, size_t *n) {
        struct edge_message m;
        struct view reply, list;
        uint64_t number, count = 0, want;
        json_t *pair;

        NEED(vec_hex(v, item, "reply", &reply) && vec_reply(v, reply, &m) &&
                                        m.kind == EDGE_RESPONSE,
                        "no answer");
        NEED(rlp_take_list(&m.body, &list) == 0 && m.body.n == 0, "no list of numbers");
        for (*n = 0; list.n > 0; count++) {
                NEED(rlp_take_uint(&list, &number) == 0 && ledger_at(l, number),
                                "number %" PRIu64 " is no header of the chain", number);
                if (*n > 0 && number == run[*n - 1].h->number + run[*n - 1].n) {
                        run[*n - 1].n++;
                        continue;
                }
                NEED(*n < RUNS_MAX, "too many runs");
                NEED(*n == 0 || number > run[*n - 1].h->number, "numbers do not ascend");
                run[(*n)++] = (struct run){ ledger_at(l, number), 1 };
        }
        if (vec_has(item, "count"))
                NEED(vec_u64(item, "count", &want) && want == count, "another count");
        if (!vec_has(item, "runs"))
                return NULL;
        NEED(json_array_size(json_object_get(item, "runs")) == *n, "another number of runs");
        for (size_t i = 0; i < *n; i++) {
                pair = json_array_get(json_object_get(item, "runs"), i);
                NEED((uint64_t) json_integer_value(json_array_get(pair, 0)) == run[i].h->number &&
                                                (uint64_t) json_integer_value(
                                                                json_array_get(pair, 1)) ==
                                                                run[i].h->number + run[i].n - 1,
                                "run %zu differs", i);
        }
        return NULL;
}

static const char *check_steps(json_t *strict, uint64_t last, const uint64_t *steps, size_t n) {
        json_t *want = json_object_get(strict, "accepted_steps");
        uint64_t final;

        if (vec_has(strict, "final"))
                NEED(vec_u64(strict, "final", &final) && (n > 0 ? steps[n - 1] : last) == final,
                        "final is %" PRIu64, n > 0 ? steps[n - 1] : last);
        if (!json_is_array(want))
                return NULL;
        NEED(json_array_size(want) == n, "%zu steps", n);
        for (size_t i = 0; i < n; i++)
                NEED((uint64_t) json_integer_value(json_array_get(want, i)) == steps[i],
                                "step %zu is %" PRIu64, i, steps[i]);
        return NULL;
}

static const char *check_strict(json_t *strict, const struct ledger *l, uint64_t last,
                const struct run *run, size_t n) {
        uint64_t steps[STEPS_MAX], window = REPUTATION_WINDOW, threshold = REPUTATION_THRESHOLD;
        struct reputation t;
        const char *why = check_steps(
                        strict, last, steps, plain_follow(l, last, strict, run, n, steps));

        (void) vec_u64(strict, "window", &window);
        (void) vec_u64(strict, "threshold", &threshold);
        if (why || window != REPUTATION_WINDOW || threshold != REPUTATION_THRESHOLD)
                return why; /* a window that core does not have */
        NEED(table_at(l, last, &t), "no table at the start");
        return check_steps(strict, last, steps, follow(&t, run, n, steps));
}

static const char *check_sequence(struct vec *v, json_t *item, const struct ledger *l) {
        struct run run[RUNS_MAX];
        uint64_t last, window;
        const char *why;
        size_t n = 0;

        NEED(vec_u64(item, "last", &last) && vec_u64(item, "window", &window),
                        "last or window is missing");
        why = check_request(v, item, last, window);
        if (why || !vec_has(item, "reply"))
                return why; /* the node has no answer to this one */
        NEED(l, "needs a file of headers beside it");
        why = take_runs(v, item, l, run, &n);
        if (why)
                return why;
        return check_strict(json_object_get(item, "strict"), l, last, run, n);
}

/* Delivered as [last+2..last+100], [last+102..last+200], last+101, as far as the chain goes: a
 * table that takes more than 100 entries from it grows. Ours is the honest one at each step. */
static const char *check_inflation(json_t *item, const struct ledger *l) {
        struct reputation t, honest;
        struct run run[2];
        uint64_t last, end, steps[STEPS_MAX];

        NEED(vec_u64(item, "last", &last), "last is missing");
        NEED(l && table_at(l, last, &t), "needs a file of headers beside it");
        end = MIN(last + 200, l->first + l->n - 1);
        NEED(end > last + 101, "the chain ends below");
        run[0] = (struct run){ ledger_at(l, last + 2), 99 };
        run[1] = (struct run){ ledger_at(l, last + 102), end - last - 101 };
        NEED(follow(&t, run, 2, steps) == 0 && t.number == last, "moved without a hundred headers");

        run[0].n = end - last - 1; /* with last + 101 all of them are one run */
        NEED(follow(&t, run, 1, steps) > 0 || end < last + 150, "did not move");
        NEED(table_at(l, t.number, &honest), "moved to no honest block");
        for (size_t i = 0; i < REPUTATION_WINDOW; i++)
                NEED(address_eq(&t.block[i].miner, &honest.block[i].miner) &&
                                                hash32_eq(&t.block[i].hash, &honest.block[i].hash),
                                "the table is not the last hundred");
        return NULL;
}

static bool fits_sequences(json_t *root, const struct ledger *l) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                uint64_t final;

                if (vec_u64(json_object_get(item, "strict"), "final", &final) &&
                                !ledger_at(l, final))
                        return false;
        }
        return true;
}

static const struct ledger *find_ledger(
                struct vec *v, json_t *root, bool (*fits)(json_t *, const struct ledger *)) {
        struct vec_file *f;
        size_t at = 0;

        while ((f = vec_next(v, &form_headers, &at)))
                if (vec_ledger(v, f)->n > 0 && fits(root, f->ledger))
                        return f->ledger;
        return NULL;
}

static void run_sequences(struct vec *v, json_t *root) {
        const struct ledger *l = find_ledger(v, root, fits_sequences);
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                char name[64];

                (void) snprintf(name, sizeof(name),
                                "last %" JSON_INTEGER_FORMAT " window %" JSON_INTEGER_FORMAT,
                                json_integer_value(json_object_get(item, "last")),
                                json_integer_value(json_object_get(item, "window")));
                vec_case(v, name, check_sequence(v, item, l));
        }
        json_array_foreach(vec_items(json_object_get(root, "window_inflation")), i, item)
                vec_case_at(v, i, "window inflation", check_inflation(item, l));
}

static bool detect_sequences(json_t *root) {
        return vec_any_has(root, "last", "window");
}

const struct form form_blockquick = { "blockquick", detect_sequences, run_sequences };

/* ---- attacks ---- */

static const char *take_delivered(struct vec *v, json_t *item, const struct ledger *l,
                struct reduced_header *h, size_t *n) {
        json_t *entry;
        size_t i;

        *n = 0;
        json_array_foreach(json_object_get(item, "delivered"), i, entry) {
                struct diode_header header;
                struct diode_signed s;
                struct view reply, key;
                uint64_t number;
                const char *why;

                if (vec_u64(entry, "honest", &number)) {
                        NEED(ledger_at(l, number), "no honest header %" PRIu64, number);
                        h[(*n)++] = *ledger_at(l, number);
                        continue;
                }
                NEED(vec_hex(v, entry, "reply", &reply), "reply is not hexadecimal");
                why = vec_header(v, reply, &header, &key);
                if (why)
                        return why;
                if (diode_header_verify(&header, key, &s) != HEADER_SIGNED)
                        continue; /* dropped: it is in no run */
                h[(*n)++] = (struct reduced_header){
                        .number = header.number,
                        .timestamp = header.timestamp,
                        .hash = s.hash,
                        .parent = header.previous_block,
                        .state_hash = header.state_hash,
                        .miner = s.miner,
                };
        }
        return NULL;
}

static ssize_t parent_of(
                const struct reduced_header *h, size_t n, const struct reduced_header *child) {
        for (size_t i = 0; i < n; i++)
                if (h[i].number + 1 == child->number && hash32_eq(&h[i].hash, &child->parent))
                        return (ssize_t) i;
        return -1;
}

/* One run from each header that no other stands on, as far down as links go. */
static size_t gather(struct vec *v, const struct reduced_header *h, size_t n, struct run *run) {
        size_t n_runs = 0;

        for (size_t i = 0; i < n && n_runs < RUNS_MAX; i++) {
                struct reduced_header *out;
                bool tip = true;
                size_t m = 0;

                for (size_t j = 0; j < n && tip; j++)
                        tip = !(h[j].number == h[i].number + 1 &&
                                        hash32_eq(&h[j].parent, &h[i].hash));
                for (size_t j = 0; j < i && tip; j++)
                        tip = !hash32_eq(&h[j].hash, &h[i].hash);
                if (!tip)
                        continue;
                out = vec_alloc(v, n * sizeof(*out));
                for (ssize_t at = (ssize_t) i; at >= 0; at = parent_of(h, n, &h[at]))
                        out[n - ++m] = h[at];
                run[n_runs++] = (struct run){ out + n - m, m };
        }
        return n_runs;
}

static int by_first(const void *a, const void *b) {
        const struct run *x = a, *y = b;

        return x->h->number < y->h->number ? -1 : x->h->number > y->h->number;
}

static const char *check_attack(struct vec *v, json_t *item, const struct ledger *l) {
        json_t *strict = json_object_get(item, "strict");
        size_t n = json_array_size(json_object_get(item, "delivered")), n_runs;
        struct reduced_header *h = vec_alloc(v, (n + 1) * sizeof(*h));
        struct run run[RUNS_MAX];
        struct reputation t;
        struct hash32 want;
        uint64_t start, final, steps[STEPS_MAX];
        const char *why;

        NEED(l, "needs a file of headers beside it");
        NEED(vec_u64(item, "start", &start) && table_at(l, start, &t), "no table at the start");
        why = take_delivered(v, item, l, h, &n);
        if (why)
                return why;
        n_runs = gather(v, h, n, run);
        qsort(run, n_runs, sizeof(*run), by_first);
        (void) follow(&t, run, n_runs, steps);

        NEED(vec_u64(strict, "final_number", &final) && t.number == final, "ends at %" PRIu64,
                        t.number);
        if (vec_has(strict, "final_hash"))
                NEED(vec_hash(strict, "final_hash", &want) && hash32_eq(&want, reputation_hash(&t)),
                                "ends on another block");
        if (vec_has(strict, "moved"))
                NEED(json_is_true(json_object_get(strict, "moved")) == (t.number != start),
                                "moved or not");
        return NULL;
}

static bool fits_attacks(json_t *root, const struct ledger *l) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item) {
                json_t *strict = json_object_get(item, "strict");
                uint64_t start, final;
                struct hash32 hash;

                if (!vec_u64(item, "start", &start) || !ledger_at(l, start))
                        return false;
                if (vec_u64(strict, "final_number", &final) && final == start &&
                                vec_hash(strict, "final_hash", &hash) &&
                                !hash32_eq(&hash, &ledger_at(l, start)->hash))
                        return false;
        }
        return true;
}

static void run_attacks(struct vec *v, json_t *root) {
        const struct ledger *l = find_ledger(v, root, fits_attacks);
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                vec_case(v, vec_text(item, "case"), check_attack(v, item, l));
}

static bool detect_attacks(json_t *root) {
        return vec_any_has(root, "delivered", "start");
}

const struct form form_attacks = { "attacks", detect_attacks, run_attacks };
