/* The inside of reading a configuration: shared by config.c (keys), config_section.c (sections),
 * config_file.c (files) and config_load.c (what must hold of the whole). */
#pragma once

#include "agent/kedged/config.h"
#include "ini/ini_text.h"
#include "base/view.h"

enum config_section {
        SECTION_NONE = 0,
        SECTION_AGENT,
        SECTION_CHAIN,
        SECTION_ZONE,
        SECTION_ROLE,
        SECTION_UNKNOWN,
};

/* Which keys this file has set so far, one bit each; CONFIG_SEEN_SECTION is the section itself. */
#define CONFIG_SEEN_SECTION 63
struct config_seen {
        uint64_t agent, unknown, chain[CONFIG_CHAINS_MAX], zone[CONFIG_ZONES_MAX], role[ROLES];
};

struct config_reader {
        struct ini_text text; /* first: its hooks get it, and mean us */
        struct config *config;
        enum config_section section;
        size_t index;   /* of the chain, zone or role */
        uint64_t *seen; /* of the open section */
        struct config_seen file;
};

_Static_assert(CONFIG_WHY_MAX == INI_WHY_MAX, "the reader's complaints are ours");

extern const char *const config_role_names[ROLES];

void config_section_open(struct ini_text *text, const char *name);
void config_defaults(struct config *c);

/* Was Key= set for this chain, in any file? */
bool config_was_set(const struct config_chain *chain, const char *key);
/* A key that was set and is not one of this chain's backend, or NULL. */
const char *config_foreign_key(const struct config_chain *chain);

/* Reads one file's text on top of what stands in in->config. */
_must_check_ int config_read_text(struct config_reader *in, const char *path, struct view text);

/* Files: one as a heap block, or why not (-ENOENT where there is none); all of path.d/NAME.conf, in
 * the order of names, each given to read. A folder or file that everybody may write is refused. */
_must_check_ int config_file_read(
                const char *path, uint8_t **ret, size_t *ret_n, char ret_why[CONFIG_WHY_MAX]);

/* The path of a file beside kedged.conf. -ENAMETOOLONG, with the reason. */
#define CONFIG_BESIDE_MAX 4096
_must_check_ int config_file_beside(const char *config_path, const char *name,
                char ret[CONFIG_BESIDE_MAX], char ret_why[CONFIG_WHY_MAX]);

typedef int config_file_fn(void *userdata, const char *path);
_must_check_ int config_file_drop_ins(const char *path, config_file_fn *read, void *userdata,
                char ret_why[CONFIG_WHY_MAX]);

/* Decides each chain's backend, and reads the networks' files of those that are Ethereum's. */
_must_check_ int config_networks(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]);

/* What must hold of the whole; resolves the zones' chains. Networks are known. */
_must_check_ int config_finish(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]);
