/* A Diode account: the four fields whose hash is its value in the state tree, diode-protocol 5.2
 * and 5.5. Fields are true only where that hash is the proven one. */

#include "core/account_diode.h"

#include <errno.h>

#include "base/buf.h"
#include "core/rlp.h"
#include "core/sha256.h"

#define ACCOUNT_PAIRS_MAX 16
#define ACCOUNT_SIZE      128 /* RLP of the longest account */

enum account_name { NAME_NONCE, NAME_BALANCE, NAME_STORAGE_ROOT, NAME_CODE, NAMES };

static const char *const names[NAMES] = {
        [NAME_NONCE] = "nonce",
        [NAME_BALANCE] = "balance",
        [NAME_STORAGE_ROOT] = "storage_root",
        [NAME_CODE] = "code", /* in truth the hash of the code */
};

/* NAMES for a name that is not ours. */
static enum account_name name_of(struct view name) {
        enum account_name i = 0;

        while (i < NAMES && !view_eq_text(name, names[i]))
                i++;
        return i;
}

/* An integer like the others, but of up to 256 bits. */
static int take_balance(struct view *value, struct diode_account *a) {
        struct view be;
        int r;

        r = rlp_take_string(value, &be);
        if (r < 0)
                return r;
        if (be.n > sizeof(a->balance) || (be.n > 0 && be.p[0] == 0))
                return -EBADMSG;

        if (be.n > 0)
                memcpy(a->balance + sizeof(a->balance) - be.n, be.p, be.n);
        return 0;
}

static int take_value(enum account_name name, struct view *value, struct diode_account *a) {
        switch (name) {
        case NAME_NONCE:
                return rlp_take_uint(value, &a->nonce);
        case NAME_BALANCE:
                return take_balance(value, a);
        case NAME_STORAGE_ROOT:
                return rlp_take_bytes(value, a->storage_root.b, sizeof(a->storage_root.b));
        case NAME_CODE:
                return rlp_take_bytes(value, a->code_hash.b, sizeof(a->code_hash.b));
        case NAMES:
                break;
        }
        return 0; /* unknown names are ignored */
}

int diode_account_parse(struct view pairs, struct diode_account *ret) {
        struct diode_account a = { 0 };
        unsigned seen = 0;
        size_t n = 0;
        int r;

        while (pairs.n > 0) {
                struct view name, value;
                enum account_name i;

                if (n++ >= ACCOUNT_PAIRS_MAX)
                        return -EBADMSG;
                r = rlp_take_pair(&pairs, &name, &value);
                if (r < 0)
                        return r;

                i = name_of(name);
                if (i < NAMES && seen & 1U << i)
                        return -EBADMSG;
                r = take_value(i, &value, &a);
                if (r < 0)
                        return r;
                seen |= 1U << i;
        }

        if (~seen & ((1U << NAMES) - 1))
                return -EBADMSG;
        *ret = a;
        return 0;
}

void diode_account_hash(const struct diode_account *a, struct hash32 *ret) {
        uint8_t bytes[ACCOUNT_SIZE];
        struct buf b = BUF(bytes);
        size_t list, zeros = 0;

        while (zeros < sizeof(a->balance) && a->balance[zeros] == 0)
                zeros++;

        list = rlp_list_begin(&b);
        rlp_put_uint(&b, a->nonce);
        rlp_put_string(&b, VIEW(a->balance + zeros, sizeof(a->balance) - zeros));
        rlp_put_string(&b, VIEW_OF(&a->storage_root));
        rlp_put_string(&b, VIEW_OF(&a->code_hash));
        rlp_list_end(&b, list);
        sha256(VIEW(bytes, b.n), ret);
}

enum merkle_verdict diode_account_verify(const struct merkle_roots *state,
                const struct address *address, struct view pairs, struct view proof,
                struct diode_account *ret) {
        struct hash32 proven, sent;
        struct diode_account a;
        enum merkle_verdict v;

        if (diode_account_parse(pairs, &a) < 0)
                return MERKLE_MALFORMED;

        v = merkle_verify(state, VIEW_OF(address), proof, &proven);
        if (v != MERKLE_PRESENT)
                return v;

        diode_account_hash(&a, &sent);
        if (!hash32_eq(&sent, &proven))
                return MERKLE_WRONG_ROOT; /* a true proof, with fields of another account */
        *ret = a;
        return MERKLE_PRESENT;
}
