/* The eight lines that kedge was made for, as a whole program:
 *
 *      io        = connect to the chain, without trusting whoever answers
 *      timestamp = time of the latest block
 *      address   = lookup_map(io, FLEET, 0, "server_ip")
 *      signature = lookup_map(io, FLEET, 0, "signature")
 *      conn      = TLS to address, accepted only if the peer holds the key behind signature
 *
 * No clock, no DNS and no CA is asked. What is not proven is not used.
 *
 *      cc plant-control.c -o plant-control $(pkg-config --cflags --libs kedge-wolfssl)
 *      ./plant-control 0x6000000000000000000000000000000000000001 plant-control.fleet
 */

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <kedge/kedge.h>
#include <kedge/wolfssl.h>

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The exit codes of kedgectl: scripts can tell "absent" from "not proven" from "nobody there". */
static int exit_code(int r) {
        switch (r) {
        case 0:
                return 0;
        case -ESTALE:
                return 3;
        case -EAGAIN:
                return 4;
        case -ENXIO:
                return 5;
        case -ECONNREFUSED:
        case -ETIMEDOUT:
        case -EPERM:
                return 6;
        default:
                return 1;
        }
}

/* The plain part: a TCP connection to an address and a port. -1 for none. */
static int tcp_connect(const char *address, uint16_t port) {
        const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                .ai_socktype = SOCK_STREAM };
        const struct timeval patience = { .tv_sec = 10 };
        struct addrinfo *to;
        char service[8];
        int fd;

        snprintf(service, sizeof(service), "%u", port);
        if (getaddrinfo(address, service, &hints, &to) != 0)
                return -1;
        fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
                if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
                        close(fd);
                        fd = -1;
                }
        }
        freeaddrinfo(to);
        return fd;
}

/* TLS with whoever is at the other end of fd, if he holds the key behind pin. Prints the first
 * thing he says. */
static int talk_to_holder_of(const uint8_t pin[32], const char *name, int fd) {
        WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
        WOLFSSL *conn = NULL;
        char line[256] = "";
        int r = -ENOMEM;

        if (ctx)
                r = kedge_wolfssl_harden(ctx, KEDGE_WOLFSSL_CLIENT);
        if (r == 0)
                r = (conn = wolfSSL_new(ctx)) ? kedge_wolfssl_expect_pin(conn, pin) : -ENOMEM;
        if (r == 0) {
                wolfSSL_UseSNI(conn, WOLFSSL_SNI_HOST_NAME, name, (unsigned short) strlen(name));
                wolfSSL_set_fd(conn, fd);
                wolfSSL_connect(conn);
                r = kedge_wolfssl_check(conn); /* says no, too, if the handshake did not come to its end */
        }

        if (r == 0) {
                wolfSSL_read(conn, line, sizeof(line) - 1);
                line[strcspn(line, "\r\n")] = '\0';
                printf("accepted: %s holds the key, and says: %s\n", name, line);
        } else {
                fprintf(stderr, "refused: %s\n",
                                conn ? kedge_wolfssl_error_text(conn) : "TLS cannot be set up");
        }
        kedge_wolfssl_forget(conn);
        wolfSSL_free(conn);
        wolfSSL_CTX_free(ctx);
        return r;
}

static const char *date_of(uint64_t seconds, char ret[32]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        return gmtime_r(&t, &tm) && strftime(ret, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0 ? ret
                                                                                        : "1970";
}

static int run(struct kedge_client *io, const uint8_t fleet[20], const char *name) {
        uint8_t value[32], signature[32];
        char address[KEDGE_ADDRESS_TEXT_SIZE], date[32];
        uint64_t timestamp;
        uint16_t port;
        int fd, r;

        if ((r = kedge_chain_time(io, &timestamp, NULL)) < 0 ||
            (r = kedge_lookup_map(io, fleet, 0, "server_ip", value, NULL)) < 0 ||
            (r = kedge_value_to_ip(value, address)) < 0 ||
            (r = kedge_lookup_map(io, fleet, 0, "port", value, NULL)) < 0 ||
            (r = kedge_value_to_port(value, &port)) < 0 ||
            (r = kedge_lookup_map(io, fleet, 0, "signature", signature, NULL)) < 0) {
                fprintf(stderr, "plant-control: %s\n",
                                kedge_error_text(io)[0]
                                                ? kedge_error_text(io)
                                                : "the contract holds no such address or port");
                return exit_code(r);
        }
        printf("proven: it is later than %s; the server is at %s, port %u\n",
                        date_of(timestamp, date), address, port);

        fd = tcp_connect(address, port);
        if (fd < 0) {
                fprintf(stderr, "plant-control: nobody answers at %s, port %u\n", address, port);
                return 1;
        }
        r = talk_to_holder_of(signature, name, fd);
        close(fd);
        return r == 0 ? 0 : 4; /* 4: verification failed */
}

static int parse_contract(const char *text, uint8_t ret[20]) {
        if (strlen(text) != 42 || strncmp(text, "0x", 2) != 0 ||
                        strspn(text + 2, "0123456789abcdefABCDEF") != 40)
                return -EINVAL;
        for (int i = 0; i < 20; i++)
                sscanf(text + 2 + 2 * i, "%2hhx", &ret[i]);
        return 0;
}

int main(int argc, char **argv) {
        struct kedge_client *io;
        uint8_t fleet[20];
        int code;

        if (argc != 3 || parse_contract(argv[1], fleet) < 0) {
                fprintf(stderr, "usage: plant-control FLEET NAME\n"
                                "FLEET is a contract's address, 0x and 40 digits; NAME is only "
                                "sent to the server (SNI)\n");
                return 2;
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is a refusal, not our end */
        if (kedge_client_new(&io) < 0 || wolfSSL_Init() != WOLFSSL_SUCCESS)
                return 1;
        code = run(io, fleet, argv[2]);
        kedge_client_free(io);
        wolfSSL_Cleanup();
        return code;
}
