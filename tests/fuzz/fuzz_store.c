/* agent/kedged/store and book: what stands on disk.
 *
 * The input is, in turn, a payload of the book of revocations, or of the operator's words; bytes of a state file, as they are;
 * and changes to a good pair of generations, three bytes each (where, which bits). A file that was
 * changed is not believed; the older generation is, and its height; with both changed nothing is,
 * and that is told from "there is no file". */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../wire_fixture.h"
#include "agent/kedged/book.h"
#include "agent/kedged/log.h"
#include "agent/kedged/operator.h"
#include "agent/kedged/store.h"
#include "agent/kedged/util.h"

#define FILE_MAX 512

static const uint8_t older[] = "the older payload", newer[] = "the newer";
static const size_t length[2] = { sizeof(older) + STORE_OVERHEAD, sizeof(newer) + STORE_OVERHEAD };

static uint8_t good[2][FILE_MAX]; /* both generations, as store_save() writes them */
static char folder[64];
static int folder_fd = -1;

void log_line(int priority _unused_, const char *format _unused_, ...) {
}

static void tidy(void) {
        (void) unlinkat(folder_fd, "s", 0);
        (void) unlinkat(folder_fd, "s.1", 0);
        (void) rmdir(folder);
}

static void set_up(void) {
        struct store s;

        strcpy(folder, "/tmp/kedge-fuzz-XXXXXX");
        FIXTURE_MUST(mkdtemp(folder));
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FIXTURE_MUST(folder_fd >= 0 && atexit(tidy) == 0);

        s = (struct store){ .dir_fd = folder_fd, .name = "s", .max = FILE_MAX, .newest = -1 };
        MUST(store_save(&s, 7, VIEW(older, sizeof(older))) == 0 && s.newest == 0);
        MUST(store_save(&s, 8, VIEW(newer, sizeof(newer))) == 0 && s.newest == 1);
        MUST(store_save(&s, 7, VIEW(older, sizeof(older))) == -ESTALE);
        for (size_t i = 0; i < 2; i++) {
                int fd = openat(folder_fd, i ? "s.1" : "s", O_RDONLY | O_CLOEXEC);

                MUST(fd >= 0 && read(fd, good[i], FILE_MAX) == (ssize_t) length[i] &&
                                close(fd) == 0);
        }
}

static void put(const char *name, const uint8_t *data, size_t n) {
        char path[96];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        fixture_write(path, data, n, 0600);
}

static void check_book(const uint8_t *data, size_t size) {
        static struct book book;

        if (book_parse(&book, VIEW(data, size)) == 0) {
                size_t sum = 0;

                MUST(book.n <= BOOK_RECORDS_MAX && size >= 4 && !book.dirty);
                for (size_t i = 0; i < book.n; i++) {
                        MUST(book_find(&book, &book.entry[i]->key) == &book.entry[i]->revocations);
                        MUST(book.entry[i]->revocations.n >= 1);
                        MUST(book.entry[i]->revocations.n <= SERVED_REVOCATIONS_MAX);
                        sum += book.entry[i]->revocations.n;
                }
                MUST(book_count(&book) == sum);
        }
        book_done(&book);
}

static void check_words(const uint8_t *data, size_t size) {
        struct operator_words words;

        if (operator_parse(&words, VIEW(data, size)) < 0)
                return;
        MUST(words.n <= OPERATOR_CHAINS_MAX);
        for (size_t i = 0; i < words.n; i++) {
                MUST(operator_find(&words, words.entry[i].chain) == &words.entry[i]);
                MUST(!hash32_is_zero(&words.entry[i].imported.hash));
        }
}

static void check_file(const uint8_t *data, size_t size) {
        _cleanup_(freep) uint8_t *p = NULL;
        struct store s;
        size_t n;
        int r;

        put("s", data, size);
        (void) unlinkat(folder_fd, "s.1", 0);
        r = store_open(&s, folder_fd, "s", FILE_MAX, &p, &n);
        MUST(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r == 0)
                MUST(n <= FILE_MAX && n + STORE_OVERHEAD == size && s.newest == 0);
}

/* Height 7 in "s", then height 8 in "s.1": which of them a change hit decides what may be
 * believed. */
static void check_changes(const uint8_t *data, size_t size) {
        _cleanup_(freep) uint8_t *p = NULL;
        uint8_t file[2][FILE_MAX];
        bool changed[2];
        struct store s;
        size_t n;
        int r;

        memcpy(file, good, sizeof(file));
        for (; size >= 3; data += 3, size -= 3)
                file[data[0] & 1][data[1] % length[data[0] & 1]] ^= data[2];
        for (size_t i = 0; i < 2; i++) {
                changed[i] = memcmp(file[i], good[i], length[i]) != 0;
                put(i ? "s.1" : "s", file[i], length[i]);
        }

        r = store_open(&s, folder_fd, "s", FILE_MAX, &p, &n);
        if (changed[0] && changed[1]) {
                MUST(r == -EBADMSG);
                return;
        }
        MUST(r == 0 && s.height == (changed[1] ? 7 : 8));
        MUST(view_eq(VIEW(p, n),
                        changed[1] ? VIEW(older, sizeof(older)) : VIEW(newer, sizeof(newer))));
        MUST(store_save(&s, s.height - 1, VIEW(older, sizeof(older))) == -ESTALE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (folder_fd < 0)
                set_up();
        if (size == 0 || size > 4096)
                return 0;
        switch (data[0] % 4) {
        case 0:
                check_book(data + 1, size - 1);
                break;
        case 1:
                check_file(data + 1, size - 1);
                break;
        case 3:
                check_words(data + 1, size - 1);
                break;
        default:
                check_changes(data + 1, size - 1);
        }
        return 0;
}
