/* Names of users and of services, where they come from outside. */
#pragma once

#include "base/view.h"

#define USER_NAME_MAX    32
#define USER_SERVICE_MAX 31

/* True for a user that a record can have: a to z or '_', then a to z, 0 to 9, '-' and '_'; 1 to 32
 * bytes. No dot: `_user.a.b.device` would be two users' at once. */
static inline bool user_name_valid(struct view name) {
        if (name.n == 0 || name.n > USER_NAME_MAX)
                return false;
        for (size_t i = 0; i < name.n; i++) {
                uint8_t c = name.p[i];
                bool first = (c >= 'a' && c <= 'z') || c == '_';

                if (!first && (i == 0 || !((c >= '0' && c <= '9') || c == '-')))
                        return false;
        }
        return true;
}

/* True for a service of PAM: letters, digits, '-', '_' and '.', not first; 1 to 31 bytes. */
static inline bool user_service_valid(struct view name) {
        if (name.n == 0 || name.n > USER_SERVICE_MAX)
                return false;
        for (size_t i = 0; i < name.n; i++) {
                uint8_t c = name.p[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
                bool word = letter || (c >= '0' && c <= '9');

                if (!word && (i == 0 || (c != '-' && c != '.')))
                        return false;
        }
        return true;
}
