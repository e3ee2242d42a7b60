/* The agent: owns every part, and connects them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/kedged/answer_net.h"
#include "agent/kedged/book.h"
#include "agent/kedged/bus.h"
#include "agent/kedged/config.h"
#include "agent/kedged/courier.h"
#include "agent/kedged/floor.h"
#include "agent/kedged/kept.h"
#include "agent/kedged/keys.h"
#include "agent/kedged/login_desk.h"
#include "agent/kedged/metrics.h"
#include "agent/kedged/net_desk.h"
#include "agent/kedged/news.h"
#include "agent/kedged/operator.h"
#include "agent/kedged/proof.h"
#include "agent/kedged/prove.h"
#include "agent/kedged/publish.h"
#include "agent/kedged/query.h"
#include "agent/kedged/run.h"
#include "agent/kedged/sessions.h"
#include "agent/kedged/watch.h"
#include "base/cleanup.h"

#define AGENT_HOUSEKEEPING_MS 1000
#define AGENT_ROUNDS          8    /* of asking and ending proofs, in one turn of the loop */
#define AGENT_OLD_S           86400 /* a saved state so far behind is worth a line */
#define AGENT_WHY_MAX         256
#define AGENT_RETRY_MS        5000 /* between two tries to save what could not be saved */
#define AGENT_RTC_MS          60000 /* between two looks at the hardware's clock: it is slow to read */

struct agent {
        const char *config_path;
        struct config *config;
        sd_event *event;
        sd_event_source *post, *timer, *deadline, *sigterm, *sigint, *sighup;
        int state_fd, run_fd, public_fd, lock_fd;
        uint64_t started_ms, retried_ms, budget_saved_ms;
        struct floor floor;
        uint64_t rtc_s, rtc_read_ms; /* the hardware's clock, and when it was read */
        uint8_t device_key[SECP_PRIVKEY_SIZE];
        struct courier courier;
        size_t n_runs;
        struct run *runs[CONFIG_CHAINS_MAX];
        struct proofs proofs;
        struct book book;
        struct operator_words words;
        struct watch watch;
        struct keys keys;
        struct kept kept;
        struct publish publish;
        struct news_desk news;
        struct metrics metrics;
        struct sessions sessions;
        enum name_state told[CONFIG_CHAINS_MAX]; /* the states that were told last */
        struct query query;
        struct bus bus;
        struct login_desk login;
        struct net_desk net;
        struct net_asks net_asks;
        struct prove prove;
        uint64_t prove_client; /* who waits for its bundle, */
        uint32_t prove_id;     /* by which question */
        char status_line[256];
};

/* Takes config_take over. What is wrong is logged, once. */
_must_check_ int agent_new(const char *config_path, struct config *config_take, struct agent **ret);
struct agent *agent_free(struct agent *a);

static inline void agent_freep(struct agent **a) {
        *a = agent_free(*a);
}

/* Serves until SIGTERM or SIGINT. 0: a clean stop. */
_must_check_ int agent_serve(struct agent *a);

/* A machine for a configured chain, from its saved state or its checkpoint; before is a former state
 * of a chain that begins anew, or empty. Errors are logged. */
_must_check_ int agent_chain_new(struct agent *a, const struct config_chain *config,
                struct view state, struct view before, struct chain **ret);

/* The floor of time as of now, with what the chains have proven by now. */
uint64_t agent_floor_s(struct agent *a);

/* -EPROTONOSUPPORT: a later kedge has written the state file of a chain from number first on; logged.
 * To be asked before anything is written. */
_must_check_ int agent_chains_readable(
                const struct agent *a, const struct config *config, size_t first);

/* Opens the state file of the chain that is to be number index, and makes its run, which is no part
 * of the agent yet. Errors are logged. */
_must_check_ int agent_run_open(struct agent *a, const struct config_chain *config, size_t index,
                struct run **ret);

/* Reads the configuration again; keeps the running one where the new one is no good, and logs why.
 * -ERESTART: it is good, but only a restart brings it into effect; other -errno. */
int agent_reload(struct agent *a, char ret_why[CONFIG_WHY_MAX]);

/* Verbs of the query socket; see query_ask_fn. */
bool agent_answer(void *userdata, struct query_client *client, const struct query_request *request,
        struct query_reply *ret);
/* answer_prove.c; see query_ask_fn. The other gives up what nobody waits for. */
bool agent_prove(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret);
void agent_prove_look(struct agent *a);

/* answer_explain.c: what we know, read-only and without asking the chain. */
bool agent_tell_explain(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret);
bool agent_tell_watched(struct agent *a, const struct query_request *q, struct query_reply *ret);
bool agent_tell_role(const struct agent *a, const struct query_request *q, struct query_reply *ret);
bool agent_tell_time(struct agent *a, const struct query_request *q, struct query_reply *ret);
bool agent_tell_evidence(struct agent *a, const struct query_request *q, struct query_reply *ret);

/* answer_net.c; see query_ask_fn. The other answers whoever waits until kedge-netd has looked. */
bool agent_tell_net(struct agent *a, const struct query_client *client,
                const struct query_request *q, struct query_reply *ret);
void agent_net_look(struct agent *a, uint64_t now);

/* Sets result and reason; true. */
const struct run *agent_run_named(const struct agent *a, const char *name); /* empty: the first */
bool agent_say(struct query_reply *ret, enum query_result result, const char *reason);

void agent_on_name(void *userdata, uint64_t client, uint32_t id, const struct watch_reply *reply);
void agent_on_key(void *userdata, uint64_t client, const struct query_reply *reply);

/* One line: state, finalized, head, upstreams, names. */
void agent_status_text(const struct agent *a, char *ret, size_t cap);

enum name_state agent_chain_state(const struct agent *a, const struct run *run, uint64_t now);
const char *agent_state_word(enum name_state state);

/* Why it stands so, and what to do about it; may be empty. */
const char *agent_chain_why(
        const struct agent *a, const struct run *run, uint64_t now, char ret[CHAIN_TEXT_MAX]);

/* Looks at the clocks; tells of a chain whose state is another than the one told last, and has what
 * readers see brought up to it. */
void agent_tell_states(struct agent *a, uint64_t now);

/* The operator's word, from a caller who may say it. ret_why is set where the result is not 0, in
 * words for that caller. Accept: hash is one side of the chain's conflict, or its anchor that is
 * too old. Import: the chain begins anew from a checkpoint; Ethereum: number is its slot, and 0,
 * not told, is taken from a stuck chain alone.
 * -ENOENT: no such chain; -EINVAL: not a checkpoint, or not what the chain waits for; -EPERM: it is
 * older than what is final here; another errno: not on disk. */
_must_check_ int agent_accept(struct agent *a, const char *chain, const struct hash32 *hash,
                char ret_why[AGENT_WHY_MAX]);
_must_check_ int agent_import(struct agent *a, const char *chain,
                const struct block_ref *checkpoint, char ret_why[AGENT_WHY_MAX]);

/* AcceptOld= where it names the other side of a conflict. Errors are logged. */
void agent_accept_configured(struct agent *a);

/* At the start: an import that a power cut has interrupted. Errors are logged. */
_must_check_ int agent_finish_import(struct agent *a, const struct config_chain *config);
