/* What is told of watched names: a change at once; what a revocation has changed behind it, and a
 * revocation when the disk knows it, so that nobody hears of one that a restart would have
 * forgotten. */

#include "agent/kedged/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/util.h"

static void tell_changed(const struct watch *w, const struct watch_entry *e) {
        struct news news = { .kind = NEWS_RECORD, .name = e->name,
                             .chain = e->group->run->config.name, .block = e->values.head_at };

        news_tell(w->news, &news);
}

void watch_untold_leave(struct watch *w, struct watch_entry *e) {
        struct watch_entry **at = &w->untold;

        if (!e->untold)
                return;
        while (*at != e)
                at = &(*at)->untold_next;
        *at = e->untold_next;
        e->untold = false;
}

static void tell_behind(struct watch *w, struct watch_entry *e) {
        if (e->untold)
                return;
        e->untold = true;
        e->untold_next = w->untold;
        w->untold = e;
}

/* What a revocation has changed is told behind it: no sooner than a restart would know it too. */
void watch_tell(struct watch *w, struct watch_entry *e, bool revoked) {
        if (revoked || e->untold)
                tell_behind(w, e);
        else
                tell_changed(w, e);
}

static void announce(
                struct watch *w, const char *name, const char *chain, const struct revocation *r) {
        struct watch_note *note = NULL;

        if (w->n_announced < ELEMENTSOF(w->announce))
                note = malloc(sizeof(*note));
        if (!note) {
                w->unannounced++;
                return;
        }
        (void) snprintf(note->name, sizeof(note->name), "%s", name);
        (void) snprintf(note->chain, sizeof(note->chain), "%s", chain);
        note->revocation = *r;
        w->announce[w->n_announced++] = note;
}

void watch_note(struct watch *w, const struct watch_entry *e, const struct revocation *r) {
        announce(w, e->name, e->group->run->config.name, r);
}

/* Adds a note of the whole record, or moves it up; false where there is one that high already. A
 * record that has no room for one more needs no other. */
static bool revoke_whole(
                const struct revocations *before, const struct block_ref *at, struct revocations *ret) {
        struct revocation whole = { .field = RECORD_FIELDS, .at = *at };

        ret->n = 0;
        for (size_t i = 0; before && i < before->n; i++) {
                const struct revocation *r = &before->r[i];

                if (r->field == RECORD_FIELDS && r->at.number >= at->number)
                        return false;
                if (r->field != RECORD_FIELDS)
                        ret->r[ret->n++] = *r;
        }
        if (ret->n == SERVED_REVOCATIONS_MAX)
                ret->n = 0;
        ret->r[ret->n++] = whole;
        return true;
}

void watch_revoke(struct watch *w, const char *name, const struct block_ref *at) {
        const struct revocation whole = { .field = RECORD_FIELDS, .at = *at };
        const struct revocations *before;
        const struct config_zone *zone;
        struct watch_entry *e;
        struct revocations all, in_force;
        struct book_key key;
        struct view subject;
        bool first;
        size_t z;

        if (lookup_zone(w->config, name, &z, &subject) < 0)
                return;
        zone = &w->config->zone[z];
        watch_book_key(w, zone, name, subject.n, &key);
        before = book_find(w->book, &key);
        in_force = watch_in_force(before, w->runs[zone->chain_index]->status.finalized.ref.number);
        first = !watch_known_revocation(&in_force, &whole);
        if (!revoke_whole(before, at, &all))
                return;
        e = watch_find_entry(w, name);
        if (book_set(w->book, &key, &all) < 0 && e)
                watch_unnoted(e, at->number);
        else if (!first)
                return;
        w->urgent = true;
        announce(w, name, w->runs[zone->chain_index]->config.name, &whole);
        if (!e || !e->known)
                return;
        tell_behind(w, e);
        watch_apply(w, e);
}

static void tell_revoked(const struct watch *w, const struct watch_note *note) {
        const struct revocation *r = &note->revocation;
        char text[160], line[sizeof(text) + NAME_MAX_LEN + 4];
        struct news news = {
                .kind = NEWS_REVOKED, .priority = LOG_NOTICE, .line = line, .chain = note->chain,
                .name = note->name, .block = r->at,
                .field = r->field == RECORD_FIELDS ? "record" : record_field_name(r->field),
        };

        lookup_revocation_text(r, text, sizeof(text));
        (void) snprintf(line, sizeof(line), "%s: %s", note->name, text);
        news_tell(w->news, &news);
}

/* Memory is ahead of the disk for so long; what is revoked is refused already. */
static bool may_save(struct watch *w, uint64_t now) {
        return !w->book->dirty || w->book->n < WATCH_SAVE_FROM || now >= w->save_ms;
}

void watch_announce(struct watch *w) {
        uint64_t now = now_ms(), after;

        if (!may_save(w, now))
                return; /* watch_pump() comes back to it */
        if (book_save(w->book) < 0) {
                w->save_ms = 0;
                return; /* what is revoked is refused already; it is said when a restart would know it too */
        }
        after = now_ms();
        w->save_ms = MAX(w->save_ms, after + WATCH_SAVE_SHARE * (after - now));
        for (size_t i = 0; i < w->n_announced; i++) {
                tell_revoked(w, w->announce[i]);
                free(w->announce[i]);
        }
        if (w->unannounced > 0)
                log_notice("%zu more revocations", w->unannounced);
        w->n_announced = w->unannounced = 0;
        while (w->untold) {
                struct watch_entry *e = w->untold;

                watch_untold_leave(w, e);
                tell_changed(w, e);
        }
}
