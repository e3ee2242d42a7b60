/* Answers that are no success: one place says what a status or a failure means to kedged. */

#include "agent/fetch/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reply_refuse(struct ethapi_answer *a, struct reply_room *room, enum ethapi_result result,
                const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(room->text, sizeof(room->text), format, ap);
        va_end(ap);
        for (char *c = room->text; *c; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        a->result = result;
        a->text = VIEW_TEXT(room->text);
}

bool reply_says(const char *text, const char *word) {
        return strcasestr(text, word) != NULL;
}

bool reply_is_ssz(const struct reply_http *http) {
        static const char ssz[] = "application/octet-stream";

        return http->type && strncasecmp(http->type, ssz, sizeof(ssz) - 1) == 0;
}

static enum ethapi_result status_means(long status) {
        switch (status) {
        case 404:
        case 410:
                return ETHAPI_ABSENT;
        case 405:
        case 406:
        case 415:
        case 501:
                return ETHAPI_UNSUPPORTED;
        case 429:
        case 503:
                return ETHAPI_BUSY;
        default:
                return ETHAPI_FAILED;
        }
}

void reply_status(struct ethapi_answer *a, struct reply_room *room, const struct reply_http *http,
                const char *said) {
        enum ethapi_result result = status_means(http->status);

        /* Some servers answer 400 for a block that they do not know. */
        if (http->status == 400 && said &&
                        (reply_says(said, "not found") || reply_says(said, "unknown block") ||
                                        reply_says(said, "not available") ||
                                        reply_says(said, "unavailable")))
                result = ETHAPI_ABSENT;
        reply_refuse(a, room, result, "HTTP status %ld%s%s", http->status, said ? ": " : "",
                        said ?: "");
        if (result == ETHAPI_BUSY)
                a->retry_s = MIN(http->retry_s, (uint64_t) ETHAPI_RETRY_S_MAX);
}
