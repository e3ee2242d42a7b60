/* Samples as Prometheus reads them. What always holds: a label's value comes out of its quotes by no
 * byte that it holds, and ends no line. */

#include "agent/kedged/metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>

void metrics_head(FILE *f, const char *name, const char *type, const char *help) {
        (void) fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(FILE *f, const char *text) {
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void) fputc('\\', f);
                (void) fputc(*text < 0x20 || *text > 0x7e ? '?' : *text, f);
        }
}

static void put_labels(FILE *f, const char *name, va_list labels) {
        const char *label;
        char before = '{';

        (void) fputs(name, f);
        while ((label = va_arg(labels, const char *))) {
                (void) fprintf(f, "%c%s=\"", before, label);
                put_value(f, va_arg(labels, const char *));
                (void) fputc('"', f);
                before = ',';
        }
        if (before == ',')
                (void) fputc('}', f);
}

void metrics_put(FILE *f, const char *name, uint64_t value, ...) {
        va_list labels;

        va_start(labels, value);
        put_labels(f, name, labels);
        va_end(labels);
        (void) fprintf(f, " %" PRIu64 "\n", value);
}

void metrics_put_ms(FILE *f, const char *name, uint64_t ms, ...) {
        va_list labels;

        va_start(labels, ms);
        put_labels(f, name, labels);
        va_end(labels);
        (void) fprintf(f, " %" PRIu64 ".%03u\n", ms / 1000, (unsigned) (ms % 1000));
}
