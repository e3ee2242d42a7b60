/* The operator's words in their file. What always holds: what stands in memory stands on disk; a
 * state that was given up is renamed, never removed. */

#include "agent/kedged/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "base/buf.h"

static bool ref_eq(const struct block_ref *a, const struct block_ref *b) {
        return a->number == b->number && hash32_eq(&a->hash, &b->hash);
}

const struct operator_entry *operator_find(const struct operator_words *o, const char *chain) {
        for (size_t i = 0; i < o->n; i++)
                if (strcmp(o->entry[i].chain, chain) == 0)
                        return &o->entry[i];
        return NULL;
}

static void put_ref(struct buf *b, const struct block_ref *ref) {
        buf_put_be(b, ref->number, 8);
        buf_put(b, ref->hash.b, HASH32_SIZE);
}

static int save(struct operator_words *o) {
        uint8_t bytes[OPERATOR_BYTES_MAX];
        struct buf b = BUF(bytes);
        struct view payload;
        int r;

        buf_put_u8(&b, (uint8_t) o->n);
        for (size_t i = 0; i < o->n; i++) {
                const struct operator_entry *e = &o->entry[i];

                buf_put_u8(&b, (uint8_t) strlen(e->chain));
                buf_put(&b, e->chain, strlen(e->chain));
                put_ref(&b, &e->configured);
                put_ref(&b, &e->imported);
                buf_put_be(&b, e->least, 8);
                buf_put_u8(&b, e->begun);
        }
        r = buf_done(&b, &payload);
        return r < 0 ? r : store_save(&o->store, 0, payload);
}

int operator_set(struct operator_words *o, const struct operator_entry *entry) {
        const struct operator_entry *old = operator_find(o, entry->chain);
        size_t i = old ? (size_t) (old - o->entry) : o->n;
        struct operator_entry before;
        int r;

        if (i == OPERATOR_CHAINS_MAX)
                return -E2BIG;
        before = o->entry[i];
        o->entry[i] = *entry;
        o->n += !old;
        r = save(o);
        if (r < 0) {
                o->entry[i] = before;
                o->n -= !old;
        }
        return r;
}

static bool take_ref(struct view *in, struct block_ref *ret) {
        return view_take_be(in, 8, &ret->number) && view_take_copy(in, ret->hash.b, HASH32_SIZE);
}

static bool take_entry(struct view *in, struct operator_entry *e) {
        uint64_t n, begun;

        memset(e, 0, sizeof(*e));
        if (!view_take_be(in, 1, &n) || n < 1 || n >= sizeof(e->chain) ||
                        !view_take_copy(in, e->chain, (size_t) n) ||
                        memchr(e->chain, 0, (size_t) n) || !take_ref(in, &e->configured) ||
                        !take_ref(in, &e->imported) || hash32_is_zero(&e->imported.hash) ||
                        !view_take_be(in, 8, &e->least) || !view_take_be(in, 1, &begun) ||
                        begun > 1)
                return false;
        e->begun = begun == 1;
        return true;
}

int operator_parse(struct operator_words *o, struct view payload) {
        uint64_t n;

        o->n = 0;
        if (!view_take_be(&payload, 1, &n) || n > OPERATOR_CHAINS_MAX)
                return -EBADMSG;
        for (uint64_t i = 0; i < n; i++) {
                struct operator_entry e;

                if (!take_entry(&payload, &e) || operator_find(o, e.chain))
                        return -EBADMSG;
                o->entry[o->n++] = e;
        }
        return payload.n == 0 ? 0 : -EBADMSG;
}

int operator_open(struct operator_words *o, int state_fd) {
        _cleanup_(freep) uint8_t *p = NULL;
        size_t n;
        int r;

        o->n = 0;
        r = store_open(&o->store, state_fd, OPERATOR_FILE, OPERATOR_BYTES_MAX, &p, &n);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : operator_parse(o, VIEW(p, n));
}

void operator_apply(const struct operator_words *o, struct config *config) {
        for (size_t i = 0; i < config->n_chains; i++) {
                struct config_chain *c = &config->chain[i];
                const struct operator_entry *e = operator_find(o, c->name);

                c->imported = e && ref_eq(&e->configured, &c->checkpoint);
                if (c->imported)
                        c->checkpoint = e->imported;
        }
}

void operator_prune(struct operator_words *o, const struct config *config) {
        for (size_t i = 0; i < config->n_chains; i++) {
                const struct config_chain *c = &config->chain[i];
                const struct operator_entry *e = operator_find(o, c->name);
                size_t at = e ? (size_t) (e - o->entry) : 0;

                if (!e || c->imported)
                        continue;
                log_notice("chain %s: Checkpoint= has changed since another one was imported: from "
                           "now on the configuration says it again",
                                c->name);
                memmove(o->entry + at, o->entry + at + 1, (--o->n - at) * sizeof(o->entry[0]));
                (void) save(o); /* where the disk refuses, the next start forgets it again */
        }
}

static bool is_there(int state_fd, const char *name) {
        return faccessat(state_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int move(int state_fd, const char *from, const char *to) {
        if (renameat(state_fd, from, state_fd, to) < 0)
                return errno == ENOENT ? 0 : -errno;
        return 0;
}

int operator_move_aside(int state_fd, const char *chain, char ret_name[STORE_NAME_MAX + 16]) {
        char first[STORE_NAME_MAX], second[STORE_NAME_MAX + 2], to[STORE_NAME_MAX + 16],
                        to_second[STORE_NAME_MAX + 18];
        unsigned k = 1;
        int r;

        (void) snprintf(first, sizeof(first), "chain-%s.state", chain);
        (void) snprintf(second, sizeof(second), "%s.1", first);
        ret_name[0] = 0;
        if (!is_there(state_fd, first) && !is_there(state_fd, second))
                return 0;
        for (;; k++) {
                if (k > OPERATOR_ASIDE_MAX)
                        return -EDQUOT;
                (void) snprintf(to, sizeof(to), "%s.before-%u", first, k);
                (void) snprintf(to_second, sizeof(to_second), "%s.1", to);
                if (!is_there(state_fd, to) && !is_there(state_fd, to_second))
                        break;
        }
        r = move(state_fd, first, to);
        if (r >= 0)
                r = move(state_fd, second, to_second);
        if (r >= 0 && fsync(state_fd) < 0)
                r = -errno;
        if (r >= 0)
                memcpy(ret_name, to, sizeof(to));
        return r;
}
