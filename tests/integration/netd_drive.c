/* Speaks to kedge-netd as kedged does, by words on standard input, one command a line; for tests.
 *
 *   netd-drive SOCKET
 *
 *   link NAME PORT MTU KEEPALIVE FLAGS [LINKS]   what follows is of this link, from nothing; FLAGS are 1 firewall, 2 repair
 *   own ADDRESS/LEN                              and so its prefix; NETWORK/LEN: no address of ours yet
 *   ownkey KEY                                   that the chain lists as ours
 *   only LINK
 *   rule ROLE|any any|tcp|udp|icmp FROM TO
 *   peer KEY ADDRESS[,ADDRESS] [ENDPOINT|-] [OUTER|-] [ROLES]   replaces one of that key
 *   many COUNT                                   so many peers: their keys are made up, their addresses are from the prefix's
 *                                                256th on, each with an endpoint
 *   drop KEY | drop many                         revokes it, or the first of those made up that is left
 *   commit                                       sends all of it, and waits for the state
 *   wait SECONDS                                 says what is told meanwhile
 *   observe | nextkey | remove                   and waits for the state
 *
 * Each answer is a line "state name=value ...", each peer seen a line "seen ...", and "done" follows. Ends with 1 when a line cannot be
 * done, or the connection ends. */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "wire/netd.h"

#define WORDS_MAX 8
#define ANSWER_MS 60000

static int fd;
static uint64_t serial;
static char link_name[NETD_LINK_NAME];
static struct netd_begin begin;
static struct netd_rule rule[NETD_RULES_MAX];
static struct netd_peer peer[NETD_PEERS_MAX];
static uint64_t sent_us;

static void die(const char *what) {
        fprintf(stderr, "netd-drive: %s\n", what);
        exit(1);
}

static uint64_t now_us(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void key_of(const char *word, uint8_t ret[NETD_KEY_SIZE]) {
        size_t n;

        if (base64_decode(VIEW_TEXT(word), BASE64_PADDED, ret, NETD_KEY_SIZE, &n) < 0 || n != NETD_KEY_SIZE)
                die("this is no key");
}

static const char *key_text(const uint8_t key[NETD_KEY_SIZE], char ret[BASE64_ROOM(NETD_KEY_SIZE)]) {
        return base64_encode(VIEW(key, NETD_KEY_SIZE), ret);
}

static struct ip ip_of(const char *word) {
        struct ip ip;

        if (ip_parse(VIEW_TEXT(word), &ip) < 0)
                die("this is no address");
        return ip;
}

/* "10.0.0.1:51820", "[fd00::1]:51820" */
static struct ip_endpoint endpoint_of(const char *word) {
        char text[IP_TEXT_MAX];
        struct ip_endpoint e = { 0 };
        char *colon, *address = text;

        (void) snprintf(text, sizeof(text), "%s", word);
        colon = strrchr(text, ':');
        if (!colon)
                die("an endpoint has a port");
        e.port = (uint16_t) atoi(colon + 1);
        *colon = '\0';
        if (*address == '[') {
                address++;
                colon[-1] = '\0';
        }
        e.ip = ip_of(address);
        return e;
}

static void add_own(const char *word) {
        struct ip_prefix *own = &begin.own[begin.n_prefixes], *prefix = &begin.prefix[begin.n_prefixes];

        if (begin.n_prefixes == NETD_PREFIXES_MAX || ip_prefix_parse(VIEW_TEXT(word), own) < 0)
                die("this is no address with a length");
        begin.n_prefixes++;
        *prefix = *own;
        for (unsigned bit = own->len; bit < 128; bit++)
                prefix->ip.b[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
        if (ip_eq(&own->ip, &prefix->ip))
                *own = (struct ip_prefix){ 0 };
}

static void add_rule(char **w) {
        static const char *const protos[] = { "any", "tcp", "udp", "icmp" };
        struct netd_rule *r = &rule[begin.n_rules++];

        r->role = strcmp(w[1], "any") == 0 ? NETD_ROLE_ANY : (uint8_t) atoi(w[1]);
        for (uint8_t i = 0; i < ELEMENTSOF(protos); i++)
                if (strcmp(w[2], protos[i]) == 0)
                        r->proto = i;
        r->from = (uint16_t) atoi(w[3]);
        r->to = (uint16_t) atoi(w[4]);
}

static void drop(const uint8_t key[NETD_KEY_SIZE]) {
        for (size_t i = 0; i < begin.n_peers; i++)
                if (memcmp(peer[i].key, key, NETD_KEY_SIZE) == 0) {
                        peer[i] = peer[--begin.n_peers];
                        return;
                }
}

static void add_peer(char **w, size_t n) {
        struct netd_peer p = { 0 };
        char *comma = strchr(w[2], ',');

        key_of(w[1], p.key);
        drop(p.key);
        if (comma)
                *comma = '\0';
        p.tunnel[0] = ip_of(w[2]);
        if (comma)
                p.tunnel[1] = ip_of(comma + 1);
        if (n > 3 && strcmp(w[3], "-") != 0)
                p.endpoint = endpoint_of(w[3]);
        if (n > 4 && strcmp(w[4], "-") != 0)
                p.outer[0] = ip_of(w[4]);
        if (n > 5)
                p.roles = (uint32_t) strtoul(w[5], NULL, 0);
        if (begin.n_peers == NETD_PEERS_MAX)
                die("too many peers");
        peer[begin.n_peers++] = p;
}

static void made_up(uint32_t i, uint8_t ret[NETD_KEY_SIZE]) {
        memset(ret, 0x5a, NETD_KEY_SIZE);
        memcpy(ret, "made", 4);
        for (int k = 0; k < 4; k++)
                ret[4 + k] = (uint8_t) (i >> (24 - 8 * k));
}

static void add_many(uint32_t n) {
        for (uint32_t i = 0; i < n && begin.n_peers < NETD_PEERS_MAX; i++) {
                struct netd_peer *p = &peer[begin.n_peers++];
                uint32_t at = 256 + i;

                *p = (struct netd_peer){ 0 };
                made_up(i, p->key);
                for (size_t k = 0; k < begin.n_prefixes; k++) {
                        size_t last = begin.prefix[k].ip.family == 4 ? 3 : 15;

                        p->tunnel[k] = begin.prefix[k].ip;
                        p->tunnel[k].b[last] = (uint8_t) at;
                        p->tunnel[k].b[last - 1] = (uint8_t) (at >> 8);
                }
                p->endpoint = (struct ip_endpoint){ { 4, { 198, 51, (uint8_t) (at >> 8), (uint8_t) at } }, 0, 51820 };
                p->outer[0] = p->endpoint.ip;
        }
}

static void drop_word(const char *word) {
        uint8_t key[NETD_KEY_SIZE];
        uint32_t n = begin.n_peers;

        if (strcmp(word, "many") != 0) {
                key_of(word, key);
                drop(key);
                return;
        }
        for (uint32_t i = 0; i < NETD_PEERS_MAX && begin.n_peers == n; i++) {
                made_up(i, key);
                drop(key);
        }
}

static void put(const struct netd_message *m) {
        if (send(fd, m, sizeof(*m), MSG_NOSIGNAL) != (ssize_t) sizeof(*m))
                die("kedge-netd takes nothing");
}

static int by_key(const void *a, const void *b) {
        return memcmp(a, b, NETD_KEY_SIZE);
}

static void commit(void) {
        struct netd_message m;

        qsort(peer, begin.n_peers, sizeof(peer[0]), by_key);
        sent_us = now_us();
        netd_message_init(&m, NETD_BEGIN, ++serial, link_name);
        m.begin = begin;
        put(&m);
        for (size_t i = 0; i < begin.n_rules; i++) {
                netd_message_init(&m, NETD_RULE, serial, link_name);
                m.rule = rule[i];
                put(&m);
        }
        for (size_t i = 0; i < begin.n_peers; i++) {
                netd_message_init(&m, NETD_PEER, serial, link_name);
                m.peer = peer[i];
                put(&m);
        }
        netd_message_init(&m, NETD_COMMIT, serial, link_name);
        put(&m);
}

static void say_seen(const struct netd_seen *s) {
        char key[BASE64_ROOM(NETD_KEY_SIZE)], one[IP_TEXT_MAX], two[IP_TEXT_MAX], at[IP_TEXT_MAX];

        printf("seen key=%s tunnel=%s,%s endpoint=%s foreign=%d more=%d handshake=%lld rx=%llu tx=%llu\n", key_text(s->key, key),
                        ip_text(&s->tunnel[0], one), ip_text(&s->tunnel[1], two), ip_endpoint_text(&s->endpoint, at), s->foreign,
                        s->more_allowed, (long long) s->handshake_s, (unsigned long long) s->rx, (unsigned long long) s->tx);
}

static void say_state(const struct netd_message *m) {
        const struct netd_state *s = &m->state;
        char key[BASE64_ROOM(NETD_KEY_SIZE)], next[BASE64_ROOM(NETD_KEY_SIZE)];

        printf("state link=%.16s serial=%llu error=%d backend=%u up=%u firewall=%u flags=%u port=%u peers=%u foreign=%u "
               "added=%u removed=%u changed=%u flows=%u seen=%u elapsed_us=%u since_us=%llu key=%s next=%s text=%.96s\n",
                        m->link, (unsigned long long) m->serial, s->error, s->backend, s->up, s->firewall, s->flags, s->listen_port,
                        s->n_peers, s->n_foreign, s->added, s->removed, s->changed, s->flows, s->n_seen, s->elapsed_us,
                        (unsigned long long) (now_us() - sent_us), key_text(s->public_key, key), key_text(s->next_key, next), s->text);
}

enum awaited { ANYTHING, COMMITTED, ANSWERED, OBSERVED };

/* kedge-netd tells a state also when something has stirred: that is not what was asked for. */
static bool is_awaited(const struct netd_message *m, enum awaited what) {
        if (m->kind != NETD_STATE || strncmp(m->link, link_name, NETD_LINK_NAME) != 0)
                return false;
        switch (what) {
        case ANYTHING:
                return false;
        case COMMITTED:
                return m->serial >= serial;
        case ANSWERED:
                return true;
        case OBSERVED:
                return m->state.n_seen > 0 || m->state.n_peers == 0;
        }
        return false;
}

/* Says what is told until that has come; false: the time is over. */
static bool listen_to(int wait_ms, enum awaited what) {
        uint64_t until = now_us() + (uint64_t) wait_ms * 1000;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                struct netd_message m;
                uint8_t packet[512];
                uint64_t now = now_us();
                ssize_t n;

                if (now >= until || poll(&p, 1, (int) ((until - now) / 1000) + 1) <= 0)
                        return false;
                n = recv(fd, packet, sizeof(packet), 0);
                if (n <= 0)
                        die("kedge-netd has ended the connection");
                if (netd_message_check(VIEW(packet, (size_t) n), false, &m) < 0)
                        die("kedge-netd says what the protocol does not know");
                if (m.kind == NETD_SEEN)
                        say_seen(&m.seen);
                else
                        say_state(&m);
                (void) fflush(stdout);
                if (is_awaited(&m, what))
                        return true;
        }
}

static void ask(enum netd_kind kind) {
        struct netd_message m;

        sent_us = now_us();
        netd_message_init(&m, kind, ++serial, link_name);
        put(&m);
        if (!listen_to(ANSWER_MS, kind == NETD_OBSERVE ? OBSERVED : ANSWERED))
                die("kedge-netd does not answer");
        puts("done");
}

static void do_link(char **w, size_t n) {
        begin = (struct netd_begin){ 0 };
        memset(link_name, 0, sizeof(link_name));
        (void) snprintf(link_name, sizeof(link_name), "%s", w[1]);
        begin.listen_port = (uint16_t) atoi(w[2]);
        begin.mtu = (uint16_t) atoi(w[3]);
        begin.keepalive_s = (uint16_t) atoi(w[4]);
        begin.flags = (uint8_t) atoi(w[5]);
        begin.n_links = n > 6 ? (uint8_t) atoi(w[6]) : 1;
}

static void do_line(char **w, size_t n) {
        if (n == 0 || w[0][0] == '#')
                return;
        if (strcmp(w[0], "link") == 0 && n >= 6) {
                do_link(w, n);
        } else if (strcmp(w[0], "own") == 0 && n == 2) {
                add_own(w[1]);
        } else if (strcmp(w[0], "ownkey") == 0 && n == 2) {
                key_of(w[1], begin.own_key);
        } else if (strcmp(w[0], "only") == 0 && n == 2 && begin.n_only < NETD_ONLY_MAX) {
                (void) snprintf(begin.only[begin.n_only++], NETD_LINK_NAME, "%s", w[1]);
        } else if (strcmp(w[0], "rule") == 0 && n == 5 && begin.n_rules < NETD_RULES_MAX) {
                add_rule(w);
        } else if (strcmp(w[0], "peer") == 0 && n >= 3) {
                add_peer(w, n);
        } else if (strcmp(w[0], "many") == 0 && n == 2) {
                add_many((uint32_t) atoi(w[1]));
        } else if (strcmp(w[0], "drop") == 0 && n == 2) {
                drop_word(w[1]);
        } else if (strcmp(w[0], "commit") == 0) {
                commit();
                if (!listen_to(ANSWER_MS, COMMITTED))
                        die("kedge-netd does not answer");
                puts("done");
        } else if (strcmp(w[0], "wait") == 0 && n == 2) {
                (void) listen_to((int) (atof(w[1]) * 1000), ANYTHING);
                puts("done");
        } else if (strcmp(w[0], "observe") == 0) {
                ask(NETD_OBSERVE);
        } else if (strcmp(w[0], "nextkey") == 0) {
                ask(NETD_NEXT_KEY);
        } else if (strcmp(w[0], "remove") == 0) {
                ask(NETD_REMOVE);
        } else {
                die(w[0]);
        }
}

int main(int argc, char **argv) {
        struct sockaddr_un to = { .sun_family = AF_UNIX };
        char line[1024];

        if (argc != 2 || strlen(argv[1]) >= sizeof(to.sun_path))
                die("usage: netd-drive SOCKET");
        memcpy(to.sun_path, argv[1], strlen(argv[1]) + 1);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0)
                die(strerror(errno));
        serial = now_us(); /* over that of a run before */
        while (fgets(line, sizeof(line), stdin)) {
                char *w[WORDS_MAX], *save = NULL, *word = strtok_r(line, " \t\n", &save);
                size_t n = 0;

                for (; word && n < WORDS_MAX; word = strtok_r(NULL, " \t\n", &save))
                        w[n++] = word;
                do_line(w, n);
                (void) fflush(stdout);
        }
        return 0;
}
