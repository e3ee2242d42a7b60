/* Times getaddrinfo(AF_UNSPEC, SOCK_STREAM) of one name with whatever nsswitch.conf says: prints
 * the median of the rounds' means in nanoseconds. */

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ROUNDS 101
#define CALLS  200

static double now_ns(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void look(const char *name) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
        int r = getaddrinfo(name, NULL, &hints, &list);

        if (r != 0) {
                fprintf(stderr, "%s: %s\n", name, gai_strerror(r));
                exit(EXIT_FAILURE);
        }
        freeaddrinfo(list);
}

int main(int argc, char **argv) {
        double rounds[ROUNDS];

        if (argc != 2)
                return 2;
        look(argv[1]);
        for (int i = 0; i < ROUNDS; i++) {
                double start = now_ns();

                for (int j = 0; j < CALLS; j++)
                        look(argv[1]);
                rounds[i] = (now_ns() - start) / CALLS;
        }
        qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
        printf("%.0f\n", rounds[ROUNDS / 2]);
        return 0;
}
