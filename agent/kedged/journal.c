/* The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of NAME=value
 * lines. Written here and not by sd_journal_sendv(), which waits while the journal's queue is full:
 * a journal that stands still must not hold up revocations.
 *
 * What always holds: a value has printable ASCII alone, so no upstream can end a line of the
 * datagram and begin a field of its own. */

#include "agent/kedged/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int journal_fd = -1;

static size_t put(char *to, size_t cap, size_t at, const char *name, const char *value, size_t max) {
        size_t n = strlen(name), m = strnlen(value, max);

        if (at == 0 || cap - at < n + m + 2)
                return 0;
        memcpy(to + at, name, n);
        at += n;
        to[at++] = '=';
        for (size_t i = 0; i < m; i++)
                to[at++] = value[i] < 0x20 || value[i] > 0x7e ? '?' : value[i];
        to[at++] = '\n';
        return at;
}

size_t journal_format(int priority, const char *line, const struct journal_field *fields, size_t n,
                char *ret, size_t cap) {
        int head = snprintf(ret, cap, "PRIORITY=%d\nSYSLOG_IDENTIFIER=kedged\n", priority & 7);
        size_t at = head > 0 && (size_t) head < cap ? (size_t) head : 0;

        at = put(ret, cap, at, "MESSAGE", line, cap);
        for (size_t i = 0; i < n; i++)
                if (fields[i].value && fields[i].value[0])
                        at = put(ret, cap, at, fields[i].name, fields[i].value, JOURNAL_VALUE_MAX);
        return at;
}

bool journal_is_stderr(const char *journal_stream) {
        char here[64];
        struct stat st;

        if (!journal_stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void) snprintf(here, sizeof(here), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        return strcmp(here, journal_stream) == 0;
}

void journal_open(void) {
        if (journal_fd < 0 && journal_is_stderr(getenv("JOURNAL_STREAM")))
                journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int journal_send(int priority, const char *line, const struct journal_field *fields, size_t n) {
        static const struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
        char entry[JOURNAL_MAX];
        size_t size;

        if (journal_fd < 0)
                return -ENOTCONN;
        size = journal_format(priority, line, fields, n, entry, sizeof(entry));
        if (size == 0)
                return -E2BIG;
        if (sendto(journal_fd, entry, size, MSG_NOSIGNAL, (const struct sockaddr *) &at, sizeof(at)) < 0)
                return -errno;
        return 0;
}
