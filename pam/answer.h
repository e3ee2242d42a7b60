/* What a user typed, or pasted, behind "Signature: ". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define ANSWER_SIZE 65 /* r, s, v */

/* 130 hexadecimal digits, "0x" before them or not, blanks around them or not; nothing else. */
_must_check_ bool answer_read(const char *text, uint8_t ret[ANSWER_SIZE]);
