/* Sections of the configuration: [Agent], [Chain NAME], [Zone SUFFIX] and the roles. A section may
 * be opened again in a drop-in, to change keys of it, but not twice in one file. */

#include "agent/kedged/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/budget.h"
#include "agent/kedged/config_value.h"

const char *const config_role_names[ROLES] = {
        [ROLE_NAMES] = "names", [ROLE_TLS] = "tls",   [ROLE_PAM] = "pam",
        [ROLE_NET] = "net",     [ROLE_TIME] = "time", [ROLE_COMMAND] = "command",
};

void config_defaults(struct config *c) {
        memset(c, 0, sizeof(*c));
        c->fetch_uid = CONFIG_NO_UID;
        c->bus = true;
        for (size_t i = 0; i < ROLES; i++)
                c->role[i].max_age_ms = 3600000;
        c->role[ROLE_TLS].max_age_ms = 1800000;
        c->role[ROLE_PAM].max_age_ms = 1800000;
        c->role[ROLE_COMMAND].max_age_ms = 300000;
        c->role[ROLE_NET].stale = STALE_KEEP; /* an uplink that is down ends no tunnel */
}

static void chain_defaults(struct config_chain *chain, const char *name) {
        *chain = (struct config_chain){
                .max_gap = 40320,
                .head_share = 25,
                .poll_ms = 5000,
                .request_ms = 10000,
                .rest_ms = 5000,
                .ticket_version = 1,
                .daily_bytes = BUDGET_DEFAULT,
        };
        (void) snprintf(chain->name, sizeof(chain->name), "%s", name);
}

static void open_chain(struct config_reader *in, const char *name) {
        struct config *c = in->config;
        char checked[CONFIG_CHAIN_NAME];
        const char *why = config_parse_chain(name, checked);
        size_t i = 0;

        if (why) {
                ini_complain(&in->text, name, why);
                return;
        }
        while (i < c->n_chains && strcmp(c->chain[i].name, checked) != 0)
                i++;
        if (i == CONFIG_CHAINS_MAX) {
                ini_complain(&in->text, name, "is one chain too many: at most 4");
                return;
        }
        if (i == c->n_chains)
                chain_defaults(&c->chain[c->n_chains++], checked);
        in->section = SECTION_CHAIN;
        in->index = i;
        in->seen = &in->file.chain[i];
}

static void open_zone(struct config_reader *in, const char *name) {
        struct config *c = in->config;
        char suffix[NAME_MAX_LEN + 1];
        size_t i = 0;

        if (name_normalize(VIEW_TEXT(name), suffix) < 0) {
                ini_complain(&in->text, name, "is not a name: labels of a to z, 0 to 9 and '-'");
                return;
        }
        while (i < c->n_zones && strcmp(c->zone[i].suffix, suffix) != 0)
                i++;
        if (i == CONFIG_ZONES_MAX) {
                ini_complain(&in->text, name, "is one zone too many: at most 64");
                return;
        }
        if (i == c->n_zones) {
                c->zone[i] = (struct config_zone){ 0 };
                (void) snprintf(c->zone[i].suffix, sizeof(c->zone[i].suffix), "%s", suffix);
                c->n_zones++;
        }
        in->section = SECTION_ZONE;
        in->index = i;
        in->seen = &in->file.zone[i];
}

static void open_plain(struct config_reader *in, const char *name) {
        if (strcmp(name, "Agent") == 0) {
                in->section = SECTION_AGENT;
                in->seen = &in->file.agent;
                return;
        }
        for (size_t i = 0; i < ROLES; i++)
                if (strcmp(name, config_role_names[i]) == 0) {
                        in->section = SECTION_ROLE;
                        in->index = i;
                        in->seen = &in->file.role[i];
                        return;
                }
        if (strncmp(name, "X-", 2) != 0) {
                char shown[INI_WORD_MAX + 3];

                /* A zone or a limit that is misspelt must not be lost in silence. */
                (void) snprintf(shown, sizeof(shown), "[%s]", name);
                ini_complain(&in->text, shown,
                                "is not a section: write [Agent], [Chain NAME], [Zone SUFFIX], "
                                "[names], [tls], [pam], [net], [time] "
                                "or [command]; what begins with X- is left alone");
                return;
        }
        in->section = SECTION_UNKNOWN;
        in->seen = &in->file.unknown;
        in->file.unknown = 0;
}

void config_section_open(struct ini_text *text, const char *name) {
        struct config_reader *in = (struct config_reader *) text;

        if (strncmp(name, "Chain ", 6) == 0)
                open_chain(in, name + 6);
        else if (strncmp(name, "Zone ", 5) == 0)
                open_zone(in, name + 5);
        else
                open_plain(in, name);
        if (text->failed)
                return;
        if (*in->seen & UINT64_C(1) << CONFIG_SEEN_SECTION)
                ini_complain(text, name, "is a section that stands twice in this file");
        *in->seen |= UINT64_C(1) << CONFIG_SEEN_SECTION;
}
