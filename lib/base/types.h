/* The byte strings of fixed size that every room passes around. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HASH32_SIZE  32
#define ADDRESS_SIZE 20

struct hash32 {
        uint8_t b[HASH32_SIZE];
};

struct address {
        uint8_t b[ADDRESS_SIZE];
};

static inline bool hash32_eq(const struct hash32 *a, const struct hash32 *b) {
        return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool hash32_is_zero(const struct hash32 *a) {
        static const struct hash32 zero;

        return hash32_eq(a, &zero);
}

static inline bool address_eq(const struct address *a, const struct address *b) {
        return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
