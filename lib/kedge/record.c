/* A record: what one name resolves to. A copy of the agent's answer, checked once when it is made
 * and not changed after, so that threads may read it together. Its deadlines are checked at each
 * access, not only when it was fetched: a record that is kept too long stops giving answers. */

#include "kedge/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct kedge_record {
        struct name_answer answer;
};

/* A pin of zeros is the pin of nobody, or of a writer's mistake. */
static bool pins_are_set(const struct name_answer *a) {
        for (size_t i = 0; i < a->n_pins; i++)
                if (hash32_is_zero(&a->pin[i]))
                        return false;
        return true;
}

int record_of_answer(const struct name_answer *answer, uint64_t now_ms, struct kedge_record **ret) {
        struct kedge_record *record;

        switch ((enum name_verdict) answer->verdict) {
        case NAME_PRESENT:
                break;
        case NAME_ABSENT:
                return -ENXIO;
        case NAME_UNPROVEN:
                return -EAGAIN;
        }
        if (answer->verdict != NAME_PRESENT || !name_answer_is_sane(answer) ||
            !pins_are_set(answer))
                return -EBADMSG;
        if (now_ms > answer->deadline_ms && now_ms > answer->pins_deadline_ms)
                return -ESTALE;

        record = malloc(sizeof(*record));
        if (!record)
                return -ENOMEM;
        record->answer = *answer;
        *ret = record;
        return 0;
}

KEDGE_PUBLIC struct kedge_record *kedge_record_free(struct kedge_record *record) {
        free(record);
        return NULL;
}

KEDGE_PUBLIC size_t kedge_record_addresses(const struct kedge_record *record) {
        return record ? record->answer.n_addrs : 0;
}

static int address_at(
                const struct kedge_record *record, size_t index, const struct name_addr **ret) {
        if (!record || index >= record->answer.n_addrs)
                return -EINVAL;
        if (boottime_ms() > record->answer.deadline_ms)
                return -ESTALE;
        *ret = &record->answer.addr[index];
        return 0;
}

KEDGE_PUBLIC int kedge_record_address(const struct kedge_record *record, size_t index,
        char ret_text[KEDGE_ADDRESS_TEXT_SIZE]) {

        const struct name_addr *a;
        int r;

        if (!ret_text)
                return -EINVAL;
        r = address_at(record, index, &a);
        if (r < 0)
                return r;
        if (!inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, ret_text,
                            KEDGE_ADDRESS_TEXT_SIZE))
                return -EINVAL;
        return 0;
}

KEDGE_PUBLIC int kedge_record_sockaddr(const struct kedge_record *record, size_t index,
        struct sockaddr_storage *ret_address, socklen_t *ret_length) {

        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        const struct name_addr *a;
        int r;

        if (!ret_address || !ret_length)
                return -EINVAL;
        r = address_at(record, index, &a);
        if (r < 0)
                return r;

        memset(ret_address, 0, sizeof(*ret_address));
        if (a->family == 4) {
                in.sin_port = htons(record->answer.port);
                memcpy(&in.sin_addr, a->b, sizeof(in.sin_addr));
                memcpy(ret_address, &in, sizeof(in));
                *ret_length = sizeof(in);
        } else {
                in6.sin6_port = htons(record->answer.port);
                memcpy(&in6.sin6_addr, a->b, sizeof(in6.sin6_addr));
                memcpy(ret_address, &in6, sizeof(in6));
                *ret_length = sizeof(in6);
        }
        return 0;
}

KEDGE_PUBLIC uint16_t kedge_record_port(const struct kedge_record *record) {
        return record ? record->answer.port : 0;
}

KEDGE_PUBLIC size_t kedge_record_pins(const struct kedge_record *record) {
        return record ? record->answer.n_pins : 0;
}

KEDGE_PUBLIC int kedge_record_pin(const struct kedge_record *record, size_t index,
        uint8_t ret_pin[KEDGE_VALUE_SIZE]) {

        if (!record || !ret_pin || index >= record->answer.n_pins)
                return -EINVAL;
        if (boottime_ms() > record->answer.pins_deadline_ms)
                return -ESTALE;
        memcpy(ret_pin, record->answer.pin[index].b, KEDGE_VALUE_SIZE);
        return 0;
}

KEDGE_PUBLIC size_t kedge_record_devices(const struct kedge_record *record) {
        return record ? record->answer.has_device : 0;
}

KEDGE_PUBLIC int kedge_record_device(const struct kedge_record *record, size_t index,
        uint8_t ret_device[KEDGE_CONTRACT_SIZE]) {

        if (!record || !ret_device || index >= record->answer.has_device)
                return -EINVAL;
        if (boottime_ms() > record->answer.pins_deadline_ms)
                return -ESTALE;
        memcpy(ret_device, record->answer.device[index].b, KEDGE_CONTRACT_SIZE);
        return 0;
}

KEDGE_PUBLIC uint64_t kedge_record_block(const struct kedge_record *record) {
        return record ? record->answer.final_number : 0;
}

KEDGE_PUBLIC uint64_t kedge_record_head(const struct kedge_record *record) {
        return record ? record->answer.head_number : 0;
}

KEDGE_PUBLIC uint64_t kedge_record_age_ms(const struct kedge_record *record) {
        uint64_t now = boottime_ms();

        if (!record || now == UINT64_MAX || now < record->answer.proven_ms ||
                        record->answer.proven_ms == 0)
                return UINT64_MAX;
        return now - record->answer.proven_ms;
}

KEDGE_PUBLIC uint64_t kedge_record_deadline_ms(const struct kedge_record *record) {
        return record ? record->answer.deadline_ms : 0;
}

KEDGE_PUBLIC uint64_t kedge_record_pins_deadline_ms(const struct kedge_record *record) {
        return record ? record->answer.pins_deadline_ms : 0;
}

KEDGE_PUBLIC unsigned kedge_record_stale(const struct kedge_record *record) {
        uint64_t now = boottime_ms();

        if (!record)
                return KEDGE_STALE_ADDRESSES | KEDGE_STALE_KEYS;
        return (now > record->answer.fresh_ms ? KEDGE_STALE_ADDRESSES : 0) |
               (now > record->answer.pins_fresh_ms ? KEDGE_STALE_KEYS : 0);
}
