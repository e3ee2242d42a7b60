/* The block that a server calls finalized, printed as SLOT and ROOT. It is a server's word and
 * nothing more: who uses it as a checkpoint compares several. It goes the way that kedged's
 * requests go, with the same limits. */

#include "agent/fetch/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "agent/fetch/server.h"
#include "base/ethapi.h"
#include "base/hex.h"

struct checkpoint {
        sd_event *event;
        bool printed;
};

static void say(struct view why) {
        fprintf(stderr, "kedge-fetch: no checkpoint: %.*s\n", (int) why.n, (const char *) why.p);
}

static bool print_answer(struct view message) {
        static struct ethapi_answer a;
        char root[2 * HASH32_SIZE + 1];

        if (ethapi_parse_answer(message, &a) < 0)
                return false;
        if (a.result != ETHAPI_OK) {
                say(a.text);
                return false;
        }
        printf("%" PRIu64 " 0x%s\n", a.checkpoint.slot,
                        hex_encode(a.checkpoint.root.b, HASH32_SIZE, root));
        return fflush(stdout) == 0;
}

static int on_frame(void *userdata, enum courier_kind kind, unsigned index, struct view body) {
        struct checkpoint *c = userdata;

        (void) index;
        if (kind == COURIER_MESSAGE)
                c->printed = print_answer(body);
        else if (kind == COURIER_DOWN)
                say(body);
        if (kind != COURIER_UP)
                (void) sd_event_exit(c->event, 0);
        return 0;
}

static int ask(struct server *s, bool verify, const char *url) {
        struct ethapi_request request = { .id = 1, .kind = ETHAPI_CHECKPOINT };
        uint8_t bytes[64];
        struct buf b = BUF(bytes);
        struct view v;
        int r;

        ethapi_put_request(&b, &request);
        r = buf_done(&b, &v);
        if (r >= 0)
                r = server_open(s, verify, url);
        return r < 0 ? r : server_send(s, v);
}

int checkpoint_fetch(sd_event *event, const struct upstream_limits *limits, bool verify,
                const char *url) {
        struct checkpoint c = { .event = event };
        struct upstream_host link = { event, NULL, limits, on_frame, &c };
        struct http_client *client = NULL;
        struct server_host host = { &link, &client };
        struct server *server = NULL;
        int r = resolver_new(event, &link.resolver);

        if (r >= 0)
                r = server_new(&host, 0, &server);
        if (r >= 0)
                r = ask(server, verify, url);
        if (r >= 0)
                r = sd_event_loop(event);
        if (r < 0)
                say(VIEW_TEXT(strerrordesc_np(-r)));
        (void) server_free(server);
        (void) http_client_free(client);
        (void) resolver_free(link.resolver);
        return r < 0 ? r : c.printed ? 0 : -ENODATA;
}
