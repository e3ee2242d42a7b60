/* Files of networks.d: forks are data, since a box in a cabinet must outlive them. What a file says
 * is taken whole or not at all.
 *
 * What always holds: a network that was read is one that eth_network_check() takes; a fork that
 * this program does not know is no error, and its epoch is where following ends (unknown_epoch). */

#include "agent/kedged/network.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include <config.h> /* the build's, not our own config.h */

struct reader {
        struct ini_text text; /* first: its hooks get it, and mean us */
        struct network *net;
        bool open;
        uint32_t seen;
        bool fork[ETH_FORKS];
};

typedef const char *network_parse_fn(const char *text, struct reader *in, size_t offset);

static void *place(struct reader *in, size_t offset) {
        return (char *) &in->net->eth + offset;
}

static const char *parse_u64(const char *text, struct reader *in, size_t offset) {
        return config_parse_number(text, place(in, offset));
}

static const char *parse_size(const char *text, struct reader *in, size_t offset) {
        uint64_t x;
        const char *why = config_parse_number(text, &x);

        if (!why)
                *(size_t *) place(in, offset) = x > SIZE_MAX ? SIZE_MAX : (size_t) x;
        return why;
}

static const char *parse_hash(const char *text, struct reader *in, size_t offset) {
        return config_parse_root(text, place(in, offset));
}

static const char *parse_version(const char *text, struct reader *in, size_t offset) {
        if (strncmp(text, "0x", 2) != 0 || hex_decode(VIEW_TEXT(text), place(in, offset), 4) < 0)
                return "is not 0x and 8 hexadecimal digits";
        return NULL;
}

/* The next word of *text in ret, which it must fit. */
static bool take_word(const char **text, char *ret, size_t cap) {
        size_t n;

        *text += strspn(*text, " \t");
        n = strcspn(*text, " \t");
        if (n == 0 || n >= cap)
                return false;
        memcpy(ret, *text, n);
        ret[n] = 0;
        *text += n;
        return true;
}

static bool at_end(const char *text) {
        return text[strspn(text, " \t")] == 0;
}

static bool take_epoch(const char **text, uint64_t *ret) {
        char word[24];

        if (!take_word(text, word, sizeof(word)))
                return false;
        if (strcmp(word, "never") == 0) {
                *ret = ETH_EPOCH_NEVER;
                return true;
        }
        return !config_parse_number(word, ret) && *ret != ETH_EPOCH_NEVER;
}

/* NAME VERSION EPOCH */
static const char *parse_fork(const char *text, struct reader *in, size_t offset _unused_) {
        struct eth_network *eth = &in->net->eth;
        char name[ETH_NAME_MAX], version[16];
        enum eth_fork fork;
        uint64_t epoch;
        uint8_t v[4];

        if (!take_word(&text, name, sizeof(name)) || !take_word(&text, version, sizeof(version)) ||
                        !take_epoch(&text, &epoch) || !at_end(text))
                return "is not NAME VERSION EPOCH, with a number or never for EPOCH";
        if (strncmp(version, "0x", 2) != 0 || hex_decode(VIEW_TEXT(version), v, sizeof(v)) < 0)
                return "has a version that is not 0x and 8 hexadecimal digits";
        if (eth_fork_of_name(VIEW_TEXT(name), &fork) < 0) {
                eth->unknown_epoch = MIN(eth->unknown_epoch, epoch);
                return NULL;
        }
        if (fork == ETH_PHASE0)
                return "is for forks: the version of phase0 is GenesisVersion=";
        if (in->fork[fork])
                return "names a fork that stands above already";
        in->fork[fork] = true;
        memcpy(eth->fork[fork].version, v, sizeof(v));
        eth->fork[fork].epoch = epoch;
        return NULL;
}

/* EPOCH MAX */
static const char *parse_blobs(const char *text, struct reader *in, size_t offset _unused_) {
        struct eth_network *eth = &in->net->eth;
        char epoch[24], max[24];
        uint64_t e, m;

        if (!take_word(&text, epoch, sizeof(epoch)) || !take_word(&text, max, sizeof(max)) ||
                        !at_end(text) || config_parse_number(epoch, &e) ||
                        config_parse_number(max, &m))
                return "is not EPOCH MAX, two numbers";
        if (eth->n_blobs == ETH_BLOBS_MAX)
                return "is one step too many: at most 16";
        if (eth->n_blobs > 0 && e <= eth->blob[eth->n_blobs - 1].epoch)
                return "has an epoch that is not after the one above";
        eth->blob[eth->n_blobs].epoch = e;
        eth->blob[eth->n_blobs++].max = m;
        return NULL;
}

static const char *parse_upstream(const char *text, struct reader *in, size_t offset _unused_) {
        struct config_upstreams *all = &in->net->upstreams;
        const char *why = *text ? config_parse_upstream(text, all) : "is empty";

        if (!why && all->u[all->n - 1].kind == UPSTREAM_DIODE)
                why = "is no server of Ethereum's";
        if (!why && all->u[all->n - 1].secret)
                why = "holds a password: those belong into kedged.conf";
        return why;
}

#define ETH(field) offsetof(struct eth_network, field)

static const struct {
        const char *key;
        network_parse_fn *parse;
        size_t offset;
        bool repeats;
} keys[] = {
        { "ChainId", parse_u64, ETH(chain_id), false },
        { "GenesisTime", parse_u64, ETH(genesis_time), false },
        { "GenesisValidatorsRoot", parse_hash, ETH(genesis_validators_root), false },
        { "SecondsPerSlot", parse_u64, ETH(seconds_per_slot), false },
        { "SlotsPerEpoch", parse_u64, ETH(slots_per_epoch), false },
        { "EpochsPerPeriod", parse_u64, ETH(epochs_per_period), false },
        { "CommitteeSize", parse_size, ETH(committee_size), false },
        { "GenesisVersion", parse_version, ETH(fork[ETH_PHASE0].version), false },
        { "Fork", parse_fork, 0, true },
        { "Blobs", parse_blobs, 0, true },
        { "Upstream", parse_upstream, 0, true },
};

static void open_section(struct ini_text *text, const char *name) {
        struct reader *in = (struct reader *) text;

        if (strcmp(name, "Network") != 0)
                ini_complain(text, name, "is not a section of this file: [Network]");
        else if (in->open)
                ini_complain(text, name, "is a section that stands twice in this file");
        in->open = true;
}

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct reader *in = (struct reader *) text;
        const char *why;
        size_t i = 0;

        while (i < ELEMENTSOF(keys) && strcmp(keys[i].key, key) != 0)
                i++;
        if (!in->open)
                why = "stands before [Network]";
        else if (i == ELEMENTSOF(keys))
                why = "is not a key that this file knows";
        else if (in->seen & UINT32_C(1) << i && !keys[i].repeats)
                why = "stands twice";
        else
                why = keys[i].parse(value, in, keys[i].offset);
        if (why)
                ini_complain(text, key, why);
        else
                in->seen |= UINT32_C(1) << i;
}

/* What is missing or does not fit together, or NULL. */
static const char *whole_is_wrong(const struct reader *in, char ret[64]) {
        const struct eth_network *eth = &in->net->eth;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (!keys[i].repeats && !(in->seen & UINT32_C(1) << i)) {
                        (void) snprintf(ret, 64, "has no %s=", keys[i].key);
                        return ret;
                }
        if (eth->chain_id == 0)
                return "has ChainId=0, which no network has";
        if (eth->fork[ETH_ALTAIR].epoch == ETH_EPOCH_NEVER)
                return "has no Fork=altair with an epoch: light clients begin there";
        for (size_t i = 0; i < ETH_FORKS; i++)
                for (size_t k = 0; k < i; k++)
                        if (in->fork[i] && (in->fork[k] || k == ETH_PHASE0) &&
                                        memcmp(eth->fork[i].version, eth->fork[k].version, 4) == 0)
                                return "gives two forks one version";
        for (size_t i = ETH_ALTAIR + 1; i < ETH_FORKS; i++)
                if (eth->fork[i].epoch < eth->fork[i - 1].epoch)
                        return "lacks a Fork=, or their epochs fall";
        if (eth_network_check(eth) < 0)
                return "has a size that no network has: CommitteeSize= is 512 or 32, "
                       "SecondsPerSlot=, SlotsPerEpoch= and EpochsPerPeriod= are 1 to 1024";
        return NULL;
}

int network_read_text(struct network *ret, const char *name, const char *path, struct view text,
                char ret_why[CONFIG_WHY_MAX]) {
        struct reader in = {
                .text = { .path = path, .why = ret_why, .open = open_section, .take = take_key },
                .net = ret,
        };
        const char *why;
        char buf[64];
        int r;

        memset(ret, 0, sizeof(*ret));
        ret->eth.unknown_epoch = ETH_EPOCH_NEVER;
        for (size_t i = ETH_ALTAIR; i < ETH_FORKS; i++)
                ret->eth.fork[i].epoch = ETH_EPOCH_NEVER;
        if (snprintf(ret->eth.name, sizeof(ret->eth.name), "%s", name) >=
                        (int) sizeof(ret->eth.name))
                return -EINVAL;
        r = ini_text_read(&in.text, text);
        if (r == -ENOMEM)
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: out of memory", path);
        if (r < 0)
                return r;
        why = whole_is_wrong(&in, buf);
        if (!why)
                return 0;
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: %s", path, why);
        return -EINVAL;
}

/* Whoever may put a file there says what a network is. */
static int check_folder(const char *folder, char *ret_why) {
        struct stat st;

        if (stat(folder, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!(st.st_mode & S_IWOTH))
                return 0;
        (void) snprintf(ret_why, CONFIG_WHY_MAX,
                        "%.300s: everybody may write to it; take that away: chmod o-w", folder);
        return -EINVAL;
}

int network_load(struct network *ret, const char *name, const char *folder,
                char ret_why[CONFIG_WHY_MAX]) {
        const char *const folders[] = { folder, KEDGE_NETWORKS_DIR };
        _cleanup_(freep) uint8_t *text = NULL;
        char path[CONFIG_WHY_MAX];
        int r = -ENOENT;
        size_t n;

        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(folders); i++) {
                if (snprintf(path, sizeof(path), "%s/%s.conf", folders[i], name) >=
                                (int) sizeof(path))
                        return -ENAMETOOLONG;
                r = check_folder(folders[i], ret_why);
                if (r >= 0)
                        r = config_file_read(path, &text, &n, ret_why);
        }
        if (r == -ENOENT)
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "there is no %s.conf in %.100s or %s",
                                name, folder, KEDGE_NETWORKS_DIR);
        return r < 0 ? r : network_read_text(ret, name, path, VIEW(text, n), ret_why);
}
