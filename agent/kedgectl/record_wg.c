/* The verb record wg: what a gateway publishes of itself, in the words of WireGuard: a key as wg(8)
 * prints it, an endpoint with its port. Made into the same records as `record set` writes. */

#include <stdio.h>

#include "agent/kedgectl/record_tx.h"

#define WORD_MAX 100 /* of a value */

/* What a word becomes: one record; an endpoint two, where it has a port. */
static const struct wg_word {
        const char *word;
        enum record_field field;
} words[] = {
        { "key", RECORD_WG_KEY },
        { "next", RECORD_WG_KEY_NEXT },
        { "ip", RECORD_WG_IP },
        { "endpoint", RECORD_WG_ENDPOINT },
        { "port", RECORD_WG_PORT },
};

static enum ctl_exit add_value(struct tx *tx, enum record_field f, struct view value) {
        char arg[WORD_MAX + 32];

        for (size_t i = 0; i < tx->n; i++) {
                const char *text = tx->line[i].key_text, *dot = strrchr(text, '.');

                if (strcmp(dot ? dot + 1 : text, record_field_name(f)) == 0)
                        return ctl_fail(tx->ctl, CTL_USAGE, "%s is said twice",
                                        record_field_name(f));
        }
        (void) snprintf(arg, sizeof(arg), "%s=%.*s", record_field_name(f), (int) value.n,
                        (const char *) value.p);
        return tx_add(tx, tx->host, arg, NULL);
}

/* ADDR:PORT, [ADDR6]:PORT, or an address alone; *ret_port is empty then. */
static bool split_endpoint(struct view text, struct view *ret_ip, struct view *ret_port) {
        const uint8_t *colon = memchr(text.p, ':', text.n), *end = text.p + text.n;

        *ret_port = VIEW(end, 0);
        if (text.n > 0 && text.p[0] == '[') {
                const uint8_t *close = memchr(text.p, ']', text.n);

                if (!close || close + 1 == end || close[1] != ':')
                        return false;
                *ret_ip = VIEW(text.p + 1, (size_t) (close - text.p - 1));
                colon = close + 1;
        } else if (!colon || memchr(colon + 1, ':', (size_t) (end - colon - 1))) {
                *ret_ip = text;
                return true;
        } else
                *ret_ip = VIEW(text.p, (size_t) (colon - text.p));
        *ret_port = VIEW(colon + 1, (size_t) (end - colon - 1));
        return ret_port->n > 0;
}

static enum ctl_exit add_endpoint(struct tx *tx, const char *value) {
        struct view ip, port;
        enum ctl_exit code;

        if (!split_endpoint(VIEW_TEXT(value), &ip, &port))
                return ctl_fail(tx->ctl, CTL_USAGE,
                                "endpoint: '%.80s' is not ADDRESS:PORT, nor [ADDRESS]:PORT of IPv6",
                                value);
        code = add_value(tx, RECORD_WG_ENDPOINT, ip);
        if (code == CTL_OK && port.n > 0)
                code = add_value(tx, RECORD_WG_PORT, port);
        return code;
}

static enum ctl_exit add_word(struct tx *tx, const char *arg) {
        size_t n = strcspn(arg, "=");
        const char *value = arg[n] ? arg + n + 1 : "";

        if (!value[0] || strlen(value) > WORD_MAX)
                return ctl_fail(tx->ctl, CTL_USAGE, "'%.80s' is not of the form WORD=VALUE", arg);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (strlen(words[i].word) != n || memcmp(words[i].word, arg, n) != 0)
                        continue;
                if (words[i].field == RECORD_WG_ENDPOINT)
                        return add_endpoint(tx, value);
                return add_value(tx, words[i].field, VIEW_TEXT(value));
        }
        return ctl_fail(tx->ctl, CTL_USAGE,
                        "'%.80s': record wg takes key=, next=, endpoint=, port= "
                        "and ip=",
                        arg);
}

enum ctl_exit record_make_wg(struct tx *tx, int argc, char **argv, struct buf *b) {
        enum ctl_exit code = CTL_OK;

        for (int i = 0; i < argc && code == CTL_OK; i++)
                code = add_word(tx, argv[i]);
        if (code == CTL_OK)
                tx_put_set(tx, b);
        return code;
}
