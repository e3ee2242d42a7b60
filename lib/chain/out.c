/* Writing into a chain_out. Its size is fixed; what does not fit is wished for again in the next
 * step, which the machine asks for at once (chain_out.more). */

#include "chain/out.h"

#define KEPT_ACTIONS 16 /* room left for what an event itself must say */
#define KEPT_BYTES   2048

uint8_t *out_claim(struct chain_out *out, size_t n) {
        size_t at = (out->used + 7) & ~(size_t) 7;

        if (at > CHAIN_OUT_BYTES || n > CHAIN_OUT_BYTES - at)
                return NULL;
        out->used = at + n;
        return out->bytes + at;
}

bool out_room(struct chain_out *out, size_t actions, size_t bytes) {
        if (out->n + actions + KEPT_ACTIONS <= CHAIN_ACTIONS_MAX &&
                        out->used + bytes + KEPT_BYTES <= CHAIN_OUT_BYTES)
                return true;

        out->more = true;
        return false;
}

struct chain_action *out_act(
                struct chain_out *out, enum chain_action_kind kind, unsigned upstream) {
        struct chain_action *a;

        if (out->n == CHAIN_ACTIONS_MAX)
                out->n--;
        a = &out->action[out->n++];
        *a = (struct chain_action){ .kind = kind, .upstream = upstream };
        return a;
}

uint64_t out_jitter(uint32_t *random, uint64_t ms) {
        *random ^= *random << 13; /* xorshift32 */
        *random ^= *random >> 17;
        *random ^= *random << 5;
        return ms + *random % (ms / 4 + 1);
}
