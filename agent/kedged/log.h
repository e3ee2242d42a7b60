/* One line in the journal, or on stderr with its priority in front where stderr is not the
 * journal. Bytes that are not printable ASCII are shown as '?', so that no upstream can forge a
 * line. */
#pragma once

#include <syslog.h>

#include "agent/kedged/journal.h"
#include "base/cleanup.h"

#define LOG_LINE_MAX 1024

/* line is printable as it is shown; fields go to the journal alone. */
void log_fields(int priority, const struct journal_field *fields, size_t n, const char *line);
void log_line(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
