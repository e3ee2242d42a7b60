/* Messages on the edge protocol's byte stream: diode-protocol section 1.3. Fed with bytes in pieces
 * of any size; holds one message at a time and asks for no byte of the next one, so that a reader
 * who must wait needs no second buffer. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define FRAME_PREFIX_SIZE  2
#define FRAME_MESSAGE_MAX  65535

struct frame {
        size_t have; /* bytes of prefix and message so far */
        uint8_t data[FRAME_PREFIX_SIZE + FRAME_MESSAGE_MAX];
};

void frame_init(struct frame *f);

/* Where the next bytes go, and how many of them at most: never zero, unless a message is ready. */
size_t frame_room(struct frame *f, uint8_t **ret_at);

/* n bytes, at most the room, have been put there. Empty messages are skipped. */
void frame_filled(struct frame *f, size_t n);

/* Whether a whole message is here; *ret is borrowed until frame_next(). */
bool frame_ready(const struct frame *f, struct view *ret);

/* Whether a message has begun and is not whole yet. */
bool frame_begun(const struct frame *f);

/* Forgets the message that is ready. */
void frame_next(struct frame *f);
