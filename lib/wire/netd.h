/* Messages between kedged, which decides, and kedge-netd, which has CAP_NET_ADMIN and does what it
 * is told and no more: of fixed size, one a packet, over a SOCK_SEQPACKET socket. Integers are in
 * the machine's own order: both ends are on it. No name of a host is in them, and no text decides
 * anything.
 *
 * What kedged sends is a desired state, in whole: NETD_BEGIN, each NETD_RULE, each NETD_PEER in the
 * order of their keys, NETD_COMMIT. Nothing of it counts before its COMMIT; one that breaks a rule
 * of netd_message_check(), or whose numbers do not add up, ends the connection, and what was
 * applied stays. A connection that ends changes nothing: kedged sends all of it again on the next.
 */
#pragma once

#include "base/cleanup.h"
#include "base/ip.h"
#include "base/types.h"
#include "base/view.h"

#define NETD_MAGIC        UINT32_C(0x4b4e4554) /* KNET */
#define NETD_VERSION      1
#define NETD_LINKS_MAX    4                    /* networks of one machine */
#define NETD_LINK_NAME    16                   /* IFNAMSIZ, with the NUL */
#define NETD_PEERS_MAX    16384                /* of one link */
#define NETD_SEEN_MAX     (2 * NETD_PEERS_MAX) /* told of one link: of more, the first by key */
#define NETD_RULES_MAX    64
#define NETD_ROLES_MAX    32 /* rows of rules by role: a peer's roles are one bit each */
#define NETD_PREFIXES_MAX 2  /* one of each family */
#define NETD_OUTER_MAX    3  /* wg_endpoint, server_ip, server_ip6 */
#define NETD_ONLY_MAX     4
#define NETD_TEXT_MAX     96
#define NETD_KEY_SIZE     32

enum netd_kind {
        /* From kedged. */
        NETD_BEGIN = 1,
        NETD_RULE,
        NETD_PEER,
        NETD_COMMIT,
        NETD_REMOVE,   /* there is no such network any more: its link, rules and routes go; its
                          private keys stay */
        NETD_OBSERVE,  /* tell what stands now: NETD_SEEN for each peer, then NETD_STATE */
        NETD_NEXT_KEY, /* make the link's next private key, where there is none: NETD_STATE tells it
                        */
        /* From kedge-netd. */
        NETD_STATE = 16, /* of a link: after each COMMIT, REMOVE, OBSERVE, NEXT_KEY, and when
                            something has stirred; with an empty name once at the start of a
                            connection */
        NETD_SEEN,
};

#define NETD_FIREWALL 1 /* flags of BEGIN: sets and rules are kept */
#define NETD_REPAIR                                                                                \
        2 /* what other tools change is put back at once; without it, told alone, and put back by  \
             the next COMMIT */

struct netd_begin {
        uint32_t n_peers, n_rules; /* that follow */
        uint16_t listen_port, mtu; /* 0: the kernel chooses */
        uint16_t keepalive_s;      /* of every peer; 0: none */
        uint8_t flags, n_prefixes, n_only;
        uint8_t n_links; /* how many networks kedged keeps in all; 0: not told. After its start
                            kedge-netd leaves the table inet kedge as it is until so many links have
                            had a COMMIT, or for ten seconds: the rules of one network do not
                            vanish before those of the next are told */
        struct ip_prefix own[NETD_PREFIXES_MAX]; /* our address in it, with the prefix's length */
        struct ip_prefix prefix[NETD_PREFIXES_MAX]; /* a peer's address lies in one of these; each
                                                       is a route to the link */
        uint8_t own_key[NETD_KEY_SIZE]; /* the public key that the chain lists as ours; zero: none.
                                           Where it is that of the next private key, this becomes
                                           the link's */
        char only[NETD_ONLY_MAX][NETD_LINK_NAME]; /* OnlyFleet=: links where only the fleet's outer
                                                     addresses may come in */
};

enum netd_proto { NETD_ANY = 0, NETD_TCP, NETD_UDP, NETD_ICMP /* and ICMPv6 */ };

#define NETD_ROLE_ANY 255

/* Members may speak to these ports of ours. What no rule allows is dropped. */
struct netd_rule {
        uint8_t role;      /* its bit among a peer's roles; NETD_ROLE_ANY: every member */
        uint8_t proto;     /* enum netd_proto; ANY and ICMP without ports */
        uint16_t from, to; /* ports, both in; 0 and 0: all */
};

struct netd_peer {
        uint8_t key[NETD_KEY_SIZE];
        struct ip tunnel[NETD_PREFIXES_MAX]; /* its AllowedIPs, /32 or /128; none: family 0. One at
                                                least */
        struct ip_endpoint endpoint;         /* none: it has to come to us */
        struct ip outer[NETD_OUTER_MAX];     /* where it is outside; for OnlyFleet= */
        uint32_t roles;                      /* one bit each, as rules name them */
};

enum netd_backend { NETD_NO_BACKEND = 0, NETD_KERNEL, NETD_USERSPACE };

#define NETD_DRIFTED                                                                               \
        1 /* flags of STATE: another tool has changed something of ours since the last one */
#define NETD_MENDED 2 /* and it was put back */

struct netd_state {
        uint8_t public_key[NETD_KEY_SIZE], next_key[NETD_KEY_SIZE]; /* zero: none */
        uint8_t backend;                                            /* enum netd_backend */
        uint8_t up;                                                 /* the link is there, and up */
        uint8_t firewall;                                           /* sets and rules stand */
        uint8_t flags;
        uint16_t listen_port, zero;
        uint32_t n_seen;             /* NETD_SEEN that came before this */
        uint32_t n_peers, n_foreign; /* that stand; and of these, which nobody desired */
        uint32_t added, removed, changed, flows; /* by the last COMMIT, since it; flows deleted */
        uint32_t elapsed_us;
        int32_t error; /* 0, or -errno of what failed first; text says what */
        char text[NETD_TEXT_MAX];
};

struct netd_seen {
        uint8_t key[NETD_KEY_SIZE];
        struct ip tunnel[NETD_PREFIXES_MAX];
        struct ip_endpoint endpoint;
        uint8_t foreign;      /* nobody desired it */
        uint8_t more_allowed; /* it has further AllowedIPs */
        uint8_t zero[2];
        uint64_t handshake_s; /* seconds since the last one; UINT64_MAX: none yet */
        uint64_t rx, tx;      /* bytes */
};

struct netd_message {
        uint32_t magic;
        uint16_t version, kind; /* enum netd_kind */
        uint64_t serial; /* of a desired state: the same in all of its messages, over zero, and
                            grows. STATE: of the last COMMIT that was taken; 0: none */
        char link[NETD_LINK_NAME]; /* NUL-padded */
        union {
                struct netd_begin begin;
                struct netd_rule rule;
                struct netd_peer peer;
                struct netd_state state;
                struct netd_seen seen;
                uint8_t zero[256];
        };
};

_Static_assert(sizeof(struct netd_message) == 288, "the layout is the protocol");

/* Checks one packet: size, magic, version, kind of this direction, every text NUL-padded, every
 * count and enum, addresses sane; peers inside nothing yet (that is the state's:
 * netd_desired_check()), bytes that mean nothing are zero. A prefix is routable and /8 at the
 * shortest, our own address a host's in it, the MTU 576 at least. -EBADMSG; -E2BIG: over a count;
 * -EPROTONOSUPPORT: another version. */
_must_check_ int netd_message_check(struct view packet, bool from_kedged, struct netd_message *ret);

/* True for a name that an interface can have: 1 to 15 bytes, none of them a space, '/', ':', '%' or
 * not printable; not "." or "..". */
_must_check_ bool netd_link_valid(const char name[NETD_LINK_NAME]);

/* Prepares a message: all zero but magic, version, kind, serial, link. */
void netd_message_init(
                struct netd_message *ret, enum netd_kind kind, uint64_t serial, const char *link);

/* The rules that a whole desired state keeps, whoever sends it: keys in ascending order and none
 * twice, none our own, no address twice nor our own, each a host's address in a prefix of begin,
 * roles below NETD_ROLES_MAX, an endpoint routable, with a port and not in a prefix; n_peers and
 * n_rules as told. 0; -EBADMSG, and ret_why names the rule; -ENOMEM. */
_must_check_ int netd_desired_check(const struct netd_begin *begin, const struct netd_rule *rules,
                const struct netd_peer *peers, char ret_why[NETD_TEXT_MAX]);
