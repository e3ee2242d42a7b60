/* Comparing without telling where the difference is. Clearing is explicit_bzero(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ct_eq(const void *a, const void *b, size_t n) {
        const volatile uint8_t *x = a, *y = b;
        uint8_t d = 0;

        for (size_t i = 0; i < n; i++)
                d |= (uint8_t) (x[i] ^ y[i]);
        return d == 0;
}
