/* core/record: every row of design.md section 5's table, and each way a value can be no value. */

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "core/record.h"

static struct hash32 text_raw(const char *text) {
        struct hash32 raw = { 0 };

        memcpy(raw.b, text, MIN(strlen(text), sizeof(raw.b)));
        return raw;
}

static struct hash32 hex_raw(const char *hex) {
        struct hash32 raw;

        ck_assert_int_eq(hex_decode(VIEW_TEXT(hex), raw.b, sizeof(raw.b)), 0);
        return raw;
}

static enum record_field field_of(const char *name) {
        enum record_field f;

        ck_assert_int_eq(record_field_of(VIEW_TEXT(name), &f), 0);
        return f;
}

/* ---- addresses as text ---- */

static const struct ip_case {
        const char *field, *text;
        const char *want; /* NULL: refused */
} ip_cases[] = {
        { "server_ip", "10.0.0.7", "10.0.0.7" },
        { "server_ip", "255.255.255.254", "255.255.255.254" },
        { "server_ip", "127.0.0.1", "127.0.0.1" },
        { "server_ip", "2001:db8::7", "2001:db8::7" },
        { "server_ip", "2001:DB8::A", "2001:db8::a" },
        { "server_ip", "::1", "::1" },
        { "server_ip", "fe80::1:2", "fe80::1:2" },
        { "server_ip", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
        { "server_ip", "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "server_ip", "::ffff:192.0.2.33", "192.0.2.33" },
        { "server_ip6", "2001:db8::7", "2001:db8::7" },
        { "wg_ip", "10.9.8.7", "10.9.8.7" },
        { "wg_endpoint", "2001:db8::7", "2001:db8::7" },
        { "wg_endpoint", "192.0.2.1", "192.0.2.1" },

        { "server_ip6", "192.0.2.33", NULL },         /* v6 only */
        { "server_ip6", "::ffff:192.0.2.33", NULL },  /* is a v4 address */
        { "server_ip", "0.0.0.0", NULL },
        { "server_ip", "::", NULL },
        { "server_ip", "255.255.255.255", NULL },
        { "server_ip", "224.0.0.1", NULL },
        { "server_ip", "239.255.255.250", NULL },
        { "server_ip", "ff02::1", NULL },
        { "server_ip", "::ffff:0.0.0.0", NULL },
        { "server_ip", "::ffff:224.0.0.1", NULL },
        { "server_ip", "::192.0.2.33", NULL },        /* IPv4-compatible */
        { "server_ip", "::2", NULL },
        { "server_ip", "::1:1", NULL },

        { "server_ip", "010.0.0.7", NULL },
        { "server_ip", "10.0.0.07", NULL },
        { "server_ip", "10.0.0.00", NULL },
        { "server_ip", "10.0.0.256", NULL },
        { "server_ip", "10.0.0.1000", NULL },
        { "server_ip", "10.0.7", NULL },
        { "server_ip", "10.7", NULL },
        { "server_ip", "167772167", NULL },
        { "server_ip", "10.0.0.7.", NULL },
        { "server_ip", "10..0.7", NULL },
        { "server_ip", "10.0.0.7.1", NULL },
        { "server_ip", "0x0a.0.0.7", NULL },
        { "server_ip", "10.0.0.7 ", NULL },
        { "server_ip", " 10.0.0.7", NULL },
        { "server_ip", "10.0.0.7\n", NULL },
        { "server_ip", "10.0.0.7/32", NULL },
        { "server_ip", "10.0.0.7:80", NULL },
        { "server_ip", "+10.0.0.7", NULL },
        { "server_ip", "10.-0.0.7", NULL },
        { "server_ip", "pump1.plant.fleet", NULL },

        { "server_ip", "2001:db8:::7", NULL },
        { "server_ip", "2001::db8::7", NULL },
        { "server_ip", "2001:db8:7", NULL },
        { "server_ip", "1:2:3:4:5:6:7:8:9", NULL },
        { "server_ip", "1:2:3:4:5:6:7:8::", NULL },
        { "server_ip", "1:2:3:4::5:6:7:8", NULL },
        { "server_ip", "2001:db8::00007", NULL },
        { "server_ip", "2001:db8::g", NULL },
        { "server_ip", "2001:db8::7:", NULL },
        { "server_ip", ":2001:db8::7", NULL },
        { "server_ip", "[2001:db8::7]", NULL },
        { "server_ip", "fe80::1%eth0", NULL },
        { "server_ip", "2001:db8::7/64", NULL },
        { "server_ip", "2001:db8::10.0.0.07", NULL },
        { "server_ip", "2001:10.0.0.7::8", NULL },
        { "server_ip", "1:2:3:4:5:6:7:10.0.0.7", NULL },
};

START_TEST(an_address_in_text_has_one_reading) {
        const struct ip_case *c = &ip_cases[_i];
        enum record_field f = field_of(c->field);
        struct hash32 raw = text_raw(c->text);
        struct record_value v = { .port = 77 };
        char text[RECORD_TEXT_MAX];
        int r = record_value_parse(f, &raw, &v);

        ck_assert_msg(r == (c->want ? 0 : -EBADMSG), "%s: got %d", c->text, r);
        if (!c->want) {
                ck_assert_uint_eq(v.port, 77);
                return;
        }
        ck_assert_int_eq(record_value_text(f, &v, text, sizeof(text)), 0);
        ck_assert_str_eq(text, c->want);
        ck_assert(v.present && hash32_eq(&v.raw, &raw));
} END_TEST

START_TEST(a_text_of_all_32_bytes_needs_no_nul) {
        static const char full[] = "2001:db8:1111:2222:3333:4444:5:6"; /* 32 characters */
        struct hash32 raw = text_raw(full);
        struct record_value v;
        char text[RECORD_TEXT_MAX];

        ck_assert_uint_eq(strlen(full), 32);
        ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP, &raw, &v), 0);
        ck_assert_int_eq(record_value_text(RECORD_SERVER_IP, &v, text, sizeof(text)), 0);
        ck_assert_str_eq(text, full);
} END_TEST

START_TEST(nothing_may_follow_the_first_zero_byte) {
        struct hash32 raw = text_raw("10.0.0.7");
        struct record_value v;

        raw.b[31] = 1;
        ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP, &raw, &v), -EBADMSG);
        raw.b[31] = 0;
        raw.b[9] = '1';
        ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP, &raw, &v), -EBADMSG);
        raw.b[9] = 0;
        ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP, &raw, &v), 0);
} END_TEST

/* ---- every other encoding ---- */

#define Z4  "00000000"
#define Z16 Z4 Z4 Z4 Z4
#define KEY "5a5b5c5d000000000000000000000000000000000000000000000000000000ff"

static const struct raw_case {
        const char *field, *hex;
        const char *want; /* NULL: refused; "": absent */
} raw_cases[] = {
        { "server_ip", Z16 "20010db8" Z4 Z4 "00000007", "2001:db8::7" },
        { "server_ip", Z16 Z4 Z4 "0000ffff" "c0000221", "192.0.2.33" },
        { "server_ip", Z16 Z4 Z4 Z4 "00000001", "::1" },
        { "server_ip6", Z16 "20010db8" Z4 Z4 "00000007", "2001:db8::7" },
        { "wg_ip", Z16 Z4 Z4 "0000ffff" "0a090807", "10.9.8.7" },
        { "server_ip", Z16 Z16, "" },
        { "server_ip6", Z16 Z4 Z4 "0000ffff" "c0000221", NULL },
        { "server_ip", Z16 Z4 Z4 "0000ffff" Z4, NULL },
        { "server_ip", Z16 Z4 Z4 "0000ffff" "ffffffff", NULL },
        { "server_ip", Z16 Z4 Z4 "0000ffff" "e0000001", NULL },
        { "server_ip", Z16 "ff020000" Z4 Z4 "00000001", NULL },
        { "server_ip", Z16 Z4 Z4 Z4 "c0000221", NULL },  /* v4 without its ffff */
        { "server_ip", Z4 Z4 Z4 "00000001" "20010db8" Z4 Z4 "00000007", NULL },
        { "server_ip", "00010000" Z4 Z4 Z4 "20010db8" Z4 Z4 "00000007", NULL },
        { "server_ip", "20010db8" Z4 Z4 "00000007" Z16, NULL }, /* on the wrong side */

        { "port", Z16 Z4 Z4 Z4 "000022b3", "8883" },
        { "port", Z16 Z4 Z4 Z4 "0000ffff", "65535" },
        { "wg_port", Z16 Z4 Z4 Z4 "00000001", "1" },
        { "port", Z16 Z16, "" },
        { "port", Z16 Z4 Z4 Z4 "00010000", NULL },
        { "port", Z16 Z4 Z4 Z4 "000122b3", NULL },
        { "port", "01000000" Z4 Z4 Z4 Z4 Z4 Z4 "000022b3", NULL },
        { "port", "38383833" Z4 Z4 Z4 Z16, NULL }, /* "8883" */

        { "signature", KEY, "0x" KEY },
        { "signature_next", KEY, "0x" KEY },
        { "wg_key", KEY, "0x" KEY },
        { "wg_key_next", KEY, "0x" KEY },
        { "ssh_host", KEY, "0x" KEY },
        { "ssh_host_next", KEY, "0x" KEY },
        { "signature", Z16 Z16, "" },
        { "role", Z16 Z4 Z4 Z4 "00000005", "0x" Z16 Z4 Z4 Z4 "00000005" },
        { "role_next", "80000000" Z4 Z4 Z4 Z16, "0x80000000" Z4 Z4 Z4 Z16 },
        { "role", Z16 Z16, "" },

        { "device", Z4 Z4 Z4 "176b4318" "e608cdfb" "579bacc9" "4301b098" "707e872e",
          "0x176b4318e608cdfb579bacc94301b098707e872e" },
        { "device_next", Z16 Z4 Z4 Z4 "00000001", "0x0000000000000000000000000000000000000001" },
        { "device", Z16 Z16, "" },
        { "device", Z4 Z4 "00000001" "176b4318" "e608cdfb" "579bacc9" "4301b098" "707e872e", NULL },
        { "device", "01000000" Z4 Z4 "176b4318" "e608cdfb" "579bacc9" "4301b098" "707e872e", NULL },
        { "device", "176b4318" "e608cdfb" "579bacc9" "4301b098" "707e872e" Z4 Z4 Z4, NULL },
};

START_TEST(a_value_is_of_its_field_or_refused) {
        const struct raw_case *c = &raw_cases[_i];
        enum record_field f = field_of(c->field);
        struct hash32 raw = hex_raw(c->hex);
        struct record_value v;
        char text[RECORD_TEXT_MAX];
        int r = record_value_parse(f, &raw, &v);

        ck_assert_msg(r == (c->want ? 0 : -EBADMSG), "%s %s: got %d", c->field, c->hex, r);
        if (!c->want)
                return;
        ck_assert_int_eq(record_value_text(f, &v, text, sizeof(text)), 0);
        ck_assert_str_eq(text, c->want);
        ck_assert_int_eq(v.present, c->want[0] != 0);
} END_TEST

/* ---- text to 32 bytes ---- */

static const struct text_case {
        const char *field, *text;
        const char *want; /* hex, NULL: refused; "text": the text itself */
} text_cases[] = {
        { "server_ip", "10.0.0.7", "text" },
        { "server_ip", "2001:db8::7", "text" },
        { "server_ip", "2001:0db8:1111:2222:3333:4444:5555:6666",
          Z16 "20010db8" "11112222" "33334444" "55556666" },
        { "server_ip", "0000:0000:0000:0000:0000:ffff:c000:0221",
          Z16 Z4 Z4 "0000ffff" "c0000221" },
        { "server_ip", "10.0.0.07", NULL },
        { "server_ip", "0.0.0.0", NULL },
        { "server_ip6", "10.0.0.7", NULL },
        { "server_ip", "", NULL },
        { "port", "8883", Z16 Z4 Z4 Z4 "000022b3" },
        { "port", "65535", Z16 Z4 Z4 Z4 "0000ffff" },
        { "port", "0", NULL },
        { "port", "65536", NULL },
        { "port", "65537", NULL },
        { "port", "08883", NULL },
        { "port", "8883 ", NULL },
        { "port", "-1", NULL },
        { "port", "", NULL },
        { "port", "18446744073709551617", NULL },
        { "signature", KEY, KEY },
        { "signature", "0x" KEY, KEY },
        { "signature", "5a5b", NULL },
        { "signature", Z16 Z16, NULL },
        { "device", "0x176b4318e608cdfb579bacc94301b098707e872e",
          Z4 Z4 Z4 "176b4318" "e608cdfb" "579bacc9" "4301b098" "707e872e" },
        { "device", "0x176b4318e608cdfb579bacc94301b098707e87", NULL },
        { "role", "5", Z16 Z4 Z4 Z4 "00000005" },
        { "role", "0x105", Z16 Z4 Z4 Z4 "00000105" },
        { "role", "18446744073709551615", Z16 Z4 Z4 "ffffffff" "ffffffff" },
        { "role", "18446744073709551616", NULL },
        { "role", "0", NULL },
        { "role", "0x", NULL },
        { "role", "0xg", NULL },
        { "role", "0x1" Z16 Z16, NULL },
};

START_TEST(text_denotes_a_value_or_is_refused) {
        const struct text_case *c = &text_cases[_i];
        enum record_field f = field_of(c->field);
        struct view in = heap_copy(VIEW_TEXT(c->text));
        struct hash32 raw, want;
        struct record_value v;
        int r = record_value_of_text(f, in, &raw);

        ck_assert_msg(r == (c->want ? 0 : -EINVAL), "%s %s: got %d", c->field, c->text, r);
        heap_drop(in);
        if (!c->want)
                return;
        want = strcmp(c->want, "text") == 0 ? text_raw(c->text) : hex_raw(c->want);
        ck_assert_mem_eq(raw.b, want.b, sizeof(raw.b));
        ck_assert_int_eq(record_value_parse(f, &raw, &v), 0);
        ck_assert(v.present);
} END_TEST

START_TEST(text_that_does_not_fit_is_not_cut) {
        struct hash32 raw = text_raw("10.0.0.7");
        struct record_value v;
        char text[9] = "unwritten";

        ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP, &raw, &v), 0);
        ck_assert_int_eq(record_value_text(RECORD_SERVER_IP, &v, text, 8), -E2BIG);
        ck_assert_mem_eq(text, "unwritten", 9);
        ck_assert_int_eq(record_value_text(RECORD_SERVER_IP, &v, text, 9), 0);
        ck_assert_str_eq(text, "10.0.0.7");
} END_TEST

/* ---- held against inet_pton() ---- */

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n) {
        random_state = random_state * 1664525 + 1013904223;
        return (random_state >> 8) % n;
}

static bool all_zero_before(const uint8_t *b, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (b[i] != 0)
                        return false;
        return true;
}

/* What libc says of the text, with our rules on what names a host. */
static bool libc_reads(const char *text, struct record_ip *ret) {
        uint8_t b[16];

        *ret = (struct record_ip){ .family = 4 };
        if (inet_pton(AF_INET6, text, b) == 1) {
                static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

                if (memcmp(b, mapped, 12) != 0) {
                        ret->family = 6;
                        memcpy(ret->b, b, 16);
                        return b[0] != 0xff &&
                                (!all_zero_before(b, 12) || (all_zero_before(b, 15) && b[15] == 1));
                }
                memcpy(ret->b, b + 12, 4);
        } else if (inet_pton(AF_INET, text, ret->b) != 1) {
                return false;
        }
        return memcmp(ret->b, "\0\0\0\0", 4) != 0 && memcmp(ret->b, "\377\377\377\377", 4) != 0 &&
                ret->b[0] >> 4 != 0xe;
}

START_TEST(our_parser_agrees_with_inet_pton) {
        static const char *const parts[] = { "0", "1", "9", "10", "255", "256", "00", "01", ".", ".",
                ":", ":", ":", "::", "::", "f", "ffff", "fFfF", "db8", "2001", "12345", "g", " ",
                "10.0.0.7", ":1:2", "1:2:3", "%" };
        size_t accepted = 0;

        for (size_t i = 0; i < 300000; i++) {
                char text[33] = "";
                struct record_ip want;
                struct record_value v;
                struct hash32 raw;
                size_t n = 1 + random_below(14);
                bool ok;

                while (n-- > 0) {
                        const char *part = parts[random_below(ELEMENTSOF(parts))];

                        if (strlen(text) + strlen(part) < sizeof(text))
                                strcat(text, part);
                }
                if (text[0] == 0)
                        continue;
                raw = text_raw(text);
                ok = libc_reads(text, &want);
                ck_assert_msg((record_value_parse(RECORD_SERVER_IP, &raw, &v) == 0) == ok, "%s", text);
                if (ok) {
                        ck_assert_msg(memcmp(&v.ip, &want, sizeof(want)) == 0, "%s", text);
                        accepted++;
                }
        }
        ck_assert_uint_gt(accepted, 1000);
} END_TEST

START_TEST(our_text_of_an_address_is_libc_s) {
        for (size_t i = 0; i < 20000; i++) {
                struct hash32 raw = { 0 };
                struct record_value v;
                char ours[RECORD_TEXT_MAX], libcs[INET6_ADDRSTRLEN];

                for (size_t j = 16; j < 32; j += 2)
                        if (random_below(2)) {
                                raw.b[j] = (uint8_t) random_below(i % 2 ? 256 : 1);
                                raw.b[j + 1] = (uint8_t) random_below(256);
                        }
                raw.b[16] = 0x20;
                ck_assert_int_eq(record_value_parse(RECORD_SERVER_IP6, &raw, &v), 0);
                ck_assert_int_eq(record_value_text(RECORD_SERVER_IP6, &v, ours, sizeof(ours)), 0);
                ck_assert_ptr_nonnull(inet_ntop(AF_INET6, raw.b + 16, libcs, sizeof(libcs)));
                ck_assert_str_eq(ours, libcs);
        }
} END_TEST

/* ---- names and kinds ---- */

START_TEST(every_field_has_one_name) {
        for (enum record_field f = 0; f < RECORD_FIELDS; f++) {
                enum record_field next = record_field_next(f);
                char want[32];

                ck_assert_int_eq(field_of(record_field_name(f)), f);
                if (next == RECORD_FIELDS)
                        continue;
                ck_assert_int_eq(record_field_kind(f), RECORD_KEY);
                ck_assert_int_eq(record_field_kind(next), RECORD_KEY);
                ck_assert_int_eq(record_field_type(f), record_field_type(next));
                snprintf(want, sizeof(want), "%s_next", record_field_name(f));
                ck_assert_str_eq(record_field_name(next), want);
        }
} END_TEST

START_TEST(every_key_field_has_a_next_and_no_location_has) {
        static const char *const keys[] = { "signature", "device", "wg_key", "ssh_host", "role",
                "ssh" };
        static const char *const locations[] = { "server_ip", "server_ip6", "wg_endpoint", "port",
                "wg_port", "wg_ip" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                ck_assert_int_ne(record_field_next(field_of(keys[i])), RECORD_FIELDS);
        for (size_t i = 0; i < ELEMENTSOF(locations); i++) {
                ck_assert_int_eq(record_field_next(field_of(locations[i])), RECORD_FIELDS);
                ck_assert_int_eq(record_field_kind(field_of(locations[i])), RECORD_LOCATION);
        }
        ck_assert_int_eq(2 * ELEMENTSOF(keys) + ELEMENTSOF(locations), RECORD_FIELDS);
} END_TEST

START_TEST(an_unknown_field_is_none_of_ours) {
        static const char *const names[] = { "", "server_i", "server_ip7", "Server_ip", "port_next",
                "signature_next_next", "_members" };
        enum record_field f = RECORD_FIELDS;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_int_eq(record_field_of(VIEW_TEXT(names[i]), &f), -ENOENT);
        ck_assert_int_eq(f, RECORD_FIELDS);
} END_TEST

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"
#define HOST251 LABEL63 "." LABEL63 "." LABEL63 "." "a2345678901234567890123456789012345678901234567890123456789"

static const struct host_case {
        const char *text;
        bool want;
} host_cases[] = {
        { "pump1", true },
        { "pump1.hall-2", true },
        { "1", true },
        { "a--b", true },
        { LABEL63, true },
        { HOST251, true },
        { HOST251 "z.", false },
        { HOST251 ".z", true },
        { HOST251 ".zz", false },
        { "", false },
        { LABEL63 "4", false },
        { "Pump1", false },
        { "_members", false },
        { "pump1._user", false },
        { "pump_1", false },
        { "-pump1", false },
        { "pump1-", false },
        { "a.-b", false },
        { "a-.b", false },
        { "a..b", false },
        { ".a", false },
        { "a.", false },
        { "a b", false },
        { "p\xc3\xbcmp", false },
};

START_TEST(a_host_is_lower_case_ldh) {
        const struct host_case *c = &host_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->text));

        ck_assert_msg(record_host_valid(in) == c->want, "%s", c->text);
        heap_drop(in);
} END_TEST

START_TEST(a_nul_is_no_part_of_a_host) {
        ck_assert(!record_host_valid(VIEW("a\0b", 3)));
} END_TEST

START_TEST(a_record_of_absent_fields_is_empty) {
        struct record r = { 0 };

        ck_assert(record_is_empty(&r));
        r.field[RECORD_ROLE_NEXT].present = true;
        ck_assert(!record_is_empty(&r));
} END_TEST

START_TEST(a_key_of_wireguard_is_base64_too) {
        static const struct {
                enum record_field f;
                const char *text;
                bool good;
        } cases[] = {
                { RECORD_WG_KEY, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true },
                { RECORD_WG_KEY_NEXT, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true },
                { RECORD_SIGNATURE, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", false },
                { RECORD_WG_KEY, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false },
                { RECORD_WG_KEY, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false },
                { RECORD_WG_KEY, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", false },
                { RECORD_WG_KEY, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct view in = heap_copy(VIEW_TEXT(cases[i].text));
                struct hash32 raw = { { 9 } };
                int r = record_value_of_text(cases[i].f, in, &raw);

                ck_assert_msg(r == (cases[i].good ? 0 : -EINVAL), "%s: %d", cases[i].text, r);
                for (size_t k = 0; cases[i].good && k < sizeof(raw.b); k++)
                        ck_assert_uint_eq(raw.b[k], k);
                ck_assert_uint_eq(raw.b[0], cases[i].good ? 0 : 9);
                heap_drop(in);
        }
} END_TEST

int main(void) {
        Suite *s = suite_create("record");
        TCase *t = tcase_create("record");

        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, an_address_in_text_has_one_reading, 0, ELEMENTSOF(ip_cases));
        tcase_add_test(t, a_text_of_all_32_bytes_needs_no_nul);
        tcase_add_test(t, nothing_may_follow_the_first_zero_byte);
        tcase_add_loop_test(t, a_value_is_of_its_field_or_refused, 0, ELEMENTSOF(raw_cases));
        tcase_add_loop_test(t, text_denotes_a_value_or_is_refused, 0, ELEMENTSOF(text_cases));
        tcase_add_test(t, text_that_does_not_fit_is_not_cut);
        tcase_add_test(t, our_parser_agrees_with_inet_pton);
        tcase_add_test(t, our_text_of_an_address_is_libc_s);
        tcase_add_test(t, every_field_has_one_name);
        tcase_add_test(t, every_key_field_has_a_next_and_no_location_has);
        tcase_add_test(t, an_unknown_field_is_none_of_ours);
        tcase_add_loop_test(t, a_host_is_lower_case_ldh, 0, ELEMENTSOF(host_cases));
        tcase_add_test(t, a_nul_is_no_part_of_a_host);
        tcase_add_test(t, a_record_of_absent_fields_is_empty);
        tcase_add_test(t, a_key_of_wireguard_is_base64_too);
        suite_add_tcase(s, t);
        return unit_run(s);
}
