/* A snapshot file of any content. The first byte says how much of it is put right before it is read
 * (1: header with our boot id, 2: the records), so that what lies behind the checksums is reached
 * too. What must hold: no crash, only errors that the header names, and whatever is answered is
 * sane and of the name that was asked for. */

#include "fuzz.h"

#include <errno.h>

#include "../wire_fixture.h"
#include "wire/snapshot_format.h"

#define IMAGE_MAX (1U << 16)

static char folder[64], path[96];

static void tidy(void) {
        (void) unlink(path);
        (void) rmdir(folder);
}

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-fuzz-XXXXXX");
        FIXTURE_MUST(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/names", folder);
        FIXTURE_MUST(atexit(tidy) == 0);
}

static void mend_header(uint8_t *image, size_t n) {
        struct snapshot_header h;

        memcpy(&h, image, sizeof(h));
        memcpy(h.magic, SNAPSHOT_MAGIC, sizeof(h.magic));
        h.version = SNAPSHOT_VERSION;
        h.record_size = sizeof(struct snapshot_record);
        h.size = n;
        FIXTURE_MUST(snapshot_boot_id(h.boot_id) == 0);
        h.check = snapshot_header_check(&h);
        memcpy(image, &h, sizeof(h));
}

static void mend_records(uint8_t *image, size_t n) {
        struct snapshot_header h;
        struct snapshot_record r;

        memcpy(&h, image, sizeof(h));
        if (h.n_records > SNAPSHOT_RECORDS_MAX || h.n_addrs > SNAPSHOT_RECORDS_MAX)
                return;
        for (uint64_t at = snapshot_layout(h.n_records, h.n_addrs).records; at + sizeof(r) <= n;
                        at += sizeof(r)) {
                memcpy(&r, image + at, sizeof(r));
                r.check = snapshot_record_check(&h, &r);
                memcpy(image + at, &r, sizeof(r));
        }
}

static void check_error(int r) {
        MUST(r == 0 || r == -ENOENT || r == -EBADMSG || r == -ESTALE || r == -EPROTONOSUPPORT);
}

static void look_all(const char *name) {
        static char names[3][NAME_MAX_LEN + 1];
        struct name_answer a = { 0 };
        size_t n = 0;
        int r = snapshot_lookup(path, name, &a);

        check_error(r);
        if (r == 0)
                MUST(name_answer_is_sane(&a));
        for (size_t i = 0; r == 0 && i < a.n_addrs; i++) {
                check_error(snapshot_lookup_addr(path, &a.addr[i], names, ELEMENTSOF(names), &n));
                MUST(n <= ELEMENTSOF(names));
                for (size_t j = 0; j < n; j++)
                        MUST(strlen(names[j]) <= NAME_MAX_LEN);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static uint8_t image[IMAGE_MAX];
        struct name_addr addr = fixture_v4(10, 0, 0, 1);
        char names[2][NAME_MAX_LEN + 1];
        size_t n;

        if (folder[0] == '\0')
                set_up();
        if (size < 1 || size - 1 > sizeof(image))
                return 0;
        n = size - 1;
        memcpy(image, data + 1, n);
        if ((data[0] & 1) && n >= sizeof(struct snapshot_header))
                mend_header(image, n);
        if ((data[0] & 2) && n >= sizeof(struct snapshot_header))
                mend_records(image, n);
        fixture_write(path, image, n, 0644);

        for (unsigned i = 0; i < 4; i++) {
                char name[32];

                snprintf(name, sizeof(name), "host%u.plant.fleet", i);
                look_all(name);
        }
        check_error(snapshot_lookup_addr(path, &addr, names, ELEMENTSOF(names), &n));
        return 0;
}
