/* Writes what the agent would publish, for tests of the NSS module that need no agent:
 *   nss-fixture FOLDER SUFFIX... < lines
 * makes FOLDER/run/names from lines "NAME SECONDS ADDRESS..." (SECONDS until its deadline; "-"
 * stands for proven absent) and FOLDER/state/public/suffixes. With --boot=other the snapshot is of
 * another boot. */

#include <arpa/inet.h>
#include <errno.h>
#include <time.h>

#include "wire_fixture.h"

#define ENTRIES_MAX 4096

static uint64_t now_ms(void) {
        struct timespec ts;

        FIXTURE_MUST(clock_gettime(CLOCK_BOOTTIME, &ts) == 0);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static void add_word(struct name_answer *a, const char *word) {
        struct name_addr *to = &a->addr[a->n_addrs];

        if (strcmp(word, "-") == 0) {
                a->verdict = NAME_ABSENT;
                return;
        }
        FIXTURE_MUST(a->n_addrs < NAME_ADDRS_MAX);
        to->family = strchr(word, ':') ? 6 : 4;
        FIXTURE_MUST(inet_pton(to->family == 6 ? AF_INET6 : AF_INET, word, to->b) == 1);
        a->n_addrs++;
}

static void read_entry(char *line, struct snapshot_entry *e) {
        char *rest = NULL, *word = strtok_r(line, " \n", &rest);
        long seconds;

        FIXTURE_MUST(word && strlen(word) <= NAME_MAX_LEN);
        strcpy(e->name, word);
        word = strtok_r(NULL, " \n", &rest);
        FIXTURE_MUST(word);
        seconds = strtol(word, NULL, 10);
        e->answer.verdict = NAME_PRESENT;
        e->answer.proven_ms = 1;
        e->answer.deadline_ms = seconds < 0 ? 1 : now_ms() + (uint64_t) seconds * 1000;
        while ((word = strtok_r(NULL, " \n", &rest)))
                add_word(&e->answer, word);
}

static void write_suffixes(const char *folder, char **suffixes) {
        char path[512], text[4096] = "# what is ours\n";

        for (; *suffixes; suffixes++) {
                FIXTURE_MUST(strlen(text) + strlen(*suffixes) + 2 < sizeof(text));
                strcat(strcat(text, *suffixes), "\n");
        }
        FIXTURE_MUST(snprintf(path, sizeof(path), "%s/state/public/suffixes", folder) <
                        (int) sizeof(path));
        fixture_write_text(path, text);
}

int main(int argc, char **argv) {
        static struct snapshot_entry entries[ENTRIES_MAX];
        bool other = argc > 1 && strcmp(argv[1], "--boot=other") == 0;
        char line[1024], path[512];
        uint8_t boot_id[16], *image;
        size_t n = 0, size;

        argv += other;
        argc -= other;
        if (argc < 2) {
                fprintf(stderr, "usage: nss-fixture [--boot=other] FOLDER SUFFIX... < lines\n");
                return 2;
        }
        while (fgets(line, sizeof(line), stdin)) {
                FIXTURE_MUST(n < ENTRIES_MAX);
                read_entry(line, &entries[n++]);
        }
        FIXTURE_MUST(snapshot_boot_id(boot_id) == 0);
        boot_id[0] ^= other;
        image = fixture_image(entries, n, boot_id, &size);
        FIXTURE_MUST(snprintf(path, sizeof(path), "%s/run/names", argv[1]) < (int) sizeof(path));
        fixture_write(path, image, size, 0644);
        free(image);
        write_suffixes(argv[1], argv + 2);
        return 0;
}
