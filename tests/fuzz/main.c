/* Runs a fuzz target over files: each one named, or each in a folder named. Every input lies in a
 * heap block of its exact size, so that ASan sees one byte too far. A folder without a file is a
 * failure: a corpus that was lost must not pass. Beside each file as it is, a few deterministic
 * changes of it are run: cut short at each end, and one bit flipped at spread positions. */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define INPUT_MAX (1U << 20)
#define CHANGES   64 /* changed copies of each file */

static size_t runs;

static void run_exact(const uint8_t *data, size_t n) {
        uint8_t *copy = malloc(n > 0 ? n : 1);

        if (!copy)
                abort();
        if (n > 0)
                memcpy(copy, data, n);
        (void) LLVMFuzzerTestOneInput(copy, n);
        free(copy);
        runs++;
}

static void run_changed(uint8_t *data, size_t n) {
        for (size_t i = 0; n > 0 && i < CHANGES; i++) {
                size_t at = i * n / CHANGES;

                data[at] ^= (uint8_t) (1U << (i % 8));
                run_exact(data, n);
                data[at] ^= (uint8_t) (1U << (i % 8));
                run_exact(data, at);
                run_exact(data + at, n - at);
        }
}

static int run_file(const char *path) {
        static uint8_t data[INPUT_MAX];
        FILE *f = fopen(path, "re");
        size_t n;

        if (!f) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return -1;
        }
        n = fread(data, 1, sizeof(data), f);
        fclose(f);
        run_exact(data, n);
        run_changed(data, n);
        return 0;
}

static int run_folder(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return run_file(path);

        while ((entry = readdir(dir))) {
                char name[4096];

                if (entry->d_name[0] == '.')
                        continue;
                if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >=
                                (int) sizeof(name))
                        r = -1;
                else if (run_file(name) < 0)
                        r = -1;
        }
        closedir(dir);
        return r;
}

int main(int argc, char **argv) {
        int r = 0;

        for (int i = 1; i < argc; i++)
                if (run_folder(argv[i]) < 0)
                        r = -1;

        printf("%zu inputs\n", runs);
        return r == 0 && runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
