/* The parts of apply.h that share a file's inside. */
#pragma once

#include "agent/netd/apply.h"

/* run.c: brings one link to what is desired of it, and the table with it. */
void run_link(struct apply *a, struct apply_link *l, const struct apply_now *now);

/* Is the link as desired? Counts peers; -errno where it cannot be seen. */
_must_check_ int run_look(struct apply *a, struct apply_link *l, const struct apply_now *now,
                bool *ret_drifted);

/* gone.c */
void gone_add(struct gone *g, const struct ip *a);
void gone_between(struct gone *g, const struct desired *old, const struct desired *new);
void gone_sort(struct gone *g);
void gone_done(struct gone *g);

/* LINK.gone in the folder of private keys: for the next kedge-netd, where this one is killed
 * between the tunnel and the flows. Not synced: conntrack does not outlive a power cut either. */
void gone_save(int folder_fd, const char *link, struct gone *g);
void gone_load(int folder_fd, const char *link, struct gone *g);
void gone_forget(int folder_fd, const char *link);

/* keys.c: the keys of a link in its state; makes what lacks, and takes the next one where own_key
 * is that. device: what the kernel has. */
_must_check_ int keys_ready(int folder_fd, const char *link, const uint8_t *own_key,
                const struct wg_device *device, struct netd_state *state,
                char ret_why[NETD_TEXT_MAX]);

/* Those that there are, none made. */
_must_check_ int keys_look(int folder_fd, const char *link, struct netd_state *state,
                char ret_why[NETD_TEXT_MAX]);
