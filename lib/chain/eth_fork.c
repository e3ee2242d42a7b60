/* Forks that our data does not have. Servers announce them weeks before (their fork schedule): the
 * first sight of one is an alarm for the operator. One server's word stops nothing: only where
 * nobody shows anything any more that we can read does the chain stop and say that it needs an
 * update. An alarm whose day passes without one is taken back. */

#include "chain/eth.h"

#define UNKNOWN_MS (UINT64_C(10) * 60 * 1000) /* nothing but unknown objects for so long */

static uint64_t epoch_time(const struct eth *eth, uint64_t epoch) {
        return eth_time(eth, MIN(epoch, ETH_SLOT_MAX / eth->net.slots_per_epoch) *
                                             eth->net.slots_per_epoch);
}

static uint64_t head_epoch(const struct eth *eth) {
        return eth_epoch(&eth->net, eth->store.optimistic.beacon.slot);
}

static enum eth_fork fork_of_version(const struct eth *eth, const uint8_t version[4]) {
        for (unsigned f = ETH_PHASE0; f < ETH_FORKS; f++)
                if (memcmp(eth->net.fork[f].version, version, 4) == 0)
                        return (enum eth_fork) f;
        return ETH_FORKS;
}

static bool same_alarm(const struct eth *eth, unsigned u, unsigned v) {
        return eth->up[u].alarm_epoch == eth->up[v].alarm_epoch &&
               memcmp(eth->up[u].alarm_version, eth->up[v].alarm_version, 4) == 0;
}

/* How many upstreams announce what u does, of the first n. */
static size_t announcers(const struct eth *eth, unsigned u, unsigned n) {
        size_t count = 0;

        for (unsigned v = 0; v < n; v++)
                count += same_alarm(eth, u, v);
        return count;
}

/* Who announces what most do; of equals, what comes first. CHAIN_UPSTREAMS_MAX: nobody. */
static unsigned loudest(const struct eth *eth) {
        unsigned n = (unsigned) eth->cfg.n_upstreams, best = CHAIN_UPSTREAMS_MAX;

        for (unsigned u = 0; u < n; u++) {
                size_t mine = announcers(eth, u, n);
                size_t most = best < n ? announcers(eth, best, n) : 0;

                if (eth->up[u].alarm_epoch == 0)
                        continue;
                if (mine > most || (mine == most && eth->up[u].alarm_epoch <
                                                                    eth->up[best].alarm_epoch))
                        best = u;
        }
        return best;
}

static void alarm_text(const struct eth *eth, unsigned u, char *ret, size_t cap) {
        const struct eth_upstream *up = &eth->up[u];
        enum eth_fork known = fork_of_version(eth, up->alarm_version);

        if (known < ETH_FORKS)
                (void) chain_say(ret, cap,
                                "fork %s is announced for epoch %n (%t), our data has "
                                "another: update kedge before",
                                eth_fork_name(known), up->alarm_epoch,
                                epoch_time(eth, up->alarm_epoch));
        else
                (void) chain_say(ret, cap,
                                "an unknown fork, version %v, is announced for epoch %n "
                                "(%t): update kedge before",
                                up->alarm_version, up->alarm_epoch,
                                epoch_time(eth, up->alarm_epoch));
}

void eth_fork_alarm_text(const struct eth *eth, char *ret, size_t cap) {
        unsigned u = loudest(eth);

        ret[0] = 0;
        if (u < CHAIN_UPSTREAMS_MAX)
                alarm_text(eth, u, ret, cap);
        else if (eth->net.unknown_epoch != ETH_EPOCH_NEVER)
                (void) chain_say(ret, cap,
                                "the network's data names a fork at epoch %n (%t) that "
                                "this program does not know: update kedge before",
                                eth->net.unknown_epoch, epoch_time(eth, eth->net.unknown_epoch));
}

/* Each upstream has a word of its own, so that no liar's hides another's. */
static void announce(struct eth *eth, unsigned u, const uint8_t version[4], uint64_t epoch) {
        struct eth_upstream *up = &eth->up[u];
        char text[CHAIN_TEXT_MAX];

        if (up->alarm_epoch == epoch && memcmp(up->alarm_version, version, 4) == 0)
                return;
        up->alarm_epoch = epoch;
        memcpy(up->alarm_version, version, 4);
        if (epoch == 0 || announcers(eth, u, (unsigned) eth->cfg.n_upstreams) > 1)
                return;
        alarm_text(eth, u, text, sizeof(text));
        eth_note(eth, u, "%s", text);
}

void eth_on_schedule(struct eth *eth, unsigned u, const struct ethapi_answer *a) {
        const uint8_t *first = (const uint8_t[4]){ 0 };
        uint64_t first_epoch = 0; /* nothing */

        for (size_t i = 0; i < a->schedule.n; i++) {
                const uint8_t *version = a->schedule.fork[i].version;
                uint64_t epoch = a->schedule.fork[i].epoch;
                enum eth_fork known = fork_of_version(eth, version);

                if (epoch == ETH_EPOCH_NEVER ||
                                (known < ETH_FORKS && eth->net.fork[known].epoch == epoch))
                        continue;
                if (eth->followed && epoch <= head_epoch(eth)) {
                        eth_fault(eth, u, eth_culprit(eth, u),
                                        "names a fork at epoch %n that did not happen", epoch);
                        return;
                }
                if (first_epoch == 0 || epoch < first_epoch) {
                        first = version;
                        first_epoch = epoch;
                }
        }
        announce(eth, u, first, first_epoch);
}

/* No lie: it may know more than we do. Others are asked, as long as there are any. */
void eth_fork_seen(struct eth *eth, unsigned u, const char *name) {
        const char *shown = name[0] ? name : "(not named)";

        if (eth->unknown_ms == 0) {
                (void) chain_say(eth->unknown_fork, sizeof(eth->unknown_fork), "%s", name);
                eth_note(eth, u, "shows objects of fork %s, which is not known here", shown);
                eth->unknown_ms = MAX(eth->now_ms, (uint64_t) 1);
        }
        eth_fail(eth, u, "shows objects of fork %s, which is not known here", shown);
}

void eth_fork_moved(struct eth *eth) {
        eth->unknown_ms = 0;
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++) {
                uint64_t epoch = eth->up[u].alarm_epoch;

                if (epoch == 0 || head_epoch(eth) < epoch)
                        continue;
                if (announcers(eth, u, (unsigned) eth->cfg.n_upstreams) == 1) /* the last of them */
                        eth_note(eth, u, "the fork that was announced for epoch %n did not happen",
                                        epoch);
                eth->up[u].alarm_epoch = 0;
        }
}

static bool reached(const struct eth *eth, uint64_t epoch) {
        uint64_t now = eth_least_now(eth);

        if (now > eth->net.genesis_time &&
                        eth_epoch(&eth->net, (now - eth->net.genesis_time) /
                                                             eth->net.seconds_per_slot) >= epoch)
                return true;
        return eth->store.is_set && head_epoch(eth) + 1 >= epoch;
}

static bool announced(const struct eth *eth) {
        for (unsigned u = 0; u < eth->cfg.n_upstreams; u++)
                if (eth->up[u].alarm_epoch > 0 && reached(eth, eth->up[u].alarm_epoch))
                        return true;
        return false;
}

bool eth_fork_stuck(const struct eth *eth) {
        uint64_t since = eth->now_ms - MIN(eth->unknown_ms, eth->now_ms);

        if (eth->net.unknown_epoch != ETH_EPOCH_NEVER && reached(eth, eth->net.unknown_epoch) &&
                        (eth->unknown_ms > 0 || !eth->followed))
                return true;
        if (eth->unknown_ms == 0)
                return false;
        return since >= UNKNOWN_MS ||
               (announced(eth) && since >= eth->cfg.request_ms &&
                               eth->now_ms - eth->head_moved_ms >= eth_behind_ms(eth));
}
