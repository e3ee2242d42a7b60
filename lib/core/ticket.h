/* Diode tickets, version 1 and 2 (diode-protocol 7): blobs, signatures. */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "core/secp.h"

#define TICKET_LOCAL_MAX 1024
#define TICKET_BYTES_MAX (UINT64_C(1) << 50)
#define TICKET_CONNS_MAX (UINT64_C(1) << 40)

struct ticket {
        unsigned version;         /* 1 or 2 */
        uint64_t block_number;    /* 1: on the wire */
        struct hash32 block_hash; /* 1: signed */
        uint64_t chain_id, epoch; /* 2 */
        struct address server, fleet;
        uint64_t total_connections, total_bytes;
        struct view local_address; /* borrowed */
        uint8_t device_signature[SECP_SIGNATURE_SIZE];
        uint8_t server_signature[SECP_SIGNATURE_SIZE]; /* where there is one */
};

#define TICKET_BLOB_MAX 224 /* bytes of a device blob */

/* Writes the device blob of 7.1 with these totals instead of the ticket's, and without their
 * limits: tickets of others may hold up to 256 bits. -E2BIG for the local address, -EINVAL for
 * another version. */
_must_check_ int ticket_put_blob(struct buf *b, const struct ticket *t,
                const struct hash32 *connections, const struct hash32 *bytes);

/* keccak256 of the device blob of 7.1. -E2BIG over a limit above, -EINVAL for another version. */
_must_check_ int ticket_device_digest(const struct ticket *t, struct hash32 *ret);

/* keccak256(device blob || device signature): what the server signs. */
_must_check_ int ticket_server_digest(const struct ticket *t, struct hash32 *ret);

_must_check_ int ticket_sign(struct ticket *t, const uint8_t privkey[SECP_PRIVKEY_SIZE]);

/* The address whose key made the device (server) signature. -EBADMSG where there is none. */
_must_check_ int ticket_device(const struct ticket *t, struct address *ret);
_must_check_ int ticket_server(const struct ticket *t, struct address *ret);
