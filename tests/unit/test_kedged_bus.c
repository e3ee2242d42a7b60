/* agent/kedged/bus_args: what callers on the bus may give, and which certificate is accepted. */

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "agent/kedged/bus_args.h"
#include "core/sha256.h"

#define DIGITS_40 "00112233445566778899aabbccddeeff00112233"
#define DIGITS_64 DIGITS_40 "445566778899aabbccddeeff"

static const struct {
        const char *text;
        int address, hash, key;
} texts[] = {
        { "0x" DIGITS_40, 0, -EINVAL, -EINVAL },
        { "0x" DIGITS_64, -EINVAL, 0, 0 },
        { DIGITS_40, -EINVAL, -EINVAL, 0 }, /* without 0x it is a key's text like any other */
        { DIGITS_64, -EINVAL, -EINVAL, 0 },
        { "0X" DIGITS_40, -EINVAL, -EINVAL, 0 },
        { "0x" DIGITS_40 "0", -EINVAL, -EINVAL, -EINVAL },
        { "0x" DIGITS_64 "0", -EINVAL, -EINVAL, -EINVAL },
        { "0x" DIGITS_64 "00", -EINVAL, -EINVAL, -EINVAL },
        { "0x", -EINVAL, -EINVAL, -EINVAL },
        { "", -EINVAL, -EINVAL, -EINVAL },
        { "server_ip", -EINVAL, -EINVAL, 0 },
        { "server ip", -EINVAL, -EINVAL, -EINVAL },
};

START_TEST(bus_read_text) {
        struct address address;
        struct hash32 hash;

        ck_assert_int_eq(bus_read_address(texts[_i].text, &address), texts[_i].address);
        ck_assert_int_eq(bus_read_hash(texts[_i].text, &hash), texts[_i].hash);
        ck_assert_int_eq(bus_read_key(texts[_i].text, &hash), texts[_i].key);
}
END_TEST

START_TEST(bus_read_key_has_a_limit) {
        char text[BUS_TEXT_MAX + 2];
        struct hash32 key;

        memset(text, 'a', sizeof(text));
        text[BUS_TEXT_MAX - 1] = 0;
        ck_assert_int_eq(bus_read_key(text, &key), 0);
        text[BUS_TEXT_MAX - 1] = 'a';
        text[BUS_TEXT_MAX] = 0;
        ck_assert_int_eq(bus_read_key(text, &key), -EINVAL);
}
END_TEST

/* SEQUENCE { SEQUENCE { serial, algorithm, issuer, validity, subject, SPKI }, algorithm, signature
 * }, as small as it can be. */
static const uint8_t der[] = {
        0x30,
        0x42,
        0x30,
        0x38,
        0x02,
        0x01,
        0x01,
        0x30,
        0x03,
        0x06,
        0x01,
        0x2a,
        0x30,
        0x00,
        0x30,
        0x1e,
        0x17,
        0x0d,
        '2',
        '6',
        '0',
        '1',
        '0',
        '1',
        '0',
        '0',
        '0',
        '0',
        '0',
        '0',
        'Z',
        0x17,
        0x0d,
        '3',
        '6',
        '0',
        '1',
        '0',
        '1',
        '0',
        '0',
        '0',
        '0',
        '0',
        '0',
        'Z',
        0x30,
        0x00,
        0x30,
        0x0a,
        0x30,
        0x03,
        0x06,
        0x01,
        0x2a,
        0x03,
        0x03,
        0x00,
        0x01,
        0x02,
        0x30,
        0x03,
        0x06,
        0x01,
        0x2a,
        0x03,
        0x01,
        0x00,
};
static const struct view spki = { der + 48, 12 };

START_TEST(bus_read_certificate_hashes_both) {
        struct bus_certificate c;
        struct hash32 want;

        ck_assert_int_eq(bus_read_certificate(VIEW(der, sizeof(der)), &c), 0);
        sha256(VIEW(der, sizeof(der)), &want);
        ck_assert(hash32_eq(&want, &c.whole));
        sha256(spki, &want);
        ck_assert(hash32_eq(&want, &c.key));
        ck_assert_int_eq(bus_read_certificate(VIEW(der, sizeof(der) - 1), &c), -EBADMSG);
        ck_assert_int_eq(bus_read_certificate(VIEW(NULL, 0), &c), -EBADMSG);
}
END_TEST

START_TEST(bus_read_certificate_has_a_limit) {
        static uint8_t big[BUS_CERTIFICATE_MAX + 1] = { 0x30, 0x82, 0x40, 0x00 };
        struct bus_certificate c;

        ck_assert_int_eq(bus_read_certificate(VIEW(big, sizeof(big) - 1), &c), -EBADMSG);
        ck_assert_int_eq(bus_read_certificate(VIEW(big, sizeof(big)), &c), -E2BIG);
}
END_TEST

START_TEST(bus_judge_certificate_takes_a_named_one_alone) {
        struct name_answer answer = { .verdict = NAME_PRESENT, .n_pins = 2 };
        struct bus_certificate c;
        size_t pin = 99;

        memset(c.whole.b, 0x11, HASH32_SIZE);
        memset(c.key.b, 0x22, HASH32_SIZE);
        memset(answer.pin[0].b, 0x33, HASH32_SIZE);
        memset(answer.pin[1].b, 0x44, HASH32_SIZE);
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_CERTIFICATE_REFUSED);
        answer.pin[2] = c.whole; /* beyond the two that there are */
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_CERTIFICATE_REFUSED);
        ck_assert_uint_eq(pin, 99);
        answer.pin[1] = c.key;
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_KEY_PINNED);
        ck_assert_uint_eq(pin, 1);
        answer.pin[0] = c.whole;
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_CERTIFICATE_PINNED);
        ck_assert_uint_eq(pin, 0);
        answer.pin[0].b[31] ^= 1;
        answer.pin[1].b[0] ^= 1;
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_CERTIFICATE_REFUSED);
        answer.n_pins = 0;
        ck_assert_int_eq(bus_judge_certificate(&c, &answer, &pin), BUS_CERTIFICATE_UNNAMED);
}
END_TEST

int main(void) {
        Suite *s = suite_create("kedged_bus");
        TCase *t = tcase_create("arguments");

        tcase_add_loop_test(t, bus_read_text, 0, ELEMENTSOF(texts));
        tcase_add_test(t, bus_read_key_has_a_limit);
        tcase_add_test(t, bus_read_certificate_hashes_both);
        tcase_add_test(t, bus_read_certificate_has_a_limit);
        tcase_add_test(t, bus_judge_certificate_takes_a_named_one_alone);
        suite_add_tcase(s, t);
        return unit_run(s);
}
