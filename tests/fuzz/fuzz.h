/* What a fuzz target needs: its entry point, and a way to state a property. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Holds in every build, unlike assert(). */
#define MUST(what)                                                                                 \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);  \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)
