/* Light-client objects from JSON to SSZ: what is wrong in one way is refused; what servers may leave
 * out is zero. That real objects come out byte by byte is run by vectors/eth-answers. */

#include "unit.h"

#include <errno.h>
#include <jansson.h>

#include "agent/fetch/json.h"
#include "agent/fetch/json_ssz.h"

static uint8_t bytes[65536];

/* Many times one hex text, as a JSON list. */
static json_t *list_of(const char *hex, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(hex));
        return list;
}

/* n bytes of one value. */
static json_t *hex_of(unsigned char value, size_t n) {
        char *text = calloc(1, 2 * n + 3);
        json_t *string;

        memcpy(text, "0x", 2);
        for (size_t i = 0; i < n; i++)
                hex_encode(&value, 1, text + 2 + 2 * i);
        string = json_string(text);
        free(text);
        return string;
}

#define ROOT "0x0101010101010101010101010101010101010101010101010101010101010101"

static json_t *beacon(void) {
        return json_pack("{s:s,s:s,s:s,s:s,s:s}", "slot", "1", "proposer_index", "2", "parent_root",
                ROOT, "state_root", ROOT, "body_root", ROOT);
}

static json_t *execution(void) {
        json_t *o = json_object();
        static const char *const roots[] = { "parent_hash", "state_root", "receipts_root",
                "prev_randao", "block_hash", "transactions_root", "withdrawals_root" };
        static const char *const numbers[] = { "block_number", "gas_limit", "gas_used", "timestamp",
                "blob_gas_used", "excess_blob_gas", "base_fee_per_gas" };

        for (size_t i = 0; i < ELEMENTSOF(roots); i++)
                json_object_set_new(o, roots[i], json_string(ROOT));
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                json_object_set_new(o, numbers[i], json_string("3"));
        json_object_set_new(o, "fee_recipient", hex_of(4, 20));
        json_object_set_new(o, "logs_bloom", hex_of(5, 256));
        json_object_set_new(o, "extra_data", json_string("0x0607"));
        return o;
}

static json_t *header(void) {
        return json_pack("{s:o,s:o,s:o}", "beacon", beacon(), "execution", execution(),
                "execution_branch", list_of(ROOT, 4));
}

static json_t *aggregate(void) {
        return json_pack("{s:s,s:o}", "sync_committee_bits", "0xffffffff",
                "sync_committee_signature", hex_of(8, 96));
}

static json_t *optimistic(void) {
        return json_pack("{s:o,s:o,s:s}", "attested_header", header(), "sync_aggregate", aggregate(),
                "signature_slot", "9");
}

static json_t *update(void) {
        json_t *o = optimistic();

        json_object_set_new(o, "finalized_header", header());
        json_object_set_new(o, "finality_branch", list_of(ROOT, 7));
        json_object_set_new(o, "next_sync_committee",
                json_pack("{s:o,s:o}", "pubkeys", json_array(), "aggregate_pubkey", hex_of(1, 48)));
        for (size_t i = 0; i < 32; i++)
                json_array_append_new(json_object_get(json_object_get(o, "next_sync_committee"),
                                              "pubkeys"), hex_of(2, 48));
        json_object_set_new(o, "next_sync_committee_branch", list_of(ROOT, 6));
        return o;
}

static int put(enum json_ssz_object object, const char *fork, json_t *o, struct view *ret) {
        struct buf b = BUF(bytes);
        int r = json_ssz_put(&b, object, fork, o, ret);

        json_decref(o);
        return r;
}

/* The part of an object at a path of names with dots. */
static json_t *at(json_t *o, const char *path, char last[64]) {
        const char *dot;

        while ((dot = strchr(path, '.'))) {
                char name[64] = "";

                memcpy(name, path, (size_t) (dot - path));
                o = json_object_get(o, name);
                path = dot + 1;
        }
        strcpy(last, path);
        return o;
}

static const struct change_case {
        const char *path, *json; /* NULL: left out */
} refused[] = {
        { "signature_slot", NULL },
        { "signature_slot", "null" },
        { "signature_slot", "9" },
        { "signature_slot", "\"\"" },
        { "signature_slot", "\"-1\"" },
        { "signature_slot", "\"0x9\"" },
        { "signature_slot", "\" 9\"" },
        { "signature_slot", "\"18446744073709551616\"" },
        { "signature_slot", "\"99999999999999999999999999999999999999999999999999999999999999999999"
                            "99999999999999999999\"" },
        { "attested_header", "[]" },
        { "attested_header", "\"0x\"" },
        { "attested_header.beacon", NULL },
        { "attested_header.beacon.state_root", "\"0x01\"" },
        { "attested_header.beacon.state_root",
                "\"0x010101010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.beacon.state_root",
                "\"0101010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.beacon.state_root",
                "\"0x0x01010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.beacon.state_root",
                "\"0x0x0101010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.beacon.state_root",
                "\"0xg101010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.execution.extra_data", NULL },
        { "attested_header.execution.extra_data", "\"0x1\"" },
        { "attested_header.execution.extra_data",
                "\"0x010101010101010101010101010101010101010101010101010101010101010101\"" },
        { "attested_header.execution.base_fee_per_gas",
                "\"115792089237316195423570985008687907853269984665640564039457584007913129639936\"" },
        { "attested_header.execution.blob_gas_used", NULL },
        { "attested_header.execution_branch", "[]" },
        { "attested_header.execution_branch", "{}" },
        { "attested_header.execution_branch", "[\"0x01\",\"0x01\",\"0x01\",\"0x01\"]" },
        { "sync_aggregate", NULL },
        { "sync_aggregate.sync_committee_bits", "\"0xffffff\"" },
        { "sync_aggregate.sync_committee_bits", "\"0xffffffff0\"" },
        { "sync_aggregate.sync_committee_bits", "\"\"" },
        { "sync_aggregate.sync_committee_signature", NULL },
        { "finality_branch", "[\"" ROOT "\"]" },
        { "next_sync_committee.pubkeys", "[]" },
        { "next_sync_committee.aggregate_pubkey", NULL },
};

START_TEST(json_ssz_refuses) {
        const struct change_case *c = &refused[_i];
        json_t *o = update(), *part;
        char last[64];
        struct view v;

        part = at(o, c->path, last);
        ck_assert_ptr_nonnull(json_object_get(part, last));
        if (c->json)
                json_object_set_new(part, last, json_loads(c->json, JSON_DECODE_ANY, NULL));
        else
                json_object_del(part, last);
        ck_assert_msg(put(JSON_SSZ_UPDATE, "electra", o, &v) == -EBADMSG, "%s", c->path);
}
END_TEST

START_TEST(json_ssz_takes_the_control) {
        struct view v;

        ck_assert_int_eq(put(JSON_SSZ_UPDATE, "electra", update(), &v), 0);
        /* 2.1: 3772 of the smaller preset, and the extra data of two headers */
        ck_assert_uint_eq(v.n, 3772 + 4);
        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "fulu", optimistic(), &v), 0);
        ck_assert_uint_eq(v.n, 940 + 2);
}
END_TEST

/* What an update without a next committee or finality may leave out. */
START_TEST(json_ssz_writes_zeros_for_what_may_be_left_out) {
        static const char *const may[] = { "next_sync_committee", "next_sync_committee_branch",
                "finalized_header", "finality_branch" };
        static const uint8_t zeros[4096];
        json_t *o = update();
        struct view v;

        for (size_t i = 0; i < ELEMENTSOF(may); i++)
                if (i % 2 == 0)
                        json_object_del(o, may[i]);
                else
                        json_object_set_new(o, may[i], json_null());
        ck_assert_int_eq(put(JSON_SSZ_UPDATE, "electra", o, &v), 0);
        ck_assert_uint_eq(v.n, 3772 + 2);
        ck_assert_mem_eq(v.p + 4, zeros, 48 * 33 + 6 * 32);
        /* the finalized header: zero but for the two offsets in it */
        ck_assert_mem_eq(v.p + v.n - 828, zeros, 112);
        ck_assert_uint_eq(v.p[v.n - 828 + 112], 244);
        ck_assert_mem_eq(v.p + v.n - 584, zeros, 436);
        ck_assert_uint_eq(v.p[v.n - 584 + 436] | v.p[v.n - 584 + 437] << 8, 584);
}
END_TEST

START_TEST(json_ssz_knows_its_forks) {
        struct view v;

        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "heze", optimistic(), &v), -EPROTONOSUPPORT);
        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "Electra", optimistic(), &v), -EPROTONOSUPPORT);
        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "", optimistic(), &v), -EPROTONOSUPPORT);
        ck_assert_int_eq(put(JSON_SSZ_UPDATE, "deneb", update(), &v), -EBADMSG); /* its branches */
        ck_assert_int_eq(put(JSON_SSZ_UPDATE, "gloas", update(), &v), -EBADMSG);
        ck_assert_int_eq(put(JSON_SSZ_BOOTSTRAP, "electra", update(), &v), -EBADMSG);
}
END_TEST

/* Consistent in itself, of a size that no preset has. */
START_TEST(json_ssz_committee_is_one_of_two_sizes) {
        json_t *o = optimistic();
        struct view v;

        json_object_set_new(json_object_get(o, "sync_aggregate"), "sync_committee_bits", hex_of(9, 8));
        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "electra", o, &v), -EBADMSG);
        o = optimistic();
        json_object_set_new(json_object_get(o, "sync_aggregate"), "sync_committee_bits", hex_of(9, 64));
        ck_assert_int_eq(put(JSON_SSZ_OPTIMISTIC, "electra", o, &v), 0);
        ck_assert_uint_eq(v.n, 1000 + 2);
}
END_TEST

START_TEST(json_ssz_needs_room) {
        struct buf b = { .p = bytes, .cap = 900 };
        json_t *o = optimistic();
        struct view v;

        ck_assert_int_eq(json_ssz_put(&b, JSON_SSZ_OPTIMISTIC, "electra", o, &v), -ENOBUFS);
        json_decref(o);
}
END_TEST

static const struct text_case {
        const char *name, *text;
        bool good;
} texts[] = {
        { "an object", "{\"a\":[1,{}]}", true },
        { "brackets in a string", "{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[\"}", true },
        { "quotes in a string", "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[\"}", true },
        { "twelve deep", "[[[[[[[[[[[[]]]]]]]]]]]]", true },
        { "thirteen deep", "[[[[[[[[[[[[[]]]]]]]]]]]]]", false },
        { "closed too often", "[]]", false },
        { "not closed", "[", false },
        { "one key twice", "{\"a\":1,\"a\":2}", false },
        { "two values", "{} {}", false },
        { "a NUL in a string", "{\"a\":\"\\u0000\"}", false },
        { "nothing", "", false },
        { "no UTF-8", "{\"a\":\"\xff\"}", false },
};

START_TEST(json_read_case) {
        struct view v = heap_copy(VIEW_TEXT(texts[_i].text));
        json_t *json = json_read(v);

        ck_assert_msg((json != NULL) == texts[_i].good, "%s", texts[_i].name);
        json_decref(json);
        heap_drop(v);
}
END_TEST

START_TEST(json_read_counts_values) {
        char *text = malloc(2 * (JSON_VALUES_MAX + 2) + 2);
        size_t n = 0;
        json_t *json;

        text[n++] = '[';
        for (size_t i = 0; i < JSON_VALUES_MAX - 1; i++) {
                text[n++] = '1';
                text[n++] = ',';
        }
        text[n++] = '1';
        text[n] = ']';
        json = json_read(VIEW(text, n + 1));
        ck_assert_uint_eq(json_array_size(json), JSON_VALUES_MAX);
        json_decref(json);
        text[n++] = ',';
        text[n++] = '1';
        text[n++] = ']';
        ck_assert_ptr_null(json_read(VIEW(text, n)));
        free(text);
}
END_TEST

static const struct quantity_case {
        const char *text;
        bool good;
        uint64_t want;
} quantities[] = {
        { "0x0", true, 0 },
        { "0x", true, 0 },
        { "0x0010", true, 16 },
        { "0xFf", true, 255 },
        { "0xffffffffffffffff", true, UINT64_MAX },
        { "0x10000000000000000", false, 0 },
        { "0x00000000000000000000000000000000000000000000000000000000000000007", false, 0 },
        { "0x0000000000000000000000000000000000000000000000000000000000000007", true, 7 },
        { "7", false, 0 },
        { "", false, 0 },
        { "0", false, 0 },
        { "0X7", false, 0 },
        { "0x7 ", false, 0 },
        { "0xx7", false, 0 },
        { "0x0x7", false, 0 },
        { "0x0X7", false, 0 },
};

START_TEST(json_quantity_case) {
        json_t *json = json_string(quantities[_i].text);
        uint64_t got = 0;

        ck_assert_msg(json_quantity_u64(json, &got) == quantities[_i].good, "%s", quantities[_i].text);
        ck_assert_uint_eq(got, quantities[_i].want);
        json_decref(json);
}
END_TEST

START_TEST(json_decimal_reads_256_bits) {
        uint8_t got[32], all[32];
        json_t *json = json_string("1157920892373161954235709850086879078532699846656405640394575840079"
                                   "13129639935");

        memset(all, 0xff, sizeof(all));
        ck_assert(json_decimal_le(json, got));
        ck_assert_mem_eq(got, all, sizeof(all));
        json_decref(json);
        json = json_string("258");
        ck_assert(json_decimal_le(json, got));
        ck_assert(got[0] == 2 && got[1] == 1 && got[2] == 0);
        json_decref(json);
        ck_assert(!json_decimal_le(NULL, got));
}
END_TEST

int main(void) {
        Suite *s = suite_create("json_ssz");
        TCase *t = tcase_create("json_ssz");

        tcase_add_test(t, json_ssz_takes_the_control);
        tcase_add_loop_test(t, json_ssz_refuses, 0, ELEMENTSOF(refused));
        tcase_add_test(t, json_ssz_writes_zeros_for_what_may_be_left_out);
        tcase_add_test(t, json_ssz_knows_its_forks);
        tcase_add_test(t, json_ssz_committee_is_one_of_two_sizes);
        tcase_add_test(t, json_ssz_needs_room);
        tcase_add_loop_test(t, json_read_case, 0, ELEMENTSOF(texts));
        tcase_add_test(t, json_read_counts_values);
        tcase_add_loop_test(t, json_quantity_case, 0, ELEMENTSOF(quantities));
        tcase_add_test(t, json_decimal_reads_256_bits);
        suite_add_tcase(s, t);
        return unit_run(s);
}
