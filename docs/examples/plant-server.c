/* The other side of plant-control: a TLS 1.3 server as there are thousands, with OpenSSL and a
 * certificate that signs itself. It knows nothing of chains. It prints what to store in the
 * contract for it to be found.
 *
 *      openssl req -x509 -newkey ed25519 -nodes -keyout key.pem -out cert.pem -subj
 *      /CN=plant-control -days 3650 ./plant-server 127.0.0.1 0 cert.pem key.pem
 */

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int listen_at(const char *address, const char *port) {
        const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                .ai_socktype = SOCK_STREAM };
        struct addrinfo *at;
        int fd, on = 1;

        if (getaddrinfo(address, port, &hints, &at) != 0)
                return -1;
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
                if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 16) < 0) {
                        close(fd);
                        fd = -1;
                }
        }
        freeaddrinfo(at);
        return fd;
}

/* What kedge wants in the contract: where this server is, and the SHA-256 of its public key as it
 * stands in the certificate, so that a renewed certificate with the same key needs no change on
 * chain. */
static void print_record(const char *address, int fd, SSL_CTX *ctx) {
        unsigned char pin[EVP_MAX_MD_SIZE], *der = NULL;
        struct sockaddr_storage at = { 0 };
        socklen_t n = sizeof(at);
        unsigned pin_n = 0;
        char port[8] = "";
        int der_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(SSL_CTX_get0_certificate(ctx)), &der);

        if (der_n > 0)
                EVP_Digest(der, (size_t) der_n, pin, &pin_n, EVP_sha256(), NULL);
        OPENSSL_free(der);
        getsockname(fd, (struct sockaddr *) &at, &n);
        getnameinfo((struct sockaddr *) &at, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
        printf("server_ip=%s port=%s signature=0x", address, port);
        for (unsigned i = 0; i < pin_n; i++)
                printf("%02x", pin[i]);
        printf("\n");
        fflush(stdout);
}

static void serve(SSL_CTX *ctx, int fd) {
        static const char hello[] = "pump 1 is running\n";
        const struct timeval patience = { .tv_sec = 10 };
        SSL *conn = SSL_new(ctx);

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (conn && SSL_set_fd(conn, fd) == 1 && SSL_accept(conn) == 1) {
                SSL_write(conn, hello, sizeof(hello) - 1);
                SSL_shutdown(conn);
        }
        SSL_free(conn);
}

int main(int argc, char **argv) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        int fd;

        if (argc != 5) {
                fprintf(stderr, "usage: plant-server ADDRESS PORT CERT.pem KEY.pem (port 0: any "
                                "free one)\n");
                return 2;
        }
        if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
            SSL_CTX_use_certificate_chain_file(ctx, argv[3]) != 1 ||
            SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1) {
                fprintf(stderr, "plant-server: cannot use %s with %s\n", argv[3], argv[4]);
                return 1;
        }
        signal(SIGPIPE, SIG_IGN); /* clients hang up as they like */
        fd = listen_at(argv[1], argv[2]);
        if (fd < 0) {
                fprintf(stderr, "plant-server: cannot listen at %s, port %s\n", argv[1], argv[2]);
                return 1;
        }
        print_record(argv[1], fd, ctx);

        for (;;) {
                int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                if (conn < 0)
                        continue;
                serve(ctx, conn);
                close(conn);
        }
}
