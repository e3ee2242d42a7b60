/* The beacon API, as far as a light client needs it. A server speaks SSZ or JSON as it likes, told
 * apart by the Content-Type; both become the same bytes. SSZ is carried as it came: only the
 * lengths around it are read here. */

#include "agent/fetch/beacon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/fetch/json.h"
#include "agent/fetch/json_ssz.h"
#include "base/hex.h"

#define LIGHT       "/eth/v1/beacon/light_client/"
#define DIGEST_SIZE 4

void beacon_path(const struct ethapi_request *q, char ret[BEACON_PATH_MAX]) {
        char root[2 * HASH32_SIZE + 1];

        switch (q->kind) {
        case ETHAPI_GENESIS:
                strcpy(ret, "/eth/v1/beacon/genesis");
                return;
        case ETHAPI_FORK_SCHEDULE:
                strcpy(ret, "/eth/v1/config/fork_schedule");
                return;
        case ETHAPI_BOOTSTRAP:
                snprintf(ret, BEACON_PATH_MAX, LIGHT "bootstrap/0x%s",
                                hex_encode(q->root.b, HASH32_SIZE, root));
                return;
        case ETHAPI_UPDATES:
                snprintf(ret, BEACON_PATH_MAX,
                                LIGHT "updates?start_period=%" PRIu64 "&count=%" PRIu64, q->start,
                                q->count);
                return;
        case ETHAPI_FINALITY:
                strcpy(ret, LIGHT "finality_update");
                return;
        case ETHAPI_OPTIMISTIC:
                strcpy(ret, LIGHT "optimistic_update");
                return;
        case ETHAPI_CHECKPOINT:
                strcpy(ret, "/eth/v1/beacon/headers/finalized");
                return;
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                break; /* asked for in another way */
        }
        *ret = '\0';
}

static void nonsense(struct ethapi_answer *a, struct reply_room *room, const char *why) {
        reply_refuse(a, room, ETHAPI_NONSENSE, "%s", why);
}

static enum json_ssz_object object_of(enum ethapi_kind kind) {
        switch (kind) {
        case ETHAPI_UPDATES:
                return JSON_SSZ_UPDATE;
        case ETHAPI_FINALITY:
                return JSON_SSZ_FINALITY;
        case ETHAPI_OPTIMISTIC:
                return JSON_SSZ_OPTIMISTIC;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                break;
        }
        return JSON_SSZ_BOOTSTRAP;
}

static void read_object(const struct ethapi_request *q, const json_t *object, struct buf *bytes,
                struct reply_room *room, struct ethapi_answer *a) {
        struct ethapi_object *o = &a->objects.object[a->objects.n];
        const char *version = json_string_value(json_object_get(object, "version"));
        int r;

        if (!version) {
                nonsense(a, room, "an object without the name of its fork");
                return;
        }
        r = json_ssz_put(bytes, object_of(q->kind), version, json_object_get(object, "data"),
                        &o->ssz);
        if (r == -EPROTONOSUPPORT) {
                reply_refuse(a, room, ETHAPI_UNSUPPORTED,
                                "JSON of fork %.20s, which we do not know: update kedge", version);
                return;
        }
        if (r < 0 || strlen(version) > ETHAPI_TAG_MAX) {
                nonsense(a, room, "JSON that is not the object asked for");
                return;
        }
        /* The text must outlive the JSON. */
        buf_put_view(bytes, VIEW_TEXT(version));
        if (bytes->full) {
                nonsense(a, room, "too long");
                return;
        }
        o->by_digest = false;
        o->fork = VIEW(bytes->p + bytes->n - strlen(version), strlen(version));
        a->objects.n++;
}

static void read_updates(const struct ethapi_request *q, const json_t *list, struct buf *bytes,
                struct reply_room *room, struct ethapi_answer *a) {
        size_t n = json_array_size(list);

        if (!json_is_array(list) || n > q->count || n > ETHAPI_UPDATES_MAX) {
                nonsense(a, room, "not a list of at most as many updates as were asked for");
                return;
        }
        for (size_t i = 0; i < n && a->result == ETHAPI_OK; i++)
                read_object(q, json_array_get(list, i), bytes, room, a);
        if (n == 0)
                reply_refuse(a, room, ETHAPI_ABSENT, "an empty list");
}

static bool read_genesis(const json_t *data, struct ethapi_answer *a) {
        return json_decimal(json_object_get(data, "genesis_time"), &a->genesis.time) &&
               json_bytes(json_object_get(data, "genesis_validators_root"),
                               a->genesis.validators_root.b, HASH32_SIZE) &&
               json_bytes(json_object_get(data, "genesis_fork_version"), a->genesis.version,
                               sizeof(a->genesis.version));
}

static bool read_schedule(const json_t *data, struct ethapi_answer *a) {
        size_t n = json_array_size(data);

        if (!json_is_array(data) || n > ETHAPI_FORKS_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                const json_t *fork = json_array_get(data, i);

                if (!json_bytes(json_object_get(fork, "current_version"),
                                    a->schedule.fork[i].version,
                                    sizeof(a->schedule.fork[i].version)) ||
                                !json_decimal(json_object_get(fork, "epoch"),
                                                &a->schedule.fork[i].epoch))
                        return false;
        }
        a->schedule.n = n;
        return true;
}

static bool read_checkpoint(const json_t *data, struct ethapi_answer *a) {
        const json_t *message = json_object_get(json_object_get(data, "header"), "message");

        return json_bytes(json_object_get(data, "root"), a->checkpoint.root.b, HASH32_SIZE) &&
               json_decimal(json_object_get(message, "slot"), &a->checkpoint.slot);
}

static void read_json(const struct ethapi_request *q, const json_t *json, struct buf *bytes,
                struct reply_room *room, struct ethapi_answer *a) {
        const json_t *data = json_object_get(json, "data");
        bool good = false;

        switch (q->kind) {
        case ETHAPI_GENESIS:
                good = read_genesis(data, a);
                break;
        case ETHAPI_FORK_SCHEDULE:
                good = read_schedule(data, a);
                break;
        case ETHAPI_CHECKPOINT:
                good = read_checkpoint(data, a);
                break;
        case ETHAPI_UPDATES:
                read_updates(q, json, bytes, room, a);
                return;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
                read_object(q, json, bytes, room, a);
                return;
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                break;
        }
        if (!good)
                nonsense(a, room, "JSON that is not what was asked for");
}

static bool take_le64(struct view *v, uint64_t *ret) {
        struct view part;
        uint64_t x = 0;

        if (!view_take(v, 8, &part))
                return false;
        for (size_t i = 8; i-- > 0;)
                x = x << 8 | part.p[i];
        *ret = x;
        return true;
}

/* Chunks, each with its length before it and the digest of its fork in front. */
static void read_ssz_updates(const struct ethapi_request *q, struct view body,
                struct reply_room *room, struct ethapi_answer *a) {
        if (body.n == 0)
                reply_refuse(a, room, ETHAPI_ABSENT, "an empty list");

        while (body.n > 0) {
                struct ethapi_object *o = &a->objects.object[a->objects.n];
                struct view chunk;
                uint64_t length;

                if (a->objects.n >= q->count || a->objects.n >= ETHAPI_UPDATES_MAX) {
                        nonsense(a, room, "more updates than were asked for");
                        return;
                }
                if (!take_le64(&body, &length) || length <= DIGEST_SIZE || length > body.n ||
                                !view_take(&body, (size_t) length, &chunk) ||
                                !view_take(&chunk, DIGEST_SIZE, &o->fork)) {
                        nonsense(a, room, "a range of updates that is cut, or none");
                        return;
                }
                o->by_digest = true;
                o->ssz = chunk;
                a->objects.n++;
        }
}

static void read_ssz(const struct ethapi_request *q, const struct reply_http *http,
                struct reply_room *room, struct ethapi_answer *a) {
        size_t n = http->fork ? strlen(http->fork) : 0;

        switch (q->kind) {
        case ETHAPI_UPDATES:
                read_ssz_updates(q, http->body, room, a);
                return;
        case ETHAPI_BOOTSTRAP:
        case ETHAPI_FINALITY:
        case ETHAPI_OPTIMISTIC:
                break;
        case ETHAPI_GENESIS:
        case ETHAPI_FORK_SCHEDULE:
        case ETHAPI_CHECKPOINT:
        case ETHAPI_CHAIN_ID:
        case ETHAPI_HEADER:
        case ETHAPI_PROOF:
                nonsense(a, room, "bytes where JSON was asked for");
                return;
        }
        if (n == 0 || n > ETHAPI_TAG_MAX || http->body.n == 0) {
                nonsense(a, room, "bytes without the name of their fork");
                return;
        }
        for (size_t i = 0; i < n; i++)
                room->bytes[i] = (uint8_t) (http->fork[i] | 0x20); /* lower case */
        a->objects.n = 1;
        a->objects.object[0] = (struct ethapi_object){ false, VIEW(room->bytes, n), http->body };
}

void beacon_answer(const struct ethapi_request *q, const struct reply_http *http,
                struct reply_room *room, struct ethapi_answer *ret) {
        _cleanup_(json_decrefp) json_t *json = NULL;
        struct buf bytes = BUF(room->bytes);

        memset(ret, 0, sizeof(*ret));
        ret->id = q->id;
        ret->kind = q->kind;
        ret->result = ETHAPI_OK;

        if (http->status == 200 && reply_is_ssz(http)) {
                read_ssz(q, http, room, ret);
                return;
        }
        json = json_read(http->body);
        if (http->status != 200)
                reply_status(ret, room, http, json_string_value(json_object_get(json, "message")));
        else if (!json)
                nonsense(ret, room, "neither SSZ nor JSON");
        else
                read_json(q, json, &bytes, room, ret);
}
