/* What an HTTP server answered, and the answer of base/ethapi.h that is made of it. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/ethapi.h"
#include "base/view.h"

struct reply_http {
        long status;
        const char *type; /* Content-Type, or NULL */
        const char *fork; /* Eth-Consensus-Version, or NULL */
        uint64_t retry_s; /* Retry-After, or 0 */
        struct view body;
};

/* What an answer's views point at. */
struct reply_room {
        uint8_t bytes[ETHAPI_MESSAGE_MAX];
        char text[ETHAPI_TEXT_MAX + 1];
};

/* Makes it an answer that is not OK. What is not printable in the text becomes '?'. */
void reply_refuse(struct ethapi_answer *a, struct reply_room *room, enum ethapi_result result,
                const char *format, ...) _printf_(4, 5);

/* Of a status that is not 200; the text adds what the server said about it, or NULL. */
void reply_status(struct ethapi_answer *a, struct reply_room *room, const struct reply_http *http,
                const char *said);

/* Whether a text holds a word, whatever its case. */
bool reply_says(const char *text, const char *word);
bool reply_is_ssz(const struct reply_http *http);
