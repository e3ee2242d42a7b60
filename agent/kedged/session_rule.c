/* Which sessions end, and for what: the part of sessions.c that needs no bus. */

#include "agent/kedged/sessions.h"

#include <string.h>

bool sessions_verdict_ends(enum login_verdict v, bool stale) {
        switch (v) {
        case LOGIN_DENIED_HERE: /* this machine's own word: no chain is needed for it */
                return true;
        case LOGIN_NO_RECORD:
        case LOGIN_REVOKED:
        case LOGIN_NO_ROLE:
                return !stale;
        case LOGIN_UNPROVEN:
        case LOGIN_ADMITTED:
        case LOGIN_STALE:
        case LOGIN_INVALID:
        case LOGIN_NO_KEY: /* these are about what was shown at the door */
        case LOGIN_BAD_SIGNATURE:
        case LOGIN_BAD_CHALLENGE:
        case LOGIN_EXPIRED:
        case LOGIN_REPLAYED:
                break;
        }
        return false;
}

bool sessions_runs(const struct session *s) {
        return strcmp(s->state, "closing") != 0 && strcmp(s->class, "greeter") != 0 &&
               strcmp(s->class, "lock-screen") != 0;
}
