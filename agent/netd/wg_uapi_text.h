/* The text of WireGuard's cross-platform UAPI (wireguard.com/xplatform): lines of key=value, read
 * as they come and written a change at a time. Pure but for the table of peers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/netd/system.h"
#include "base/cleanup.h"
#include "base/view.h"

#define UAPI_LINE_MAX  512        /* a line, without its end */
#define UAPI_PEERS_MAX (1U << 16) /* wireguard-go's own limit for a device */
#define UAPI_BYTES_MAX (64U << 20)
#define UAPI_TEXT_MAX  1024 /* of the settings, or of one change, with the NUL */

/* An answer: lines of the device, lines of each peer, errno=, an empty line. */
struct uapi_answer {
        struct wg_device device; /* peers as they came, until uapi_answer_take() */
        size_t cap;
        uint8_t private_key[NETD_KEY_SIZE];
        bool has_key;
        bool coded; /* errno= has come */
        bool done;  /* and the empty line behind it */
        int error;  /* what errno= says: 0 or -errno */
        uint64_t bytes;
        size_t n_line;
        char line[UAPI_LINE_MAX];
};

void uapi_answer_init(struct uapi_answer *a);
void uapi_answer_done(struct uapi_answer *a);

/* The next bytes, cut anywhere. -EBADMSG: not an answer, or something behind its end; -E2BIG: over
 * one of the limits above; -ENOMEM. Keys that we do not know are passed over. */
_must_check_ int uapi_answer_feed(struct uapi_answer *a, struct view bytes);

/* The device of a whole answer, its peers sorted; they are the caller's then. -EBADMSG: the answer
 * is not whole, or has a peer twice; else what errno= says. public_key is left zero. */
_must_check_ int uapi_answer_take(struct uapi_answer *a, struct wg_device *ret);

/* Lines of "set=1", each with its end. What keepalive_s peers get is in settings, which may be
 * NULL. Returns the length. The text of settings holds the private key: clear it. */
size_t uapi_settings_text(const struct wg_settings *settings, char ret[UAPI_TEXT_MAX]);
size_t uapi_change_text(const struct wg_change *change, const struct wg_settings *settings,
                char ret[UAPI_TEXT_MAX]);
