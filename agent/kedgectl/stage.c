/* What kedged would say of a configuration that is not there yet. The stage is a private folder with
 * links to the files as they are, and the new drop-in among them.
 *
 * What always holds: the real folder gets a file by one rename, after the judgement; its draft and
 * the stage are not read by kedged, so whatever is left of them when we are killed changes nothing. */

#include "agent/kedgectl/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"
#include "config.h"

#define SAID_MAX 2048
#define NOT_RUN  127 /* as the shell has it */
#define PATH_CAP 4096

_Static_assert(STAGE_WHY_MAX == CTL_WHY_MAX, "a reason fits");

struct stage {
        char real[PATH_CAP];  /* the folder of the configuration */
        char at[64];          /* the stage in its place; empty: there is none */
        char name[NAME_MAX + 1]; /* the configuration's own name */
};

static const char *const beside[] = { "login.conf", "net.conf" };

static int join(char ret[PATH_CAP], const char *a, const char *b, const char *end) {
        return snprintf(ret, PATH_CAP, "%s/%s%s", a, b, end) < PATH_CAP ? 0 : -ENAMETOOLONG;
}

static void empty_folder(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *e;

        while (dir && (e = readdir(dir)))
                (void) unlinkat(dirfd(dir), e->d_name, 0);
        if (dir)
                (void) closedir(dir);
        (void) rmdir(path);
}

static void stage_done(struct stage *s) {
        char drop_ins[PATH_CAP];

        if (s->at[0] == '\0')
                return;
        if (join(drop_ins, s->at, s->name, ".d") == 0)
                empty_folder(drop_ins);
        empty_folder(s->at);
}

static int write_all(int fd, const char *text) {
        size_t n = strlen(text);

        while (n > 0) {
                ssize_t k = write(fd, text, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                text += k;
                n -= (size_t) k;
        }
        return 0;
}

/* A file of its own, never through a link. */
static int put_draft(const char *path, const char *text) {
        int fd, r;

        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, 0644) < 0 ? -errno : write_all(fd, text);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r < 0)
                (void) unlink(path);
        return r;
}

static int link_one(const char *from, const char *to, const char *name) {
        char target[PATH_CAP], path[PATH_CAP];

        if (join(target, from, name, "") < 0 || join(path, to, name, "") < 0)
                return -ENAMETOOLONG;
        if (access(target, F_OK) < 0)
                return 0;
        return symlink(target, path) < 0 ? -errno : 0;
}

/* The drop-ins as they are, but for the one called but; in a folder with the real one's mode, of which
 * kedged has an opinion, too. */
static int link_drop_ins(const struct stage *s, const char *but, char ret_folder[PATH_CAP]) {
        char real[PATH_CAP];
        struct dirent *e;
        struct stat st;
        DIR *dir;
        int r = 0;

        if (join(real, s->real, s->name, ".d") < 0 || join(ret_folder, s->at, s->name, ".d") < 0)
                return -ENAMETOOLONG;
        if (mkdir(ret_folder, 0700) < 0)
                return -errno;
        dir = opendir(real);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(dirfd(dir), &st) < 0 || chmod(ret_folder, (st.st_mode & 0777) | 0700) < 0)
                r = -errno;
        while (r == 0 && (e = readdir(dir)))
                if (e->d_name[0] != '.' && strcmp(e->d_name, but) != 0)
                        r = link_one(real, ret_folder, e->d_name);
        (void) closedir(dir);
        return r;
}

static int fill(struct stage *s, const char *path, const char *text) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char folder[PATH_CAP], file[PATH_CAP];
        int r = link_one(s->real, s->at, s->name);

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(beside); i++)
                r = link_one(s->real, s->at, beside[i]);
        if (r == 0)
                r = link_drop_ins(s, name, folder);
        if (r < 0 || !text)
                return r;
        return join(file, folder, name, "") < 0 ? -ENAMETOOLONG : put_draft(file, text);
}

static int stage_make(struct stage *s, const char *config) {
        char of_dir[PATH_CAP], of_name[PATH_CAP];

        if (strlen(config) >= PATH_CAP)
                return -ENAMETOOLONG;
        strcpy(of_dir, config);
        strcpy(of_name, config);
        if (!realpath(dirname(of_dir), s->real))
                return -errno;
        (void) snprintf(s->name, sizeof(s->name), "%s", basename(of_name));
        strcpy(s->at, "/tmp/kedge-check.XXXXXX");
        if (!mkdtemp(s->at)) {
                s->at[0] = '\0';
                return -errno;
        }
        return 0;
}

static void run_child(const char *program, const char *config, int err_fd) {
        char option[PATH_CAP + 16];
        int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void) snprintf(option, sizeof(option), "--config=%s", config);
        if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(null_fd, STDOUT_FILENO) >= 0 &&
                        dup2(err_fd, STDERR_FILENO) >= 0)
                (void) execl(program, program, "--check-config", option, (char *) NULL);
        _exit(NOT_RUN);
}

/* All that is said, of which the beginning is kept. */
static void listen_to(int fd, char ret[SAID_MAX]) {
        char rest[512];
        size_t n = 0;
        ssize_t k = 1;

        while (k > 0) {
                bool room = n < SAID_MAX - 1;

                k = read(fd, room ? ret + n : rest, room ? SAID_MAX - 1 - n : sizeof(rest));
                n += room && k > 0 ? (size_t) k : 0;
                if (k < 0 && errno == EINTR)
                        k = 1;
        }
        ret[n] = '\0';
}

/* The line of an error, without its priority, and with the folder that the operator knows. */
static void copy_error(const struct stage *s, const char *said, char ret[STAGE_WHY_MAX]) {
        const char *line = strstr(said, "<3>"), *at, *end;
        size_t n = 0;

        line = line ? line + 3 : said;
        end = line + strcspn(line, "\n");
        ret[0] = '\0';
        while (line < end && n < STAGE_WHY_MAX) {
                at = strstr(line, s->at);
                if (!at || at > end)
                        at = end;
                n += (size_t) snprintf(ret + n, STAGE_WHY_MAX - n, "%.*s%s", (int) (at - line), line,
                                at < end ? s->real : "");
                line = at < end ? at + strlen(s->at) : end;
        }
        ctl_clean(ret, STAGE_WHY_MAX);
}

/* What kedged warns of, and takes all the same. */
static void print_warnings(const char *said) {
        for (const char *line = said; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                char text[STAGE_WHY_MAX];

                if (strncmp(line, "<4>", 3) != 0)
                        continue;
                (void) snprintf(text, sizeof(text), "%.*s", (int) strcspn(line, "\n") - 3, line + 3);
                ctl_clean(text, sizeof(text));
                (void) fprintf(stderr, "kedgectl: warning: %s\n", text);
        }
}

static int ask_kedged(const struct stage *s, char ret_why[STAGE_WHY_MAX]) {
        const char *own = secure_getenv("KEDGED");
        char said[SAID_MAX], config[PATH_CAP];
        int fds[2], status = 0;
        pid_t pid;

        if (join(config, s->at, s->name, "") < 0)
                return -ENAMETOOLONG;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        (void) fflush(stdout);
        pid = fork();
        if (pid == 0)
                run_child(own && own[0] ? own : KEDGED_PROGRAM, config, fds[1]);
        (void) close(fds[1]);
        listen_to(fds[0], said);
        (void) close(fds[0]);
        if (pid < 0)
                return -EAGAIN;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                print_warnings(said);
        if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == NOT_RUN))
                return 0;
        copy_error(s, said, ret_why);
        return -EBADMSG;
}

int stage_judge(const char *config, const char *path, const char *text,
                char ret_why[STAGE_WHY_MAX]) {
        struct stage s = { 0 };
        int r;

        if (access(config, F_OK) < 0)
                return 0;
        r = stage_make(&s, config);
        if (r == 0)
                r = fill(&s, path, text);
        if (r == 0)
                r = ask_kedged(&s, ret_why);
        stage_done(&s);
        return r;
}

/* The name is on the disk when we say so. */
static int sync_folder(const char *path) {
        char text[PATH_CAP];
        int fd, r;

        strcpy(text, path);
        fd = open(dirname(text), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = fsync(fd) < 0 ? -errno : 0;
        (void) close(fd);
        return r;
}

int stage_put(const char *config, const char *path, const char *text,
                char ret_why[STAGE_WHY_MAX]) {
        char draft[PATH_CAP];
        int r;

        if (snprintf(draft, sizeof(draft), "%s.new", path) >= (int) sizeof(draft))
                return -ENAMETOOLONG;
        r = stage_judge(config, path, text, ret_why);
        if (r < 0)
                return r;
        if (!text)
                r = unlink(path) < 0 ? -errno : 0;
        else {
                r = put_draft(draft, text);
                if (r == 0 && rename(draft, path) < 0) {
                        r = -errno;
                        (void) unlink(draft);
                }
        }
        return r < 0 ? r : sync_folder(path);
}
