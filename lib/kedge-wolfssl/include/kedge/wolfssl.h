/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KEDGE_WOLFSSL_H
#define KEDGE_WOLFSSL_H

/** libkedge-wolfssl: TLS peers accepted because the chain names their key, and for no other reason.
 *
 *  A connection takes four steps, in this order:
 *
 *          kedge_wolfssl_harden(ctx, KEDGE_WOLFSSL_CLIENT)        once for each WOLFSSL_CTX
 *          kedge_wolfssl_expect(ssl, client, "pump1.plant.fleet") before wolfSSL_connect()
 *          wolfSSL_connect(ssl)                                   fails for anyone else
 *          kedge_wolfssl_check(ssl)                               before the first byte is believed
 *
 *  The verify callback looks at the peer's leaf certificate alone: the SHA-256 of the certificate,
 *  or of its SubjectPublicKeyInfo, must be a pin of the record that the agent has proven. Issuers,
 *  names, key usages and what else wolfSSL thinks of the certificate do not matter, for better or
 *  worse; the handshake proves that the peer holds the key. Dates are not looked at, since a
 *  revocation on chain ends a key and a wrong clock must not; kedge_wolfssl_check_dates() asks for
 *  them to be held against the chain's time.
 *
 *  What is forgotten refuses: without an expected peer the handshake fails, and
 *  kedge_wolfssl_check() finds a connection that was never judged (a resumed session, a pre-shared
 *  key, a callback that was replaced later).
 *
 *  Functions return 0 or a negative errno; kedge_wolfssl_error_text() has a line for a person.
 *  Threads: as wolfSSL has it, one WOLFSSL serves one thread at a time. A kedge_client given to two
 *  connections counts for both. The library prints nothing and never aborts the program. */

#include <kedge/kedge.h>

#ifdef __cplusplus
extern "C" {
#endif

/* wolfSSL's own types; <wolfssl/options.h> and <wolfssl/ssl.h> complete them. */
struct WOLFSSL;
struct WOLFSSL_CTX;

/* For kedge_wolfssl_harden(): one side, and for a server perhaps that clients must show a
 * certificate too. */
#define KEDGE_WOLFSSL_CLIENT 1U
#define KEDGE_WOLFSSL_SERVER 2U
#define KEDGE_WOLFSSL_MUTUAL 4U

/** Prepare a WOLFSSL_CTX: TLS 1.3 alone, suites with a certificate alone, X25519 first, no CA and
 *  no trusted peer (those loaded so far are forgotten), no tickets, no session cache, and the
 *  verify callback.
 *
 *  A server without KEDGE_WOLFSSL_MUTUAL asks for no certificate and judges nobody; it is hardened
 *  in all else. A client may name KEDGE_WOLFSSL_MUTUAL; whether it shows a certificate depends on
 *  whether it has loaded one. Load certificates and keys of our own before or after; set no other
 *  verify callback or version after.
 *
 *  @ctx    from wolfSSL_CTX_new() with a method that allows TLS 1.3
 *  @flags  KEDGE_WOLFSSL_CLIENT, KEDGE_WOLFSSL_SERVER, or KEDGE_WOLFSSL_SERVER |
 *          KEDGE_WOLFSSL_MUTUAL
 *
 *  Returns 0
 *          -EINVAL           @ctx is NULL, or the flags name not exactly one side
 *          -EPROTONOSUPPORT  this context cannot do it: made for another version, or for the other
 *                            side
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_harden(struct WOLFSSL_CTX *ctx, unsigned flags);

/** Name the peer that this connection is for. Its record is looked up during the handshake, when
 *  the peer has shown its certificate: the handshake then blocks for at most the client's timeout.
 *
 *  Call it again before the WOLFSSL is used for another handshake. The last call counts. No server
 *  name is sent: that is wolfSSL_UseSNI().
 *
 *  @ssl     from wolfSSL_new() with a hardened context; give it to kedge_wolfssl_forget() before
 *           wolfSSL_free()
 *  @client  borrowed until the handshake is over
 *  @name    copied; as kedge_resolve() wants it, at most 253 bytes
 *
 *  Returns 0, -EINVAL, -ENOMEM, or -ENOSPC if the program uses up wolfSSL's slots for extra data.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_expect(
                struct WOLFSSL *ssl, struct kedge_client *client, const char *name);

/** The same for a pin that the caller has read itself, with kedge_lookup_map() for example.
 *
 *  @ssl  as kedge_wolfssl_expect()
 *  @pin  32 bytes, copied: the SHA-256 of the leaf certificate or of its SubjectPublicKeyInfo; not
 *        all zero
 *
 *  Returns 0, -EINVAL, -ENOMEM or -ENOSPC.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_expect_pin(struct WOLFSSL *ssl,
                                                           const uint8_t pin[KEDGE_VALUE_SIZE]);

/** Refuse, besides, a leaf certificate that is certainly outside its dates: over before the proven
 *  lower bound of the chain's time, or not begun at its upper estimate. The machine's clock is not
 *  asked.
 *
 *  @ssl     after kedge_wolfssl_expect() or kedge_wolfssl_expect_pin(), which take it back
 *  @client  borrowed until the handshake is over; asked for the time then
 *
 *  Returns 0, or -EINVAL if no peer is expected yet.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_check_dates(
                struct WOLFSSL *ssl, struct kedge_client *client);

/** Say whether this connection is with the expected peer. Call it after the handshake, and believe
 *  nothing on the connection unless it returns 0. Does not block.
 *
 *  Returns 0            TLS 1.3, not resumed, and our callback has accepted the peer's certificate
 *          -EPERM       nobody was judged: no peer was expected, or the handshake showed no
 *                       certificate
 *          -EKEYREJECTED   the peer's key is not the one that the chain names
 *          -EKEYEXPIRED    its certificate is outside its dates (kedge_wolfssl_check_dates())
 *          -EBADMSG     its certificate cannot be read
 *          -EPROTO      a resumed session, or not TLS 1.3
 *          -EINPROGRESS the handshake is not over
 *          -EINVAL      @ssl is NULL
 *          or what kedge_resolve() or kedge_chain_time() said during the handshake: -ENXIO,
 *          -EAGAIN, -ESTALE,
 *          -ETIMEDOUT, -ECONNREFUSED ...
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_check(struct WOLFSSL *ssl);

/** Why kedge_wolfssl_check() does not return 0, in one line for a person, without a newline.
 *
 *  Never NULL; good until the next call for this connection. Empty if the peer was accepted.
 */
KEDGE_PUBLIC const char *kedge_wolfssl_error_text(struct WOLFSSL *ssl);

/** Say whether the peer was accepted by a pin that is older than [tls] MaxAge= and served because
 *  the operator has written Stale=serve: had it been revoked since, we would not know. Whoever has
 *  something to lose may ask for more than such a pin.
 *
 *  Returns 0        accepted by a fresh pin, or by one that the caller gave
 *          1        accepted by one that is stale
 *          -EPERM   not accepted: see kedge_wolfssl_check()
 *          -EINVAL  @ssl is NULL
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_wolfssl_stale(struct WOLFSSL *ssl);

/** Give back what a connection holds of ours, before wolfSSL_free(). A handshake after it is
 *  refused. NULL, and a connection without an expected peer, are fine.
 */
KEDGE_PUBLIC void kedge_wolfssl_forget(struct WOLFSSL *ssl);

#ifdef __cplusplus
}
#endif

#endif
