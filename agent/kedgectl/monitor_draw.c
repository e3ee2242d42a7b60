/* One screen of the live view. Pure: from what is known and the terminal's size to the bytes to write,
 * in one piece, each line over the old one, so that nothing flickers. The most important stands
 * first: where rows are few, upstreams go first, then all but the newest changes. */

#include "agent/kedgectl/monitor.h"

#include <stdarg.h>
#include <stdio.h>

struct draw {
        char *buf;
        size_t n, cap, rows, cols;
        size_t used; /* rows */
        bool colour;
};

static void put(struct draw *d, const char *text, size_t n) {
        n = MIN(n, d->cap - d->n);
        memcpy(d->buf + d->n, text, n);
        d->n += n;
}

static void put_text(struct draw *d, const char *text) {
        put(d, text, strlen(text));
}

/* One row, cut to the screen. */
static void line(struct draw *d, enum ctl_colour colour, const char *format, ...) _printf_(3, 4);

static void line(struct draw *d, enum ctl_colour colour, const char *format, ...) {
        const struct ctl paint = { .colour = d->colour };
        char text[MONITOR_LINE_MAX];
        va_list args;

        if (d->used == d->rows)
                return;
        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (d->used++ > 0)
                put_text(d, "\r\n");
        put_text(d, ctl_paint(&paint, colour));
        put(d, text, MIN(strlen(text), d->cols - 1));
        put_text(d, ctl_paint(&paint, CTL_PLAIN));
        put_text(d, "\033[K");
}

static void draw_header(struct draw *d, const struct monitor *m) {
        const struct query_status *s = &m->feed.chain[0].status;
        char up[CTL_TEXT_MAX];

        if (m->feed.reachable)
                line(d, CTL_BOLD, "kedged %s, up %s; q ends", s->version,
                                ctl_words_of_ms(m->feed.uptime_ms, up));
        else
                line(d, CTL_RED, "q ends; %s", m->feed.lost);
}

static void draw_chain(struct draw *d, const struct query_status *s) {
        char age[CTL_TEXT_MAX];

        line(d, ctl_state_colour(s->state), "%s  %s%s%s", s->chain, ctl_state_name(s->state),
                        s->text[0] ? ": " : "", s->text);
        if (s->has_head)
                line(d, CTL_PLAIN, "  head %llu, %s ago; final %llu",
                                (unsigned long long) s->head.number,
                                ctl_words_of_ms(s->head_age_ms, age),
                                (unsigned long long) s->finalized.number);
        else
                line(d, CTL_PLAIN, "  no head accepted since the start");
        if (s->alarm[0])
                line(d, CTL_RED, "  alarm: %s", s->alarm);
}

/* Host and port of a URL: the rest does not fit. */
static const char *place_of(const char *url) {
        const char *at = strchr(url, '@'), *scheme = strstr(url, "://");

        return at ? at + 1 : scheme ? scheme + 3 : url;
}

static void draw_upstreams(struct draw *d, const struct monitor *m, size_t rows) {
        for (size_t i = 0; i < m->n_upstreams && rows > 0; i++, rows--) {
                const struct query_upstream *u = &m->upstream[i].u;

                if (rows == 1 && i + 1 < m->n_upstreams) {
                        line(d, CTL_DIM, "  and %zu more", m->n_upstreams - i);
                        return;
                }
                line(d, u->lies > 0 ? CTL_RED : upstream_state_colour(u->state),
                                "  %-10s %-22s %llu%s", upstream_state_name(u->state),
                                place_of(u->url), (unsigned long long) u->peak,
                                u->lies > 0 ? ", has lied" : "");
        }
}

static void draw_news(struct draw *d, const struct monitor *m) {
        size_t kept = MIN(m->n_news, (size_t) MONITOR_NEWS_MAX);

        for (size_t i = 0; i < kept; i++) {
                const struct monitor_news *n = &m->news[(m->n_news - 1 - i) % MONITOR_NEWS_MAX];

                line(d, n->colour, "%s", n->text);
        }
        if (kept == 0)
                line(d, CTL_DIM, "  none since this view began");
}

size_t monitor_draw(const struct monitor *m, size_t rows, size_t cols, bool colour, char *ret,
                size_t cap) {
        struct draw d = { .buf = ret, .cap = cap, .rows = MIN(rows, (size_t) MONITOR_ROWS_MAX),
                          .cols = MAX(MIN(cols, (size_t) MONITOR_LINE_MAX), (size_t) 2),
                          .colour = colour };
        uint64_t watched = m->feed.chain[0].status.watched;
        uint64_t revoked = m->feed.chain[0].status.revocations;
        size_t left;

        put_text(&d, "\033[H");
        draw_header(&d, m);
        for (size_t i = 0; i < m->feed.n_chains; i++)
                draw_chain(&d, &m->feed.chain[i].status);
        left = d.rows - d.used;
        if (m->n_upstreams > 0 && left >= 6) {
                line(&d, CTL_BOLD, "upstreams");
                draw_upstreams(&d, m, (left - 1) / 2);
        }
        line(&d, CTL_BOLD, "changes (%llu names watched, %llu revoked)",
                        (unsigned long long) watched, (unsigned long long) revoked);
        draw_news(&d, m);
        put_text(&d, "\033[J");
        return d.n;
}
