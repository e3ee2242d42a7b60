/* What the live view knows, and drawing it. */
#pragma once

#include "agent/kedgectl/feed.h"

#define MONITOR_UPSTREAMS_MAX 64
#define MONITOR_NEWS_MAX      64
#define MONITOR_LINE_MAX      512
#define MONITOR_ROWS_MAX      256 /* of a terminal that is larger, the rest stays empty */

struct monitor_upstream {
        uint32_t chain;
        struct query_upstream u;
};

struct monitor_news {
        enum ctl_colour colour;
        char text[MONITOR_LINE_MAX];
};

struct monitor {
        struct feed feed; /* with the chains' states */
        size_t n_upstreams;
        struct monitor_upstream upstream[MONITOR_UPSTREAMS_MAX];
        size_t n_news; /* so far; the last MONITOR_NEWS_MAX are kept */
        struct monitor_news news[MONITOR_NEWS_MAX];
};

/* The screen's text: exactly what to write to a terminal of this size, whatever it shows now. Never
 * more rows, and every row shorter than cols. At most cap bytes; what does not fit is left out.
 * Returns their number. */
#define MONITOR_SCREEN_MAX (MONITOR_ROWS_MAX * (MONITOR_LINE_MAX + 16))
size_t monitor_draw(const struct monitor *m, size_t rows, size_t cols, bool colour, char *ret,
                size_t cap);
