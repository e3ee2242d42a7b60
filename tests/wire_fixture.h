/* Names and files for the tests of lib/wire and nss: a temporary folder, a snapshot in it, a suffix
 * list. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

#include "wire/snapshot.h"

#define FIXTURE_MUST(what)                                                                         \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        fprintf(stderr, "%s:%d: cannot prepare: %s\n", __FILE__, __LINE__, #what); \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

/* Writes a file anew, with this mode whatever the umask is. */
static inline _unused_ void fixture_write(
                const char *path, const void *data, size_t n, mode_t mode) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        FIXTURE_MUST(fd >= 0);
        FIXTURE_MUST(write(fd, data, n) == (ssize_t) n);
        FIXTURE_MUST(fchmod(fd, mode) == 0);
        FIXTURE_MUST(close(fd) == 0);
}

static inline _unused_ void fixture_write_text(const char *path, const char *text) {
        fixture_write(path, text, strlen(text), 0644);
}

static inline struct name_addr fixture_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
        return (struct name_addr){ 4, { a, b, c, d } };
}

/* Host number i: 10.x.y.z, and fd00::i with every third; each tenth is proven absent. */
static inline _unused_ struct snapshot_entry fixture_entry(uint32_t i, uint64_t deadline_ms) {
        struct snapshot_entry e = {
                .answer = {
                        .verdict = i % 10 == 9 ? NAME_ABSENT : NAME_PRESENT,
                        .final_number = 1000 + i,
                        .head_number = 1001 + i,
                        .proven_ms = 1,
                        .deadline_ms = deadline_ms,
                        .pins_deadline_ms = deadline_ms,
                },
        };

        snprintf(e.name, sizeof(e.name), "host%u.plant.fleet", i);
        if (e.answer.verdict == NAME_PRESENT) {
                e.answer.port = 443;
                e.answer.n_addrs = 1;
                e.answer.addr[0] = fixture_v4(
                                10, (uint8_t) (i >> 16), (uint8_t) (i >> 8), (uint8_t) i);
                if (i % 3 == 2) {
                        e.answer.n_addrs = 2;
                        e.answer.addr[1] = (struct name_addr){ 6,
                                { 0xfd, [14] = (uint8_t) (i >> 8), (uint8_t) i } };
                }
        }
        return e;
}

/* An image in a heap block of its exact size. */
static inline _unused_ uint8_t *fixture_image(const struct snapshot_entry *entries, size_t n,
                const uint8_t boot_id[16], size_t *ret_n) {
        size_t size = snapshot_size(entries, n);
        uint8_t *image = malloc(size);

        FIXTURE_MUST(image);
        FIXTURE_MUST(snapshot_build(entries, n, boot_id, 1, image, size, ret_n) == 0);
        return image;
}
