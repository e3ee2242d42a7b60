/* How fresh what a chain shows is, judged by three clocks of which none is believed alone (design
 * section 4): the time since the head moved, the floor, and a clock that may only make things
 * older. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/kedged/config.h"
#include "base/cleanup.h"
#include "chain/chain.h"
#include "wire/query.h"

/* What the floor and a synchronised clock may be ahead of a head's proven time before it counts as
 * old. On Diode's chain that time is one of the last 100 blocks: at 15 seconds a block it is up to
 * 25 minutes below the head's. */
#define FRESHNESS_SLACK_S 1800

/* The same for an RTC: nobody keeps it right, and some keep it in local time. */
#define FRESHNESS_RTC_SLACK_S 86400

/* What is known of the time besides what a chain shows now. All zero: nothing is. */
struct freshness_clocks {
        uint64_t now_ms;  /* CLOCK_BOOTTIME when the others were read */
        uint64_t floor_s; /* it is at least */
        uint64_t wall_s;  /* the system's clock, where it is called synchronised and is not before the
                             floor; else 0 */
        uint64_t rtc_s;   /* the same of the hardware's */
};

/* Which clock says that it is old. */
enum freshness_by { FRESHNESS_BY_AGE = 0, FRESHNESS_BY_FLOOR, FRESHNESS_BY_WALL, FRESHNESS_BY_RTC };

/* How long ago it was proven at least: since proven_ms, or by what the clocks say of the chain's
 * time then (time_head). ret_by may be NULL. */
uint64_t freshness_age_ms(const struct freshness_clocks *c, uint64_t proven_ms, uint64_t time_head,
                uint64_t now_ms, enum freshness_by *ret_by);

/* CLOCK_BOOTTIME when that age will be span_ms; 0: it was before this boot. */
uint64_t freshness_until_ms(const struct freshness_clocks *c, uint64_t proven_ms,
                uint64_t time_head, uint64_t span_ms);

/* A chain's state, for a reader to whom max_age_ms is too old. ret_by may be NULL. */
enum name_state freshness_state(const struct chain_status *st, bool ended,
                const struct freshness_clocks *c, uint64_t max_age_ms, uint64_t now_ms,
                enum freshness_by *ret_by);

struct freshness_role {
        enum query_role_verdict verdict;
        enum name_state state; /* of the chain, by this role's MaxAge= */
        enum freshness_by by;
        uint64_t age_ms; /* of the head; UINT64_MAX: none was accepted in this run */
};

/* What a role gets of a chain at this moment. */
void freshness_of_role(const struct chain_status *st, bool ended, const struct freshness_clocks *c,
                const struct config_role *role, uint64_t now_ms, struct freshness_role *ret);

/* Which clock says that a head of time_head is old, and what to do about it; by AGE: "". */
const char *freshness_text(const struct freshness_clocks *c, uint64_t time_head,
                enum freshness_by by, char ret[CHAIN_TEXT_MAX]);

/* True where both say the same but for the time that has passed between them. */
bool freshness_clocks_agree(const struct freshness_clocks *a, const struct freshness_clocks *b);
