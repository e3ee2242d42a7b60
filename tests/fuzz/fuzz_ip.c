/* base/ip: bytes are a text, and an address with a prefix.
 *
 * A text has one reading, and the text of what was read reads the same. What lies in a prefix
 * shares its first bits and no more is asked; what is no address lies nowhere and is reached by
 * nobody. */

#include "fuzz.h"

#include <string.h>

#include "base/ip.h"
#include "core/wg_address.h"

static void check_text(struct view in) {
        struct ip_prefix p, again;
        struct ip a, same;
        char text[IP_TEXT_MAX];

        if (ip_parse(in, &a) == 0) {
                MUST(ip_is_sane(&a) && a.family != 0);
                MUST(ip_parse(VIEW_TEXT(ip_text(&a, text)), &same) == 0 && ip_eq(&a, &same));
        }
        if (ip_prefix_parse(in, &p) == 0) {
                MUST(ip_prefix_is_sane(&p) && p.ip.family != 0);
                MUST(ip_in_prefix(&p.ip, &p));
                MUST(ip_prefix_parse(VIEW_TEXT(ip_prefix_text(&p, text)), &again) == 0);
                MUST(memcmp(&p, &again, sizeof(p)) == 0);
        }
}

static bool same_bits(const struct ip *a, const struct ip *b, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                if ((a->b[i / 8] ^ b->b[i / 8]) >> (7 - i % 8) & 1)
                        return false;
        return true;
}

static void check_pair(const struct ip *a, const struct ip_prefix *p) {
        struct ip derived;
        struct hash32 key = { 0 };
        char text[IP_TEXT_MAX];

        MUST(strlen(ip_text(a, text)) < IP_TEXT_MAX &&
                        strlen(ip_prefix_text(p, text)) < IP_TEXT_MAX);
        if (!ip_prefix_is_sane(p) || !ip_is_sane(a))
                return;
        MUST(ip_in_prefix(a, p) == (a->family != 0 && a->family == p->ip.family &&
                                                   same_bits(a, &p->ip, p->len)));
        MUST(!ip_is_host_of(a, p) || ip_in_prefix(a, p));
        MUST(!ip_is_routable(a) || a->family != 0);
        memcpy(key.b, a->b, sizeof(a->b));
        if (wg_address_of_key(&key, p, &derived) == 0)
                MUST(ip_is_sane(&derived) && ip_in_prefix(&derived, p) && p->len <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct {
                struct ip a;
                struct ip_prefix p;
        } pair;

        check_text(VIEW(data, size));
        if (size >= sizeof(pair)) {
                memcpy(&pair, data, sizeof(pair));
                check_pair(&pair.a, &pair.p);
        }
        return 0;
}
