/* agent/netd/wg_uapi_text: an answer says the same however it is cut; what is taken is sorted, sane
 * and within the limits; and written again as changes it is read as the same. */

#include "fuzz.h"

#include <string.h>

#include "agent/netd/wg_uapi_text.h"

static int read_by(struct view in, size_t step, struct wg_device *ret) {
        struct uapi_answer a;
        struct view part;
        int r = 0;

        uapi_answer_init(&a);
        while (r == 0 && in.n > 0) {
                MUST(view_take(&in, MIN(step, in.n), &part));
                r = uapi_answer_feed(&a, part);
        }
        if (r == 0)
                r = uapi_answer_take(&a, ret);
        uapi_answer_done(&a);
        return r;
}

static void check_peer(const struct wg_peer *p) {
        const struct ip *t = p->tunnel;

        MUST(ip_is_sane(&t[0]) && ip_is_sane(&t[1]) && ip_is_sane(&p->endpoint.ip));
        MUST((p->endpoint.ip.family != 0) == (p->endpoint.port != 0) && p->endpoint.zero == 0);
        MUST(t[1].family == 0 || (t[0].family == 4 && t[1].family == 6));
}

/* What "set=1" would say of a peer is also what "get=1" says of it. */
static void check_again(const struct wg_peer *p) {
        struct netd_peer as = { .tunnel = { p->tunnel[0], p->tunnel[1] }, .endpoint = p->endpoint };
        struct wg_change change = { WG_ADD, &as, true, false };
        struct wg_settings settings = { .keepalive_s = p->keepalive_s };
        char text[UAPI_TEXT_MAX];
        struct uapi_answer a;
        struct wg_device d;

        memcpy(as.key, p->key, sizeof(as.key));
        uapi_answer_init(&a);
        MUST(uapi_answer_feed(&a, VIEW(text, uapi_change_text(&change, &settings, text))) == 0);
        MUST(uapi_answer_feed(&a, VIEW_TEXT("errno=0\n\n")) == 0);
        MUST(uapi_answer_take(&a, &d) == 0 && d.n == 1);
        MUST(memcmp(d.peer->key, p->key, sizeof(p->key)) == 0);
        MUST(memcmp(d.peer->tunnel, p->tunnel, sizeof(p->tunnel)) == 0);
        MUST(memcmp(&d.peer->endpoint, &p->endpoint, sizeof(p->endpoint)) == 0);
        MUST(d.peer->keepalive_s == p->keepalive_s && !d.peer->more_allowed);
        free(d.peer);
        uapi_answer_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct wg_device whole = { 0 }, cut = { 0 };
        int r = read_by(VIEW(data, size), SIZE_MAX, &whole);

        MUST(read_by(VIEW(data, size), 1 + size % 13, &cut) == r);
        MUST(r <= 0 && whole.n == cut.n && whole.n <= size);
        for (size_t i = 0; i < whole.n; i++) {
                MUST(memcmp(&whole.peer[i], &cut.peer[i], sizeof(*whole.peer)) == 0);
                MUST(i == 0 || memcmp(whole.peer[i - 1].key, whole.peer[i].key, NETD_KEY_SIZE) < 0);
                check_peer(&whole.peer[i]);
                check_again(&whole.peer[i]);
        }
        free(whole.peer);
        free(cut.peer);
        return 0;
}
