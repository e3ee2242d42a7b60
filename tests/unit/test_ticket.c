/* core/ticket: what a device signs, and who signed it. */

#include "unit.h"

#include <errno.h>

#include "core/ticket.h"

/* Made by the peers' own client. */
#define DEVICE_PRIVATE "5223d6b1b220f2d38cc4485f1fd606e7f720a2a8116223737f011b06756f2001"
#define DEVICE         "cd483e5641fa0e356b59739f5a97201cefd88653"
#define SERVER_PRIVATE "605294c296ae333d401e27aabbc44e5f71921999b712698225d0f38f0ae1e51b"
#define SERVER         "afef7785f101a27fd80cc0dbce9f030db3009b5d"

static const struct ticket_case {
        unsigned version;
        uint64_t chain_id, epoch;
        const char *block_hash, *fleet, *local, *blob, *device_digest, *server_digest,
                        *device_signature, *server_signature;
} ticket_cases[] = {
        { 1, 0, 0, "1f44a356aacc3da60009c71135a7806841709e7a025bf43925b40a793973e6a8",
                        "6000000000000000000000000000000000000000",
                        "02dfd773d594afef7785f101a27fd80cc0dbce9f030db3009b5dc6748466237600",
                        "1f44a356aacc3da60009c71135a7806841709e7a025bf43925b40a793973e6a8"
                        "0000000000000000000000006000000000000000000000000000000000000000"
                        "000000000000000000000000afef7785f101a27fd80cc0dbce9f030db3009b5d"
                        "0000000000000000000000000000000000000000000000000000000000000003"
                        "0000000000000000000000000000000000000000000000000000000000400000"
                        "482e38f2c01c337d65a5fc3a4b8e372093fa7448ced8a6717be61475223aa5f0",
                        "9cdb5f027f15a2761b9e0c7b828be89e664a8038deab93ef4a6a0546a1f4e22e",
                        "8252256f8be7b90dea527ff78a6a0c8ef0ac467da6b49d3a37a98e3340b79ff5",
                        "0028d84b75778e0b0b75c6da18fd024cc295644acb9c192fb5505ec0ed932d946c"
                        "1eb2f705f3b862984c4202386bf633992e45a3fa52aca3eea792ddca85e4206c",
                        "0103d503b16996ecea0222e4e57a0a01edbb1747b6d333dcbef44553c0f75dfc3c"
                        "3cebfe3231380ab9f7a108733d1fc488fc1f1847693345cc7a5f82cf6f223416" },
        { 2, 1284, 661, "0000000000000000000000000000000000000000000000000000000000000000",
                        "8afe08d333f785c818199a5bdc7a52ac6ffc492a",
                        "02f4ec73ea94afef7785f101a27fd80cc0dbce9f030db3009b5d94"
                        "0000000000000000000000000000000000000002c6748466237600",
                        "0000000000000000000000000000000000000000000000000000000000000504"
                        "0000000000000000000000000000000000000000000000000000000000000295"
                        "0000000000000000000000008afe08d333f785c818199a5bdc7a52ac6ffc492a"
                        "000000000000000000000000afef7785f101a27fd80cc0dbce9f030db3009b5d"
                        "0000000000000000000000000000000000000000000000000000000000000003"
                        "0000000000000000000000000000000000000000000000000000000000400000"
                        "c900cb587ef8931558b904a5e77675600210809a995a6e2065b57ffd59259d64",
                        "c98010041037d2813f0207aa314ff36980b2ebbf611f50010e62c6434daff7aa",
                        "d5d8a77fa30633a5465149d73e660bab25ea615aebe91fc88b3ae4b836d0a775",
                        "01f837247eb7debfb9e740deb5e24107ee1f2f3f0dca572d514ad41292b3b42435"
                        "086514aee71e218d8a110883c2048d957c0f33628ac83d2d7c09edefd9f77490",
                        "01aeae4104bff8c0229d965f30c6e838c320a235d2cfa1b930fc907da021553257"
                        "591a5d8e6b798ab0cc3e0b71234de0572998bac64f26880881008d5b226ad4ad" },
};

static uint8_t local[TICKET_LOCAL_MAX + 1], device_private[SECP_PRIVKEY_SIZE],
                server_private[SECP_PRIVKEY_SIZE];
static struct address device, server;

static void unhex(const char *text, void *ret, size_t n) {
        ck_assert_int_eq(hex_decode(VIEW_TEXT(text), ret, n), 0);
}

static void set_up(void) {
        unhex(DEVICE_PRIVATE, device_private, sizeof(device_private));
        unhex(SERVER_PRIVATE, server_private, sizeof(server_private));
        unhex(DEVICE, device.b, sizeof(device.b));
        unhex(SERVER, server.b, sizeof(server.b));
}

static struct ticket ticket_of(const struct ticket_case *c) {
        struct ticket t = {
                .version = c->version,
                .chain_id = c->chain_id,
                .epoch = c->epoch,
                .server = server,
                .total_connections = 3,
                .total_bytes = 4194304,
        };
        size_t n;

        unhex(c->block_hash, t.block_hash.b, sizeof(t.block_hash.b));
        unhex(c->fleet, t.fleet.b, sizeof(t.fleet.b));
        ck_assert_int_eq(hex_decode_any(VIEW_TEXT(c->local), local, sizeof(local), &n), 0);
        t.local_address = VIEW(local, n);
        unhex(c->device_signature, t.device_signature, sizeof(t.device_signature));
        unhex(c->server_signature, t.server_signature, sizeof(t.server_signature));
        return t;
}

START_TEST(ticket_reproduces_vectors) {
        const struct ticket_case *c = &ticket_cases[_i];
        struct ticket t = ticket_of(c), unsigned_t = t;
        uint8_t signature[SECP_SIGNATURE_SIZE];
        struct hash32 digest;
        struct address a;
        char text[131];

        ck_assert_int_eq(ticket_device_digest(&t, &digest), 0);
        ck_assert_str_eq(hex_encode(digest.b, sizeof(digest.b), text), c->device_digest);
        ck_assert_int_eq(ticket_server_digest(&t, &digest), 0);
        ck_assert_str_eq(hex_encode(digest.b, sizeof(digest.b), text), c->server_digest);
        ck_assert_int_eq(secp_sign(&digest, server_private, signature), 0);
        ck_assert_str_eq(hex_encode(signature, sizeof(signature), text), c->server_signature);

        memset(unsigned_t.device_signature, 0, sizeof(unsigned_t.device_signature));
        ck_assert_int_eq(ticket_sign(&unsigned_t, device_private), 0);
        ck_assert_str_eq(hex_encode(unsigned_t.device_signature, SECP_SIGNATURE_SIZE, text),
                        c->device_signature);

        ck_assert_int_eq(ticket_device(&t, &a), 0);
        ck_assert(address_eq(&a, &device));
        ck_assert_int_eq(ticket_server(&t, &a), 0);
        ck_assert(address_eq(&a, &server));
} END_TEST

START_TEST(ticket_blob_is_that_of_the_vectors) {
        const struct ticket_case *c = &ticket_cases[_i];
        struct ticket t = ticket_of(c);
        struct hash32 connections = { { [31] = 3 } }, bytes = { { [29] = 0x40 } };
        uint8_t blob[TICKET_BLOB_MAX];
        struct buf b = BUF(blob);
        char text[2 * TICKET_BLOB_MAX + 1];

        ck_assert_int_eq(ticket_put_blob(&b, &t, &connections, &bytes), 0);
        ck_assert_str_eq(hex_encode(blob, b.n, text), c->blob);
} END_TEST

/* Each field that is signed: changing it makes another device of the same signature. */
START_TEST(ticket_signature_covers_every_field) {
        struct ticket t[9];
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                t[i] = ticket_of(&ticket_cases[_i]);
        t[n++].fleet.b[19] ^= 1;
        t[n++].server.b[19] ^= 1;
        t[n++].total_connections ^= 1;
        t[n++].total_bytes ^= 1;
        t[n++].local_address.n -= 1;
        if (_i == 0) {
                t[n++].block_hash.b[31] ^= 1;
        } else {
                t[n++].chain_id ^= 1;
                t[n++].epoch ^= 1;
        }

        for (size_t i = 0; i < n; i++) {
                struct address a = { 0 };

                (void) !ticket_device(&t[i], &a);
                ck_assert(!address_eq(&a, &device));
                (void) !ticket_server(&t[i], &a);
                ck_assert(!address_eq(&a, &server));
        }
} END_TEST

START_TEST(ticket_server_signature_covers_the_devices) {
        struct ticket t = ticket_of(&ticket_cases[_i]);
        struct address a = { 0 };

        t.device_signature[64] ^= 1;
        (void) !ticket_server(&t, &a);
        ck_assert(!address_eq(&a, &server));
} END_TEST

START_TEST(ticket_without_signatures_names_nobody) {
        struct ticket t = ticket_of(&ticket_cases[_i]);
        struct address a = { { 0xaa } };

        memset(t.device_signature, 0, sizeof(t.device_signature));
        memset(t.server_signature, 0, sizeof(t.server_signature));
        ck_assert_int_eq(ticket_device(&t, &a), -EBADMSG);
        ck_assert_int_eq(ticket_server(&t, &a), -EBADMSG);
        ck_assert_uint_eq(a.b[0], 0xaa);
} END_TEST

static void check_all(struct ticket *t, int want) {
        struct hash32 digest;
        struct address a;

        ck_assert_int_eq(ticket_device_digest(t, &digest), want);
        ck_assert_int_eq(ticket_server_digest(t, &digest), want);
        ck_assert_int_eq(ticket_sign(t, device_private), want);
        if (want < 0) {
                ck_assert_int_eq(ticket_device(t, &a), want);
                ck_assert_int_eq(ticket_server(t, &a), want);
        }
}

START_TEST(ticket_totals_have_limits) {
        struct ticket t = ticket_of(&ticket_cases[_i]);

        t.total_bytes = TICKET_BYTES_MAX;
        t.total_connections = TICKET_CONNS_MAX;
        check_all(&t, 0);
        t.total_bytes++;
        check_all(&t, -E2BIG);
        t.total_bytes--;
        t.total_connections++;
        check_all(&t, -E2BIG);
} END_TEST

START_TEST(ticket_local_address_has_a_limit) {
        struct ticket t = ticket_of(&ticket_cases[_i]);

        t.local_address = VIEW(local, TICKET_LOCAL_MAX);
        check_all(&t, 0);
        t.local_address.n++;
        check_all(&t, -E2BIG);
} END_TEST

START_TEST(ticket_of_an_unknown_version_is_refused) {
        struct ticket t = ticket_of(&ticket_cases[_i]);

        t.version = 0;
        check_all(&t, -EINVAL);
        t.version = 3;
        check_all(&t, -EINVAL);
} END_TEST

START_TEST(ticket_is_not_signed_with_a_bad_key) {
        struct ticket t = ticket_of(&ticket_cases[_i]);
        static const uint8_t zero[SECP_PRIVKEY_SIZE];

        ck_assert_int_eq(ticket_sign(&t, zero), -EINVAL);
} END_TEST

int main(void) {
        Suite *s = suite_create("ticket");
        TCase *t = tcase_create("ticket");

        tcase_add_checked_fixture(t, set_up, NULL);
        tcase_add_loop_test(t, ticket_reproduces_vectors, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_blob_is_that_of_the_vectors, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_signature_covers_every_field, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(
                        t, ticket_server_signature_covers_the_devices, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_without_signatures_names_nobody, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_totals_have_limits, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_local_address_has_a_limit, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(
                        t, ticket_of_an_unknown_version_is_refused, 0, ELEMENTSOF(ticket_cases));
        tcase_add_loop_test(t, ticket_is_not_signed_with_a_bad_key, 0, ELEMENTSOF(ticket_cases));
        suite_add_tcase(s, t);
        return unit_run(s);
}
