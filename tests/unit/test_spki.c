/* base/spki: the key that is found is the certificate's, for every kind; what is not exact DER is
 * refused. */

#include "unit.h"

#include <errno.h>

#include "base/spki.h"

/* A certificate as small as one can be: version, serial, three names, two dates, a key, a
 * signature. The key's own bytes begin at SPKI_AT. */
#define VERSION     0xa0, 3, 2, 1, 2
#define DATES       0x30, 30, DATE_1, DATE_2
#define DATE_1      0x17, 13, '2', '0', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0', 'Z'
#define DATE_2      0x17, 13, '4', '9', '1', '2', '3', '1', '2', '3', '5', '9', '5', '9', 'Z'
#define SPKI        0x30, 9, 0x30, 2, 5, 0, 3, 3, 0, 0xaa, 0xbb
#define SIGNATURE   0x30, 0, 3, 2, 0, 1

static const struct find_case {
        const char *name;
        struct view in;
        int want;
} find_cases[] = {
        { "as it should be",
          BYTES(0x30, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI,
                  SIGNATURE), 0 },
        { "version 1",
          BYTES(0x30, 60, 0x30, 52, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI, SIGNATURE),
                  0 },
        { "one byte after the end",
          BYTES(0x30, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI,
                  SIGNATURE, 0), -EBADMSG },
        { "one byte after the signature",
          BYTES(0x30, 66, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI,
                  SIGNATURE, 0), -EBADMSG },
        { "a length longer than needed",
          BYTES(0x30, 0x81, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI,
                  SIGNATURE), -EBADMSG },
        { "a length of two bytes for one",
          BYTES(0x30, 0x82, 0, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0,
                  SPKI, SIGNATURE), -EBADMSG },
        { "an indefinite length",
          BYTES(0x30, 0x80, 0x30, 59, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, SPKI,
                  SIGNATURE), -EBADMSG },
        { "no subject",
          BYTES(0x30, 63, 0x30, 55, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, SPKI, SIGNATURE),
                  -EBADMSG },
        { "no dates",
          BYTES(0x30, 35, 0x30, 27, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, 0x30, 0, SPKI, SIGNATURE),
                  -EBADMSG },
        { "a third date",
          BYTES(0x30, 80, 0x30, 72, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, 0x30, 45, DATE_1, DATE_2,
                  DATE_2, 0x30, 0, SPKI, SIGNATURE), -EBADMSG },
        { "a key of no whole bytes",
          BYTES(0x30, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, 0x30, 9,
                  0x30, 2, 5, 0, 3, 3, 1, 0xaa, 0xbb, SIGNATURE), -EBADMSG },
        { "something after the key",
          BYTES(0x30, 67, 0x30, 59, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, 0x30, 11,
                  0x30, 2, 5, 0, 3, 3, 0, 0xaa, 0xbb, 5, 0, SIGNATURE), -EBADMSG },
        { "a key longer than what holds it",
          BYTES(0x30, 65, 0x30, 57, VERSION, 2, 1, 7, 0x30, 0, 0x30, 0, DATES, 0x30, 0, 0x30, 10,
                  0x30, 2, 5, 0, 3, 3, 0, 0xaa, 0xbb, SIGNATURE), -EBADMSG },
};

START_TEST(spki_find_case) {
        const struct find_case *c = &find_cases[_i];
        static const uint8_t spki[] = { SPKI };
        struct view in = heap_copy(c->in);
        struct spki_parts parts;
        int r = spki_find(in, &parts);

        ck_assert_msg(r == c->want, "%s: got %d", c->name, r);
        if (r == 0)
                ck_assert(view_eq(parts.spki, VIEW(spki, sizeof(spki))));
        heap_drop(in);
} END_TEST

START_TEST(spki_find_refuses_every_cut) {
        struct view whole = find_cases[0].in;
        struct spki_parts parts;

        for (size_t n = 0; n < whole.n; n++) {
                struct view in = heap_copy(VIEW(whole.p, n));

                ck_assert_int_eq(spki_find(in, &parts), -EBADMSG);
                heap_drop(in);
        }
} END_TEST

START_TEST(spki_find_is_bounded) {
        static const uint8_t big[SPKI_CERTIFICATE_MAX + 1];
        struct spki_parts parts;

        ck_assert_int_eq(spki_find(VIEW(big, sizeof(big)), &parts), -E2BIG);
} END_TEST

#define POINT_HEAD 0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
#define ON_K1      0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a

START_TEST(spki_secp256k1_takes_only_that) {
        uint8_t spki[88] = { POINT_HEAD, ON_K1, 3, 0x42, 0, 4 }, xy[64];
        struct view in;

        for (int i = 0; i < 64; i++)
                spki[24 + i] = (uint8_t) (i + 1);
        in = heap_copy(VIEW(spki, sizeof(spki)));
        ck_assert_int_eq(spki_secp256k1(in, xy), 0);
        ck_assert_mem_eq(xy, spki + 24, 64);
        ck_assert_int_eq(spki_secp256k1(VIEW(in.p, 87), xy), -EBADMSG);
        heap_drop(in);

        for (size_t i = 0; i < 24;
                        i++) { /* another curve, a compressed point, another algorithm ... */
                spki[i] ^= 1;
                ck_assert_int_eq(spki_secp256k1(VIEW(spki, sizeof(spki)), xy), -EBADMSG);
                spki[i] ^= 1;
        }
} END_TEST

static const struct time_case {
        const char *text;
        uint8_t tag;
        int want;
        int64_t s;
} time_cases[] = {
        { "700101000000Z", 0x17, 0, 0 },
        { "491231235959Z", 0x17, 0, 2524607999 },
        { "500101000000Z", 0x17, 0, -631152000 },
        { "240229120000Z", 0x17, 0, 1709208000 },
        { "20500101000000Z", 0x18, 0, 2524608000 },
        { "99991231235959Z", 0x18, 0, 253402300799 },
        { "00000101000000Z", 0x18, 0, -62167219200 },
        { "230229120000Z", 0x17, -EBADMSG, 0 },
        { "21000229120000Z", 0x18, -EBADMSG, 0 },
        { "241301000000Z", 0x17, -EBADMSG, 0 },
        { "240001000000Z", 0x17, -EBADMSG, 0 },
        { "240100000000Z", 0x17, -EBADMSG, 0 },
        { "240132000000Z", 0x17, -EBADMSG, 0 },
        { "240101240000Z", 0x17, -EBADMSG, 0 },
        { "240101006000Z", 0x17, -EBADMSG, 0 },
        { "240101000060Z", 0x17, -EBADMSG, 0 },
        { "2401010000Z", 0x17, -EBADMSG, 0 },
        { "240101000000", 0x17, -EBADMSG, 0 },
        { "240101000000+0000", 0x17, -EBADMSG, 0 },
        { "24010100000xZ", 0x17, -EBADMSG, 0 },
        { "20240101000000.5Z", 0x18, -EBADMSG, 0 },
        { "20240101000000Z", 0x19, -EBADMSG, 0 },
};

START_TEST(spki_time_case) {
        const struct time_case *c = &time_cases[_i];
        uint8_t der[32] = { c->tag, (uint8_t) strlen(c->text) };
        struct view in;
        int64_t s = 77;
        int r;

        memcpy(der + 2, c->text, strlen(c->text));
        in = heap_copy(VIEW(der, 2 + strlen(c->text)));
        r = spki_time(in, &s);
        ck_assert_msg(r == c->want, "%s: got %d", c->text, r);
        ck_assert_msg(s == (r == 0 ? c->s : 77), "%s: %lld", c->text, (long long) s);
        heap_drop(in);
} END_TEST

int main(void) {
        Suite *s = suite_create("spki");
        TCase *t = tcase_create("spki");

        tcase_add_loop_test(t, spki_find_case, 0, ELEMENTSOF(find_cases));
        tcase_add_test(t, spki_find_refuses_every_cut);
        tcase_add_test(t, spki_find_is_bounded);
        tcase_add_test(t, spki_secp256k1_takes_only_that);
        tcase_add_loop_test(t, spki_time_case, 0, ELEMENTSOF(time_cases));
        suite_add_tcase(s, t);
        return unit_run(s);
}
