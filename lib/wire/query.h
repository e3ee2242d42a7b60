/* One question to kedged, one answer: fixed-size packets over a SOCK_SEQPACKET socket,
 * read-only verbs. Integers are in the machine's own order: both ends are on it.
 *
 * The caller checks that the server is root or the agent's user (SO_PEERCRED against the owner of
 * the socket's folder) before it believes a byte. */
#pragma once

#include "base/cleanup.h"
#include "base/ip.h"
#include "base/types.h"
#include "base/view.h"
#include "wire/login.h"
#include "wire/name.h"

#define QUERY_MAGIC    UINT32_C(0x4b454447) /* KEDG */
#define QUERY_VERSION  5
#define QUERY_WAIT_MS  5000
#define QUERY_CHAINS_MAX 4
#define QUERY_NO_CHAIN   "no chain is configured" /* the reason of UNKNOWN, where that is it */

enum query_verb {
        QUERY_RESOLVE = 1, /* name */
        QUERY_LOOKUP,      /* contract, slot, key: one value of a mapping, proven at finalized */
        QUERY_TIME,
        QUERY_STATUS,      /* of chain number index */
        QUERY_UPSTREAM,    /* of chain number index: upstream number item */
        QUERY_ZONE,        /* zone number index */
        QUERY_CHECKPOINT,  /* of chain number index: what its trust stands on */
        QUERY_EXPLAIN,     /* name: why it is served or not; item: a field, and a revocation. Also
                              of a record name, which it has proven where nothing is known */
        QUERY_ROLE,        /* of chain number index: what role number item gets now */
        QUERY_WATCHED,     /* item 0: the watched name after name, by its bytes; empty: the first.
                              item 1: the one that changed next after changed_us slot */
        QUERY_EVIDENCE,    /* file number index of the evidence kept */
        QUERY_PROVE,       /* name, of a record too; key, slot: hash and number of the checkpoint to
                              begin at, or zero: a proof bundle, in a memory file that comes with
                              the answer */
        QUERY_LOGIN,       /* name: a user, service: may he use it on this host, now; item */
        QUERY_CHALLENGE,   /* name: a user, service: a text that he has to sign */
        QUERY_RESPONSE,    /* name, service, nonce as told, signature: is it his. Once a nonce. */
        QUERY_KEY,         /* key: SHA-256 of an SSH key blob. Item 0, name: a user, service: is it
                              his and may he use that; item 1, name: a host, is it that host's */
        QUERY_NET,         /* network number index. Item 0: as known; 1: kedge-netd looks first, and
                              it is told when it has, or after QUERY_NET_WAIT_MS as known */
        QUERY_NET_PEER,    /* of network number index: a row of what was planned last; item, name,
                              key */
};

enum query_key_item { QUERY_KEY_USER = 0, QUERY_KEY_HOST };

/* Item of LOGIN: somebody stands at the door; or somebody wants to know what he would be told, and
 * that is no event. */
enum query_login_item { QUERY_LOGIN_ENTER = 0, QUERY_LOGIN_WHO };

/* Items of NET and NET_PEER. What stands in no contract (where a peer was seen, its handshakes and
 * bytes, and FOREIGN peers), and a look now, are for root and the agent's own user alone. */
enum query_net_item { QUERY_NET_KNOWN = 0, QUERY_NET_LOOK };
enum query_peer_item {
        QUERY_PEER_AFTER = 0, /* the row that comes next after host name; empty: the first */
        QUERY_PEER_FOREIGN,   /* the peer that nobody desired and that comes next after key; zero:
                                 the first */
        QUERY_PEER_HOST,      /* host name itself */
};

#define QUERY_NET_WAIT_MS 2000

enum query_result {
        QUERY_UNPROVEN = 0, /* not proven (in time); reason says why */
        QUERY_OK,
        QUERY_ABSENT,       /* proven absent */
        QUERY_STALE,        /* was proven, is too old now; reason says since when */
        QUERY_REFUSED,      /* over quota, or a malformed question */
        QUERY_UNKNOWN,      /* no such zone, chain, index or verb */
        QUERY_INVALID,      /* a proven value does not parse: reason names field and block */
        QUERY_DENIED,       /* LOGIN and what follows it: a proven no, or one of the local
                               configuration; login.verdict says which */
};

#define QUERY_RESULTS (QUERY_DENIED + 1)

struct query_request {
        uint32_t magic;
        uint16_t version, verb;
        uint32_t id, index, item;
        struct address contract;
        uint64_t slot;
        struct hash32 key;        /* LOOKUP: the 32-byte map key */
        char name[NAME_MAX_LEN + 3]; /* RESOLVE: NUL-padded */
        char chain[32];           /* LOOKUP, TIME: empty for the first chain */
        char service[LOGIN_SERVICE_MAX + 1]; /* LOGIN, CHALLENGE, RESPONSE, KEY of a user */
        uint8_t nonce[LOGIN_NONCE_SIZE];     /* RESPONSE */
        uint8_t signature[72]; /* RESPONSE: r, s, v of EIP-191 in the first 65; zeros behind */
};

struct query_block {
        uint64_t number, timestamp;
        struct hash32 hash;
};

struct query_lookup {
        struct hash32 value;
        struct query_block block, head;
        uint64_t age_ms;      /* since the proof */
        uint8_t state;        /* of the chain: enum name_state */
        uint8_t stale;        /* older than MaxAge=, told by Stale=serve */
        uint8_t zero[6];
};

struct query_time {
        uint64_t lower;       /* seconds since 1970, proven */
        uint64_t upper;       /* an estimate, 0: none */
        uint64_t number;      /* of the head it comes from */
        uint64_t age_ms;      /* since head last moved */
        uint64_t floor;       /* it is at least: all chains, the disk, the build's date */
        uint64_t wall;        /* the system's clock, if called synchronised; else 0 */
        uint64_t max_age_ms;  /* of [time] */
        uint8_t state;        /* of the chain: enum name_state */
        uint8_t stale;        /* older than [time] MaxAge=, told by Stale=serve */
        uint8_t zero[6];
};

struct query_status {
        char version[16], chain[32], backend[16];
        uint8_t state;        /* 0 starting 1 following 2 behind 3 stale 4 stuck */
        uint8_t conflict, has_finalized, has_head;
        uint32_t n_chains, n_upstreams, n_upstreams_up, n_zones, zero;
        struct query_block finalized, head;
        uint32_t head_share, head_miners;
        uint64_t head_age_ms, confirmed_age_ms, uptime_ms;
        uint64_t time_lower, time_upper, time_noted;
        uint64_t jumps, memory;
        uint64_t watched, revocations, names_max_age_ms, tls_max_age_ms;
        char text[160];
        uint8_t too_old; /* stuck until an operator accepts the anchor, or gives a newer one */
        uint8_t zero_too[7];
        struct query_block anchor; /* good as Checkpoint= elsewhere; the zero hash: none yet */
        char alarm[160];  /* what an operator must do before a date */
        char detail[320]; /* in the chain's own words */
        uint64_t floor;   /* as in query_time */
        uint64_t budget_bytes, budget_left; /* a day's, for proofs; 0: no limit */
};

struct query_upstream {
        char url[256];
        uint8_t state;        /* enum upstream_state of chain.h */
        uint8_t zero[7];
        uint64_t peak, rest_ms, failures, lies, bytes_in, bytes_out;
        char last_error[160];
        char serves[80]; /* what it was seen to serve and to lack */
};

struct query_zone {
        char suffix[NAME_MAX_LEN + 3], chain[32];
        struct address contract;
        uint8_t kind; /* 0: a mapping in contract at slot; 1: ENS, no contract of one's own */
        uint8_t zero[3];
        uint64_t slot;
        uint64_t watched;
        uint64_t chain_id; /* 0: not told */
};

struct query_checkpoint {
        char chain[32], backend[16], network[32];
        uint8_t state; /* as in query_status */
        uint8_t too_old;
        uint8_t imported;          /* the next two are what the operator has imported since */
        uint8_t zero[5];
        struct query_block anchor; /* as in query_status */
        uint64_t number;           /* of what is configured; 0 where a root says it all */
        struct hash32 configured, accepted; /* Checkpoint=, AcceptOld=; zero: none */
        uint64_t chain_id;
        uint64_t now_s;   /* seconds since 1970 that it is at least */
        uint64_t limit_s; /* CheckpointAge=; 0: none */
        char text[160];
};

enum query_policy { QUERY_POLICY_DENY = 0, QUERY_POLICY_SERVE, QUERY_POLICY_KEEP };

/* What a role of the configuration gets of a chain at this moment. Zero refuses. */
enum query_role_verdict {
        QUERY_ROLE_REFUSED = 0, /* stale beyond policy, or nothing was proven in this boot yet */
        QUERY_ROLE_FRESH,
        QUERY_ROLE_SERVED,      /* stale, and Stale=serve says go on */
        QUERY_ROLE_KEPT,        /* stale, and Stale=keep leaves what stands */
};

struct query_role {
        char chain[32], role[16];
        uint8_t policy, verdict;
        uint8_t state; /* of the chain: enum name_state */
        uint8_t zero[5];
        uint64_t max_age_ms, stale_max_ms;
        uint64_t age_ms; /* since head last moved; UINT64_MAX: no head */
        char why[160];
};

struct query_explain {
        char zone[NAME_MAX_LEN + 3], chain[32];
        char final_upstream[96], head_upstream[96]; /* whose bytes proved it; empty: not known */
        struct address contract;
        uint8_t kind;          /* as in query_zone */
        uint8_t n_fields;      /* item counts up to it */
        uint8_t n_revocations; /* in force; item counts through them too */
        uint8_t state;         /* of the chain: enum name_state */
        uint8_t result;        /* enum query_result, as a question for it gets now */
        uint8_t zero[7];
        uint64_t slot, proven_ms;
        struct query_block final, head; /* blocks of the proof */
        struct hash32 final_root, head_root; /* the contract's storage roots there */
        uint64_t serial;       /* of the proof: the same for all items of one answer */
        /* Field number item. */
        char field[24];
        char why[64];          /* what is served of it, and why, in words */
        struct hash32 field_slot, field_final, field_head;
        /* Revocation number item. */
        char revoked[24];      /* the field, or "record" */
        struct hash32 revoked_key;
        struct query_block revoked_at;
};

struct query_watched {
        char name[NAME_MAX_LEN + 3], chain[32];
        uint8_t result; /* enum query_result, as a question for it gets now */
        uint8_t state;  /* of the chain: enum name_state */
        uint8_t n_revocations, zero[5];
        uint64_t asked_ms, proven_ms, deadline_ms; /* CLOCK_BOOTTIME */
        uint64_t changed_us; /* the same of its last change; no two changes have the same */
        uint64_t final_number, head_number;
        char why[160];
};

struct query_evidence {
        char file[32], chain[32];
        uint64_t n;      /* how many there are */
        uint64_t kept_s; /* of the file, by the system's clock */
        char text[160];
};

struct query_prove {
        uint64_t n; /* bytes of the memory file */
};

/* LOGIN, RESPONSE, KEY: with QUERY_OK the verdict is LOGIN_ADMITTED, and with nothing else. */
struct query_login {
        uint8_t verdict;  /* enum login_verdict */
        uint8_t state;    /* of the chain: enum name_state */
        uint8_t stale;    /* proven longer ago than [pam] MaxAge=, told by Stale=serve */
        uint8_t n_groups; /* of this host that his roles bring him into */
        uint8_t zero[4];
        uint64_t age_ms; /* since the proof; UINT64_MAX: none */
        struct query_block final, head; /* blocks of the proof; number and hash alone */
        struct hash32 role;      /* the bits that he holds */
        struct hash32 host_role; /* the bits that this host holds; zero where no role asks */
        char record[NAME_MAX_LEN + 3]; /* the record's name, as explain has it */
        char group[LOGIN_GROUPS_MAX][LOGIN_USER_MAX + 8]; /* the same layout everywhere */
};

struct query_challenge {
        uint8_t nonce[LOGIN_NONCE_SIZE];
        uint64_t life_ms; /* from now on */
        char text[LOGIN_TEXT_MAX + 1]; /* what has to be signed, without a NUL */
};

/* What becomes of a member, as enum net_fate of kedged has it. */
enum query_fate {
        QUERY_FATE_WAITS = 0, /* not proven yet, and not applied before */
        QUERY_FATE_STAYS,
        QUERY_FATE_ADD,
        QUERY_FATE_CHANGE, /* another key or tunnel address */
        QUERY_FATE_MOVE,   /* another endpoint, outer address or role */
        QUERY_FATE_HELD,   /* an addition or change that waits; why says for what */
        QUERY_FATE_KEPT,   /* not proven now, and left as it stands */
        QUERY_FATE_GOES,   /* stood, and is revoked or no longer to be served */
        QUERY_FATE_REFUSED,
        QUERY_FATE_NONE, /* has no key */
        QUERY_FATE_SELF, /* ourselves */
};

#define QUERY_FATES (QUERY_FATE_SELF + 1)

struct query_net {
        char name[32], link[16], chain[32];
        char zone[NAME_MAX_LEN + 3];
        char host[64];                      /* we are, below the zone; empty: the zone itself */
        struct ip_prefix prefix[2], own[2]; /* own: our tunnel address; len 0 and family 0: none */
        struct hash32 public_key, next_key; /* of kedge-netd's private ones; zero: none */
        struct hash32 listed_key;           /* ours by the chain; zero: none */
        uint8_t connected;                  /* kedge-netd is there; what it saw follows */
        uint8_t backend, up, firewall;      /* as in netd_state */
        uint8_t drifted, mended;            /* another tool has changed something of ours */
        uint8_t applied;                    /* kedge-netd has taken what is desired */
        uint8_t verdict;                    /* of [net]: enum query_role_verdict */
        uint8_t confirm;                    /* Apply=confirm */
        uint8_t rolled_back;                /* nothing is added before `net apply` */
        uint8_t can_roll_back, tunnel_names, wants_firewall;
        uint8_t looked;     /* QUERY_NET_LOOK: kedge-netd has looked since */
        uint8_t list_known; /* its members are proven */
        uint8_t repair;     /* what other tools change is put back */
        uint16_t listen_port, actual_port;   /* ListenPort=, and as kedge-netd saw it; 0: none */
        uint32_t n_rows, count[QUERY_FATES]; /* of the plan, and of them by fate */
        uint32_t n_seen, n_foreign;          /* peers that stand; of these, nobody desired */
        uint32_t allowance; /* additions that may be applied now; UINT32_MAX: any */
        uint32_t add_per_hour, max_peers;
        int32_t error; /* 0, or -errno of what kedge-netd could not do */
        uint32_t zero_too;
        uint64_t revert_ms;             /* until it goes back by itself; 0: it does not */
        uint64_t seen_age_ms;           /* since kedge-netd looked; UINT64_MAX: never */
        uint64_t list_final, list_head; /* blocks at which members are proven */
        char text[96];                  /* what that was */
        char held[96];                  /* why additions wait; empty: they do not */
        char alarm[120];
};

/* One member, or one peer that is none (host empty, fate STAYS, foreign). */
struct query_net_peer {
        char host[64];
        char why[120];
        uint8_t fate;   /* enum query_fate */
        uint8_t stands; /* it is to stand, with key, tunnel, endpoint; HELD: with what it had */
        uint8_t had;    /* it was applied before, with had_key, had_tunnel, had_endpoint */
        uint8_t seen;   /* kedge-netd saw its peer; foreign: and nobody desired it */
        uint8_t foreign, more_allowed;
        uint8_t told; /* seen_endpoint, handshake_s, rx, tx are: root or the agent's user asks */
        uint8_t zero;
        struct hash32 key, had_key, seen_key;
        struct ip tunnel[2], had_tunnel[2], seen_tunnel[2];
        struct ip_endpoint endpoint, had_endpoint, seen_endpoint;
        uint8_t zero_too[2];
        uint32_t roles;
        uint64_t block, had_block; /* that it stands on; GOES: the head that revoked it */
        uint64_t handshake_s;      /* since the last one; UINT64_MAX: none yet, or not told */
        uint64_t rx, tx;
};

struct query_reply {
        uint32_t magic;
        uint16_t version, result; /* enum query_result */
        uint32_t id, zero;
        char reason[160];
        union {
                struct name_answer name;
                struct query_lookup lookup;
                struct query_time time;
                struct query_status status;
                struct query_upstream upstream;
                struct query_zone zone;
                struct query_checkpoint checkpoint;
                struct query_explain explain;
                struct query_role role;
                struct query_watched watched;
                struct query_evidence evidence;
                struct query_prove prove;
                struct query_login login;
                struct query_challenge challenge;
                struct query_net net;
                struct query_net_peer net_peer;
        };
};

/* Explicit zeros above keep one layout for 64-bit and 32-bit programs, and let nothing of the
 * agent's memory out. */
_Static_assert(sizeof(struct query_request) == 512, "the layout is the protocol");
_Static_assert(sizeof(struct query_reply) == 1184, "the layout is the protocol");
_Static_assert(sizeof(struct query_net) == 1008 && sizeof(struct query_net_peer) == 496,
                "the same for 32-bit programs");

/* Checks a packet from outside: size, magic, version, verb, every text NUL-terminated. -EBADMSG,
 * -EPROTONOSUPPORT. */
_must_check_ int query_request_check(struct view packet, struct query_request *ret);
_must_check_ int query_reply_check(struct view packet, uint32_t id, struct query_reply *ret);

/* The rest of a reply's texts and counts, which depend on what was asked; query_exchange() has done
 * it. -EBADMSG. */
_must_check_ int query_reply_check_body(const struct query_reply *reply, uint16_t verb);

/* Connects to the agent at path: checks the peer as told above. fd, or -errno: -ENOENT,
 * -ECONNREFUSED no agent,
 * -EPERM not the agent, -EAGAIN its queue of callers is full, -ENAMETOOLONG. */
_must_check_ int query_connect(const char *path);

/* Asks once and waits at most timeout_ms. *request needs verb and arguments only. Never writes to a
 * closed socket (MSG_NOSIGNAL), never waits past its deadline. 0, -ETIMEDOUT, -ECONNRESET,
 * -EBADMSG. After an error the connection is good for nothing but close(): an answer that comes
 * late would be taken for the next. */
_must_check_ int query_exchange(
                int fd, struct query_request *request, int timeout_ms, struct query_reply *ret);

/* connect, exchange, close; all of it within timeout_ms. */
_must_check_ int query_ask(const char *path, struct query_request *request, int timeout_ms,
                struct query_reply *ret);

/* The same for an answer that a file comes with; *ret_fd is -1 where none came. */
_must_check_ int query_ask_file(const char *path, struct query_request *request, int timeout_ms,
                struct query_reply *ret, int *ret_fd);
