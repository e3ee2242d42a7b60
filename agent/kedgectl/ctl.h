/* What the files of kedgectl share: the options of one call, the exit codes, asking and telling. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/served.h"
#include "wire/query.h"

/* Scripts depend on these; kedgectl(1) lists them. */
enum ctl_exit {
        CTL_OK = 0,
        CTL_FAILURE = 1,
        CTL_USAGE = 2,
        CTL_STALE = 3,
        CTL_UNPROVEN = 4, /* verification failed, or has not succeeded yet */
        CTL_ABSENT = 5,   /* proven absent */
        CTL_UNREACHABLE = 6,
};

#define CTL_URLS_MAX 32
#define CTL_ANSWER_MAX_MS 600000 /* no answer is waited for longer */

#define CTL_UPSTREAMS_MAX 16

/* What setup alone is told, as it was typed; NULL: it was not. */
struct ctl_setup {
        bool yes, print, no_wait, undo, live;
        const char *backend, *network, *fleet, *kind, *attempt;
        size_t n_upstreams;
        const char *upstream[CTL_UPSTREAMS_MAX];
};

struct ctl {
        bool json, colour, no_pager, heads, wait;
        uint64_t wait_s; /* of status; 0: without end */
        const char *root; /* of doctor; NULL: "/" */
        uint64_t count; /* of watch and monitor; 0: without end */
        int timeout_ms;
        uint64_t given_ms; /* --timeout as it was given, which net reads otherwise; 0: it was not */
        bool next;         /* of net key */
        uint64_t slot, chain_id;  /* chain_id 0: not given */
        struct block_ref checkpoint; /* of explain --proof and verify */
        bool has_checkpoint;
        const char *proof; /* explain: the file of a bundle; NULL: none is wanted */
        struct address contract;  /* of record's transactions, in place of the agent's */
        bool has_contract;
        char chain[32], zone[NAME_MAX_LEN + 1];
        const char *key, *user;      /* of sign; NULL: not given */
        char host[NAME_MAX_LEN + 1]; /* of sign; empty: not given */
        bool address;                /* of sign: the key's, and no signature */
        char path[108]; /* of the agent's socket */
        const char *config;
        size_t n_urls;
        const char *url[CTL_URLS_MAX];
        bool has_slot;
        struct ctl_setup setup;
};

enum ctl_colour { CTL_PLAIN, CTL_BOLD, CTL_GREEN, CTL_YELLOW, CTL_RED, CTL_DIM };

typedef enum ctl_exit ctl_verb_fn(const struct ctl *ctl, int argc, char **argv);

ctl_verb_fn verb_verify;
ctl_verb_fn verb_status, verb_upstreams, verb_zones, verb_query, verb_lookup, verb_time,
                verb_record, verb_checkpoint, verb_explain, verb_list, verb_roles, verb_evidence,
                verb_watch, verb_monitor, verb_doctor, verb_sign, verb_who, verb_net, verb_setup;

/* main.c: the help text; and a usage error about word. */
void ctl_help(void);
enum ctl_exit ctl_usage(const struct ctl *ctl, const char *what, const char *word);

/* options.c: 0: optind tells where the verb is; 1: all is done; -EINVAL: what is wrong was told. */
_must_check_ int options_take(struct ctl *ctl, int argc, char **argv);
void options_help(void);

/* tell.c: one line on stderr, and with --json an object with "result" and "reason" on stdout.
 * Returns code. */
enum ctl_exit ctl_fail(const struct ctl *ctl, enum ctl_exit code, const char *format, ...)
                _printf_(3, 4);

/* Prints object as the answer, after a "result" that names code, and lets go of it. */
enum ctl_exit ctl_print_json(enum ctl_exit code, json_t *object_take);

/* One line of its own, for what goes on and on. */
void ctl_print_json_line(json_t *object_take);

const char *ctl_exit_name(enum ctl_exit code);

/* status.c: by enum upstream_state of the chain machines; and both as --json has them. */
const char *upstream_state_name(uint8_t state);
enum ctl_colour upstream_state_colour(uint8_t state);
json_t *status_json(const struct query_status *s);
json_t *upstream_json(uint32_t chain, const struct query_upstream *u);

/* wait.c: returns when each chain is followed, or waiting is over. */
void status_wait(const struct ctl *ctl);

/* query.c: a name's answer, in rows under it. */
void query_print_answer(const struct ctl *ctl, const char *name, const struct name_answer *a,
                uint64_t now);
json_t *query_json_of_answer(const char *name, const struct name_answer *a, uint64_t now);

/* pager.c: from here on, what goes to stdout is kept where a person may have to page through it;
 * pager_end() shows it, through a pager where it is taller than the terminal. */
struct pager {
        int saved_fd, kept_fd; /* -1: nothing is kept */
};

void pager_begin(const struct ctl *ctl, struct pager *ret);
_must_check_ bool pager_end(struct pager *p); /* false: it could not be written */

/* By enum name_state. */
const char *ctl_state_name(uint8_t state);
enum ctl_colour ctl_state_colour(uint8_t state);

/* list.c: by enum query_result and enum query_role_verdict. */
const char *ctl_result_name(uint8_t result);
enum ctl_colour ctl_result_colour(uint8_t result);
const char *ctl_role_verdict(uint8_t verdict);

/* One aligned line, "  label     value". */
void ctl_row(const char *label, const char *format, ...) _printf_(2, 3);


/* The terminal's sequence for c, or "" where there is no terminal. CTL_PLAIN ends a colour. */
const char *ctl_paint(const struct ctl *ctl, enum ctl_colour c);

#define CTL_TEXT_MAX 80

/* "3 s", "2 min 5 s", "1 h 12 min", "3 days 4 h" */
const char *ctl_words_of_ms(uint64_t ms, char ret[CTL_TEXT_MAX]);
/* "2026-11-22 01:00:00 UTC", or the plain number where no calendar has it. */
const char *ctl_date(uint64_t seconds, char ret[CTL_TEXT_MAX]);
const char *ctl_bytes(uint64_t n, char ret[CTL_TEXT_MAX]);
/* "0x" and the digits; n is at most 32. */
const char *ctl_hex(const void *data, size_t n, char ret[CTL_TEXT_MAX]);
const char *ctl_addr(const struct name_addr *a, char ret[CTL_TEXT_MAX]);
/* JSON's integers end at INT64_MAX; a number that a stranger chose may not. */
static inline json_int_t ctl_int(uint64_t x) {
        return x > INT64_MAX ? INT64_MAX : (json_int_t) x;
}

/* A block's number, date and the hash's beginning. */
void ctl_row_block(const char *label, const struct query_block *b);

json_t *ctl_json_hex(const void *data, size_t n);
json_t *ctl_json_block(const struct query_block *block);

/* How long ago that was, of CLOCK_BOOTTIME; NULL, and JSON's null, where it was before this boot (0). */
const char *ctl_age_of_proof(uint64_t proven_ms, char ret[CTL_TEXT_MAX]);
json_t *ctl_json_age_of_proof(uint64_t proven_ms);

/* What an upstream said may stand in a text: bytes that a terminal would obey become '?'. */
void ctl_clean(char *text, size_t n);

/* ask.c: asks, and tells nobody: 0 with a reply of any result, its texts fit for a terminal; or
 * -errno of query_ask(). */
_must_check_ int ctl_get(
                const struct ctl *ctl, struct query_request *request, struct query_reply *ret);

/* What an error of ctl_get() means, and what to do. */
void ctl_unreachable_text(const struct ctl *ctl, int r, char *ret, size_t cap);

/* The agent runs, and has no chain yet: UNKNOWN is not the asker's fault. */
bool ctl_no_chain(const struct query_reply *reply);

/* Tells the user of an error of ctl_get(), or of a reply's result. Returns the exit code. */
enum ctl_exit ctl_unreachable(const struct ctl *ctl, int r);
enum ctl_exit ctl_tell(
                const struct ctl *ctl, const char *what, const struct query_reply *reply);

/* CTL_OK with a reply of result QUERY_OK; else it has told the user why, and what to do. */
_must_check_ enum ctl_exit ctl_ask(const struct ctl *ctl, struct query_request *request,
        const char *what, struct query_reply *ret);

/* As ctl_ask(), for an answer that a file comes with. */
_must_check_ enum ctl_exit ctl_ask_file(const struct ctl *ctl, struct query_request *request,
        const char *what, struct query_reply *ret, int *ret_fd);

/* NUMBER:0xHASH, or 0x and a root. -EINVAL. */
_must_check_ int ctl_checkpoint(const char *text, struct block_ref *ret);

/* For walking a list: as ctl_ask(), but the end of the list is CTL_OK with *ret_end. */
_must_check_ enum ctl_exit ctl_ask_item(const struct ctl *ctl, struct query_request *request,
        const char *what, struct query_reply *ret, bool *ret_end);

/* What fn tells of each chain, in the agent's order; with --json one object, whose list is key. fn
 * prints, or adds to list where that is not NULL; *ret_any false: there is no such chain. */
typedef enum ctl_exit ctl_chain_fn(
                const struct ctl *ctl, uint32_t chain, json_t *list, bool *ret_any);
enum ctl_exit ctl_each_chain(const struct ctl *ctl, const char *key, ctl_chain_fn *fn);

/* A decimal number from text, whole. -EINVAL. */
_must_check_ int ctl_number(const char *text, uint64_t max, uint64_t *ret);

/* file.c: a regular file of at most max bytes, whole, for the caller to free. -errno; -EBADMSG for
 * what is no file, -E2BIG. */
_must_check_ int ctl_read_file(const char *path, size_t max, char **ret, size_t *ret_n);

/* checkpoint_ask.c: as whom a child of ours runs that has to do with strangers' bytes: the caller;
 * where that is root, kedge-fetch's user, or nobody. The other makes the process, a forked child,
 * that, and gives it a session without a terminal; false: it cannot. */
void ctl_stranger(uid_t *ret_uid, gid_t *ret_gid);
_must_check_ bool ctl_step_down(void);

/* login.conf, beside the agent's configuration. */
#define CTL_PATH_MAX 256
void ctl_login_conf(const struct ctl *ctl, char ret[CTL_PATH_MAX]);

/* CLOCK_BOOTTIME in milliseconds. */
uint64_t ctl_boottime_ms(void);

/* bus_tell.c: calls a method of the agent on the system bus; types and what follows as sd-bus has
 * them. A password may be asked for. 0; -ENOENT: nobody is there who could hear it; -ERESTART: the
 * agent needs a restart for it; or another errno. But for -ENOENT ret_why is what the agent answered. */
#define CTL_WHY_MAX 400
_must_check_ int ctl_bus_tell(const char *member, char ret_why[CTL_WHY_MAX], const char *types, ...);
