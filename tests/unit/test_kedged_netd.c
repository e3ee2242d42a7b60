/* agent/kedged/netd: our end of the connection to kedge-netd, against a socket that this test
 * holds. */

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/kedged/courier.h"
#include "agent/kedged/netd.h"
#include "agent/kedged/util.h"

static char dir[32], path[64];
static sd_event *event;
static struct netd n;
static int listen_fd, peer_fd;
static unsigned n_up, n_down, n_heard;
static struct netd_message heard;
static struct net_settings settings;
static struct netd_peer *peers;

static void on_heard(void *userdata, bool is_up, const struct netd_message *m) {
        ck_assert_ptr_eq(userdata, &event);
        if (m) {
                ck_assert(n_up == n_down + 1); /* told before */
                heard = *m;
                n_heard++;
        } else {
                n_up += is_up;
                n_down += !is_up;
                ck_assert_uint_eq(is_up, netd_is_up(&n));
        }
}

static void turn(void) {
        for (int i = 0; i < 20; i++)
                ck_assert_int_ge(sd_event_run(event, 0), 0);
}

static void listen_there(void) {
        listen_fd = courier_listen(path, 0600, 2);
        ck_assert_int_ge(listen_fd, 0);
}

/* Until it has connected: at most a second away. */
static void connected(void) {
        unsigned was = n_up;

        for (int i = 0; i < 400 && n_up == was; i++)
                ck_assert_int_ge(sd_event_run(event, 10000), 0);
        ck_assert_uint_eq(n_up, was + 1);
        peer_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        ck_assert_int_ge(peer_fd, 0);
}

static void setup(void) {
        strcpy(dir, "/tmp/kedge-netd-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/sock", dir);
        ck_assert_int_ge(sd_event_new(&event), 0);
        n_up = n_down = n_heard = 0;
        listen_fd = peer_fd = -1;
        peers = calloc(NETD_PEERS_MAX, sizeof(*peers));
        for (unsigned i = 0; i < NETD_PEERS_MAX; i++) {
                peers[i].key[0] = (uint8_t) (i >> 8);
                peers[i].key[1] = (uint8_t) i;
        }
        memset(&settings, 0, sizeof(settings));
        ck_assert_int_eq(netd_open(&n, event, path, on_heard, &event), 0);
}

static void teardown(void) {
        netd_done(&n);
        event = sd_event_unref(event);
        listen_fd = fd_close(listen_fd);
        peer_fd = fd_close(peer_fd);
        free(peers);
        (void) unlink(path);
        (void) rmdir(dir);
}

/* The next message there; false: none waits. */
static bool take(struct netd_message *ret) {
        ssize_t size = recv(peer_fd, ret, sizeof(*ret), MSG_DONTWAIT);

        if (size < 0)
                return false;
        ck_assert_int_eq(size, (ssize_t) sizeof(*ret));
        return true;
}

static void expect(enum netd_kind kind, const char *link, uint64_t serial) {
        struct netd_message m;

        for (int i = 0; i < 100 && !take(&m); i++) {
                ck_assert_int_lt(i, 99);
                turn();
        }
        ck_assert_uint_eq(m.kind, kind);
        ck_assert_str_eq(m.link, link);
        ck_assert_uint_eq(m.serial, serial);
        ck_assert_uint_eq(m.magic, NETD_MAGIC);
}

static void say(const struct netd_message *m, size_t size) {
        ck_assert_int_eq(send(peer_fd, m, size, 0), (ssize_t) size);
        turn();
}

static uint64_t desire(const char *link, size_t n_peers) {
        uint64_t serial = 0;

        ck_assert_int_eq(netd_desire(&n, link, &settings, peers, n_peers, &serial), 0);
        return serial;
}

START_TEST(netd_is_connected_to_when_it_comes) {
        uint64_t serial = 77;

        turn();
        ck_assert(!netd_is_up(&n) && n_up == 0 && n_down == 0);
        ck_assert_int_eq(netd_desire(&n, "kedge0", &settings, peers, 1, &serial), -ENOTCONN);
        ck_assert_int_eq(netd_tell(&n, NETD_REMOVE, "kedge0"), -ENOTCONN);
        ck_assert_uint_eq(serial, 77);
        listen_there();
        connected();
        ck_assert(netd_is_up(&n));
        peer_fd = fd_close(peer_fd);
        turn();
        ck_assert_uint_eq(n_down, 1);
        connected();
}
END_TEST

START_TEST(netd_is_told_whole_states) {
        uint64_t serial;

        listen_there();
        connected();
        settings.begin.n_rules = 2;
        settings.begin.listen_port = 51820;
        settings.rule[1].proto = NETD_ICMP;
        serial = desire("kedge0", 2);
        for (unsigned i = 0; i < 6; i++) {
                struct netd_message m;

                ck_assert(take(&m));
                ck_assert_uint_eq(m.serial, serial);
                ck_assert_uint_eq(m.kind, i == 0  ? NETD_BEGIN
                                          : i < 3 ? NETD_RULE
                                          : i < 5 ? NETD_PEER
                                                  : NETD_COMMIT);
                if (i == 0)
                        ck_assert(m.begin.n_peers == 2 && m.begin.n_rules == 2 &&
                                        m.begin.listen_port == 51820);
                if (i == 2)
                        ck_assert_uint_eq(m.rule.proto, NETD_ICMP);
                if (i == 4)
                        ck_assert_mem_eq(&m.peer, &peers[1], sizeof(m.peer));
        }
        settings.begin.n_rules = 0;
        ck_assert_uint_gt(desire("kedge0", 0), serial);
        expect(NETD_BEGIN, "kedge0", serial + 1);
        expect(NETD_COMMIT, "kedge0", serial + 1);
}
END_TEST

START_TEST(netd_that_reads_slowly_gets_the_newest_whole) {
        uint64_t first, other, last;
        struct netd_message m;

        listen_there();
        connected();
        first = desire("kedge0", NETD_PEERS_MAX); /* more than the socket takes at once */
        other = desire("kedge1", 1);
        (void) desire("kedge0", 2);
        last = desire("kedge0", 3);
        ck_assert_uint_eq(n.n_orders, 3);
        expect(NETD_BEGIN, "kedge0", first);
        for (unsigned i = 0; i < NETD_PEERS_MAX; i++) {
                if (i % 100 == 0)
                        turn();
                ck_assert(take(&m) && m.kind == NETD_PEER && m.serial == first);
                ck_assert_mem_eq(m.peer.key, peers[i].key, NETD_KEY_SIZE);
        }
        expect(NETD_COMMIT, "kedge0", first);
        expect(NETD_BEGIN, "kedge1", other);
        expect(NETD_PEER, "kedge1", other);
        expect(NETD_COMMIT, "kedge1", other);
        expect(NETD_BEGIN, "kedge0", last);
        for (unsigned i = 0; i < 3; i++)
                expect(NETD_PEER, "kedge0", last);
        expect(NETD_COMMIT, "kedge0", last);
        turn();
        ck_assert(!take(&m) && n.n_orders == 0);
}
END_TEST

START_TEST(netd_orders_replace_what_they_make_needless) {
        struct netd_message m;
        uint64_t serial;

        listen_there();
        connected();
        (void) desire("kedge9", NETD_PEERS_MAX); /* the others wait behind it */
        (void) desire("kedge0", 1);
        ck_assert_int_eq(netd_tell(&n, NETD_OBSERVE, "kedge0"), 0);
        ck_assert_int_eq(netd_tell(&n, NETD_NEXT_KEY, "kedge0"), 0);
        ck_assert_int_eq(netd_tell(&n, NETD_OBSERVE, "kedge0"), 0);
        ck_assert_uint_eq(n.n_orders, 4);
        ck_assert_int_eq(netd_tell(&n, NETD_REMOVE, "kedge0"), 0);
        ck_assert_uint_eq(n.n_orders, 3); /* kedge9, NEXT_KEY, REMOVE */
        serial = desire("kedge0", 0);
        ck_assert_uint_eq(n.n_orders, 3); /* kedge9, NEXT_KEY, BEGIN */
        for (unsigned i = 0; i < NETD_PEERS_MAX + 2; i++) {
                if (i % 100 == 0)
                        turn();
                ck_assert(take(&m));
        }
        expect(NETD_NEXT_KEY, "kedge0", 0);
        expect(NETD_BEGIN, "kedge0", serial);
        expect(NETD_COMMIT, "kedge0", serial);
}
END_TEST

START_TEST(netd_that_never_reads_is_given_up) {
        char link[NETD_LINK_NAME];
        int r = 0;

        listen_there();
        connected();
        (void) desire("kedge0", NETD_PEERS_MAX);
        for (unsigned i = 0; r == 0 && i < 100; i++) {
                (void) snprintf(link, sizeof(link), "k%u", i);
                r = netd_tell(&n, NETD_REMOVE, link);
                ck_assert_uint_le(n.n_orders, NETD_ORDERS_MAX);
        }
        ck_assert_int_eq(r, -ENOBUFS);
        ck_assert(!netd_is_up(&n) && n_down == 0); /* told from the loop alone */
        turn();
        ck_assert_uint_eq(n_down, 1);
}
END_TEST

START_TEST(netd_refuses_what_cannot_be_ordered) {
        uint64_t serial = 0;

        listen_there();
        connected();
        ck_assert_int_eq(netd_desire(&n, "kedge0", &settings, peers, NETD_PEERS_MAX + 1, &serial),
                        -E2BIG);
        ck_assert_int_eq(netd_desire(&n, "", &settings, peers, 1, &serial), -EINVAL);
        ck_assert_int_eq(
                        netd_desire(&n, "kedge00000000000", &settings, peers, 1, &serial), -EINVAL);
        settings.begin.n_rules = NETD_RULES_MAX + 1;
        ck_assert_int_eq(netd_desire(&n, "kedge0", &settings, peers, 1, &serial), -E2BIG);
        ck_assert(netd_is_up(&n) && n.n_orders == 0);
}
END_TEST

START_TEST(netd_is_heard) {
        struct netd_message m;

        listen_there();
        connected();
        ck_assert(netd_is_up(&n) && !netd_has_answered(&n));
        netd_message_init(&m, NETD_STATE, 3, "kedge0");
        m.state.listen_port = 51820;
        say(&m, sizeof(m));
        ck_assert_uint_eq(n_heard, 1);
        ck_assert_mem_eq(&heard, &m, sizeof(m));
        ck_assert_ptr_null(n.said);
        ck_assert(netd_has_answered(&n));
}
END_TEST

/* Wrong in one way each: the connection ends, and another is made. */
START_TEST(netd_that_breaks_the_rules_is_hung_up_on) {
        struct netd_message m[2];
        size_t size = sizeof(m[0]);

        memset(m, 0, sizeof(m));
        listen_there();
        connected();
        netd_message_init(&m[0], NETD_STATE, 3, "kedge0");
        switch (_i) {
        case 0:
                size--;
                break;
        case 1:
                size++;
                break;
        case 2:
                m[0].version++;
                break;
        case 3:
                m[0].kind = NETD_COMMIT;
                break;
        default:
                m[0].zero[255] = 1;
                break;
        }
        say(m, size);
        ck_assert(n_heard == 0 && n_down == 1);
        if (_i == 0)
                connected();
}
END_TEST

START_TEST(netd_of_a_foreign_user_is_refused) {
        pid_t pid;

        if (geteuid() != 0)
                return;
        pid = fork();
        ck_assert_int_ge(pid, 0);
        ck_assert_int_eq(chmod(dir, 0777), 0);
        if (pid == 0) { /* whoever listens is the server, whoever accepts */
                if (setuid(65534) == 0 && courier_listen(path, 0666, 64) >= 0)
                        pause();
                _exit(0);
        }
        while (access(path, F_OK) < 0)
                turn();
        for (int i = 0; i < 150; i++) /* it tries once a second */
                ck_assert_int_ge(sd_event_run(event, 10000), 0);
        ck_assert(!netd_is_up(&n) && n_up == 0 && strstr(n.said, "user"));
        ck_assert_int_eq(chown(dir, 65534, 65534),
                        0); /* whom the folder belongs to, but anybody writes */
        for (int i = 0; i < 150; i++)
                ck_assert_int_ge(sd_event_run(event, 10000), 0);
        ck_assert_uint_eq(n_up, 0);
        ck_assert_int_eq(chmod(dir, 0755), 0);
        for (int i = 0; i < 400 && n_up == 0; i++)
                ck_assert_int_ge(sd_event_run(event, 10000), 0);
        ck_assert_uint_eq(n_up, 1);
        (void) kill(pid, SIGKILL);
}
END_TEST

int main(void) {
        Suite *s = suite_create("netd");
        TCase *t = tcase_create("netd");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, netd_is_connected_to_when_it_comes);
        tcase_add_test(t, netd_is_told_whole_states);
        tcase_add_test(t, netd_that_reads_slowly_gets_the_newest_whole);
        tcase_add_test(t, netd_orders_replace_what_they_make_needless);
        tcase_add_test(t, netd_that_never_reads_is_given_up);
        tcase_add_test(t, netd_refuses_what_cannot_be_ordered);
        tcase_add_test(t, netd_is_heard);
        tcase_add_loop_test(t, netd_that_breaks_the_rules_is_hung_up_on, 0, 5);
        tcase_add_test(t, netd_of_a_foreign_user_is_refused);
        suite_add_tcase(s, t);
        return unit_run(s);
}
