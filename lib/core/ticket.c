/* Diode tickets, diode-protocol 7.1: a device's signed word on what a node has served it. The
 * totals are bounded here, so that no code above can be led into signing more than nodes accept. */

#include "core/ticket.h"

#include <errno.h>

#include "core/keccak.h"
#include "core/sha256.h"

static void put_zeros(struct buf *b, size_t n) {
        static const uint8_t zeros[HASH32_SIZE];

        buf_put(b, zeros, n);
}

static void put_address(struct buf *b, const struct address *a) {
        put_zeros(b, HASH32_SIZE - ADDRESS_SIZE);
        buf_put_view(b, VIEW_OF(a));
}

static void put_uint(struct buf *b, uint64_t x) {
        put_zeros(b, HASH32_SIZE - sizeof(x));
        buf_put_be(b, x, sizeof(x));
}

static void word_of(uint64_t x, struct hash32 *ret) {
        struct buf b = BUF(ret->b);

        put_uint(&b, x);
}

int ticket_put_blob(struct buf *b, const struct ticket *t, const struct hash32 *connections,
                const struct hash32 *bytes) {
        struct hash32 local;

        if (t->version != 1 && t->version != 2)
                return -EINVAL;
        if (t->local_address.n > TICKET_LOCAL_MAX)
                return -E2BIG;

        if (t->version == 1) {
                buf_put_view(b, VIEW_OF(&t->block_hash));
        } else {
                put_uint(b, t->chain_id);
                put_uint(b, t->epoch);
        }
        put_address(b, &t->fleet);
        put_address(b, &t->server);
        buf_put_view(b, VIEW_OF(connections));
        buf_put_view(b, VIEW_OF(bytes));
        sha256(t->local_address, &local);
        buf_put_view(b, VIEW_OF(&local));
        return 0;
}

static int put_limited_blob(struct buf *b, const struct ticket *t) {
        struct hash32 connections, bytes;

        if (t->total_connections > TICKET_CONNS_MAX || t->total_bytes > TICKET_BYTES_MAX)
                return -E2BIG;
        word_of(t->total_connections, &connections);
        word_of(t->total_bytes, &bytes);
        return ticket_put_blob(b, t, &connections, &bytes);
}

int ticket_device_digest(const struct ticket *t, struct hash32 *ret) {
        uint8_t bytes[TICKET_BLOB_MAX];
        struct buf b = BUF(bytes);
        int r;

        r = put_limited_blob(&b, t);
        if (r < 0)
                return r;
        keccak256(VIEW(bytes, b.n), ret);
        return 0;
}

int ticket_server_digest(const struct ticket *t, struct hash32 *ret) {
        uint8_t bytes[TICKET_BLOB_MAX + SECP_SIGNATURE_SIZE];
        struct buf b = BUF(bytes);
        int r;

        r = put_limited_blob(&b, t);
        if (r < 0)
                return r;
        buf_put(&b, t->device_signature, sizeof(t->device_signature));
        keccak256(VIEW(bytes, b.n), ret);
        return 0;
}

int ticket_sign(struct ticket *t, const uint8_t privkey[SECP_PRIVKEY_SIZE]) {
        struct hash32 digest;
        int r;

        r = ticket_device_digest(t, &digest);
        if (r < 0)
                return r;
        return secp_sign(&digest, privkey, t->device_signature);
}

static int signer_of(const struct hash32 *digest, const uint8_t signature[SECP_SIGNATURE_SIZE],
                struct address *ret) {
        struct secp_pubkey key;
        int r;

        r = secp_recover(digest, signature, &key);
        if (r < 0)
                return r;
        secp_address(&key, ret);
        return 0;
}

int ticket_device(const struct ticket *t, struct address *ret) {
        struct hash32 digest;
        int r;

        r = ticket_device_digest(t, &digest);
        if (r < 0)
                return r;
        return signer_of(&digest, t->device_signature, ret);
}

int ticket_server(const struct ticket *t, struct address *ret) {
        struct hash32 digest;
        int r;

        r = ticket_server_digest(t, &digest);
        if (r < 0)
                return r;
        return signer_of(&digest, t->server_signature, ret);
}
