/* News, as signals. What is said here was said by the part that it happened in, when it had it on
 * disk where that matters. Heads alone come in any number: of each chain the newest is told, once
 * in BUS_HEAD_MS at most, so that whoever listens always ends with the one that is. */

#include <errno.h>
#include <string.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/util.h"
#include "base/hex.h"

static void emit_head(struct bus *b, size_t i, uint64_t now) {
        struct bus_head *h = &b->head[i];
        char hash[2 + 2 * HASH32_SIZE + 1] = "0x";

        h->waiting = false;
        h->told_ms = now;
        if (!b->named)
                return;
        (void) hex_encode(h->head.hash.b, HASH32_SIZE, hash + 2);
        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "HeadChanged", "stst",
                        b->agent->runs[i]->config.name, h->head.number, hash, h->finalized.number);
}

static int on_beat(sd_event_source *source, uint64_t usec _unused_, void *userdata) {
        struct bus *b = userdata;
        uint64_t now = now_ms(), next = UINT64_MAX;

        for (size_t i = 0; i < b->agent->n_runs; i++) {
                struct bus_head *h = &b->head[i];

                if (h->waiting && now >= h->told_ms + BUS_HEAD_MS)
                        emit_head(b, i, now);
                if (h->waiting)
                        next = MIN(next, h->told_ms + BUS_HEAD_MS);
        }
        if (next != UINT64_MAX) {
                (void) sd_event_source_set_time(source, next * 1000);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

static void tell_head(struct bus *b, const struct news *news) {
        for (size_t i = 0; i < b->agent->n_runs; i++) {
                struct bus_head *h = &b->head[i];

                if (strcmp(b->agent->runs[i]->config.name, news->chain) != 0)
                        continue;
                if (h->head.number == news->block.number &&
                                h->finalized.number == news->finalized.number &&
                                hash32_eq(&h->head.hash, &news->block.hash))
                        return;
                h->head = news->block;
                h->finalized = news->finalized;
                h->waiting = true;
                (void) on_beat(b->beat, 0, b);
        }
}

static void tell_revoked(struct bus *b, const struct news *news) {
        char hash[2 + 2 * HASH32_SIZE + 1] = "0x";

        (void) hex_encode(news->block.hash.b, HASH32_SIZE, hash + 2);
        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "Revoked", "sssts", news->name,
                        news->field, news->chain, news->block.number, hash);
}

static void tell_state(struct bus *b, const struct news *news) {
        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "StateChanged", "sss", news->chain,
                        news->state, BUS_TEXT(news->why));
        (void) sd_bus_emit_properties_changed(b->bus, BUS_PATH, BUS_NAME, "State", NULL);
}

static void tell_network(struct bus *b, const struct news *news) {
        bool peer = news->kind == NEWS_PEER;

        (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "NetChanged", "ssst", news->network,
                        peer && news->name ? news->name : "", peer && news->field ? news->field : "",
                        peer ? news->block.number : UINT64_C(0));
}

static void on_news(void *userdata, const struct news *news) {
        struct bus *b = userdata;

        if (!b->named)
                return;
        switch (news->kind) {
        case NEWS_RECORD:
                (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "RecordChanged", "sst",
                                news->name, news->chain, news->block.number);
                break;
        case NEWS_REVOKED:
                tell_revoked(b, news);
                break;
        case NEWS_HEAD:
                tell_head(b, news);
                break;
        case NEWS_STATE:
                tell_state(b, news);
                break;
        case NEWS_EVIDENCE:
                (void) sd_bus_emit_signal(b->bus, BUS_PATH, BUS_NAME, "EvidenceKept", "sss",
                                news->chain, news->file ? news->file : "", BUS_TEXT(news->why));
                break;
        case NEWS_PEER:
        case NEWS_NETWORK:
                tell_network(b, news);
                break;
        case NEWS_UPSTREAM:
        case NEWS_NOTE:
                return;
        }
        bus_sent(b);
}

int bus_signal_open(struct bus *b) {
        int r = sd_event_add_time(b->agent->event, &b->beat, CLOCK_BOOTTIME, 0, 1000, on_beat, b);

        return r < 0 ? r : news_listen(&b->agent->news, on_news, b);
}

void bus_signal_done(struct bus *b) {
        source_freep(&b->beat);
}
