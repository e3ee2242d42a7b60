/* The file of links: one byte for each, rows of texts with their length in front. It is read
 * strictly: a link that we take away is one that we were told to make. */

#include "agent/kedged/net_links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"

#define BYTES_MAX (1 + NET_LINKS_MAX * (2 + NET_NAME_MAX + NETD_LINK_NAME))

static bool take_text(struct view *at, size_t cap, char *ret) {
        struct view text;
        uint64_t n;

        if (!view_take_be(at, 1, &n) || n == 0 || n >= cap || !view_take(at, (size_t) n, &text) ||
                        memchr(text.p, 0, text.n))
                return false;
        memset(ret, 0, cap);
        memcpy(ret, text.p, text.n);
        return true;
}

int net_links_parse(struct net_links *l, struct view payload) {
        struct net_link row[NET_LINKS_MAX];
        uint64_t n;

        if (!view_take_be(&payload, 1, &n))
                return -EBADMSG;
        if (n > NET_LINKS_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++) {
                if (!take_text(&payload, sizeof(row[i].network), row[i].network) ||
                                !take_text(&payload, sizeof(row[i].link), row[i].link) ||
                                !netd_link_valid(row[i].link))
                        return -EBADMSG;
        }
        if (payload.n > 0)
                return -EBADMSG;
        memcpy(l->row, row, (size_t) n * sizeof(row[0]));
        l->n = (size_t) n;
        return 0;
}

int net_links_open(struct net_links *l, int state_fd) {
        _cleanup_(freep) uint8_t *payload = NULL;
        size_t n;
        int r;

        memset(l, 0, sizeof(*l));
        r = store_open(&l->store, state_fd, NET_LINKS_FILE, BYTES_MAX, &payload, &n);
        if (r >= 0)
                r = net_links_parse(l, VIEW(payload, n));
        if (r == -EPROTONOSUPPORT)
                return r;
        if (r < 0 && r != -ENOENT)
                log_error(NET_LINKS_FILE " cannot be read: %s; a link of a network that is gone "
                                         "from net.conf stays until it is deleted by hand",
                                strerror(-r));
        return 0;
}

static void put_text(struct buf *b, const char *text) {
        buf_put_u8(b, (uint8_t) strlen(text));
        buf_put(b, text, strlen(text));
}

int net_links_save(struct net_links *l) {
        uint8_t bytes[BYTES_MAX];
        struct buf b = BUF(bytes);
        struct view payload;
        int r;

        if (!l->dirty)
                return 0;
        buf_put_u8(&b, (uint8_t) l->n);
        for (size_t i = 0; i < l->n; i++) {
                put_text(&b, l->row[i].network);
                put_text(&b, l->row[i].link);
        }
        r = buf_done(&b, &payload);
        if (r >= 0)
                r = store_save(&l->store, 0, payload);
        l->dirty = r < 0;
        return r;
}

int net_links_note(struct net_links *l, const char *network, const char *link) {
        struct net_link *row = NULL;

        for (size_t i = 0; i < l->n && !row; i++)
                if (strcmp(l->row[i].link, link) == 0)
                        row = &l->row[i];
        if (row && strcmp(row->network, network) == 0)
                return 0;
        if (!row && l->n == NET_LINKS_MAX)
                return -E2BIG;
        if (!row)
                row = &l->row[l->n++];
        memset(row, 0, sizeof(*row));
        memcpy(row->network, network, strnlen(network, sizeof(row->network) - 1));
        memcpy(row->link, link, strnlen(link, sizeof(row->link) - 1));
        l->dirty = true;
        return 0;
}

void net_links_drop(struct net_links *l, size_t i) {
        l->row[i] = l->row[--l->n];
        l->dirty = true;
}
