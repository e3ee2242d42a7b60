/* What the files of the verb setup share. */
#pragma once

#include "agent/kedged/config.h"
#include "agent/kedgectl/ctl.h"

#define SETUP_TEXT_MAX  65536 /* of a drop-in, as kedged has it */
#define SETUP_PATH_MAX  1024
#define SETUP_BLOCK_MAX (CTL_UPSTREAMS_MAX * (CONFIG_URL_MAX + 16) + 1024)
#define SETUP_WAIT_S    120
#define SETUP_LIVE_WAIT_S 600 /* a public network begins with what is new since the checkpoint */

struct setup_chain {
        bool write; /* its section is to be written */
        bool amend; /* and is there: what is not said anew stays in it */
        bool ethereum;
        char name[CONFIG_CHAIN_NAME], network[CONFIG_CHAIN_NAME]; /* network: to be written; or "" */
        char backend[16];                                         /* the same */
        uint64_t chain_id;                                        /* 0: not to be written */
        struct block_ref checkpoint;
        struct config_upstreams upstreams;
        struct address fleet;
};

struct setup_zone {
        bool write;
        bool ens;
        char name[NAME_MAX_LEN + 1]; /* empty: none */
        struct address contract;
        uint64_t slot;
};

struct setup {
        const struct ctl *ctl;
        struct config *config; /* as it is */
        struct config *next;   /* as the files say it when all is written; NULL: not known */
        bool asks;             /* somebody is there to be asked */
        bool asked;            /* and was */
        char main[SETUP_PATH_MAX], path[SETUP_PATH_MAX]; /* the configuration, and our drop-in */
        struct setup_chain chain;
        struct setup_zone zone;
        char attempt[NAME_MAX_LEN + 1];                    /* the first name to ask for; or "" */
        char before[SETUP_TEXT_MAX], after[SETUP_TEXT_MAX]; /* our drop-in */
};

/* setup_ask.c: fills chain, zone and attempt from the options and, where somebody is there, from his
 * answers. What is wrong was told. */
_must_check_ enum ctl_exit setup_words(struct setup *s);
/* A question of yes or no; the answer is no where nobody is there. */
_must_check_ enum ctl_exit setup_confirm(struct setup *s, const char *question, bool *ret);

/* setup_text.c: pure. The sections as kedged.conf has them. */
void setup_chain_text(const struct setup_chain *c, char ret[SETUP_BLOCK_MAX]);
void setup_zone_text(const struct setup_zone *z, const char *chain, char ret[SETUP_BLOCK_MAX]);
/* Does text hold the section "[kind name]"? */
bool setup_has_section(const char *text, const char *kind, const char *name);
/* before with block, a section with its header, in the place of the one of the same header, or at the
 * end. -E2BIG. ret may not be before. */
_must_check_ int setup_merge(const char *before, const char *block, char ret[SETUP_TEXT_MAX]);
/* The same, but of the section that is there already only the keys that block has are replaced, each
 * where it stands first, and new ones come behind; what else stands in it stays. -E2BIG. */
_must_check_ int setup_amend(const char *before, const char *block, char ret[SETUP_TEXT_MAX]);
/* Where the line that begins at line ends, and whether text has such a line, too. */
bool setup_has_line(const char *text, const char *line);
/* What a file of ours begins with. */
extern const char setup_head[];

/* setup_effect.c: has kedged read what the files say, or has systemd restart it where it needs that;
 * where it is not on the bus to say so, unheard says it. 0: it has read it, or was restarted, and runs.
 * -EAGAIN: it was told, and cannot say what became of it; -ENOENT: there is no systemd, or no unit;
 * -EBADMSG: it refuses what the files say, and runs on as it did, ret_why is why; -ECANCELED: it ran,
 * was restarted, and does not come up; other -errno with ret_why. */
_must_check_ int setup_effect(bool unheard, bool *ret_restarted, char ret_why[CTL_WHY_MAX]);
/* A restart alone. 0, or as above. */
_must_check_ int setup_restart(char ret_why[CTL_WHY_MAX]);

/* setup_has.c: does the agent have the chain, the zone, as they are wanted? */
bool setup_has_chain(const struct ctl *ctl, const struct config_chain *want);
bool setup_has_zone(const struct ctl *ctl, const char *chain, const struct setup_zone *want);

/* setup_follow.c: looks at the agent at ctl->path until the first answer is there, and tells each step.
 */
struct setup_follow {
        const struct ctl *ctl;
        const char *chain, *zone, *attempt; /* zone: empty, the chain alone */
        bool ens;
        struct address contract;
        uint64_t slot, begun_ms, limit_ms;
        int (*alive)(void *userdata, char ret_why[CTL_WHY_MAX]); /* NULL; or -errno: it is over */
        void *userdata;
        /* Its own. */
        unsigned step;
        uint32_t index;
        bool reached, stuck;
        struct query_status status;
        struct query_reply answer; /* the first */
        uint64_t answer_ms;
        char name[NAME_MAX_LEN + 1], why[512];
};
_must_check_ enum ctl_exit setup_follow(struct setup_follow *f);

/* setup_live.c: the smoke run. */
enum ctl_exit setup_live(struct setup *s);
