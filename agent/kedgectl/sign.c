/* kedgectl sign: the signature by which a user answers pam_kedge's challenge. It signs one kind of
 * text, the line that lib/wire/login.h describes, and shows what that says: nobody is made to sign
 * anything else. It asks no agent; the key is read for this one signature, from a file
 * that nobody else can read, and cleared. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"
#include "base/hex.h"
#include "core/eip191.h"
#include "core/secp.h"
#include "wire/login.h"
#include "wire/owned.h"

#define KEY_FILE     ".config/kedge/key"
#define KEY_FILE_MAX 256
#define PATH_SIZE    512
#define PROMPT       "Sign: " /* stands before the text where pam_kedge asks */

static const char *key_path(const struct ctl *ctl, char ret[PATH_SIZE]) {
        const char *home = secure_getenv("HOME");

        if (ctl->key)
                return ctl->key;
        if (!home || !home[0] || strlen(home) + sizeof(KEY_FILE) + 1 > PATH_SIZE)
                return NULL;
        (void) snprintf(ret, PATH_SIZE, "%s/" KEY_FILE, home);
        return ret;
}

/* -EPERM: others may read it, or it is somebody else's. -EBADMSG: no regular file. */
static int open_key(const char *path, int *ret_fd) {
        _cleanup_(owned_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        if ((st.st_mode & 077) || (st.st_uid != geteuid() && st.st_uid != 0))
                return -EPERM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* 64 digits, perhaps after 0x, and the end of a line. */
static int parse_key(char *text, size_t n, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        struct secp_pubkey key;

        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                n--;
        if (hex_decode(VIEW(text, n), ret, SECP_PRIVKEY_SIZE) < 0)
                return -EBADMSG;
        return secp_pubkey_of(ret, &key) < 0 ? -EBADMSG : 0;
}

static int read_key(const char *path, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        _cleanup_(owned_closep) int fd = -1;
        char text[KEY_FILE_MAX];
        int r = open_key(path, &fd);
        ssize_t n;

        if (r < 0)
                return r;
        n = read(fd, text, sizeof(text));
        r = n < 0 ? -errno : parse_key(text, (size_t) n, ret);
        explicit_bzero(text, sizeof(text));
        return r;
}

static enum ctl_exit take_key(const struct ctl *ctl, uint8_t ret[SECP_PRIVKEY_SIZE]) {
        char own[PATH_SIZE];
        const char *path = key_path(ctl, own);
        int r;

        if (!path)
                return ctl_fail(ctl, CTL_USAGE, "say by --key which file holds the key");
        (void) prctl(PR_SET_DUMPABLE, 0); /* no core file, and no other process may look */
        r = read_key(path, ret);
        if (r == 0)
                return CTL_OK;
        explicit_bzero(ret, SECP_PRIVKEY_SIZE);
        switch (r) {
        case -ENOENT:
                return ctl_fail(ctl, CTL_FAILURE,
                                "there is no key at %s; make one: (umask 077; openssl rand -hex 32 "
                                ">%s)",
                                path, path);
        case -EPERM:
                return ctl_fail(ctl, CTL_FAILURE,
                                "%s must be yours, and readable for nobody else: chmod 600 it; what "
                                "others could read is a key no more",
                                path);
        case -EBADMSG:
                return ctl_fail(ctl, CTL_FAILURE, "%s is no file with a key: 64 hexadecimal digits",
                                path);
        default:
                return ctl_fail(ctl, CTL_FAILURE, "%s cannot be read: %s", path,
                                strerrordesc_np(-r) ?: "unknown error");
        }
}

/* The words of the command line, or a line of standard input. False where it is too long. */
static bool take_text(int argc, char **argv, char ret[LOGIN_TEXT_MAX + 64]) {
        size_t cap = LOGIN_TEXT_MAX + 64, n = 0;

        ret[0] = '\0';
        for (int i = 0; i < argc; i++) {
                int got = snprintf(ret + n, cap - n, "%s%s", i > 0 ? " " : "", argv[i]);

                if (got < 0 || (size_t) got >= cap - n)
                        return false;
                n += (size_t) got;
        }
        if (argc > 0)
                return true;
        if (isatty(STDIN_FILENO))
                fputs("the text to sign: ", stderr);
        if (!fgets(ret, (int) cap, stdin))
                return true; /* empty: no text */
        n = strlen(ret);
        return n + 1 < cap || ret[n - 1] == '\n';
}

static struct view trimmed(const char *text) {
        size_t skip = strspn(text, " \t"), n;

        if (strncmp(text + skip, PROMPT, sizeof(PROMPT) - 1) == 0)
                skip += sizeof(PROMPT) - 1;
        n = strlen(text + skip);
        while (n > 0 && strchr(" \t\r\n", text[skip + n - 1]))
                n--;
        return VIEW(text + skip, n);
}

static enum ctl_exit check_text(const struct ctl *ctl, const struct login_text *t) {
        if (ctl->host[0] && strcmp(ctl->host, t->host) != 0)
                return ctl_fail(ctl, CTL_FAILURE, "it is for %s, not for %s: not signed", t->host,
                                ctl->host);
        if (ctl->user && strcmp(ctl->user, t->user) != 0)
                return ctl_fail(ctl, CTL_FAILURE, "it is for the user %s, not for %.64s: not signed",
                                t->user, ctl->user);
        return CTL_OK;
}

static bool is_past(const struct login_text *t) {
        time_t now = time(NULL);

        return now > 0 && (uint64_t) now > t->expires_s;
}

/* To people, not to stdout: that may be on its way into a clipboard. */
static void show(const struct login_text *t, const struct address *by) {
        char date[CTL_TEXT_MAX], hex[CTL_TEXT_MAX];

        fprintf(stderr, "  user        %s\n  host        %s\n  service     %s\n", t->user, t->host,
                        t->service);
        fprintf(stderr, "  expires     %s%s\n", ctl_date(t->expires_s, date),
                        is_past(t) ? ": in the past, by this machine's clock" : "");
        fprintf(stderr, "  signed by   %s\n", ctl_hex(by->b, ADDRESS_SIZE, hex));
}

static enum ctl_exit print_signature(const struct ctl *ctl, const struct login_text *t,
                const struct address *by, const uint8_t signature[EIP191_SIGNATURE_SIZE]) {
        char hex[2 + 2 * EIP191_SIGNATURE_SIZE + 1] = "0x";

        (void) hex_encode(signature, EIP191_SIGNATURE_SIZE, hex + 2);
        if (ctl->json)
                return ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:b}", "signature", hex,
                                                "address", ctl_json_hex(by->b, ADDRESS_SIZE),
                                                "user", t->user, "host", t->host, "service",
                                                t->service, "expires", ctl_int(t->expires_s), "expired",
                                                (int) is_past(t)));
        show(t, by);
        puts(hex);
        return CTL_OK;
}

static enum ctl_exit sign(const struct ctl *ctl, struct view text, const struct login_text *t) {
        uint8_t key[SECP_PRIVKEY_SIZE], signature[EIP191_SIGNATURE_SIZE];
        enum ctl_exit code = take_key(ctl, key);
        struct address by;
        int r;

        if (code != CTL_OK)
                return code;
        r = eip191_sign(text, key, signature);
        explicit_bzero(key, sizeof(key));
        if (r == 0)
                r = eip191_recover(text, signature, &by);
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "it cannot be signed: %s", strerrordesc_np(-r));
        return print_signature(ctl, t, &by, signature);
}

/* What stands in the record's field device. */
static enum ctl_exit print_address(const struct ctl *ctl) {
        uint8_t key[SECP_PRIVKEY_SIZE];
        enum ctl_exit code = take_key(ctl, key);
        char hex[CTL_TEXT_MAX];
        struct secp_pubkey pub;
        struct address a;
        int r;

        if (code != CTL_OK)
                return code;
        r = secp_pubkey_of(key, &pub);
        explicit_bzero(key, sizeof(key));
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "the key is none");
        secp_address(&pub, &a);
        if (ctl->json)
                return ctl_print_json(CTL_OK, json_pack("{s:o}", "address",
                                                              ctl_json_hex(a.b, ADDRESS_SIZE)));
        puts(ctl_hex(a.b, ADDRESS_SIZE, hex));
        return CTL_OK;
}

enum ctl_exit verb_sign(const struct ctl *ctl, int argc, char **argv) {
        char whole[LOGIN_TEXT_MAX + 64];
        struct login_text t;
        enum ctl_exit code;
        struct view text;

        if (ctl->address)
                return argc > 0 ? ctl_usage(ctl, "one word too many:", argv[0]) : print_address(ctl);
        if (!take_text(argc, argv, whole))
                return ctl_fail(ctl, CTL_USAGE, "it is too long for a text of a login: not signed");
        text = trimmed(whole);
        if (login_text_parse(text, &t) < 0)
                return ctl_fail(ctl, CTL_USAGE,
                                "not the text of a login, \"kedge login: user ...\": not signed");
        code = check_text(ctl, &t);
        return code == CTL_OK ? sign(ctl, text, &t) : code;
}
