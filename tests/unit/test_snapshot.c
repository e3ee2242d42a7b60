/* wire/snapshot: whatever stands at the path, a reader crashes never and answers only from a file
 * that is the agent's, whole, and of this boot. */

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "../wire_fixture.h"
#include "wire/snapshot_format.h"

#define N 300

static char folder[64], path[96];
static struct snapshot_entry entries[N];
static uint8_t boot_id[16];

static void set_up(void) {
        strcpy(folder, "/tmp/kedge-snapshot-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/names", folder);
        for (uint32_t i = 0; i < N; i++)
                entries[i] = fixture_entry(i, 1000);
        ck_assert_int_eq(snapshot_boot_id(boot_id), 0);
}

static void tear_down(void) {
        char command[96];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
}

static void publish(const struct snapshot_entry *e, size_t n, const uint8_t id[16]) {
        size_t size;
        uint8_t *image = fixture_image(e, n, id, &size);

        fixture_write(path, image, size, 0644);
        free(image);
}

static int look(const char *name) {
        struct name_answer a;

        return snapshot_lookup(path, name, &a);
}

START_TEST(snapshot_finds_every_name_it_was_built_from) {
        static const size_t counts[] = { 0, 1, 2, 3, 5, 16, 17, N };
        struct name_answer a;

        for (size_t k = 0; k < ELEMENTSOF(counts); k++) {
                publish(entries, counts[k], boot_id);
                for (size_t i = 0; i < N; i++) {
                        int want = i < counts[k] ? 0 : -ENOENT;

                        ck_assert_int_eq(snapshot_lookup(path, entries[i].name, &a), want);
                        if (want == 0)
                                ck_assert_mem_eq(&a, &entries[i].answer, sizeof(a));
                }
                ck_assert_int_eq(look("plant.fleet"), -ENOENT);
                ck_assert_int_eq(look(""), -ENOENT);
        }
}
END_TEST

START_TEST(snapshot_finds_names_by_address) {
        char names[4][NAME_MAX_LEN + 1];
        struct name_addr other = fixture_v4(192, 0, 2, 1);
        size_t n = 99;

        publish(entries, N, boot_id);
        for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < entries[i].answer.n_addrs; j++) {
                        ck_assert_int_eq(snapshot_lookup_addr(path, &entries[i].answer.addr[j],
                                                         names, 4, &n),
                                        0);
                        ck_assert_uint_eq(n, 1);
                        ck_assert_str_eq(names[0], entries[i].name);
                }
        n = 99;
        ck_assert_int_eq(snapshot_lookup_addr(path, &other, names, 4, &n), -ENOENT);
        ck_assert_uint_eq(n, 99);
}
END_TEST

START_TEST(snapshot_finds_several_names_of_one_address_up_to_the_cap) {
        char names[N][NAME_MAX_LEN + 1];
        struct name_addr addr = fixture_v4(192, 0, 2, 7);
        size_t n;

        for (size_t i = 0; i < 200; i++) {
                entries[i].answer = (struct name_answer){ .verdict = NAME_PRESENT, .n_addrs = 2 };
                entries[i].answer.addr[0] = entries[i].answer.addr[1] =
                                addr; /* twice: found once */
        }
        publish(entries, N, boot_id);
        ck_assert_int_eq(snapshot_lookup_addr(path, &addr, names, N, &n), 0);
        ck_assert_uint_eq(n, 200);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++)
                        ck_assert_str_ne(names[i], names[j]);
        ck_assert_int_eq(snapshot_lookup_addr(path, &addr, names, 3, &n), 0);
        ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(snapshot_reverse_ignores_what_is_not_present) {
        char names[4][NAME_MAX_LEN + 1];
        struct name_addr addr = fixture_v4(192, 0, 2, 7);
        size_t n;

        entries[0].answer = (struct name_answer){
                .verdict = NAME_UNPROVEN, .n_addrs = 1, .addr = { addr }
        };
        publish(entries, N, boot_id);
        ck_assert_int_eq(snapshot_lookup_addr(path, &addr, names, 4, &n), -ENOENT);
}
END_TEST

START_TEST(snapshot_build_refuses) {
        static uint8_t image[1 << 20];
        size_t size = snapshot_size(entries, N), n = 99;

        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, size - 1, &n), -ENOBUFS);
        ck_assert_int_eq(snapshot_build(entries, SNAPSHOT_RECORDS_MAX + 1, boot_id, 1, image, size,
                                         &n),
                        -E2BIG);
        entries[7] = entries[250];
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, sizeof(image), &n), -EEXIST);
        entries[7] = fixture_entry(7, 1);
        strcpy(entries[7].name, "Upper.plant.fleet");
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, sizeof(image), &n), -EINVAL);
        strcpy(entries[7].name, "dot.plant.fleet.");
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, sizeof(image), &n), -EINVAL);
        memset(entries[7].name, 'a', sizeof(entries[7].name));
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, sizeof(image), &n), -EINVAL);
        entries[7] = fixture_entry(7, 1);
        entries[7].answer.n_addrs = 5;
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, sizeof(image), &n), -EINVAL);
        ck_assert_uint_eq(n, 99);
        entries[7].answer.n_addrs = 1;
        ck_assert_int_eq(snapshot_build(entries, N, boot_id, 1, image, size, &n), 0);
}
END_TEST

START_TEST(snapshot_build_is_reproducible) {
        size_t n, m;
        uint8_t *a = fixture_image(entries, N, boot_id, &n),
                *b = fixture_image(entries, N, boot_id, &m);

        ck_assert_uint_eq(n, m);
        ck_assert_mem_eq(a, b, n);
        free(a);
        free(b);
}
END_TEST

/* No file cut short is believed, and none crashes. */
START_TEST(snapshot_cut_at_every_length_is_refused) {
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size);

        for (size_t n = 0; n < size; n++) {
                fixture_write(path, image, n, 0644);
                for (size_t i = 0; i < 8; i += 3)
                        ck_assert_int_eq(look(entries[i].name), -EBADMSG);
        }
        fixture_write(path, image, size, 0644);
        ck_assert_int_eq(look(entries[0].name), 0);
        free(image);
}
END_TEST

START_TEST(snapshot_with_bytes_behind_is_refused) {
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size), *longer = calloc(1, size + 1);

        memcpy(longer, image, size);
        fixture_write(path, longer, size + 1, 0644);
        ck_assert_int_eq(look(entries[0].name), -EBADMSG);
        free(longer);
        free(image);
}
END_TEST

/* Each byte of the header, changed, refuses the file: its checksum covers all of it. */
START_TEST(snapshot_with_a_flipped_header_byte_is_refused) {
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size);

        for (size_t i = 0; i < sizeof(struct snapshot_header); i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        int r;

                        image[i] ^= (uint8_t) (1U << bit);
                        fixture_write(path, image, size, 0644);
                        r = look(entries[0].name);
                        ck_assert_msg(r == (i >= 8 && i < 12 ? -EPROTONOSUPPORT : -EBADMSG),
                                        "byte %zu: %d", i, r);
                        image[i] ^= (uint8_t) (1U << bit);
                }
        free(image);
}
END_TEST

/* Anywhere else, a flipped byte may hide a name, but never change an answer. */
START_TEST(snapshot_with_a_flipped_byte_answers_right_or_not) {
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size);

        for (size_t i = sizeof(struct snapshot_header); i < size; i++) {
                image[i] ^= (uint8_t) (1U << i % 8);
                fixture_write(path, image, size, 0644);
                for (size_t k = 0; k < 8; k++) {
                        struct name_answer a;
                        int r = snapshot_lookup(path, entries[k].name, &a);

                        if (r == 0)
                                ck_assert_mem_eq(&a, &entries[k].answer, sizeof(a));
                        else
                                ck_assert(r == -EBADMSG || r == -ENOENT);
                }
                image[i] ^= (uint8_t) (1U << i % 8);
        }
        free(image);
}
END_TEST

/* A header with a right checksum and a wrong count, as only a broken publisher would write it. */
START_TEST(snapshot_checks_counts_before_use) {
        static const struct {
                const char *name;
                uint32_t n_records, n_addrs;
        } cases[] = {
                { "more records than the file holds", 9, 10 },
                { "fewer records than the file holds", 7, 10 },
                { "more addresses than the file holds", 8, 4000 },
                { "too many records", SNAPSHOT_RECORDS_MAX + 1, 10 },
                { "the most records", UINT32_MAX, 10 },
                { "the most addresses", 8, UINT32_MAX },
                { "more addresses than records can have", 8, 33 },
        };
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct snapshot_header h;
                int r;

                memcpy(&h, image, sizeof(h));
                h.n_records = cases[i].n_records;
                h.n_addrs = cases[i].n_addrs;
                h.check = snapshot_header_check(&h);
                memcpy(image, &h, sizeof(h));
                fixture_write(path, image, size, 0644);
                r = look(entries[0].name);
                ck_assert_msg(r == -EBADMSG, "%s: %d", cases[i].name, r);
        }
        free(image);
}
END_TEST

/* With one record there is one bucket: its range is {0, 1}. Backwards, it is damage and not an
 * empty one. */
START_TEST(snapshot_with_a_range_that_runs_backwards_is_refused) {
        static const uint32_t backwards[] = { 1, 0 };
        size_t size;
        uint8_t *image = fixture_image(entries, 1, boot_id, &size);

        memcpy(image + sizeof(struct snapshot_header), backwards, sizeof(backwards));
        fixture_write(path, image, size, 0644);
        ck_assert_int_eq(look(entries[0].name), -EBADMSG);
        free(image);
}
END_TEST

/* A record that belongs to another edition of the file is not taken for one of this. */
START_TEST(snapshot_mixed_from_two_editions_is_refused) {
        struct snapshot_layout at = snapshot_layout(8, 8 + 2);
        struct name_answer a;
        size_t size, i;
        uint8_t *old, *new;

        old = fixture_image(entries, 8, boot_id, &size);
        new = malloc(size);
        ck_assert_int_eq(snapshot_build(entries, 8, boot_id, 2, new, size, &i), 0);
        ck_assert_uint_eq(at.size, size);
        memcpy(new + at.records, old + at.records, size - at.records);
        fixture_write(path, new, size, 0644);
        for (i = 0; i < 8; i++)
                ck_assert_int_eq(snapshot_lookup(path, entries[i].name, &a), -EBADMSG);
        free(old);
        free(new);
}
END_TEST

START_TEST(snapshot_of_another_boot_is_refused) {
        char names[4][NAME_MAX_LEN + 1];
        size_t n;

        boot_id[3] ^= 1;
        publish(entries, N, boot_id);
        ck_assert_int_eq(look(entries[0].name), -ESTALE);
        ck_assert_int_eq(snapshot_lookup_addr(path, &entries[0].answer.addr[0], names, 4, &n),
                        -ESTALE);
}
END_TEST

START_TEST(snapshot_of_another_version_is_refused) {
        struct snapshot_header h;
        size_t size;
        uint8_t *image = fixture_image(entries, 8, boot_id, &size);

        memcpy(&h, image, sizeof(h));
        h.version++;
        h.check = snapshot_header_check(&h);
        memcpy(image, &h, sizeof(h));
        fixture_write(path, image, size, 0644);
        ck_assert_int_eq(look(entries[0].name), -EPROTONOSUPPORT);
        free(image);
}
END_TEST

START_TEST(snapshot_that_is_not_a_file_is_refused) {
        char target[128];

        ck_assert_int_eq(look("a.plant.fleet"), -ENOENT);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        ck_assert_int_eq(look("a.plant.fleet"), -EPERM);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(mkfifo(path, 0644), 0);
        ck_assert_int_eq(look("a.plant.fleet"), -EPERM);
        ck_assert_int_eq(unlink(path), 0);

        publish(entries, N, boot_id);
        snprintf(target, sizeof(target), "%s.real", path);
        ck_assert_int_eq(rename(path, target), 0);
        ck_assert_int_eq(symlink(target, path), 0);
        ck_assert_int_eq(look(entries[0].name), -EPERM);
}
END_TEST

static const mode_t bad_modes[] = { 0664, 0646, 0666, 0620, 0602 };

START_TEST(snapshot_writable_for_others_is_refused) {
        publish(entries, N, boot_id);
        ck_assert_int_eq(look(entries[0].name), 0);
        ck_assert_int_eq(chmod(path, bad_modes[_i]), 0);
        ck_assert_int_eq(look(entries[0].name), -EPERM);
}
END_TEST

START_TEST(snapshot_belongs_to_root_or_the_owner_of_its_folder) {
        if (geteuid() != 0)
                return;
        publish(entries, N, boot_id);
        ck_assert_int_eq(chown(path, 1234, 1234), 0);
        ck_assert_int_eq(look(entries[0].name), -EPERM);
        ck_assert_int_eq(chown(folder, 1234, 1234), 0);
        ck_assert_int_eq(look(entries[0].name), 0);
        ck_assert_int_eq(chown(path, 1235, 1234), 0);
        ck_assert_int_eq(look(entries[0].name), -EPERM);
        ck_assert_int_eq(chown(path, 0, 0), 0);
        ck_assert_int_eq(look(entries[0].name), 0);
}
END_TEST

START_TEST(snapshot_in_the_working_folder_has_an_owner_too) {
        struct name_answer a;

        publish(entries, N, boot_id);
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(snapshot_lookup("names", entries[0].name, &a), 0);
        if (geteuid() == 0) {
                ck_assert_int_eq(chown("names", 1234, 1234), 0);
                ck_assert_int_eq(snapshot_lookup("names", entries[0].name, &a), -EPERM);
        }
        ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* Two editions, whose answers differ, written over each other in place: worse than any publisher of
 * ours. */
static void *rewrite(void *stop) {
        size_t size, other;
        uint8_t *a, *b;

        a = fixture_image(entries, N, boot_id, &size);
        for (size_t i = 0; i < N; i++)
                entries[i].answer.final_number = entries[i].answer.port = 7;
        b = fixture_image(entries, N, boot_id, &other);
        for (unsigned i = 0; !__atomic_load_n((bool *) stop, __ATOMIC_RELAXED); i++) {
                int fd = open(path, O_WRONLY | O_CLOEXEC);

                FIXTURE_MUST(fd >= 0);
                if (i % 5 == 0)
                        FIXTURE_MUST(ftruncate(fd, (off_t) (i * 97 % size)) == 0);
                FIXTURE_MUST(write(fd, i % 2 ? a : b, size) == (ssize_t) size);
                close(fd);
        }
        free(a);
        free(b);
        return NULL;
}

START_TEST(snapshot_rewritten_while_it_is_read_answers_right_or_not) {
        struct snapshot_entry was[N];
        bool stop = false;
        pthread_t writer;

        memcpy(was, entries, sizeof(was));
        publish(entries, N, boot_id);
        ck_assert_int_eq(pthread_create(&writer, NULL, rewrite, &stop), 0);
        for (unsigned i = 0; i < 20000; i++) {
                struct name_answer a, *w = &was[i % N].answer;
                int r = snapshot_lookup(path, was[i % N].name, &a);

                if (r == 0)
                        ck_assert((a.final_number == w->final_number && a.port == w->port) ||
                                        (a.final_number == 7 && a.port == 7));
                else
                        ck_assert(r == -EBADMSG || r == -ENOENT);
        }
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        ck_assert_int_eq(pthread_join(writer, NULL), 0);
}
END_TEST

int main(void) {
        Suite *s = suite_create("snapshot");
        TCase *t = tcase_create("snapshot");

        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_set_timeout(t, 60);
        tcase_add_test(t, snapshot_finds_every_name_it_was_built_from);
        tcase_add_test(t, snapshot_finds_names_by_address);
        tcase_add_test(t, snapshot_finds_several_names_of_one_address_up_to_the_cap);
        tcase_add_test(t, snapshot_reverse_ignores_what_is_not_present);
        tcase_add_test(t, snapshot_build_refuses);
        tcase_add_test(t, snapshot_build_is_reproducible);
        tcase_add_test(t, snapshot_cut_at_every_length_is_refused);
        tcase_add_test(t, snapshot_with_bytes_behind_is_refused);
        tcase_add_test(t, snapshot_with_a_flipped_header_byte_is_refused);
        tcase_add_test(t, snapshot_with_a_flipped_byte_answers_right_or_not);
        tcase_add_test(t, snapshot_checks_counts_before_use);
        tcase_add_test(t, snapshot_with_a_range_that_runs_backwards_is_refused);
        tcase_add_test(t, snapshot_mixed_from_two_editions_is_refused);
        tcase_add_test(t, snapshot_of_another_boot_is_refused);
        tcase_add_test(t, snapshot_of_another_version_is_refused);
        tcase_add_test(t, snapshot_that_is_not_a_file_is_refused);
        tcase_add_loop_test(t, snapshot_writable_for_others_is_refused, 0, ELEMENTSOF(bad_modes));
        tcase_add_test(t, snapshot_belongs_to_root_or_the_owner_of_its_folder);
        tcase_add_test(t, snapshot_in_the_working_folder_has_an_owner_too);
        tcase_add_test(t, snapshot_rewritten_while_it_is_read_answers_right_or_not);
        suite_add_tcase(s, t);
        return unit_run(s);
}
