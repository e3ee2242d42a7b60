/* The ways into sshd that pass by what the chain says: a sshd that asks no PAM, users' own files of keys
 * beside the command that asks for theirs, and what they may set for themselves. What holds for one user
 * only sshd can tell (sshd -T -C user=NAME), for Match has conditions of many kinds; here it is looked
 * whether each block that asks kedge-authorized-keys is shut. */

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "agent/kedgectl/doctor.h"
#include "agent/kedgectl/sshd_conf.h"

#define CONF   "/etc/ssh/sshd_config"
#define HELPER "kedge-authorized-keys"
#define EDIT   "see kedge-authorized-keys(8) for the file to put into /etc/ssh/sshd_config.d, then systemctl reload ssh"

static int take_file(struct doctor *d, struct sshd_conf *conf, const char *path, unsigned block,
                unsigned depth);

/* What stands behind Include is relative to /etc/ssh. */
static int include(void *userdata, struct sshd_conf *conf, const char *pattern, unsigned block,
                unsigned depth) {
        struct doctor *d = userdata;
        char path[DOCTOR_PATH_MAX], below[SSHD_CONF_VALUE_MAX + 16];
        glob_t g = { 0 };
        int r = 0;

        (void) snprintf(below, sizeof(below), "%s%s", pattern[0] == '/' ? "" : "/etc/ssh/", pattern);
        if (glob(doctor_path(d, below, path), 0, NULL, &g) == 0)
                for (size_t i = 0; i < g.gl_pathc && r == 0; i++)
                        r = take_file(d, conf, g.gl_pathv[i], block, depth);
        globfree(&g);
        return r;
}

static int take_file(struct doctor *d, struct sshd_conf *conf, const char *path, unsigned block,
                unsigned depth) {
        char *text = NULL;
        size_t n = 0;
        int r = ctl_read_file(path, SSHD_CONF_FILE_MAX, &text, &n);

        if (r == 0)
                r = sshd_conf_read(conf, VIEW(text, n), block, depth, include, d);
        free(text);
        return r;
}

static bool is_helper(const char *command) {
        const char *slash = command ? strrchr(command, '/') : NULL;

        return slash && strcmp(slash + 1, HELPER) == 0;
}

static bool is_off(const char *value) {
        return !value || strcasecmp(value, "none") == 0 || strcasecmp(value, "no") == 0;
}

/* A block that asks the helper. True: it is shut. */
static bool look_at_block(struct doctor *d, const struct sshd_conf *conf, unsigned block) {
        const char *keys = sshd_conf_get(conf, block, SSHD_KEYS_FILE);
        const char *helper = sshd_conf_get(conf, block, SSHD_KEYS_COMMAND);
        char path[DOCTOR_PATH_MAX];
        size_t before = d->n;

        if (access(doctor_path(d, helper, path), X_OK) < 0)
                doctor_say(d, DOCTOR_FAIL, "sshd", EDIT, "AuthorizedKeysCommand %s: %s", helper,
                                strerrordesc_np(errno));
        if (is_off(sshd_conf_get(conf, block, SSHD_KEYS_COMMAND_USER)))
                doctor_say(d, DOCTOR_FAIL, "sshd", "AuthorizedKeysCommandUser _kedge-ssh",
                                "AuthorizedKeysCommand has no user to run as: sshd asks it for nobody");
        if (!keys || strcasecmp(keys, "none") != 0)
                doctor_say(d, DOCTOR_FAIL, "sshd", "AuthorizedKeysFile none, beside AuthorizedKeysCommand",
                                "a managed user's own authorized_keys count beside the chain's");
        if (!is_off(sshd_conf_get(conf, block, SSHD_TRUSTED_CA)))
                doctor_say(d, DOCTOR_FAIL, "sshd", "TrustedUserCAKeys none, beside AuthorizedKeysCommand",
                                "who has a certificate of TrustedUserCAKeys gets in beside the chain");
        if (!is_off(sshd_conf_get(conf, block, SSHD_USER_ENVIRONMENT)))
                doctor_say(d, DOCTOR_WARN, "sshd", "PermitUserEnvironment no",
                                "managed users set the environment of what they may run");
        return d->n == before;
}

static void judge(struct doctor *d, const struct sshd_conf *conf) {
        const char *pam = sshd_conf_get(conf, 0, SSHD_USE_PAM);
        bool shut = true;
        unsigned n = 0;

        if (!pam || strcasecmp(pam, "yes") != 0) {
                doctor_say(d, DOCTOR_FAIL, "sshd", "UsePAM yes in " CONF ", then systemctl reload ssh",
                                "sshd asks no PAM: nobody asks the chain whether a user may still log in");
                shut = false;
        }
        for (unsigned b = 0; b <= conf->n_blocks; b++) {
                const char *outside = b > 0 ? sshd_conf_get(conf, 0, SSHD_KEYS_COMMAND) : NULL;
                const char *command = sshd_conf_get(conf, b, SSHD_KEYS_COMMAND);

                if (!is_helper(command) || command == outside)
                        continue; /* a block that says nothing of its own is as all are */
                n++;
                shut = look_at_block(d, conf, b) && shut;
        }
        if (n == 0)
                doctor_say(d, DOCTOR_WARN, "sshd", EDIT,
                                "keys of SSH are not asked of the chain: users' own authorized_keys count");
        else if (shut)
                doctor_say(d, DOCTOR_OK, "sshd", NULL,
                                "asks PAM, and the chain for keys; what holds for one user: sshd -T -C "
                                "user=NAME,host=x,addr=127.0.0.1");
}

void doctor_sshd(struct doctor *d) {
        struct sshd_conf *conf = calloc(1, sizeof(*conf));
        char path[DOCTOR_PATH_MAX];
        int r = conf ? take_file(d, conf, doctor_path(d, CONF, path), 0, 0) : -ENOMEM;

        if (r == 0)
                judge(d, conf);
        else if (r != -ENOENT)
                doctor_say(d, r == -EACCES ? DOCTOR_WARN : DOCTOR_FAIL, "sshd",
                                r == -EACCES ? "sudo kedgectl doctor" : "sshd -t",
                                "%s, or what it includes, cannot be read: %s", path,
                                strerrordesc_np(-r) ?: "unknown error");
        free(conf);
}
