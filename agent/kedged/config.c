/* Reads kedged.conf and its drop-ins into one struct config, or says where it is wrong: a
 * configuration is taken whole or not at all. */

#include "agent/kedged/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

/* Of which backend's chains a key is; other chains refuse it. */
enum config_of { OF_ANY = 0, OF_BLOCKQUICK, OF_ETHEREUM };

struct config_key {
        enum config_section section;
        const char *key;
        config_parse_fn *parse;
        size_t offset;
        bool repeats;
        enum config_of of;
};

#define AGENT(field) offsetof(struct config, field)
#define CHAIN(field) offsetof(struct config_chain, field)
#define ZONE(field)  offsetof(struct config_zone, field)
#define ROLE(field)  offsetof(struct config_role, field)

static const struct config_key keys[] = {
        { SECTION_AGENT, "StateDirectory", config_parse_path, AGENT(state_dir), false },
        { SECTION_AGENT, "RuntimeDirectory", config_parse_path, AGENT(runtime_dir), false },
        { SECTION_AGENT, "FetchUid", config_parse_uid, AGENT(fetch_uid), false },
        { SECTION_AGENT, "FetchUser", config_parse_user, AGENT(fetch_uid), false },
        { SECTION_AGENT, "Bus", config_parse_bool, AGENT(bus), false },
        { SECTION_AGENT, "Metrics", config_parse_file, AGENT(metrics), false },
        { SECTION_AGENT, "NetdSocket", config_parse_socket, AGENT(netd_socket), false },
        { SECTION_AGENT, "NetworksDirectory", config_parse_path, AGENT(networks_dir), false },
        { SECTION_CHAIN, "Backend", config_parse_backend, CHAIN(backend), false },
        { SECTION_CHAIN, "ChainId", config_parse_number, CHAIN(chain_id), false },
        { SECTION_CHAIN, "Checkpoint", config_parse_block, CHAIN(checkpoint), false },
        { SECTION_CHAIN, "Upstream", config_parse_upstream, CHAIN(upstreams), true },
        { SECTION_CHAIN, "MaxGap", config_parse_number, CHAIN(max_gap), false, OF_BLOCKQUICK },
        { SECTION_CHAIN, "HeadShare", config_parse_share, CHAIN(head_share), false, OF_BLOCKQUICK },
        { SECTION_CHAIN, "HeadEvery", config_parse_pause, CHAIN(head_every_ms), false },
        { SECTION_CHAIN, "DailyBytes", config_parse_bytes, CHAIN(daily_bytes), false },
        { SECTION_CHAIN, "Poll", config_parse_wait, CHAIN(poll_ms), false },
        { SECTION_CHAIN, "RequestTimeout", config_parse_wait, CHAIN(request_ms), false },
        { SECTION_CHAIN, "RestTime", config_parse_wait, CHAIN(rest_ms), false },
        { SECTION_CHAIN, "Fleet", config_parse_address, CHAIN(fleet), false, OF_BLOCKQUICK },
        { SECTION_CHAIN, "TicketVersion", config_parse_version, CHAIN(ticket_version), false,
                        OF_BLOCKQUICK },
        { SECTION_CHAIN, "Network", config_parse_chain, CHAIN(network), false, OF_ETHEREUM },
        { SECTION_CHAIN, "AcceptOld", config_parse_root, CHAIN(accept_old), false, OF_ETHEREUM },
        { SECTION_CHAIN, "CheckpointAge", config_parse_duration, CHAIN(checkpoint_age_ms), false,
                        OF_ETHEREUM },
        { SECTION_CHAIN, "ForcedUpdates", config_parse_bool, CHAIN(forced_updates), false,
                        OF_ETHEREUM },
        { SECTION_CHAIN, "UpstreamVerify", config_parse_bool, CHAIN(upstream_verify), false,
                        OF_ETHEREUM },
        { SECTION_ZONE, "Chain", config_parse_chain, ZONE(chain), false },
        { SECTION_ZONE, "Kind", config_parse_kind, ZONE(kind), false },
        { SECTION_ZONE, "Contract", config_parse_address, ZONE(contract), false },
        { SECTION_ZONE, "Slot", config_parse_number, ZONE(slot), false },
        { SECTION_ROLE, "MaxAge", config_parse_duration, ROLE(max_age_ms), false },
        { SECTION_ROLE, "Stale", config_parse_stale, ROLE(stale), false },
        { SECTION_ROLE, "StaleMax", config_parse_duration, ROLE(stale_max_ms), false },
};

_Static_assert(ELEMENTSOF(keys) < CONFIG_SEEN_SECTION, "a bit for each key, and one for the section");

static size_t key_index(enum config_section section, const char *key) {
        size_t i = 0;

        while (i < ELEMENTSOF(keys) &&
                        (keys[i].section != section || strcmp(keys[i].key, key) != 0))
                i++;
        return i;
}

bool config_was_set(const struct config_chain *chain, const char *key) {
        return chain->keys >> key_index(SECTION_CHAIN, key) & 1;
}

const char *config_foreign_key(const struct config_chain *chain) {
        enum config_of other = config_is_ethereum(chain) ? OF_BLOCKQUICK : OF_ETHEREUM;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (chain->keys >> i & 1 && keys[i].of == other)
                        return keys[i].key;
        return NULL;
}

static void *section_base(struct config_reader *in) {
        switch (in->section) {
        case SECTION_CHAIN:
                return &in->config->chain[in->index];
        case SECTION_ZONE:
                return &in->config->zone[in->index];
        case SECTION_ROLE:
                return &in->config->role[in->index];
        case SECTION_AGENT:
        case SECTION_UNKNOWN:
        case SECTION_NONE:
                break;
        }
        return in->config;
}

static void unknown_key(struct config_reader *in, const char *key) {
        static const char why[] = "is not a key that this section knows";

        if (in->section == SECTION_UNKNOWN)
                return;
        if (in->section != SECTION_AGENT)
                ini_complain(&in->text, key, why);
        else
                log_warning("%s:%u: %s %s: ignored", in->text.path, in->text.line, key, why);
}

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct config_reader *in = (struct config_reader *) text;
        size_t i = key_index(in->section, key);
        const char *why;

        if (in->section == SECTION_NONE) {
                ini_complain(text, key, "stands before any [section]");
                return;
        }
        if (i == ELEMENTSOF(keys)) {
                unknown_key(in, key);
                return;
        }
        if (*in->seen & UINT64_C(1) << i && !keys[i].repeats) {
                ini_complain(text, key, "stands twice in this section");
                return;
        }
        *in->seen |= UINT64_C(1) << i;
        why = keys[i].parse(value, (char *) section_base(in) + keys[i].offset);
        if (why)
                ini_complain(text, key, why);
        else if (in->section == SECTION_CHAIN)
                in->config->chain[in->index].keys |= UINT64_C(1) << i;
        else if (in->section == SECTION_ZONE && keys[i].offset == ZONE(contract))
                in->config->zone[in->index].has_contract = true;
        else if (in->section == SECTION_ZONE && keys[i].offset == ZONE(slot))
                in->config->zone[in->index].has_slot = true;
}

int config_read_text(struct config_reader *in, const char *path, struct view text) {
        int r;

        in->text.path = path;
        in->text.open = config_section_open;
        in->text.take = take_key;
        in->section = SECTION_NONE;
        memset(&in->file, 0, sizeof(in->file));
        r = ini_text_read(&in->text, text);
        if (r == -ENOMEM)
                (void) snprintf(in->text.why, CONFIG_WHY_MAX, "%s: out of memory", path);
        return r;
}
