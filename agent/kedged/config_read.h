/* The inside of reading a configuration: shared by config.c (lines and keys), config_section.c
 * (sections) and config_load.c (files, and what must hold of the whole). */
#pragma once

#include "agent/kedged/config.h"
#include "base/view.h"

enum config_section {
        SECTION_NONE = 0,
        SECTION_AGENT,
        SECTION_CHAIN,
        SECTION_ZONE,
        SECTION_ROLE,
        SECTION_UNKNOWN,
};

/* Which keys this file has set so far, one bit each; bit 31 is the section itself. */
struct config_seen {
        uint32_t agent, unknown, chain[CONFIG_CHAINS_MAX], zone[CONFIG_ZONES_MAX], role[ROLES];
};

struct config_reader {
        struct config *config;
        const char *path;
        unsigned line;
        struct view rest;
        enum config_section section;
        size_t index;   /* of the chain, zone or role */
        uint32_t *seen; /* of the open section */
        struct config_seen file;
        bool failed;
        char *why; /* CONFIG_WHY_MAX */
};

int config_complain(struct config_reader *in, const char *what, const char *why);
extern const char *const config_role_names[ROLES];

void config_section_open(struct config_reader *in, const char *line);
void config_defaults(struct config *c);

/* Reads one file's text on top of what stands in in->config. */
_must_check_ int config_read_text(struct config_reader *in, const char *path, struct view text);

/* What must hold of the whole; resolves the zones' chains. */
_must_check_ int config_finish(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]);
