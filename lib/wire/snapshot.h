/* The published names: one file, a hash table, replaced by rename; and the suffix list that
 * says what is ours. Readers use open, fstat and pread, never mmap: a file that shrinks under a
 * mapping would kill the program that looked up a name.
 *
 * A snapshot is believed only if it is a regular file, owned by the owner of the folder it lies in
 * or by root, not writable for others, of our magic and version, of this boot (boot id), and whole:
 * every size is checked against st_size before use. Each record carries its own deadline. */
#pragma once

#include "base/cleanup.h"
#include "base/types.h"
#include "base/view.h"
#include "wire/name.h"

#define SNAPSHOT_RECORDS_MAX 65536
#define SUFFIXES_SIZE_MAX    65536
#define SUFFIXES_MAX         1024

/* Builds a snapshot image in memory, for the publisher. */
struct snapshot_entry {
        char name[NAME_MAX_LEN + 1]; /* normalized */
        struct name_answer answer;
};

/* The 16 bytes of /proc/sys/kernel/random/boot_id. */
_must_check_ int snapshot_boot_id(uint8_t ret[16]);

/* Size in bytes that snapshot_build() will need for n entries. */
size_t snapshot_size(const struct snapshot_entry *entries, size_t n);

/* Writes the image. -E2BIG over SNAPSHOT_RECORDS_MAX, -ENOBUFS if cap is too small, -EEXIST for a
 * name that stands twice, -EINVAL for a name that is not normalized or an answer that is not
 * sane. */
_must_check_ int snapshot_build(const struct snapshot_entry *entries, size_t n,
        const uint8_t boot_id[16], uint64_t published_ms, uint8_t *ret, size_t cap, size_t *ret_n);

/* Looks a normalized name up in the file at path. 0 with the record, of which the caller has yet to
 * judge the deadline; -ENOENT: no such file, or the name is not in it; -EBADMSG: damaged; -EPERM:
 * not the agent's;
 * -ESTALE: the name is in it, but it is of another boot; -EPROTONOSUPPORT: another version; or
 * another errno of open, fstat or pread. */
_must_check_ int snapshot_lookup(const char *path, const char *name, struct name_answer *ret);

/* Reverse: up to cap names that have this address; *ret_n tells how many were found. Errors as
 * above. */
_must_check_ int snapshot_lookup_addr(const char *path, const struct name_addr *addr,
        char (*ret_names)[NAME_MAX_LEN + 1], size_t cap, size_t *ret_n);

/* Reads the suffix list (one suffix a line, '#' comments). 1: the normalized name is ours; 0: it is
 * not;
 * -ENOENT: no list (kedge was never configured: nothing is ours); another errno where the list is
 * there but cannot be believed. */
_must_check_ int suffixes_match(const char *path, const char *name);
