/* agent/kedgectl, the verb record: each line of the input is one word of the command line, so a
 * KEYTEXT=VALUE or, behind "set" and the like, a name and its fields.
 *
 * They are refused as a whole with a reason, or answered with key, slot and value; the value that is
 * printed, given back in place of the text, means the same. A transaction's data is a selector and
 * whole words, and holds each record's key or value. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedgectl/ctl.h"

#define ARGS_MAX 8

static const struct ctl ctl = {
        .json = true, .has_contract = true, .contract = { { 1 } }, .zone = "plant.fleet"
};

/* What the verb prints, parsed; NULL where that is no JSON. */
static json_t *answer(int argc, char **argv, enum ctl_exit *ret_code) {
        FILE *terminal = stdout, *errors = stderr;
        json_t *root;
        char *text = NULL;
        size_t n = 0;

        stdout = open_memstream(&text, &n);
        stderr = fopen("/dev/null", "we");
        if (!stdout || !stderr)
                abort();
        *ret_code = verb_record(&ctl, argc, argv);
        fclose(stderr);
        fclose(stdout);
        stdout = terminal;
        stderr = errors;
        root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
        free(text);
        return root;
}

static void check_record(json_t *record) {
        const char *key_text, *value, *means, *again_means, *again_value;
        enum ctl_exit code;
        json_t *again;
        char line[1024], *argv[] = { line };

        MUST(json_unpack(record, "{s:s, s:s, s:s}", "key_text", &key_text, "value", &value, "means",
                             &means) == 0);
        MUST(strlen(value) == 66 && strlen(key_text) + strlen(value) + 2 < sizeof(line));
        snprintf(line, sizeof(line), "%s=%s", key_text, value);
        again = answer(1, argv, &code);
        MUST(again && code == CTL_OK);
        MUST(json_unpack(again, "{s:[{s:s, s:s}]}", "records", "value", &again_value, "means",
                             &again_means) == 0);
        MUST(strcmp(value, again_value) == 0 && strcmp(means, again_means) == 0);
        json_decref(again);
}

static void check_transaction(const char *data, json_t *list) {
        json_t *record;
        size_t i;

        MUST(strncmp(data, "0x", 2) == 0 && strlen(data) >= 10 && (strlen(data) - 10) % 64 == 0);
        json_array_foreach(list, i, record) {
                const char *key, *value;

                MUST(json_unpack(record, "{s:s, s:s}", "key", &key, "value", &value) == 0);
                MUST(strstr(data, key + 2) || strstr(data, value + 2));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[1024], *argv[ARGS_MAX], *save = NULL;
        enum ctl_exit code;
        json_t *root, *list, *record;
        const char *reason, *data_text;
        int argc = 0;
        size_t i;

        if (size >= sizeof(text))
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        for (char *at = strtok_r(text, "\n", &save); at && argc < ARGS_MAX;
                        at = strtok_r(NULL, "\n", &save))
                argv[argc++] = at;

        root = answer(argc, argv, &code);
        MUST(root);
        MUST(code == CTL_OK || code == CTL_FAILURE || code == CTL_USAGE);
        MUST(json_unpack(root, "{s:s}", "result", &reason) == 0 &&
                        strcmp(reason, ctl_exit_name(code)) == 0);
        list = json_object_get(root, "records");
        if (code == CTL_OK) {
                if (json_unpack(root, "{s:s}", "data", &data_text) == 0)
                        check_transaction(data_text, list);
                else
                        MUST(json_array_size(list) == (size_t) argc);
                json_array_foreach(list, i, record)
                        check_record(record);
        } else {
                MUST(!list && json_unpack(root, "{s:s}", "reason", &reason) == 0 &&
                                reason[0] != '\0');
        }
        json_decref(root);
        return 0;
}
