/* agent/netd/wg_uapi_text: what a WireGuard in user space says is taken whole or not at all, cut
 * anywhere; and each change is the lines that it should be. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "agent/netd/wg_uapi_text.h"

#define K1     "0101010101010101010101010101010101010101010101010101010101010101"
#define K2     "0202020202020202020202020202020202020202020202020202020202020202"
#define KEY(x) "public_key=" x "\n"
#define OK     "errno=0\n\n"

static int read_text(const char *text, size_t step, struct wg_device *ret) {
        struct view in = heap_copy(VIEW_TEXT(text)), rest = in, part;
        struct uapi_answer a;
        int r = 0;

        uapi_answer_init(&a);
        while (r == 0 && rest.n > 0) {
                ck_assert(view_take(&rest, MIN(step, rest.n), &part));
                r = uapi_answer_feed(&a, part);
        }
        if (r == 0)
                r = uapi_answer_take(&a, ret);
        uapi_answer_done(&a);
        heap_drop(in);
        return r;
}

static const struct {
        const char *name, *text;
        int want;
        size_t n;
} texts[] = {
        { "nothing but errno", OK, 0, 0 },
        { "empty", "", -EBADMSG },
        { "no errno", KEY(K1) "\n", -EBADMSG },
        { "cut before the empty line", "errno=0\n", -EBADMSG },
        { "cut inside errno", KEY(K1) "errno=0", -EBADMSG },
        { "cut after a peer", KEY(K1), -EBADMSG },
        { "something behind the end", OK "x", -EBADMSG },
        { "an empty line behind the end", OK "\n", -EBADMSG },
        { "a key behind errno", "errno=0\nlisten_port=1\n\n", -EBADMSG },
        { "errno twice", "errno=0\nerrno=0\n\n", -EBADMSG },
        { "an error", "errno=22\n\n", -EINVAL },
        { "an error as wireguard-go writes it", "errno=-22\n\n", -EINVAL },
        { "an error that is none of Linux", "errno=4096\n\n", -EBADMSG },
        { "an error without a number", "errno=\n\n", -EBADMSG },
        { "an error of a minus alone", "errno=-\n\n", -EBADMSG },
        { "an error behind peers", KEY(K1) "errno=5\n\n", -EIO },
        { "a line without =", "public_key\n" OK, -EBADMSG },
        { "unknown keys",
                        "fwmark=0\nwhat=ever\n" KEY(K1) "preshared_key=" K2
                                                        "\nprotocol_version=1\n" OK,
                        0, 1 },
        { "a key that begins like ours", "public_keys=1\n" OK, 0, 0 },
        { "two peers", KEY(K2) KEY(K1) OK, 0, 2 },
        { "a peer twice", KEY(K1) KEY(K2) KEY(K1) OK, -EBADMSG },
        { "a key too short", "public_key=01\n" OK, -EBADMSG },
        { "a key too long", "public_key=" K1 "01\n" OK, -EBADMSG },
        { "a key of other letters",
                        "public_key="
                        "zz01010101010101010101010101010101010101010101010101010101010101\n" OK,
                        -EBADMSG },
        { "a key behind 0x", "public_key=0x" K1 "\n" OK, -EBADMSG },
        { "a private key too short", "private_key=00\n" OK, -EBADMSG },
        { "an endpoint of nobody", "endpoint=192.0.2.1:1\n" OK, -EBADMSG },
        { "an address of nobody", "allowed_ip=192.0.2.1/32\n" OK, -EBADMSG },
        { "a handshake of nobody", "last_handshake_time_sec=1\n" OK, -EBADMSG },
        { "a port over 65535", "listen_port=65536\n" OK, -EBADMSG },
        { "a port of nothing", "listen_port=\n" OK, -EBADMSG },
        { "a port of a letter", "listen_port=a\n" OK, -EBADMSG },
        { "a port and something", "listen_port=1 \n" OK, -EBADMSG },
        { "a port and a space", "listen_port= 1\n" OK, -EBADMSG },
        { "a negative keepalive", KEY(K1) "persistent_keepalive_interval=-1\n" OK, -EBADMSG },
        { "bytes over 64 bit", KEY(K1) "rx_bytes=18446744073709551616\n" OK, -EBADMSG },
        { "the most bytes", KEY(K1) "tx_bytes=18446744073709551615\n" OK, 0, 1 },
        { "a number of 21 digits", KEY(K1) "rx_bytes=000000000000000000001\n" OK, -EBADMSG },
        { "a handshake over 63 bit", KEY(K1) "last_handshake_time_sec=9223372036854775808\n" OK,
                        -EBADMSG },
        { "an endpoint without a port", KEY(K1) "endpoint=192.0.2.1\n" OK, -EBADMSG },
        { "an endpoint of letters", KEY(K1) "endpoint=192.0.2.1:https\n" OK, -EBADMSG },
        { "an allowed address without a length", KEY(K1) "allowed_ip=192.0.2.1\n" OK, -EBADMSG },
        { "an allowed length over the family's", KEY(K1) "allowed_ip=192.0.2.1/33\n" OK, -EBADMSG },
};

START_TEST(a_text_is_taken_whole_or_refused) { /* _i is the row */
        static const size_t steps[] = { 1, 2, 7, 64, SIZE_MAX };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                struct wg_device d = { 0 };
                int r = read_text(texts[_i].text, steps[i], &d);

                ck_assert_msg(r == texts[_i].want, "%s, by %zu: got %d", texts[_i].name, steps[i],
                                r);
                ck_assert_msg(d.n == texts[_i].n, "%s: %zu peers", texts[_i].name, d.n);
                free(d.peer);
        }
}
END_TEST

static struct ip ip(const char *text) {
        struct ip ret = { 0 };

        ck_assert_int_eq(ip_parse(VIEW_TEXT(text), &ret), 0);
        return ret;
}

START_TEST(a_device_is_read) {
        struct wg_device d;
        struct ip v4 = ip("10.0.0.7"), v6 = ip("fd00::7"), at4 = ip("192.0.2.1"),
                  at6 = ip("2001:db8::1");

        ck_assert_int_eq(
                        read_text("private_key=" K1 "\nlisten_port=51820\nfwmark=1\n" KEY(
                                                  K2) "preshared_key=" K1
                                                      "\nendpoint=192.0.2.1:65535\n"
                                                      "last_handshake_time_sec=1700000000\nlast_"
                                                      "handshake_time_nsec=5\n"
                                                      "tx_bytes=3\nrx_bytes=4\npersistent_"
                                                      "keepalive_interval=25\n"
                                                      "allowed_ip=fd00::7/128\nallowed_ip=10.0.0.7/"
                                                      "32\n" KEY(K1) "endpoint=[2001:db8::1]:"
                                                                     "1\nallowed_ip=10.0.0.8/"
                                                                     "32\n" OK,
                                        SIZE_MAX, &d),
                        0);
        ck_assert_uint_eq(d.backend, NETD_USERSPACE);
        ck_assert_uint_eq(d.listen_port, 51820);
        ck_assert_uint_eq(d.n, 2);
        ck_assert_uint_eq(d.peer[0].key[0], 1); /* sorted */
        ck_assert(ip_eq(&d.peer[0].endpoint.ip, &at6) && d.peer[0].endpoint.port == 1);
        ck_assert(d.peer[0].tunnel[1].family == 0 && d.peer[0].handshake_s == 0);
        ck_assert_uint_eq(d.peer[1].key[0], 2);
        ck_assert(ip_eq(&d.peer[1].endpoint.ip, &at4) && d.peer[1].endpoint.port == 65535);
        ck_assert(ip_eq(&d.peer[1].tunnel[0], &v4) && ip_eq(&d.peer[1].tunnel[1], &v6));
        ck_assert(!d.peer[1].more_allowed && d.peer[1].keepalive_s == 25);
        ck_assert(d.peer[1].handshake_s == 1700000000 && d.peer[1].tx == 3 && d.peer[1].rx == 4);
        free(d.peer);
}
END_TEST

static const struct {
        const char *name, *lines;
        const char *v4, *v6; /* "" : none */
        bool more;
} allowed[] = {
        { "none", "", "", "", false },
        { "one of each, IPv4 first", "allowed_ip=10.0.0.1/32\nallowed_ip=fd00::1/128\n", "10.0.0.1",
                        "fd00::1", false },
        { "one of each, IPv6 first", "allowed_ip=fd00::1/128\nallowed_ip=10.0.0.1/32\n", "10.0.0.1",
                        "fd00::1", false },
        { "IPv6 alone", "allowed_ip=fd00::1/128\n", "fd00::1", "", false },
        { "two of IPv4", "allowed_ip=10.0.0.1/32\nallowed_ip=10.0.0.2/32\n", "10.0.0.1", "", true },
        { "three", "allowed_ip=10.0.0.1/32\nallowed_ip=fd00::1/128\nallowed_ip=10.0.0.2/32\n",
                        "10.0.0.1", "fd00::1", true },
        { "a network", "allowed_ip=0.0.0.0/0\n", "", "", true },
        { "a network of half", "allowed_ip=10.0.0.0/31\n", "", "", true },
        { "a network and an address", "allowed_ip=fd00::/64\nallowed_ip=fd00::1/128\n", "fd00::1",
                        "", true },
};

START_TEST(allowed_addresses_are_the_first_of_each_family) { /* _i is the row */
        struct ip none = { 0 }, a = none, b = none;
        struct wg_device d;
        char text[512];

        if (allowed[_i].v4[0])
                a = ip(allowed[_i].v4);
        if (allowed[_i].v6[0])
                b = ip(allowed[_i].v6);
        (void) snprintf(text, sizeof(text), KEY(K1) "%s" OK, allowed[_i].lines);
        ck_assert_int_eq(read_text(text, SIZE_MAX, &d), 0);
        ck_assert_msg(ip_eq(&d.peer[0].tunnel[0], &a) && ip_eq(&d.peer[0].tunnel[1], &b), "%s",
                        allowed[_i].name);
        ck_assert_msg(d.peer[0].more_allowed == allowed[_i].more, "%s", allowed[_i].name);
        free(d.peer);
}
END_TEST

START_TEST(an_endpoint_that_we_have_no_word_for_is_none) {
        static const char *const ends[] = { "[fe80::1%eth0]:51820", "192.0.2.1:0", ":51820",
                "x:51820" };
        char text[512];

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                struct wg_device d;

                (void) snprintf(text, sizeof(text), KEY(K1) "endpoint=%s\n" OK, ends[i]);
                ck_assert_int_eq(read_text(text, SIZE_MAX, &d), 0);
                ck_assert_msg(d.peer[0].endpoint.ip.family == 0 && d.peer[0].endpoint.port == 0,
                                "%s", ends[i]);
                free(d.peer);
        }
}
END_TEST

START_TEST(a_line_has_a_limit) {
        char text[UAPI_LINE_MAX + 32];
        struct wg_device d = { 0 };

        memset(text, 'x', sizeof(text));
        memcpy(text, "k=", 2);
        memcpy(text + UAPI_LINE_MAX, "\n" OK, sizeof("\n" OK));
        ck_assert_int_eq(read_text(text, SIZE_MAX, &d), 0);
        ck_assert_int_eq(read_text(text, 100, &d), 0);

        text[UAPI_LINE_MAX] = 'x';
        memcpy(text + UAPI_LINE_MAX + 1, "\n" OK, sizeof("\n" OK));
        ck_assert_int_eq(read_text(text, SIZE_MAX, &d), -E2BIG);
        ck_assert_int_eq(read_text(text, 100, &d), -E2BIG);
}
END_TEST

/* n peers of ascending keys; the answer is ended by hand. */
static int feed_peers(struct uapi_answer *a, uint32_t n) {
        int r = 0;

        for (uint32_t i = 0; i < n && r == 0; i++) {
                char line[128];
                int len = snprintf(line, sizeof(line), "public_key=%08x%s\n", i, &K1[8]);

                r = uapi_answer_feed(a, VIEW(line, len));
        }
        return r;
}

START_TEST(peers_have_a_limit) {
        struct uapi_answer a;
        struct wg_device d;

        uapi_answer_init(&a);
        ck_assert_int_eq(feed_peers(&a, UAPI_PEERS_MAX), 0);
        ck_assert_int_eq(uapi_answer_feed(&a, VIEW_TEXT(OK)), 0);
        ck_assert_int_eq(uapi_answer_take(&a, &d), 0);
        ck_assert_uint_eq(d.n, UAPI_PEERS_MAX);
        free(d.peer);
        uapi_answer_done(&a);

        uapi_answer_init(&a);
        ck_assert_int_eq(feed_peers(&a, UAPI_PEERS_MAX + 1), -E2BIG);
        uapi_answer_done(&a);
}
END_TEST

START_TEST(an_answer_has_a_limit) {
        static const char line[] =
                        "x=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc\n";
        struct uapi_answer a;
        uint64_t n = 0;
        int r = 0;

        uapi_answer_init(&a);
        while (r == 0 && n <= UAPI_BYTES_MAX) {
                r = uapi_answer_feed(&a, VIEW_TEXT(line));
                n += sizeof(line) - 1;
        }
        ck_assert_int_eq(r, -E2BIG);
        ck_assert_uint_ge(n, UAPI_BYTES_MAX - sizeof(line));
        uapi_answer_done(&a);
}
END_TEST

START_TEST(the_private_key_is_kept_apart_and_cleared) {
        struct uapi_answer a;
        struct wg_device d;

        uapi_answer_init(&a);
        ck_assert_int_eq(uapi_answer_feed(&a, VIEW_TEXT("private_key=" K2 "\n" OK)), 0);
        ck_assert(a.has_key && a.private_key[31] == 2);
        ck_assert_int_eq(uapi_answer_take(&a, &d), 0);
        ck_assert_uint_eq(d.public_key[0], 0);
        free(d.peer);
        uapi_answer_done(&a);
        for (size_t i = 0; i < sizeof(a); i++)
                ck_assert_uint_eq(((const uint8_t *) &a)[i], 0);
}
END_TEST

static struct netd_peer a_peer(void) {
        struct netd_peer p = { .tunnel = { ip("10.0.0.7"), ip("fd00::7") } };

        memset(p.key, 1, sizeof(p.key));
        p.endpoint = (struct ip_endpoint){ .ip = ip("2001:db8::1"), .port = 51820 };
        return p;
}

#define REPLACE "replace_allowed_ips=true\nallowed_ip=10.0.0.7/32\nallowed_ip=fd00::7/128\n"
#define AT      "endpoint=[2001:db8::1]:51820\n"
#define ALIVE   "persistent_keepalive_interval=25\n"

static const struct {
        const char *name;
        enum wg_do what;
        bool endpoint, allowed, settings;
        const char *want;
} changes[] = {
        { "removed", WG_REMOVE, true, true, true, KEY(K1) "remove=true\n" },
        { "added", WG_ADD, true, false, true, KEY(K1) REPLACE AT ALIVE },
        { "added, keepalive unsaid", WG_ADD, true, false, false, KEY(K1) REPLACE AT },
        { "added, has to come to us", WG_ADD, false, false, true, KEY(K1) REPLACE ALIVE },
        { "moved", WG_CHANGE, true, false, false, KEY(K1) "update_only=true\n" AT },
        { "other addresses", WG_CHANGE, false, true, false, KEY(K1) "update_only=true\n" REPLACE },
        { "keepalive alone", WG_CHANGE, false, false, true, KEY(K1) "update_only=true\n" ALIVE },
};

START_TEST(a_change_is_these_lines) { /* _i is the row */
        struct netd_peer p = a_peer();
        struct wg_change c = { changes[_i].what, &p, changes[_i].endpoint, changes[_i].allowed };
        struct wg_settings s = { .keepalive_s = 25 };
        char text[UAPI_TEXT_MAX];
        size_t n = uapi_change_text(&c, changes[_i].settings ? &s : NULL, text);

        ck_assert_str_eq(text, changes[_i].want);
        ck_assert_uint_eq(n, strlen(text));
}
END_TEST

START_TEST(no_endpoint_and_no_second_address_are_no_lines) {
        struct netd_peer p = a_peer();
        struct wg_change c = { WG_ADD, &p, true, false };
        char text[UAPI_TEXT_MAX];

        memset(&p.endpoint, 0, sizeof(p.endpoint));
        memset(&p.tunnel[0], 0, sizeof(p.tunnel[0]));
        (void) uapi_change_text(&c, NULL, text);
        ck_assert_str_eq(text, KEY(K1) "replace_allowed_ips=true\nallowed_ip=fd00::7/128\n");
}
END_TEST

START_TEST(settings_are_these_lines) {
        uint8_t key[NETD_KEY_SIZE];
        struct wg_settings s = { .private_key = key, .listen_port = 51820 };
        char text[UAPI_TEXT_MAX];

        memset(key, 2, sizeof(key));
        ck_assert_uint_eq(uapi_settings_text(&s, text), strlen(text));
        ck_assert_str_eq(text, "private_key=" K2 "\nlisten_port=51820\n");
        s = (struct wg_settings){ .keepalive_s = 25 };
        ck_assert_uint_eq(uapi_settings_text(&s, text), 0);
        ck_assert_str_eq(text, "");
        ck_assert_uint_eq(uapi_settings_text(NULL, text), 0);
}
END_TEST

int main(void) {
        Suite *s = suite_create("netd_wg_uapi_text");
        TCase *t = tcase_create("all");

        tcase_add_loop_test(t, a_text_is_taken_whole_or_refused, 0, ELEMENTSOF(texts));
        tcase_add_test(t, a_device_is_read);
        tcase_add_loop_test(
                        t, allowed_addresses_are_the_first_of_each_family, 0, ELEMENTSOF(allowed));
        tcase_add_test(t, an_endpoint_that_we_have_no_word_for_is_none);
        tcase_add_test(t, a_line_has_a_limit);
        tcase_add_test(t, peers_have_a_limit);
        tcase_add_test(t, an_answer_has_a_limit);
        tcase_add_test(t, the_private_key_is_kept_apart_and_cleared);
        tcase_add_loop_test(t, a_change_is_these_lines, 0, ELEMENTSOF(changes));
        tcase_add_test(t, no_endpoint_and_no_second_address_are_no_lines);
        tcase_add_test(t, settings_are_these_lines);
        tcase_set_timeout(t, 60);
        suite_add_tcase(s, t);
        return unit_run(s);
}
