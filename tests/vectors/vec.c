/* Reading vector files and reporting on them. Nothing here knows a form. */

#include "vec.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX (1U << 20)

struct vec_chunk {
        struct vec_chunk *next;
        uint8_t bytes[];
};

void *vec_alloc(struct vec *v, size_t n) {
        struct vec_chunk *c = calloc(1, sizeof(*c) + n);

        if (!c) {
                fputs("out of memory\n", stderr);
                exit(2);
        }
        c->next = v->chunks;
        v->chunks = c;
        return c->bytes;
}

void vec_done(struct vec *v) {
        for (size_t i = 0; i < v->n_files; i++) {
                json_decref(v->files[i].root);
                free(v->files[i].path);
        }
        free(v->files);
        while (v->chunks) {
                struct vec_chunk *c = v->chunks;

                v->chunks = c->next;
                free(c);
        }
}

/* ---- reporting ---- */

const char *vec_why(const char *format, ...) {
        static char text[512];
        char next[sizeof(text)]; /* an argument may be what was said before */
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(next, sizeof(next), format, ap);
        va_end(ap);
        memcpy(text, next, sizeof(text));
        return text;
}

void vec_case(struct vec *v, const char *name, const char *why) {
        if (why) {
                printf("FAIL %s %s: %s\n", v->form->name, name, why);
                v->failed++;
        } else {
                printf("ok %s %s\n", v->form->name, name);
                v->passed++;
        }
}

void vec_case_at(struct vec *v, size_t i, const char *name, const char *why) {
        char text[256];

        (void) snprintf(text, sizeof(text), "%zu%s%s", i, name[0] ? " " : "", name);
        vec_case(v, text, why);
}

/* ---- JSON ---- */

bool vec_has(json_t *o, const char *key) {
        json_t *value = json_object_get(o, key);

        return value && !json_is_null(value);
}

const char *vec_text(json_t *o, const char *key) {
        const char *text = json_string_value(json_object_get(o, key));

        return text ? text : "";
}

json_t *vec_items(json_t *root) {
        json_t *items = json_object_get(root, "items");

        return json_is_array(items) ? items : NULL;
}

bool vec_any_has(json_t *root, const char *key, const char *other) {
        json_t *item;
        size_t i;

        json_array_foreach(vec_items(root), i, item)
                if (json_object_get(item, key) && json_object_get(item, other))
                        return true;
        return false;
}

bool vec_hex_value(struct vec *v, json_t *value, struct view *ret) {
        const char *text = json_string_value(value);
        size_t n = text ? strlen(text) / 2 + 1 : 0;
        uint8_t *bytes;

        if (!text)
                return false;
        bytes = vec_alloc(v, n);
        if (hex_decode_any(VIEW_TEXT(text), bytes, n, &n) < 0)
                return false;
        *ret = VIEW(bytes, n);
        return true;
}

bool vec_hex(struct vec *v, json_t *o, const char *key, struct view *ret) {
        return vec_hex_value(v, json_object_get(o, key), ret);
}

bool vec_fixed(json_t *value, void *ret, size_t n) {
        const char *text = json_string_value(value);

        return text && hex_decode(VIEW_TEXT(text), ret, n) == 0;
}

bool vec_hash(json_t *o, const char *key, struct hash32 *ret) {
        return vec_fixed(json_object_get(o, key), ret->b, sizeof(ret->b));
}

bool vec_address(json_t *o, const char *key, struct address *ret) {
        return vec_fixed(json_object_get(o, key), ret->b, sizeof(ret->b));
}

bool vec_u64(json_t *o, const char *key, uint64_t *ret) {
        json_t *value = json_object_get(o, key);
        struct hash32 big;

        if (json_is_integer(value) && json_integer_value(value) >= 0) {
                *ret = (uint64_t) json_integer_value(value);
                return true;
        }
        if (!json_is_string(value) || !vec_u256(json_string_value(value), &big))
                return false;
        for (size_t i = 0; i < 24; i++)
                if (big.b[i] != 0)
                        return false;
        *ret = 0;
        for (size_t i = 24; i < 32; i++)
                *ret = *ret << 8 | big.b[i];
        return true;
}

bool vec_u256(const char *decimal, struct hash32 *ret) {
        struct hash32 x = { 0 };

        if (!decimal[0])
                return false;
        for (; *decimal; decimal++) {
                unsigned carry = (unsigned) (*decimal - '0');

                if (*decimal < '0' || *decimal > '9')
                        return false;
                for (size_t i = sizeof(x.b); i-- > 0;) {
                        carry += 10U * x.b[i];
                        x.b[i] = (uint8_t) carry;
                        carry >>= 8;
                }
                if (carry)
                        return false;
        }
        *ret = x;
        return true;
}

bool vec_roots(json_t *array, struct merkle_roots *ret) {
        if (json_array_size(array) != MERKLE_BUCKETS)
                return false;
        for (size_t i = 0; i < MERKLE_BUCKETS; i++)
                if (!vec_fixed(json_array_get(array, i), ret->bucket[i].b, HASH32_SIZE))
                        return false;
        return true;
}

/* ---- messages ---- */

static struct view in_envelope(struct vec *v, struct view inner) {
        struct buf b = { .p = vec_alloc(v, inner.n + 16), .cap = inner.n + 16 };
        size_t list = rlp_list_begin(&b);

        rlp_put_uint(&b, 1);
        buf_put_view(&b, inner);
        rlp_list_end(&b, list);
        return b.full ? VIEW(NULL, 0) : VIEW(b.p, b.n);
}

bool vec_reply(struct vec *v, struct view inner, struct edge_message *ret) {
        return inner.n < REPLY_MAX && edge_parse(in_envelope(v, inner), ret) == 0;
}

bool vec_request_is(struct vec *v, struct view inner, const struct buf *request) {
        return !request->full && view_eq(in_envelope(v, inner), VIEW(request->p, request->n));
}

const char *vec_error_is(const struct edge_message *m, const char *result) {
        char text[256];
        uint64_t code;

        NEED(m->kind == EDGE_ERROR, "an error is expected");
        edge_error_text(m->body, &code, text, sizeof(text));
        if (strncmp(result, "error: ", 7) == 0)
                NEED(strcmp(text, result + 7) == 0, "error text is \"%s\"", text);
        return NULL;
}

const char *vec_header(
                struct vec *v, struct view reply, struct diode_header *ret, struct view *ret_key) {
        struct edge_message m;
        struct view pairs;

        NEED(vec_reply(v, reply, &m), "malformed: no message");
        NEED(m.kind == EDGE_RESPONSE, "malformed: no answer");
        NEED(rlp_take_list(&m.body, &pairs) == 0, "malformed: no list of pairs");
        NEED(diode_header_parse(pairs, ret) == 0, "malformed: the header's pairs");
        *ret_key = VIEW(NULL, 0);
        if (m.body.n > 0)
                NEED(rlp_take_string(&m.body, ret_key) == 0, "malformed: no key");
        NEED(m.body.n == 0, "malformed: bytes behind the key");
        return NULL;
}

/* ---- companions ---- */

const struct reduced_header *ledger_at(const struct ledger *l, uint64_t number) {
        if (number < l->first || number - l->first >= l->n)
                return NULL;
        return &l->h[number - l->first];
}

static void load_folder(struct vec *v, const char *folder) {
        DIR *dir = opendir(folder);
        struct dirent *entry;

        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                size_t n = strlen(entry->d_name);
                char path[4096];

                if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0)
                        continue;
                if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) <
                                (int) sizeof(path))
                        (void) vec_load(v, path, true);
        }
        closedir(dir);
}

/* What lies beside the files named, then what the build knows. */
static void load_companions(struct vec *v) {
        size_t named = v->n_files;

        v->companions_loaded = true;
        for (size_t i = 0; i < named; i++) {
                char folder[4096];
                char *slash;

                (void) snprintf(folder, sizeof(folder), "%s", v->files[i].path);
                slash = strrchr(folder, '/');
                if (slash)
                        *slash = '\0';
                load_folder(v, slash ? folder : ".");
        }
        load_folder(v, VECTORS_DIR);
        load_folder(v, VECTORS_DATA);
}

struct vec_file *vec_next(struct vec *v, const struct form *form, size_t *at) {
        for (;; (*at)++) {
                if (*at == v->n_files && !v->companions_loaded)
                        load_companions(v);
                if (*at >= v->n_files)
                        return NULL;
                if (v->files[*at].form == form)
                        return &v->files[(*at)++];
        }
}
