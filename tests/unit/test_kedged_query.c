/* agent/kedged/quota, query, courier, run: what one user, one fetch or one full disk may do to the
 * rest. */

#include "unit.h"
#include "fake_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/kedged/courier.h"
#include "agent/kedged/query.h"
#include "agent/kedged/quota.h"
#include "agent/kedged/run.h"
#include "agent/kedged/util.h"

/* The clock stands: how fast this machine is decides nothing. */
int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
        if (id != CLOCK_BOOTTIME)
                return __real_clock_gettime(id, ret);
        *ret = (struct timespec){ 1000000, 0 };
        return 0;
}

static struct quota quota;

START_TEST(quota_connections_by_user_and_in_all) {
        memset(&quota, 0, sizeof(quota));
        for (int i = 0; i < QUOTA_CLIENTS_UID; i++)
                ck_assert_int_eq(quota_join(&quota, 1000, 0), 0);
        ck_assert_int_eq(quota_join(&quota, 1000, 0), -EDQUOT);
        ck_assert_int_eq(quota_join(&quota, 1001, 0), 0); /* nobody else notices */
        quota_leave(&quota, 1000);
        ck_assert_int_eq(quota_join(&quota, 1000, 0), 0);
        for (uid_t u = 2000; quota.n_clients < QUOTA_CLIENTS_MAX - QUOTA_ROOT_RESERVE; u++)
                ck_assert_int_eq(quota_join(&quota, u, 0), 0);
        ck_assert_int_eq(quota_join(&quota, 5000, 0), -ENOSPC);
        for (int i = 0; i < QUOTA_ROOT_RESERVE; i++)
                ck_assert_int_eq(quota_join(&quota, 0, 0), 0);
        ck_assert_int_eq(quota_join(&quota, 0, 0), -ENOSPC);
} END_TEST

START_TEST(quota_root_has_a_limit_too) {
        memset(&quota, 0, sizeof(quota));
        for (int i = 0; i < QUOTA_CLIENTS_ROOT; i++)
                ck_assert_int_eq(quota_join(&quota, 0, 0), 0);
        ck_assert_int_eq(quota_join(&quota, 0, 0), -EDQUOT);
} END_TEST

static unsigned drain(uid_t uid, enum quota_kind kind, uint64_t now) {
        unsigned n = 0;

        while (n < 100000 && quota_take(&quota, uid, kind, now))
                n++;
        return n;
}

START_TEST(quota_bucket_is_a_burst_then_a_rate) {
        memset(&quota, 0, sizeof(quota));
        ck_assert_int_eq(quota_join(&quota, 1000, 0), 0);
        ck_assert_uint_eq(drain(1000, QUOTA_LOOKUP, 0), 200);
        ck_assert_uint_eq(drain(1000, QUOTA_LOOKUP, 1000), 50);
        ck_assert_uint_eq(drain(1000, QUOTA_REQUEST, 1000), 4000);
        ck_assert_uint_eq(drain(1001, QUOTA_LOOKUP, 1000), 200);
        ck_assert_uint_eq(drain(1000, QUOTA_LOOKUP, 500),
                        0); /* a clock that goes back gives nothing */
        quota_leave(&quota, 1000);
        ck_assert_int_eq(quota_join(&quota, 1000, 1000), 0); /* connecting anew gives nothing */
        ck_assert_uint_eq(drain(1000, QUOTA_LOOKUP, 1000), 0);
        ck_assert_uint_eq(drain(1000, QUOTA_LOOKUP, 100000000), 200);
} END_TEST

START_TEST(quota_accounts_are_bounded) {
        memset(&quota, 0, sizeof(quota));
        for (uid_t u = 0; u < 5000; u++)
                ck_assert(quota_take(&quota, u, QUOTA_REQUEST, u));
} END_TEST

static struct query query;
static sd_event *event;
static uint64_t waiting;
static bool hold;

static bool on_ask(void *userdata _unused_, struct query_client *client,
                const struct query_request *request _unused_, struct query_reply *ret) {
        waiting = client->id;
        if (hold)
                return false;
        ret->result = QUERY_OK;
        return true;
}

static void query_setup(void) {
        memset(&query, 0, sizeof(query));
        ck_assert_int_ge(sd_event_new(&event), 0);
        query.event = event;
        query.listen_fd = -1;
        query.ask = on_ask;
        hold = false;
}

static void query_teardown(void) {
        query_done(&query);
        event = sd_event_unref(event);
}

static void turn(void) {
        for (int i = 0; i < 50; i++)
                ck_assert_int_ge(sd_event_run(event, 0), 0);
}

static int client(void) {
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                        0);
        query_serve(&query, fds[1], 1000);
        return fds[0];
}

static struct query_request request(void) {
        return (struct query_request){
                .magic = QUERY_MAGIC, .version = QUERY_VERSION, .verb = QUERY_STATUS, .id = 3
        };
}

static bool closed(int fd) {
        uint8_t b[sizeof(struct query_reply)];
        ssize_t n;

        while ((n = recv(fd, b, sizeof(b), 0)) > 0)
                ;
        return n == 0 || errno == ECONNRESET;
}

START_TEST(query_answers) {
        struct query_request q = request();
        struct query_reply r;
        int fd = client();

        ck_assert_int_eq(send(fd, &q, sizeof(q), 0), sizeof(q));
        turn();
        ck_assert_int_eq(recv(fd, &r, sizeof(r), 0), sizeof(r));
        ck_assert_uint_eq(r.id, 3);
        ck_assert_uint_eq(r.result, QUERY_OK);
        q.verb = 99;
        ck_assert_int_eq(send(fd, &q, sizeof(q), 0), sizeof(q));
        turn();
        ck_assert_int_eq(recv(fd, &r, sizeof(r), 0), sizeof(r));
        ck_assert_uint_eq(r.result, QUERY_UNKNOWN);
        close(fd);
} END_TEST

START_TEST(query_garbage_is_closed) {
        struct query_request q = request();
        uint8_t longer[sizeof(q) + 1] = { 0 };
        int a = client(), b = client(), c = client(), d = client();

        q.magic++;
        ck_assert_int_eq(send(a, &q, sizeof(q), 0), sizeof(q));
        ck_assert_int_eq(send(b, &q, 5, 0), 5);
        ck_assert_int_eq(send(c, longer, sizeof(longer), 0), sizeof(longer));
        turn();
        ck_assert(closed(a) && closed(b) && closed(c) && !closed(d));
        ck_assert_uint_eq(query.quota.n_clients, 1);
        close(a), close(b), close(c), close(d);
} END_TEST

START_TEST(query_who_does_not_read_is_closed) {
        struct query_request q = request();
        int fd = client();

        for (int i = 0; i < 100000 && query.quota.n_clients > 0; i++) {
                if (send(fd, &q, sizeof(q), 0) < 0)
                        ck_assert(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
                ck_assert_int_ge(sd_event_run(event, 0), 0);
        }
        ck_assert_uint_eq(query.quota.n_clients, 0);
        close(fd);
} END_TEST

START_TEST(query_flood_is_refused_and_harms_nobody) {
        struct query_request q = request();
        struct query_reply r;
        int fd = client(), refused = 0, other;
        int fds[2];

        for (int i = 0; i < 20000 && !refused; i++) {
                ck_assert_int_eq(send(fd, &q, sizeof(q), 0), sizeof(q));
                ck_assert_int_ge(sd_event_run(event, 0), 0);
                while (recv(fd, &r, sizeof(r), 0) == sizeof(r))
                        refused += r.result == QUERY_REFUSED;
        }
        ck_assert_int_gt(refused, 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                        0);
        query_serve(&query, fds[1], 1001);
        other = fds[0];
        ck_assert_int_eq(send(other, &q, sizeof(q), 0), sizeof(q));
        turn();
        ck_assert_int_eq(recv(other, &r, sizeof(r), 0), sizeof(r));
        ck_assert_uint_eq(r.result, QUERY_OK);
        close(fd), close(other);
} END_TEST

START_TEST(query_idle_is_closed_but_not_who_waits) {
        struct query_request q = request();
        int idle = client(), waits = client();

        hold = true;
        ck_assert_int_eq(send(waits, &q, sizeof(q), 0), sizeof(q));
        turn();
        query_expire(&query, now_ms() + QUERY_IDLE_MS + 1000);
        ck_assert(closed(idle) && !closed(waits));
        close(idle), close(waits);
} END_TEST

START_TEST(query_answer_to_who_has_gone_is_dropped) {
        struct query_request q = request();
        struct query_reply r;
        int fd = client();

        hold = true;
        ck_assert_int_eq(send(fd, &q, sizeof(q), 0), sizeof(q));
        turn();
        close(fd);
        turn();
        query_reply_init(&r, 3, QUERY_OK);
        query_reply(&query, waiting, &r);
        ck_assert_uint_eq(query.quota.n_clients, 0);
} END_TEST

static bool on_look_up(void *userdata _unused_, struct query_client *client,
                const struct query_request *request _unused_, struct query_reply *ret) {
        waiting = client->id;
        ret->result = QUERY_REFUSED;
        return !query_may_look_up(client);
}

/* How many questions a user has open who connects, asks as much as a connection may, and goes away,
 * again and again. */
static unsigned open_by_coming_and_going(void) {
        struct query_request q = request();
        unsigned n = 0;

        for (int i = 0; i < 10; i++) {
                int fd = client();

                for (int k = 0; k < QUERY_OPEN_MAX; k++)
                        ck_assert_int_eq(send(fd, &q, sizeof(q), 0), sizeof(q));
                turn();
                close(fd);
                turn();
        }
        for (const struct query_client *c = query.clients; c; c = c->next)
                n += c->open;
        return n;
}

START_TEST(query_who_goes_away_keeps_the_questions_on_account) {
        struct query_request q = request();
        struct query_reply r;
        int fds[2];

        query.ask = on_look_up;
        ck_assert_uint_eq(open_by_coming_and_going(), QUERY_OPEN_UID);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                        0);
        query_serve(&query, fds[1], 1001);
        ck_assert_int_eq(send(fds[0], &q, sizeof(q), 0), sizeof(q));
        turn();
        ck_assert_int_lt(recv(fds[0], &r, sizeof(r), 0),
                        0); /* another user's waits for the chain, not refused */
        query_reply_init(&r, 3, QUERY_OK);
        while (query.clients) { /* each answer ends a question, the last one the account */
                uint64_t id = query.clients->id;

                if (query.clients->fd >= 0)
                        close(fds[0]), fds[0] = -1, turn();
                query_reply(&query, id, &r);
        }
        ck_assert_uint_eq(query.quota.n_clients, 0);
} END_TEST

static unsigned delivered;

static void on_delivered(void *userdata, const struct query_reply *reply) {
        ck_assert_ptr_eq(userdata, &delivered);
        ck_assert_int_eq(reply->result, QUERY_OK);
        delivered++;
}

START_TEST(query_put_is_on_the_same_account) {
        struct query_request q = request();
        struct query_reply r;
        uint64_t id[QUERY_OPEN_UID], more = 99;
        size_t n = 0;

        delivered = 0;
        ck_assert_int_eq(query_put(&query, 1001, &q, on_delivered, &delivered, &r, &more), 0);
        ck_assert_uint_eq(more, 0); /* answered at once */
        ck_assert_uint_eq(query.quota.n_clients, 0);
        query.ask = on_look_up;
        for (; n < QUERY_OPEN_UID; n++) {
                ck_assert_int_eq(query_put(&query, 1001, &q, on_delivered, &delivered, &r, &id[n]), 0);
                ck_assert_uint_ne(id[n], 0);
        }
        ck_assert_int_eq(query_put(&query, 1001, &q, on_delivered, &delivered, &r, &more), -EDQUOT);
        ck_assert_int_eq(query_put(&query, 1002, &q, on_delivered, &delivered, &r, &more), 0);
        query_reply_init(&r, 1, QUERY_OK);
        query_forget(&query, id[0]); /* who goes away makes no room */
        ck_assert_int_eq(query_put(&query, 1001, &q, on_delivered, &delivered, &r, &more), -EDQUOT);
        query_reply(&query, id[0], &r);
        ck_assert_uint_eq(delivered, 0);
        query_reply(&query, id[1], &r);
        query_reply(&query, id[1], &r); /* it is answered once */
        ck_assert_uint_eq(delivered, 1);
        ck_assert_int_eq(query_put(&query, 1001, &q, on_delivered, &delivered, &r, &more), 0);
} END_TEST

START_TEST(query_put_charges_each_question) {
        struct query_request q = request();
        struct query_reply r;
        unsigned n = 0;
        uint64_t id;

        while (n < 10000 && query_put(&query, 1001, &q, on_delivered, NULL, &r, &id) == 0)
                n++;
        ck_assert_uint_eq(n, 4000);
        ck_assert_uint_eq(query.quota.n_clients, 0);
        ck_assert_int_eq(query_put(&query, 1002, &q, on_delivered, NULL, &r, &id), 0);
} END_TEST

static struct courier courier;
static char dir[] = "/tmp/kedge-query-XXXXXX", path[64];
static unsigned ups, downs, messages, links;
static int dir_fd;

static void on_event(void *userdata _unused_, unsigned upstream _unused_, enum courier_kind kind,
                struct view body _unused_) {
        ups += kind == COURIER_UP;
        downs += kind == COURIER_DOWN;
        messages += kind == COURIER_MESSAGE;
}

static void on_link(void *userdata _unused_, bool up) {
        links += up;
}

static void courier_setup(void) {
        static const uint8_t key[SECP_PRIVKEY_SIZE] = { 1 };

        query_setup();
        memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
        ck_assert_ptr_nonnull(mkdtemp(dir));
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void) snprintf(path, sizeof(path), "%s/fetch.sock", dir);
        memset(&courier, 0, sizeof(courier));
        courier.on_event = on_event;
        courier.on_link = on_link;
        ups = downs = messages = links = 0;
        ck_assert_int_ge(courier_open(&courier, event, path, (uid_t) -1, key), 0);
}

static void courier_teardown(void) {
        static const char *const names[] = { "fetch.sock", "chain", "chain.1", "chain.new",
                "chain.1.new" };

        courier_done(&courier);
        query_teardown();
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (unlinkat(dir_fd, names[i], 0) < 0)
                        (void) unlinkat(dir_fd, names[i], AT_REMOVEDIR);
        close(dir_fd);
        (void) rmdir(dir);
}

static int fetch(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        strcpy(sa.sun_path, path);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *) &sa, sizeof(sa)), 0);
        turn();
        return fd;
}

static enum courier_kind next_frame(int fd) {
        uint8_t b[COURIER_FRAME_MAX];
        ssize_t n = recv(fd, b, sizeof(b), 0);
        struct courier_frame f;

        if (n <= 0 || courier_parse(VIEW(b, (size_t) n), &f) < 0)
                return 0;
        return f.kind;
}

static void say(int fd, enum courier_kind kind, unsigned upstream, size_t n) {
        uint8_t b[256], body[128] = { 0 };
        struct buf out = BUF(b);
        struct view v;

        ck_assert_int_eq(courier_put(&out, kind, upstream, VIEW(body, n)), 0);
        ck_assert_int_eq(buf_done(&out, &v), 0);
        ck_assert_int_eq(send(fd, v.p, v.n, 0), (ssize_t) v.n);
        turn();
}

START_TEST(query_lets_many_in_at_once) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fds[40];

        (void) snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/query.sock", dir);
        ck_assert_int_ge(query_open(&query, event, sa.sun_path), 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                ck_assert_int_eq(connect(fds[i], (const struct sockaddr *) &sa, sizeof(sa)), 0);
        }
        ck_assert_int_ge(sd_event_run(event, 0), 0);
        ck_assert_uint_eq(query.quota.n_clients, ELEMENTSOF(fds));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        ck_assert_int_eq(unlinkat(dir_fd, "query.sock", 0), 0);
} END_TEST

START_TEST(courier_waits_for_fetch_then_connects) {
        int fd, second;

        courier_connect(&courier, 3, "node.example", 41046);
        fd = fetch();
        ck_assert_int_eq(next_frame(fd), COURIER_IDENTITY);
        ck_assert_int_eq(next_frame(fd), COURIER_CONNECT);
        ck_assert_uint_eq(links, 1);
        say(fd, COURIER_UP, 3, 64);
        say(fd, COURIER_MESSAGE, 3, 1);
        say(fd, COURIER_MESSAGE, 4, 1); /* nobody asked for that one */
        ck_assert_uint_eq(ups + messages, 2);
        second = fetch();
        ck_assert(closed(second) && !closed(fd));
        close(second), close(fd);
} END_TEST

/* The next frame is an OPEN of this URL. */
static bool next_opens(int fd, const char *url, bool verify) {
        uint8_t b[512];
        ssize_t n = recv(fd, b, sizeof(b), MSG_DONTWAIT);
        char got[COURIER_URL_MAX + 1];
        struct courier_frame f;
        bool v;

        return n > 0 && courier_parse(VIEW(b, (size_t) n), &f) == 0 && f.kind == COURIER_OPEN &&
               f.upstream == 5 && courier_parse_open(f.body, &v, got) == 0 && v == verify &&
               strcmp(got, url) == 0;
}

START_TEST(courier_opens_http_servers) {
        int fd;

        courier_connect_http(&courier, 5, "https://b.example/rpc", true);
        fd = fetch();
        ck_assert_int_eq(next_frame(fd), COURIER_IDENTITY);
        ck_assert(next_opens(fd, "https://b.example/rpc", true));
        say(fd, COURIER_UP, 5, 0);
        ck_assert_uint_eq(ups, 1);
        courier_drop(&courier, 5);
        courier_connect_http(&courier, 5, "http://c.example", false);
        ck_assert_int_eq(next_frame(fd), COURIER_DROP);
        say(fd, COURIER_DOWN, 5, 0);
        ck_assert(next_opens(fd, "http://c.example", false));
        say(fd, COURIER_DOWN, 5, 0);
        courier_connect(&courier, 5, "a", 1); /* a node is none of them */
        ck_assert_int_eq(next_frame(fd), COURIER_CONNECT);
        close(fd);
} END_TEST

START_TEST(courier_dead_fetch_takes_every_upstream_down_once) {
        int fd = fetch();

        for (unsigned i = 0; i < 4; i++)
                courier_connect(&courier, i, "a", 1);
        say(fd, COURIER_DOWN, 0, 0);
        ck_assert_uint_eq(downs, 1);
        close(fd);
        turn();
        ck_assert_uint_eq(downs, 4);
        turn();
        ck_assert_uint_eq(downs, 4);
} END_TEST

START_TEST(courier_reconnect_waits_for_the_old_end) {
        int fd = fetch();

        courier_connect(&courier, 0, "a", 1);
        courier_drop(&courier, 0);
        courier_connect(&courier, 0, "a", 1);
        ck_assert_int_eq(next_frame(fd), COURIER_IDENTITY);
        ck_assert_int_eq(next_frame(fd), COURIER_CONNECT);
        ck_assert_int_eq(next_frame(fd), COURIER_DROP);
        ck_assert_int_eq(next_frame(fd), 0);
        say(fd, COURIER_MESSAGE, 0, 1); /* of the connection that was dropped */
        say(fd, COURIER_DOWN, 0, 0);
        ck_assert_uint_eq(messages + downs, 0);
        ck_assert_int_eq(next_frame(fd), COURIER_CONNECT);
        say(fd, COURIER_DOWN, 0, 0);
        ck_assert_uint_eq(downs, 1);
        close(fd);
} END_TEST

START_TEST(courier_garbage_ends_the_link) {
        static const enum courier_kind ours[] = { COURIER_IDENTITY, COURIER_DROP };
        int fd = fetch();

        ck_assert_int_eq(send(fd, "xx", 2, 0), 2);
        turn();
        ck_assert(closed(fd));
        close(fd);
        for (size_t i = 0; i < ELEMENTSOF(ours); i++) {
                fd = fetch();
                say(fd, ours[i], 0, ours[i] == COURIER_IDENTITY ? 32 : 0);
                ck_assert(closed(fd));
                close(fd);
        }
} END_TEST

START_TEST(courier_socket_is_for_its_owner_alone) {
        struct stat st;

        ck_assert_int_eq(fstatat(dir_fd, "fetch.sock", &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
} END_TEST

static void no_answer(void *userdata _unused_, struct run *run _unused_,
                const struct chain_answer *answer _unused_) {
}

static void no_move(void *userdata _unused_, struct run *run _unused_) {
}

static struct run *new_run(struct fake_chain *fake) {
        const struct run_hooks hooks = { .answer = no_answer, .moved = no_move };
        struct config_chain chain = { .name = "diode", .upstreams.n = 1 };
        uint8_t *state = NULL;
        struct run *run;
        size_t n;

        fake_init(fake);
        fake_heads(fake, 100, 100, 1);
        ck_assert_int_eq(run_new(&chain, 0, 0, &fake->chain, event, &hooks, &run), 0);
        run->courier = &courier;
        ck_assert_int_eq(store_open(&run->store, dir_fd, "chain", 100, &state, &n), -ENOENT);
        courier_connect(&courier, 0, "a", 1);
        return run;
}

static uint64_t half_past(void *userdata _unused_) {
        return 1800;
}

START_TEST(run_tells_the_machine_the_time) {
        static struct fake_chain fake;
        struct run *run = new_run(&fake);
        struct chain_ask ask = { .id = 1, .n_slots = 1 };

        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_uint_eq(fake.wall_s, 0); /* there is no clock */
        run->hooks.wall_s = half_past;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_uint_eq(fake.wall_s, 1800);
        fake.wall_s = 0;
        run->linked = true;
        ck_assert_int_eq(run_ask(run, &ask), 0);
        ck_assert_uint_eq(fake.wall_s, 1800);
        run_free(run);
} END_TEST

/* Which of the courier's ways an upstream takes follows from its kind. */
START_TEST(run_connects_by_the_kind_of_upstream) {
        static struct fake_chain fake;
        int fd = fetch();
        struct run *run = new_run(&fake);

        (void) next_frame(fd), (void) next_frame(fd);
        courier_drop(&courier, 0);
        (void) next_frame(fd);
        say(fd, COURIER_DOWN, 0, 0);
        run->base = 5;
        run->config.upstream_verify = true;
        run->config.upstreams.u[0] = (struct config_upstream){
                .kind = UPSTREAM_BEACON, .url = "beacon+https://b.example/rpc", .http = 7
        };
        fake.connect_next = true;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert(next_opens(fd, "https://b.example/rpc", true));
        close(fd);
        run_free(run);
} END_TEST

START_TEST(run_saves_before_it_sends) {
        static struct fake_chain fake;
        int fd = fetch();
        struct run *run = new_run(&fake);

        (void) next_frame(fd), (void) next_frame(fd);
        fake.save_next = true;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_int_eq(next_frame(fd), COURIER_SEND);
        ck_assert_int_eq(next_frame(fd), COURIER_SEND);
        ck_assert_uint_eq(run->store.height, 100);
        close(fd);
        run_free(run);
} END_TEST

START_TEST(run_full_disk_holds_back_the_ticket_alone) {
        static struct fake_chain fake;
        int fd = fetch();
        struct run *run = new_run(&fake);

        (void) next_frame(fd), (void) next_frame(fd);
        ck_assert_int_eq(mkdirat(dir_fd, "chain.new", 0700), 0);
        fake.save_next = true;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_int_eq(next_frame(fd), COURIER_SEND);
        ck_assert_int_eq(next_frame(fd), 0);
        ck_assert(run->state_dirty);
        ck_assert_int_eq(unlinkat(dir_fd, "chain.new", AT_REMOVEDIR), 0);
        run_retry(run);
        ck_assert(!run->state_dirty);
        close(fd);
        run_free(run);
} END_TEST

START_TEST(run_saved_height_never_decreases) {
        static struct fake_chain fake;
        struct run *run = new_run(&fake);

        fake.save_next = true;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        fake_heads(&fake, 99, 99, 1);
        fake.save_next = true;
        run_event(run, CHAIN_EV_TICK, 0, VIEW(NULL, 0));
        ck_assert_uint_eq(run->store.height, 100);
        ck_assert(run->state_dirty);
        run_free(run);
} END_TEST

START_TEST(run_time_stands_still_without_fetch) {
        static struct fake_chain fake;
        struct run *run = new_run(&fake);
        struct chain_ask ask = { .id = 1, .n_slots = 1 };

        ck_assert_int_eq(run_ask(run, &ask), -ENOTCONN);
        run_link(run, true);
        ck_assert_uint_eq(fake.ticks, 1);
        ck_assert_int_eq(run_ask(run, &ask), 0);
        run_link(run, false);
        ck_assert_uint_eq(fake.ticks, 1);
        ck_assert_int_eq(run_ask(run, &ask), -ENOTCONN);
        run_free(run);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedged query");
        TCase *q = tcase_create("quota"), *t = tcase_create("query"), *c = tcase_create("courier");

        tcase_add_test(q, quota_connections_by_user_and_in_all);
        tcase_add_test(q, quota_root_has_a_limit_too);
        tcase_add_test(q, quota_bucket_is_a_burst_then_a_rate);
        tcase_add_test(q, quota_accounts_are_bounded);
        suite_add_tcase(s, q);
        tcase_add_checked_fixture(t, query_setup, query_teardown);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, query_answers);
        tcase_add_test(t, query_garbage_is_closed);
        tcase_add_test(t, query_who_does_not_read_is_closed);
        tcase_add_test(t, query_flood_is_refused_and_harms_nobody);
        tcase_add_test(t, query_idle_is_closed_but_not_who_waits);
        tcase_add_test(t, query_answer_to_who_has_gone_is_dropped);
        tcase_add_test(t, query_who_goes_away_keeps_the_questions_on_account);
        tcase_add_test(t, query_put_is_on_the_same_account);
        tcase_add_test(t, query_put_charges_each_question);
        suite_add_tcase(s, t);
        tcase_add_checked_fixture(c, courier_setup, courier_teardown);
        tcase_add_test(c, query_lets_many_in_at_once);
        tcase_add_test(c, courier_waits_for_fetch_then_connects);
        tcase_add_test(c, courier_opens_http_servers);
        tcase_add_test(c, courier_dead_fetch_takes_every_upstream_down_once);
        tcase_add_test(c, courier_reconnect_waits_for_the_old_end);
        tcase_add_test(c, courier_garbage_ends_the_link);
        tcase_add_test(c, courier_socket_is_for_its_owner_alone);
        tcase_add_test(c, run_tells_the_machine_the_time);
        tcase_add_test(c, run_connects_by_the_kind_of_upstream);
        tcase_add_test(c, run_saves_before_it_sends);
        tcase_add_test(c, run_full_disk_holds_back_the_ticket_alone);
        tcase_add_test(c, run_saved_height_never_decreases);
        tcase_add_test(c, run_time_stands_still_without_fetch);
        suite_add_tcase(s, c);
        return unit_run(s);
}
