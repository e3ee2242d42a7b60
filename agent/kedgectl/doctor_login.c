/* Who may log in, as this machine is set up: login.conf, whether pam_kedge.so has the last word in each
 * stack of PAM that asks it, and whether somebody gets in at the console when the chain cannot be
 * reached. Files are read, nothing is asked of PAM. */

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/doctor.h"
#include "agent/kedgectl/pamd.h"
#include "wire/login.h"

#define FILES_MAX   64
#define MEMBERS_MAX 65536
#define USERS_MAX   65536
#define FIRST_USER  1000 /* below are the system's own, but for root */

struct files {
        const struct doctor *d;
        size_t n;
        struct {
                char path[DOCTOR_PATH_MAX];
                char *text;
                size_t size;
        } file[FILES_MAX];
};

static bool load(struct files *f, const char *path, struct view *ret) {
        char *text = NULL;
        size_t n = 0;

        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->file[i].path, path) == 0) {
                        *ret = VIEW(f->file[i].text, f->file[i].size);
                        return true;
                }
        if (f->n == FILES_MAX || ctl_read_file(path, PAMD_FILE_MAX, &text, &n) < 0)
                return false;
        (void) snprintf(f->file[f->n].path, DOCTOR_PATH_MAX, "%s", path);
        f->file[f->n].text = text;
        f->file[f->n++].size = n;
        *ret = VIEW(text, n);
        return true;
}

/* As libpam finds them: what the machine's owner has written first. */
static bool pam_file(void *userdata, const char *name, struct view *ret) {
        static const char *const folders[] = { "/etc/pam.d/", "/usr/lib/pam.d/" };
        struct files *f = userdata;
        char path[DOCTOR_PATH_MAX], below[DOCTOR_PATH_MAX];

        if (name[0] == '/')
                return load(f, doctor_path(f->d, name, path), ret);
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                (void) snprintf(below, sizeof(below), "%s%s", folders[i], name);
                if (load(f, doctor_path(f->d, below, path), ret))
                        return true;
        }
        return false;
}

static void drop(struct files *f) {
        for (size_t i = 0; i < f->n; i++)
                free(f->file[i].text);
        free(f);
}

/* Where libpam looks for a module: its folder has the machine's kind in its path. */
static bool is_there(const struct doctor *d, const char *module) {
        static const char *const folders[] = { "/lib/security/", "/usr/lib/security/",
                "/lib/*/security/", "/usr/lib/*/security/" };
        char path[DOCTOR_PATH_MAX], below[DOCTOR_PATH_MAX];

        if (module[0] == '/')
                return access(doctor_path(d, module, path), R_OK) == 0;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                glob_t g = { 0 };
                int r;

                (void) snprintf(below, sizeof(below), "%s%.128s", folders[i], module);
                r = glob(doctor_path(d, below, path), 0, NULL, &g);
                globfree(&g);
                if (r == 0)
                        return true;
        }
        return false;
}

#define LINE "account [success=ok ignore=ignore default=bad] pam_kedge.so"

static void say_stack(struct doctor *d, const char *service, enum pamd_type type,
                const struct pamd_stack *stack) {
        const char *kind = type == PAMD_AUTH ? "auth" : "account", *path = pamd_kedge(stack);
        char word[PAMD_MODULE_MAX], cure[DOCTOR_TEXT_MAX];
        enum pamd_verdict v = pamd_judge(stack, word);

        (void) snprintf(cure, sizeof(cure), "in /etc/pam.d/%s, before all that can end the stack: %s",
                        service, type == PAMD_AUTH ? "auth requisite pam_kedge.so" : LINE);
        if (path && !is_there(d, path)) {
                doctor_say(d, DOCTOR_FAIL, "pam", "install the package that has it, or take the line out",
                                "%s: %s in the %s stack names a file that is not there: nobody gets in",
                                service, path, kind);
                return;
        }
        switch (v) {
        case PAMD_ABSENT:
                doctor_say(d, DOCTOR_WARN, "pam", cure,
                                "%s: managed users get in without the chain: no pam_kedge.so in account",
                                service);
                break;
        case PAMD_SKIPPED:
                doctor_say(d, DOCTOR_FAIL, "pam", cure,
                                "%s: the %s stack can end well without pam_kedge.so: %.128s leads past it",
                                service, kind, word);
                break;
        case PAMD_WEAK:
                doctor_say(d, DOCTOR_FAIL, "pam", cure,
                                "%s: pam_kedge.so's no is not the last word in the %s stack%s%.128s",
                                service, kind, word[0] ? ": it goes on with " : "", word);
                break;
        case PAMD_SHUT:
                doctor_say(d, DOCTOR_FAIL, "pam", cure,
                                "%s: the %s stack never ends well: nobody gets in", service, kind);
                break;
        case PAMD_GOOD:
                doctor_say(d, DOCTOR_OK, "pam", NULL, "%s: pam_kedge.so has the last word in %s", service,
                                kind);
                break;
        }
}

/* "su -" and "sudo -i" ask by names of their own: who shuts one door of two has shut none. */
static const char *const services[] = { "sshd", "login", "su", "su-l", "sudo", "sudo-i", "cron" };

/* How many stacks have pam_kedge.so. With tell, what each is worth. */
static size_t look_at_stacks(struct doctor *d, struct files *f, struct pamd_stack *stack, bool tell) {
        const struct pamd_source source = { pam_file, f };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(services); i++)
                for (int type = PAMD_AUTH; type <= PAMD_ACCOUNT; type++) {
                        int r = pamd_read(&source, services[i], (enum pamd_type) type, stack);
                        bool has = r == 0 && pamd_kedge(stack) != NULL;
                        bool wanted = type == PAMD_ACCOUNT && strcmp(services[i], "cron") != 0;

                        n += has;
                        if (r < 0 && r != -ENOENT && tell && type == PAMD_ACCOUNT)
                                doctor_say(d, DOCTOR_FAIL, "pam", "read what stands there: man pam.d",
                                                "/etc/pam.d/%s, or what it includes, cannot be read",
                                                services[i]);
                        else if (r == 0 && tell && (has || wanted))
                                say_stack(d, services[i], (enum pamd_type) type, stack);
                }
        return n;
}

static size_t look_at_pam(struct doctor *d, bool tell) {
        struct files *f = calloc(1, sizeof(*f));
        struct pamd_stack *stack = calloc(1, sizeof(*stack));
        size_t n = 0;

        if (f && stack) {
                f->d = d;
                n = look_at_stacks(d, f, stack, tell);
        }
        free(stack);
        if (f)
                drop(f);
        return n;
}

/* ---- break-glass ---- */

struct groups {
        const struct doctor *d;
        gid_t gid; /* of the user */
};

/* By the machine's own files. What cannot be told counts as in, as pam_kedge has it. */
static bool group_holds(const struct groups *g, const char *user, const char *group, bool *ret_seen) {
        char path[DOCTOR_PATH_MAX];
        FILE *f = fopen(doctor_path(g->d, "/etc/group", path), "re");
        bool in = f == NULL;
        const struct group *gr;

        *ret_seen = false;
        while (f && !*ret_seen && (gr = fgetgrent(f))) {
                if (strcmp(gr->gr_name, group) != 0)
                        continue;
                *ret_seen = true;
                in = gr->gr_gid == g->gid;
                for (size_t i = 0; gr->gr_mem[i] && i < MEMBERS_MAX; i++)
                        in = in || strcmp(gr->gr_mem[i], user) == 0;
        }
        if (f)
                fclose(f);
        return in;
}

static bool in_group(void *userdata, const char *user, const char *group) {
        bool seen;

        return group_holds(userdata, user, group, &seen);
}

/* Whom login_judge() asks about is in no group; what is looked at is whether there is one. */
static bool look_at_group(void *userdata, const char *user _unused_, const char *group) {
        struct doctor *d = userdata;
        struct groups none = { d, (gid_t) -1 };
        bool seen = false;

        (void) group_holds(&none, "", group, &seen);
        if (!seen)
                doctor_say(d, DOCTOR_WARN, "login.conf", "spell it as /etc/group does, or make it: groupadd",
                                "ManagedGroup=%.64s: /etc/group has no such group: unless the network knows one, it makes nobody ours",
                                group);
        return false;
}

/* A group that is not there lets all past us whom it should name, and nothing else tells. */
static void look_at_groups(struct doctor *d, const char *conf) {
        const struct login_who who = { .user = "", .in_group = look_at_group, .userdata = d };
        bool denied;
        int why;

        (void) login_read(conf, &who, &denied, &why);
}

static bool has_shell(const struct passwd *pw) {
        const char *name = strrchr(pw->pw_shell, '/');

        name = name ? name + 1 : pw->pw_shell;
        return strcmp(name, "nologin") != 0 && strcmp(name, "false") != 0 && strcmp(name, "sync") != 0;
}

/* 1: can be typed in; 0: cannot; -1: only root may see. */
static int has_password(const struct doctor *d, const char *user) {
        char path[DOCTOR_PATH_MAX];
        FILE *f = fopen(doctor_path(d, "/etc/shadow", path), "re");
        const struct spwd *sp;
        int has = 0;

        if (!f)
                return errno == EACCES ? -1 : 0;
        while ((sp = fgetspent(f)))
                if (strcmp(sp->sp_namp, user) == 0) {
                        has = sp->sp_pwdp[0] != '!' && sp->sp_pwdp[0] != '*';
                        break;
                }
        fclose(f);
        return has;
}

/* Gets in at the console whatever the chain says, as far as login.conf goes. */
static bool is_free(const struct doctor *d, const char *conf, const struct passwd *pw) {
        struct groups g = { d, pw->pw_gid };
        const struct login_who who = {
                .user = pw->pw_name, .is_root = pw->pw_uid == 0, .console = true,
                .in_group = in_group, .userdata = &g,
        };
        bool denied;
        int why;
        enum login_managed here = login_read(conf, &who, &denied, &why);

        return why == 0 && (here == LOGIN_NOT_OURS || here == LOGIN_BREAK_GLASS);
}

static void look_at_break_glass(struct doctor *d, const char *conf) {
        char path[DOCTOR_PATH_MAX], locked[64] = "";
        FILE *f = fopen(doctor_path(d, "/etc/passwd", path), "re");
        const struct passwd *pw;

        for (size_t i = 0; f && i < USERS_MAX && (pw = fgetpwent(f)); i++) {
                int has;

                if ((pw->pw_uid != 0 && pw->pw_uid < FIRST_USER) || !has_shell(pw) ||
                                !is_free(d, conf, pw))
                        continue;
                has = has_password(d, pw->pw_name);
                if (has != 0) {
                        doctor_say(d, DOCTOR_OK, "break-glass", NULL,
                                        "%s gets in at the console whatever the chain says%s", pw->pw_name,
                                        has < 0 ? "; whether with a password, root can see" : "");
                        fclose(f);
                        return;
                }
                if (!locked[0])
                        (void) snprintf(locked, sizeof(locked), "%.63s", pw->pw_name);
        }
        if (f)
                fclose(f);
        if (locked[0])
                doctor_say(d, DOCTOR_FAIL, "break-glass", "passwd root, and keep it in a safe",
                                "nobody gets in at the console when the chain cannot be reached: "
                                "%s could, and has no password",
                                locked);
        else
                doctor_say(d, DOCTOR_FAIL, "break-glass", "BreakGlass=root@console in login.conf",
                                "nobody gets in at the console when the chain cannot be reached: "
                                "everybody is managed");
}

/* ---- login.conf, and the agent's side of it ---- */

static void say_conf(struct doctor *d, const char *path, int why) {
        char cure[DOCTOR_TEXT_MAX];

        switch (why) {
        case ENOENT:
                doctor_say(d, DOCTOR_FAIL, "login.conf", "write it, see login.conf(5); or pam-auth-update --disable kedge",
                                "there is no %s, and PAM asks pam_kedge.so: nobody but root gets in", path);
                return;
        case EPERM:
        case EACCES:
                (void) snprintf(cure, sizeof(cure), "chown root: %s && chmod 644 %s", path, path);
                doctor_say(d, DOCTOR_FAIL, "login.conf", cure,
                                "%s is not believed: a link, not root's, or not for all to read and root "
                                "alone to write",
                                path);
                return;
        case EBADMSG:
                doctor_say(d, DOCTOR_FAIL, "login.conf", "write it anew, see login.conf(5)",
                                "%s is empty, damaged or without [Login]: nobody but root gets in", path);
                return;
        default:
                doctor_say(d, DOCTOR_FAIL, "login.conf", "kedged --check-config", "%s: %s", path,
                                strerrordesc_np(why) ?: "unknown error");
        }
}

/* A challenge costs nothing, and is given for any name: it tells whether logins are decided. */
static void look_at_agent(struct doctor *d) {
        struct query_request request = { .verb = QUERY_CHALLENGE, .name = "doctor", .service = "login" };
        struct query_reply reply;
        struct login_text t;

        if (!d->agent || ctl_get(d->ctl, &request, &reply) < 0)
                return;
        if (reply.result == QUERY_OK &&
                        login_text_parse(VIEW_TEXT(reply.challenge.text), &t) == 0)
                doctor_say(d, DOCTOR_OK, "logins", NULL, "the agent decides them, for the host %s",
                                t.host);
        else
                doctor_say(d, DOCTOR_FAIL, "logins", "kedged --check-config && systemctl reload kedged",
                                "the agent decides none: %s", reply.reason);
}

static bool all_may_read(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

void doctor_login(struct doctor *d) {
        const struct login_who who = { .user = "root", .is_root = true, .console = true };
        char conf[CTL_PATH_MAX];
        size_t asked = look_at_pam(d, false);
        bool denied;
        int why;

        ctl_login_conf(d->ctl, conf);
        (void) login_read(conf, &who, &denied, &why);
        if (why == 0 && !all_may_read(conf)) /* root may: kedged and sshd's helper are not root */
                why = EACCES;
        if (why == ENOENT && asked == 0) {
                doctor_say(d, DOCTOR_OK, "logins", NULL, "kedge has no part in them: there is no %s", conf);
                return;
        }
        if (why != 0)
                say_conf(d, conf, why);
        else
                doctor_say(d, DOCTOR_OK, "login.conf", NULL, "who is managed can be read");
        if (asked == 0)
                doctor_say(d, DOCTOR_WARN, "pam", "pam-auth-update --enable kedge",
                                "pam_kedge.so stands in no stack of PAM: kedge has no say in logins");
        else
                (void) look_at_pam(d, true);
        if (why == 0) {
                look_at_groups(d, conf);
                look_at_break_glass(d, conf);
                look_at_agent(d);
                doctor_sshd(d);
        }
}
