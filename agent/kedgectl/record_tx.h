/* A transaction for the fleet contract in the making: what the files behind the verb record share. */
#pragma once

#include "agent/kedgectl/abi.h"
#include "agent/kedgectl/record.h"

#define TX_BATCH_MAX 256  /* of records in one transaction, as the contract has it */
#define TX_WORDS_MAX 1024 /* of a command line */
#define TX_DATA_MAX  65536
#define TX_ZERO "0x0000000000000000000000000000000000000000000000000000000000000000"

struct tx {
        const struct ctl *ctl;
        char name[NAME_MAX_LEN + 1], host[NAME_MAX_LEN + 1]; /* host: "" for the zone's apex */
        struct query_zone zone;
        const char *call;
        size_t n;
        struct record_line line[TX_BATCH_MAX];
        uint8_t data[TX_DATA_MAX];
};

/* Whose records: fills name, host and zone. And what becomes of the words behind it. What is wrong
 * has been told. */
typedef enum ctl_exit tx_find_fn(struct tx *tx, const char *name);
typedef enum ctl_exit tx_make_fn(struct tx *tx, int argc, char **argv, struct buf *b);

struct tx_verb {
        const char *word, *args;
        int min_args, max_args; /* after the name */
        tx_find_fn *find;
        tx_make_fn *make;
};

/* record_tx.c: a host in one of the zones; the zone that the options name. */
tx_find_fn tx_find_host;
_must_check_ enum ctl_exit tx_zone_of_options(struct tx *tx);

/* Adds one record: FIELD=VALUE, behind before and a dot where that is not empty; or FIELD alone, where
 * value is given. */
_must_check_ enum ctl_exit tx_add(
                struct tx *tx, const char *before, const char *arg, const char *value);

/* The keys and values of what was added. */
void tx_columns(const struct tx *tx, struct hash32 *ret_keys, struct hash32 *ret_values);

/* The call that sets what was added. */
void tx_put_set(struct tx *tx, struct buf *b);

/* record_wg.c: record wg. */
tx_make_fn record_make_wg;

/* record_user.c: the verbs behind "record user"; NULL: none is called so. And host-role. */
const struct tx_verb *record_user_verb(const char *word);
tx_make_fn record_make_host_role;
