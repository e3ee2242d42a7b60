/* The questions to the agent, over its query socket. Who listens there must be root or the owner of
 * the socket's folder; wire/query.c sees to that before a byte is believed. A round of questions
 * has one deadline: who stalls us stalls one round. */

#include "agent/timed/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t now_ms(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* What may stand in a journal's line. */
static void clean(char *text) {
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e)
                        *text = '?';
}

static int failed(const char *socket, int r, char why[ASK_WHY_MAX]) {
        const char *what = "does not answer";

        if (r == -ENOENT || r == -ECONNREFUSED)
                what = "is not there: is kedged running?";
        else if (r == -EPERM)
                what = "is served by neither root nor the owner of its folder: not believed";
        else if (r == -EBADMSG || r == -EPROTONOSUPPORT)
                what = "answers what is not an answer: are kedged and kedge-timed of one version?";
        (void) snprintf(why, ASK_WHY_MAX, "the agent at %.108s %s", socket, what);
        return r;
}

static int ask(const char *socket, struct query_request *q, uint64_t deadline_ms,
                struct query_reply *ret, char why[ASK_WHY_MAX]) {
        uint64_t now = now_ms();
        int r = query_ask(socket, q, now < deadline_ms ? (int) (deadline_ms - now) : 0, ret);

        return r < 0 ? failed(socket, r, why) : 0;
}

static void take(const struct query_reply *reply, const char *chain, struct judge_time *t,
                size_t *n, char why[ASK_WHY_MAX]) {
        if (reply->result != QUERY_OK || !judge_state_counts((enum name_state) reply->time.state)) {
                (void) snprintf(why, ASK_WHY_MAX, "chain %.31s: %.160s", chain[0] ? chain : "(first)",
                                reply->reason[0] ? reply->reason
                                                 : "it is starting, or stuck: see kedgectl status");
                clean(why);
                return;
        }
        t[*n] = (struct judge_time){
                .state = (enum name_state) reply->time.state, .lower = reply->time.lower,
                .upper = reply->time.upper, .number = reply->time.number,
        };
        memcpy(t[*n].chain, chain, sizeof(t->chain));
        clean(t[(*n)++].chain);
}

static int ask_chain(const char *socket, const char *chain, uint64_t deadline_ms,
                struct judge_time *t, size_t *n, char why[ASK_WHY_MAX]) {
        struct query_request q = { .verb = QUERY_TIME };
        struct query_reply reply;
        int r;

        (void) snprintf(q.chain, sizeof(q.chain), "%s", chain);
        r = ask(socket, &q, deadline_ms, &reply, why);
        if (r == 0)
                take(&reply, q.chain, t, n, why);
        return r;
}

int ask_time(const char *socket, const char *chain, struct judge_time ret[QUERY_CHAINS_MAX],
                size_t *ret_n, char why[ASK_WHY_MAX]) {
        uint64_t deadline_ms = now_ms() + ASK_WAIT_MS;
        struct judge_time t[QUERY_CHAINS_MAX];
        size_t n = 0;
        int r = 0;

        (void) snprintf(why, ASK_WHY_MAX, "the agent follows no chain");
        if (chain[0])
                r = ask_chain(socket, chain, deadline_ms, t, &n, why);
        for (uint32_t i = 0; !chain[0] && i < QUERY_CHAINS_MAX && r == 0; i++) {
                struct query_request q = { .verb = QUERY_STATUS, .index = i };
                struct query_reply reply;

                r = ask(socket, &q, deadline_ms, &reply, why);
                if (r == 0 && reply.result != QUERY_OK)
                        break; /* the last chain was before */
                if (r == 0)
                        r = ask_chain(socket, reply.status.chain, deadline_ms, t, &n, why);
        }
        if (r < 0)
                return r;
        memcpy(ret, t, n * sizeof(t[0]));
        *ret_n = n;
        return 0;
}
