/* org.freedesktop.login1 as a test wants it: what it lists and how it answers stands in a file that
 * is read at each call; what it was asked is written to another.
 *
 *     session ID UID USER SERVICE CLASS STATE TTY REMOTE HOST      ("-": empty)
 *     on MEMBER error NAME [ID] | silent | odd [ID]                 (instead of the answer; of one
 *                                                                    session alone)
 *
 * usage: logind STATE LOG; the bus is DBUS_SYSTEM_BUS_ADDRESS */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define WORDS 10

static const char *state_file, *log_file;

static const char *word(char **at) {
        const char *w = strtok_r(NULL, " \n", at);

        return !w || strcmp(w, "-") == 0 ? "" : w;
}

/* The next line that begins with kind; ret[0] is the word after it. */
static int next_line(FILE *f, const char *kind, char *line, size_t cap, const char *ret[WORDS]) {
        while (fgets(line, (int) cap, f)) {
                char *at = NULL, *first = strtok_r(line, " \n", &at);

                if (!first || strcmp(first, kind) != 0)
                        continue;
                for (size_t i = 0; i < WORDS; i++)
                        ret[i] = word(&at);
                return 1;
        }
        return 0;
}

static int path_of(const char *id, char ret[128]) {
        return snprintf(ret, 128, "/org/freedesktop/login1/session/%s", id);
}

static int append_list(sd_bus_message *to, FILE *f) {
        char line[1024], path[128];
        const char *w[WORDS];
        int r = sd_bus_message_open_container(to, 'a', "(susso)");

        while (r >= 0 && next_line(f, "session", line, sizeof(line), w)) {
                (void) path_of(w[0], path);
                r = sd_bus_message_append(to, "(susso)", w[0], (uint32_t) atoi(w[1]), w[2], "seat0", path);
        }
        return r < 0 ? r : sd_bus_message_close_container(to);
}

static int append_session(sd_bus_message *to, FILE *f, const char *path) {
        char line[1024], at[128];
        const char *w[WORDS];

        while (next_line(f, "session", line, sizeof(line), w)) {
                (void) path_of(w[0], at);
                if (strcmp(at, path) != 0)
                        continue;
                return sd_bus_message_append(to, "a{sv}", 9, "Id", "s", w[0], "Name", "s", w[2],
                                "User", "(uo)", (uint32_t) atoi(w[1]), "/a", "Service", "s", w[3],
                                "Class", "s", w[4], "State", "s", w[5], "TTY", "s", w[6],
                                "Remote", "b", w[7][0] == 'y', "RemoteHost", "s", w[8]);
        }
        return -ENOENT;
}

/* what is an id, or a path that ends in it. */
static int is_about(const char *what, const char *id) {
        const char *slash = strrchr(what, '/');

        return !id[0] || strcmp(slash ? slash + 1 : what, id) == 0;
}

/* 1: the line "on MEMBER ..." has answered. */
static int misbehave(sd_bus_message *m, const char *what, FILE *f) {
        char line[1024];
        const char *w[WORDS];

        while (next_line(f, "on", line, sizeof(line), w)) {
                if (strcmp(w[0], sd_bus_message_get_member(m)) != 0)
                        continue;
                if (!is_about(what, strcmp(w[1], "error") == 0 ? w[3] : w[2]))
                        continue;
                if (strcmp(w[1], "error") == 0)
                        (void) sd_bus_reply_method_errorf(m, w[2], "as the test wants it");
                if (strcmp(w[1], "odd") == 0)
                        (void) sd_bus_reply_method_return(m, "at", 3, UINT64_C(1), UINT64_C(2), UINT64_C(3));
                return 1;
        }
        rewind(f);
        return 0;
}

static void note(const char *member, const char *what) {
        FILE *f = fopen(log_file, "a");

        if (!f)
                exit(1);
        fprintf(f, "%s %s\n", member, what);
        (void) fclose(f);
}

static int answer(sd_bus_message *m, FILE *f) {
        const char *member = sd_bus_message_get_member(m), *text = "";
        sd_bus_message *to = NULL;
        int r;

        if (strcmp(member, "ListSessions") != 0)
                (void) sd_bus_message_read(m, "s", &text);
        if (strcmp(member, "GetAll") == 0)
                text = sd_bus_message_get_path(m);
        note(member, text);
        if (misbehave(m, text, f))
                return 1;
        r = sd_bus_message_new_method_return(m, &to);
        if (r >= 0 && strcmp(member, "ListSessions") == 0)
                r = append_list(to, f);
        else if (r >= 0 && strcmp(member, "GetAll") == 0)
                r = append_session(to, f, sd_bus_message_get_path(m));
        if (r == -ENOENT)
                r = sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "there is none");
        else if (r >= 0)
                r = sd_bus_send(NULL, to, NULL);
        (void) sd_bus_message_unref(to);
        return r < 0 ? r : 1;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FILE *f;
        int r;

        (void) userdata;
        (void) error;
        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        f = fopen(state_file, "r");
        if (!f)
                return 0;
        r = answer(m, f);
        (void) fclose(f);
        return r;
}

int main(int argc, char **argv) {
        sd_bus *bus = NULL;
        int r;

        if (argc != 3)
                return 2;
        state_file = argv[1];
        log_file = argv[2];
        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, NULL);
        if (r >= 0)
                r = sd_bus_request_name(bus, "org.freedesktop.login1", 0);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        fprintf(stderr, "logind of the test: %s\n", strerror(-r));
        return 1;
}
