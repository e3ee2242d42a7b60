/* core/header_diode: what a header that is believed has to satisfy, one rule at a time. */

#include "unit.h"

#include <errno.h>

#include "core/etf.h"
#include "core/header_diode.h"
#include "core/rlp.h"
#include "core/sha256.h"

/* Block 1 of the reference node's development chain, as getblockheader2 answers. */
static const char block_1[] =
                "f9016288726573706f6e7365f90134cf8974696d657374616d70845f3cdcf4c8866e756d62657201"
                "c7856e6f6e636501ec8a73746174655f68617368a062996259558f37d3dd8951b6bd4027b3f7a1fe"
                "05f7a4852c7cebbfc543069aa9ec8a626c6f636b5f68617368a09a5ad3addb726e83ddd0a928e2e5"
                "39a0b0ab33a0dbef17931424ec4cdad55ebbf8538f6d696e65725f7369676e6174757265b8410196"
                "eb92a20d574e35c52228353990374ed4f4480dd0aaa8874e2be05677c8353b43863d2e144529bb8b"
                "35f1ff5f1a5eda024f51e0ac7c713dca3274cd71f2f471f08e70726576696f75735f626c6f636ba0"
                "407470c8e4cc963a86933286f44213c232afe248a6f7e8a43b63c2fa6d36c09df2907472616e7361"
                "6374696f6e5f68617368a091cc603b4a734d24dae95eaf54ffdd4b1f2e692e24eb0099e852953d02"
                "1d232aa1029b73121502261a96fce50e5498f0245712ea15c4b37f562fc733919bfaf64923";
#define BLOCK_1_HASH  "9a5ad3addb726e83ddd0a928e2e539a0b0ab33a0dbef17931424ec4cdad55ebb"
#define BLOCK_1_MINER "db80b082205981a24cf571248a2153a64dec7c63"

/* A header in pairs, so that a test can bend one of them. */
enum { PREVIOUS, STATE, TRANSACTION, TIMESTAMP, NUMBER, NONCE, SIGNATURE, HASH, FIELDS };

static const char *const names[FIELDS] = {
        "previous_block",
        "state_hash",
        "transaction_hash",
        "timestamp",
        "number",
        "nonce",
        "miner_signature",
        "block_hash",
};

static struct diode_header good;
static struct secp_pubkey miner;
static uint8_t key_sent[33];
static struct hash32 message;

static const uint8_t privkey[SECP_PRIVKEY_SIZE] = { [0] = 9, [31] = 1 };

/* Section 3.2 over again, apart from the code under test but for the writer of terms. */
static void hash_by_hand(const struct diode_header *h, bool with_signature, struct hash32 *ret) {
        uint8_t bytes[512];
        struct buf b = BUF(bytes);

        buf_put(&b, with_signature ? "\x83\x6c\0\0\0\x07" : "\x83\x6c\0\0\0\x06", 6);
        buf_put(&b, "\x6d\0\0\0\x20", 5);
        buf_put_view(&b, VIEW_OF(&h->previous_block));
        buf_put(&b, "\x6d\0\0\0\x20", 5);
        buf_put_view(&b, VIEW_OF(&h->state_hash));
        buf_put(&b, "\x6d\0\0\0\x20", 5);
        buf_put_view(&b, VIEW_OF(&h->transaction_hash));
        etf_put_uint(&b, h->timestamp);
        etf_put_uint(&b, h->number);
        etf_put_big(&b, VIEW(h->nonce, h->nonce_n));
        if (with_signature) {
                buf_put(&b, "\x6d\0\0\0\x41", 5);
                buf_put(&b, h->miner_signature, sizeof(h->miner_signature));
        }
        buf_put_u8(&b, 106);
        sha256(VIEW(bytes, b.n), ret);
}

static void sign(struct diode_header *h) {
        hash_by_hand(h, false, &message);
        ck_assert_int_eq(secp_sign(&message, privkey, h->miner_signature), 0);
        hash_by_hand(h, true, &h->block_hash_sent);
}

static void set_up(void) {
        memset(&good, 0, sizeof(good));
        memset(good.previous_block.b, 1, HASH32_SIZE);
        memset(good.state_hash.b, 2, HASH32_SIZE);
        memset(good.transaction_hash.b, 3, HASH32_SIZE);
        good.timestamp = 1700000000;
        good.number = 300;
        good.nonce_n = 28;
        memset(good.nonce, 0xee, good.nonce_n);
        sign(&good);
        ck_assert_int_eq(secp_pubkey_of(privkey, &miner), 0);
        secp_pubkey_compress(&miner, key_sent);
}

static void put_pair(struct buf *b, const struct diode_header *h, int field) {
        size_t pair = rlp_list_begin(b);

        rlp_put_string(b, VIEW_TEXT(names[field]));
        switch (field) {
        case PREVIOUS:
                rlp_put_string(b, VIEW_OF(&h->previous_block));
                break;
        case STATE:
                rlp_put_string(b, VIEW_OF(&h->state_hash));
                break;
        case TRANSACTION:
                rlp_put_string(b, VIEW_OF(&h->transaction_hash));
                break;
        case TIMESTAMP:
                rlp_put_uint(b, h->timestamp);
                break;
        case NUMBER:
                rlp_put_uint(b, h->number);
                break;
        case NONCE:
                rlp_put_string(b, VIEW(h->nonce, h->nonce_n));
                break;
        case SIGNATURE:
                rlp_put_string(b, VIEW(h->miner_signature, sizeof(h->miner_signature)));
                break;
        case HASH:
                rlp_put_string(b, VIEW_OF(&h->block_hash_sent));
                break;
        }
        rlp_list_end(b, pair);
}

static void put_raw_pair(struct buf *b, const char *name, struct view value) {
        size_t pair = rlp_list_begin(b);

        rlp_put_string(b, VIEW_TEXT(name));
        buf_put_view(b, value);
        rlp_list_end(b, pair);
}

static int parse(const struct buf *b, struct diode_header *ret) {
        struct view in = heap_copy(VIEW(b->p, b->n));
        int r;

        ck_assert(!b->full);
        r = diode_header_parse(in, ret);
        heap_drop(in);
        return r;
}

static bool same(const struct diode_header *a, const struct diode_header *b) {
        return hash32_eq(&a->previous_block, &b->previous_block) &&
               hash32_eq(&a->state_hash, &b->state_hash) &&
               hash32_eq(&a->transaction_hash, &b->transaction_hash) &&
               a->timestamp == b->timestamp && a->number == b->number &&
               view_eq(VIEW(a->nonce, a->nonce_n), VIEW(b->nonce, b->nonce_n)) &&
               memcmp(a->miner_signature, b->miner_signature, SECP_SIGNATURE_SIZE) == 0 &&
               hash32_eq(&a->block_hash_sent, &b->block_hash_sent);
}

START_TEST(header_reproduces_a_block_of_the_reference_node) {
        uint8_t bytes[512];
        struct view in, answer, word, pairs, key;
        struct diode_header h;
        struct diode_signed s;
        char text[65];
        size_t n;

        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(block_1), bytes, sizeof(bytes), &n), 0);
        in = VIEW(bytes, n);
        ck_assert_int_eq(rlp_whole_list(in, &answer), 0);
        ck_assert_int_eq(rlp_take_string(&answer, &word), 0);
        ck_assert_int_eq(rlp_take_list(&answer, &pairs), 0);
        ck_assert_int_eq(rlp_take_string(&answer, &key), 0);

        ck_assert_int_eq(diode_header_parse(pairs, &h), 0);
        ck_assert_int_eq(diode_header_verify(&h, key, &s), HEADER_SIGNED);
        ck_assert_str_eq(hex_encode(s.hash.b, sizeof(s.hash.b), text), BLOCK_1_HASH);
        ck_assert_str_eq(hex_encode(s.miner.b, sizeof(s.miner.b), text), BLOCK_1_MINER);
        ck_assert(h.number == 1 && h.nonce_n == 1 && h.nonce[0] == 1);
} END_TEST

START_TEST(header_pairs_come_in_any_order) {
        for (int first = 0; first < FIELDS; first++) {
                struct diode_header h;
                uint8_t bytes[1024];
                struct buf b = BUF(bytes);

                for (int i = 0; i < FIELDS; i++)
                        put_pair(&b, &good, (first + i * 3) % FIELDS);
                ck_assert_int_eq(parse(&b, &h), 0);
                ck_assert(same(&h, &good));
        }
} END_TEST

START_TEST(header_ignores_unknown_names_of_any_kind) {
        struct diode_header h;
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        put_raw_pair(&b, "miner", (struct view) BYTES(0x82, 1, 2));
        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, &good, i);
        put_raw_pair(&b, "miner", (struct view) BYTES(0xc2, 1, 2));
        put_raw_pair(&b, "", (struct view) BYTES(0x80));
        ck_assert_int_eq(parse(&b, &h), 0);
        ck_assert(same(&h, &good));
} END_TEST

START_TEST(header_refuses_a_missing_name) {
        struct diode_header h = { .number = 77 };
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                if (i != _i)
                        put_pair(&b, &good, i);
        ck_assert_int_eq(parse(&b, &h), -EBADMSG);
        ck_assert_uint_eq(h.number, 77);
} END_TEST

START_TEST(header_refuses_a_name_twice) {
        struct diode_header h;
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, &good, i);
        put_pair(&b, &good, _i);
        ck_assert_int_eq(parse(&b, &h), -EBADMSG);
} END_TEST

/* One value, spelled wrongly, in a header that is good otherwise. */
static const struct value_case {
        const char *name;
        int field;
        struct view value; /* RLP */
        int want;
} value_cases[] = {
        { "hash of 31 bytes", PREVIOUS, { (const uint8_t[32]){ 0x9f }, 32 }, -EBADMSG },
        { "hash of 33 bytes", STATE, { (const uint8_t[34]){ 0xa1 }, 34 }, -EBADMSG },
        { "hash that is a list", TRANSACTION, { (const uint8_t[33]){ 0xe0 }, 33 }, -EBADMSG },
        { "empty block hash", HASH, BYTES(0x80), -EBADMSG },
        { "time with a leading zero", TIMESTAMP, BYTES(0x82, 0, 1), -EBADMSG },
        { "time of nine bytes", TIMESTAMP, BYTES(0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9), -EBADMSG },
        { "number zero as a byte", NUMBER, BYTES(0x00), -EBADMSG },
        { "number that is a list", NUMBER, BYTES(0xc0), -EBADMSG },
        { "nonce with a leading zero", NONCE, BYTES(0x82, 0, 1), -EBADMSG },
        { "nonce that is a list", NONCE, BYTES(0xc0), -EBADMSG },
        { "nonce of 33 bytes", NONCE, { (const uint8_t[34]){ 0xa1, 1 }, 34 }, -E2BIG },
        { "nonce of 32 bytes", NONCE, { (const uint8_t[33]){ 0xa0, 1 }, 33 }, 0 },
        { "nonce zero", NONCE, BYTES(0x80), 0 },
        { "signature of 64 bytes", SIGNATURE, { (const uint8_t[66]){ 0xb8, 64 }, 66 }, -EBADMSG },
        { "signature of 66 bytes", SIGNATURE, { (const uint8_t[68]){ 0xb8, 66 }, 68 }, -EBADMSG },
        { "no signature", SIGNATURE, BYTES(0x80), -EBADMSG },
        { "a third element", NUMBER, BYTES(0x01, 0x02), -EBADMSG },
        { "no value", NUMBER, { (const uint8_t *) "", 0 }, -EBADMSG },
};

START_TEST(header_value_case) {
        const struct value_case *c = &value_cases[_i];
        struct diode_header h;
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                if (i != c->field)
                        put_pair(&b, &good, i);
        put_raw_pair(&b, names[c->field], c->value);
        ck_assert_msg(parse(&b, &h) == c->want, "%s", c->name);
} END_TEST

START_TEST(header_has_at_most_32_pairs) {
        struct diode_header h;
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, &good, i);
        for (int i = FIELDS; i < DIODE_PAIRS_MAX; i++)
                put_raw_pair(&b, "x", (struct view) BYTES(0x80));
        ck_assert_int_eq(parse(&b, &h), 0);
        put_raw_pair(&b, "x", (struct view) BYTES(0x80));
        ck_assert_int_eq(parse(&b, &h), -E2BIG);
} END_TEST

START_TEST(header_refuses_bytes_that_are_no_pair) {
        struct diode_header h;
        uint8_t bytes[1024];
        struct buf b = BUF(bytes);

        for (int i = 0; i < FIELDS; i++)
                put_pair(&b, &good, i);
        buf_put_u8(&b, 0x05);
        ck_assert_int_eq(parse(&b, &h), -EBADMSG);
        b.n -= 2; /* the last pair is cut */
        ck_assert_int_eq(parse(&b, &h), -EBADMSG);
} END_TEST

static enum header_verdict verify(const struct diode_header *h) {
        struct diode_signed s;

        return diode_header_verify(h, VIEW(key_sent, sizeof(key_sent)), &s);
}

START_TEST(header_that_is_good_names_its_miner) {
        struct address want;
        struct diode_signed s;
        uint8_t uncompressed[65] = { 0x04 };

        secp_address(&miner, &want);
        ck_assert_int_eq(diode_header_verify(&good, VIEW(key_sent, 33), &s), HEADER_SIGNED);
        ck_assert(address_eq(&s.miner, &want) && hash32_eq(&s.hash, &good.block_hash_sent));

        memcpy(uncompressed + 1, miner.xy, sizeof(miner.xy));
        ck_assert_int_eq(diode_header_verify(&good, VIEW(uncompressed, 65), &s), HEADER_SIGNED);
} END_TEST

START_TEST(header_with_any_field_changed_is_not_signed) {
        struct diode_header h[] = { good, good, good, good, good, good };

        h[0].previous_block.b[0] ^= 1;
        h[1].state_hash.b[0] ^= 1;
        h[2].transaction_hash.b[0] ^= 1;
        h[3].timestamp ^= 1;
        h[4].number ^= 1;
        h[5].nonce[0] ^= 1;
        for (size_t i = 0; i < ELEMENTSOF(h); i++) {
                enum header_verdict v;

                hash_by_hand(&h[i], true, &h[i].block_hash_sent); /* the hash agrees */
                v = verify(&h[i]);
                ck_assert(v == HEADER_WRONG_KEY || v == HEADER_BAD_SIGNATURE);
        }
} END_TEST

START_TEST(header_with_another_recovery_id_is_not_signed) {
        struct diode_header h = good;

        h.miner_signature[0] ^= 1; /* r and s are still the miner's */
        hash_by_hand(&h, true, &h.block_hash_sent);
        ck_assert_int_eq(verify(&h), HEADER_WRONG_KEY);
        h.miner_signature[0] = 4;
        hash_by_hand(&h, true, &h.block_hash_sent);
        ck_assert_int_eq(verify(&h), HEADER_BAD_SIGNATURE);
} END_TEST

START_TEST(header_without_a_signature_is_not_signed) {
        struct diode_header h = good;

        memset(h.miner_signature, 0, sizeof(h.miner_signature));
        hash_by_hand(&h, true, &h.block_hash_sent);
        ck_assert_int_eq(verify(&h), HEADER_BAD_SIGNATURE);
} END_TEST

START_TEST(header_with_another_key_sent_is_refused) {
        static const uint8_t other_privkey[SECP_PRIVKEY_SIZE] = { [31] = 2 };
        struct secp_pubkey other;
        struct diode_signed s;
        uint8_t sent[33];

        ck_assert_int_eq(secp_pubkey_of(other_privkey, &other), 0);
        secp_pubkey_compress(&other, sent);
        ck_assert_int_eq(diode_header_verify(&good, VIEW(sent, 33), &s), HEADER_WRONG_KEY);
        memcpy(sent, key_sent, sizeof(sent));
        sent[0] ^= 1; /* the same X */
        ck_assert_int_eq(diode_header_verify(&good, VIEW(sent, 33), &s), HEADER_WRONG_KEY);
        ck_assert_int_eq(diode_header_verify(&good, VIEW(sent, 32), &s), HEADER_WRONG_KEY);
        ck_assert_int_eq(diode_header_verify(&good, VIEW(sent, 0), &s), HEADER_WRONG_KEY);
} END_TEST

START_TEST(header_with_another_hash_sent_is_refused) {
        struct diode_signed s = { .miner = { { 0xaa } } };
        struct diode_header h = good;

        h.block_hash_sent.b[31] ^= 1;
        ck_assert_int_eq(diode_header_verify(&h, VIEW(key_sent, 33), &s), HEADER_WRONG_HASH);
        ck_assert_uint_eq(s.miner.b[0], 0xaa);
} END_TEST

START_TEST(header_every_verdict_has_a_text) {
        for (unsigned v = HEADER_UNPROVEN; v <= HEADER_WRONG_HASH; v++)
                ck_assert_str_ne(header_verdict_text(v), "unknown verdict");
} END_TEST

int main(void) {
        Suite *s = suite_create("header_diode");
        TCase *t = tcase_create("header_diode");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_test(t, header_reproduces_a_block_of_the_reference_node);
        tcase_add_test(t, header_pairs_come_in_any_order);
        tcase_add_test(t, header_ignores_unknown_names_of_any_kind);
        tcase_add_loop_test(t, header_refuses_a_missing_name, 0, FIELDS);
        tcase_add_loop_test(t, header_refuses_a_name_twice, 0, FIELDS);
        tcase_add_loop_test(t, header_value_case, 0, ELEMENTSOF(value_cases));
        tcase_add_test(t, header_has_at_most_32_pairs);
        tcase_add_test(t, header_refuses_bytes_that_are_no_pair);
        tcase_add_test(t, header_that_is_good_names_its_miner);
        tcase_add_test(t, header_with_any_field_changed_is_not_signed);
        tcase_add_test(t, header_with_another_recovery_id_is_not_signed);
        tcase_add_test(t, header_without_a_signature_is_not_signed);
        tcase_add_test(t, header_with_another_key_sent_is_refused);
        tcase_add_test(t, header_with_another_hash_sent_is_refused);
        tcase_add_test(t, header_every_verdict_has_a_text);
        suite_add_tcase(s, t);
        return unit_run(s);
}
