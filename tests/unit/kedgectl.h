/* Running kedgectl against a scripted agent: what it printed, and its exit code. */
#pragma once

#include <jansson.h>
#include <sys/wait.h>

#include "agent.h"

static struct agent agent; /* a program of tests has one */
static char out[262144], err[4096];
static const char *program;

static inline void slurp(const char *name, char *ret, size_t cap) {
        char path[128];
        size_t n;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", agent.dir, name);
        f = fopen(path, "re");
        ck_assert_ptr_nonnull(f);
        n = fread(ret, 1, cap - 1, f);
        ret[n] = '\0';
        fclose(f);
        ck_assert_int_eq(unlink(path), 0);
}

/* Runs kedgectl with args, as a shell would read them. Returns the exit code. */
static inline int run(const char *args) {
        char command[8192];
        int status;

        (void) snprintf(command, sizeof(command),
                        "KEDGE_RUNTIME_DIR=%s TZ=Asia/Tokyo '%s' %s >%s/out 2>%s/err", agent.dir,
                        program, args, agent.dir, agent.dir);
        status = system(command);
        slurp("out", out, sizeof(out));
        slurp("err", err, sizeof(err));
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static inline void assert_one_line_on_stderr(const char *has) {
        const char *newline = strchr(err, '\n');

        ck_assert_msg(strncmp(err, "kedgectl: ", 10) == 0 && newline && !newline[1], "stderr: %s",
                        err);
        ck_assert_msg(strstr(err, has) != NULL, "stderr: %s", err);
}

static inline json_t *parse_out(const char *result) {
        json_error_t e;
        json_t *o = json_loads(out, 0, &e);

        ck_assert_msg(o != NULL, "%s: %s", e.text, out);
        ck_assert_str_eq(json_string_value(json_object_get(o, "result")), result);
        return o;
}
