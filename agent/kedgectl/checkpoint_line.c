/* The line that carries a checkpoint from one machine to another: export writes it, import reads it.
 *
 *   kedge-checkpoint 1 CHAIN BACKEND NETWORK CHAINID NUMBER 0xHASH TIME SUM
 *
 * NETWORK is - where the backend has none, NUMBER a block or, on Ethereum, a slot, TIME its seconds
 * since 1970, SUM the first 16 digits of the SHA-256 of all before it, the space included. SUM finds
 * what was mistyped or cut; it proves nothing: who hands the line over is trusted with the anchor.
 * There is one spelling: what export writes. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/kedgectl/checkpoint.h"
#include "base/hex.h"
#include "core/sha256.h"

#define WORDS    10
#define SUM_SIZE 8

static void sum_of(const char *text, size_t n, char ret[2 * SUM_SIZE + 1]) {
        struct hash32 sum;

        sha256(VIEW(text, n), &sum);
        (void) hex_encode(sum.b, SUM_SIZE, ret);
}

void checkpoint_line(const struct checkpoint_words *c, char ret[CHECKPOINT_LINE_MAX]) {
        char hash[CTL_TEXT_MAX], sum[2 * SUM_SIZE + 1];
        int n = snprintf(ret, CHECKPOINT_LINE_MAX, "kedge-checkpoint 1 %s %s %s %llu %llu %s %llu ",
                        c->chain, c->backend, c->network[0] ? c->network : "-",
                        (unsigned long long) c->chain_id, (unsigned long long) c->number,
                        ctl_hex(c->hash.b, HASH32_SIZE, hash), (unsigned long long) c->time_s);

        sum_of(ret, (size_t) n, sum);
        (void) snprintf(ret + n, CHECKPOINT_LINE_MAX - (size_t) n, "%s", sum);
}

/* Cuts text into its words, in place. */
static bool cut(char *text, char *word[WORDS]) {
        for (size_t i = 0; i < WORDS; i++) {
                char *end = strchr(text, ' ');

                word[i] = text;
                if (!end != (i == WORDS - 1) || *text == ' ' || *text == '\0')
                        return false;
                if (end) {
                        *end = '\0';
                        text = end + 1;
                }
        }
        return true;
}

static bool take_number(const char *word, uint64_t *ret) {
        return ctl_number(word, INT64_MAX, ret) == 0;
}

static bool take_name(const char *word, char *ret, size_t cap) {
        if (strcmp(word, "-") == 0) {
                ret[0] = '\0';
                return true;
        }
        return checkpoint_chain_valid(word) && snprintf(ret, cap, "%s", word) < (int) cap;
}

int checkpoint_line_parse(struct view line, struct checkpoint_words *ret) {
        char text[CHECKPOINT_LINE_MAX], *word[WORDS], sum[2 * SUM_SIZE + 1];
        struct checkpoint_words c = { 0 };

        if (line.n > 0 && line.p[line.n - 1] == '\n')
                line.n--;
        if (line.n >= sizeof(text) || line.n < sizeof(sum) || memchr(line.p, 0, line.n))
                return -EBADMSG;
        memcpy(text, line.p, line.n);
        text[line.n] = '\0';
        sum_of(text, line.n - 2 * SUM_SIZE, sum);
        if (!cut(text, word) || strcmp(word[0], "kedge-checkpoint") != 0)
                return -EBADMSG;
        if (strcmp(word[1], "1") != 0)
                return -EPROTONOSUPPORT;
        if (strcmp(word[9], sum) != 0)
                return -EILSEQ;
        if (!take_name(word[2], c.chain, sizeof(c.chain)) || c.chain[0] == '\0' ||
                        !take_name(word[3], c.backend, sizeof(c.backend)) ||
                        c.backend[0] == '\0' ||
                        !take_name(word[4], c.network, sizeof(c.network)) ||
                        !take_number(word[5], &c.chain_id) || !take_number(word[6], &c.number) ||
                        strncmp(word[7], "0x", 2) != 0 ||
                        hex_decode(VIEW_TEXT(word[7]), c.hash.b, HASH32_SIZE) < 0 ||
                        hash32_is_zero(&c.hash) || !take_number(word[8], &c.time_s))
                return -EBADMSG;
        checkpoint_line(&c, text);
        if (!view_eq(VIEW_TEXT(text), line))
                return -EBADMSG; /* another spelling of the same */
        *ret = c;
        return 0;
}
