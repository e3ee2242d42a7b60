/* kedgectl verify FILE: plays a proof bundle to a machine of our own, from a checkpoint that this
 * machine trusts. Reads files and, where one runs, asks the agent what it trusts; nothing is sent
 * anywhere. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kedgectl/proof.h"
#include "config.h"

static void freep(void *p) {
        free(*(void **) p);
}

/* -EFBIG: over BUNDLE_MAX. */
static int read_file(const char *path, uint8_t **ret, size_t *ret_n) {
        _cleanup_(freep) uint8_t *p = malloc(BUNDLE_MAX + 1);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        size_t n = 0;
        ssize_t k = 1;

        if (!p || fd < 0) {
                int r = p ? -errno : -ENOMEM;

                if (fd >= 0)
                        (void) close(fd);
                return r;
        }
        while (n <= BUNDLE_MAX && k != 0) {
                k = read(fd, p + n, BUNDLE_MAX + 1 - n);
                if (k < 0 && errno != EINTR)
                        break;
                n += k > 0 ? (size_t) k : 0;
        }
        if (k < 0)
                k = -errno;
        (void) close(fd);
        if (k < 0)
                return (int) k;
        if (n > BUNDLE_MAX)
                return -EFBIG;
        *ret = TAKE_PTR(p);
        *ret_n = n;
        return 0;
}

enum ctl_exit proof_read(struct view bytes, struct proof *p) {
        const char *why = NULL;

        switch (bundle_parse(bytes, &p->bundle)) {
        case 0:
                return CTL_OK;
        case -EILSEQ:
                why = "it is damaged: its checksum does not fit; copy it again";
                break;
        case -EPROTONOSUPPORT:
                why = "it is of another version of the format: verify it with the kedge that made "
                      "it, or a later one";
                break;
        case -E2BIG:
                why = "it is over a limit of the format, so no kedge has made it";
                break;
        default:
                why = "it is no proof bundle, or breaks the rules of the format";
        }
        (void) snprintf(p->why, sizeof(p->why), "%s", why);
        return CTL_UNPROVEN;
}

enum ctl_exit proof_play(const struct block_ref *checkpoint, struct proof *p) {
        struct bundle_trust trust = { .checkpoint = *checkpoint, .net = &p->net };
        char why[CHAIN_TEXT_MAX] = "";
        int r = bundle_verify(&p->bundle, &trust, &p->verdict, &p->claims, &p->step, why);

        if (r == -ENOMEM) {
                (void) snprintf(p->why, sizeof(p->why), "out of memory");
                return CTL_FAILURE;
        }
        if (r < 0)
                (void) snprintf(p->why, sizeof(p->why), "no machine can be made of its head");
        else if (p->verdict != BUNDLE_PROVEN)
                (void) snprintf(p->why, sizeof(p->why), "after event %zu: %s", p->step, why);
        return p->why[0] ? CTL_UNPROVEN : CTL_OK;
}

static enum ctl_exit judge(const struct ctl *ctl, struct view bytes, struct proof *p) {
        enum ctl_exit code;

        code = proof_read(bytes, p);
        if (code == CTL_OK)
                code = proof_trust(ctl, p);
        if (code == CTL_OK)
                code = proof_network(ctl, p);
        if (code == CTL_OK)
                code = proof_zone(ctl, p);
        if (code != CTL_OK)
                return code;
        return proof_play(&p->checkpoint, p);
}

enum ctl_exit verb_verify(const struct ctl *ctl, int argc _unused_, char **argv) {
        const char *config = ctl->config ? ctl->config : KEDGE_CONF_DIR "/kedged.conf";
        _cleanup_(freep) uint8_t *bytes = NULL;
        char why[CONFIG_WHY_MAX];
        struct proof p = { 0 };
        enum ctl_exit code;
        size_t n = 0;
        int r = read_file(argv[0], &bytes, &n);

        if (r == -EFBIG)
                return ctl_fail(ctl, CTL_UNPROVEN,
                                "%.100s: not verified: it is over 1 MiB, so it is no proof bundle",
                                argv[0]);
        if (r < 0)
                return ctl_fail(ctl, CTL_FAILURE, "%.200s: cannot be read: %s", argv[0],
                                strerrordesc_np(-r));
        if (access(config, R_OK) == 0 && config_load(config, &p.config, why) < 0)
                p.config = NULL; /* what kedged does not start with is no one's word */
        code = judge(ctl, VIEW(bytes, n), &p);
        if (code == CTL_OK)
                code = proof_print(ctl, &p);
        else
                code = ctl_fail(ctl, code, "%.100s: not verified: %s", argv[0], p.why);
        p.config = config_free(p.config);
        return code;
}
