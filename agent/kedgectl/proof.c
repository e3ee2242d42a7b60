/* kedgectl explain NAME --proof FILE: has the agent make a proof bundle, and writes it down once it
 * was verified here as anybody will verify it. The file is there whole or not at all. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/proof.h"
#include "config.h"

#define TIMEOUT_MS 75000 /* the agent takes a minute at most */

static void freep(void *p) {
        free(*(void **) p);
}

/* The agent's memory file: of the size that it says, and sealed. */
static int read_memory(int fd, uint64_t n, uint8_t **ret) {
        const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        _cleanup_(freep) uint8_t *p = NULL;
        struct stat st;
        size_t at = 0;

        if (fd < 0 || n == 0 || n > BUNDLE_MAX || fstat(fd, &st) < 0 || (uint64_t) st.st_size != n ||
                        (fcntl(fd, F_GET_SEALS) & seals) != seals)
                return -EBADMSG;
        p = malloc((size_t) n);
        if (!p)
                return -ENOMEM;
        while (at < n) {
                ssize_t k = pread(fd, p + at, (size_t) n - at, (off_t) at);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EBADMSG;
                at += (size_t) k;
        }
        *ret = TAKE_PTR(p);
        return 0;
}

static int write_all(int fd, const uint8_t *p, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, p, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                n -= (size_t) k;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

static int write_file(const char *path, const uint8_t *p, size_t n) {
        char draft[4096];
        int fd, r;

        if (snprintf(draft, sizeof(draft), "%s.new", path) >= (int) sizeof(draft))
                return -ENAMETOOLONG;
        (void) unlink(draft);
        fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = write_all(fd, p, n);
        (void) close(fd);
        if (r >= 0 && rename(draft, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(draft);
        return r;
}

/* What the agent gave must be what anybody will find good who trusts the same checkpoint. */
static enum ctl_exit check(const struct ctl *ctl, struct view bytes, struct proof *p) {
        enum ctl_exit code = proof_read(bytes, p);

        if (code == CTL_OK)
                code = proof_network(ctl, p);
        return code == CTL_OK ? proof_play(&p->bundle.checkpoint, p) : code;
}

static enum ctl_exit done(const struct ctl *ctl, const char *name, const struct proof *p, size_t n) {
        char text[2 * CTL_TEXT_MAX], bytes[CTL_TEXT_MAX];

        (void) proof_checkpoint_text(&p->bundle.checkpoint, text);
        if (ctl->json)
                return ctl_print_json(CTL_OK,
                                json_pack("{s:s, s:s, s:I, s:s, s:I, s:I}", "name", name, "file",
                                                ctl->proof, "bytes", ctl_int(n), "checkpoint", text,
                                                "final_number",
                                                ctl_int(p->claims.final.ref.number), "head_number",
                                                ctl_int(p->claims.head.ref.number)));
        printf("%s%s%s\n", ctl_paint(ctl, CTL_BOLD), name, ctl_paint(ctl, CTL_PLAIN));
        ctl_row("written", "%s, %s in %zu events", ctl->proof, ctl_bytes(n, bytes), p->step);
        ctl_row("proves", "final block %llu, head %llu",
                        (unsigned long long) p->claims.final.ref.number,
                        (unsigned long long) p->claims.head.ref.number);
        ctl_row("stands on", "%s", text);
        ctl_row("elsewhere", "kedgectl verify FILE --checkpoint %s", text);
        return CTL_OK;
}

enum ctl_exit proof_make(const struct ctl *ctl, const char *name) {
        struct query_request request = { .verb = QUERY_PROVE, .slot = ctl->checkpoint.number,
                                         .key = ctl->checkpoint.hash };
        const char *config = ctl->config ? ctl->config : KEDGE_CONF_DIR "/kedged.conf";
        _cleanup_(freep) uint8_t *bytes = NULL;
        char why[CONFIG_WHY_MAX];
        struct ctl patient = *ctl;
        struct query_reply reply;
        struct proof p = { 0 };
        enum ctl_exit code;
        int fd = -1, r;

        memcpy(request.name, name, strlen(name));
        patient.timeout_ms = MAX(ctl->timeout_ms, TIMEOUT_MS);
        code = ctl_ask_file(&patient, &request, name, &reply, &fd);
        r = code == CTL_OK ? read_memory(fd, reply.prove.n, &bytes) : 0;
        if (fd >= 0)
                (void) close(fd);
        if (code != CTL_OK)
                return code;
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%s: the agent's bundle cannot be read: %s", name,
                                strerrordesc_np(-r));
        if (access(config, R_OK) == 0 && config_load(config, &p.config, why) < 0)
                p.config = NULL;
        code = check(ctl, VIEW(bytes, (size_t) reply.prove.n), &p);
        p.config = config_free(p.config);
        if (code != CTL_OK)
                return ctl_fail(ctl, code,
                                "%s: the agent's bundle does not verify, and is not written: %s",
                                name, p.why);
        r = write_file(ctl->proof, bytes, (size_t) reply.prove.n);
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%.200s: cannot be written: %s", ctl->proof,
                                strerrordesc_np(-r));
        return done(ctl, name, &p, (size_t) reply.prove.n);
}
