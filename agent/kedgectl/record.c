/* The verb record: what to store in a contract for KEYTEXT=VALUE, and what a stored value means.
 * Needs no agent. A value of 0x and 64 digits is read as stored; anything else is text of the
 * field's kind. */

#include "agent/kedgectl/record.h"

#include <errno.h>
#include <stdio.h>

#include "agent/kedgectl/record_value.h"
#include "base/hex.h"
#include "base/user.h"
#include "core/name_record.h"

bool record_of_user(enum record_field f) {
        const struct name_record_shape *user = name_record_shape(NAME_RECORD_USER);

        for (size_t i = 0; i < user->n; i++)
                if (user->field[i] == f)
                        return true;
        return false;
}

static bool is_raw(const char *value) {
        return strlen(value) == 66 && strncmp(value, "0x", 2) == 0;
}

/* "_user.NAME" and "_host", "_host.HOST": what stands before a field that is about logins. */
static bool subject_holds(struct view subject, enum record_field f) {
        static const char user[] = "_user.", host[] = "_host.";

        if (subject.n > sizeof(user) - 1 && memcmp(subject.p, user, sizeof(user) - 1) == 0)
                return record_of_user(f) && user_name_valid(VIEW(subject.p + sizeof(user) - 1,
                                                            subject.n - (sizeof(user) - 1)));
        if (f != RECORD_ROLE && f != RECORD_ROLE_NEXT)
                return false;
        if (view_eq(subject, VIEW(host, sizeof(host) - 2)))
                return true;
        return subject.n > sizeof(host) - 1 && memcmp(subject.p, host, sizeof(host) - 1) == 0 &&
               record_host_valid(VIEW(subject.p + sizeof(host) - 1, subject.n - (sizeof(host) - 1)));
}

/* The field a key text ends in, after checking what stands before it. -ENOENT for a key that is no
 * field's, -EINVAL for a host that is none, -EDOM for a user or host that has no such field. */
static int field_of_key(const char *key, enum record_field *ret) {
        const char *dot = strrchr(key, '.');
        struct view subject = VIEW(key, dot ? (size_t) (dot - key) : 0);
        int r = record_field_of(VIEW_TEXT(dot ? dot + 1 : key), ret);

        if (strcspn(key, ".") == 5 && (memcmp(key, "_user", 5) == 0 || memcmp(key, "_host", 5) == 0))
                return r == 0 && subject_holds(subject, *ret) ? 0 : -EDOM;
        if (r < 0 || (key[0] == '_' && dot))
                return r;
        if (dot && !record_host_valid(subject))
                return -EINVAL;
        return *ret == RECORD_SSH || *ret == RECORD_SSH_NEXT ? -EDOM : 0;
}

static enum ctl_exit refuse_key(const struct ctl *ctl, const char *key, int r) {
        if (r == -EINVAL)
                return ctl_fail(ctl, CTL_USAGE,
                                "%.80s: a host has labels of lower-case letters, digits and '-'",
                                key);
        return ctl_fail(ctl, CTL_USAGE,
                        "%.80s: not a key of a record: _user.NAME has device, ssh, role and their "
                        "_next, _host.HOST has role, a host's key of SSH is ssh_host",
                        key);
}

static enum ctl_exit encode(const struct ctl *ctl, const char *value, int field_r,
                enum record_field f, struct record_line *l) {

        struct record_value v;

        if (is_raw(value)) {
                if (hex_decode(VIEW_TEXT(value), l->value.b, HASH32_SIZE) < 0)
                        return ctl_fail(ctl, CTL_USAGE, "'%s' is not hexadecimal", value);
        } else if (field_r == -ENOENT) {
                return ctl_fail(ctl, CTL_USAGE,
                                "%.80s: not a field that kedge knows: give its value as 0x and 64 "
                                "digits",
                                l->key_text);
        } else {
                enum ctl_exit code = record_value_read(ctl, l->key_text, f, value, &l->value);

                if (code != CTL_OK)
                        return code;
        }
        if (field_r == -ENOENT)
                return CTL_OK;
        if (record_value_parse(f, &l->value, &v) < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%.80s: the stored value is not %s", l->key_text,
                                record_value_kind(f));
        if (!v.present)
                strcpy(l->means, "absent");
        else if (record_value_show(f, &v, l->means) < 0)
                l->means[0] = '\0';
        return CTL_OK;
}

enum ctl_exit record_line_read(
                const struct ctl *ctl, uint64_t slot, const char *arg, struct record_line *ret) {

        enum record_field f = RECORD_FIELDS;
        const char *eq = strchr(arg, '=');
        struct record_line l = { 0 };
        enum ctl_exit code;
        int r;

        if (!eq || eq == arg || !eq[1])
                return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not of the form KEYTEXT=VALUE", arg);
        if ((size_t) (eq - arg) > SLOT_TEXT_MAX)
                return ctl_fail(ctl, CTL_USAGE, "a key text has at most %d bytes", SLOT_TEXT_MAX);
        memcpy(l.key_text, arg, (size_t) (eq - arg));

        r = field_of_key(l.key_text, &f);
        if (r == -EINVAL || r == -EDOM)
                return refuse_key(ctl, l.key_text, r);
        if (slot_key_of_text(VIEW_TEXT(l.key_text), &l.key) < 0)
                return ctl_fail(ctl, CTL_USAGE,
                                "%.80s: a key text is printable ASCII without spaces", l.key_text);
        code = encode(ctl, eq + 1, r, f, &l);
        if (code != CTL_OK)
                return code;
        slot_of_mapping(&l.key, slot, &l.slot);
        *ret = l;
        return CTL_OK;
}

void record_line_print(const struct ctl *ctl, const struct record_line *l) {
        char hex[CTL_TEXT_MAX];

        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), l->key_text, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("key", "%s", ctl_hex(l->key.b, HASH32_SIZE, hex));
        ctl_row("slot", "%s", ctl_hex(l->slot.b, HASH32_SIZE, hex));
        ctl_row("value", "%s", ctl_hex(l->value.b, HASH32_SIZE, hex));
        if (l->means[0] && strcmp(l->means, hex) != 0)
                ctl_row("means", "%s", l->means);
}

json_t *record_line_json(const struct record_line *l) {
        return json_pack("{s:s, s:o, s:o, s:o, s:s}", "key_text", l->key_text, "key",
                        ctl_json_hex(l->key.b, HASH32_SIZE), "slot",
                        ctl_json_hex(l->slot.b, HASH32_SIZE), "value",
                        ctl_json_hex(l->value.b, HASH32_SIZE), "means", l->means);
}

enum ctl_exit verb_record(const struct ctl *ctl, int argc, char **argv) {
        enum ctl_exit code;
        json_t *list;

        if (argc > 0 && record_tx_verb(ctl, argv[0], argc - 1, argv + 1, &code))
                return code;
        list = ctl->json ? json_array() : NULL;
        for (int i = 0; i < argc; i++) {
                struct record_line l;

                code = record_line_read(ctl, ctl->slot, argv[i], &l);
                if (code != CTL_OK) {
                        json_decref(list);
                        return code;
                }
                if (ctl->json)
                        (void) json_array_append_new(list, record_line_json(&l));
                else
                        record_line_print(ctl, &l);
        }
        return ctl->json ? ctl_print_json(CTL_OK, json_pack("{s:o}", "records", list)) : CTL_OK;
}
