/* The verbs of record about who may log in: a user's records, and the roles of a host. A user is in a
 * zone, as hosts are, but is no name in it: he is told by his own name, and the zone by --zone where
 * the agent has more than one. */

#include <stdio.h>

#include "agent/kedgectl/record_tx.h"
#include "base/user.h"

#define ZONES_MAX   1024 /* a list that does not end is not one */
#define USER_BEFORE "_user."
#define HOST_MAX    32 /* of a member's name */

/* The zone called so, else the only one that has a contract of its own. */
static enum ctl_exit find_zone(struct tx *tx) {
        char wanted[NAME_MAX_LEN + 1] = "";
        static const struct address none;
        size_t n = 0;

        if (tx->ctl->zone[0] && name_normalize(VIEW_TEXT(tx->ctl->zone), wanted) < 0)
                return ctl_fail(tx->ctl, CTL_USAGE, "'%.253s' is not a zone's name", tx->ctl->zone);
        for (uint32_t i = 0; i < ZONES_MAX; i++) {
                struct query_request request = { .verb = QUERY_ZONE, .index = i };
                struct query_reply reply;
                bool end;
                enum ctl_exit code = ctl_ask_item(tx->ctl, &request, "zones", &reply, &end);

                if (code != CTL_OK)
                        return code;
                if (end)
                        break;
                if (address_eq(&reply.zone.contract, &none) ||
                                (wanted[0] && strcmp(reply.zone.suffix, wanted) != 0))
                        continue;
                tx->zone = reply.zone;
                n++;
        }
        if (n == 1)
                return CTL_OK;
        if (n > 1)
                return ctl_fail(tx->ctl, CTL_USAGE,
                                "there is more than one zone: say which by --zone");
        return ctl_fail(tx->ctl, CTL_FAILURE, "the agent has no %s%s with a contract of its own; "
                                              "see: kedgectl zones",
                        wanted[0] ? "zone " : "zone", wanted);
}

static enum ctl_exit find_user(struct tx *tx, const char *name) {
        const struct ctl *ctl = tx->ctl;
        enum ctl_exit code;

        if (!user_name_valid(VIEW_TEXT(name)))
                return ctl_fail(ctl, CTL_USAGE,
                                "'%.80s' is not a user: a small letter or '_', then also digits and "
                                "'-', at most %d bytes",
                                name, USER_NAME_MAX);
        code = ctl->has_contract ? tx_zone_of_options(tx) : find_zone(tx);
        if (code != CTL_OK)
                return code;
        if (ctl->chain_id > 0)
                tx->zone.chain_id = ctl->chain_id;
        memcpy(tx->name, name, strlen(name));
        return CTL_OK;
}

/* FIELD=VALUE of the user, or FIELD alone where value is given. */
static enum ctl_exit add_field(struct tx *tx, const char *arg, const char *value) {
        char before[sizeof(USER_BEFORE) + USER_NAME_MAX];

        (void) snprintf(before, sizeof(before), USER_BEFORE "%.*s", USER_NAME_MAX, tx->name);
        return tx_add(tx, before, arg, value);
}

static enum ctl_exit make_fields(
                struct tx *tx, int argc, char **argv, const char *value, struct buf *b) {
        struct hash32 keys[TX_BATCH_MAX], values[TX_BATCH_MAX];
        struct view fields[TX_BATCH_MAX], user = VIEW_TEXT(tx->name);
        enum ctl_exit code = CTL_OK;

        for (int i = 0; i < argc && code == CTL_OK; i++) {
                code = add_field(tx, argv[i], value);
                if (code == CTL_OK)
                        fields[i] = VIEW(argv[i], strcspn(argv[i], "="));
        }
        if (code != CTL_OK)
                return code;
        tx_columns(tx, keys, values);
        tx->call = "setUser(string,string[],bytes32[])";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){ { ABI_STRING, 1, NULL, &user },
                                        { ABI_STRING_LIST, tx->n, NULL, fields },
                                        { ABI_BYTES32_LIST, tx->n, values, NULL } },
                        3);
        return CTL_OK;
}

static enum ctl_exit make_set(struct tx *tx, int argc, char **argv, struct buf *b) {
        return make_fields(tx, argc, argv, NULL, b);
}

static enum ctl_exit make_clear(struct tx *tx, int argc, char **argv, struct buf *b) {
        return make_fields(tx, argc, argv, TX_ZERO, b);
}

static enum ctl_exit make_revoke(
                struct tx *tx, int argc _unused_, char **argv _unused_, struct buf *b) {
        struct view user = VIEW_TEXT(tx->name);

        tx->call = "revokeUser(string)";
        abi_put_call(b, tx->call, &(struct abi_arg){ ABI_STRING, 1, NULL, &user }, 1);
        return CTL_OK;
}

static enum ctl_exit make_promote(struct tx *tx, int argc _unused_, char **argv, struct buf *b) {
        struct view user = VIEW_TEXT(tx->name), field = VIEW_TEXT(argv[0]);
        enum record_field f;

        if (record_field_of(field, &f) < 0 || !record_of_user(f) ||
                        record_field_next(f) == RECORD_FIELDS)
                return ctl_fail(tx->ctl, CTL_USAGE, "%.80s is not a user's field that has a successor",
                                argv[0]);
        tx->call = "promoteUser(string,string)";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){ { ABI_STRING, 1, NULL, &user },
                                        { ABI_STRING, 1, NULL, &field } },
                        2);
        return CTL_OK;
}

/* 0 takes it away. */
enum ctl_exit record_make_host_role(struct tx *tx, int argc _unused_, char **argv, struct buf *b) {
        struct view host = VIEW_TEXT(tx->host);
        char before[NAME_MAX_LEN + 8], arg[128];
        bool none = strcmp(argv[0], "0") == 0;
        enum ctl_exit code;

        if (strlen(tx->host) > HOST_MAX)
                return ctl_fail(tx->ctl, CTL_USAGE, "%s: a member's name has at most %d bytes",
                                tx->host, HOST_MAX);
        if (strlen(argv[0]) > 100)
                return ctl_fail(tx->ctl, CTL_USAGE, "'%.80s...' is too long", argv[0]);
        (void) snprintf(before, sizeof(before), "_host%s%s", tx->host[0] ? "." : "", tx->host);
        (void) snprintf(arg, sizeof(arg), "role%s%.100s", none ? "" : "=", none ? "" : argv[0]);
        code = tx_add(tx, before, arg, none ? TX_ZERO : NULL);
        if (code != CTL_OK)
                return code;
        tx->call = "setHostRole(string,bytes32)";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){ { ABI_STRING, 1, NULL, &host },
                                        { ABI_BYTES32, 1, &tx->line[0].value, NULL } },
                        2);
        return CTL_OK;
}

static const struct tx_verb verbs[] = {
        { "set", "NAME FIELD=VALUE...", 1, TX_WORDS_MAX, find_user, make_set },
        { "clear", "NAME FIELD...", 1, TX_WORDS_MAX, find_user, make_clear },
        { "remove", "NAME", 0, 0, find_user, make_revoke }, /* nothing lists users */
        { "revoke", "NAME", 0, 0, find_user, make_revoke },
        { "promote", "NAME FIELD", 1, 1, find_user, make_promote },
};

const struct tx_verb *record_user_verb(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].word, word) == 0)
                        return &verbs[i];
        return NULL;
}
