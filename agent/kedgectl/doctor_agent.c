/* What the agent says of itself: whether it is there, its clock, its chains with their checkpoints,
 * forks and upstreams, what its roles get, and the evidence that it keeps. */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/kedgectl/doctor.h"
#include "config.h"

#define UPSTREAMS_MAX UINT32_C(64)
#define ROLES_MAX     16
#define EVIDENCE_MAX  1024
#define DAY_S         86400

static int ask(const struct doctor *d, enum query_verb verb, uint32_t index, uint32_t item,
                struct query_reply *ret) {
        struct query_request request = { .verb = verb, .index = index, .item = item };

        return ctl_get(d->ctl, &request, ret);
}

/* The text ends with what to do, after a semicolon. */
static void say_unreachable(struct doctor *d, int r) {
        char text[DOCTOR_TEXT_MAX], *cure, *colon;

        ctl_unreachable_text(d->ctl, r, text, sizeof(text));
        cure = strrchr(text, ';');
        if (cure)
                *cure++ = '\0';
        colon = cure ? strstr(cure, ": ") : NULL;
        doctor_say(d, DOCTOR_FAIL, "agent", colon ? colon + 2 : "journalctl -u kedged", "%s", text);
}

static void look_at_socket(struct doctor *d, const struct query_status *s) {
        char cure[DOCTOR_TEXT_MAX], up[CTL_TEXT_MAX];
        const struct passwd *user;
        struct stat st = { 0 };

        if (strcmp(s->version, KEDGE_VERSION) != 0) {
                doctor_say(d, DOCTOR_FAIL, "agent", "systemctl restart kedged",
                                "kedged %s runs, but %s is installed", s->version, KEDGE_VERSION);
                return;
        }
        if (stat(d->ctl->path, &st) == 0 && (st.st_mode & 0666) != 0666) {
                (void) snprintf(cure, sizeof(cure), "chmod 666 %s", d->ctl->path);
                doctor_say(d, DOCTOR_FAIL, "agent", cure, "not everybody may ask at %s",
                                d->ctl->path);
                return;
        }
        user = getpwuid(st.st_uid);
        doctor_say(d, DOCTOR_OK, "agent", NULL, "kedged %s answers, of user %s, up %s", s->version,
                        user ? user->pw_name : "(without a name)",
                        ctl_words_of_ms(s->uptime_ms, up));
}

/* at_least: seconds since 1970 that it is, by what was proven. */
static void look_at_clock(struct doctor *d, uint64_t at_least) {
        char now_text[CTL_TEXT_MAX], least_text[CTL_TEXT_MAX];
        time_t now = time(NULL);
        struct query_reply reply;

        (void) ctl_date((uint64_t) now, now_text);
        (void) ctl_date(at_least, least_text);
        if (now < 0 || (uint64_t) now < at_least) {
                doctor_say(d, DOCTOR_FAIL, "clock", "systemctl enable --now kedge-timed",
                                "the system's clock says %s, and it is %s at least", now_text,
                                least_text);
                return;
        }
        if (ask(d, QUERY_TIME, 0, 0, &reply) >= 0 && reply.result == QUERY_OK &&
                        reply.time.wall == 0) {
                doctor_say(d, DOCTOR_WARN, "clock", "systemctl enable --now chrony",
                                "nothing keeps the system's clock right: it cannot tell that what "
                                "is shown is old");
                return;
        }
        doctor_say(d, DOCTOR_OK, "clock", NULL, "%s, and not before what was proven", now_text);
}

/* Do upstreams of a chain of which nothing is proven yet have another block than its checkpoint?
 * Then it is the checkpoint that may be wrong. */
static bool is_contradicted(const struct doctor *d, const struct query_status *s, uint32_t chain) {
        struct query_reply reply;

        for (uint32_t i = 0; !s->has_finalized && i < MIN(s->n_upstreams, UPSTREAMS_MAX); i++)
                if (ask(d, QUERY_UPSTREAM, chain, i, &reply) >= 0 && reply.result == QUERY_OK &&
                                strstr(reply.upstream.last_error, "the checkpoint says"))
                        return true;
        return false;
}

static void look_at_state(struct doctor *d, const struct query_status *s, bool contradicted) {
        char age[CTL_TEXT_MAX], cure[DOCTOR_TEXT_MAX];
        const char *colon = s->text[0] ? ": " : "";

        switch ((enum name_state) s->state) {
        case STATE_FOLLOWING:
                doctor_say(d, DOCTOR_OK, "chain", NULL, "%s: following, its head moved %s ago",
                                s->chain, ctl_words_of_ms(s->head_age_ms, age));
                return;
        case STATE_STUCK:
                if (s->conflict)
                        (void) snprintf(cure, sizeof(cure),
                                        "kedgectl evidence, and when you know which is right: kedgectl "
                                        "checkpoint accept %s ROOT",
                                        s->chain);
                else
                        (void) snprintf(cure, sizeof(cure), "kedgectl checkpoint show %s", s->chain);
                doctor_say(d, DOCTOR_FAIL, "chain", cure, "%s: stuck%s%s", s->chain, colon, s->text);
                return;
        case STATE_STALE:
                doctor_say(d, DOCTOR_FAIL, "chain", "kedgectl upstreams",
                                "%s: stale, its head is %s old%s%s", s->chain,
                                ctl_words_of_ms(s->head_age_ms, age), colon, s->text);
                return;
        case STATE_STARTING:
        case STATE_BEHIND:
                break;
        }
        doctor_say(d, DOCTOR_WARN, "chain",
                        contradicted ? "kedgectl checkpoint show" : "kedgectl status --wait",
                        "%s: %s%s%s", s->chain, ctl_state_name(s->state), colon, s->text);
}

static void look_at_checkpoint(
                struct doctor *d, const struct query_status *s, const struct query_checkpoint *c) {
        uint64_t age = c->anchor.timestamp > 0 && c->now_s > c->anchor.timestamp
                                       ? c->now_s - c->anchor.timestamp
                                       : 0;
        char cure[DOCTOR_TEXT_MAX];

        (void) snprintf(cure, sizeof(cure), "kedgectl checkpoint fetch %s", s->chain);
        if (c->too_old)
                doctor_say(d, DOCTOR_FAIL, "checkpoint", cure,
                                "%s: what trust stands on is %llu days old, too old to go on from",
                                s->chain, (unsigned long long) (age / DAY_S));
        else if (c->limit_s > 0 && age > c->limit_s / 4 * 3)
                doctor_say(d, DOCTOR_WARN, "checkpoint", cure,
                                "%s: what trust stands on is %llu days old, of %llu that are allowed",
                                s->chain, (unsigned long long) (age / DAY_S),
                                (unsigned long long) (c->limit_s / DAY_S));
        else
                doctor_say(d, DOCTOR_OK, "checkpoint", NULL,
                                "%s: what trust stands on is %llu days old", s->chain,
                                (unsigned long long) (age / DAY_S));
}

/* Where the host of a URL is: after a user, before port and path. */
static struct view host_of(const char *url) {
        const char *from = strstr(url, "://"), *at;
        size_t n;

        from = from ? from + 3 : url;
        n = strcspn(from, "/");
        at = memchr(from, '@', n);
        if (at) {
                n -= (size_t) (at + 1 - from);
                from = at + 1;
        }
        if (n > 0 && from[0] == '[')
                return VIEW(from, MIN(strcspn(from, "]"), n));
        return VIEW(from, MIN(strcspn(from, ":/"), n));
}

static void look_at_upstreams(struct doctor *d, const struct query_status *s, uint32_t chain) {
        static const char add[] = "kedgectl setup --upstream URL, once for each that it is to have, "
                                  "or Upstream= in a file of " KEDGE_CONF_DIR "/kedged.conf.d";
        bool one_host = true, lied = false;
        char first[sizeof(((struct query_upstream *) 0)->url)];
        struct query_reply reply;
        uint32_t i = 0;

        for (; i < MIN(s->n_upstreams, UPSTREAMS_MAX); i++) {
                if (ask(d, QUERY_UPSTREAM, chain, i, &reply) < 0 || reply.result != QUERY_OK)
                        break;
                if (i == 0)
                        memcpy(first, reply.upstream.url, sizeof(first));
                else
                        one_host = one_host && view_eq(host_of(first), host_of(reply.upstream.url));
                if (reply.upstream.lies == 0)
                        continue;
                lied = true;
                doctor_say(d, DOCTOR_WARN, "upstreams", "take it out of the configuration",
                                "%s: %s has lied %llu times", s->chain, reply.upstream.url,
                                (unsigned long long) reply.upstream.lies);
        }
        if (s->n_upstreams_up == 0)
                doctor_say(d, DOCTOR_FAIL, "upstreams", "systemctl status kedge-fetch; kedgectl upstreams",
                                "%s: none of %u is up", s->chain, s->n_upstreams);
        else if (s->n_upstreams_up == 1)
                doctor_say(d, DOCTOR_WARN, "upstreams", add,
                                "%s: one alone is up: whatever it withholds is not seen", s->chain);
        else if (i > 1 && one_host)
                doctor_say(d, DOCTOR_WARN, "upstreams", add,
                                "%s: all are on one host: whatever it withholds is not seen",
                                s->chain);
        else if (!lied)
                doctor_say(d, DOCTOR_OK, "upstreams", NULL, "%s: %u of %u are up", s->chain,
                                s->n_upstreams_up, s->n_upstreams);
}

static void look_at_roles(struct doctor *d, const struct query_status *s, uint32_t chain) {
        struct query_reply reply;
        bool good = true;
        uint32_t i = 0;

        for (; i < ROLES_MAX; i++) {
                if (ask(d, QUERY_ROLE, chain, i, &reply) < 0 || reply.result != QUERY_OK)
                        break;
                if (reply.role.verdict == QUERY_ROLE_FRESH)
                        continue;
                good = false;
                doctor_say(d, reply.role.verdict == QUERY_ROLE_REFUSED ? DOCTOR_FAIL : DOCTOR_WARN,
                                "roles", "kedgectl roles", "%s: [%s] %s%s%s", s->chain,
                                reply.role.role, ctl_role_verdict(reply.role.verdict),
                                reply.role.why[0] ? ": " : "", reply.role.why);
        }
        if (good && i > 0)
                doctor_say(d, DOCTOR_OK, "roles", NULL, "%s: all %u get what is fresh", s->chain, i);
}

static void look_at_evidence(struct doctor *d) {
        struct query_reply reply;

        if (ask(d, QUERY_EVIDENCE, 0, 0, &reply) < 0)
                return;
        if (reply.result == QUERY_UNKNOWN)
                doctor_say(d, DOCTOR_OK, "evidence", NULL, "no conflict among signed headers was seen");
        else if (reply.result == QUERY_OK)
                doctor_say(d, DOCTOR_WARN, "evidence", "kedgectl evidence",
                                "%llu conflicts among signed headers were seen and kept",
                                (unsigned long long) reply.evidence.n);
        else
                doctor_say(d, DOCTOR_FAIL, "evidence", "journalctl -u kedged", "%s", reply.reason);
}

/* Returns the seconds since 1970 that it is at least, by this chain. */
static uint64_t look_at_chain(struct doctor *d, const struct query_status *s, uint32_t chain) {
        bool contradicted = is_contradicted(d, s, chain);
        struct query_reply reply;
        uint64_t at_least = 0;

        look_at_state(d, s, contradicted);
        if (contradicted)
                doctor_say(d, DOCTOR_FAIL, "checkpoint", "kedgectl setup with another --checkpoint",
                                "%s: upstreams have another block there than the checkpoint says: "
                                "compare it with a source of your own",
                                s->chain);
        if (ask(d, QUERY_CHECKPOINT, chain, 0, &reply) >= 0 && reply.result == QUERY_OK) {
                if (!contradicted)
                        look_at_checkpoint(d, s, &reply.checkpoint);
                at_least = reply.checkpoint.now_s;
        }
        if (s->alarm[0])
                doctor_say(d, DOCTOR_FAIL, "forks",
                                "apt-get -y install --only-upgrade ./*.deb, with all the new packages",
                                "%s: %s", s->chain, s->alarm);
        else
                doctor_say(d, DOCTOR_OK, "forks", NULL, "%s: none is announced that is not known",
                                s->chain);
        if (!contradicted)
                look_at_upstreams(d, s, chain);
        look_at_roles(d, s, chain);
        return at_least;
}

void doctor_agent(struct doctor *d) {
        uint64_t at_least = KEDGE_BUILD_DATE;
        struct query_reply reply;
        uint32_t n = 1;

        for (uint32_t i = 0; i < n; i++) {
                int r = ask(d, QUERY_STATUS, i, 0, &reply);
                uint64_t s;

                if (r < 0) {
                        say_unreachable(d, r);
                        break;
                }
                d->agent = d->agent || reply.result == QUERY_OK || ctl_no_chain(&reply);
                if (ctl_no_chain(&reply)) {
                        look_at_socket(d, &reply.status);
                        doctor_say(d, DOCTOR_FAIL, "chain", "kedgectl setup", QUERY_NO_CHAIN
                                        ", so nothing is followed and nothing trusted");
                }
                if (reply.result != QUERY_OK)
                        break;
                n = MIN(reply.status.n_chains, (uint32_t) QUERY_CHAINS_MAX);
                if (i == 0)
                        look_at_socket(d, &reply.status);
                s = look_at_chain(d, &reply.status, i);
                at_least = MAX(at_least, s);
        }
        look_at_clock(d, at_least);
        if (d->agent)
                look_at_evidence(d);
}
