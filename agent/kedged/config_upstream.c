/* Upstream= lines: a Diode node by its key, or an HTTP server of one of Ethereum's two kinds.
 *
 * What always holds: what may be a credential (user, password, a long word in the path) stands in
 * url alone, never in shown. */

#include <ctype.h>
#include <string.h>

#include "agent/kedged/config.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/util.h"
#include "base/hex.h"
#include "wire/courier.h"

#define WORD_SHOWN 16 /* a longer part of a path may be a key */

static const struct {
        const char *scheme;
        enum config_upstream_kind kind;
        bool tls;
} http_schemes[] = {
        { "beacon+https://", UPSTREAM_BEACON, true },
        { "beacon+http://", UPSTREAM_BEACON, false },
        { "execution+https://", UPSTREAM_EXECUTION, true },
        { "execution+http://", UPSTREAM_EXECUTION, false },
};

static bool parse_port(struct view digits, uint16_t *ret) {
        unsigned port = 0;

        if (digits.n < 1 || digits.n > 5 || digits.p[0] == '0')
                return false;
        for (size_t i = 0; i < digits.n; i++) {
                if (!isdigit(digits.p[i]))
                        return false;
                port = port * 10 + (digits.p[i] - '0');
        }
        if (port > UINT16_MAX)
                return false;
        *ret = (uint16_t) port;
        return true;
}

/* host:port or [v6]:port; u->port is the default, 0: there is none. */
static const char *parse_endpoint(struct view text, struct config_upstream *u) {
        const uint8_t *colon = memrchr(text.p, ':', text.n), *end;
        bool v6 = text.n > 0 && text.p[0] == '[';
        struct view host = text, port;

        if (v6) {
                end = memchr(text.p, ']', text.n);
                if (!end)
                        return "has no ']' behind its address";
                host = VIEW(text.p + 1, (size_t) (end - text.p) - 1);
                colon = end + 1 == text.p + text.n ? NULL : end + 1;
                if (colon && *colon != ':')
                        return "has no ':' between its address and its port";
        } else if (colon)
                host.n = (size_t) (colon - text.p);
        if (!colon && u->port == 0)
                return "has no port";
        if (host.n == 0 || host.n > NAME_MAX_LEN)
                return "has no host, or one that is too long";
        for (size_t i = 0; i < host.n; i++)
                if (!isalnum(host.p[i]) && !strchr("-._:", host.p[i]))
                        return "has a host with a character that no host has";
        if (!v6 && memchr(host.p, ':', host.n))
                return "has an IPv6 address without brackets";
        port = colon ? VIEW(colon + 1, (size_t) (text.p + text.n - colon) - 1) : VIEW(NULL, 0);
        if (colon && !parse_port(port, &u->port))
                return "has no port from 1 to 65535";
        memcpy(u->host, host.p, host.n);
        u->host[host.n] = 0;
        return NULL;
}

static const char *parse_diode(const char *text, struct config_upstream *u) {
        const char *p = text + 8;

        if (strncmp(p, "0x", 2) != 0 || strlen(p) < 43 || p[42] != '@' ||
                        hex_decode(VIEW(p, 42), u->node.b, sizeof(u->node.b)) < 0)
                return "is not diode://0x<40 digits of the node's address>@host:port";
        u->kind = UPSTREAM_DIODE;
        strcpy(u->shown, text);
        return parse_endpoint(VIEW_TEXT(p + 43), u);
}

/* What a URL may hold in its parts, and what travels in one unquoted. */
static bool is_url(struct view text, const char *marks) {
        for (size_t i = 0; i < text.n; i++)
                if (!isalnum(text.p[i]) && !strchr(marks, text.p[i]))
                        return false;
        return true;
}

/* Appends path to shown; a word that is long enough for a key is left out. */
static void show_path(struct config_upstream *u, struct view path) {
        size_t n = strlen(u->shown);

        while (path.n > 0) {
                const uint8_t *end = memchr(path.p + 1, '/', path.n - 1);
                size_t word = end ? (size_t) (end - path.p) : path.n;

                if (word > WORD_SHOWN + 1) {
                        memcpy(u->shown + n, "/...", 4);
                        n += 4;
                } else {
                        memcpy(u->shown + n, path.p, word);
                        n += word;
                }
                path = VIEW(path.p + word, path.n - word);
        }
        u->shown[n] = 0;
}

static const char *parse_http(const char *text, size_t scheme, struct config_upstream *u) {
        size_t skip = strlen(http_schemes[scheme].scheme);
        const char *start = text + skip, *slash = strchr(start, '/'), *at;
        struct view authority = VIEW_TEXT(start), user, path = VIEW(NULL, 0);
        const char *why;

        if (slash) {
                path = VIEW_TEXT(slash);
                authority.n = (size_t) (slash - start);
        }
        at = memrchr(start, '@', authority.n);
        if (at) {
                user = VIEW(start, (size_t) (at - start));
                if (user.n == 0 || !is_url(user, "-._~%!$&'()*+,;=:"))
                        return "has a user or password that is none in a URL: write % and two "
                               "digits for other characters";
                if (!http_schemes[scheme].tls)
                        return "would send its password over plain http: use https";
                u->secret = true;
                authority = VIEW(at + 1, (size_t) (start + authority.n - at) - 1);
        }
        if (!is_url(path, "-._~%!$&'()*+,;=:@/"))
                return "has a path with a character that no path has ('?' and '#' are none)";
        u->kind = http_schemes[scheme].kind;
        u->http = (size_t) (strchr(text, '+') - text) + 1;
        u->port = http_schemes[scheme].tls ? 443 : 80;
        why = parse_endpoint(authority, u);
        if (why)
                return why;
        memcpy(u->shown, text, skip);
        memcpy(u->shown + skip, authority.p, authority.n);
        show_path(u, path);
        return NULL;
}

static const char *parse_any(const char *text, struct config_upstream *u) {
        for (size_t i = 0; i < ELEMENTSOF(http_schemes); i++)
                if (strncmp(text, http_schemes[i].scheme, strlen(http_schemes[i].scheme)) == 0)
                        return parse_http(text, i, u);
        if (strncmp(text, "diode://", 8) == 0)
                return parse_diode(text, u);
        return "does not start with diode://, beacon+https://, execution+https:// (or +http://)";
}

const char *config_parse_upstream(const char *text, void *dest) {
        struct config_upstreams *all = dest;
        struct config_upstream u = { 0 };
        size_t n = strlen(text);
        const char *why;

        if (n == 0) { /* a drop-in starts the list anew */
                all->n = 0;
                return NULL;
        }
        if (n >= sizeof(u.url) || n > COURIER_URL_MAX)
                return "is too long";
        memcpy(u.url, text, n + 1);
        while (n > 0 && text[0] != 'd' &&
                        u.url[n - 1] == '/') /* the same server with and without */
                u.url[--n] = 0;
        why = parse_any(u.url, &u);
        if (why)
                return why;
        if (all->n >= CHAIN_UPSTREAMS_MAX)
                return "is one too many: a chain has at most 16 upstreams";
        for (size_t i = 0; i < all->n; i++)
                if (strcmp(all->u[i].url, u.url) == 0)
                        return "stands twice";
        all->u[all->n++] = u;
        return NULL;
}
