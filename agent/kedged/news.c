/* One place where everything that happens passes, so that what the journal says, what the bus
 * signals and what the counters count is the same. */

#include "agent/kedged/news.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/message_id.h"
#include "base/hex.h"

int news_listen(struct news_desk *desk, news_fn *fn, void *userdata) {
        if (desk->n == NEWS_LISTENERS_MAX)
                return -E2BIG;
        desk->listener[desk->n].fn = fn;
        desk->listener[desk->n++].userdata = userdata;
        return 0;
}

static const char *message_id(const struct news *news) {
        switch (news->kind) {
        case NEWS_REVOKED:
                return MESSAGE_ID_REVOKED;
        case NEWS_STATE:
                return MESSAGE_ID_STATE;
        case NEWS_EVIDENCE:
                return MESSAGE_ID_EVIDENCE;
        case NEWS_UPSTREAM: /* bytes of it failed a check, or it just failed */
                return news->priority <= LOG_WARNING ? MESSAGE_ID_LIE : MESSAGE_ID_UPSTREAM;
        case NEWS_PEER:
                return MESSAGE_ID_PEER;
        case NEWS_NETWORK:
                return MESSAGE_ID_NETWORK;
        case NEWS_RECORD: /* these two have no line */
        case NEWS_HEAD:
        case NEWS_NOTE:
                break;
        }
        return MESSAGE_ID_NOTE;
}

static void write_line(const struct news *news) {
        char number[24] = "", hash[2 + 2 * HASH32_SIZE + 1] = "";
        const struct journal_field fields[] = {
                { "MESSAGE_ID", message_id(news) }, { "KEDGE_CHAIN", news->chain },
                { "KEDGE_BLOCK", number },          { "KEDGE_BLOCK_HASH", hash },
                { "KEDGE_RECORD", news->name },     { "KEDGE_FIELD", news->field },
                { "KEDGE_UPSTREAM", news->upstream }, { "KEDGE_STATE", news->state },
                { "KEDGE_EVIDENCE", news->file },   { "KEDGE_NETWORK", news->network },
                { "KEDGE_KEY", news->key },
        };

        if (!hash32_is_zero(&news->block.hash) || (news->kind == NEWS_PEER && news->block.number > 0))
                (void) snprintf(number, sizeof(number), "%llu",
                                (unsigned long long) news->block.number);
        if (!hash32_is_zero(&news->block.hash)) {
                memcpy(hash, "0x", 2);
                (void) hex_encode(news->block.hash.b, HASH32_SIZE, hash + 2);
        }
        log_fields(news->priority, fields, ELEMENTSOF(fields), news->line);
}

void news_tell(const struct news_desk *desk, const struct news *news) {
        if (news->line)
                write_line(news);
        for (size_t i = 0; desk && i < desk->n; i++)
                desk->listener[i].fn(desk->listener[i].userdata, news);
}
