/* Sessions of users whom the chain lets in no more: asked of logind, ended by it (EndSessions= in
 * login.conf). Only a proven no ends one: never staleness, never an agent that knows nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct agent;

#define SESSIONS_MAX      256   /* looked at in one round */
#define SESSIONS_RETRY_MS 5000  /* after logind could not be asked */

/* Something that decides logins has changed: a record, a role, the configuration. */
void sessions_stir(struct agent *a);

/* Asks logind where something has stirred, or a round is due. */
void sessions_pump(struct agent *a, uint64_t now);
void sessions_done(struct agent *a);
