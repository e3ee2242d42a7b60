/* What the operator says of a checkpoint: import, export, accept. The running agent hears it over the
 * bus, and acts at once; where none is there, or --config names a file, it is written into the
 * configuration, and the command that makes it count is printed. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/checkpoint.h"
#include "agent/kedgectl/stage.h"
#include "base/hex.h"
#include "config.h"

static enum ctl_exit write_file(const struct ctl *ctl, const char *chain, const char *kind,
                const char *key, const char *value) {
        const char *config = ctl->config ? ctl->config : KEDGE_CONF_DIR "/kedged.conf";
        char folder[2048], path[2176], text[512], why[CHECKPOINT_WHY];
        int r;

        if (snprintf(folder, sizeof(folder), "%s.d", config) >= (int) sizeof(folder))
                return ctl_fail(ctl, CTL_USAGE, "'%.80s...' is too long for a path", config);
        (void) snprintf(path, sizeof(path), "%s/50-%s-%s.conf", folder, kind, chain);
        (void) snprintf(text, sizeof(text),
                        "# Written by kedgectl checkpoint.\n[Chain %s]\n%s=%s\n", chain, key,
                        value);
        r = mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno
                                                       : stage_put(config, path, text, why);
        if (r == -EBADMSG)
                return ctl_fail(ctl, CTL_FAILURE,
                                "kedged would not start with %s=%s of chain %s, so it is not "
                                "written: %s",
                                key, value, chain, why);
        if (r == -EACCES || r == -EPERM)
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s cannot be written: only root may; type it again with sudo in "
                                "front",
                                path);
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%s cannot be written: %s", path,
                                strerrordesc_np(-r));
        if (ctl->json)
                return ctl_print_json(
                                CTL_OK, json_pack("{s:s, s:s, s:s, s:s}", "chain", chain, "file",
                                                        path, "key", key, "value", value));
        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), chain, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("wrote", "%s", path);
        ctl_row("says", "%s=%s", key, value);
        ctl_row("next", "systemctl reload-or-restart kedged && kedgectl checkpoint show %s", chain);
        return CTL_OK;
}

/* 0x and 64 digits, not all zero; a block's number, or a slot, and ':' may stand before it. */
static bool take_root(const char *text, bool may_number, uint64_t *ret_number,
                struct hash32 *ret_root) {
        const char *colon = strchr(text, ':');

        *ret_number = 0;
        if (colon && may_number) {
                char digits[24];

                if (colon == text || (size_t) (colon - text) >= sizeof(digits))
                        return false;
                memcpy(digits, text, (size_t) (colon - text));
                digits[colon - text] = '\0';
                if (ctl_number(digits, INT64_MAX, ret_number) < 0)
                        return false;
                text = colon + 1;
        }
        return strncmp(text, "0x", 2) == 0 &&
               hex_decode(VIEW_TEXT(text), ret_root->b, HASH32_SIZE) == 0 &&
               !hash32_is_zero(ret_root);
}

static enum ctl_exit not_a_root(const struct ctl *ctl, const char *text) {
        return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not a root: 0x and 64 digits", text);
}

/* -ENOENT: to be written into the configuration. */
static int tell_agent(const struct ctl *ctl, const char *member, const char *chain,
                const uint64_t *number, const struct hash32 *hash, enum ctl_exit *ret_code) {
        char why[CHECKPOINT_WHY] = "", hex[CTL_TEXT_MAX];
        int r = ctl->config ? -ENOENT : checkpoint_tell(member, chain, number, hash, why);

        if (r == -ENOENT)
                return r;
        if (r < 0)
                *ret_code = ctl_fail(ctl, CTL_FAILURE, "chain %s: the agent refuses: %s", chain, why);
        else if (ctl->json)
                *ret_code = ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:s, s:o}", "chain", chain, "told", member, "hash",
                                                ctl_json_hex(hash->b, HASH32_SIZE)));
        else {
                printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), chain, ctl_paint(ctl, CTL_PLAIN));
                ctl_row(number ? "begins anew" : "accepted", "%s",
                                ctl_hex(hash->b, HASH32_SIZE, hex));
                ctl_row("next", "kedgectl checkpoint show %s", chain);
                *ret_code = CTL_OK;
        }
        return 0;
}

enum ctl_exit checkpoint_import(const struct ctl *ctl, const char *chain, const char *root) {
        enum ctl_exit code = CTL_FAILURE;
        struct hash32 hash;
        uint64_t number;

        if (!take_root(root, true, &number, &hash))
                return not_a_root(ctl, root);
        if (tell_agent(ctl, "ImportCheckpoint", chain, &number, &hash, &code) == 0)
                return code;
        return write_file(ctl, chain, "checkpoint", "Checkpoint", root);
}

enum ctl_exit checkpoint_accept(const struct ctl *ctl, const char *chain, const char *root) {
        enum ctl_exit code = CTL_FAILURE;
        struct hash32 hash;
        uint64_t number;

        if (!take_root(root, false, &number, &hash))
                return not_a_root(ctl, root);
        if (tell_agent(ctl, "AcceptConflict", chain, NULL, &hash, &code) == 0)
                return code;
        return write_file(ctl, chain, "accept", "AcceptOld", root);
}

enum ctl_exit checkpoint_of(
                const struct ctl *ctl, const char *chain, struct query_checkpoint *ret) {
        for (uint32_t i = 0; i < QUERY_CHAINS_MAX; i++) {
                struct query_request request = { .verb = QUERY_CHECKPOINT, .index = i };
                struct query_reply reply;
                bool end = false;
                enum ctl_exit code = ctl_ask_item(ctl, &request, "checkpoint", &reply, &end);

                if (code != CTL_OK)
                        return code;
                if (end)
                        break;
                if (strcmp(chain, reply.checkpoint.chain) != 0)
                        continue;
                *ret = reply.checkpoint;
                return CTL_OK;
        }
        return ctl_fail(ctl, CTL_FAILURE, "%.80s: the agent follows no chain of this name", chain);
}

enum ctl_exit checkpoint_export(const struct ctl *ctl, const char *chain) {
        struct checkpoint_words words = { 0 };
        struct query_checkpoint c;
        char line[CHECKPOINT_LINE_MAX];
        enum ctl_exit code = checkpoint_of(ctl, chain, &c);

        if (code != CTL_OK)
                return code;
        if (hash32_is_zero(&c.anchor.hash))
                return ctl_fail(ctl, CTL_UNPROVEN, "%s: nothing is final here yet%s%s", chain,
                                c.text[0] ? ": " : "", c.text);
        if (c.state == STATE_STUCK)
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "%s is stuck, so nobody should begin from it: %s", chain, c.text);
        words.chain_id = c.chain_id;
        words.number = c.anchor.number;
        words.time_s = c.anchor.timestamp;
        words.hash = c.anchor.hash;
        (void) snprintf(words.chain, sizeof(words.chain), "%s", c.chain);
        (void) snprintf(words.backend, sizeof(words.backend), "%s", c.backend);
        (void) snprintf(words.network, sizeof(words.network), "%s", c.network);
        checkpoint_line(&words, line);
        if (ctl->json)
                return ctl_print_json(CTL_OK, json_pack("{s:s, s:s}", "chain", chain, "line", line));
        puts(line);
        return CTL_OK;
}

static int read_line(const char *path, char ret[CHECKPOINT_LINE_MAX + 2], size_t *ret_n) {
        int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        ssize_t k = 1;
        size_t n = 0;

        if (fd < 0)
                return -errno;
        while (k > 0 && n < CHECKPOINT_LINE_MAX + 1) {
                k = read(fd, ret + n, CHECKPOINT_LINE_MAX + 1 - n);
                n += k > 0 ? (size_t) k : 0;
        }
        k = k < 0 ? -errno : 0;
        (void) close(fd);
        *ret_n = n;
        return (int) k;
}

static enum ctl_exit not_a_line(const struct ctl *ctl, const char *path, int r) {
        switch (r) {
        case -EILSEQ:
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "%s: its sum is wrong: it was changed or cut on its way", path);
        case -EPROTONOSUPPORT:
                return ctl_fail(ctl, CTL_FAILURE, "%s: was written by a later kedge", path);
        case -EBADMSG:
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s: holds no line that kedgectl checkpoint export prints", path);
        default:
                return ctl_fail(ctl, CTL_FAILURE, "%s: cannot be read: %s", path,
                                strerrordesc_np(-r));
        }
}

/* A line of another network is no checkpoint of this one, whatever the chain is called here. */
static enum ctl_exit compare(const struct ctl *ctl, const char *chain,
                const struct checkpoint_words *words) {
        struct query_checkpoint c;
        enum ctl_exit code;

        if (ctl->config)
                return CTL_OK; /* the agent, which knows, is not to be asked */
        code = checkpoint_of(ctl, chain, &c);
        if (code != CTL_OK)
                return code;
        if (strcmp(c.backend, words->backend) != 0 || c.chain_id != words->chain_id)
                return ctl_fail(ctl, CTL_FAILURE,
                                "the line is of %s, chain id %llu; chain %s here is of %s, chain "
                                "id %llu",
                                words->backend, (unsigned long long) words->chain_id, chain,
                                c.backend, (unsigned long long) c.chain_id);
        return CTL_OK;
}

enum ctl_exit checkpoint_import_file(const struct ctl *ctl, const char *path) {
        char line[CHECKPOINT_LINE_MAX + 2], hash[CTL_TEXT_MAX], root[CTL_TEXT_MAX + 24];
        struct checkpoint_words words;
        enum ctl_exit code;
        const char *chain;
        size_t n = 0;
        int r = read_line(path, line, &n);

        if (r == -ENOENT && checkpoint_chain_valid(path))
                return ctl_fail(ctl, CTL_USAGE,
                                "checkpoint import needs CHAIN and ROOT, or a FILE; there is no "
                                "file '%s'",
                                path);
        if (r >= 0)
                r = checkpoint_line_parse(VIEW(line, n), &words);
        if (r < 0)
                return not_a_line(ctl, path, r);
        chain = ctl->chain[0] ? ctl->chain : words.chain;
        if (!checkpoint_chain_valid(chain))
                return ctl_fail(ctl, CTL_USAGE, "'%.80s' is not a chain's name", chain);
        code = compare(ctl, chain, &words);
        if (code != CTL_OK)
                return code;
        (void) ctl_hex(words.hash.b, HASH32_SIZE, hash);
        if (ctl->config && strcmp(words.backend, "ethereum") == 0)
                (void) snprintf(root, sizeof(root), "%s", hash); /* as its Checkpoint= is written */
        else
                (void) snprintf(root, sizeof(root), "%llu:%s", (unsigned long long) words.number,
                                hash);
        return checkpoint_import(ctl, chain, root);
}
