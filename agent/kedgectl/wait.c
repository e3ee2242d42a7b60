/* status --wait: until every chain is followed, or the time is over, or one is stuck, which no
 * waiting mends. How far it is stands on stderr: one line that is written anew on a terminal, a line
 * for each change elsewhere. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"

#define WAIT_EVERY_MS  500
#define WAIT_TEXT_MAX  600
#define WAIT_UPSTREAMS 64
#define UPSTREAM_IS_UP 3 /* of query_upstream.state */

/* How many blocks the upstreams say that they are ahead; 0: none, or not known. */
static uint64_t blocks_left(const struct ctl *ctl, uint32_t chain, const struct query_status *s) {
        uint64_t peak = 0;

        if (strcmp(s->backend, "blockquick") != 0) /* elsewhere the text counts periods */
                return 0;
        for (uint32_t i = 0; i < MIN(s->n_upstreams, (uint32_t) WAIT_UPSTREAMS); i++) {
                struct query_request request = { .verb = QUERY_UPSTREAM, .index = chain, .item = i };
                struct query_reply reply;

                if (ctl_get(ctl, &request, &reply) < 0 || reply.result != QUERY_OK)
                        break;
                if (reply.upstream.state == UPSTREAM_IS_UP)
                        peak = MAX(peak, reply.upstream.peak);
        }
        return peak > s->head.number && s->has_finalized ? peak - s->head.number : 0;
}

struct progress {
        bool done, stuck;
        char text[WAIT_TEXT_MAX];
};

static void add_chain(const struct ctl *ctl, uint32_t i, const struct query_status *s,
                struct progress *p) {
        size_t n = strlen(p->text);
        uint64_t left = s->state == STATE_FOLLOWING ? 0 : blocks_left(ctl, i, s);
        char blocks[48] = "";

        if (left > 0)
                (void) snprintf(blocks, sizeof(blocks), ", %llu blocks left",
                                (unsigned long long) left);
        (void) snprintf(p->text + n, sizeof(p->text) - n, "%s%s: %s%s%s%s", i > 0 ? "; " : "",
                        s->chain, ctl_state_name(s->state), s->text[0] ? ", " : "", s->text, blocks);
        p->done = p->done && s->state == STATE_FOLLOWING;
        p->stuck = p->stuck || s->state == STATE_STUCK;
}

static struct progress look(const struct ctl *ctl) {
        struct progress p = { .done = true };
        uint32_t n = 1;

        for (uint32_t i = 0; i < n; i++) {
                struct query_request request = { .verb = QUERY_STATUS, .index = i };
                struct query_reply reply;
                int r = ctl_get(ctl, &request, &reply);

                if (r >= 0 && ctl_no_chain(&reply)) {
                        (void) snprintf(p.text, sizeof(p.text), QUERY_NO_CHAIN);
                        return p; /* there is nothing to wait for */
                }
                if (r < 0 || reply.result != QUERY_OK) {
                        p = (struct progress){ .done = false };
                        (void) snprintf(p.text, sizeof(p.text), "the agent does not answer yet");
                        return p;
                }
                n = MIN(reply.status.n_chains, (uint32_t) QUERY_CHAINS_MAX);
                add_chain(ctl, i, &reply.status, &p);
        }
        return p;
}

void status_wait(const struct ctl *ctl) {
        uint64_t begun = ctl_boottime_ms();
        char last[WAIT_TEXT_MAX] = "";
        bool live = isatty(STDERR_FILENO);

        for (;;) {
                struct progress p = look(ctl);
                uint64_t waited = ctl_boottime_ms() - begun;

                if (strcmp(p.text, last) != 0 && !ctl->json)
                        fprintf(stderr, live ? "\r%.78s\033[K" : "%s\n", p.text);
                memcpy(last, p.text, sizeof(last));
                if (p.done || p.stuck || (ctl->wait_s > 0 && waited >= ctl->wait_s * 1000))
                        break;
                (void) poll(NULL, 0, WAIT_EVERY_MS);
        }
        if (live && !ctl->json)
                fputs("\r\033[K", stderr);
}
