/* agent/kedged/net_desk: from what a scripted chain shows to what kedge-netd is told, over a clock
 * that stands. */

#include "watch_world.h"

#include <sys/socket.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/net_desk.h"

#define PLANT                                                                                      \
        "[Network plant]\nZone=plant.fleet\nHost=gw0\nInterface=kedge0\nPrefix=10.77.0.0/16\n"     \
        "ListenPort=51820\nMembers=gw0 gw1 gw2 gw3\n"
#define HOUR 3600000

static struct agent *ag;
static int there; /* kedge-netd's end */
static unsigned n_told, n_removed, n_news, n_notes;
static char told_link[NETD_LINK_NAME];
static struct netd_begin told;
static struct netd_peer told_peer[16];
static size_t n_peers;
static char news_field[16][16], news_name[16][32];
static char why[NET_WHY_MAX];

static void heard(void *userdata, uint64_t client, uint32_t id _unused_,
                const struct watch_reply *reply _unused_) {
        ck_assert(client & NET_CLIENT);
        net_desk_heard(userdata);
}

static void on_news(void *userdata _unused_, const struct news *news) {
        n_notes += news->kind == NEWS_NETWORK;
        if (news->kind != NEWS_PEER || n_news == 16)
                return;
        (void) snprintf(news_field[n_news], 16, "%s", news->field);
        (void) snprintf(news_name[n_news++], 32, "%s", news->name);
}

static void write_conf(const char *text) {
        int fd = openat(w.dir_fd, NET_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        close(fd);
}

/* What has been sent to kedge-netd since; whole states alone count. */
static void drain(void) {
        struct netd_message m;
        size_t n = 0;

        while (recv(there, &m, sizeof(m), MSG_DONTWAIT) == (ssize_t) sizeof(m)) {
                if (m.kind == NETD_BEGIN) {
                        told = m.begin;
                        n = 0;
                } else if (m.kind == NETD_PEER)
                        told_peer[n++] = m.peer;
                else if (m.kind == NETD_COMMIT) {
                        n_peers = n;
                        memcpy(told_link, m.link, sizeof(told_link));
                        n_told++;
                } else
                        n_removed += m.kind == NETD_REMOVE;
        }
}

static void turn(void) {
        for (int i = 0; i < 8; i++) {
                watch_pump(&ag->watch, now_ms() + 10000);
                net_desk_ask(ag, now_ms());
                proofs_pump(&w.proofs, now_ms());
        }
        net_desk_pump(ag, now_ms());
        drain();
}

static void later(uint64_t ms) {
        clock_ms += ms;
        net_desk_keep(ag, now_ms());
        turn();
}

/* A plan names who is to be asked about, the next one has the answers. */
static void turns(void) {
        for (int i = 0; i < 3; i++) {
                clock_ms += NET_PACE_MS;
                turn();
        }
}

static void netd_comes(void) {
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        there = pair[1];
        ag->net.netd.fd = pair[0];
        ag->net.netd.heard(ag, true, NULL);
}

static void netd_says(const struct netd_message *m) {
        ag->net.netd.heard(ag, true, m);
}

static void netd_goes(void) {
        ag->net.netd.fd = fd_close(ag->net.netd.fd);
        there = fd_close(there);
        ag->net.netd.heard(ag, false, NULL);
}

static void desk_opens(void) {
        char path[64];

        (void) snprintf(path, sizeof(path), "%s/kedged.conf", w.dir);
        ag = calloc(1, sizeof(*ag));
        ck_assert_ptr_nonnull(ag);
        ag->config_path = strdup(path);
        ag->config = &w.config;
        ag->state_fd = w.dir_fd;
        ag->runs[0] = w.runs[0];
        ag->n_runs = 1;
        ck_assert_int_ge(sd_event_new(&ag->event), 0);
        watch_init(&ag->watch, &w.config, ag->runs, &w.proofs, &w.book, heard, ag);
        ag->watch.news = &ag->news;
        ck_assert_int_eq(news_listen(&ag->news, on_news, NULL), 0);
        ck_assert_int_eq(net_desk_read(ag), 0);
        ck_assert_int_eq(net_desk_open(ag), 0);
        n_told = n_removed = n_news = n_notes = 0;
        n_peers = 0;
}

static void desk_closes(void) {
        net_desk_done(&ag->net);
        proofs_done(&w.proofs);
        watch_done(&ag->watch);
        ag->event = sd_event_unref(ag->event);
        free((void *) ag->config_path);
        free(ag);
        there = fd_close(there);
}

/* kedged is killed; the book is read from the disk. */
static void desk_again(void) {
        desk_closes();
        book_done(&w.book);
        ck_assert_int_eq(book_open(&w.book, w.dir_fd), 0);
        desk_opens();
        netd_comes();
        turn();
}

static void member(unsigned n, const char *final, const char *head) {
        char text[64], ip[32];

        (void) snprintf(text, sizeof(text), "gw%u.wg_key", n);
        set(text, RECORD_WG_KEY, final, head);
        (void) snprintf(text, sizeof(text), "gw%u.wg_ip", n);
        (void) snprintf(ip, sizeof(ip), "10.77.0.%u", n + 1);
        set(text, RECORD_WG_IP, ip, ip);
}

#define KEY(digits) "0x40000000000000000000000000000000000000000000000000000000000000" digits

static void chain_moves(uint64_t final, uint64_t head) {
        w.fake.head_root.b[0]++;
        w.fake.final_root.b[0]++;
        heads(final, head);
        watch_moved(&ag->watch, w.runs[0]);
        turn();
}

/* The same, for what is not urgent. */
static void chain_goes_on(uint64_t final, uint64_t head) {
        chain_moves(final, head);
        turns();
}

static void net_setup(void) {
        setup();
        w.config.role[ROLE_NET].max_age_ms = HOUR;
        w.config.role[ROLE_NET].stale = STALE_KEEP;
        (void) snprintf(w.config.netd_socket, sizeof(w.config.netd_socket), "%s/none", w.dir);
        write_conf(PLANT);
        there = -1;
        for (unsigned n = 0; n < 3; n++) {
                static const char *const keys[] = { KEY("00"), KEY("01"), KEY("02") };

                member(n, keys[n], keys[n]);
        }
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
        heads(100, 101);
        desk_opens();
        netd_comes();
        turns();
}

static void disk(bool refuses) {
        static const char *const drafts[] = { "net.plant.new", "net.plant.1.new" };

        for (size_t i = 0; i < ELEMENTSOF(drafts); i++)
                ck_assert_int_eq(refuses ? mkdirat(w.dir_fd, drafts[i], 0700)
                                         : unlinkat(w.dir_fd, drafts[i], AT_REMOVEDIR), 0);
}

static void net_teardown(void) {
        static const char *const files[] = { NET_FILE, "net.plant", "net.plant.1", NET_LINKS_FILE,
                                             NET_LINKS_FILE ".1", "net.hall", "net.hall.1" };

        desk_closes();
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                (void) unlinkat(w.dir_fd, files[i], 0);
        (void) unlinkat(w.dir_fd, "net.plant.new", AT_REMOVEDIR);
        (void) unlinkat(w.dir_fd, "net.plant.1.new", AT_REMOVEDIR);
        teardown();
}

/* Exactly these stand there: by the last byte of their keys. */
static bool stand(size_t n, uint8_t a, uint8_t b, uint8_t c) {
        const uint8_t want[] = { a, b, c };

        if (n_peers != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (told_peer[i].key[31] != want[i])
                        return false;
        return true;
}

#define STAND(...) ck_assert_msg(stand(__VA_ARGS__), "%zu peers stand", n_peers)

START_TEST(members_are_proven_and_told) {
        STAND(2, 1, 2, 0);
        ck_assert_str_eq(told_link, "kedge0");
        ck_assert(told.listen_port == 51820 && told.n_links == 1);
        ck_assert_uint_eq(told.own[0].ip.b[3], 1);
        ck_assert_uint_eq(told_peer[1].tunnel[0].b[3], 3);
        ck_assert(n_news == 2 && strcmp(news_field[0], "add") == 0);
        ck_assert_str_eq(news_name[1], "gw2.plant.fleet");
        n_told = 0;
        later(5000);
        ck_assert_uint_eq(n_told, 0); /* nothing has changed */
} END_TEST

START_TEST(who_is_revoked_goes_in_the_same_turn) {
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(100, 102);
        STAND(1, 2, 0, 0);
        ck_assert_str_eq(news_field[2], "goes");
        ck_assert_uint_eq(ag->net.network[0].n_revoked, 1);
} END_TEST

START_TEST(what_goes_waits_for_no_disk) {
        disk(true);
        ck_assert_int_eq(mkdirat(w.dir_fd, "revocations.new", 0700), 0);
        ck_assert_int_eq(mkdirat(w.dir_fd, "revocations.1.new", 0700), 0);
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(100, 102);
        STAND(1, 2, 0, 0);
} END_TEST

START_TEST(what_is_new_waits_for_the_disk) {
        disk(true);
        member(3, KEY("03"), KEY("03"));
        chain_goes_on(102, 103);
        STAND(2, 1, 2, 0);
        later(5000);
        STAND(2, 1, 2, 0);
        disk(false);
        later(5000);
        STAND(3, 1, 2, 3);
} END_TEST

START_TEST(what_goes_is_told_without_what_is_new) {
        disk(true);
        member(3, KEY("03"), KEY("03"));
        set("gw3.wg_ip", RECORD_WG_IP, "10.77.0.2", "10.77.0.2"); /* that gw1 had */
        set("gw1.wg_key", RECORD_WG_KEY, "", "");
        chain_goes_on(102, 103);
        STAND(1, 2, 0, 0);
        netd_goes(); /* another connection gets no more than that */
        netd_comes();
        turn();
        STAND(1, 2, 0, 0);
        disk(false);
        later(5000);
        STAND(2, 2, 3, 0);
} END_TEST

START_TEST(another_key_waits_for_the_disk_and_the_old_one_goes) {
        disk(true);
        member(1, KEY("11"), KEY("11"));
        chain_goes_on(102, 103);
        STAND(1, 2, 0, 0);
        disk(false);
        later(5000);
        STAND(2, 2, 0x11, 0);
} END_TEST

START_TEST(a_restart_brings_back_what_stood_and_nobody_revoked) {
        w.fake.silent = true;
        desk_again();
        STAND(2, 1, 2, 0); /* before any proof */
        w.fake.silent = false;
        turn();
        disk(true); /* what stands is not saved, the revocation is */
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(100, 102);
        STAND(1, 2, 0, 0);
        w.fake.silent = true;
        desk_again();
        STAND(1, 2, 0, 0);
} END_TEST

/* The book has the note for a while; what was applied since then on the word of a final block behind
 * it is kept until it is proven. */
START_TEST(a_restart_keeps_who_was_listed_again) {
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_goes_on(100, 102);
        STAND(1, 2, 0, 0);
        set("gw1.wg_key", RECORD_WG_KEY, NULL, KEY("01"));
        chain_goes_on(103, 104);
        later(1000);
        STAND(2, 1, 2, 0);
        ck_assert_ptr_nonnull(watch_revocations_of(&ag->watch, "_wg.gw1.plant.fleet"));
        w.fake.silent = true;
        for (int i = 0; i < 3; i++) {
                desk_again();
                STAND(2, 1, 2, 0);
                later(5000);
                STAND(2, 1, 2, 0);
        }
        w.runs[0]->status.finalized.ref.number = 0; /* nothing is final here that we know of */
        desk_again();
        STAND(1, 2, 0, 0);
} END_TEST

/* What is applied was not saved since the head took it: that final has passed by makes it no better. */
START_TEST(a_restart_brings_nobody_back_on_an_older_word) {
        disk(true);
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(100, 102);
        STAND(1, 2, 0, 0);
        w.fake.silent = true;
        heads(103, 104);
        desk_again();
        STAND(1, 2, 0, 0);
} END_TEST

START_TEST(what_is_old_is_kept_or_goes_as_configured) {
        static const enum config_stale stale[] = { STALE_KEEP, STALE_DENY, STALE_SERVE };

        w.config.role[ROLE_NET].stale = stale[_i];
        w.config.role[ROLE_NET].stale_max_ms = HOUR;
        member(3, KEY("03"), KEY("03"));
        w.fake.fail = "the uplink is cut";
        chain_goes_on(102, 103);
        later(HOUR - 1000);
        STAND(2, 1, 2, 0);
        ck_assert_uint_le(net_desk_wake_ms(&ag->net), now_ms() + 3000);
        later(3000);
        if (stale[_i] == STALE_DENY)
                STAND(0, 0, 0, 0);
        else
                STAND(2, 1, 2, 0);
        later(HOUR);
        if (stale[_i] == STALE_KEEP)
                STAND(2, 1, 2, 0);
        else
                STAND(0, 0, 0, 0);
        w.fake.fail = NULL;
        chain_goes_on(104, 105);
        later(5000);
        STAND(3, 1, 2, 3);
} END_TEST

START_TEST(nothing_old_revives_a_revocation) {
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(100, 102);
        w.fake.fail = "the uplink is cut";
        later(2 * HOUR);
        STAND(1, 2, 0, 0);
        w.fake.fail = NULL;
        set("gw1.wg_key", RECORD_WG_KEY, NULL, KEY("01")); /* an older head, shown later */
        chain_moves(100, 101);
        STAND(1, 2, 0, 0);
        chain_moves(103, 104); /* final above the one that revoked */
        later(1000);
        STAND(2, 1, 2, 0);
} END_TEST

static void conf_again(const char *text) {
        struct net_config next;
        char line[CONFIG_WHY_MAX];

        ck_assert_int_eq(net_config_read(VIEW_TEXT(text), "net.conf", &w.config, &next, line), 0);
        net_desk_replace(ag, &next);
        turn();
}

START_TEST(confirm_holds_all_but_revocations) {
        conf_again(PLANT "Apply=confirm\n");
        member(3, KEY("03"), KEY("03"));
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_goes_on(102, 103);
        STAND(1, 2, 0, 0);
        ck_assert_str_eq(ag->net.network[0].hold_why, "Apply=confirm");
        ck_assert_int_eq(net_desk_apply(ag, "plant", 0, why), 0);
        drain();
        STAND(2, 2, 3, 0);
        ck_assert_str_eq(ag->net.network[0].hold_why, "");
} END_TEST

/* Larger than any of ours; who asks has not looked before. */
START_TEST(a_state_of_a_later_kedge_is_left) {
        static const char later_one[12] = { 'K', 'E', 'D', 'G', 'E', 'S', 'T', 'O', 0, 0, 0, 2 };
        int fd = openat(w.dir_fd, "net.hall", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        ck_assert_int_eq(write(fd, later_one, sizeof(later_one)), sizeof(later_one));
        ck_assert_int_eq(ftruncate(fd, 1 << 24), 0);
        close(fd);
        conf_again("[Network hall]\nZone=plant.fleet\nHost=gw0\nInterface=kedge1\n"
                   "Prefix=10.77.0.0/16\nMembers=gw0 gw1\n");
        ck_assert_uint_eq(ag->net.n, 0);
        ck_assert_int_lt(faccessat(w.dir_fd, "net.hall.1", F_OK, 0), 0);
} END_TEST

START_TEST(apply_needs_a_network_and_kedge_netd) {
        ck_assert_int_eq(net_desk_apply(ag, "hall", 0, why), -ENOENT);
        ck_assert_int_eq(net_desk_apply(ag, "plant", NET_TIMEOUT_MAX + 1, why), -EINVAL);
        ck_assert_int_eq(net_desk_confirm(ag, "plant", why), -ENOENT);
        ck_assert_int_eq(net_desk_roll_back(ag, "plant", 0, why), -ENOENT);
        ck_assert_int_eq(net_desk_next_key(ag, "hall", why), -ENOENT);
        ck_assert_int_eq(net_desk_next_key(ag, "plant", why), 0);
        netd_goes();
        why[0] = 0;
        ck_assert_int_eq(net_desk_apply(ag, "plant", 0, why), -ENOTCONN);
        ck_assert_int_eq(net_desk_next_key(ag, "plant", why), -ENOTCONN);
        ck_assert_str_ne(why, "");
} END_TEST

START_TEST(apply_waits_for_the_disk) {
        disk(true);
        ck_assert_int_lt(net_desk_apply(ag, "plant", 60000, why), 0);
        ck_assert_uint_eq(ag->net.network[0].state.revert_ms, 0);
        ck_assert_int_lt(net_desk_roll_back(ag, "plant", 60000, why), 0);
        ck_assert_uint_eq(ag->net.network[0].state.revert_ms, 0);
} END_TEST

/* Additions held, applied until confirmed, and nobody confirms. */
START_TEST(what_is_not_confirmed_is_taken_back) {
        conf_again(PLANT "Apply=confirm\n");
        member(3, KEY("03"), KEY("03"));
        chain_goes_on(102, 103);
        STAND(2, 1, 2, 0);
        ck_assert_int_eq(net_desk_apply(ag, "plant", 60000, why), 0);
        drain();
        STAND(3, 1, 2, 3);
        ck_assert_uint_eq(net_desk_wake_ms(&ag->net), now_ms() + 60000);
        set("gw1.wg_key", RECORD_WG_KEY, NULL, "");
        chain_moves(103, 104);
        STAND(2, 2, 3, 0);
        if (_i == 1)
                desk_again(); /* a kill changes nothing */
        if (_i == 2) {
                ck_assert_int_eq(net_desk_confirm(ag, "plant", why), 0);
                later(61000);
                STAND(2, 2, 3, 0);
                return;
        }
        later(59000);
        STAND(2, 2, 3, 0);
        later(1001);
        STAND(1, 2, 0, 0); /* gw1, who stood before, is revoked */
        later(1000);
        STAND(1, 2, 0, 0);
        ck_assert_str_eq(ag->net.network[0].hold_why, "it was rolled back");
        ck_assert_int_eq(net_desk_apply(ag, "plant", 0, why), 0);
        drain();
        STAND(2, 2, 3, 0);
} END_TEST

START_TEST(the_operator_rolls_back) {
        member(3, KEY("03"), KEY("03"));
        ck_assert_int_eq(net_desk_apply(ag, "plant", 0, why), 0);
        chain_goes_on(102, 103);
        later(1000);
        STAND(3, 1, 2, 3);
        ck_assert_int_eq(net_desk_roll_back(ag, "plant", 0, why), 0);
        drain();
        STAND(2, 1, 2, 0);
        later(2 * HOUR);
        desk_again();
        later(5000);
        STAND(2, 1, 2, 0);
} END_TEST

START_TEST(a_roll_back_is_armed_beforehand) {
        ck_assert_int_eq(net_desk_roll_back(ag, "plant", 60000, why), 0);
        member(3, KEY("03"), KEY("03"));
        chain_goes_on(102, 103);
        later(1000);
        STAND(3, 1, 2, 3);
        later(60000);
        STAND(2, 1, 2, 0);
} END_TEST

START_TEST(the_limit_is_of_an_hour) {
        w.config.role[ROLE_NET].max_age_ms = 5 * HOUR;
        conf_again(PLANT "AddPerHour=0\n");
        member(3, KEY("03"), KEY("03"));
        chain_goes_on(102, 103);
        later(1000);
        STAND(2, 1, 2, 0);
        ck_assert_uint_eq(ag->net.network[0].hold, NET_HOLD_LIMIT);
        conf_again(PLANT "AddPerHour=1\n");
        STAND(3, 1, 2, 3);
        member(3, KEY("33"), KEY("33"));
        chain_goes_on(104, 105);
        later(1000);
        STAND(2, 1, 2, 0); /* its old key is revoked, and the new one waits */
        ck_assert_uint_le(net_desk_wake_ms(&ag->net), now_ms() + HOUR);
        later(HOUR);
        STAND(3, 1, 2, 0x33);
} END_TEST

START_TEST(roles_are_proven_before_anybody_comes) {
        w.fake.silent = true;
        conf_again(PLANT "[Role 3]\nAllow=tcp/443\n");
        STAND(2, 1, 2, 0); /* who stands, stays */
        ck_assert_uint_eq(ag->net.network[0].plan.count[NET_KEPT], 2);
        w.fake.silent = false;
        later(30000);
        later(5000);
        turns();
        ck_assert_uint_eq(ag->net.network[0].plan.count[NET_KEPT], 0);
        later(5000);
        ck_assert(told_peer[0].roles == 0 && told_peer[1].roles == 0);
        set("_host.gw2.role", RECORD_ROLE, "0x8", "0x8");
        chain_goes_on(102, 103);
        later(1000);
        ck_assert(told_peer[0].roles == 0 && told_peer[1].roles == 1);
        set("_host.gw2.role", RECORD_ROLE, NULL, "");
        chain_moves(102, 104);
        STAND(2, 1, 2, 0);
        ck_assert_uint_eq(told_peer[1].roles, 0);
} END_TEST

START_TEST(networks_that_are_gone_are_taken_away) {
        struct netd_message m;

        ck_assert_int_eq(faccessat(w.dir_fd, "net.plant", F_OK, 0), 0);
        conf_again("");
        ck_assert_uint_eq(n_removed, 1);
        ck_assert_int_lt(faccessat(w.dir_fd, "net.plant", F_OK, 0), 0);
        later(5000);
        ck_assert_uint_eq(n_removed, 2); /* until it says that it is gone */
        netd_message_init(&m, NETD_STATE, 0, "kedge0");
        netd_says(&m);
        later(5000);
        ck_assert(n_removed == 2 && ag->net.links.n == 0);
        conf_again(PLANT);
        later(1000);
        STAND(2, 1, 2, 0);
} END_TEST

START_TEST(another_link_takes_the_first_away) {
        conf_again("[Network plant]\nZone=plant.fleet\nHost=gw0\nInterface=kedge7\n"
                   "Prefix=10.77.0.0/16\nMembers=gw0 gw1 gw2\n");
        ck_assert_uint_eq(n_removed, 1);
        ck_assert_str_eq(told_link, "kedge7");
        STAND(2, 1, 2, 0);
        ck_assert_int_eq(faccessat(w.dir_fd, "net.plant", F_OK, 0), 0);
} END_TEST

START_TEST(what_kedge_netd_says_fills_no_journal) {
        struct netd_message m;

        for (unsigned i = 0; i < 1000; i++) {
                netd_message_init(&m, NETD_STATE, 1, "kedge0");
                m.state.up = i % 2;
                netd_says(&m);
        }
        ck_assert_uint_ge(n_notes, 5);
        ck_assert_uint_le(n_notes, 12);
        clock_ms += 2000;
        n_notes = 0;
        m.state.up = 1;
        m.state.error = -5;
        (void) snprintf(m.state.text, sizeof(m.state.text), "the disk is on fire");
        netd_says(&m);
        ck_assert_uint_ge(n_notes, 1); /* it is told what has become of it */
} END_TEST

/* Our own record moves to the address that a peer leaves, while the disk refuses. */
START_TEST(what_is_told_without_what_is_new_keeps_the_rules) {
        char text[NETD_TEXT_MAX];

        disk(true);
        set("gw1.wg_ip", RECORD_WG_IP, "10.77.0.9", "10.77.0.9");
        set("gw0.wg_ip", RECORD_WG_IP, "10.77.0.2", "10.77.0.2");
        chain_goes_on(102, 103);
        ck_assert_uint_eq(told.own[0].ip.b[3], 2);
        ck_assert_msg(netd_desired_check(&told, NULL, told_peer, text) == 0, "%s", text);
        disk(false);
        later(5000);
        STAND(2, 1, 2, 0);
} END_TEST

START_TEST(what_kedge_netd_says_is_not_believed_blindly) {
        struct net_desk_network *n = &ag->net.network[0];
        struct netd_message m;

        netd_message_init(&m, NETD_STATE, n->serial + 1, "kedge0");
        m.state.up = 1;
        m.state.n_peers = 2;
        netd_says(&m);
        ck_assert_uint_eq(n->applied_serial, 0); /* that was never sent */
        netd_message_init(&m, NETD_STATE, n->serial, "kedge0");
        m.state.up = 1;
        m.state.n_peers = 2;
        netd_says(&m);
        ck_assert(n->applied_serial == n->serial && n->stands.up && n->seen_ms == 0);
        for (uint8_t i = 2; i > 0; i--) {
                netd_message_init(&m, NETD_SEEN, 0, "kedge0");
                m.seen.key[0] = i;
                netd_says(&m);
        }
        netd_message_init(&m, NETD_STATE, n->serial, "kedge0");
        m.state.n_seen = 3; /* and one is missing */
        netd_says(&m);
        ck_assert(n->seen_ms == 0 && n->n_seen == 0);
        for (uint8_t i = 2; i > 0; i--) {
                netd_message_init(&m, NETD_SEEN, 0, "kedge0");
                m.seen.key[0] = i;
                netd_says(&m);
        }
        netd_message_init(&m, NETD_STATE, n->serial, "kedge0");
        m.state.n_seen = m.state.n_peers = 2;
        netd_says(&m);
        ck_assert(n->seen_ms == now_ms() && n->n_seen == 2 && n->seen[0].key[0] == 1);
        netd_message_init(&m, NETD_STATE, 99, "kedge9"); /* of no network */
        netd_says(&m);
        netd_goes();
        ck_assert(n->seen_ms == 0 && n->applied_serial == 0 && !n->has_stands);
} END_TEST

/* In the order of proofs the first would have it, whoever published it first. */
START_TEST(two_claims_in_a_first_fill_are_both_refused) {
        ag->net.network[0].state.ever = _i == 0;
        member(3, KEY("03"), KEY("03"));
        set("gw3.wg_ip", RECORD_WG_IP, "10.77.0.3", "10.77.0.3"); /* that of gw2 */
        chain_goes_on(102, 103);
        if (_i == 0)
                STAND(2, 1, 2, 0);
        else
                STAND(1, 1, 0, 0);
} END_TEST

/* Nobody comes back with it, so that nothing but the hold waits for the disk. */
START_TEST(a_roll_back_that_is_not_on_disk_says_so) {
        ck_assert_int_eq(net_desk_apply(ag, "plant", 0, why), 0);
        disk(true);
        ck_assert_int_lt(net_desk_roll_back(ag, "plant", 0, why), 0);
        ck_assert_str_ne(why, "");
        disk(false);
        later(NET_AGAIN_MS);
        ck_assert(!ag->net.network[0].state.dirty && ag->net.network[0].state.held);
} END_TEST

/* What the first link has told is of its own key. */
START_TEST(what_another_link_has_told_is_forgotten) {
        struct net_desk_network *n = &ag->net.network[0];
        struct netd_message m;

        netd_message_init(&m, NETD_STATE, n->serial, "kedge0");
        m.state.up = 1;
        memset(m.state.public_key, 7, NETD_KEY_SIZE);
        netd_says(&m);
        ck_assert(n->has_stands && n->link_up && n->applied_serial > 0);
        conf_again("[Network plant]\nZone=plant.fleet\nHost=gw0\nInterface=kedge1\n"
                   "Prefix=10.77.0.0/16\nListenPort=51820\nMembers=gw0 gw1 gw2 gw3\n");
        ck_assert(!n->has_stands && !n->link_up && n->applied_serial == 0);
} END_TEST

int main(void) {
        Suite *s = suite_create("net_desk");
        TCase *t = tcase_create("net_desk");

        tcase_add_checked_fixture(t, net_setup, net_teardown);
        tcase_add_test(t, members_are_proven_and_told);
        tcase_add_test(t, who_is_revoked_goes_in_the_same_turn);
        tcase_add_test(t, what_goes_waits_for_no_disk);
        tcase_add_test(t, what_is_new_waits_for_the_disk);
        tcase_add_test(t, what_goes_is_told_without_what_is_new);
        tcase_add_test(t, another_key_waits_for_the_disk_and_the_old_one_goes);
        tcase_add_test(t, a_restart_brings_back_what_stood_and_nobody_revoked);
        tcase_add_test(t, a_restart_keeps_who_was_listed_again);
        tcase_add_test(t, a_restart_brings_nobody_back_on_an_older_word);
        tcase_add_loop_test(t, what_is_old_is_kept_or_goes_as_configured, 0, 3);
        tcase_add_test(t, nothing_old_revives_a_revocation);
        tcase_add_test(t, confirm_holds_all_but_revocations);
        tcase_add_test(t, a_state_of_a_later_kedge_is_left);
        tcase_add_test(t, apply_needs_a_network_and_kedge_netd);
        tcase_add_test(t, apply_waits_for_the_disk);
        tcase_add_loop_test(t, what_is_not_confirmed_is_taken_back, 0, 3);
        tcase_add_test(t, the_operator_rolls_back);
        tcase_add_test(t, a_roll_back_is_armed_beforehand);
        tcase_add_test(t, the_limit_is_of_an_hour);
        tcase_add_test(t, roles_are_proven_before_anybody_comes);
        tcase_add_test(t, networks_that_are_gone_are_taken_away);
        tcase_add_test(t, another_link_takes_the_first_away);
        tcase_add_test(t, what_kedge_netd_says_fills_no_journal);
        tcase_add_test(t, what_is_told_without_what_is_new_keeps_the_rules);
        tcase_add_test(t, what_kedge_netd_says_is_not_believed_blindly);
        tcase_add_loop_test(t, two_claims_in_a_first_fill_are_both_refused, 0, 2);
        tcase_add_test(t, a_roll_back_that_is_not_on_disk_says_so);
        tcase_add_test(t, what_another_link_has_told_is_forgotten);
        suite_add_tcase(s, t);
        return unit_run(s);
}
