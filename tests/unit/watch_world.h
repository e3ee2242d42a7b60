/* Everything from a question to its answer but the loop and the sockets, over a scripted chain and a clock that
 * stands: for the tests of agent/kedged/watch. */
#pragma once

#include "unit.h"
#include "fake_chain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/kedged/config.h"
#include "agent/kedged/keys.h"
#include "agent/kedged/lookup.h"
#include "agent/kedged/proof.h"
#include "agent/kedged/util.h"
#include "agent/kedged/watch.h"
#include "core/slot.h"

/* The clock stands unless a test moves it. */
static uint64_t clock_ms = UINT64_C(1000000000);

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret) {
        if (id != CLOCK_BOOTTIME)
                return __real_clock_gettime(id, ret);
        *ret = (struct timespec){ (time_t) (clock_ms / 1000), (long) (clock_ms % 1000) * 1000000 };
        return 0;
}

static struct world {
        struct config config, other;
        struct fake_chain fake;
        struct run *runs[1];
        struct proofs proofs;
        struct book book;
        struct watch watch;
        struct keys keys;
        char dir[32];
        int dir_fd;
        size_t n_replies;
        struct watch_reply reply[64];
        uint64_t client[64];
        size_t n_key_replies;
        struct query_reply key_reply[8];
        size_t n_proofs;
        struct proof_result proof[PROOFS_MAX];
} w;

static inline void on_answer(void *userdata _unused_, struct run *run, const struct chain_answer *answer) {
        proofs_answer(&w.proofs, run, answer);
}

static inline void on_moved(void *userdata _unused_, struct run *run) {
        watch_moved(&w.watch, run);
}

static inline void on_reply(void *userdata _unused_, uint64_t client, uint32_t id _unused_, const struct watch_reply *reply) {
        w.client[w.n_replies] = client;
        w.reply[w.n_replies++] = *reply;
}

static inline void on_key(void *userdata _unused_, uint64_t client _unused_, const struct query_reply *reply) {
        w.key_reply[w.n_key_replies++] = *reply;
}

static inline void on_proof(void *userdata _unused_, const struct proof_result *result) {
        w.proof[w.n_proofs++] = *result;
}

static inline void zone(size_t i, const char *suffix, uint8_t contract) {
        struct config_zone *z = &w.config.zone[i];

        (void) snprintf(z->suffix, sizeof(z->suffix), "%s", suffix);
        z->contract.b[0] = contract;
        w.config.n_zones = i + 1;
}

static inline void parts(void) {
        watch_init(&w.watch, &w.config, w.runs, &w.proofs, &w.book, on_reply, NULL);
        w.keys = (struct keys){ .config = &w.config, .proofs = &w.proofs, .book = &w.book, .reply = on_key };
        ck_assert_int_eq(book_open(&w.book, w.dir_fd), 0);
}

static inline void setup(void) {
        const struct run_hooks hooks = { .answer = on_answer, .moved = on_moved };
        struct config_chain chain = { .name = "diode", .chain_id = 15 };
        uint8_t *state = NULL;
        size_t n = 0;

        memset(&w, 0, sizeof(w));
        strcpy(w.dir, "/tmp/kedge-watch-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(w.dir));
        w.dir_fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ROLES; i++)
                w.config.role[i].max_age_ms = 3600000;
        zone(0, "plant.fleet", 1);
        zone(1, "hall.plant.fleet", 2);
        w.config.n_chains = 1;
        fake_init(&w.fake);
        ck_assert_int_eq(run_new(&chain, 0, 0, &w.fake.chain, NULL, &hooks, &w.runs[0]), 0);
        w.runs[0]->linked = true;
        ck_assert_int_eq(store_open(&w.runs[0]->store, w.dir_fd, "chain", 100, &state, &n), -ENOENT);
        parts();
}

static inline void teardown(void) {
        static const char *const names[] = { "revocations", "revocations.1", "chain", "chain.1" };

        proofs_done(&w.proofs);
        watch_done(&w.watch);
        book_done(&w.book);
        w.runs[0] = run_free(w.runs[0]);
        (void) fchmod(w.dir_fd, 0700);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unlinkat(w.dir_fd, names[i], 0);
        (void) unlinkat(w.dir_fd, "revocations.1.new", AT_REMOVEDIR);
        (void) unlinkat(w.dir_fd, "revocations.new", AT_REMOVEDIR);
        close(w.dir_fd);
        (void) rmdir(w.dir);
}

static inline void heads(uint64_t final, uint64_t head) {
        fake_heads(&w.fake, final, head, now_ms());
        run_event(w.runs[0], CHAIN_EV_TICK, 0, VIEW(NULL, 0));
}

static inline void pump(void) {
        for (int i = 0; i < 8; i++) {
                watch_pump(&w.watch, now_ms() + 10000);
                proofs_pump(&w.proofs, now_ms());
        }
}

static inline struct hash32 value_of(enum record_field f, const char *text) {
        struct hash32 v = { 0 };

        if (text[0])
                ck_assert_int_eq(record_value_of_text(f, VIEW_TEXT(text), &v), 0);
        return v;
}

/* What finalized and head hold; NULL leaves it. */
static inline void set(const char *key_text, enum record_field f, const char *final, const char *head) {
        struct hash32 key, slot;
        struct fake_value *v;

        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(key_text), &key), 0);
        slot_of_mapping(&key, 0, &slot);
        v = fake_slot(&w.fake, &slot);
        if (final)
                v->final = value_of(f, final);
        if (head)
                v->head = value_of(f, head);
}

#define PIN_A "0xaa00000000000000000000000000000000000000000000000000000000000001"
#define PIN_B "0xbb00000000000000000000000000000000000000000000000000000000000002"

static inline void pump1(void) {
        set("pump1.server_ip", RECORD_SERVER_IP, "10.0.0.1", "10.0.0.1");
        set("pump1.signature", RECORD_SIGNATURE, PIN_A, PIN_A);
        w.fake.final_root.b[0] = w.fake.head_root.b[0] = 1;
}

static inline const struct watch_reply *ask(const char *name) {
        size_t n = w.n_replies;
        int r = watch_ask(&w.watch, name, 7, 9, now_ms());

        ck_assert_msg(r == 0, "ask: %d", r);
        pump();
        ck_assert_uint_eq(w.n_replies, n + 1);
        return &w.reply[n];
}

static inline const struct watch_entry *entry(const char *name) {
        const struct watch_entry *e = w.watch.groups ? w.watch.groups->entries : NULL;

        while (e && strcmp(e->name, name) != 0)
                e = e->group_next;
        ck_assert_ptr_nonnull(e);
        return e;
}

static inline void contract_changes(uint64_t head) {
        w.fake.head_root.b[0]++;
        heads(100, head);
        watch_moved(&w.watch, w.runs[0]);
}
