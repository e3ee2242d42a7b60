/* State that must survive kill -9, power cuts and full disks: one value, two generations. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/view.h"

#define STORE_NAME_MAX 64
#define STORE_OVERHEAD 68 /* bytes around the payload */

struct store {
        int dir_fd; /* borrowed */
        char name[STORE_NAME_MAX]; /* generations: name and name.1 */
        size_t max; /* bytes of payload */
        int newest; /* 0 or 1: the generation that must not be touched; -1: none */
        uint64_t serial, height;
        uint64_t fallback; /* the height of the older generation: no restart comes back below it */
        bool failing; /* the last save failed and was logged */
        bool gives_room; /* on a full disk the older generation is taken away to save the next one */
};

/* Finds the newest good generation. 0 with its payload, on the heap; -ENOENT: there is no file at
 * all;
 * -EBADMSG: there are files, and none is good; -EPROTONOSUPPORT: written by a later kedge; or
 * another errno: the files could not be looked at. */
_must_check_ int store_open(struct store *s, int dir_fd, const char *name, size_t max,
        uint8_t **ret, size_t *ret_n);

/* Would store_open() say -EPROTONOSUPPORT? Where not, a few bytes are read, and nothing is logged. */
_must_check_ bool store_is_of_a_later(int dir_fd, const char *name, size_t max);

/* Logs which file of folder a later kedge has written, and what to do. -EPROTONOSUPPORT */
int store_of_a_later(const char *folder, const char *name);

/* Replaces the older generation. 0: it is on disk. -ESTALE: height is below what is stored; nothing
 * was written. Another errno: not on disk, the newest generation stands as it was; the first such
 * failure is logged, and so is its end. */
_must_check_ int store_save(struct store *s, uint64_t height, struct view payload);
