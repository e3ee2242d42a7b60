/* The verbs of record that make a transaction for the fleet contract (packaging/contracts): its
 * chain, recipient and data, for a wallet to sign. kedgectl holds no key and sends nothing. Which
 * contract a name belongs to is what the agent is configured for, or what the options say. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/kedgectl/record_tx.h"
#include "base/hex.h"

#define HOST_MAX  32   /* of a member's name */
#define ZONES_MAX 1024 /* a list that does not end is not one */

/* The zone with the longest suffix that name ends in; *ret_zone is unchanged where there is
 * none. */
static enum ctl_exit find_zone(const struct ctl *ctl, const char *name, struct query_zone *ret) {
        for (uint32_t i = 0; i < ZONES_MAX; i++) {
                struct query_request request = { .verb = QUERY_ZONE, .index = i };
                struct query_reply reply;
                bool end;
                enum ctl_exit code = ctl_ask_item(ctl, &request, name, &reply, &end);

                if (code != CTL_OK || end)
                        return code;
                if (name_in_suffix(name, reply.zone.suffix) &&
                                strlen(reply.zone.suffix) > strlen(ret->suffix))
                        *ret = reply.zone;
        }
        return CTL_OK;
}

enum ctl_exit tx_zone_of_options(struct tx *tx) {
        const struct ctl *ctl = tx->ctl;

        if (!ctl->zone[0])
                return ctl_fail(ctl, CTL_USAGE, "--contract needs --zone: of what zone it is");
        if (name_normalize(VIEW_TEXT(ctl->zone), tx->zone.suffix) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.253s' is not a zone's name", ctl->zone);
        tx->zone.contract = ctl->contract;
        tx->zone.slot = ctl->slot;
        tx->zone.chain_id = ctl->chain_id;
        memcpy(tx->zone.chain, ctl->chain, sizeof(tx->zone.chain));
        return CTL_OK;
}

enum ctl_exit tx_find_host(struct tx *tx, const char *name) {
        const struct ctl *ctl = tx->ctl;
        static const struct address none;
        enum ctl_exit code;
        size_t n;

        if (name_normalize(VIEW_TEXT(name), tx->name) < 0)
                return ctl_fail(ctl, CTL_USAGE, "'%.253s' is not a host name", name);
        code = ctl->has_contract ? tx_zone_of_options(tx) : find_zone(ctl, tx->name, &tx->zone);
        if (code != CTL_OK)
                return code;
        if (!tx->zone.suffix[0])
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s is in no zone of the agent; see: kedgectl zones", tx->name);
        if (!name_in_suffix(tx->name, tx->zone.suffix))
                return ctl_fail(ctl, CTL_USAGE, "%s is not in the zone %s", tx->name,
                                tx->zone.suffix);
        if (address_eq(&tx->zone.contract, &none))
                return ctl_fail(ctl, CTL_FAILURE,
                                "the records of %s are not in a contract of its own",
                                tx->zone.suffix);
        if (ctl->chain_id > 0)
                tx->zone.chain_id = ctl->chain_id;
        n = strlen(tx->name) - strlen(tx->zone.suffix);
        memcpy(tx->host, tx->name, n > 0 ? n - 1 : 0); /* without the dot */
        return CTL_OK;
}

enum ctl_exit tx_add(struct tx *tx, const char *before, const char *arg, const char *value) {
        const char *dot = before[0] ? "." : "";
        size_t field = strcspn(arg, "=");
        char text[NAME_MAX_LEN + SLOT_TEXT_MAX + 128];
        int n;

        if (tx->n == TX_BATCH_MAX)
                return ctl_fail(tx->ctl, CTL_USAGE, "a transaction sets at most %d records",
                                TX_BATCH_MAX);
        if (value && arg[field])
                return ctl_fail(tx->ctl, CTL_USAGE, "'%.80s' is not a field", arg);
        if (memchr(arg, '.', field) && (before[0] || arg[0] != '_'))
                return ctl_fail(tx->ctl, CTL_USAGE, "%.*s: a field has no dot: say the host first",
                                (int) MIN(field, (size_t) 80), arg);
        if (!before[0] && strncmp(arg, "_member", 7) == 0)
                return ctl_fail(tx->ctl, CTL_USAGE,
                                "%.*s: the contract alone writes its list of members: use record "
                                "add and record remove",
                                (int) MIN(field, (size_t) 80), arg);
        n = snprintf(text, sizeof(text), "%s%s%s%s%s", before, dot, arg, value ? "=" : "",
                        value ? value : "");
        if (n < 0 || (size_t) n >= sizeof(text))
                return ctl_fail(tx->ctl, CTL_USAGE, "'%.80s...' is too long", arg);
        return record_line_read(tx->ctl, tx->zone.slot, text, &tx->line[tx->n++]);
}

/* Of the host, or of the apex. */
static enum ctl_exit add_line(struct tx *tx, const char *arg, const char *value) {
        return tx_add(tx, tx->host, arg, value);
}

void tx_columns(const struct tx *tx, struct hash32 *ret_keys, struct hash32 *ret_values) {
        for (size_t i = 0; i < tx->n; i++) {
                ret_keys[i] = tx->line[i].key;
                ret_values[i] = tx->line[i].value;
        }
}

void tx_put_set(struct tx *tx, struct buf *b) {
        struct hash32 keys[TX_BATCH_MAX], values[TX_BATCH_MAX];

        tx_columns(tx, keys, values);
        tx->call = tx->n == 1 ? "set(bytes32,bytes32)" : "setMany(bytes32[],bytes32[])";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){
                                        { tx->n == 1 ? ABI_BYTES32 : ABI_BYTES32_LIST, tx->n, keys,
                                                        NULL },
                                        { tx->n == 1 ? ABI_BYTES32 : ABI_BYTES32_LIST, tx->n,
                                                        values, NULL },
                        },
                        2);
}

static enum ctl_exit make_set(struct tx *tx, int argc, char **argv, struct buf *b) {
        enum ctl_exit code = CTL_OK;

        for (int i = 0; i < argc && code == CTL_OK; i++)
                code = add_line(tx, argv[i], NULL);
        if (code == CTL_OK)
                tx_put_set(tx, b);
        return code;
}

static enum ctl_exit make_clear(struct tx *tx, int argc, char **argv, struct buf *b) {
        struct hash32 keys[TX_BATCH_MAX], values[TX_BATCH_MAX];
        enum ctl_exit code = CTL_OK;

        for (int i = 0; i < argc && code == CTL_OK; i++)
                code = add_line(tx, argv[i], TX_ZERO);
        if (code != CTL_OK)
                return code;
        tx_columns(tx, keys, values);
        tx->call = tx->n == 1 ? "clear(bytes32)" : "clearMany(bytes32[])";
        abi_put_call(b, tx->call,
                        &(struct abi_arg){ tx->n == 1 ? ABI_BYTES32 : ABI_BYTES32_LIST, tx->n, keys,
                                        NULL },
                        1);
        return CTL_OK;
}

/* A member: the contract keeps its name in one word. */
static enum ctl_exit need_member(const struct tx *tx) {
        if (!tx->host[0])
                return ctl_fail(tx->ctl, CTL_USAGE, "%s is the zone itself, not a host in it",
                                tx->name);
        if (strlen(tx->host) > HOST_MAX)
                return ctl_fail(tx->ctl, CTL_USAGE, "%s: a member's name has at most %d bytes",
                                tx->host, HOST_MAX);
        return CTL_OK;
}

static enum ctl_exit make_add(struct tx *tx, int argc, char **argv, struct buf *b) {
        struct hash32 keys[TX_BATCH_MAX], values[TX_BATCH_MAX];
        struct view fields[TX_BATCH_MAX], host = VIEW_TEXT(tx->host);
        enum ctl_exit code = need_member(tx);

        for (int i = 0; i < argc && code == CTL_OK; i++) {
                code = add_line(tx, argv[i], NULL);
                if (code == CTL_OK)
                        fields[i] = VIEW(argv[i], strcspn(argv[i], "="));
        }
        if (code != CTL_OK)
                return code;
        tx_columns(tx, keys, values);
        tx->call = "addHost(string,string[],bytes32[])";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){ { ABI_STRING, 1, NULL, &host },
                                        { ABI_STRING_LIST, tx->n, NULL, fields },
                                        { ABI_BYTES32_LIST, tx->n, values, NULL } },
                        3);
        return CTL_OK;
}

static enum ctl_exit make_remove(
                struct tx *tx, int argc _unused_, char **argv _unused_, struct buf *b) {
        struct view host = VIEW_TEXT(tx->host);
        enum ctl_exit code = need_member(tx);

        if (code != CTL_OK)
                return code;
        tx->call = "removeHost(string)";
        abi_put_call(b, tx->call, &(struct abi_arg){ ABI_STRING, 1, NULL, &host }, 1);
        return CTL_OK;
}

static enum ctl_exit make_revoke(
                struct tx *tx, int argc _unused_, char **argv _unused_, struct buf *b) {
        struct view host = VIEW_TEXT(tx->host);
        enum ctl_exit code = tx->host[0] ? need_member(tx) : CTL_OK;

        if (code != CTL_OK)
                return code;
        tx->call = "revokeHost(string)";
        abi_put_call(b, tx->call, &(struct abi_arg){ ABI_STRING, 1, NULL, &host }, 1);
        return CTL_OK;
}

static enum ctl_exit make_promote(struct tx *tx, int argc _unused_, char **argv, struct buf *b) {
        struct view host = VIEW_TEXT(tx->host), field = VIEW_TEXT(argv[0]);
        enum ctl_exit code = tx->host[0] ? need_member(tx) : CTL_OK;
        enum record_field f;

        if (code != CTL_OK)
                return code;
        if (record_field_of(field, &f) < 0 || record_field_next(f) == RECORD_FIELDS)
                return ctl_fail(tx->ctl, CTL_USAGE, "%.80s is not a field that has a successor",
                                argv[0]);
        tx->call = "promote(string,string)";
        abi_put_call(b, tx->call,
                        (struct abi_arg[]){ { ABI_STRING, 1, NULL, &host },
                                        { ABI_STRING, 1, NULL, &field } },
                        2);
        return CTL_OK;
}

static char *hex_of(struct view data) {
        char *text = malloc(2 + 2 * data.n + 1);

        if (!text)
                return NULL;
        text[0] = '0';
        text[1] = 'x';
        (void) hex_encode(data.p, data.n, text + 2);
        return text;
}

static enum ctl_exit print_json(const struct tx *tx, const char *data) {
        json_t *records = json_array();

        for (size_t i = 0; i < tx->n; i++)
                (void) json_array_append_new(records, record_line_json(&tx->line[i]));
        return ctl_print_json(CTL_OK,
                        json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:o}", "name", tx->name,
                                        "zone", tx->zone.suffix, "chain", tx->zone.chain,
                                        "chain_id",
                                        tx->zone.chain_id > 0
                                                        ? json_integer(ctl_int(tx->zone.chain_id))
                                                        : json_null(),
                                        "to", ctl_json_hex(tx->zone.contract.b, ADDRESS_SIZE),
                                        "value", "0x0", "call", tx->call, "data", data, "records",
                                        records));
}

static enum ctl_exit print(const struct tx *tx, const char *data) {
        const struct ctl *ctl = tx->ctl;
        char hex[CTL_TEXT_MAX];

        if (ctl->json)
                return print_json(tx, data);
        for (size_t i = 0; i < tx->n; i++)
                record_line_print(ctl, &tx->line[i]);
        printf("%sa transaction to sign%s\n", ctl_paint(ctl, CTL_BOLD), ctl_paint(ctl, CTL_PLAIN));
        if (tx->zone.chain[0])
                ctl_row("chain", "%s", tx->zone.chain);
        if (tx->zone.chain_id > 0)
                ctl_row("chain id", "%llu", (unsigned long long) tx->zone.chain_id);
        ctl_row("to", "%s", ctl_hex(tx->zone.contract.b, ADDRESS_SIZE, hex));
        ctl_row("value", "0");
        ctl_row("call", "%s", tx->call);
        ctl_row("data", "%s", data);
        return CTL_OK;
}

static const struct tx_verb verbs[] = {
        { "set", "NAME FIELD=VALUE...", 1, TX_WORDS_MAX, tx_find_host, make_set },
        { "clear", "NAME FIELD...", 1, TX_WORDS_MAX, tx_find_host, make_clear },
        { "add", "NAME [FIELD=VALUE...]", 0, TX_WORDS_MAX, tx_find_host, make_add },
        { "remove", "NAME", 0, 0, tx_find_host, make_remove },
        { "revoke", "NAME", 0, 0, tx_find_host, make_revoke },
        { "promote", "NAME FIELD", 1, 1, tx_find_host, make_promote },
        { "host-role", "NAME BITS", 1, 1, tx_find_host, record_make_host_role },
        { "wg", "NAME WORD=VALUE...", 1, 5, tx_find_host, record_make_wg },
};

static enum ctl_exit run(struct tx *tx, const struct tx_verb *verb, int argc, char **argv) {
        struct buf b = BUF(tx->data);
        enum ctl_exit code = verb->find(tx, argv[0]);
        struct view data;
        char *text;

        if (code == CTL_OK)
                code = verb->make(tx, argc - 1, argv + 1, &b);
        if (code != CTL_OK)
                return code;
        if (buf_done(&b, &data) < 0)
                return ctl_fail(tx->ctl, CTL_USAGE, "a transaction has at most %d bytes of data",
                                TX_DATA_MAX);
        text = hex_of(data);
        if (!text)
                return ctl_fail(tx->ctl, CTL_FAILURE, "not enough memory");
        code = print(tx, text);
        free(text);
        return code;
}

static const struct tx_verb *verb_called(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].word, word) == 0)
                        return &verbs[i];
        return NULL;
}

bool record_tx_verb(const struct ctl *ctl, const char *word, int argc, char **argv,
                enum ctl_exit *ret) {
        bool user = strcmp(word, "user") == 0;
        const struct tx_verb *verb = user ? NULL : verb_called(word);
        static struct tx tx;

        if (user && argc > 0) {
                verb = record_user_verb(argv[0]);
                argc--, argv++;
        }
        if (!verb && user) {
                *ret = ctl_fail(ctl, CTL_USAGE, "record user takes set, clear, promote or revoke; "
                                                "see: kedgectl --help");
                return true;
        }
        if (!verb)
                return false;
        memset(&tx, 0, sizeof(tx));
        tx.ctl = ctl;
        if (argc < 1 + verb->min_args || argc > 1 + verb->max_args)
                *ret = ctl_fail(ctl, CTL_USAGE, "record %s%s takes %s; see: kedgectl --help",
                                user ? "user " : "", verb->word, verb->args);
        else
                *ret = run(&tx, verb, argc, argv);
        return true;
}
