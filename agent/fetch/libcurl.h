/* libcurl, loaded when the first HTTP server is asked for: with the libraries that it needs itself
 * it takes more memory than all the rest of kedge-fetch, and most gateways have no such server. */
#pragma once

#define CURL_DISABLE_TYPECHECK /* its macros would stand where the members below are named */
#include <curl/curl.h>

#include "base/cleanup.h"

/* Each is the function curl_<name>() of the library. */
#define LIBCURL_FUNCTIONS(X)                                                                       \
        X(global_init)                                                                             \
        X(easy_init)                                                                               \
        X(easy_setopt)                                                                             \
        X(easy_getinfo)                                                                            \
        X(easy_strerror)                                                                           \
        X(easy_cleanup)                                                                            \
        X(slist_append)                                                                            \
        X(slist_free_all)                                                                          \
        X(multi_init)                                                                              \
        X(multi_setopt)                                                                            \
        X(multi_add_handle)                                                                        \
        X(multi_remove_handle)                                                                     \
        X(multi_socket_action)                                                                     \
        X(multi_info_read)                                                                         \
        X(multi_assign)                                                                            \
        X(multi_cleanup)                                                                           \
        X(url)                                                                                     \
        X(url_set)                                                                                 \
        X(url_get)                                                                                 \
        X(url_cleanup)                                                                             \
        X(free)

struct libcurl {
#define X(name) __typeof__(&curl_##name) name;
        LIBCURL_FUNCTIONS(X)
#undef X
};

/* The library, loaded once and kept; NULL if there is none, which is logged. */
const struct libcurl *libcurl_load(void);
