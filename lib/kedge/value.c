/* Reading a 32-byte value of contract state: the encodings of addresses and ports of design section
 * 5. Strict: a value has one reading or none. lib/core/record.c reads the same for the agent; a
 * test holds the two together. */

#include "kedge/kedge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/types.h"
#include "base/view.h"

static const uint8_t zeros[KEDGE_VALUE_SIZE];

/* No host has these, so a value that says so is a mistake. */
static bool ip4_is_host(const uint8_t ip[4]) {
        uint32_t x = (uint32_t) ip[0] << 24 | (uint32_t) ip[1] << 16 | (uint32_t) ip[2] << 8 |
                     ip[3];

        return x != 0 && x != UINT32_MAX && x >> 28 != 0xe; /* any, broadcast, multicast */
}

/* ::/96 holds "any" and the IPv4-compatible addresses that RFC 4291 withdrew; of it only loopback
 * is left. */
static bool ip6_is_host(const uint8_t ip[16]) {
        if (ip[0] == 0xff)
                return false; /* multicast */
        return memcmp(ip, zeros, 12) != 0 || (memcmp(ip, zeros, 15) == 0 && ip[15] == 1);
}

/* A v4-mapped address is the v4 address, in text as in binary. */
static int ip_of_16(const uint8_t b[16], uint8_t ret[16]) {
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        if (memcmp(b, mapped, sizeof(mapped)) == 0) {
                if (!ip4_is_host(b + 12))
                        return -EBADMSG;
                memcpy(ret, b + 12, 4);
                return AF_INET;
        }
        if (!ip6_is_host(b))
                return -EBADMSG;
        memcpy(ret, b, 16);
        return AF_INET6;
}

static int ip_of_text(const uint8_t *value, uint8_t ret[16]) {
        char text[KEDGE_VALUE_SIZE + 1] = { 0 };
        uint8_t b[16];
        size_t n;

        memcpy(text, value, KEDGE_VALUE_SIZE);
        n = strlen(text);
        if (memcmp(value + n, zeros, KEDGE_VALUE_SIZE - n) != 0)
                return -EBADMSG; /* something behind the end of the text */
        if (inet_pton(AF_INET, text, b) == 1) {
                if (!ip4_is_host(b))
                        return -EBADMSG;
                memcpy(ret, b, 4);
                return AF_INET;
        }
        return inet_pton(AF_INET6, text, b) == 1 ? ip_of_16(b, ret) : -EBADMSG;
}

/* The address family, with the address in ret, or -EBADMSG. */
static int ip_of_value(const uint8_t *value, uint8_t ret[16]) {
        if (value[0] != 0)
                return ip_of_text(value, ret);
        if (memcmp(value, zeros, 16) != 0)
                return -EBADMSG; /* neither text nor the binary form */
        return ip_of_16(value + 16, ret);
}

KEDGE_PUBLIC int kedge_value_to_ip(const uint8_t value[KEDGE_VALUE_SIZE],
        char ret_text[KEDGE_ADDRESS_TEXT_SIZE]) {

        char text[KEDGE_ADDRESS_TEXT_SIZE];
        uint8_t ip[16];
        int family;

        if (!value || !ret_text)
                return -EINVAL;
        family = ip_of_value(value, ip);
        if (family < 0)
                return family;
        if (!inet_ntop(family, ip, text, sizeof(text)))
                return -EBADMSG;
        memcpy(ret_text, text, sizeof(text));
        return 0;
}

KEDGE_PUBLIC int kedge_value_to_port(const uint8_t value[KEDGE_VALUE_SIZE], uint16_t *ret_port) {
        uint16_t port;

        if (!value || !ret_port)
                return -EINVAL;
        if (memcmp(value, zeros, KEDGE_VALUE_SIZE - 2) != 0)
                return -EBADMSG;
        port = (uint16_t) (value[30] << 8 | value[31]);
        if (port == 0)
                return -EBADMSG;
        *ret_port = port;
        return 0;
}
