/* Answers that are taller than the terminal go through a pager: the program that KEDGE_PAGER or
 * PAGER names, else less. What was printed is kept in memory until the verb has ended, so it is known
 * whether a pager is needed at all. A pager that cannot be started, or that ends before it has read
 * everything, is no error: without one the answer is printed as it is. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/ctl.h"

#define PAGER_DEFAULT "less -FRSX"
#define PAGER_NOT_FOUND 127 /* of the shell */

/* A program that runs with more rights than its caller starts nothing that the caller names. */
static bool may_start(void) {
        return geteuid() == getuid() && getegid() == getgid();
}

/* NULL: none is wanted. */
static const char *command(void) {
        const char *c = secure_getenv("KEDGE_PAGER");

        if (!c)
                c = secure_getenv("PAGER");
        if (!c)
                c = PAGER_DEFAULT;
        return c[0] && strcmp(c, "cat") != 0 ? c : NULL;
}

void pager_begin(const struct ctl *ctl, struct pager *ret) {
        int fd;

        *ret = (struct pager){ .saved_fd = -1, .kept_fd = -1 };
        if (ctl->no_pager || ctl->json || !isatty(STDOUT_FILENO) || !may_start() || !command())
                return;
        fd = memfd_create("kedgectl", MFD_CLOEXEC);
        if (fd < 0)
                return;
        ret->saved_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (ret->saved_fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0) {
                ret->kept_fd = fd;
                return;
        }
        if (ret->saved_fd >= 0)
                close(ret->saved_fd);
        ret->saved_fd = -1;
        close(fd);
}

/* Copies what was kept to fd; false where it could not take all of it. */
static bool pour(int kept_fd, int fd) {
        char buffer[65536];
        off_t at = 0;

        for (;;) {
                ssize_t n = pread(kept_fd, buffer, sizeof(buffer), at), done = 0;

                if (n <= 0)
                        return n == 0;
                at += n;
                while (done < n) {
                        ssize_t k = write(fd, buffer + done, (size_t) (n - done));

                        if (k < 0 && errno == EINTR)
                                continue;
                        if (k < 0)
                                return false;
                        done += k;
                }
        }
}

static bool is_tall(int kept_fd, int terminal_fd) {
        struct winsize size = { 0 };
        size_t lines = 0;
        char buffer[4096];
        off_t at = 0;
        ssize_t n;

        if (ioctl(terminal_fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
                return false;
        while ((n = pread(kept_fd, buffer, sizeof(buffer), at)) > 0) {
                at += n;
                for (ssize_t i = 0; i < n; i++)
                        lines += buffer[i] == '\n';
        }
        return lines >= size.ws_row; /* the prompt wants a line, too */
}

static void be_pager(int in_fd, int out_fd) {
        if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0)
                _exit(PAGER_NOT_FOUND);
        (void) setenv("LESS", "FRSX", 0);
        (void) setenv("LESSSECURE", "1", 1); /* no shell, no editor, no file from within */
        (void) signal(SIGPIPE, SIG_DFL);
        (void) signal(SIGINT, SIG_DFL);
        (void) execl("/bin/sh", "sh", "-c", command(), (char *) NULL);
        _exit(PAGER_NOT_FOUND);
}

/* False where there was no pager. */
static bool page(int kept_fd, int terminal_fd) {
        int pipe_fd[2], status;
        pid_t pid;

        if (pipe2(pipe_fd, O_CLOEXEC) < 0)
                return false;
        pid = fork();
        if (pid == 0)
                be_pager(pipe_fd[0], terminal_fd);
        close(pipe_fd[0]);
        if (pid > 0)
                (void) pour(kept_fd, pipe_fd[1]);
        close(pipe_fd[1]);
        if (pid < 0)
                return false;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return true;
        return !WIFEXITED(status) || WEXITSTATUS(status) != PAGER_NOT_FOUND;
}

bool pager_end(struct pager *p) {
        void (*pipe_was)(int), (*int_was)(int);
        bool good;

        if (p->saved_fd < 0)
                return true;
        good = fflush(stdout) == 0 && dup2(p->saved_fd, STDOUT_FILENO) >= 0;
        pipe_was = signal(SIGPIPE, SIG_IGN);
        int_was = signal(SIGINT, SIG_IGN); /* ^C is the pager's */
        if (good && (!is_tall(p->kept_fd, STDOUT_FILENO) || !page(p->kept_fd, STDOUT_FILENO)))
                good = pour(p->kept_fd, STDOUT_FILENO);
        (void) signal(SIGINT, int_was);
        (void) signal(SIGPIPE, pipe_was);
        close(p->saved_fd);
        close(p->kept_fd);
        p->saved_fd = -1;
        return good;
}
