/* The file in the folder of drop-ins. kedged is the judge of it: what it would refuse at its next
 * start, a chain that is spelt wrong or a key of the other backend, is taken back, so that no word
 * typed here keeps a machine from coming up. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/checkpoint.h"
#include "config.h"

#define SAID_MAX 2048
#define NOT_RUN  127 /* as the shell has it */

static void run_child(const char *program, const char *config, int err_fd) {
        char option[4096];
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

/* The line of an error, without its priority. */
static void copy_error(const char *said, char ret[CHECKPOINT_WHY]) {
        const char *line = strstr(said, "<3>");

        line = line ? line + 3 : said;
        (void) snprintf(ret, CHECKPOINT_WHY, "%.*s", (int) strcspn(line, "\n"), line);
        ctl_clean(ret, CHECKPOINT_WHY);
}

/* Whether kedged would start with it; also where there is no kedged to ask, or nothing for it to
 * read yet. */
static bool is_taken(const char *config, char ret_why[CHECKPOINT_WHY]) {
        const char *own = secure_getenv("KEDGED");
        char said[SAID_MAX];
        int fds[2], status = 0;
        pid_t pid;

        if (access(config, F_OK) < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return true;
        (void) fflush(stdout);
        pid = fork();
        if (pid == 0)
                run_child(own && own[0] ? own : KEDGED_PROGRAM, config, fds[1]);
        (void) close(fds[1]);
        listen_to(fds[0], said);
        (void) close(fds[0]);
        if (pid > 0)
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        ;
        if (pid < 0 || (WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
                                                             WEXITSTATUS(status) == NOT_RUN)))
                return true;
        copy_error(said, ret_why);
        return false;
}

/* A reader finds the old one or the new one, whole. */
static int put_file(const char *path, const char *text) {
        char draft[4096];
        size_t n = strlen(text);
        int fd, r = 0;

        if (snprintf(draft, sizeof(draft), "%s.new", path) >= (int) sizeof(draft))
                return -ENAMETOOLONG;
        fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        errno = EIO;
        if (fchmod(fd, 0644) < 0 || write(fd, text, n) != (ssize_t) n || fsync(fd) < 0)
                r = -errno;
        if (close(fd) < 0 && r == 0)
                r = -errno;
        if (r == 0 && rename(draft, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(draft);
        return r;
}

int checkpoint_write(const char *config, const char *path, const char *text,
                char ret_why[CHECKPOINT_WHY]) {
        char before[4096];
        bool was;
        int r;

        if (snprintf(before, sizeof(before), "%s.before", path) >= (int) sizeof(before))
                return -ENAMETOOLONG;
        if (unlink(before) < 0 && errno != ENOENT)
                return -errno;
        was = link(path, before) == 0;
        if (!was && errno != ENOENT)
                return -errno;
        r = put_file(path, text);
        if (r == 0 && !is_taken(config, ret_why)) {
                r = -EBADMSG;
                if (was ? rename(before, path) < 0 : unlink(path) < 0)
                        r = -errno;
        }
        if (was && r != -EBADMSG)
                (void) unlink(before);
        return r;
}
