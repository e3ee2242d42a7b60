/* core/edge: requests as nodes understood them when they were recorded, answers and pushes taken
 * apart, and everything else refused. */

#include "unit.h"

#include <errno.h>

#include "core/edge.h"
#include "core/rlp.h"

#define REGISTRY "5000000000000000000000000000000000000000"
#define FLEET    "6000000000000000000000000000000000000000"

static struct address address(const char *text) {
        struct address a;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), a.b, sizeof(a.b)), 0);
        return a;
}

static void put_hello(struct buf *b) {
        edge_put_hello(b, 1, 1001);
}
static void put_ping(struct buf *b) {
        edge_put_ping(b, 3);
}
static void put_peak(struct buf *b) {
        edge_put_getblockpeak(b, 5);
}
static void put_header(struct buf *b) {
        edge_put_getblockheader2(b, 0x1a, 500);
}
static void put_quick(struct buf *b) {
        edge_put_getblockquick2(b, 0x21, 300, 107);
}
static void put_stateroots(struct buf *b) {
        edge_put_getstateroots(b, 0x504bffba, 1);
}

static void put_account(struct buf *b) {
        struct address a = address("5d295821d9abf4e3911fd9577926794b6828a106");

        edge_put_getaccount(b, 0x20, 99999, &a);
}

static void put_accountroots(struct buf *b) {
        struct address a = address(REGISTRY);

        edge_put_getaccountroots(b, 128, 1, &a);
}

static void put_accountvalues(struct buf *b) {
        struct address a = address(FLEET);
        struct hash32 keys[4] = { 0 };

        keys[1].b[31] = 1;
        keys[2].b[31] = 2;
        keys[3].b[31] = 6;
        edge_put_getaccountvalues(b, 0, 110, &a, keys, ELEMENTSOF(keys));
}

static void signature_of(const char *text, uint8_t ret[SECP_SIGNATURE_SIZE]) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), ret, SECP_SIGNATURE_SIZE), 0);
}

static void put_ticket_1(struct buf *b) {
        struct ticket t = {
                .version = 1,
                .block_number = 130,
                .fleet = address(FLEET),
                .total_connections = 1,
                .total_bytes = 0x05ae35eb,
                .local_address = VIEW_TEXT("spam"),
        };

        signature_of("01cd78b932957b24c966afbacb988ecd68430d91f24c780c0c1acaacb34e35472d"
                     "6e60972936c328bfa72c8fc19a893a3e5550ac08c2764a74da56174170aaab50",
                        t.device_signature);
        edge_put_ticket(b, 8, &t);
}

static void put_ticket_2(struct buf *b) {
        struct ticket t = {
                .version = 2,
                .chain_id = 1285,
                .epoch = 700,
                .fleet = address(FLEET),
                .total_connections = 0,
                .total_bytes = 1,
        };

        memset(t.device_signature, 7, sizeof(t.device_signature));
        edge_put_ticket(b, 5, &t);
}

static const struct request_case {
        const char *name;
        void (*put)(struct buf *b);
        const char *want;
} request_cases[] = {
        { "hello", put_hello, "cb01c98568656c6c6f8203e9" },
        { "ping", put_ping, "c703c58470696e67" },
        { "getblockpeak", put_peak, "cf05cd8c676574626c6f636b7065616b" },
        { "getblockheader2", put_header, "d51ad38f676574626c6f636b686561646572328201f4" },
        { "getblockquick2", put_quick, "d521d38e676574626c6f636b717569636b3282012c6b" },
        { "getstateroots, large id", put_stateroots,
                        "d584504bffbacf8d6765747374617465726f6f747301" },
        { "getaccount", put_account,
                        "e620e48a6765746163636f756e748301869f945d295821d9abf4e3911fd9577926794b6828"
                        "a106" },
        { "getaccountroots", put_accountroots,
                        "e98180e68f6765746163636f756e74726f6f74730194500000000000000000000000000000"
                        "0000000000" },
        { "getaccountvalues", put_accountvalues,
                        "f8ae80f8ab906765746163636f756e7476616c7565736e94" FLEET
                        "a00000000000000000000000000000000000000000000000000000000000000000"
                        "a00000000000000000000000000000000000000000000000000000000000000001"
                        "a00000000000000000000000000000000000000000000000000000000000000002"
                        "a00000000000000000000000000000000000000000000000000000000000000006" },
        { "ticket", put_ticket_1,
                        "f86f08f86c867469636b6574818294" FLEET "018405ae35eb847370616d"
                        "b84101cd78b932957b24c966afbacb988ecd68430d91f24c780c0c1acaacb34e35472d"
                        "6e60972936c328bfa72c8fc19a893a3e5550ac08c2764a74da56174170aaab50" },
        { "ticketv2", put_ticket_2,
                        "f86d05f86a887469636b657476328205058202bc94" FLEET "800180b841"
                        "0707070707070707070707070707070707070707070707070707070707070707"
                        "0707070707070707070707070707070707070707070707070707070707070707"
                        "07" },
};

START_TEST(edge_request_case) {
        const struct request_case *c = &request_cases[_i];
        uint8_t out[EDGE_REQUEST_MAX];
        struct buf b = BUF(out);
        char text[2 * EDGE_REQUEST_MAX + 1];

        c->put(&b);
        ck_assert(!b.full);
        ck_assert_msg(strcmp(hex_encode(out, b.n, text), c->want) == 0, "%s: %s", c->name, text);
} END_TEST

START_TEST(edge_keys_of_one_request_are_bounded) {
        static const size_t bad[] = { 0, EDGE_KEYS_MAX + 1 };
        struct hash32 keys[EDGE_KEYS_MAX + 1] = { 0 };
        struct address a = address(FLEET);
        uint8_t out[2 * EDGE_REQUEST_MAX];
        struct view done;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct buf b = BUF(out);

                edge_put_getaccountvalues(&b, 1, 1, &a, keys, bad[i]);
                ck_assert_int_eq(buf_done(&b, &done), -ENOBUFS);
        }
} END_TEST

START_TEST(edge_largest_requests_fit) {
        static uint8_t local[TICKET_LOCAL_MAX];
        struct hash32 keys[EDGE_KEYS_MAX];
        struct address a = address(FLEET);
        struct ticket t = {
                .version = 2,
                .chain_id = UINT64_MAX,
                .epoch = UINT64_MAX,
                .total_connections = UINT64_MAX,
                .total_bytes = UINT64_MAX,
                .local_address = VIEW(local, sizeof(local)),
        };
        uint8_t out[EDGE_REQUEST_MAX];
        struct buf b = BUF(out), c = BUF(out);
        struct view done;

        memset(keys, 0xff, sizeof(keys));
        edge_put_getaccountvalues(&b, UINT64_MAX, UINT64_MAX, &a, keys, EDGE_KEYS_MAX);
        ck_assert_int_eq(buf_done(&b, &done), 0);
        edge_put_ticket(&c, UINT64_MAX, &t);
        ck_assert_int_eq(buf_done(&c, &done), 0);
} END_TEST

START_TEST(edge_ticket_of_an_unknown_version_is_not_sent) {
        struct ticket t = { .version = 3 };
        uint8_t out[EDGE_REQUEST_MAX];
        struct buf b = BUF(out);
        struct view done;

        edge_put_ticket(&b, 1, &t);
        ck_assert_int_eq(buf_done(&b, &done), -ENOBUFS);
} END_TEST

static const struct parse_case {
        const char *name, *payload;
        int want;
        uint64_t id;
        enum edge_kind kind;
        const char *method, *body;
} parse_cases[] = {
        { "answer", "cc01ca88726573706f6e736580", 0, 1, EDGE_RESPONSE, NULL, "80" },
        { "answer of two", "d312d188726573706f6e7365826f6b8411dc4e0d", 0, 0x12, EDGE_RESPONSE, NULL,
                        "826f6b8411dc4e0d" },
        { "answer of nothing", "cb01c988726573706f6e7365", 0, 1, EDGE_RESPONSE, NULL, "" },
        { "error", "d217d0856572726f72896e6f7420666f756e64", 0, 0x17, EDGE_ERROR, NULL,
                        "896e6f7420666f756e64" },
        { "push", "d68405f1836ed08e7469636b65745f726571756573740c", 0, 0x05f1836e, EDGE_PUSH,
                        "ticket_request", "0c" },
        { "push of a longer word", "cc01ca89726573706f6e736573", 0, 1, EDGE_PUSH, "responses", "" },
        { "id zero", "c780c58470696e67", 0, 0, EDGE_PUSH, "ping", "" },
        { "id of eight bytes", "cf88ffffffffffffffffc58470696e67", 0, UINT64_MAX, EDGE_PUSH, "ping",
                        "" },
        { "nothing", "", -EBADMSG },
        { "byte behind the list", "c705c58470696e6700", -EBADMSG },
        { "longer than the frame", "f8ff05c5", -EBADMSG },
        { "a string", "8470696e67", -EBADMSG },
        { "empty list", "c0", -EBADMSG },
        { "no message", "c105", -EBADMSG },
        { "message that is a string", "c6058470696e67", -EBADMSG },
        { "empty message", "c205c0", -EBADMSG },
        { "message that begins with a list", "c305c1c0", -EBADMSG },
        { "empty method", "c305c180", -EBADMSG },
        { "id with a leading zero", "c9820005c58470696e67", -EBADMSG },
        { "id of nine bytes", "d089010000000000000000c58470696e67", -EBADMSG },
        { "id that is a list", "c7c0c58470696e67", -EBADMSG },
        { "third element of the envelope", "c805c58470696e67c0", -EBADMSG },
        { "argument that is cut", "c805c68470696e6781", -EBADMSG },
        { "argument spelled too long", "c905c78470696e678105", -EBADMSG },
};

START_TEST(edge_parse_case) {
        const struct parse_case *c = &parse_cases[_i];
        uint8_t payload[64], body[64];
        struct edge_message m = { .id = 99 };
        size_t n, body_n;
        struct view in;

        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->payload), payload, sizeof(payload), &n), 0);
        in = heap_copy(VIEW(payload, n));
        ck_assert_msg(edge_parse(in, &m) == c->want, "%s", c->name);
        if (c->want < 0) {
                ck_assert_msg(m.id == 99, "%s: written", c->name);
        } else {
                ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->body), body, 64, &body_n), 0);
                ck_assert_msg(m.id == c->id && m.kind == c->kind, "%s", c->name);
                ck_assert_msg(view_eq(m.body, VIEW(body, body_n)), "%s: body", c->name);
                if (c->method)
                        ck_assert_msg(view_eq_text(m.method, c->method), "%s: method", c->name);
        }
        heap_drop(in);
} END_TEST

START_TEST(edge_payload_has_a_limit) {
        static uint8_t payload[EDGE_PAYLOAD_MAX + 1];
        struct edge_message m;

        for (size_t n = EDGE_PAYLOAD_MAX; n <= EDGE_PAYLOAD_MAX + 1; n++) {
                static uint8_t text[EDGE_PAYLOAD_MAX];
                struct buf b = BUF(payload);
                size_t envelope = rlp_list_begin(&b), message;

                rlp_put_uint(&b, 1);
                message = rlp_list_begin(&b);
                rlp_put_string(&b, VIEW_TEXT("x"));
                rlp_put_string(&b, VIEW(text, n - 11));
                rlp_list_end(&b, message);
                rlp_list_end(&b, envelope);
                ck_assert_msg(!b.full && b.n == n, "%zu", b.n);
                ck_assert_int_eq(edge_parse(VIEW(payload, n), &m),
                                n > EDGE_PAYLOAD_MAX ? -EBADMSG : 0);
        }
} END_TEST

static const struct error_case {
        const char *body;
        size_t cap;
        uint64_t code;
        const char *text;
} error_cases[] = {
        { "896e6f7420666f756e64", 32, 0, "not found" },
        { "8201918962616420696e707574", 32, 401, "bad input" },
        { "896e6f7420666f756e64", 4, 0, "not" },
        { "896e6f7420666f756e64", 1, 0, "" },
        { "83611b62", 32, 0, "a?b" },
        { "8361ff7f", 32, 0, "a??" },
        { "80", 32, 0, "" },
        { "", 32, 0, "" },
        { "c0", 32, 0, "" },
        { "826162c0", 32, 0, "" },
        { "826162826364826566", 32, 0, "" },
        { "89ffffffffffffffffff826364", 32, 0, "cd" },
};

START_TEST(edge_error_case) {
        const struct error_case *c = &error_cases[_i];
        uint8_t body[64];
        uint64_t code = 99;
        char text[32];
        struct view in;
        size_t n;

        memset(text, 'Z', sizeof(text));
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->body), body, sizeof(body), &n), 0);
        in = heap_copy(VIEW(body, n));
        edge_error_text(in, &code, text, c->cap);
        ck_assert_str_eq(text, c->text);
        ck_assert_uint_eq(code, c->code);
        heap_drop(in);
} END_TEST

#define SIGNATURE_HEX                                                                              \
        "01cd78b932957b24c966afbacb988ecd68430d91f24c780c0c1acaacb34e35472d"                       \
        "6e60972936c328bfa72c8fc19a893a3e5550ac08c2764a74da56174170aaab50"
#define HASH_HEX "43a122b6934fd51ba6bf57f2e9d243cb41e084f5d9e73348be75fb8f12796d21"
#define TOO_LOW  "87746f6f5f6c6f77"
#define LAST_1                                                                                     \
        TOO_LOW "a0" HASH_HEX "018405ae35eb847370616d"                                             \
                "b841" SIGNATURE_HEX
#define LAST_2                                                                                     \
        TOO_LOW "8205048202b4"                                                                     \
                "01830186a0"                                                                       \
                "847370616d"                                                                       \
                "b841" SIGNATURE_HEX

static const struct answer_case {
        const char *name, *body;
        unsigned version;
        int want;
        enum edge_ticket_answer answer;
        uint64_t n;
} answer_cases[] = {
        { "thanks", "877468616e6b73218405ae35eb", 1, 0, EDGE_TICKET_THANKS, 0x05ae35eb },
        { "thanks for nothing", "877468616e6b732180", 2, 0, EDGE_TICKET_THANKS, 0 },
        { "too old", "87746f6f5f6f6c641f", 1, 0, EDGE_TICKET_TOO_OLD, 0x1f },
        { "too big jump", "8c746f6f5f6269675f6a756d708202b3", 2, 0, EDGE_TICKET_TOO_BIG_JUMP,
                        0x2b3 },
        { "too low, 1", LAST_1, 1, 0, EDGE_TICKET_TOO_LOW, 99 },
        { "too low, 2", LAST_2, 2, 0, EDGE_TICKET_TOO_LOW, 99 },
        { "too low, 1 asked for 2", LAST_1, 2, -EBADMSG },
        { "too low, 2 asked for 1", LAST_2, 1, -EBADMSG },
        { "too low and more", LAST_1 "80", 1, -EBADMSG },
        { "too low, no ticket", TOO_LOW, 1, -EBADMSG },
        { "too low, signature of 64 bytes",
                        TOO_LOW "a0" HASH_HEX "018405ae35eb847370616d"
                                "b840"
                                "cd78b932957b24c966afbacb988ecd68430d91f24c780c0c1acaacb34e35472d"
                                "6e60972936c328bfa72c8fc19a893a3e5550ac08c2764a74da56174170aaab50",
                        1, -EBADMSG },
        { "too low, totals of nine bytes",
                        TOO_LOW "a0" HASH_HEX "0189010000000000000000847370616d"
                                "b841" SIGNATURE_HEX,
                        1, -EBADMSG },
        { "too low, totals with a leading zero",
                        TOO_LOW "a0" HASH_HEX "01820001847370616d"
                                "b841" SIGNATURE_HEX,
                        1, -EBADMSG },
        { "thanks and more", "877468616e6b73210180", 1, -EBADMSG },
        { "thanks and no number", "877468616e6b7321", 1, -EBADMSG },
        { "thanks with a leading zero", "877468616e6b7321820001", 1, -EBADMSG },
        { "another word", "826f6b01", 1, -EBADMSG },
        { "nothing", "", 1, -EBADMSG },
        { "a list", "c001", 1, -EBADMSG },
};

START_TEST(edge_ticket_answer_case) {
        const struct answer_case *c = &answer_cases[_i];
        struct ticket asked = { .version = c->version, .block_number = 5 },
                      last = { .version = 77 };
        enum edge_ticket_answer answer = 0;
        uint64_t got_n = 99;
        uint8_t body[256];
        struct view in;
        size_t n;

        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->body), body, sizeof(body), &n), 0);
        in = heap_copy(VIEW(body, n));
        ck_assert_msg(edge_parse_ticket_answer(in, &asked, &answer, &last, &got_n) == c->want, "%s",
                        c->name);
        if (c->want < 0) {
                ck_assert_msg(answer == 0 && last.version == 77 && got_n == 99, "%s", c->name);
        } else {
                ck_assert_msg(answer == c->answer && got_n == c->n, "%s", c->name);
                ck_assert((last.version == 77) == (c->answer != EDGE_TICKET_TOO_LOW));
        }
        heap_drop(in);
} END_TEST

START_TEST(edge_last_ticket_is_what_was_sent_of_it) {
        struct ticket asked = { .version = 1, .block_number = 130, .fleet = address(FLEET) }, last;
        enum edge_ticket_answer answer;
        uint8_t body[256], signature[SECP_SIGNATURE_SIZE];
        uint64_t got_n;
        size_t n;

        asked.server = address(REGISTRY);
        signature_of(SIGNATURE_HEX, signature);
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(LAST_1), body, sizeof(body), &n), 0);
        ck_assert_int_eq(
                        edge_parse_ticket_answer(VIEW(body, n), &asked, &answer, &last, &got_n), 0);
        ck_assert(last.version == 1 && address_eq(&last.fleet, &asked.fleet) &&
                        address_eq(&last.server, &asked.server));
        ck_assert(last.block_hash.b[0] == 0x43 && last.block_number == 0);
        ck_assert(last.total_connections == 1 && last.total_bytes == 0x05ae35eb);
        ck_assert(view_eq_text(last.local_address, "spam"));
        ck_assert_mem_eq(last.device_signature, signature, sizeof(signature));

        asked.block_hash = last.block_hash; /* the same block: then its number is known */
        ck_assert_int_eq(
                        edge_parse_ticket_answer(VIEW(body, n), &asked, &answer, &last, &got_n), 0);
        ck_assert_uint_eq(last.block_number, 130);

        asked.version = 2;
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(LAST_2), body, sizeof(body), &n), 0);
        ck_assert_int_eq(
                        edge_parse_ticket_answer(VIEW(body, n), &asked, &answer, &last, &got_n), 0);
        ck_assert(last.chain_id == 1284 && last.epoch == 0x2b4 && last.total_bytes == 100000);
} END_TEST

int main(void) {
        Suite *s = suite_create("edge");
        TCase *t = tcase_create("edge");

        tcase_add_loop_test(t, edge_request_case, 0, ELEMENTSOF(request_cases));
        tcase_add_test(t, edge_keys_of_one_request_are_bounded);
        tcase_add_test(t, edge_largest_requests_fit);
        tcase_add_test(t, edge_ticket_of_an_unknown_version_is_not_sent);
        tcase_add_loop_test(t, edge_parse_case, 0, ELEMENTSOF(parse_cases));
        tcase_add_test(t, edge_payload_has_a_limit);
        tcase_add_loop_test(t, edge_error_case, 0, ELEMENTSOF(error_cases));
        tcase_add_loop_test(t, edge_ticket_answer_case, 0, ELEMENTSOF(answer_cases));
        tcase_add_test(t, edge_last_ticket_is_what_was_sent_of_it);
        suite_add_tcase(s, t);
        return unit_run(s);
}
