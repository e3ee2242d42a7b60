/* One place where everything that happens passes, so that what the journal says, what the bus
 * signals and what the counters count is the same. */

#include "agent/kedged/news.h"

#include <errno.h>

#include "agent/kedged/log.h"

int news_listen(struct news_desk *desk, news_fn *fn, void *userdata) {
        if (desk->n == NEWS_LISTENERS_MAX)
                return -E2BIG;
        desk->listener[desk->n].fn = fn;
        desk->listener[desk->n++].userdata = userdata;
        return 0;
}

void news_tell(const struct news_desk *desk, const struct news *news) {
        if (news->line)
                log_line(news->priority, "%s", news->line);
        for (size_t i = 0; desk && i < desk->n; i++)
                desk->listener[i].fn(desk->listener[i].userdata, news);
}
