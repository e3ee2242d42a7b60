/* One value of a field, from a word of the command line. */

#include "agent/kedgectl/record_value.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/kedgectl/ssh_key.h"
#include "base/base64.h"
#include "core/record_ip.h"

static bool is_ssh(enum record_field f) {
        return f == RECORD_SSH || f == RECORD_SSH_NEXT || f == RECORD_SSH_HOST ||
               f == RECORD_SSH_HOST_NEXT;
}

bool record_value_is_wg(enum record_field f) {
        return f == RECORD_WG_KEY || f == RECORD_WG_KEY_NEXT;
}

int record_value_show(enum record_field f, const struct record_value *v, char ret[RECORD_TEXT_MAX]) {
        if (!v->present || !record_value_is_wg(f))
                return record_value_text(f, v, ret, RECORD_TEXT_MAX);
        (void) base64_encode(VIEW_OF(&v->raw), ret);
        return 0;
}

const char *record_value_kind(enum record_field f) {
        switch (record_field_type(f)) {
        case RECORD_TYPE_IP:
                return f == RECORD_SERVER_IP6 ? "an IPv6 address of a host"
                                              : "an IP address of a host";
        case RECORD_TYPE_PORT:
                return "a port, 1 to 65535";
        case RECORD_TYPE_BYTES:
                if (record_value_is_wg(f))
                        return "a public key as wg pubkey prints it, or 0x and 64 digits";
                return is_ssh(f) ? "0x and 64 digits, SHA256: and 43 digits, or @ and the file of a "
                                   "public key"
                                 : "0x and 64 digits";
        case RECORD_TYPE_ADDRESS:
                return "0x and 40 digits";
        case RECORD_TYPE_BITS:
                return "a set of bits: a number, 0x and digits, or bits:0,3";
        }
        return "a value";
}

/* "bits:0,3": each number once, 0 to 255. */
static int bits_by_number(struct view text, struct hash32 *ret) {
        struct hash32 bits = { 0 };
        uint64_t n;

        for (;;) {
                uint8_t *at, bit;

                if (!text_take_decimal(&text, 255, &n))
                        return -EINVAL;
                at = &bits.b[HASH32_SIZE - 1 - n / 8];
                bit = (uint8_t) (1U << n % 8);
                if (*at & bit)
                        return -EINVAL;
                *at |= bit;
                if (text.n == 0)
                        break;
                if (text.p[0] != ',')
                        return -EINVAL;
                text = VIEW(text.p + 1, text.n - 1);
        }
        *ret = bits;
        return 0;
}

static enum ctl_exit key_of_file(
                const struct ctl *ctl, const char *label, const char *path, struct hash32 *ret) {
        char *text = NULL;
        size_t n = 0;
        int r = ctl_read_file(path, SSH_KEY_FILE_MAX, &text, &n);

        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%.80s: %.200s cannot be read: %s", label, path,
                                r == -EBADMSG ? "it is no file" : strerrordesc_np(-r));
        r = ssh_key_of_file(VIEW(text, n), ret);
        free(text);
        if (r == -EPROTONOSUPPORT)
                return ctl_fail(ctl, CTL_USAGE,
                                "%.80s: %.200s is a certificate: give the file of its key", label,
                                path);
        if (r < 0)
                return ctl_fail(ctl, CTL_USAGE,
                                "%.80s: %.200s is not one public key of SSH: TYPE BASE64", label,
                                path);
        return CTL_OK;
}

enum ctl_exit record_value_read(const struct ctl *ctl, const char *label, enum record_field f,
                const char *value, struct hash32 *ret) {
        int r = -EINVAL;

        if (is_ssh(f) && value[0] == '@')
                return key_of_file(ctl, label, value + 1, ret);
        if (is_ssh(f) && strncmp(value, "SHA256:", 7) == 0)
                r = ssh_key_of_fingerprint(VIEW_TEXT(value), ret);
        else if (record_field_type(f) == RECORD_TYPE_BITS && strncmp(value, "bits:", 5) == 0)
                r = bits_by_number(VIEW_TEXT(value + 5), ret);
        else
                r = record_value_of_text(f, VIEW_TEXT(value), ret);
        if (r < 0 || hash32_is_zero(ret)) /* zero is what an absent field reads as */
                return ctl_fail(ctl, CTL_USAGE, "%.80s: '%.80s' is not %s", label, value,
                                record_value_kind(f));
        return CTL_OK;
}
