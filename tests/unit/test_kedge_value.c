/* libkedge's reading of values: one reading or none, and the same as the agent's own
 * (core/record). */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "core/record.h"
#include "kedge/kedge.h"

static const struct ip_case {
        const char *text; /* text form, padded with zeros */
        const char *hex;  /* else the 32 bytes */
        const char *want; /* NULL: refused */
} ip_cases[] = {
        { "10.1.2.3", NULL, "10.1.2.3" },
        { "255.255.255.254", NULL, "255.255.255.254" },
        { "2001:db8::7", NULL, "2001:db8::7" },
        { "2001:DB8:0::7", NULL, "2001:db8::7" },
        { "1111:2222:3333:4444:5555:666::", NULL, "1111:2222:3333:4444:5555:666::" },
        { "::ffff:10.1.2.3", NULL, "10.1.2.3" },
        { "::1", NULL, "::1" },
        { "127.0.0.1", NULL, "127.0.0.1" },
        { NULL, "0000000000000000000000000000000000000000000000000000ffff0a010203", "10.1.2.3" },
        { NULL, "0000000000000000000000000000000020010db8000000000000000000000007", "2001:db8::7" },
        { "10.1.2.03", NULL, NULL },
        { "10.1.2", NULL, NULL },
        { "10.1.2.3.4", NULL, NULL },
        { "10.1.2.256", NULL, NULL },
        { "10.1.2.3 ", NULL, NULL },
        { " 10.1.2.3", NULL, NULL },
        { "10.1.2.3/24", NULL, NULL },
        { "0x0a010203", NULL, NULL },
        { "167838211", NULL, NULL },
        { "2001:db8:::7", NULL, NULL },
        { "2001:db8::7%1", NULL, NULL },
        { "[2001:db8::7]", NULL, NULL },
        { "pump1.plant.fleet", NULL, NULL },
        { "0.0.0.0", NULL, NULL },
        { "255.255.255.255", NULL, NULL },
        { "224.0.0.1", NULL, NULL },
        { "::", NULL, NULL },
        { "::10.1.2.3", NULL, NULL },
        { "ff02::1", NULL, NULL },
        { "::ffff:224.0.0.1", NULL, NULL },
        { NULL, "31302e312e322e33000000000000000000000000000000000000000000000001",
                        NULL }, /* behind the text */
        { NULL, "31302e312e322e33003100000000000000000000000000000000000000000000", NULL },
        { NULL, "0000000000000000000000000000000100000000000000000000ffff0a010203",
                        NULL }, /* half zero */
        { NULL, "0031302e312e322e330000000000000000000000000000000000000000000000", NULL },
        { NULL, "0000000000000000000000000000000000000000000000000000fffe0a010203",
                        "::fffe:a01:203" },
        { NULL, "0000000000000000000000000000000000000000000000000000000000000000", NULL },
        { NULL, "0000000000000000000000000000000000000000000000000000ffff00000000", NULL },
        { NULL, "00000000000000000000000000000000ff020000000000000000000000000001", NULL },
};

static void value_of(const struct ip_case *c, struct hash32 *ret) {
        memset(ret, 0, sizeof(*ret));
        if (c->text)
                memcpy(ret->b, c->text, MIN(strlen(c->text), sizeof(ret->b)));
        else
                ck_assert_int_eq(hex_decode(VIEW_TEXT(c->hex), ret->b, 32), 0);
}

/* What the agent reads: the text, or "" for refused and absent. */
static void read_by_agent(
                enum record_field f, const struct hash32 *raw, char ret[RECORD_TEXT_MAX]) {
        struct record_value v;

        ret[0] = '\0';
        if (record_value_parse(f, raw, &v) == 0 && v.present)
                ck_assert_int_eq(record_value_text(f, &v, ret, RECORD_TEXT_MAX), 0);
}

START_TEST(ip_case) {
        const struct ip_case *c = &ip_cases[_i];
        char text[KEDGE_ADDRESS_TEXT_SIZE] = "untouched", agents[RECORD_TEXT_MAX];
        struct hash32 raw;
        struct view value;
        int r;

        value_of(c, &raw);
        value = heap_copy(VIEW_OF(&raw));
        r = kedge_value_to_ip(value.p, text);
        ck_assert_msg(r == (c->want ? 0 : -EBADMSG), "row %d: got %d, %s", _i, r, text);
        ck_assert_str_eq(text, c->want ? c->want : "untouched");
        read_by_agent(RECORD_SERVER_IP, &raw, agents);
        ck_assert_str_eq(agents, c->want ? c->want : "");
        heap_drop(value);
} END_TEST

/* Bytes around the edges: what libkedge reads is what the agent reads, or both refuse. */
START_TEST(ip_agrees_with_the_agent) {
        static const char alphabet[] = "0123459af:.:.\0\0\0";
        uint64_t x = 88172645463325252u;

        for (int i = 0; i < 200000; i++) {
                char text[KEDGE_ADDRESS_TEXT_SIZE] = "", agents[RECORD_TEXT_MAX];
                struct hash32 raw = { 0 };
                size_t n;

                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                n = x % 12;
                for (size_t k = 0; k < n; k++)
                        raw.b[k] = (uint8_t) alphabet[x >> (8 + 4 * k) & 15];
                if (i % 4 == 0) /* the binary form */
                        raw.b[0] = 0, raw.b[26 + x % 3] = 0xff, raw.b[31] = (uint8_t) x;
                if (kedge_value_to_ip(raw.b, text) < 0)
                        ck_assert_str_eq(text, "");
                read_by_agent(RECORD_SERVER_IP, &raw, agents);
                ck_assert_str_eq(text, agents);
        }
} END_TEST

static const struct port_case {
        uint8_t high, b29, b30, b31;
        int want;
} port_cases[] = {
        { 0, 0, 0x22, 0xb3, 8883 }, { 0, 0, 0, 1, 1 },  { 0, 0, 0xff, 0xff, 65535 },
        { 0, 0, 0, 0, -EBADMSG },   { 0, 1, 0, 0, -EBADMSG }, { 1, 0, 0x22, 0xb3, -EBADMSG },
};

START_TEST(port_case) {
        const struct port_case *c = &port_cases[_i];
        struct hash32 raw = { .b = { [0] = c->high, [29] = c->b29, [30] = c->b30, [31] = c->b31 } };
        char agents[RECORD_TEXT_MAX], text[RECORD_TEXT_MAX] = "";
        uint16_t port = 7;
        int r = kedge_value_to_port(raw.b, &port);

        ck_assert_int_eq(r, c->want < 0 ? c->want : 0);
        ck_assert_uint_eq(port, c->want < 0 ? 7 : c->want);
        if (r == 0)
                (void) snprintf(text, sizeof(text), "%u", port);
        read_by_agent(RECORD_PORT, &raw, agents);
        ck_assert_str_eq(text, agents);
} END_TEST

START_TEST(nulls_are_refused) {
        char text[KEDGE_ADDRESS_TEXT_SIZE];
        uint8_t value[32] = { 0 };
        uint16_t port;

        ck_assert_int_eq(kedge_value_to_ip(NULL, text), -EINVAL);
        ck_assert_int_eq(kedge_value_to_ip(value, NULL), -EINVAL);
        ck_assert_int_eq(kedge_value_to_port(NULL, &port), -EINVAL);
        ck_assert_int_eq(kedge_value_to_port(value, NULL), -EINVAL);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedge value");
        TCase *t = tcase_create("value");

        tcase_add_loop_test(t, ip_case, 0, ELEMENTSOF(ip_cases));
        tcase_add_test(t, ip_agrees_with_the_agent);
        tcase_add_loop_test(t, port_case, 0, ELEMENTSOF(port_cases));
        tcase_add_test(t, nulls_are_refused);
        suite_add_tcase(s, t);
        return unit_run(s);
}
