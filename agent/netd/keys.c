/* The keys of a link: made where there is none, and changed when the chain lists the next one as
 * ours. Private keys are in memory for the length of a call. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/netd/apply_priv.h"
#include "agent/netd/curve.h"
#include "agent/netd/keyfile.h"

static const uint8_t none[NETD_KEY_SIZE];

static bool key_eq(const uint8_t *a, const uint8_t *b) {
        return memcmp(a, b, NETD_KEY_SIZE) == 0;
}

static int say(char ret_why[NETD_TEXT_MAX], const char *link, const char *what, int r) {
        (void) snprintf(ret_why, NETD_TEXT_MAX, "%.15s: %.40s: %.36s", link, what,
                        strerrordesc_np(-r));
        return r;
}

/* The public one of a file; zero where there is none. */
static int look(int folder_fd, const char *link, enum keyfile_which which,
                uint8_t ret_public[NETD_KEY_SIZE], char ret_why[NETD_TEXT_MAX]) {
        uint8_t key[NETD_KEY_SIZE];
        int r = keyfile_read(folder_fd, link, which, key, ret_why);

        if (r == -ENOENT) {
                memset(ret_public, 0, NETD_KEY_SIZE);
                return 0;
        }
        if (r < 0)
                return r;
        r = curve_public(key, ret_public);
        explicit_bzero(key, sizeof(key));
        return r < 0 ? say(ret_why, link, "its key has no public one", r) : 0;
}

int keys_look(int folder_fd, const char *link, struct netd_state *state,
                char ret_why[NETD_TEXT_MAX]) {
        int r = look(folder_fd, link, KEYFILE_CURRENT, state->public_key, ret_why);
        char why[NETD_TEXT_MAX] = "";
        int q = look(folder_fd, link, KEYFILE_NEXT, state->next_key, why);

        if (r == 0 && q < 0)
                memcpy(ret_why, why, sizeof(why));
        return r < 0 ? r : q;
}

static int make(int folder_fd, const char *link, uint8_t ret_public[NETD_KEY_SIZE],
                char ret_why[NETD_TEXT_MAX]) {
        uint8_t key[NETD_KEY_SIZE];
        int r = keyfile_make(folder_fd, link, KEYFILE_CURRENT, key);

        if (r == 0)
                r = curve_public(key, ret_public);
        explicit_bzero(key, sizeof(key));
        return r < 0 ? say(ret_why, link, "its private key cannot be made", r) : 0;
}

int keys_ready(int folder_fd, const char *link, const uint8_t *own_key,
                const struct wg_device *device, struct netd_state *state,
                char ret_why[NETD_TEXT_MAX]) {
        int r = keys_look(folder_fd, link, state, ret_why);

        if (r < 0)
                return r;
        if (!key_eq(state->next_key, none) && key_eq(state->next_key, own_key)) {
                r = keyfile_promote(folder_fd, link);
                if (r < 0)
                        return say(ret_why, link, "its next key cannot be taken", r);
                memcpy(state->public_key, state->next_key, NETD_KEY_SIZE);
                memset(state->next_key, 0, NETD_KEY_SIZE);
        }
        if (!key_eq(state->public_key, none))
                return 0;
        /* A new one would be nobody's: the chain lists the one that the link still has. */
        if (device && !key_eq(device->public_key, none) && key_eq(device->public_key, own_key)) {
                (void) snprintf(ret_why, NETD_TEXT_MAX,
                                "%.15s.key is lost; wg show %.15s private-key still has it", link,
                                link);
                return -ENOENT;
        }
        return make(folder_fd, link, state->public_key, ret_why);
}
