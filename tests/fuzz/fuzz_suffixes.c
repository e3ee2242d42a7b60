/* A suffix list of any content. What must hold: no crash; a name that is ours is below a line of
 * the list; a list that says "not ours" is whole, so it ends with a new line. */

#include "fuzz.h"

#include <errno.h>

#include "../wire_fixture.h"

static char folder[64], path[96];

static void tidy(void) {
        (void) unlink(path);
        (void) rmdir(folder);
}

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-fuzz-XXXXXX");
        FIXTURE_MUST(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/suffixes", folder);
        FIXTURE_MUST(atexit(tidy) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const names[] = { "", "a", "pump1.plant.fleet", "www.example.org" };

        if (folder[0] == '\0')
                set_up();
        fixture_write(path, data, size, 0644);

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                int r = suffixes_match(path, names[i]);

                MUST(r == 0 || r == 1 || r == -EBADMSG || r == -E2BIG);
                if (r == 0)
                        MUST(size == 0 || data[size - 1] == '\n');
                if (r == 1)
                        MUST(names[i][0] != '\0' && memchr(data, '\n', size));
        }
        return 0;
}
