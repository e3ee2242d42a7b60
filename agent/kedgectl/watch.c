/* kedgectl watch: a line for each thing that happens, as it happens, until it is ended. Where the
 * agent's signals are heard they say when to look, else it is looked twice a second. The agent may go
 * and come again: that is said, and watching goes on. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/kedgectl/bell.h"
#include "agent/kedgectl/feed.h"

#define WATCH_ASK_MS (UINT64_C(3600) * 1000)

struct watcher {
        const struct ctl *ctl;
        size_t n_names, n_told;
        char (*name)[NAME_MAX_LEN + 1]; /* none: all */
};

static const struct {
        const char *name;
        enum ctl_colour colour;
} kinds[] = {
        [FEED_RECORD] = { "RecordChanged", CTL_BOLD }, [FEED_REVOKED] = { "Revoked", CTL_RED },
        [FEED_HEAD] = { "HeadChanged", CTL_DIM },      [FEED_STATE] = { "StateChanged", CTL_BOLD },
        [FEED_LOST] = { "AgentLost", CTL_RED },        [FEED_FOUND] = { "AgentFound", CTL_GREEN },
};

const char *feed_kind_name(enum feed_kind kind) {
        return kinds[kind].name;
}

enum ctl_colour feed_event_colour(const struct feed_event *e) {
        return e->kind == FEED_STATE ? ctl_state_colour(e->state) : kinds[e->kind].colour;
}

const char *feed_subject(const struct feed_event *e) {
        return e->name[0] ? e->name : e->chain[0] ? e->chain : "agent";
}

static bool is_wanted(const struct watcher *w, const struct feed_event *e) {
        if (e->kind == FEED_HEAD)
                return w->ctl->heads;
        if (!e->name[0] || w->n_names == 0)
                return true;
        for (size_t i = 0; i < w->n_names; i++)
                if (strcmp(w->name[i], e->name) == 0)
                        return true;
        return false;
}

static json_t *json_of_event(const struct feed_event *e) {
        json_t *o = json_pack("{s:s, s:I, s:s}", "event", kinds[e->kind].name, "time",
                        (json_int_t) time(NULL), "text", e->text);

        if (e->name[0])
                (void) json_object_set_new(o, "name", json_string(e->name));
        if (e->chain[0])
                (void) json_object_set_new(o, "chain", json_string(e->chain));
        if (e->kind == FEED_RECORD) {
                (void) json_object_set_new(o, "answer", json_string(ctl_result_name(e->result)));
                (void) json_object_set_new(
                                o, "head_number", json_integer(ctl_int(e->block.number)));
                (void) json_object_set_new(
                                o, "final_number", json_integer(ctl_int(e->finalized.number)));
        } else if (e->kind == FEED_REVOKED) {
                (void) json_object_set_new(o, "field", json_string(e->field));
                (void) json_object_set_new(o, "key", ctl_json_hex(e->key.b, HASH32_SIZE));
                (void) json_object_set_new(o, "number", json_integer(ctl_int(e->block.number)));
                (void) json_object_set_new(o, "hash", ctl_json_hex(e->block.hash.b, HASH32_SIZE));
        } else if (e->kind == FEED_HEAD) {
                (void) json_object_set_new(o, "head", ctl_json_block(&e->block));
                (void) json_object_set_new(o, "finalized", ctl_json_block(&e->finalized));
        } else if (e->kind == FEED_STATE)
                (void) json_object_set_new(o, "state", json_string(ctl_state_name(e->state)));
        return o;
}

static void on_event(void *userdata, const struct feed_event *e) {
        struct watcher *w = userdata;
        char date[CTL_TEXT_MAX];

        if (!is_wanted(w, e) || (w->ctl->count > 0 && w->n_told >= w->ctl->count))
                return;
        w->n_told++;
        if (w->ctl->json)
                ctl_print_json_line(json_of_event(e));
        else
                printf("%s  %s%-13s%s  %s  %s\n", ctl_date((uint64_t) time(NULL), date),
                                ctl_paint(w->ctl, feed_event_colour(e)), kinds[e->kind].name,
                                ctl_paint(w->ctl, CTL_PLAIN), feed_subject(e), e->text);
        (void) fflush(stdout);
}

/* A record is asked for by the question why it is served or not. */
static int ask_for(const struct watcher *w, const char *name, struct query_reply *ret) {
        struct query_request request = { .verb = name[0] == '_' ? QUERY_EXPLAIN : QUERY_RESOLVE };

        memcpy(request.name, name, strlen(name));
        return ctl_get(w->ctl, &request, ret);
}

/* Asking for the names has the agent watch them. One that is not proven now may be later. */
static enum ctl_exit ask_for_names(struct watcher *w) {
        for (size_t i = 0; i < w->n_names; i++) {
                struct query_reply reply;
                int r = ask_for(w, w->name[i], &reply);

                if (r < 0)
                        return ctl_unreachable(w->ctl, r);
                if (reply.result == QUERY_UNKNOWN || reply.result == QUERY_REFUSED)
                        return ctl_tell(w->ctl, w->name[i], &reply);
        }
        return CTL_OK;
}

/* The same for an agent that has begun anew, and now and then: it keeps what is asked for. What it
 * says is told by the feed. */
static void keep_names(const struct watcher *w) {
        struct query_reply reply;

        for (size_t i = 0; i < w->n_names; i++)
                if (ask_for(w, w->name[i], &reply) < 0)
                        return;
}

static enum ctl_exit take_names(struct watcher *w, int argc, char **argv) {
        w->name = calloc((size_t) argc + 1, sizeof(*w->name));
        if (!w->name)
                return ctl_fail(w->ctl, CTL_FAILURE, "not enough memory");
        for (int i = 0; i < argc; i++)
                if (name_normalize_record(VIEW_TEXT(argv[i]), w->name[w->n_names++]) < 0)
                        return ctl_fail(w->ctl, CTL_USAGE, "'%.253s' is neither a host name nor a record name",
                                        argv[i]);
        return CTL_OK;
}

static enum ctl_exit look_on(struct watcher *w, struct feed *feed) {
        _cleanup_(bell_done) struct bell bell = { 0 };
        uint64_t asked_ms = ctl_boottime_ms();
        unsigned runs = 0;

        bell_open(&bell);
        while (!ferror(stdout) && (w->ctl->count == 0 || w->n_told < w->ctl->count)) {
                bell_wait(&bell, FEED_POLL_MS);
                feed_poll(w->ctl, feed, on_event, w);
                if (feed->runs != runs || ctl_boottime_ms() - asked_ms > WATCH_ASK_MS) {
                        keep_names(w);
                        asked_ms = ctl_boottime_ms();
                }
                runs = feed->runs;
        }
        return CTL_OK;
}

static enum ctl_exit follow(struct watcher *w) {
        struct feed *feed = calloc(1, sizeof(*feed));
        enum ctl_exit code;
        int r = feed ? feed_begin(w->ctl, feed) : -ENOMEM;

        code = r < 0 ? ctl_unreachable(w->ctl, r) : ask_for_names(w);
        if (code == CTL_OK)
                code = look_on(w, feed);
        free(feed);
        return code;
}

enum ctl_exit verb_watch(const struct ctl *ctl, int argc, char **argv) {
        struct watcher w = { .ctl = ctl };
        enum ctl_exit code = take_names(&w, argc, argv);

        if (code == CTL_OK)
                code = follow(&w);
        free(w.name);
        return code;
}
