/* What the tests with a failing nth call share: a folder of their own, and in it the query socket
 * of an agent that does what answer() says. A process of its own, so that neither its descriptors
 * nor its calls are counted. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../wire_fixture.h"
#include "wire/query.h"

#define CALLS_MAX 200
#define SHORT     (-1) /* not an errno: fewer bytes than asked for, then the end */

static const int errors[] = { EIO, ENOMEM, EMFILE, EINTR, EAGAIN, EACCES, ECONNREFUSED, SHORT };

static char folder[64], file[128];
static int server_fd;
static pid_t server_pid;

static inline const char *path_in(const char *name) {
        FIXTURE_MUST(snprintf(file, sizeof(file), "%s/%s", folder, name) < (int) sizeof(file));
        return file;
}

static inline void make_folder(void) {
        strcpy(folder, "/tmp/kedge-wrap-XXXXXX");
        FIXTURE_MUST(mkdtemp(folder));
}

static inline unsigned count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        FIXTURE_MUST(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

/* Until the listening socket is shut down. */
static inline void serve(void (*answer)(const struct query_request *q, struct query_reply *a)) {
        int fd;

        while ((fd = accept4(server_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct query_request q;
                struct query_reply a = { .magic = QUERY_MAGIC, .version = QUERY_VERSION };

                if (read(fd, &q, sizeof(q)) == (ssize_t) sizeof(q)) {
                        a.id = q.id;
                        answer(&q, &a);
                        (void) send(fd, &a, sizeof(a), MSG_NOSIGNAL);
                }
                close(fd);
        }
}

static inline void agent_begin(
                void (*answer)(const struct query_request *q, struct query_reply *a)) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };

        server_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        strcpy(at.sun_path, path_in("query.sock"));
        FIXTURE_MUST(server_fd >= 0 &&
                        bind(server_fd, (struct sockaddr *) &at, sizeof(at)) == 0);
        FIXTURE_MUST(listen(server_fd, 64) == 0);
        server_pid = fork();
        FIXTURE_MUST(server_pid >= 0);
        if (server_pid > 0)
                return;
        serve(answer);
        _exit(0);
}

/* Ends it and removes the folder; what main() returns. */
static inline int agent_end(bool good, unsigned runs) {
        char command[96];

        (void) shutdown(server_fd, SHUT_RDWR);
        FIXTURE_MUST(waitpid(server_pid, NULL, 0) == server_pid);
        close(server_fd);
        (void) snprintf(command, sizeof(command), "rm -rf %s", folder);
        FIXTURE_MUST(system(command) == 0);
        printf("%u runs\n", runs);
        return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
