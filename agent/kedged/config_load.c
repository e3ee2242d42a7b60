/* The files of a configuration, what must hold of the whole, and what may change while running. */

#include "agent/kedged/config_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/util.h"
#include <config.h> /* the build's, not our own config.h */

struct config *config_free(struct config *c) {
        free(c);
        return NULL;
}

/* Whoever may write the file decides whom this machine trusts. */
static int check_file(int fd, const char *path, char *ret_why) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode)) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%s: not a regular file", path);
                return -EINVAL;
        }
        if (st.st_mode & S_IWOTH) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX,
                        "%s: everybody may write it; take that away: chmod o-w", path);
                return -EINVAL;
        }
        if (st.st_size > CONFIG_FILE_MAX) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%s: larger than 64 kB", path);
                return -EINVAL;
        }
        return 0;
}

static int read_file(struct config_reader *in, const char *path) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        _cleanup_(freep) uint8_t *text = NULL;
        size_t n = 0;
        int r;

        if (fd < 0) {
                r = -errno;
                (void) snprintf(in->why, CONFIG_WHY_MAX, "%s: cannot be opened: %s%s", path,
                                strerror(-r),
                                r == -ENOENT ? "; write it (see kedged.conf(5)), or name another "
                                               "with --config="
                                             : "");
                return r;
        }
        r = check_file(fd, path, in->why);
        if (r < 0)
                return r;
        text = malloc(CONFIG_FILE_MAX + 1);
        if (!text) {
                (void) snprintf(in->why, CONFIG_WHY_MAX, "%s: out of memory", path);
                return -ENOMEM;
        }
        while (n <= CONFIG_FILE_MAX) {
                ssize_t k = read(fd, text + n, CONFIG_FILE_MAX + 1 - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0) {
                        r = -errno;
                        (void) snprintf(in->why, CONFIG_WHY_MAX, "%s: cannot be read: %s", path,
                                        strerror(-r));
                        return r;
                }
                if (k == 0)
                        return config_read_text(in, path, VIEW(text, n));
                n += (size_t) k;
        }
        (void) snprintf(in->why, CONFIG_WHY_MAX, "%s: larger than 64 kB", path);
        return -EINVAL;
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

struct names {
        size_t n;
        char *name[CONFIG_FILES_MAX];
};

static void names_done(struct names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->name[i]);
}

static int list_drop_ins(const char *folder, struct names *names, char *ret_why) {
        _cleanup_(dir_closep) DIR *dir = opendir(folder);
        struct dirent *e;
        struct stat st;

        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(dirfd(dir), &st) < 0)
                return -errno;
        if ((st.st_mode & S_IWOTH) != 0) { /* whoever may put a file there may do what the file may */
                (void) snprintf(ret_why, CONFIG_WHY_MAX,
                                "%.300s: everybody may write to it; take that away: chmod o-w",
                                folder);
                return -EINVAL;
        }
        while ((e = readdir(dir))) {
                size_t n = strlen(e->d_name);

                if (e->d_name[0] == '.' || n < 6 || strcmp(e->d_name + n - 5, ".conf") != 0)
                        continue;
                if (names->n == CONFIG_FILES_MAX) {
                        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: more than 64 files",
                                        folder);
                        return -EINVAL;
                }
                names->name[names->n] = strdup(e->d_name);
                if (!names->name[names->n])
                        return -ENOMEM;
                names->n++;
        }
        qsort(names->name, names->n, sizeof(names->name[0]), by_name);
        return 0;
}

static int read_drop_ins(struct config_reader *in, const char *path) {
        _cleanup_(names_done) struct names names = { 0 };
        char folder[4096], file[4096 + 256];
        int r;

        if (snprintf(folder, sizeof(folder), "%s.d", path) >= (int) sizeof(folder))
                return -ENAMETOOLONG;
        r = list_drop_ins(folder, &names, in->why);
        if (r < 0 && in->why[0] == 0)
                (void) snprintf(in->why, CONFIG_WHY_MAX, "%.300s: cannot be read: %s", folder,
                                strerror(-r));
        for (size_t i = 0; r >= 0 && i < names.n; i++) {
                (void) snprintf(file, sizeof(file), "%s/%s", folder, names.name[i]);
                r = read_file(in, file);
        }
        return r;
}

static int wrong(char *ret_why, const char *path, const char *section, const char *name,
                const char *what) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%s: [%s%s] %s", path, section, name, what);
        return -EINVAL;
}

static int finish_zone(struct config *c, struct config_zone *z, const char *path, char *ret_why) {
        if (!z->has_contract)
                return wrong(ret_why, path, "Zone ", z->suffix, "has no Contract=");
        if (z->chain[0] == 0 && c->n_chains == 1)
                memcpy(z->chain, c->chain[0].name, sizeof(z->chain));
        if (z->chain[0] == 0)
                return wrong(ret_why, path, "Zone ", z->suffix,
                                "has no Chain=, and there is more than one");
        for (size_t i = 0; i < c->n_chains; i++)
                if (strcmp(c->chain[i].name, z->chain) == 0) {
                        z->chain_index = i;
                        return 0;
                }
        return wrong(ret_why, path, "Zone ", z->suffix, "names a Chain= that has no section");
}

static int finish_role(const struct config_role *role, enum config_role_id id, const char *path,
                char *ret_why) {
        static const bool needs[ROLES] = {
                [ROLE_TLS] = true, [ROLE_PAM] = true, [ROLE_COMMAND] = true
        };
        const char *name = config_role_names[id];

        if (role->stale == STALE_KEEP && id != ROLE_NET)
                return wrong(ret_why, path, name, "",
                                "Stale=keep is for [net] alone: use deny or serve");
        if (role->stale == STALE_SERVE && role->stale_max_ms == 0 && needs[id])
                return wrong(ret_why, path, name, "", "Stale=serve needs StaleMax=");
        return 0;
}

int config_finish(struct config *c, const char *path, char ret_why[CONFIG_WHY_MAX]) {
        int r;

        if (c->n_chains == 0)
                return wrong(ret_why, path, "Chain", "", "is missing: there is nothing to follow");
        for (size_t i = 0; i < c->n_chains; i++) {
                if (c->chain[i].upstreams.n == 0)
                        return wrong(ret_why, path, "Chain ", c->chain[i].name,
                                "has no Upstream=: there is nobody to ask");
                if (c->chain[i].upstreams.n > config_width(c->n_chains))
                        return wrong(ret_why, path, "Chain ", c->chain[i].name,
                                "has too many upstreams: with more than two chains at most 4 each");
                if (c->chain[i].chain_id == 0)
                        return wrong(ret_why, path, "Chain ", c->chain[i].name, "has no ChainId=");
                if (c->chain[i].max_gap == 0)
                        return wrong(ret_why, path, "Chain ", c->chain[i].name,
                                        "MaxGap=0 allows no step");
        }
        for (size_t i = 0; i < c->n_zones; i++) {
                r = finish_zone(c, &c->zone[i], path, ret_why);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ROLES; i++) {
                r = finish_role(&c->role[i], (enum config_role_id) i, path, ret_why);
                if (r < 0)
                        return r;
        }
        if (c->state_dir[0] == 0)
                (void) snprintf(c->state_dir, sizeof(c->state_dir), "%s", KEDGE_STATE_DIR);
        if (c->runtime_dir[0] == 0)
                (void) snprintf(c->runtime_dir, sizeof(c->runtime_dir), "%s", KEDGE_RUNTIME_DIR);
        return 0;
}

int config_load(const char *path, struct config **ret, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(config_freep) struct config *c = malloc(sizeof(*c));
        struct config_reader in = { .config = c, .why = ret_why };
        int r;

        ret_why[0] = 0;
        if (!c) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "out of memory");
                return -ENOMEM;
        }
        config_defaults(c);
        r = read_file(&in, path);
        if (r >= 0)
                r = read_drop_ins(&in, path);
        if (r >= 0)
                r = config_finish(c, path, ret_why);
        if (r < 0) {
                if (ret_why[0] == 0)
                        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: %s", path, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

static bool chain_is_same(const struct config_chain *a, const struct config_chain *b) {
        return strcmp(a->name, b->name) == 0 && strcmp(a->backend, b->backend) == 0 &&
               a->chain_id == b->chain_id && a->max_gap == b->max_gap && a->poll_ms == b->poll_ms &&
               a->request_ms == b->request_ms && a->rest_ms == b->rest_ms &&
               a->head_share == b->head_share && a->ticket_version == b->ticket_version &&
               a->checkpoint.number == b->checkpoint.number &&
               hash32_eq(&a->checkpoint.hash, &b->checkpoint.hash) &&
               address_eq(&a->fleet, &b->fleet);
}

int config_may_replace(
                const struct config *now, const struct config *next, char ret_why[CONFIG_WHY_MAX]) {
        const char *what = NULL;

        if (strcmp(now->state_dir, next->state_dir) != 0)
                what = "StateDirectory=";
        else if (strcmp(now->runtime_dir, next->runtime_dir) != 0)
                what = "RuntimeDirectory=";
        else if (now->fetch_uid != next->fetch_uid)
                what = "FetchUid=";
        else if (now->n_chains != next->n_chains)
                what = "the list of chains";
        for (size_t i = 0; !what && i < now->n_chains; i++)
                if (!chain_is_same(&now->chain[i], &next->chain[i]))
                        what = "a [Chain] section (other than its Upstream= and HeadEvery=)";
        if (!what)
                return 0;
        (void) snprintf(ret_why, CONFIG_WHY_MAX,
                        "%s cannot change while running: restart kedged for it", what);
        return -EINVAL;
}

bool config_suffix_is_private(const char *suffix) {
        return name_in_suffix(suffix, "internal") || name_in_suffix(suffix, "home.arpa");
}

uint64_t config_role_age_ms(const struct config_role *role) {
        return role->max_age_ms + (role->stale == STALE_SERVE ? role->stale_max_ms : 0);
}
