/* chain/bundle: the format of proof bundles. What a bundle proves is played in tests/replay. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "chain/bundle.h"
#include "core/sha256.h"

/* Where the head's fields begin; docs/protocols/bundle.md has the same table. */
enum {
        AT_MAGIC = 0,
        AT_VERSION = 8,
        AT_BACKEND = 10,
        AT_TICKET = 11,
        AT_ZONE = 12,
        AT_NUMBER = 33,
        AT_GENESIS = 73,
        AT_SLOT = 105,
        AT_CONTRACT = 113,
        AT_FLEET = 133,
        AT_DEVICE = 153,
        AT_CHAIN = 185,
        AT_NAME = 217,
        AT_HOST = 473,
        AT_COUNT = 474,
        AT_UPSTREAMS = 475,
};
#define UPSTREAM 21

static uint8_t file[BUNDLE_MAX + 64];
static size_t file_n;

static struct bundle head(enum bundle_backend backend) {
        bool diode = backend == BUNDLE_BLOCKQUICK;
        struct bundle b = {
                .backend = backend,
                .zone = BUNDLE_MAP,
                .checkpoint = { .number = diode ? 200 : 0, .hash = { { 7 } } },
                .chain = "net-1",
                .chain_id = 15,
                .contract = { { 1 } },
                .slot = 3,
                .name = "pump1.plant.fleet",
                .host_n = 5,
                .seed = 9,
                .ticket_version = diode ? 1 : 0,
                .n_upstreams = 2,
        };

        for (size_t i = 0; i < b.n_upstreams; i++)
                b.upstream[i].kind = diode ? BUNDLE_NODE : BUNDLE_BEACON + (unsigned) i;
        if (diode)
                memset(b.device_key, 5, sizeof(b.device_key));
        else
                b.genesis.b[0] = 1;
        return b;
}

static void mend(void) {
        struct hash32 sum;

        sha256(VIEW(file, file_n - HASH32_SIZE), &sum);
        memcpy(file + file_n - HASH32_SIZE, sum.b, HASH32_SIZE);
}

static void write_bundle(const struct bundle *b, const struct bundle_event *events, size_t n) {
        struct buf out = { .p = file, .cap = BUNDLE_MAX };
        struct view v;

        bundle_put_head(&out, b);
        for (size_t i = 0; i < n; i++)
                bundle_put_event(&out, &events[i]);
        bundle_put_end(&out);
        ck_assert_int_eq(buf_done(&out, &v), 0);
        file_n = v.n;
}

static int parse(struct bundle *ret) {
        struct view v = heap_copy(VIEW(file, file_n));
        int r = bundle_parse(v, ret);

        heap_drop(v);
        return r;
}

static const uint8_t key[64];

static const struct bundle_event good_events[] = {
        { .kind = BUNDLE_TICK },
        { .kind = BUNDLE_UP, .upstream = 1, .pause_ms = 5, .bytes = { key, sizeof(key) } },
        { .kind = BUNDLE_BYTES, .bytes = { key, 3 }, .pause_ms = BUNDLE_PAUSE_MAX_MS },
        { .kind = BUNDLE_DOWN, .upstream = 1 },
        { .kind = BUNDLE_ASK },
};

START_TEST(bundle_reads_what_it_writes) {
        struct bundle b = head(BUNDLE_BLOCKQUICK), got;
        struct bundle_event e;
        struct view v;

        write_bundle(&b, good_events, ELEMENTSOF(good_events));
        ck_assert_int_eq(bundle_parse(VIEW(file, file_n), &got), 0);
        ck_assert_int_eq(got.backend, b.backend);
        ck_assert_str_eq(got.name, b.name);
        ck_assert_str_eq(got.chain, b.chain);
        ck_assert(got.checkpoint.number == 200 && hash32_eq(&got.checkpoint.hash, &b.checkpoint.hash));
        ck_assert(got.slot == 3 && got.seed == 9 && got.chain_id == 15 && got.host_n == 5);
        ck_assert(got.n_upstreams == 2 && address_eq(&got.contract, &b.contract));
        ck_assert(memcmp(got.device_key, b.device_key, sizeof(b.device_key)) == 0);
        v = got.events;
        for (size_t i = 0; i < ELEMENTSOF(good_events); i++) {
                ck_assert_int_eq(bundle_take_event(&got, &v, &e), 0);
                ck_assert(e.kind == good_events[i].kind && e.upstream == good_events[i].upstream &&
                                e.pause_ms == good_events[i].pause_ms &&
                                view_eq(e.bytes, good_events[i].bytes));
        }
        ck_assert_uint_eq(v.n, 0);
        b = head(BUNDLE_ETHEREUM);
        write_bundle(&b, NULL, 0);
        ck_assert_int_eq(parse(&got), 0);
        ck_assert_uint_eq(AT_UPSTREAMS + 2 * UPSTREAM + HASH32_SIZE, file_n);
} END_TEST

static const struct byte_case {
        const char *what;
        size_t at;
        uint8_t value;
        int want;
        enum bundle_backend backend;
} byte_cases[] = {
        { "as it is", AT_MAGIC, 'K', 0, BUNDLE_BLOCKQUICK },
        { "as it is", AT_MAGIC, 'K', 0, BUNDLE_ETHEREUM },
        { "another magic", AT_MAGIC, 'k', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a later version", AT_VERSION + 1, BUNDLE_VERSION + 1, -EPROTONOSUPPORT,
                        BUNDLE_BLOCKQUICK },
        { "version 0", AT_VERSION + 1, 0, -EPROTONOSUPPORT, BUNDLE_BLOCKQUICK },
        { "no backend", AT_BACKEND, 0, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "an unknown backend", AT_BACKEND, 3, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "tickets of version 3", AT_TICKET, 3, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "tickets of version 2", AT_TICKET, 2, 0, BUNDLE_BLOCKQUICK },
        { "tickets on Ethereum", AT_TICKET, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "a number on Ethereum", AT_NUMBER + 7, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "a genesis on Diode", AT_GENESIS, 1, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a fleet on Ethereum", AT_FLEET, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "a key on Ethereum", AT_DEVICE, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "a chain without a name", AT_CHAIN, 0, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a chain that climbs", AT_CHAIN, '.', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a chain with a slash", AT_CHAIN + 3, '/', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a chain that looks like an option", AT_CHAIN, '-', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "bytes behind the chain's name", AT_CHAIN + 31, 'a', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "bytes behind the name", AT_NAME + 255, 'a', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a name that moves a terminal", AT_NAME + 8, 27, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "an upper-case host", AT_NAME, 'P', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a host that begins with _", AT_NAME, '_', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a host that ends elsewhere", AT_HOST, 4, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a host that is all of it", AT_HOST, 17, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a host past the name", AT_HOST, 255, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "the apex", AT_HOST, 0, 0, BUNDLE_BLOCKQUICK },
        { "no upstream", AT_COUNT, 0, -E2BIG, BUNDLE_BLOCKQUICK },
        { "too many upstreams", AT_COUNT, CHAIN_UPSTREAMS_MAX + 1, -E2BIG, BUNDLE_BLOCKQUICK },
        { "an upstream of no kind", AT_UPSTREAMS, 0, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a beacon on Diode", AT_UPSTREAMS, BUNDLE_BEACON, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a node on Ethereum", AT_UPSTREAMS, BUNDLE_NODE, -EBADMSG, BUNDLE_ETHEREUM },
        { "a beacon with a node's id", AT_UPSTREAMS + 1, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "a node's id", AT_UPSTREAMS + 1, 1, 0, BUNDLE_BLOCKQUICK },
        { "a zone of no kind", AT_ZONE, 0, -EBADMSG, BUNDLE_ETHEREUM },
        { "a zone of an unknown kind", AT_ZONE, 3, -EBADMSG, BUNDLE_ETHEREUM },
};

static const struct ens_case {
        const char *what, *name;
        size_t at;
        uint8_t value;
        int want;
        enum bundle_backend backend;
} ens_cases[] = {
        { "as it is", "pump1.alice.eth", AT_MAGIC, 'K', 0, BUNDLE_ETHEREUM },
        { "on Diode's chain", "pump1.alice.eth", AT_MAGIC, 'K', -EBADMSG, BUNDLE_BLOCKQUICK },
        { "with a slot", "pump1.alice.eth", AT_SLOT, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "with a contract", "pump1.alice.eth", AT_CONTRACT, 1, -EBADMSG, BUNDLE_ETHEREUM },
        { "with a host", "pump1.alice.eth", AT_HOST, 5, -EBADMSG, BUNDLE_ETHEREUM },
        { "a name that ENS has not", "pump1..eth", AT_MAGIC, 'K', -EBADMSG, BUNDLE_ETHEREUM },
};

START_TEST(bundle_parse_judges_names_of_ens) {
        const struct ens_case *c = &ens_cases[_i];
        struct bundle b = head(c->backend), got;
        int r;

        b.zone = BUNDLE_ENS;
        b.slot = b.host_n = 0;
        b.contract = (struct address){ 0 };
        snprintf(b.name, sizeof(b.name), "%s", c->name);
        write_bundle(&b, NULL, 0);
        file[c->at] = c->value;
        mend();
        r = parse(&got);
        ck_assert_msg(r == c->want, "%s: got %d", c->what, r);
} END_TEST

START_TEST(bundle_parse_judges_each_byte) {
        const struct byte_case *c = &byte_cases[_i];
        struct bundle b = head(c->backend), got;
        int r;

        write_bundle(&b, NULL, 0);
        file[c->at] = c->value;
        mend();
        r = parse(&got);
        ck_assert_msg(r == c->want, "%s: got %d", c->what, r);
} END_TEST

static const struct event_case {
        const char *what;
        struct bundle_event e;
        int want;
        enum bundle_backend backend;
} event_cases[] = {
        { "a tick", { .kind = BUNDLE_TICK }, 0, BUNDLE_BLOCKQUICK },
        { "of no kind", { .kind = 0 }, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "of an unknown kind", { .kind = BUNDLE_ASK + 1 }, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a tick of an upstream", { .kind = BUNDLE_TICK, .upstream = 1 }, -EBADMSG,
                        BUNDLE_BLOCKQUICK },
        { "a tick with bytes", { .kind = BUNDLE_TICK, .bytes = { key, 1 } }, -EBADMSG,
                        BUNDLE_BLOCKQUICK },
        { "an ask of an upstream", { .kind = BUNDLE_ASK, .upstream = 1 }, -EBADMSG,
                        BUNDLE_BLOCKQUICK },
        { "up without a key", { .kind = BUNDLE_UP }, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a server is up", { .kind = BUNDLE_UP }, 0, BUNDLE_ETHEREUM },
        { "a server with a key", { .kind = BUNDLE_UP, .bytes = { key, 64 } }, -EBADMSG,
                        BUNDLE_ETHEREUM },
        { "an upstream that is none",
                        { .kind = BUNDLE_UP, .upstream = 2, .bytes = { key, 64 } }, -EBADMSG,
                        BUNDLE_BLOCKQUICK },
        { "down with bytes", { .kind = BUNDLE_DOWN, .bytes = { key, 1 } }, -EBADMSG,
                        BUNDLE_BLOCKQUICK },
        { "down of none", { .kind = BUNDLE_DOWN, .upstream = 2 }, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "an empty message", { .kind = BUNDLE_BYTES }, -EBADMSG, BUNDLE_BLOCKQUICK },
        { "a message of none", { .kind = BUNDLE_BYTES, .upstream = 2, .bytes = { key, 1 } },
                        -EBADMSG, BUNDLE_BLOCKQUICK },
        { "too long a pause", { .kind = BUNDLE_TICK, .pause_ms = BUNDLE_PAUSE_MAX_MS + 1 }, -E2BIG,
                        BUNDLE_BLOCKQUICK },
        { "a pause as if time went back", { .kind = BUNDLE_TICK, .pause_ms = UINT32_MAX }, -E2BIG,
                        BUNDLE_BLOCKQUICK },
};

START_TEST(bundle_parse_judges_each_event) {
        const struct event_case *c = &event_cases[_i];
        struct bundle b = head(c->backend), got;
        int r;

        write_bundle(&b, &c->e, 1);
        r = parse(&got);
        ck_assert_msg(r == c->want, "%s: got %d", c->what, r);
} END_TEST

START_TEST(bundle_tells_damage_from_nonsense) {
        struct bundle b = head(BUNDLE_BLOCKQUICK), got;

        write_bundle(&b, good_events, ELEMENTSOF(good_events));
        file[file_n - 1] ^= 1;
        ck_assert_int_eq(parse(&got), -EILSEQ);
        file[file_n - 1] ^= 1;
        file[AT_NAME] ^= 1;
        ck_assert_int_eq(parse(&got), -EILSEQ);
        file[AT_NAME] ^= 1;
        for (size_t n = 0; n < 42; n++)
                ck_assert_int_eq(bundle_parse(VIEW(file, n), &got), -EBADMSG);
        ck_assert_int_eq(bundle_parse(VIEW(file, file_n - 1), &got), -EILSEQ);
        file_n -= 8; /* the last event goes, another's end stands behind it */
        mend();
        ck_assert_int_eq(parse(&got), 0);
        file_n -= 3;
        mend();
        ck_assert_int_eq(parse(&got), -EBADMSG);
} END_TEST

START_TEST(bundle_limits_its_size_and_its_events) {
        static struct bundle_event many[BUNDLE_EVENTS_MAX + 1];
        struct bundle b = head(BUNDLE_BLOCKQUICK), got;

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i].kind = BUNDLE_TICK;
        write_bundle(&b, many, BUNDLE_EVENTS_MAX);
        ck_assert_int_eq(parse(&got), 0);
        write_bundle(&b, many, BUNDLE_EVENTS_MAX + 1);
        ck_assert_int_eq(parse(&got), -E2BIG);
        write_bundle(&b, NULL, 0);
        memset(file + file_n - HASH32_SIZE, 0, sizeof(file) - file_n + HASH32_SIZE);
        file_n = BUNDLE_MAX; /* what stands there is no event */
        mend();
        ck_assert_int_eq(parse(&got), -EBADMSG);
        file_n = BUNDLE_MAX + 1;
        mend();
        ck_assert_int_eq(parse(&got), -E2BIG);
} END_TEST

/* A play whose record stands at block 10, final, and at 12. */
static struct bundle_play *played(void) {
        struct bundle b = head(BUNDLE_BLOCKQUICK);
        struct bundle_trust trust = { .checkpoint = b.checkpoint };
        struct bundle_play *p;

        ck_assert_int_eq(bundle_play_new(&b, &trust, &p), 0);
        p->asks = 1;
        p->final.asked = p->final.proven = p->head.asked = p->head.proven = true;
        p->final.block.ref.number = 10;
        p->head.block.ref.number = 12;
        memcpy(p->final.value[0].b, "10.1.2.3", 8);
        memcpy(p->head.value[0].b, "10.1.2.3", 8);
        return p;
}

#define VERDICT_WITH(change, want)                                                                 \
        do {                                                                                       \
                struct bundle_play *p = played();                                                  \
                char why[CHAIN_TEXT_MAX] = "";                                                     \
                struct bundle_claims c;                                                            \
                                                                                                   \
                change;                                                                            \
                ck_assert_msg(bundle_play_verdict(p, &c, why) == (want), "%s", #change);           \
                ck_assert_msg(((want) == BUNDLE_PROVEN) == !why[0], "%s: %s", #change, why);       \
                p = bundle_play_free(p);                                                           \
        } while (0)

START_TEST(bundle_verdict_needs_all_of_it) {
        VERDICT_WITH((void) 0, BUNDLE_PROVEN);
        VERDICT_WITH((p->head.asked = false, p->head.proven = false), BUNDLE_PROVEN);
        VERDICT_WITH(p->asks = 0, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->final.proven = false, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->head.proven = false, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->final.id = 1, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->head.id = 2, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->head.answered = true, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->head.block.ref.number = 9, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->status.conflict = true, BUNDLE_UNPROVEN);
        VERDICT_WITH(p->status.state = CHAIN_STUCK, BUNDLE_UNPROVEN);
} END_TEST

START_TEST(bundle_asks_where_a_head_stands) {
        struct bundle_event ask = { .kind = BUNDLE_ASK };
        struct bundle_play *p = played();

        p->status = (struct chain_status){ .state = CHAIN_FOLLOWING, .has_finalized = true,
                                           .has_head = true };
        ck_assert(bundle_play_may_ask(p));
        p->asks = BUNDLE_ASKS_MAX;
        ck_assert(!bundle_play_may_ask(p));
        p->asks = 1;
        p->status.has_head = false;
        ck_assert(!bundle_play_may_ask(p));
        ck_assert_int_eq(bundle_play_event(p, &ask, NULL, NULL), -EINVAL);
        p->status.has_head = true;
        p->status.state = CHAIN_STUCK;
        ck_assert(!bundle_play_may_ask(p));
        p = bundle_play_free(p);
} END_TEST

START_TEST(bundle_play_is_made_of_what_the_verifier_brings) {
        struct bundle b = head(BUNDLE_BLOCKQUICK);
        struct bundle_trust trust = { .checkpoint = b.checkpoint };
        struct bundle_play *p = NULL;

        memset(&trust.checkpoint.hash, 0, sizeof(trust.checkpoint.hash));
        ck_assert_int_eq(bundle_play_new(&b, &trust, &p), -EINVAL);
        b = head(BUNDLE_ETHEREUM);
        trust.checkpoint = b.checkpoint;
        ck_assert_int_eq(bundle_play_new(&b, &trust, &p), -EINVAL); /* no network */
        ck_assert_ptr_null(p);
} END_TEST

START_TEST(bundle_writer_stays_full) {
        static uint8_t big[BUNDLE_MESSAGE_MAX + 1], out_bytes[2 * (BUNDLE_MESSAGE_MAX + 1)];
        struct bundle_event e = { .kind = BUNDLE_BYTES, .bytes = { big, sizeof(big) } };
        struct buf out = BUF(out_bytes);
        struct view v;

        bundle_put_event(&out, &e);
        bundle_put_end(&out);
        ck_assert_int_eq(buf_done(&out, &v), -ENOBUFS);
} END_TEST

int main(void) {
        Suite *suite = suite_create("bundle");
        TCase *t = tcase_create("bundle");

        tcase_add_test(t, bundle_reads_what_it_writes);
        tcase_add_loop_test(t, bundle_parse_judges_each_byte, 0, ELEMENTSOF(byte_cases));
        tcase_add_loop_test(t, bundle_parse_judges_names_of_ens, 0, ELEMENTSOF(ens_cases));
        tcase_add_loop_test(t, bundle_parse_judges_each_event, 0, ELEMENTSOF(event_cases));
        tcase_add_test(t, bundle_tells_damage_from_nonsense);
        tcase_add_test(t, bundle_limits_its_size_and_its_events);
        tcase_add_test(t, bundle_verdict_needs_all_of_it);
        tcase_add_test(t, bundle_asks_where_a_head_stands);
        tcase_add_test(t, bundle_play_is_made_of_what_the_verifier_brings);
        tcase_add_test(t, bundle_writer_stays_full);
        suite_add_tcase(suite, t);
        return unit_run(suite);
}
