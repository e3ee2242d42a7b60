/* What the agent says, one line a matter. systemd reads the "<N>" in front as the priority; a
 * terminal gets the line without it. A line is cut at LOG_LINE_MAX and never split: what comes
 * from outside (a reason, an upstream's text) cannot start a line of its own. */

#include "agent/kedged/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(int priority, const char *format, ...) {
        char line[LOG_LINE_MAX];
        int saved = errno, head = 0, n;
        va_list ap;

        if (!isatty(STDERR_FILENO))
                head = snprintf(line, sizeof(line), "<%d>", priority);

        va_start(ap, format);
        n = vsnprintf(line + head, sizeof(line) - (size_t) head - 1, format, ap);
        va_end(ap);
        if (n < 0)
                return;

        n = head + MIN(n, (int) sizeof(line) - head - 2);
        for (int i = head; i < n; i++)
                if (line[i] < 0x20 || line[i] > 0x7e)
                        line[i] = '?';
        line[n++] = '\n';

        if (write(STDERR_FILENO, line, (size_t) n) < 0)
                n = 0; /* nobody listens: there is nowhere to say so */
        errno = saved;
}
