/* TLS towards upstreams: diode-protocol section 1.1. It proves which key the peer holds and judges
 * nothing: whether that key is the right one is kedged's to say. No session is resumed, since a
 * resumed one proves no key. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"

#define TLS_KEY_SIZE  32
#define TLS_PEER_SIZE 64

/* Our key with a certificate made for it. */
struct tls_identity;

/* -EINVAL if the key is not one on secp256k1. */
_must_check_ int tls_identity_new(const uint8_t key[TLS_KEY_SIZE], struct tls_identity **ret);
struct tls_identity *tls_identity_ref(struct tls_identity *identity);
struct tls_identity *tls_identity_unref(struct tls_identity *identity);

struct tls;

/* A session over a connected, non-blocking socket, which stays the caller's and is closed after
 * tls_free(). */
_must_check_ int tls_new(struct tls_identity *identity, int fd, struct tls **ret);
struct tls *tls_free(struct tls *tls);

/* These return 0, or -EAGAIN to be called again when the socket is ready as tls_wants_write() says
 * (and with the same bytes, or more after them, to tls_write()), -ECONNRESET if the peer has
 * closed, and -EPROTO for all else; then tls_text() says why. */
_must_check_ int tls_handshake(struct tls *tls);
_must_check_ int tls_read(struct tls *tls, void *p, size_t n, size_t *ret_n);
_must_check_ int tls_write(struct tls *tls, struct view data, size_t *ret_n);

bool tls_wants_write(const struct tls *tls);
const char *tls_text(const struct tls *tls);

/* X and Y of the key that the peer has proven to hold; after the handshake. */
const uint8_t *tls_peer(const struct tls *tls);
