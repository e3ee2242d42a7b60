/* QUERY_PROVE: a proof bundle for a name, as a sealed memory file that goes with the answer. It
 * costs the upstreams' patience and bandwidth of ours, so only root and our own user may ask, and
 * one at a time. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/kedged/agent.h"
#include "agent/kedged/log.h"
#include "agent/kedged/util.h"
#include "core/ens.h"

static int memory_file(struct view v) {
        _cleanup_(fd_closep) int fd = memfd_create("kedge-proof", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, v);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static void on_done(void *userdata, struct view bundle, const char *why) {
        _cleanup_(fd_closep) int fd = -1;
        struct agent *a = userdata;
        struct query_reply out;

        query_reply_init(&out, a->prove_id, QUERY_UNPROVEN);
        if (bundle.n > 0) {
                fd = memory_file(bundle);
                if (fd < 0)
                        why = strerror(-fd);
        }
        if (fd >= 0) {
                out.result = QUERY_OK;
                out.prove.n = bundle.n;
        } else
                (void) snprintf(out.reason, sizeof(out.reason), "%s", why);
        log_info("proof bundle: %s%.*s", fd >= 0 ? "made" : "not made: ", LOG_LINE_MAX / 2,
                        fd >= 0 ? "" : why);
        query_reply_file(&a->query, a->prove_client, &out, fd);
}

static bool not_begun(struct query_reply *ret, int r) {
        switch (r) {
        case -EBUSY:
                return agent_say(ret, QUERY_REFUSED,
                                "another proof bundle is being made: one at a time, try again in a "
                                "minute");
        case -ENOTCONN:
                return agent_say(ret, QUERY_UNPROVEN, "kedge-fetch is not connected: start it");
        case -ENODATA:
                return agent_say(ret, QUERY_UNPROVEN,
                                "there is nothing to begin from yet: name a checkpoint");
        case -EINVAL:
                return agent_say(ret, QUERY_REFUSED,
                                "no client can begin at this checkpoint: NUMBER:0xHASH on Diode's "
                                "chain, with a number of 100 or more; 0xROOT on Ethereum");
        default:
                return agent_say(ret, QUERY_UNPROVEN, strerror(-r));
        }
}

static int start(struct agent *a, const struct query_request *q, const char *name, size_t zone_at,
                size_t host_n) {
        const struct config_zone *zone = &a->config->zone[zone_at];
        const struct run *run = a->runs[zone->chain_index];
        struct prove_question question = {
                .config = &run->config,
                .status = &run->status,
                .zone = zone,
                .name = name,
                .host_n = host_n,
                .checkpoint = { .number = q->slot, .hash = q->key },
                .made_s = clock_wall_s(agent_floor_s(a)),
        };

        if (config_is_ethereum(&run->config) ? q->slot != 0 : (q->slot == 0) != hash32_is_zero(&q->key))
                return -EINVAL;
        return prove_start(&a->prove, &question, on_done, a);
}

bool agent_prove(struct agent *a, struct query_client *client, const struct query_request *q,
                struct query_reply *ret) {
        char name[NAME_MAX_LEN + 1];
        struct hash32 slots[LOOKUP_FIELDS];
        struct view host;
        size_t zone;
        int r;

        if (client->uid != 0 && client->uid != geteuid())
                return agent_say(ret, QUERY_REFUSED,
                                "a proof bundle costs bandwidth: only root and the agent's own "
                                "user may have one made");
        if (client->fd < 0)
                return agent_say(ret, QUERY_REFUSED, "a file goes over the query socket alone");
        if (name_normalize_record(VIEW_TEXT(q->name), name) < 0)
                return agent_say(ret, QUERY_REFUSED, "neither a host name nor a record name");
        r = lookup_zone(a->config, name, &zone, &host);
        if (r < 0)
                return agent_say(ret, QUERY_UNKNOWN, "no zone of ours holds this name");
        if (a->config->zone[zone].kind == ZONE_ENS
                            ? ens_node(VIEW_TEXT(name), &slots[0]) < 0
                            : name_record_slots(host, a->config->zone[zone].slot, slots) < 0)
                return agent_say(ret, QUERY_REFUSED, "not a host name that a record can have");
        r = start(a, q, name, zone, host.n);
        if (r < 0)
                return not_begun(ret, r);
        log_info("proof bundle: begun for %s", name);
        a->prove_client = client->id;
        a->prove_id = q->id;
        return false;
}

void agent_prove_look(struct agent *a) {
        if (a->prove.busy && !query_waits(&a->query, a->prove_client)) {
                prove_stop(&a->prove);
                log_info("proof bundle: given up, whoever asked has gone");
        }
}
