/* Which WireGuard serves a link is looked up for each call, and kept nowhere: a link of the kind
 * "wireguard" is the kernel's, any other that has a socket in the folder of UAPI is served by that
 * process. So it is right also when the module, or wireguard-go, comes or goes. */

#include "agent/netd/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/netd/wg.h"

struct machine {
        enum machine_backend backend;
        char *uapi;
        struct wg_kernel *kernel;
        struct iface *iface;
        struct nft *nft;
        struct flows *flows;
};

static void machine_freep(struct machine **m) {
        (void) machine_free(*m);
}

int machine_new(enum machine_backend backend, const char *uapi_folder, struct machine **ret) {
        _cleanup_(machine_freep) struct machine *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->backend = backend;
        m->uapi = strdup(uapi_folder ? uapi_folder : MACHINE_UAPI_FOLDER);
        if (!m->uapi)
                return -ENOMEM;
        r = wg_kernel_new(&m->kernel);
        if (r >= 0)
                r = iface_new(&m->iface);
        if (r >= 0)
                r = nft_new(&m->nft);
        if (r >= 0)
                r = flows_new(&m->flows);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

struct machine *machine_free(struct machine *m) {
        if (!m)
                return NULL;
        m->kernel = wg_kernel_free(m->kernel);
        m->iface = iface_free(m->iface);
        m->nft = nft_free(m->nft);
        m->flows = flows_free(m->flows);
        free(m->uapi);
        free(m);
        return NULL;
}

/* The kernel's answer says that this link is not, and will not be, its WireGuard. */
static bool is_not_kernels(int r) {
        return r == -EOPNOTSUPP || r == -EEXIST || r == -ENODEV;
}

static int ensure(void *s, const char *link) {
        struct machine *m = s;
        int r = -EOPNOTSUPP, user;

        if (m->backend != MACHINE_USERSPACE)
                r = wg_kernel_ensure(m->kernel, link);
        if (m->backend == MACHINE_KERNEL || !is_not_kernels(r))
                return r;
        user = wg_uapi_ensure(m->uapi, link);
        return user == -ENOENT ? r : user;
}

static int read_device(void *s, const char *link, struct wg_device *ret) {
        struct machine *m = s;
        int r = -ENODEV;

        if (m->backend != MACHINE_USERSPACE)
                r = wg_kernel_read(m->kernel, link, ret);
        if (m->backend != MACHINE_KERNEL && is_not_kernels(r))
                r = wg_uapi_read(m->uapi, link, ret);
        return r == -ENOENT ? -ENODEV : r;
}

static int write_device(void *s, const char *link, const struct wg_settings *settings,
                const struct wg_change *changes, size_t n) {
        struct machine *m = s;
        int r = -ENODEV;

        if (m->backend != MACHINE_USERSPACE)
                r = wg_kernel_write(m->kernel, link, settings, changes, n);
        if (m->backend != MACHINE_KERNEL && is_not_kernels(r))
                r = wg_uapi_write(m->uapi, link, settings, changes, n);
        return r == -ENOENT ? -ENODEV : r;
}

static int remove_device(void *s, const char *link) {
        struct machine *m = s;
        int r = 0, user;

        if (m->backend != MACHINE_USERSPACE) {
                r = wg_kernel_remove(m->kernel, link);
                if (r == 0 || m->backend == MACHINE_KERNEL || !is_not_kernels(r))
                        return r;
        }
        user = wg_uapi_remove(m->uapi, link);
        return user == -ENOENT ? r : user;
}

static int write_iface(void *s, const struct iface_want *want, bool *ret_changed) {
        return iface_write(((struct machine *) s)->iface, want, ret_changed);
}

static int write_nft(void *s, const struct nft_want *wants, size_t n) {
        return nft_write(((struct machine *) s)->nft, wants, n);
}

static int check_nft(void *s, bool *ret_same) {
        return nft_check(((struct machine *) s)->nft, ret_same);
}

static int delete_flows(void *s, const struct ip *addrs, size_t n, uint32_t *ret_deleted) {
        return flows_delete(((struct machine *) s)->flows, addrs, n, ret_deleted);
}

const struct system_ops machine_ops = {
        .wg_ensure = ensure,
        .wg_read = read_device,
        .wg_write = write_device,
        .wg_remove = remove_device,
        .iface_write = write_iface,
        .nft_write = write_nft,
        .nft_check = check_nft,
        .flows_delete = delete_flows,
};
