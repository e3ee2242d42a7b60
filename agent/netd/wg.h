/* The two WireGuards: see system.h for what each call promises. */
#pragma once

#include "agent/netd/system.h"

/* Generic netlink of the kernel (include/uapi/linux/wireguard.h), over libnl; links by rtnetlink.
 */
struct wg_kernel;

_must_check_ int wg_kernel_new(struct wg_kernel **ret);
struct wg_kernel *wg_kernel_free(struct wg_kernel *w);
_must_check_ int wg_kernel_ensure(struct wg_kernel *w, const char *link);
_must_check_ int wg_kernel_read(struct wg_kernel *w, const char *link, struct wg_device *ret);
_must_check_ int wg_kernel_write(struct wg_kernel *w, const char *link,
                const struct wg_settings *settings, const struct wg_change *changes, size_t n);
_must_check_ int wg_kernel_remove(struct wg_kernel *w, const char *link);

/* wireguard-go's, or any other's that speaks the cross-platform UAPI (wireguard.com/xplatform),
 * over FOLDER/LINK.sock. The process makes the link; we start none. */
_must_check_ int wg_uapi_ensure(
                const char *folder, const char *link); /* -ENOENT: nobody serves it */
_must_check_ int wg_uapi_read(const char *folder, const char *link, struct wg_device *ret);
_must_check_ int wg_uapi_write(const char *folder, const char *link,
                const struct wg_settings *settings, const struct wg_change *changes, size_t n);
_must_check_ int wg_uapi_remove(
                const char *folder, const char *link); /* its peers; the link is not ours to end */
