/* The system_ops of a real machine: which WireGuard serves a link is found out here, the rest goes
 * straight to rtnetlink, nf_tables and conntrack. */
#pragma once

#include <stdbool.h>

#include "agent/netd/system.h"
#include "base/cleanup.h"

#define MACHINE_UAPI_FOLDER "/var/run/wireguard"

enum machine_backend { MACHINE_AUTO = 0, MACHINE_KERNEL, MACHINE_USERSPACE };

struct machine;

/* The ops of machine_ops take the struct machine. Nothing is opened before it is used. */
extern const struct system_ops machine_ops;

_must_check_ int machine_new(
                enum machine_backend backend, const char *uapi_folder, struct machine **ret);
struct machine *machine_free(struct machine *m);

/* iface.c: rtnetlink over libnl-route. */
struct iface;
_must_check_ int iface_new(struct iface **ret);
struct iface *iface_free(struct iface *i);
_must_check_ int iface_write(struct iface *i, const struct iface_want *want, bool *ret_changed);

/* nft.c: nf_tables over libmnl and libnftnl. */
struct nft;
_must_check_ int nft_new(struct nft **ret);
struct nft *nft_free(struct nft *f);
_must_check_ int nft_write(struct nft *f, const struct nft_want *wants, size_t n);
_must_check_ int nft_check(struct nft *f, bool *ret_same);

/* flows.c: conntrack over libnetfilter-conntrack. */
struct flows;
_must_check_ int flows_new(struct flows **ret);
struct flows *flows_free(struct flows *f);
_must_check_ int flows_delete(
                struct flows *f, const struct ip *addrs, size_t n, uint32_t *ret_deleted);

/* stir.c: what the kernel tells of links, addresses, routes and the table inet kedge. A descriptor
 * to poll; stir_read() empties it and says whether one of these links, or the table, has stirred.
 */
struct stir;
_must_check_ int stir_new(struct stir **ret);
struct stir *stir_free(struct stir *s);
int stir_fd(const struct stir *s);
_must_check_ int stir_read(
                struct stir *s, const char (*links)[NETD_LINK_NAME], size_t n, bool *ret_stirred);
