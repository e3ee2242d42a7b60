/* Frames between kedged and kedge-fetch. A frame has one spelling: what is parsed is written again
 * byte by byte. */

#include "fuzz.h"

#include <string.h>

#include "wire/courier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t bytes[COURIER_FRAME_MAX];
        struct buf b = BUF(bytes);
        struct courier_frame f;
        struct view again;
        char host[COURIER_HOST_MAX + 1];
        uint16_t port;

        if (courier_parse(VIEW(data, size), &f) < 0)
                return 0;

        MUST(f.upstream < COURIER_UPSTREAMS_MAX && f.body.n <= COURIER_MESSAGE_MAX);
        MUST(courier_put(&b, f.kind, f.upstream, f.body) == 0);
        MUST(buf_done(&b, &again) == 0 && view_eq(again, VIEW(data, size)));

        if (f.kind == COURIER_CONNECT) {
                b = BUF(bytes);
                MUST(courier_parse_connect(f.body, &port, host) == 0);
                MUST(port != 0 && strlen(host) + 2 == f.body.n);
                MUST(courier_put_connect(&b, f.upstream, port, host) == 0);
                MUST(buf_done(&b, &again) == 0 && view_eq(again, VIEW(data, size)));
        }
        return 0;
}
