/* Which of many tunnels' keys has a changed contract taken? Each record is fetched again, seven
 * slots of one host at a time; before that, one proof at head asks for wg_key alone of as many
 * hosts as it has slots, and a record whose key is another by now goes before all that wait.
 * Nothing is judged by it: it only says what is fetched first. */

#include "agent/kedged/watch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/kedged/util.h"

struct watch_sweep {
        struct watch_sweep *next;
        struct watch *watch;
        size_t n;
        struct watch_entry *entry[CHAIN_KEYS_MAX]; /* NULL: it was forgotten meanwhile */
};

static size_t key_place(void) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_WG);
        size_t i = 0;

        while (shape->field[i] != RECORD_WG_KEY)
                i++;
        return i;
}

static void leave(struct watch *w, struct watch_sweep *s) {
        struct watch_sweep **at = &w->sweeps;

        while (*at != s)
                at = &(*at)->next;
        *at = s->next;
        w->n_sweeping--;
        free(s);
}

void watch_sweep_forget(struct watch *w, const struct watch_entry *e) {
        for (struct watch_sweep *s = w->sweeps; s; s = s->next)
                for (size_t i = 0; i < s->n; i++)
                        if (s->entry[i] == e)
                                s->entry[i] = NULL;
}

void watch_sweeps_done(struct watch *w) {
        while (w->sweeps)
                leave(w, w->sweeps);
}

static void on_swept(void *userdata, const struct proof_result *result) {
        struct watch_sweep *s = userdata;
        struct watch *w = s->watch;

        for (size_t i = 0; result->proven && i < s->n; i++) {
                struct watch_entry *e = s->entry[i];

                if (e && e->wanted &&
                                !hash32_eq(&result->head.values[i], &e->values.head[key_place()]))
                        watch_want_first(w, e);
        }
        leave(w, s);
}

static bool can_sweep(const struct watch_entry *e) {
        return !e->swept && e->known && e->shape->kind == NAME_RECORD_WG &&
               e->group->kind == ZONE_MAP;
}

/* As many of one contract as one proof takes. */
static void gather(const struct watch *w, struct watch_sweep *s) {
        for (struct watch_entry *e = w->fetch_keys.first; e && s->n < CHAIN_KEYS_MAX;
                        e = e->fetch_next)
                if (can_sweep(e) && (s->n == 0 || e->group == s->entry[0]->group))
                        s->entry[s->n++] = e;
}

static int slots_of(const struct watch_sweep *s, struct hash32 ret[CHAIN_KEYS_MAX]) {
        for (size_t i = 0; i < s->n; i++) {
                const struct watch_entry *e = s->entry[i];
                struct hash32 all[NAME_RECORD_FIELDS];
                int r = name_record_slots(VIEW(e->name, e->host_n),
                                s->watch->config->zone[e->zone].slot, all);

                if (r < 0)
                        return r;
                ret[i] = all[key_place()];
        }
        return 0;
}

static int start(struct watch *w, struct watch_sweep *s, uint64_t now) {
        const struct watch_group *g = s->entry[0]->group;
        struct proof_question q = { .run = g->run, .only = PROOF_HEAD, .contract = g->contract };
        int r;

        q.n_slots = s->n;
        r = slots_of(s, q.slots);
        if (r >= 0)
                r = proof_start(w->proofs, &q, on_swept, s, now);
        if (r < 0)
                return r;
        watch_charge(g->run, s->n);
        for (size_t i = 0; i < s->n; i++)
                s->entry[i]->swept = true;
        s->next = w->sweeps;
        w->sweeps = s;
        w->n_sweeping++;
        return 0;
}

bool watch_sweep(struct watch *w, uint64_t now) {
        size_t from = w->n_sweeping > 0 ? 0 : WATCH_SWEEP_FROM;

        while (w->n_sweeping < WATCH_SWEEPS_MAX && w->n_unswept > from) {
                struct watch_sweep *s = calloc(1, sizeof(*s));

                if (!s)
                        return false;
                s->watch = w;
                gather(w, s);
                if (s->n == 0)
                        w->n_unswept = 0;
                if (s->n == 0 || start(w, s, now) < 0) {
                        free(s);
                        break;
                }
                w->n_unswept -= MIN(s->n, w->n_unswept);
                from = 0;
        }
        return w->n_sweeping > 0;
}
