/* Bytes that wait to be sent: a bounded queue that gives its memory back when it runs empty. */
#pragma once

#include "base/cleanup.h"
#include "base/view.h"

#define QUEUE_MAX (256U * 1024)

struct queue {
        uint8_t *p;
        size_t cap, from, to; /* what waits lies in [from, to) */
};

/* Adds one message with its length before it. -E2BIG, with nothing added, if the queue would pass
 * QUEUE_MAX or the message is longer than its length can say; -ENOMEM. */
_must_check_ int queue_put_message(struct queue *q, struct view message);

struct view queue_head(const struct queue *q);
void queue_drop(struct queue *q, size_t n);
void queue_done(struct queue *q);
