/* What lies on the disk of this machine: who is asked for names, what readers see of the agent, and
 * whether the agent has room to write. Read-only; no file is believed that its readers would not
 * believe. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/kedgectl/doctor.h"
#include "agent/kedgectl/nsswitch.h"
#include "config.h"
#include "wire/snapshot.h"

#define ROOM_FAIL   (UINT64_C(1) << 20)
#define ROOM_WARN   (UINT64_C(16) << 20)
#define INODES_FAIL 16
#define LINE        "hosts: files kedge [!UNAVAIL=return] dns"
#define EDIT        "in /etc/nsswitch.conf: " LINE
#define RESTART     "systemctl restart kedged"
#define ZONES_MAX   1024

const char *doctor_path(const struct doctor *d, const char *path, char ret[DOCTOR_PATH_MAX]) {
        (void) snprintf(ret, DOCTOR_PATH_MAX, "%s%s", d->ctl->root ? d->ctl->root : "", path);
        return ret;
}

/* A file in a folder of ours, which the environment may name. */
static const char *our_path(const struct doctor *d, const char *variable, const char *folder,
                const char *name, char ret[DOCTOR_PATH_MAX]) {
        const char *dir = secure_getenv(variable);

        if (dir && dir[0])
                (void) snprintf(ret, DOCTOR_PATH_MAX, "%s/%s", dir, name);
        else
                (void) snprintf(ret, DOCTOR_PATH_MAX, "%s%s/%s", d->ctl->root ? d->ctl->root : "",
                                folder, name);
        return ret;
}

static void say_nsswitch(struct doctor *d, enum nsswitch_verdict v, const char *word) {
        static const char check[] = "nsswitch";

        switch (v) {
        case NSSWITCH_MALFORMED:
                doctor_say(d, DOCTOR_FAIL, check, EDIT, "the line hosts: cannot be read");
                break;
        case NSSWITCH_NO_HOSTS:
                doctor_say(d, DOCTOR_FAIL, check, EDIT, "there is no line hosts:");
                break;
        case NSSWITCH_NO_KEDGE:
                doctor_say(d, DOCTOR_FAIL, check, EDIT, "kedge is not asked for hosts");
                break;
        case NSSWITCH_LATE:
                doctor_say(d, DOCTOR_FAIL, check, EDIT, "%s is asked before kedge", word);
                break;
        case NSSWITCH_NEVER:
                doctor_say(d, DOCTOR_FAIL, check, EDIT, "kedge is never reached: %s ends it first",
                                word);
                break;
        case NSSWITCH_LEAKS:
                doctor_say(d, DOCTOR_FAIL, check, EDIT,
                                "without [!UNAVAIL=return] after kedge, %s is asked for names that "
                                "are absent or not proven",
                                word);
                break;
        case NSSWITCH_CUTS:
                doctor_say(d, DOCTOR_FAIL, check, EDIT,
                                "%s is never asked: kedge ends questions for foreign names, too",
                                word);
                break;
        case NSSWITCH_GOOD:
                doctor_say(d, DOCTOR_OK, check, NULL, "kedge is asked before all that asks a network");
                break;
        }
}

static void look_at_nsswitch(struct doctor *d) {
        char path[DOCTOR_PATH_MAX], word[NSSWITCH_WORD_MAX], *text = NULL;
        size_t n = 0;
        int r = ctl_read_file(doctor_path(d, "/etc/nsswitch.conf", path), NSSWITCH_FILE_MAX, &text, &n);

        if (r < 0) {
                doctor_say(d, DOCTOR_FAIL, "nsswitch", EDIT, "%s cannot be read: %s", path,
                                strerrordesc_np(-r));
                return;
        }
        say_nsswitch(d, nsswitch_judge(VIEW(text, n), word), word);
        free(text);
}

/* What to do about a file of the agent's that its readers do not believe. */
static void say_unbelieved(struct doctor *d, const char *check, const char *path, int r) {
        char cure[DOCTOR_TEXT_MAX];

        switch (r) {
        case -EPERM:
                (void) snprintf(cure, sizeof(cure), "rm %s && %s", path, RESTART);
                doctor_say(d, DOCTOR_FAIL, check, cure,
                                "%s is not believed: others may write to it, or it is of another "
                                "owner than its folder",
                                path);
                return;
        case -EBADMSG:
        case -E2BIG:
        case -EPROTONOSUPPORT:
                doctor_say(d, DOCTOR_FAIL, check, RESTART, "%s is damaged, or of another version",
                                path);
                return;
        case -EACCES:
                (void) snprintf(cure, sizeof(cure), "chmod a+rX the folder and %s", path);
                doctor_say(d, DOCTOR_FAIL, check, cure, "%s cannot be read by this user", path);
                return;
        default:
                doctor_say(d, DOCTOR_FAIL, check, RESTART, "%s: %s", path, strerrordesc_np(-r));
        }
}

/* Each zone that the agent serves is in the list. */
static void look_at_zones(struct doctor *d, const char *path) {
        uint32_t i = 0;

        for (; d->agent && i < ZONES_MAX; i++) {
                struct query_request request = { .verb = QUERY_ZONE, .index = i };
                struct query_reply reply;

                if (ctl_get(d->ctl, &request, &reply) < 0 || reply.result != QUERY_OK)
                        break;
                if (suffixes_match(path, reply.zone.suffix) == 1)
                        continue;
                doctor_say(d, DOCTOR_FAIL, "suffixes", RESTART,
                                "%s lacks %s, which the agent serves: programs ask DNS for it", path,
                                reply.zone.suffix);
                return;
        }
        if (d->agent && i == 0) {
                doctor_say(d, DOCTOR_WARN, "suffixes",
                                "kedgectl setup --zone NAME --contract 0x...",
                                "no zone is configured: no name is ours");
                return;
        }
        doctor_say(d, DOCTOR_OK, "suffixes", NULL, "what is ours can be read");
}

static void look_at_suffixes(struct doctor *d) {
        char path[DOCTOR_PATH_MAX];
        int r;

        (void) our_path(d, "KEDGE_STATE_DIR", KEDGE_STATE_DIR, "public/suffixes", path);
        r = suffixes_match(path, "kedge.invalid");
        if (r == -ENOENT)
                doctor_say(d, DOCTOR_FAIL, "suffixes", "systemctl enable --now kedged",
                                "there is no %s: no name is ours", path);
        else if (r < 0)
                say_unbelieved(d, "suffixes", path, r);
        else
                look_at_zones(d, path);
}

/* Without one no file of names is published. */
static bool has_no_zone(const struct doctor *d) {
        struct query_request request = { .verb = QUERY_ZONE };
        struct query_reply reply;

        return d->agent && ctl_get(d->ctl, &request, &reply) >= 0 && reply.result != QUERY_OK;
}

static void look_at_snapshot(struct doctor *d) {
        char path[DOCTOR_PATH_MAX];
        struct name_answer answer;
        int r;

        (void) our_path(d, "KEDGE_RUNTIME_DIR", KEDGE_RUNTIME_DIR, "names", path);
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                if (has_no_zone(d)) {
                        doctor_say(d, DOCTOR_OK, "snapshot", NULL,
                                        "without a zone no names are published");
                        return;
                }
                doctor_say(d, d->agent ? DOCTOR_FAIL : DOCTOR_WARN, "snapshot",
                                "systemctl restart kedged",
                                "there is no %s: each program asks the agent for each name", path);
                return;
        }
        r = snapshot_lookup(path, "kedge.invalid", &answer);
        if (r < 0 && r != -ENOENT && r != -ESTALE)
                say_unbelieved(d, "snapshot", path, r);
        else
                doctor_say(d, DOCTOR_OK, "snapshot", NULL, "the published names can be read");
}

static void look_at_room(struct doctor *d) {
        char path[DOCTOR_PATH_MAX], room[CTL_TEXT_MAX], cure[DOCTOR_TEXT_MAX];
        struct statvfs fs;
        uint64_t left;

        (void) our_path(d, "KEDGE_STATE_DIR", KEDGE_STATE_DIR, "", path);
        (void) snprintf(cure, sizeof(cure), "make room: df -h %s; df -i %s", path, path);
        if (statvfs(path, &fs) < 0) {
                doctor_say(d, errno == EACCES ? DOCTOR_WARN : DOCTOR_FAIL, "disk",
                                errno == EACCES ? "sudo kedgectl doctor" : "systemctl enable --now kedged",
                                "%s cannot be looked at: %s", path, strerrordesc_np(errno));
                return;
        }
        left = (uint64_t) fs.f_bavail * fs.f_frsize;
        (void) ctl_bytes(left, room);
        if (fs.f_flag & ST_RDONLY) {
                (void) snprintf(cure, sizeof(cure), "mount -o remount,rw the file system of %s", path);
                doctor_say(d, DOCTOR_FAIL, "disk", cure,
                                "the state folder is on a read-only file system: what is proven "
                                "cannot be kept");
        } else if (left < ROOM_FAIL || (fs.f_files > 0 && fs.f_favail < INODES_FAIL))
                doctor_say(d, DOCTOR_FAIL, "disk", cure,
                                "%s and %llu files are left for the state folder: revocations cannot "
                                "be kept",
                                room, (unsigned long long) fs.f_favail);
        else
                doctor_say(d, left < ROOM_WARN ? DOCTOR_WARN : DOCTOR_OK, "disk",
                                left < ROOM_WARN ? cure : NULL, "%s are left for the state folder",
                                room);
}

static void look_at_bus(struct doctor *d) {
        static const char *const places[] = {
                "/etc/dbus-1/system.d/org.kedge.Agent1.conf",
                KEDGE_DATA_DIR "/dbus-1/system.d/org.kedge.Agent1.conf",
                "/usr/share/dbus-1/system.d/org.kedge.Agent1.conf",
        };
        char path[DOCTOR_PATH_MAX];

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (access(doctor_path(d, places[i], path), R_OK) == 0) {
                        doctor_say(d, DOCTOR_OK, "bus", NULL, "the bus has its policy for the agent");
                        return;
                }
        doctor_say(d, DOCTOR_FAIL, "bus",
                        "install org.kedge.Agent1.conf into /usr/share/dbus-1/system.d, then "
                        "systemctl reload dbus",
                        "the bus has no policy for org.kedge.Agent1: the agent cannot be there");
}

void doctor_files(struct doctor *d) {
        look_at_nsswitch(d);
        look_at_suffixes(d);
        look_at_snapshot(d);
        look_at_room(d);
        look_at_bus(d);
}
