/* RTM_GETLINK, RTM_NEWLINK, RTM_DELLINK (rtnetlink(7)). */

#include "agent/netd/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "agent/netd/message.h"

struct search {
        struct link_info *ret;
        const char *name;
        bool found;
};

static int take_kind(struct nlattr *info, char ret[LINK_KIND_MAX]) {
        struct nlattr *tb[IFLA_INFO_MAX + 1];

        if (nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) < 0)
                return -EBADMSG;
        if (!tb[IFLA_INFO_KIND])
                return 0;
        /* A kind that is longer is none of those that we know. */
        (void) nla_strlcpy(ret, tb[IFLA_INFO_KIND], LINK_KIND_MAX);
        return 0;
}

static int take_link(const struct nlmsghdr *m, void *data) {
        struct search *s = data;
        struct nlattr *tb[IFLA_MAX + 1];
        const struct ifinfomsg *i = nlmsg_data(m);
        struct link_info info = { 0 };
        int r;

        if (m->nlmsg_type != RTM_NEWLINK ||
                        nlmsg_parse((struct nlmsghdr *) m, sizeof(*i), tb, IFLA_MAX, NULL) < 0)
                return -EBADMSG;
        if (!tb[IFLA_IFNAME] || nla_strcmp(tb[IFLA_IFNAME], s->name) != 0)
                return 0; /* an alternative name of another link: not the one that is ours */
        info.index = i->ifi_index;
        info.flags = i->ifi_flags;
        if (tb[IFLA_MTU] && nla_len(tb[IFLA_MTU]) >= (int) sizeof(uint32_t))
                info.mtu = nla_get_u32(tb[IFLA_MTU]);
        if (tb[IFLA_LINKINFO]) {
                r = take_kind(tb[IFLA_LINKINFO], info.kind);
                if (r < 0)
                        return r;
        }
        *s->ret = info;
        s->found = true;
        return 0;
}

int link_find(struct netlink *route, const char *name, struct link_info *ret) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(RTM_GETLINK, 0, 256);
        const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
        struct link_info info;
        struct search s = { .ret = &info, .name = name };
        int r;

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        nla_put_string(m, IFLA_IFNAME, name) < 0)
                return -ENOMEM;
        r = netlink_do(route, nlmsg_hdr(m), take_link, &s);
        if (r < 0)
                return r;
        if (!s.found)
                return -ENODEV;
        *ret = info;
        return 0;
}

int link_make(struct netlink *route, const char *name, const char *kind) {
        _cleanup_(nlmsg_freep) struct nl_msg *m =
                        message_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 256);
        const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
        struct nlattr *info;

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
                        nla_put_string(m, IFLA_IFNAME, name) < 0)
                return -ENOMEM;
        info = nla_nest_start(m, IFLA_LINKINFO);
        if (!info || nla_put_string(m, IFLA_INFO_KIND, kind) < 0)
                return -ENOMEM;
        nla_nest_end(m, info);
        return netlink_do(route, nlmsg_hdr(m), NULL, NULL);
}

int link_delete(struct netlink *route, int index) {
        _cleanup_(nlmsg_freep) struct nl_msg *m = message_new(RTM_DELLINK, 0, 256);
        const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = index };

        if (!m || nlmsg_append(m, (void *) &head, sizeof(head), NLMSG_ALIGNTO) < 0)
                return -ENOMEM;
        return netlink_do(route, nlmsg_hdr(m), NULL, NULL);
}
