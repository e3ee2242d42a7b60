/* The beacon API (ethereum-light-client 3): requests of base/ethapi.h to paths, answers back. */
#pragma once

#include "agent/fetch/reply.h"
#include "base/cleanup.h"
#include "base/ethapi.h"

#define BEACON_PATH_MAX 160

/* Where a kind of the beacon API is asked for, below the base URL. */
void beacon_path(const struct ethapi_request *q, char ret[BEACON_PATH_MAX]);

/* The answer to q. Its views lie in the room or in the body. */
void beacon_answer(const struct ethapi_request *q, const struct reply_http *http,
                struct reply_room *room, struct ethapi_answer *ret);
