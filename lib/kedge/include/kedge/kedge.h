/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KEDGE_KEDGE_H
#define KEDGE_KEDGE_H

/** libkedge: names, contract state and time, as the agent kedged on this machine has proven them.
 *
 *  The order of arguments is the same everywhere: the object, what is asked, where the answer goes
 *  (ret_..., written on success only). Functions that can fail return 0 or a negative errno; text
 *  for a person is in kedge_error_text(). Times are in seconds since 1970 or in milliseconds, as
 *  their names say.
 *
 *  The four answers that must never be mixed up, and are not:
 *
 *          -ENXIO    proven: there is no such thing, or it was revoked
 *          -EAGAIN   not proven, yet: neither its presence nor its absence; ask again later
 *          -ESTALE   was proven, too long ago to be believed now
 *          -ETIMEDOUT, -ECONNREFUSED   the agent is slow, or does not run
 *
 *  and the others that every question can get:
 *
 *          -EPERM    what listens at the agent's socket is not the agent: believe nothing
 *          -ENOENT   the agent is not configured for this: no such zone, or no such chain
 *          -EBUSY    the agent refused: too many questions from this user
 *          -EBADMSG  a proven value does not parse, or the agent's answer does not
 *          -EINVAL   an argument is not what it should be
 *
 *          -EPROTONOSUPPORT  the agent is of another version than this library
 *
 *  or another errno of socket(), connect(), poll() or stat(), such as -EMFILE.
 *
 *  Threads: one client serves one thread at a time; different clients share nothing. Records do not
 *  change after they are made and may be read by many threads. Signals: a call goes on after EINTR,
 *  within its deadline; no signal is raised (no SIGPIPE). A client holds no descriptor between
 *  calls, so it works on after fork(), on both sides; descriptors that a call uses are closed on
 *  exec. The library prints nothing, installs nothing, starts no thread, and never aborts the
 *  program. */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KEDGE_PUBLIC     __attribute__((visibility("default")))
#define KEDGE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define KEDGE_PUBLIC
#define KEDGE_MUST_CHECK
#endif

#define KEDGE_CONTRACT_SIZE     20 /* bytes of a contract's address, and of a device's */
#define KEDGE_VALUE_SIZE        32 /* bytes of a map's key, of its value, and of a pin */
#define KEDGE_ADDRESS_TEXT_SIZE 46 /* bytes of an IP address as text, with its NUL */

struct kedge_client; /* where the agent is, how long to wait, what went wrong last */
struct kedge_record; /* what one name resolves to */

/* What a value was proven against. */
struct kedge_proof {
        uint64_t block_number; /* the finalized block whose state holds the value */
        uint64_t block_time;   /* its timestamp, in seconds since 1970 */
        uint64_t head_number;  /* the newest block that the agent believes */
        uint64_t age_ms;       /* since the proof */
        uint8_t block_hash[32];
};

/** Make a client. Does not block and opens nothing: the agent need not run yet.
 *
 *  The agent's folder is the compiled one, or that of the environment variable KEDGE_RUNTIME_DIR
 *  (ignored in set-user-id programs); the timeout is 5 seconds; the chain is the agent's first.
 *
 *  @ret_client  the client; give it back to kedge_client_free()
 *
 *  Returns 0, -EINVAL or -ENOMEM.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_client_new(struct kedge_client **ret_client);

/** Free a client. Records made with it live on. NULL is fine.
 *
 *  Returns NULL.
 */
KEDGE_PUBLIC struct kedge_client *kedge_client_free(struct kedge_client *client);

/** Set how long each question may take at most, in milliseconds, 1 to 600000.
 *
 *  Returns 0 or -EINVAL.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_client_set_timeout(
                struct kedge_client *client, int timeout_ms);

/** Use the agent of another folder: that of its query.sock. Meant for tests. What listens there is
 *  believed only if it runs as root or as the folder's owner.
 *
 *  @path  copied; NULL goes back to what kedge_client_new() chose
 *
 *  Returns 0, -EINVAL for an empty path, -ENAMETOOLONG for one that no socket can have.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_client_set_runtime_dir(struct kedge_client *client,
                                                               const char *path);

/** Ask about another chain: its name in the agent's configuration. Concerns kedge_lookup_map(),
 *  kedge_lookup_map_key() and kedge_chain_time(); a name's zone knows its own chain.
 *
 *  @chain  copied, at most 31 bytes; NULL: the agent's first chain
 *
 *  Returns 0 or -EINVAL.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_client_set_chain(
                struct kedge_client *client, const char *chain);

/** Why the last call with this client failed, in one line for a person, without a newline.
 *
 *  Never NULL; empty after a success. The client owns it: good until the next call with the client.
 */
KEDGE_PUBLIC const char *kedge_error_text(const struct kedge_client *client);

/** Read a name's record, as the agent has proven it. Blocks, at most for the client's timeout.
 *
 *  @client      from kedge_client_new()
 *  @name        NUL-terminated host name, at most 253 bytes; case does not matter, nor does a
 *               trailing dot
 *  @ret_record  the record; give it back to kedge_record_free()
 *
 *  Returns 0         the name exists and *ret_record is its record
 *          -ENXIO    proven: there is no such name
 *          -EAGAIN   neither is proven yet; ask again later
 *          -ESTALE   was proven, too long ago
 *          -ENOENT   no zone of the agent covers the name
 *          -ETIMEDOUT, -ECONNREFUSED   the agent is slow, or not running
 *          -EPERM    what answers is not the agent
 *          -EBUSY    the agent refused: too many questions from this user
 *          -EBADMSG  a field of the record, or the agent's answer, does not parse
 *          -EINVAL   @name is not a name
 *          -ENOMEM
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_resolve(struct kedge_client *client, const char *name,
                                                struct kedge_record **ret_record);

/** Free a record. NULL is fine.
 *
 *  Returns NULL.
 */
KEDGE_PUBLIC struct kedge_record *kedge_record_free(struct kedge_record *record);

/** How many addresses the record has: 0 to 4. */
KEDGE_PUBLIC size_t kedge_record_addresses(const struct kedge_record *record);

/** One address as text.
 *
 *  @index     less than kedge_record_addresses()
 *  @ret_text  KEDGE_ADDRESS_TEXT_SIZE bytes: "192.0.2.7" or "2001:db8::7", NUL-terminated
 *
 *  Returns 0
 *          -ESTALE   the deadline has passed since: resolve again
 *          -EINVAL   no such address
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_record_address(const struct kedge_record *record,
                size_t index, char ret_text[KEDGE_ADDRESS_TEXT_SIZE]);

/** One address, ready for connect(), with the record's port; 0 in the port if it has none.
 *
 *  @index        less than kedge_record_addresses()
 *  @ret_address  a struct sockaddr_in or sockaddr_in6
 *  @ret_length   its length
 *
 *  Returns 0, -ESTALE or -EINVAL, as kedge_record_address().
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_record_sockaddr(const struct kedge_record *record,
                size_t index, struct sockaddr_storage *ret_address, socklen_t *ret_length);

/** The port of the service: 1 to 65535, or 0 where the record has none. */
KEDGE_PUBLIC uint16_t kedge_record_port(const struct kedge_record *record);

/** How many pins the record has: 0 to 4. With none, no TLS peer may be accepted in its name. */
KEDGE_PUBLIC size_t kedge_record_pins(const struct kedge_record *record);

/** One pin: the SHA-256 of the peer's leaf certificate, or of its SubjectPublicKeyInfo. Any pin of
 *  the record is good.
 *
 *  @index    less than kedge_record_pins()
 *  @ret_pin  32 bytes
 *
 *  Returns 0
 *          -ESTALE   the deadline for pins has passed since: resolve again, accept nobody
 *          -EINVAL   no such pin
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_record_pin(const struct kedge_record *record, size_t index,
                                                   uint8_t ret_pin[KEDGE_VALUE_SIZE]);

/** How many device addresses the record has: 0 to 2, the present one and the next. */
KEDGE_PUBLIC size_t kedge_record_devices(const struct kedge_record *record);

/** One device: the 20-byte address of its secp256k1 key.
 *
 *  @index       less than kedge_record_devices()
 *  @ret_device  20 bytes
 *
 *  Returns 0, -ESTALE or -EINVAL, as kedge_record_pin().
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_record_device(const struct kedge_record *record,
                size_t index, uint8_t ret_device[KEDGE_CONTRACT_SIZE]);

/** The number of the finalized block that the record stands on; 0 for NULL. */
KEDGE_PUBLIC uint64_t kedge_record_block(const struct kedge_record *record);

/** The number of the newest block at which nothing was found revoked; 0 for NULL. */
KEDGE_PUBLIC uint64_t kedge_record_head(const struct kedge_record *record);

/** Milliseconds since the record was last proven at a head, now. UINT64_MAX where it is not
 *  known, or was in an earlier boot. */
KEDGE_PUBLIC uint64_t kedge_record_age_ms(const struct kedge_record *record);

/** The time of CLOCK_BOOTTIME, in milliseconds, after which the addresses must not be believed. */
KEDGE_PUBLIC uint64_t kedge_record_deadline_ms(const struct kedge_record *record);

/** The same for pins and devices. */
KEDGE_PUBLIC uint64_t kedge_record_pins_deadline_ms(const struct kedge_record *record);

/* What kedge_record_stale() says is old. */
#define KEDGE_STALE_ADDRESSES 1U
#define KEDGE_STALE_KEYS      2U

/** What of the record is older than its role's MaxAge= now, and given out because the operator has
 *  written Stale=serve: a revocation since then would not be known. Nothing that was seen to be
 *  revoked is ever given out.
 *
 *  Returns 0, or KEDGE_STALE_ADDRESSES for addresses and port, KEDGE_STALE_KEYS for pins and
 *  devices, or both; both for NULL.
 */
KEDGE_PUBLIC unsigned kedge_record_stale(const struct kedge_record *record);

/** Read one value of a mapping(bytes32 => bytes32) in a contract's storage, proven at a finalized
 *  block. Blocks, at most for the client's timeout.
 *
 *  @contract   the contract's 20-byte address
 *  @slot       the mapping's storage slot, 0 for the contract's first variable
 *  @key_text   1 to 32 bytes of printable ASCII without spaces; zero bytes are added on the right
 *  @ret_value  32 bytes, as they are in the contract; never all zero, as that is absence
 *  @ret_proof  what it was proven against; NULL if that does not matter
 *
 *  Returns 0         *ret_value is the value
 *          -ENXIO    proven: the map has no such key
 *          -EAGAIN   neither is proven yet, or the contract itself cannot be proven
 *          -ESTALE   the agent's view of the chain is too old
 *          -ENOENT   the agent does not know the chain
 *          -ETIMEDOUT, -ECONNREFUSED   the agent is slow, or not running
 *          -EPERM    what answers is not the agent
 *          -EBUSY    the agent refused: too many questions from this user
 *          -EBADMSG  the agent's answer does not parse
 *          -E2BIG    @key_text is longer than 32 bytes: hash it (Keccak-256), and ask with
 *                    kedge_lookup_map_key()
 *          -EINVAL
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_lookup_map(struct kedge_client *client,
                                                   const uint8_t contract[KEDGE_CONTRACT_SIZE],
                                                   uint64_t slot, const char *key_text,
                                                   uint8_t ret_value[KEDGE_VALUE_SIZE],
                                                   struct kedge_proof *ret_proof);

/** The same for a key of 32 bytes.
 *
 *  @key  the map's key; may hold any bytes
 *
 *  Returns as kedge_lookup_map(), but never -E2BIG.
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_lookup_map_key(struct kedge_client *client,
                                                       const uint8_t contract[KEDGE_CONTRACT_SIZE],
                                                       uint64_t slot,
                                                       const uint8_t key[KEDGE_VALUE_SIZE],
                                                       uint8_t ret_value[KEDGE_VALUE_SIZE],
                                                       struct kedge_proof *ret_proof);

/** The time of day, as the chain knows it. Blocks, at most for the client's timeout.
 *
 *  @ret_lower  seconds since 1970: it is proven to be at least this late
 *  @ret_upper  seconds since 1970: an estimate of how late it can be; 0 for none. NULL if unwanted
 *
 *  Returns 0
 *          -EAGAIN   no head is accepted yet
 *          -ESTALE   the newest head is too old
 *          -ENOENT   the agent does not know the chain
 *          -ETIMEDOUT, -ECONNREFUSED, -EPERM, -EBUSY, -EBADMSG, -EINVAL   as kedge_lookup_map()
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_chain_time(struct kedge_client *client, uint64_t *ret_lower,
                                                   uint64_t *ret_upper);

/** Read a 32-byte value as an IP address: text padded with zero bytes on the right, or 16 zero
 *  bytes and then an IPv6 or v4-mapped address. Strict: nothing is guessed, and an address that no
 *  host can have (any, broadcast, multicast) is refused.
 *
 *  @ret_text  KEDGE_ADDRESS_TEXT_SIZE bytes: the address in its canonical form, NUL-terminated
 *
 *  Returns 0
 *          -EBADMSG  the value is not an address
 *          -EINVAL
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_value_to_ip(const uint8_t value[KEDGE_VALUE_SIZE],
                                                    char ret_text[KEDGE_ADDRESS_TEXT_SIZE]);

/** Read a 32-byte value as a port: a big-endian number from 1 to 65535.
 *
 *  Returns 0
 *          -EBADMSG  the value is not a port
 *          -EINVAL
 */
KEDGE_PUBLIC KEDGE_MUST_CHECK int kedge_value_to_port(const uint8_t value[KEDGE_VALUE_SIZE],
                                                      uint16_t *ret_port);

#ifdef __cplusplus
}
#endif

#endif
