/* LOOKUP: one value by contract, slot and key. The agent does not know what a value means, so it
 * takes each for a key: good while finalized and head agree, gone the moment head holds it no
 * longer. Where the contract and slot are a zone's of ours, what a head revoked stays in the book,
 * like the revocations of names. */

#include "agent/kedged/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kedged/log.h"
#include "agent/kedged/query.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "core/name_record.h"
#include "core/slot.h"

enum query_result keys_judge(
                const struct hash32 *final, const struct hash32 *head, const char **ret_reason) {
        *ret_reason = NULL;
        if (hash32_eq(final, head)) {
                if (!hash32_is_zero(final))
                        return QUERY_OK;
                *ret_reason = "the map holds nothing at this key";
                return QUERY_ABSENT;
        }
        if (hash32_is_zero(head)) {
                *ret_reason = "revoked at head";
                return QUERY_ABSENT;
        }
        *ret_reason = hash32_is_zero(final) ? "not final yet" : "changed at head, not final yet";
        return QUERY_UNPROVEN;
}

static bool is_zone(const struct keys *k, const struct keys_question *q) {
        for (size_t i = 0; i < k->config->n_zones; i++) {
                const struct config_zone *z = &k->config->zone[i];

                if (z->chain_index == q->run->index && z->slot == q->slot &&
                                address_eq(&z->contract, &q->contract))
                        return true;
        }
        return false;
}

/* '#' and the key in hexadecimal: no host is called like that. */
static void book_key_of(const struct keys_question *q, struct book_key *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->chain_id = q->run->config.chain_id;
        ret->slot = q->slot;
        ret->contract = q->contract;
        ret->host[0] = '#';
        (void) hex_encode(q->key.b, HASH32_SIZE, ret->host + 1);
}

static void only_key(const struct hash32 *value, struct record *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->field[RECORD_SIGNATURE].present = !hash32_is_zero(value);
        ret->field[RECORD_SIGNATURE].raw = *value;
}

/* Does one of the revocations in force after the finalized block forbid this value of the field? */
static bool forbids(const struct revocations *all, enum record_field field,
                const struct hash32 *value, const struct block_ref *final_at) {
        for (size_t i = 0; all && i < all->n; i++) {
                const struct revocation *r = &all->r[i];
                bool key = hash32_eq(&r->key, value);

                if (r->at.number <= final_at->number)
                        continue;
                if (r->field == RECORD_FIELDS)
                        return true;
                if (r->field != field && record_field_next(r->field) != field)
                        continue;
                for (size_t b = 0; record_field_type(field) == RECORD_TYPE_BITS && b < HASH32_SIZE; b++)
                        key = key || (r->key.b[b] & value->b[b]);
                if (key)
                        return true;
        }
        return false;
}

/* True where key is the text of a field, in its short form, of which the book of names knows this
 * value as revoked after the finalized block: of the record that has the field, or of the host whose
 * name stands in the text. */
static bool revoked_by_name(const struct keys *k, const struct keys_question *q,
                const struct hash32 *value, const struct block_ref *final_at) {
        size_t n = strnlen((const char *) q->key.b, HASH32_SIZE);
        const char *text = (const char *) q->key.b, *dot = memrchr(text, '.', n);
        struct book_key key, of_field;
        enum record_field field;

        if (record_field_of(dot ? VIEW(dot + 1, n - (size_t) (dot + 1 - text)) : VIEW(text, n),
                            &field) < 0)
                return false;
        book_key_of(q, &key);
        memset(key.host, 0, sizeof(key.host));
        of_field = key;
        if (dot)
                memcpy(key.host, text, (size_t) (dot - text));
        if (forbids(book_find(k->book, &key), field, value, final_at))
                return true;
        return name_record_of_key_text(VIEW(text, n), of_field.host, sizeof(of_field.host), &field) >= 0 &&
               forbids(book_find(k->book, &of_field), field, value, final_at);
}

/* Brings the book up to date; true where an earlier revocation forbids the value. */
static bool revoked(struct keys *k, const struct keys_question *q, const struct proof_result *p) {
        const struct hash32 *value = &p->final.values[0];
        struct record final, head;
        struct served served;
        struct book_key key;

        if (!is_zone(k, q))
                return false;
        if (revoked_by_name(k, q, value, &p->final.block.ref))
                return true;
        book_key_of(q, &key);
        only_key(value, &final);
        only_key(&p->head.values[0], &head);
        if (served_decide(&final, &p->final.block.ref, &head, &p->head.block.ref,
                            book_find(k->book, &key), &served) < 0)
                return true;
        if (served.revocations_changed) {
                if (book_settle(k->book, &key, &served.revocations, q->run->store.fallback) < 0)
                        return true;
                if (book_save(k->book) < 0)
                        log_warning("a revocation at block %llu is in force, but not on disk yet",
                                (unsigned long long) p->head.block.ref.number);
        }
        return !hash32_is_zero(value) && !served.record.field[RECORD_SIGNATURE].present;
}

static void put_block(struct query_block *to, const struct chain_block *from) {
        to->number = from->ref.number;
        to->timestamp = from->timestamp;
        to->hash = from->ref.hash;
}

/* [names] and [tls] both bear on it, so the stricter of the two counts. True: it is too old. */
static bool judge_age(const struct keys *k, const struct run *run, const struct proof_result *p,
                struct query_reply *ret) {
        const struct config_role *names = &k->config->role[ROLE_NAMES];
        const struct config_role *tls = &k->config->role[ROLE_TLS];
        enum freshness_by by;
        uint64_t now = now_ms();
        uint64_t age = freshness_age_ms(&run->clocks, p->head_moved_ms, p->time_head, now, &by);
        char text[CHAIN_TEXT_MAX], words[32];

        ret->lookup.age_ms = age;
        ret->lookup.state = (uint8_t) freshness_state(
                        &run->status, run->ended, &run->clocks, names->max_age_ms, now, NULL);
        ret->lookup.stale = age > MIN(names->max_age_ms, tls->max_age_ms);
        if (age <= MIN(config_role_age_ms(names), config_role_age_ms(tls)))
                return false;
        ret->result = QUERY_STALE;
        if (by == FRESHNESS_BY_AGE)
                (void) snprintf(ret->reason, sizeof(ret->reason),
                                "the newest head was reached %s ago", age_text(age, words));
        else
                (void) snprintf(ret->reason, sizeof(ret->reason), "%s",
                                freshness_text(&run->clocks, p->time_head, by, text));
        return true;
}

static void judge(struct keys *k, const struct keys_question *q, const struct proof_result *p,
                struct query_reply *ret) {
        const char *reason;

        ret->result = (uint16_t) keys_judge(&p->final.values[0], &p->head.values[0], &reason);
        if (revoked(k, q, p) && ret->result == QUERY_OK) {
                ret->result = QUERY_ABSENT;
                reason = "revoked by an earlier head";
        }
        put_block(&ret->lookup.block, &p->final.block);
        put_block(&ret->lookup.head, &p->head.block);
        if (judge_age(k, q->run, p, ret))
                return;
        if (ret->result == QUERY_OK)
                ret->lookup.value = p->final.values[0];
        if (reason)
                (void) snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static void on_proof(void *userdata, const struct proof_result *result) {
        _cleanup_(freep) struct keys_open *o = userdata;
        struct keys *k = o->keys;
        struct keys_open **at = &k->open;
        struct query_reply reply;

        while (*at != o)
                at = &(*at)->next;
        *at = o->next;

        query_reply_init(&reply, 0, QUERY_UNPROVEN);
        if (result->proven)
                judge(k, &o->question, result, &reply);
        else
                (void) snprintf(reply.reason, sizeof(reply.reason), "%s", result->why);
        while (o->waiters) {
                _cleanup_(freep) struct keys_waiter *one = o->waiters;

                o->waiters = one->next;
                reply.id = one->id;
                k->reply(k->userdata, one->client, &reply);
        }
}

static struct keys_open *find(const struct keys *k, const struct keys_question *q) {
        struct keys_open *o = k->open;

        while (o && (o->question.run != q->run || o->question.slot != q->slot ||
                            !address_eq(&o->question.contract, &q->contract) ||
                            !hash32_eq(&o->question.key, &q->key)))
                o = o->next;
        return o;
}

static int start(struct keys *k, const struct keys_question *question, uint64_t now,
                struct keys_open **ret) {
        struct proof_question q = {
                .run = question->run, .contract = question->contract, .n_slots = 1
        };
        struct keys_open *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->keys = k;
        o->question = *question;
        slot_of_mapping(&question->key, question->slot, &q.slots[0]);
        r = proof_start(k->proofs, &q, on_proof, o, now);
        if (r < 0) {
                free(o);
                return r;
        }
        o->next = k->open;
        k->open = o;
        *ret = o;
        return 0;
}

int keys_ask(struct keys *k, const struct keys_question *question, uint64_t client, uint32_t id,
                uint64_t now) {
        struct keys_waiter *one = malloc(sizeof(*one));
        struct keys_open *o = find(k, question);
        int r = 0;

        if (!one)
                return -ENOMEM;
        if (!o)
                r = start(k, question, now, &o);
        if (r < 0) {
                free(one);
                return r;
        }
        *one = (struct keys_waiter){ .next = o->waiters, .client = client, .id = id };
        o->waiters = one;
        return 0;
}
