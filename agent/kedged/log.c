/* What the agent says, one line a matter. Where standard error is the journal a line goes there
 * with its fields; else to standard error: systemd reads the "<N>" in front as the priority, a
 * terminal gets the line without it. A line is cut at LOG_LINE_MAX and never split: what comes from
 * outside (a reason, an upstream's text) cannot start a line of its own.
 *
 * Nobody has to read along: where the journal or the pipe is full, the line is lost and counted, and
 * the next that gets through says how many were. */

#include "agent/kedged/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned long lost;

static int write_stderr(int priority, const char *text) {
        struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
        char line[LOG_LINE_MAX + 1];
        int head = 0, n;

        if (poll(&p, 1, 0) == 0)
                return -EAGAIN;
        if (!isatty(STDERR_FILENO))
                head = snprintf(line, sizeof(line), "<%d>", priority);
        n = snprintf(line + head, sizeof(line) - (size_t) head - 1, "%s", text);
        if (n < 0)
                return -EINVAL;
        n = head + MIN(n, (int) sizeof(line) - head - 2);
        for (int i = head; i < n; i++)
                if (line[i] < 0x20 || line[i] > 0x7e)
                        line[i] = '?';
        line[n++] = '\n';
        return write(STDERR_FILENO, line, (size_t) n) < 0 ? -errno : 0;
}

static int say(int priority, const char *line, const struct journal_field *fields, size_t n) {
        int r = journal_send(priority, line, fields, n);

        /* Standard error ends in the same journal: where that is full, it is full there too. */
        return r < 0 && r != -EAGAIN ? write_stderr(priority, line) : r;
}

void log_fields(int priority, const struct journal_field *fields, size_t n, const char *line) {
        int saved = errno;

        if (lost > 0) {
                char text[96];

                (void) snprintf(text, sizeof(text), "%lu lines were lost: the journal did not take them", lost);
                if (say(LOG_WARNING, text, NULL, 0) >= 0)
                        lost = 0;
        }
        if (say(priority, line, fields, n) == -EAGAIN)
                lost++;
        errno = saved;
}

void log_line(int priority, const char *format, ...) {
        char line[LOG_LINE_MAX];
        int saved = errno;
        va_list ap;

        va_start(ap, format);
        if (vsnprintf(line, sizeof(line), format, ap) >= 0)
                log_fields(priority, NULL, 0, line);
        va_end(ap);
        errno = saved;
}
