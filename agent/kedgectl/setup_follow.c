/* From an agent that was just told of a chain to the first answer that it has proven: each step as it
 * is reached, with the time it took; and where it stops, at which step, and why. */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kedgectl/setup.h"
#include "base/hex.h"
#include "core/slot.h"

#define EVERY_MS      200
#define UPSTREAMS_MAX 64
#define NO_ACCOUNT    "account does not exist"
#define NO_ACCOUNT_MS 15000 /* so long all of them say so, which is no proof, and then it is said */

enum { STEP_NONE, STEP_AGENT, STEP_UPSTREAMS, STEP_HEADERS, STEP_FOLLOWING };

static const char *took(const struct setup_follow *f, char ret[CTL_TEXT_MAX]) {
        uint64_t ms = ctl_boottime_ms() - f->begun_ms;

        (void) snprintf(ret, CTL_TEXT_MAX, "%llu.%llu s", (unsigned long long) ms / 1000,
                        (unsigned long long) ms % 1000 / 100);
        return ret;
}

static void wipe_live(const struct setup_follow *f) {
        if (!f->ctl->json && isatty(STDERR_FILENO))
                fputs("\r\033[K", stderr);
}

static void tell(const struct setup_follow *f, const char *label, const char *format, ...)
                _printf_(3, 4);
static void tell(const struct setup_follow *f, const char *label, const char *format, ...) {
        char text[400], time[CTL_TEXT_MAX];
        va_list args;

        if (f->ctl->json)
                return;
        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        wipe_live(f);
        ctl_row(label, "%s  %s(%s)%s", text, ctl_paint(f->ctl, CTL_DIM), took(f, time),
                        ctl_paint(f->ctl, CTL_PLAIN));
        (void) fflush(stdout);
}

/* What is waited for, where somebody looks on. */
static void show_live(const struct setup_follow *f, const char *what) {
        if (!f->ctl->json && isatty(STDERR_FILENO))
                fprintf(stderr, "\r  ... %.70s\033[K", what);
}

static bool find_chain(struct setup_follow *f) {
        uint32_t n = 1;

        for (uint32_t i = 0; i < n; i++) {
                struct query_request request = { .verb = QUERY_STATUS, .index = i };
                struct query_reply reply;
                int r = ctl_get(f->ctl, &request, &reply);

                if (r < 0) {
                        ctl_unreachable_text(f->ctl, r, f->why, sizeof(f->why));
                        return false;
                }
                f->reached = true;
                if (reply.result != QUERY_OK)
                        break;
                n = MIN(reply.status.n_chains, (uint32_t) QUERY_CHAINS_MAX);
                if (strcmp(reply.status.chain, f->chain) != 0)
                        continue;
                f->index = i;
                f->status = reply.status;
                return true;
        }
        (void) snprintf(f->why, sizeof(f->why),
                        "kedged does not follow chain %s yet: systemctl restart kedged", f->chain);
        return false;
}

static unsigned step_of(const struct query_status *s) {
        if (s->state == STATE_FOLLOWING)
                return STEP_FOLLOWING;
        if (s->has_finalized && s->n_upstreams_up > 0)
                return STEP_HEADERS;
        return s->n_upstreams_up > 0 ? STEP_UPSTREAMS : STEP_AGENT;
}

static void tell_step(const struct setup_follow *f, unsigned step) {
        const struct query_status *s = &f->status;
        char date[CTL_TEXT_MAX];

        switch (step) {
        case STEP_AGENT:
                tell(f, "agent", "kedged %s answers, and knows chain %s", s->version, s->chain);
                break;
        case STEP_UPSTREAMS:
                tell(f, "connected", "%u of %u upstreams are up", s->n_upstreams_up, s->n_upstreams);
                break;
        case STEP_HEADERS:
                tell(f, "headers", "verified, up to final block %llu",
                                (unsigned long long) s->finalized.number);
                break;
        case STEP_FOLLOWING:
                tell(f, "following", "block %llu, %s", (unsigned long long) s->head.number,
                                ctl_date(s->head.timestamp, date));
                break;
        }
}

/* Each step once, in their order; one that was passed between two looks is told with the next. */
static void look(struct setup_follow *f) {
        unsigned now;

        if (!find_chain(f))
                return;
        now = step_of(&f->status);
        while (f->step < now)
                tell_step(f, ++f->step);
        f->stuck = f->status.state == STATE_STUCK;
        (void) snprintf(f->why, sizeof(f->why), "%s%s%s", ctl_state_name(f->status.state),
                        f->status.text[0] ? ": " : "", f->status.text);
}

static bool is_over(const struct setup_follow *f) {
        return ctl_boottime_ms() - f->begun_ms >= f->limit_ms;
}

/* Goes through the upstreams, and where loud tells what each has to say for itself. Returns how many
 * have another block than the checkpoint. */
static uint32_t contradicting(const struct setup_follow *f, bool loud) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < UPSTREAMS_MAX; i++) {
                struct query_request q = { .verb = QUERY_UPSTREAM, .index = f->index, .item = i };
                struct query_reply a;

                if (ctl_get(f->ctl, &q, &a) < 0 || a.result != QUERY_OK)
                        break;
                n += strstr(a.upstream.last_error, "the checkpoint says") != NULL;
                if (loud)
                        ctl_row("upstream", "%s: %s%s%s", a.upstream.url,
                                        upstream_state_name(a.upstream.state),
                                        a.upstream.last_error[0] ? ", " : "", a.upstream.last_error);
        }
        return n;
}

/* All of them do: no waiting mends that. */
static bool is_contradicted(const struct setup_follow *f) {
        return f->step >= STEP_AGENT && f->step < STEP_HEADERS && f->status.n_upstreams > 0 &&
               contradicting(f, false) == f->status.n_upstreams;
}

static enum ctl_exit stopped(const struct setup_follow *f) {
        const struct ctl *ctl = f->ctl;

        wipe_live(f);
        if (!f->reached)
                return ctl_fail(ctl, CTL_UNREACHABLE, "%s", f->why);
        if (f->step == STEP_NONE)
                return ctl_fail(ctl, CTL_UNPROVEN, "%s", f->why);
        if (f->stuck)
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "chain %s is stuck, and no waiting mends it: %s; is the checkpoint "
                                "of this chain? Another one: kedgectl setup again",
                                f->chain, f->status.text[0] ? f->status.text : "no reason is told");
        if (contradicting(f, !ctl->json) > 0)
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "chain %s has another block there than the checkpoint says: one of both "
                                "is not what you think. Compare it with a source of your own, then: "
                                "kedgectl setup with another --checkpoint",
                                f->chain);
        if (f->status.n_upstreams_up == 0)
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "no upstream of chain %s is up%s%s; right addresses, and a way out of "
                                "this machine? It goes on trying: kedgectl status --wait",
                                f->chain, f->status.text[0] ? ": " : "", f->status.text);
        return ctl_fail(ctl, CTL_UNPROVEN,
                        "chain %s is %s; it goes on by itself: kedgectl status --wait", f->chain,
                        f->why);
}

/* Told, where whoever called has not done so. */
static bool has_ended(struct setup_follow *f) {
        int r = f->alive ? f->alive(f->userdata, f->why) : 0;

        if (r == 0)
                return false;
        wipe_live(f);
        if (r != -EINTR)
                (void) ctl_fail(f->ctl, CTL_FAILURE, "%s", f->why);
        return true;
}

static enum ctl_exit follow_chain(struct setup_follow *f) {
        for (;;) {
                if (has_ended(f))
                        return CTL_FAILURE;
                look(f);
                if (f->step == STEP_FOLLOWING)
                        return CTL_OK;
                if (f->stuck || is_over(f) || is_contradicted(f))
                        return stopped(f);
                show_live(f, f->why);
                (void) poll(NULL, 0, EVERY_MS);
        }
}

/* ---- the first answer ---- */

static enum ctl_exit no_contract(const struct setup_follow *f) {
        char hex[CTL_TEXT_MAX];

        return ctl_fail(f->ctl, CTL_UNPROVEN,
                        "chain %s is followed, but its upstreams say that there is no contract %s: is it "
                        "of this chain, and spelt right? Another one: kedgectl setup again",
                        f->chain, ctl_hex(f->contract.b, ADDRESS_SIZE, hex));
}

/* Asks until it is decided: what is proven, or what no time mends. */
static enum ctl_exit ask(struct setup_follow *f, struct query_request *q, const char *what) {
        uint64_t there_ms = ctl_boottime_ms(); /* when the contract was not said to be missing */

        memcpy(q->chain, f->status.chain, sizeof(q->chain));
        for (;;) {
                int r;

                if (has_ended(f))
                        return CTL_FAILURE;
                r = ctl_get(f->ctl, q, &f->answer);
                if (r >= 0 && (f->answer.result == QUERY_OK || f->answer.result == QUERY_ABSENT ||
                                              f->answer.result == QUERY_INVALID))
                        break;
                if (r < 0 || strcmp(f->answer.reason, NO_ACCOUNT) != 0)
                        there_ms = ctl_boottime_ms();
                if (is_over(f) || ctl_boottime_ms() - there_ms >= NO_ACCOUNT_MS) {
                        wipe_live(f);
                        if (r == 0 && strcmp(f->answer.reason, NO_ACCOUNT) == 0)
                                return no_contract(f);
                        return r < 0 ? ctl_unreachable(f->ctl, r) : ctl_tell(f->ctl, what, &f->answer);
                }
                show_live(f, r < 0 ? "no answer yet" : f->answer.reason);
                (void) poll(NULL, 0, EVERY_MS);
        }
        f->answer_ms = ctl_boottime_ms() - f->begun_ms;
        return f->answer.result == QUERY_INVALID ? ctl_tell(f->ctl, what, &f->answer) : CTL_OK;
}

static enum ctl_exit ask_name(struct setup_follow *f, const char *name, bool *ret_there) {
        struct query_request q = { .verb = QUERY_RESOLVE };
        enum ctl_exit code;

        memcpy(q.name, name, strlen(name));
        (void) snprintf(f->name, sizeof(f->name), "%s", name);
        code = ask(f, &q, name);
        *ret_there = code == CTL_OK && f->answer.result == QUERY_OK &&
                     f->answer.name.verdict == NAME_PRESENT;
        return code;
}

/* The first that the contract lists, where it does. */
static enum ctl_exit first_member(struct setup_follow *f, char ret[NAME_MAX_LEN + 1]) {
        struct query_request q = { .verb = QUERY_LOOKUP, .contract = f->contract, .slot = f->slot };
        const char *label;
        enum ctl_exit code;
        size_t n;

        ret[0] = '\0';
        if (f->ens || slot_key_of_text(VIEW_TEXT("_member.0"), &q.key) < 0)
                return CTL_OK;
        code = ask(f, &q, "_member.0");
        if (code != CTL_OK || f->answer.result != QUERY_OK)
                return code;
        label = (const char *) f->answer.lookup.value.b;
        n = strnlen(label, HASH32_SIZE);
        if (n > 0 && n + 1 + strlen(f->zone) <= NAME_MAX_LEN) {
                char name[NAME_MAX_LEN + HASH32_SIZE + 2];

                (void) snprintf(name, sizeof(name), "%.*s.%s", (int) n, label, f->zone);
                if (name_normalize(VIEW_TEXT(name), ret) < 0)
                        ret[0] = '\0';
        }
        return CTL_OK;
}

static enum ctl_exit say_found(struct setup_follow *f) {
        tell(f, "proven", "%s", f->name);
        if (!f->ctl->json)
                query_print_answer(f->ctl, f->name, &f->answer.name, ctl_boottime_ms());
        return CTL_OK;
}

/* The contract is there, as its account was proven; but it has nothing at the zone's own name, nor a
 * list of members. That is an answer, too. */
static enum ctl_exit say_empty(struct setup_follow *f) {
        f->name[0] = '\0';
        tell(f, "proven", "nothing is stored for %s itself, and it lists no members", f->zone);
        return CTL_OK;
}

/* Until the agent has the zone as it is written: what it proves from another contract says nothing. */
static enum ctl_exit await_zone(struct setup_follow *f) {
        struct setup_zone want = { .ens = f->ens, .contract = f->contract, .slot = f->slot };

        (void) snprintf(want.name, sizeof(want.name), "%s", f->zone);
        while (!setup_has_zone(f->ctl, f->chain, &want)) {
                if (has_ended(f))
                        return CTL_FAILURE;
                if (is_over(f)) {
                        wipe_live(f);
                        return ctl_fail(f->ctl, CTL_UNPROVEN,
                                        "kedged does not have zone %s as it is written: systemctl restart "
                                        "kedged",
                                        f->zone);
                }
                show_live(f, "kedged has not read the zone yet");
                (void) poll(NULL, 0, EVERY_MS);
        }
        return CTL_OK;
}

static enum ctl_exit follow_zone(struct setup_follow *f) {
        char member[NAME_MAX_LEN + 1];
        const char *given = f->attempt[0] ? f->attempt : NULL;
        enum ctl_exit code;
        bool there = false;

        code = await_zone(f);
        if (code == CTL_OK)
                code = ask_name(f, given ? given : f->zone, &there);
        if (code != CTL_OK || there)
                return code == CTL_OK ? say_found(f) : code;
        if (given)
                return ctl_fail(f->ctl, CTL_ABSENT,
                                "%s: proven absent; the chain and the contract are as they should be, "
                                "so: kedgectl record set %s server_ip=ADDRESS",
                                given, given);
        code = first_member(f, member);
        if (code == CTL_OK && member[0])
                code = ask_name(f, member, &there);
        if (code != CTL_OK)
                return code;
        return member[0] && there ? say_found(f) : say_empty(f);
}

enum ctl_exit setup_follow(struct setup_follow *f) {
        char lower[CTL_TEXT_MAX], upper[CTL_TEXT_MAX];
        enum ctl_exit code = follow_chain(f);

        if (code != CTL_OK || f->zone[0])
                return code == CTL_OK ? follow_zone(f) : code;
        f->answer_ms = ctl_boottime_ms() - f->begun_ms;
        tell(f, "proven", "the time is after %s%s%s", ctl_date(f->status.time_lower, lower),
                        f->status.time_upper ? ", about before " : "",
                        f->status.time_upper ? ctl_date(f->status.time_upper, upper) : "");
        return CTL_OK;
}
