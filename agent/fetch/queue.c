/* What kedged wants sent, with the length prefix of diode-protocol section 1.3, until TLS takes it.
 * The bound is what keeps an upstream that does not read from growing us. */

#include "agent/fetch/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/fetch/frame.h"

static int queue_reserve(struct queue *q, size_t n) {
        size_t used = q->to - q->from, cap = q->cap > 0 ? q->cap : 4096;
        uint8_t *p;

        if (n > QUEUE_MAX - used)
                return -E2BIG;

        if (q->from > 0) {
                memmove(q->p, q->p + q->from, used);
                q->from = 0;
                q->to = used;
        }
        if (q->cap - used >= n)
                return 0;

        while (cap - used < n)
                cap *= 2;
        p = realloc(q->p, cap);
        if (!p)
                return -ENOMEM;
        q->p = p;
        q->cap = cap;
        return 0;
}

int queue_put_message(struct queue *q, struct view message) {
        int r;

        if (message.n > FRAME_MESSAGE_MAX)
                return -E2BIG;

        r = queue_reserve(q, FRAME_PREFIX_SIZE + message.n);
        if (r < 0)
                return r;

        q->p[q->to++] = (uint8_t) (message.n >> 8);
        q->p[q->to++] = (uint8_t) message.n;
        if (message.n > 0)
                memcpy(q->p + q->to, message.p, message.n);
        q->to += message.n;
        return 0;
}

struct view queue_head(const struct queue *q) {
        return VIEW(q->p ? q->p + q->from : NULL, q->to - q->from);
}

void queue_drop(struct queue *q, size_t n) {
        assert(n <= q->to - q->from);

        q->from += n;
        if (q->from == q->to)
                queue_done(q);
}

void queue_done(struct queue *q) {
        free(q->p);
        *q = (struct queue){ 0 };
}
