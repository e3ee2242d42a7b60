/* The questions: a name's record, a value of a map, the time. Each checks its arguments, sends one
 * request, and reads what of the reply the caller asked for. An output is written only after
 * everything has been judged. */

#include "kedge/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

KEDGE_PUBLIC int kedge_resolve(struct kedge_client *client, const char *name,
        struct kedge_record **ret_record) {

        struct query_request request = { .verb = QUERY_RESOLVE };
        char normal[NAME_MAX_LEN + 1];
        struct query_reply reply;
        int r;

        if (!client)
                return -EINVAL;
        if (!name || !ret_record)
                return client_fail(client, -EINVAL,
                                "kedge_resolve() needs a name and a place for the record");
        if (name_normalize(VIEW(name, strnlen(name, NAME_MAX_LEN + 2)), normal) < 0)
                return client_fail(client, -EINVAL, "%.*s: this is not a host name", NAME_MAX_LEN,
                                name);

        memcpy(request.name, normal, strlen(normal));
        r = client_ask(client, &request, normal, &reply);
        if (r < 0)
                return r;

        r = record_of_answer(&reply.name, boottime_ms(), ret_record);
        switch (r) {
        case 0:
                return 0;
        case -ENXIO:
                return client_fail(client, r, "%s: proven absent", normal);
        case -EAGAIN:
                return client_fail(client, r, "%s: not proven yet; ask again later", normal);
        case -ESTALE:
                return client_fail(client, r, "%s: proven too long ago to be believed", normal);
        case -ENOMEM:
                return client_fail(client, r, "not enough memory");
        default:
                return client_fail(client, r, "%s: the agent's answer does not parse", normal);
        }
}

KEDGE_PUBLIC int kedge_lookup_map_key(struct kedge_client *client,
        const uint8_t contract[KEDGE_CONTRACT_SIZE], uint64_t slot,
        const uint8_t key[KEDGE_VALUE_SIZE], uint8_t ret_value[KEDGE_VALUE_SIZE],
        struct kedge_proof *ret_proof) {

        struct query_request request = { .verb = QUERY_LOOKUP, .slot = slot };
        struct query_reply reply;
        int r;

        if (!client)
                return -EINVAL;
        if (!contract || !key || !ret_value)
                return client_fail(client, -EINVAL,
                                "a look-up needs a contract, a key and a place for the value");

        memcpy(request.contract.b, contract, sizeof(request.contract.b));
        memcpy(request.key.b, key, sizeof(request.key.b));
        memcpy(request.chain, client->chain, sizeof(request.chain));
        r = client_ask(client, &request, "look-up", &reply);
        if (r < 0)
                return r;
        if (hash32_is_zero(&reply.lookup.value)) /* in a Solidity mapping, zero is absence */
                return client_fail(client, -ENXIO, "look-up: proven absent");

        memcpy(ret_value, reply.lookup.value.b, KEDGE_VALUE_SIZE);
        if (ret_proof) {
                *ret_proof = (struct kedge_proof){
                        .block_number = reply.lookup.block.number,
                        .block_time = reply.lookup.block.timestamp,
                        .head_number = reply.lookup.head.number,
                        .age_ms = reply.lookup.age_ms,
                };
                memcpy(ret_proof->block_hash, reply.lookup.block.hash.b,
                                sizeof(ret_proof->block_hash));
        }
        return 0;
}

/* A longer text would be hashed with Keccak-256, for which this library would have to load a
 * cryptographic one; programs that need it can hash for themselves. */
static int key_of_text(const char *text, uint8_t ret[KEDGE_VALUE_SIZE]) {
        size_t n = strnlen(text, KEDGE_VALUE_SIZE + 1);

        if (n == 0)
                return -EINVAL;
        if (n > KEDGE_VALUE_SIZE)
                return -E2BIG;
        for (size_t i = 0; i < n; i++)
                if (text[i] < 0x21 || text[i] > 0x7e)
                        return -EINVAL;
        memset(ret, 0, KEDGE_VALUE_SIZE);
        memcpy(ret, text, n);
        return 0;
}

KEDGE_PUBLIC int kedge_lookup_map(struct kedge_client *client,
        const uint8_t contract[KEDGE_CONTRACT_SIZE], uint64_t slot, const char *key_text,
        uint8_t ret_value[KEDGE_VALUE_SIZE], struct kedge_proof *ret_proof) {

        uint8_t key[KEDGE_VALUE_SIZE];
        char why[CLIENT_ERROR_SIZE];
        int r;

        if (!client)
                return -EINVAL;
        if (!key_text)
                return client_fail(client, -EINVAL, "a look-up needs a key");
        r = key_of_text(key_text, key);
        if (r == -E2BIG)
                return client_fail(client, r,
                                "%.*s...: a key text over 32 bytes has to be hashed: use "
                                "kedge_lookup_map_key()",
                                KEDGE_VALUE_SIZE, key_text);
        if (r < 0)
                return client_fail(client, r, "a key text is printable ASCII without spaces");

        r = kedge_lookup_map_key(client, contract, slot, key, ret_value, ret_proof);
        if (r == -ENXIO || r == -EAGAIN ||
                        r == -ESTALE) { /* what is told of the key should name it */
                memcpy(why, client->error, sizeof(why));
                return client_fail(client, r, "%s: %.400s", key_text, why);
        }
        return r;
}

KEDGE_PUBLIC int kedge_chain_time(
                struct kedge_client *client, uint64_t *ret_lower, uint64_t *ret_upper) {
        struct query_request request = { .verb = QUERY_TIME };
        struct query_reply reply;
        int r;

        if (!client)
                return -EINVAL;
        if (!ret_lower)
                return client_fail(client, -EINVAL,
                                "kedge_chain_time() needs a place for the lower bound");

        memcpy(request.chain, client->chain, sizeof(request.chain));
        r = client_ask(client, &request, "time", &reply);
        if (r < 0)
                return r;
        if (reply.time.lower == 0)
                return client_fail(client, -EAGAIN, "time: none is proven yet");
        if (reply.time.upper != 0 && reply.time.upper < reply.time.lower)
                return client_fail(client, -EBADMSG, "time: the agent's interval is upside down");

        *ret_lower = reply.time.lower;
        if (ret_upper)
                *ret_upper = reply.time.upper;
        return 0;
}
