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

/* The floor is what chains have proven before; of a chain that is stuck nothing counts, so neither
 * does what it may have brought into the floor. */
struct round {
        const char *socket;
        uint64_t deadline_ms;
        bool stuck;
        struct ask_answer answer;
};

static void take(struct round *a, const struct query_reply *reply, const char *chain) {
        enum name_state state = (enum name_state) reply->time.state;
        struct judge_time *t = &a->answer.t[a->answer.n];

        a->stuck = a->stuck || state == STATE_STUCK;
        a->answer.floor = MAX(a->answer.floor, reply->time.floor);
        if (reply->result != QUERY_OK || !judge_state_counts(state)) {
                (void) snprintf(a->answer.why, ASK_WHY_MAX, "chain %.31s: %.160s",
                                chain[0] ? chain : "(first)",
                                reply->reason[0] ? reply->reason
                                                 : "it is starting, or stuck: see kedgectl status");
                clean(a->answer.why);
                return;
        }
        *t = (struct judge_time){
                .state = state, .lower = reply->time.lower, .upper = reply->time.upper,
                .number = reply->time.number,
        };
        memcpy(t->chain, chain, sizeof(t->chain));
        clean(t->chain);
        a->answer.n++;
}

static int ask_chain(struct round *a, const char *chain) {
        struct query_request q = { .verb = QUERY_TIME };
        struct query_reply reply;
        int r;

        (void) snprintf(q.chain, sizeof(q.chain), "%s", chain);
        r = ask(a->socket, &q, a->deadline_ms, &reply, a->answer.why);
        if (r == 0)
                take(a, &reply, q.chain);
        return r;
}

static int ask_all(struct round *a) {
        int r = 0;

        for (uint32_t i = 0; i < QUERY_CHAINS_MAX && r == 0; i++) {
                struct query_request q = { .verb = QUERY_STATUS, .index = i };
                struct query_reply reply;

                r = ask(a->socket, &q, a->deadline_ms, &reply, a->answer.why);
                if (r == 0 && reply.result != QUERY_OK)
                        break; /* the last chain was before */
                if (r == 0)
                        r = ask_chain(a, reply.status.chain);
        }
        return r;
}

int ask_time(const char *socket, const char *chain, struct ask_answer *ret) {
        struct round a = { .socket = socket, .deadline_ms = now_ms() + ASK_WAIT_MS,
                           .answer.why = "the agent follows no chain" };
        int r = chain[0] ? ask_chain(&a, chain) : ask_all(&a);

        if (r < 0) {
                memcpy(ret->why, a.answer.why, ASK_WHY_MAX);
                return r;
        }
        if (a.stuck)
                a.answer.floor = 0;
        *ret = a.answer;
        return 0;
}
