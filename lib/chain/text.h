/* Private to lib/chain: texts for people, without the C library's formatter. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "core/served.h"

/* Returns how many characters were written. A text that does not fit is cut. %s text, %n uint64_t,
 * %h the first bytes of a struct hash32, %H all of them, %t seconds since 1970 as a date in UTC, %v
 * the four bytes of a fork version. */
size_t chain_say(char *ret, size_t cap, const char *fmt, ...);
size_t chain_say_va(char *ret, size_t cap, const char *fmt, va_list args);

/* A configured checkpoint is not on our chain: what to type, where it and not we shall be right. */
void chain_say_contradicted(
                char *ret, size_t cap, const char *name, const struct block_ref *checkpoint);
