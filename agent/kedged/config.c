/* Reads kedged.conf and its drop-ins into one struct config, or says where it is wrong: a
 * configuration is taken whole or not at all.
 *
 * inih splits the lines. It cuts what is too long without a word, takes an indented line for more
 * of the value above, and does not say when a section begins; so its input goes through
 * take_line(), which refuses the first two and opens sections itself. */

#include "agent/kedged/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

struct config_key {
        enum config_section section;
        const char *key;
        config_parse_fn *parse;
        size_t offset;
        bool repeats;
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
        { SECTION_CHAIN, "Backend", config_parse_backend, CHAIN(backend), false },
        { SECTION_CHAIN, "ChainId", config_parse_number, CHAIN(chain_id), false },
        { SECTION_CHAIN, "Checkpoint", config_parse_block, CHAIN(checkpoint), false },
        { SECTION_CHAIN, "Upstream", config_parse_upstream, CHAIN(upstreams), true },
        { SECTION_CHAIN, "MaxGap", config_parse_number, CHAIN(max_gap), false },
        { SECTION_CHAIN, "HeadShare", config_parse_share, CHAIN(head_share), false },
        { SECTION_CHAIN, "HeadEvery", config_parse_pause, CHAIN(head_every_ms), false },
        { SECTION_CHAIN, "Poll", config_parse_wait, CHAIN(poll_ms), false },
        { SECTION_CHAIN, "RequestTimeout", config_parse_wait, CHAIN(request_ms), false },
        { SECTION_CHAIN, "RestTime", config_parse_wait, CHAIN(rest_ms), false },
        { SECTION_CHAIN, "Fleet", config_parse_address, CHAIN(fleet), false },
        { SECTION_CHAIN, "TicketVersion", config_parse_version, CHAIN(ticket_version), false },
        { SECTION_ZONE, "Chain", config_parse_chain, ZONE(chain), false },
        { SECTION_ZONE, "Contract", config_parse_address, ZONE(contract), false },
        { SECTION_ZONE, "Slot", config_parse_number, ZONE(slot), false },
        { SECTION_ROLE, "MaxAge", config_parse_duration, ROLE(max_age_ms), false },
        { SECTION_ROLE, "Stale", config_parse_stale, ROLE(stale), false },
        { SECTION_ROLE, "StaleMax", config_parse_duration, ROLE(stale_max_ms), false },
};

_Static_assert(ELEMENTSOF(keys) <= 32, "a bit for each key");

/* Records the first complaint; the rest of the file is not read. */
int config_complain(struct config_reader *in, const char *what, const char *why) {
        if (!in->failed)
                (void) snprintf(in->why, CONFIG_WHY_MAX, "%s:%u: %s %s", in->path, in->line, what,
                                why);
        in->failed = true;
        return 0;
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

static int unknown_key(struct config_reader *in, const char *key) {
        if (in->section == SECTION_UNKNOWN)
                return 1;
        if (in->section != SECTION_AGENT)
                return config_complain(in, key, "is not a key that this section knows");
        log_warning("%s:%u: %s is not a key that this section knows: ignored", in->path, in->line,
                        key);
        return 1;
}

static int take_key(
                void *userdata, const char *section _unused_, const char *key, const char *value) {
        struct config_reader *in = userdata;
        const char *why;

        if (in->failed)
                return 0;
        if (in->section == SECTION_NONE)
                return config_complain(in, key, "stands before any [section]");
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const struct config_key *k = &keys[i];

                if (k->section != in->section || strcmp(k->key, key) != 0)
                        continue;
                if (*in->seen & UINT32_C(1) << i && !k->repeats)
                        return config_complain(in, key, "stands twice in this section");
                *in->seen |= UINT32_C(1) << i;
                why = k->parse(value, (char *) section_base(in) + k->offset);
                if (why)
                        return config_complain(in, key, why);
                if (k->parse == config_parse_address && in->section == SECTION_ZONE)
                        in->config->zone[in->index].has_contract = true;
                return 1;
        }
        return unknown_key(in, key);
}

/* fgets() over the file in memory, for inih; each line is judged first. */
static char *take_line(char *ret, int cap, void *stream) {
        struct config_reader *in = stream;
        const char *end;
        size_t n, text;

        if (in->failed || in->rest.n == 0)
                return NULL;
        end = memchr(in->rest.p, '\n', in->rest.n);
        n = end ? (size_t) (end - (const char *) in->rest.p) : in->rest.n;
        in->line++;
        if (n > CONFIG_LINE_MAX || n + 2 > (size_t) cap) {
                config_complain(in, "the line", "is longer than 190 bytes");
                return NULL;
        }
        memcpy(ret, in->rest.p, n);
        ret[n] = '\n';
        ret[n + 1] = 0;
        in->rest = VIEW(in->rest.p + n + (end ? 1 : 0), in->rest.n - n - (end ? 1 : 0));

        text = strspn(ret, " \t\r\n");
        if (ret[text] == 0 || strchr(";#", ret[text]))
                return ret;
        if (text > 0)
                config_complain(in, "the line",
                                "is indented; it would be taken for more of the line above");
        else if (ret[0] == '[')
                config_section_open(in, ret);
        else if (strcspn(ret, "=: \t") > CONFIG_WORD_MAX)
                config_complain(in, "the key", "is longer than 49 bytes");
        return in->failed ? NULL : ret;
}

static int read_text(struct config_reader *in, struct view text) {
        int r;

        in->rest = text;
        in->line = 0;
        in->section = SECTION_NONE;
        memset(&in->file, 0, sizeof(in->file));
        if (memchr(text.p, 0, text.n) || (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)) {
                config_complain(in, "the file",
                                "is not plain text: it holds a zero byte or a byte order mark");
                return -EINVAL;
        }
        r = ini_parse_stream(take_line, in, take_key, in);
        if (r > 0 && !in->failed) {
                in->line = (unsigned) r;
                config_complain(in, "the line", "is neither [section] nor key=value");
        }
        if (r < 0 && !in->failed)
                return -ENOMEM;
        return in->failed ? -EINVAL : 0;
}

int config_read_text(struct config_reader *in, const char *path, struct view text) {
        int r;

        in->path = path;
        r = read_text(in, text);
        if (r == -ENOMEM)
                (void) snprintf(in->why, CONFIG_WHY_MAX, "%s: out of memory", path);
        return r;
}
