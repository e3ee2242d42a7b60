/* Finds libcurl at run time. Debian builds it over OpenSSL and over GnuTLS, with one and the same
 * interface: either will do, and the one that most programs use, and so most likely lies in memory
 * already, comes first. */

#include "agent/fetch/libcurl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

static bool find_all(void *handle, struct libcurl *ret) {
        static const struct {
                const char *name;
                size_t at;
        } functions[] = {
#define X(name) { "curl_" #name, offsetof(struct libcurl, name) },
                LIBCURL_FUNCTIONS(X)
#undef X
        };

        for (size_t i = 0; i < ELEMENTSOF(functions); i++) {
                void *function = dlsym(handle, functions[i].name);

                if (!function)
                        return false;
                *(void **) ((char *) ret + functions[i].at) = function;
        }
        return true;
}

const struct libcurl *libcurl_load(void) {
        static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
        static struct libcurl functions;
        static bool loaded;

        for (size_t i = 0; i < ELEMENTSOF(names) && !loaded; i++) {
                void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

                if (!handle)
                        continue;
                loaded = find_all(handle, &functions) &&
                         functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
                if (!loaded)
                        dlclose(handle);
        }
        if (!loaded)
                fputs(SD_ERR "cannot load libcurl.so.4: install libcurl4; HTTP servers cannot be "
                             "reached without it\n",
                                stderr);
        return loaded ? &functions : NULL;
}
