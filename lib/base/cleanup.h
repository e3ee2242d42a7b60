/* Ownership by scope. A variable declared _cleanup_(x_freep) gives its object back when
 * it goes out of scope; TAKE_PTR() hands the object on instead. */
#pragma once

#include <stddef.h>

#define _cleanup_(fn)   __attribute__((cleanup(fn)))
#define _must_check_    __attribute__((warn_unused_result))
#define _printf_(a, b)  __attribute__((format(printf, a, b)))
#define _unused_        __attribute__((unused))

#define ELEMENTSOF(a)   (sizeof(a) / sizeof((a)[0]))
/* wolfSSL's headers bring the same two. */
#ifndef MIN
#define MIN(a, b)       ((a) < (b) ? (a) : (b))
#endif
#ifndef MAX
#define MAX(a, b)       ((a) > (b) ? (a) : (b))
#endif

#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *take_at_ = &(p);                                                    \
                __typeof__(p) take_was_ = *take_at_;                                               \
                *take_at_ = NULL;                                                                  \
                take_was_;                                                                         \
        })

#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *take_at_ = &(fd);                                                             \
                int take_was_ = *take_at_;                                                         \
                *take_at_ = -1;                                                                    \
                take_was_;                                                                         \
        })
