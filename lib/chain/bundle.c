/* The file format of proof bundles (docs/protocols/bundle.md). Strict: a bundle has one spelling,
 * every part of it stands where the layout says, nothing is left over.
 *
 * The checksum tells an accident as one. It protects nothing against people: what a bundle proves,
 * bundle_play.c finds out. */

#include "chain/bundle.h"

#include <errno.h>

#include "core/record.h"
#include "core/sha256.h"

#define NAME_SIZE 256

static const uint8_t magic[8] = { 'K', 'E', 'D', 'G', 'P', 'R', 'F', '\n' };

static bool take_u64(struct view *v, uint64_t *ret) {
        return view_take_be(v, 8, ret);
}

/* Text of a field of n bytes: ends with a zero, nothing but zeros behind it. */
static bool take_text(struct view *v, size_t n, char *ret, size_t cap) {
        struct view field;
        size_t len = 0;

        if (!view_take(v, n, &field))
                return false;
        while (len < n && field.p[len] != 0)
                len++;
        if (len == n || len >= cap)
                return false;
        for (size_t i = len; i < n; i++)
                if (field.p[i] != 0)
                        return false;
        memcpy(ret, field.p, len);
        memset(ret + len, 0, cap - len);
        return true;
}

static bool is_label(char c, bool dots) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
               (dots && (c == '.' || c == '_'));
}

/* Both end up in front of people, and one names a file: no other bytes. */
static bool texts_good(const struct bundle *b) {
        size_t n = strlen(b->name), chain_n = strlen(b->chain);

        if (n == 0 || chain_n == 0 || b->chain[0] == '-')
                return false;
        for (size_t i = 0; i < chain_n; i++)
                if (!is_label(b->chain[i], false))
                        return false;
        for (size_t i = 0; i < n; i++)
                if (!is_label(b->name[i], true))
                        return false;
        if (b->host_n == 0) /* a zone is no record of somebody's */
                return b->zone == BUNDLE_ENS || b->name[0] != '_';
        return b->host_n + 1 < n && b->name[b->host_n] == '.' && bundle_shape(b);
}

static bool upstream_good(const struct bundle *b, const struct bundle_upstream *u) {
        static const struct address none;

        switch (u->kind) {
        case BUNDLE_NODE:
                return b->backend == BUNDLE_BLOCKQUICK;
        case BUNDLE_BEACON:
        case BUNDLE_EXECUTION:
                return b->backend == BUNDLE_ETHEREUM && address_eq(&u->node, &none);
        }
        return false;
}

/* What only the other kind of zone has is zero. */
static bool zone_good(const struct bundle *b) {
        static const struct address none;
        struct hash32 node;

        switch (b->zone) {
        case BUNDLE_MAP:
                return true;
        case BUNDLE_ENS:
                return b->backend == BUNDLE_ETHEREUM && b->host_n == 0 && b->slot == 0 &&
                       address_eq(&b->contract, &none) && ens_node(VIEW_TEXT(b->name), &node) >= 0;
        }
        return false;
}

/* What only the other backend has is zero. */
static bool backend_good(const struct bundle *b) {
        static const uint8_t no_key[SECP_PRIVKEY_SIZE];
        static const struct address none;

        switch (b->backend) {
        case BUNDLE_BLOCKQUICK:
                return hash32_is_zero(&b->genesis) && b->n_upstreams <= BLOCKQUICK_UPSTREAMS_MAX &&
                       (b->ticket_version == 1 || b->ticket_version == 2);
        case BUNDLE_ETHEREUM:
                return b->checkpoint.number == 0 && b->ticket_version == 0 &&
                       address_eq(&b->fleet, &none) &&
                       memcmp(b->device_key, no_key, sizeof(no_key)) == 0;
        }
        return false;
}

static bool take_numbers(struct view *v, struct bundle *b) {
        uint64_t backend, ticket, zone, seed;

        if (!view_take_be(v, 1, &backend) || !view_take_be(v, 1, &ticket) ||
                        !view_take_be(v, 1, &zone) || !view_take_be(v, 4, &seed) || !take_u64(v, &b->chain_id) ||
                        !take_u64(v, &b->made_s) || !take_u64(v, &b->checkpoint.number))
                return false;
        b->backend = (enum bundle_backend) backend;
        b->ticket_version = (unsigned) ticket;
        b->zone = (enum bundle_zone) zone;
        b->seed = (uint32_t) seed;
        return true;
}

static bool take_bytes(struct view *v, struct bundle *b) {
        return view_take_copy(v, b->checkpoint.hash.b, HASH32_SIZE) &&
               view_take_copy(v, b->genesis.b, HASH32_SIZE) && take_u64(v, &b->slot) &&
               view_take_copy(v, b->contract.b, ADDRESS_SIZE) &&
               view_take_copy(v, b->fleet.b, ADDRESS_SIZE) &&
               view_take_copy(v, b->device_key, sizeof(b->device_key));
}

static bool take_upstreams(struct view *v, struct bundle *b, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct bundle_upstream *u = &b->upstream[i];
                uint64_t kind;

                if (!view_take_be(v, 1, &kind) || !view_take_copy(v, u->node.b, ADDRESS_SIZE))
                        return false;
                u->kind = (enum bundle_upstream_kind) kind;
                if (!upstream_good(b, u))
                        return false;
        }
        b->n_upstreams = n;
        return true;
}

static int take_head(struct view *v, struct bundle *b) {
        uint64_t host_n, n;

        if (!take_numbers(v, b) || !take_bytes(v, b) ||
                        !take_text(v, sizeof(b->chain), b->chain, sizeof(b->chain)) ||
                        !take_text(v, NAME_SIZE, b->name, sizeof(b->name)) ||
                        !view_take_be(v, 1, &host_n) || !view_take_be(v, 1, &n))
                return -EBADMSG;
        b->host_n = (size_t) host_n;
        if (n == 0 || n > CHAIN_UPSTREAMS_MAX)
                return -E2BIG;
        if (!take_upstreams(v, b, (size_t) n) || !texts_good(b) || !backend_good(b) ||
                        !zone_good(b))
                return -EBADMSG;
        return 0;
}

/* All of them are read once here: what is played later can be read. */
static int check_events(const struct bundle *b) {
        struct view events = b->events;
        struct bundle_event e;

        for (size_t n = 0; events.n > 0; n++) {
                int r = n == BUNDLE_EVENTS_MAX ? -E2BIG : bundle_take_event(b, &events, &e);

                if (r < 0)
                        return r;
        }
        return 0;
}

int bundle_parse(struct view file, struct bundle *ret) {
        struct bundle b = { 0 };
        struct hash32 sum, want;
        struct view start, v;
        uint64_t version;
        int r;

        if (file.n > BUNDLE_MAX)
                return -E2BIG;
        v = file;
        if (!view_take(&v, sizeof(magic), &start) || memcmp(start.p, magic, sizeof(magic)) != 0 ||
                        !view_take_be(&v, 2, &version) || v.n < HASH32_SIZE)
                return -EBADMSG;
        if (version != BUNDLE_VERSION)
                return -EPROTONOSUPPORT;
        sha256(VIEW(file.p, file.n - HASH32_SIZE), &sum);
        memcpy(want.b, file.p + file.n - HASH32_SIZE, HASH32_SIZE);
        if (!hash32_eq(&sum, &want))
                return -EILSEQ;
        v.n -= HASH32_SIZE;
        r = take_head(&v, &b);
        if (r < 0)
                return r;
        b.events = v;
        r = check_events(&b);
        if (r < 0)
                return r;
        *ret = b;
        return 0;
}

static bool event_good(const struct bundle *b, const struct bundle_event *e) {
        switch (e->kind) {
        case BUNDLE_TICK:
        case BUNDLE_ASK:
                return e->upstream == 0 && e->bytes.n == 0;
        case BUNDLE_UP:
                return e->upstream < b->n_upstreams &&
                       e->bytes.n == (b->backend == BUNDLE_BLOCKQUICK ? SECP_PUBKEY_SIZE : 0);
        case BUNDLE_DOWN:
                return e->upstream < b->n_upstreams && e->bytes.n == 0;
        case BUNDLE_BYTES:
                return e->upstream < b->n_upstreams && e->bytes.n > 0;
        }
        return false;
}

int bundle_take_event(const struct bundle *b, struct view *events, struct bundle_event *ret) {
        uint64_t kind, upstream, pause, n;
        struct view v = *events;
        struct bundle_event e;

        if (!view_take_be(&v, 1, &kind) || !view_take_be(&v, 1, &upstream) ||
                        !view_take_be(&v, 4, &pause) || !view_take_be(&v, 2, &n) ||
                        !view_take(&v, (size_t) n, &e.bytes))
                return -EBADMSG;
        if (pause > BUNDLE_PAUSE_MAX_MS)
                return -E2BIG;
        e.kind = (enum bundle_kind) kind;
        e.upstream = (unsigned) upstream;
        e.pause_ms = (uint32_t) pause;
        if (!event_good(b, &e))
                return -EBADMSG;
        *ret = e;
        *events = v;
        return 0;
}

static void put_text(struct buf *out, const char *text, size_t n) {
        size_t len = strlen(text);

        buf_put(out, text, len);
        for (size_t i = len; i < n; i++)
                buf_put_u8(out, 0);
}

void bundle_put_head(struct buf *out, const struct bundle *b) {
        buf_put(out, magic, sizeof(magic));
        buf_put_be(out, BUNDLE_VERSION, 2);
        buf_put_u8(out, (uint8_t) b->backend);
        buf_put_u8(out, (uint8_t) b->ticket_version);
        buf_put_u8(out, (uint8_t) b->zone);
        buf_put_be(out, b->seed, 4);
        buf_put_be(out, b->chain_id, 8);
        buf_put_be(out, b->made_s, 8);
        buf_put_be(out, b->checkpoint.number, 8);
        buf_put(out, b->checkpoint.hash.b, HASH32_SIZE);
        buf_put(out, b->genesis.b, HASH32_SIZE);
        buf_put_be(out, b->slot, 8);
        buf_put(out, b->contract.b, ADDRESS_SIZE);
        buf_put(out, b->fleet.b, ADDRESS_SIZE);
        buf_put(out, b->device_key, sizeof(b->device_key));
        put_text(out, b->chain, sizeof(b->chain));
        put_text(out, b->name, NAME_SIZE);
        buf_put_u8(out, (uint8_t) b->host_n);
        buf_put_u8(out, (uint8_t) b->n_upstreams);
        for (size_t i = 0; i < b->n_upstreams; i++) {
                buf_put_u8(out, (uint8_t) b->upstream[i].kind);
                buf_put(out, b->upstream[i].node.b, ADDRESS_SIZE);
        }
}

void bundle_put_event(struct buf *out, const struct bundle_event *e) {
        if (e->bytes.n > BUNDLE_MESSAGE_MAX) {
                out->full = true;
                return;
        }
        buf_put_u8(out, (uint8_t) e->kind);
        buf_put_u8(out, (uint8_t) e->upstream);
        buf_put_be(out, e->pause_ms, 4);
        buf_put_be(out, e->bytes.n, 2);
        buf_put_view(out, e->bytes);
}

void bundle_put_end(struct buf *out) {
        struct hash32 sum;
        struct view v;

        if (buf_done(out, &v) < 0)
                return;
        sha256(v, &sum);
        buf_put(out, sum.b, HASH32_SIZE);
}
