/* Look-ups as programs make them, for the integration test of the NSS module:
 *   lookups one NAME              the addresses, one a line
 *   lookups threads NAME ADDRESS  8 threads, 500 look-ups each, all right
 *   lookups fork NAME ADDRESS     8 children of a program that has looked up before */

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 8
#define CALLS   500

static const char *name, *want;

static int resolve(struct addrinfo **ret) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

        return getaddrinfo(name, NULL, &hints, ret);
}

static const char *text_of(const struct addrinfo *a, char ret[INET6_ADDRSTRLEN]) {
        const void *addr =
                        a->ai_family == AF_INET
                                        ? (const void *) &((const struct sockaddr_in *) (const void
                                                                                           *)
                                                                           a->ai_addr)
                                                          ->sin_addr
                                        : (const void *) &((const struct sockaddr_in6 *) (const void
                                                                                           *)
                                                                           a->ai_addr)
                                                          ->sin6_addr;

        return inet_ntop(a->ai_family, addr, ret, INET6_ADDRSTRLEN);
}

static bool is_right(void) {
        char text[INET6_ADDRSTRLEN];
        struct addrinfo *list;
        bool right;

        if (resolve(&list) != 0)
                return false;
        right = !list->ai_next && strcmp(text_of(list, text), want) == 0;
        freeaddrinfo(list);
        return right;
}

static void *work(void *arg) {
        for (int i = 0; i < CALLS; i++)
                if (!is_right())
                        return arg;
        return NULL;
}

static int with_threads(void) {
        pthread_t threads[WORKERS];
        int wrong = 0;

        for (int i = 0; i < WORKERS; i++)
                if (pthread_create(&threads[i], NULL, work, &wrong) != 0)
                        return 1;
        for (int i = 0; i < WORKERS; i++) {
                void *result;

                (void) pthread_join(threads[i], &result);
                wrong += result != NULL;
        }
        return wrong;
}

static int with_fork(void) {
        int wrong = !is_right();

        for (int i = 0; i < WORKERS; i++) {
                pid_t pid = fork();
                int status = 1;

                if (pid == 0)
                        _exit(is_right() ? 0 : 1);
                if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
                        wrong++;
        }
        return wrong;
}

static int one(void) {
        char text[INET6_ADDRSTRLEN];
        struct addrinfo *list;
        int r = resolve(&list);

        if (r != 0) {
                printf("%s\n", gai_strerror(r));
                return 1;
        }
        for (struct addrinfo *a = list; a; a = a->ai_next)
                printf("%s\n", text_of(a, text));
        freeaddrinfo(list);
        return 0;
}

int main(int argc, char **argv) {
        if (argc < 3)
                return 2;
        name = argv[2];
        want = argc > 3 ? argv[3] : "";
        if (strcmp(argv[1], "threads") == 0)
                return with_threads();
        return strcmp(argv[1], "fork") == 0 ? with_fork() : one();
}
