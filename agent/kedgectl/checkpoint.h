/* What the files of the verb checkpoint share. */
#pragma once

#include "agent/kedgectl/ctl.h"

#define CHECKPOINT_SOURCES_MAX 32
#define CHECKPOINT_CHAIN_MAX   32 /* with the NUL */

/* A server that was asked, and what it says. */
struct checkpoint_source {
        char url[256];
        bool answered;
        uint64_t slot;
        struct hash32 root;
        char error[160]; /* not answered: why */
};

struct checkpoint_sources {
        size_t n;
        struct checkpoint_source source[CHECKPOINT_SOURCES_MAX];
};

/* What the network's file says of its times; 0: not known. */
struct checkpoint_times {
        uint64_t genesis, slot_s;
};

/* checkpoint_ask.c: adds url, which may begin with beacon+, once; more than fit are left out. */
void checkpoint_add(struct checkpoint_sources *all, const char *url);

/* Adds the beacon servers that the agent asks for chain, where it runs and knows them, and those of
 * the network's file. ret_times is set in each case. */
void checkpoint_find(const struct ctl *ctl, const char *chain, struct checkpoint_sources *all,
                struct checkpoint_times *ret_times);

/* Asks all of them at once, through kedge-fetch. */
void checkpoint_ask(const struct ctl *ctl, struct checkpoint_sources *all);

#define CHECKPOINT_WHY CTL_WHY_MAX
/* checkpoint_bus.c: says it to the running agent; number NULL: member takes none. -ENOENT: no agent
 * is on the bus; another errno, with its reason: it has refused, or could not be asked. */
_must_check_ int checkpoint_tell(const char *member, const char *chain, const uint64_t *number,
                const struct hash32 *hash, char ret_why[CHECKPOINT_WHY]);

/* checkpoint_line.c: pure. A checkpoint as another machine is given it. */
#define CHECKPOINT_LINE_MAX 320
struct checkpoint_words {
        char chain[CHECKPOINT_CHAIN_MAX], backend[16], network[CHECKPOINT_CHAIN_MAX];
        uint64_t chain_id, number, time_s;
        struct hash32 hash;
};
void checkpoint_line(const struct checkpoint_words *c, char ret[CHECKPOINT_LINE_MAX]);
/* -EBADMSG: none; -EILSEQ: its sum is wrong; -EPROTONOSUPPORT: of a later kedge. */
_must_check_ int checkpoint_line_parse(struct view line, struct checkpoint_words *ret);

/* checkpoint_say.c: import, export, accept. */
enum ctl_exit checkpoint_import(const struct ctl *ctl, const char *chain, const char *root);
enum ctl_exit checkpoint_import_file(const struct ctl *ctl, const char *path);
enum ctl_exit checkpoint_export(const struct ctl *ctl, const char *chain);
enum ctl_exit checkpoint_accept(const struct ctl *ctl, const char *chain, const char *root);

/* The agent's answer about chain. CTL_FAILURE, told: it follows none of this name. */
_must_check_ enum ctl_exit checkpoint_of(
                const struct ctl *ctl, const char *chain, struct query_checkpoint *ret);

/* checkpoint_judge.c: pure. Which block they agree on. */
enum checkpoint_agreement {
        CHECKPOINT_NO_ANSWER = 0,
        CHECKPOINT_CONTRADICTION, /* two roots at one slot */
        CHECKPOINT_ALONE,         /* nobody says what another says */
        CHECKPOINT_AGREED,        /* at least two do */
};

/* *ret is the index of a source with the block that most name (the newest of such), where one has
 * answered; *ret_n how many name it. */
enum checkpoint_agreement checkpoint_judge(
                const struct checkpoint_sources *all, size_t *ret, size_t *ret_n);

/* checkpoint.c: what each of them said, and the block that most name; nothing with --json. *ret is it,
 * where the verdict is ALONE or AGREED. */
enum checkpoint_agreement checkpoint_print(const struct ctl *ctl,
                const struct checkpoint_sources *all, const struct checkpoint_times *times,
                const struct checkpoint_source **ret);
const char *checkpoint_advice(enum checkpoint_agreement a);

/* "SLOT ROOT": what kedge-fetch prints. -EBADMSG. */
_must_check_ int checkpoint_parse(struct view text, uint64_t *ret_slot, struct hash32 *ret_root);

/* The digits in groups of eight, to be read aloud. */
#define CHECKPOINT_ALOUD (8 * 9)
const char *checkpoint_aloud(const struct hash32 *root, char ret[CHECKPOINT_ALOUD]);
/* The first and the last four digits: to recognise one, not to compare two. */
const char *checkpoint_short(const struct hash32 *root, char ret[10]);

/* a to z, 0 to 9, '-' inside. */
bool checkpoint_chain_valid(const char *chain);
