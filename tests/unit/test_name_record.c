/* core/name_record: which record a name is about, where it lies, and what follows from its values. */

#include "unit.h"

#include <errno.h>

#include "core/name_record.h"
#include "core/slot.h"

#define L32 "abcdefghijklmnopqrstuvwxyz012345"
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253                                                                                       \
        L63 "." L63 "." L63 "."                                                                    \
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct subject_case {
        const char *subject;
        int kind; /* -1: none */
        const char *key, *key_next; /* of its last two fields; NULL: not looked at */
} subject_cases[] = {
        { "", NAME_RECORD_HOST, "device", "device_next" },
        { "pump1", NAME_RECORD_HOST, "pump1.device", "pump1.device_next" },
        { "a.b", NAME_RECORD_HOST, "a.b.device", "a.b.device_next" },
        { "user", NAME_RECORD_HOST, "user.device", "user.device_next" },
        { "user.alice", NAME_RECORD_HOST, "user.alice.device", "user.alice.device_next" },
        { N253, NAME_RECORD_HOST, NULL, NULL },

        { "_user.alice", NAME_RECORD_USER, "_user.alice.role", "_user.alice.role_next" },
        { "_user._chrony", NAME_RECORD_USER, "_user._chrony.role", "_user._chrony.role_next" },
        { "_user.a-", NAME_RECORD_USER, "_user.a-.role", "_user.a-.role_next" },
        { "_user." L32, NAME_RECORD_USER, NULL, NULL },
        { "_host.gw1", NAME_RECORD_HOST_ROLE, "_host.gw1.role", "_host.gw1.role_next" },
        { "_host.a.b", NAME_RECORD_HOST_ROLE, "_host.a.b.role", "_host.a.b.role_next" },
        { "_host", NAME_RECORD_HOST_ROLE, "_host.role", "_host.role_next" },
        { "_ssh.gw1", NAME_RECORD_SSH, "gw1.ssh_host", "gw1.ssh_host_next" },
        { "_ssh", NAME_RECORD_SSH, "ssh_host", "ssh_host_next" },
        { "_ssh." N253, NAME_RECORD_SSH, NULL, NULL },
        { "_wg.gw1", NAME_RECORD_WG, "gw1.wg_key", "gw1.wg_key_next" },
        { "_wg.a.gw1", NAME_RECORD_WG, "a.gw1.wg_key", "a.gw1.wg_key_next" },
        { "_wg", NAME_RECORD_WG, "wg_key", "wg_key_next" },
        { "_wg." N253, NAME_RECORD_WG, NULL, NULL },

        { "_user", -1, NULL, NULL },
        { "_user.", -1, NULL, NULL },
        { "_user.alice.x", -1, NULL, NULL },
        { "_user.Alice", -1, NULL, NULL },
        { "_user.1a", -1, NULL, NULL },
        { "_user.a b", -1, NULL, NULL },
        { "_user." L32 "6", -1, NULL, NULL },
        { "_users.alice", -1, NULL, NULL },
        { "_useralice", -1, NULL, NULL },
        { "_USER.alice", -1, NULL, NULL },
        { "_host.", -1, NULL, NULL },
        { "_host._gw1", -1, NULL, NULL },
        { "_host.GW1", -1, NULL, NULL },
        { "_host.gw1.", -1, NULL, NULL },
        { "_host." N253 "b", -1, NULL, NULL },
        { "_ssh._ssh", -1, NULL, NULL },
        { "_wg.", -1, NULL, NULL },
        { "_wg._gw1", -1, NULL, NULL },
        { "_wg0.gw1", -1, NULL, NULL },
        { "_wg.GW1", -1, NULL, NULL },
        { "_zone.version", -1, NULL, NULL },
        { "_members", -1, NULL, NULL },
        { "_", -1, NULL, NULL },
        { ".", -1, NULL, NULL },
        { "gw1._ssh", -1, NULL, NULL },
        { N253 "b", -1, NULL, NULL },
};

START_TEST(a_subject_has_one_shape_or_none) {
        const struct subject_case *c = &subject_cases[_i];
        struct view in = heap_copy(VIEW_TEXT(c->subject));
        const struct name_record_shape *shape = name_record_shape_of(in);
        char text[SLOT_TEXT_MAX + 1] = "untouched";
        struct hash32 slots[NAME_RECORD_FIELDS];

        if (c->kind < 0) {
                ck_assert_msg(!shape, "%s", c->subject);
                ck_assert_int_eq(name_record_key_text(in, RECORD_ROLE, text, sizeof(text)), -EINVAL);
                ck_assert_int_eq(name_record_slots(in, 0, slots), -EINVAL);
        } else {
                ck_assert_msg(shape == name_record_shape(c->kind), "%s", c->subject);
                ck_assert_int_eq(shape->kind, c->kind);
                ck_assert_int_eq(name_record_slots(in, 0, slots), 0);
        }
        for (int next = 0; c->key && next < 2; next++) {
                enum record_field f = shape->field[shape->n - 2 + (size_t) next];

                ck_assert_int_eq(name_record_key_text(in, f, text, sizeof(text)), 0);
                ck_assert_str_eq(text, next ? c->key_next : c->key);
        }
        heap_drop(in);
} END_TEST

/* How much of the subject is not in that whose field it is: a host's addresses are in _wg too, and
 * are the host's. */
static size_t before_host(const char *subject, enum record_field f) {
        if (strncmp(subject, "_wg", 3) != 0 || (f != RECORD_SERVER_IP && f != RECORD_SERVER_IP6))
                return 0;
        return subject[3] == '.' ? 4 : 3;
}

START_TEST(a_key_text_says_whose_field_it_is) {
        const struct subject_case *c = &subject_cases[_i];
        const struct name_record_shape *shape = name_record_shape_of(VIEW_TEXT(c->subject));
        char text[SLOT_TEXT_MAX + 1], back[300];

        for (size_t i = 0; shape && i < shape->n; i++) {
                enum record_field f = RECORD_FIELDS;
                struct view in;

                ck_assert_int_eq(name_record_key_text(VIEW_TEXT(c->subject), shape->field[i], text,
                                                 sizeof(text)),
                                0);
                in = heap_copy(VIEW_TEXT(text));
                ck_assert_int_eq(name_record_of_key_text(in, back, sizeof(back), &f), 0);
                ck_assert_str_eq(back, c->subject + before_host(c->subject, shape->field[i]));
                ck_assert_int_eq(f, shape->field[i]);
                heap_drop(in);
        }
} END_TEST

START_TEST(other_key_texts_are_nobodys) {
        static const char *const texts[] = { "", ".", ".role", "role", "gw1.role", "_user.role",
                "_user.alice.ssh_host", "_host.gw1.ssh", "_user.alice.server_ip", "_ssh.gw1.ssh_host",
                "_ssh.ssh_host", "gw1.", "gw1", "gw1.nothing", ".device", "_users.alice.role",
                "_user.a.b.role", "_wg.gw1.wg_key", "_wg.wg_key", "_user.alice.wg_key" };
        enum record_field f = RECORD_FIELDS;
        char subject[300] = "untouched";

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                struct view in = heap_copy(VIEW_TEXT(texts[i]));

                ck_assert_msg(name_record_of_key_text(in, subject, sizeof(subject), &f) == -ENOENT,
                                "%s", texts[i]);
                heap_drop(in);
        }
        ck_assert_int_eq(f, RECORD_FIELDS);
} END_TEST

START_TEST(texts_fit_or_are_refused) {
        char text[20];
        enum record_field f;

        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("pump1"), RECORD_SERVER_IP, text, 16), 0);
        ck_assert_str_eq(text, "pump1.server_ip");
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("pump12"), RECORD_SERVER_IP, text, 16), -E2BIG);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("pump1"), RECORD_SERVER_IP, text, 0), -E2BIG);
        ck_assert_int_eq(name_record_subject(NAME_RECORD_USER, VIEW_TEXT("alice"), text, 12), 0);
        ck_assert_str_eq(text, "_user.alice");
        ck_assert_int_eq(name_record_subject(NAME_RECORD_USER, VIEW_TEXT("alice"), text, 11), -E2BIG);
        ck_assert_int_eq(name_record_subject(NAME_RECORD_USER, VIEW_TEXT(""), text, 20), -EINVAL);
        ck_assert_int_eq(name_record_subject(NAME_RECORD_USER, VIEW_TEXT("a.b"), text, 20), -EINVAL);
        ck_assert_int_eq(name_record_subject(NAME_RECORD_HOST, VIEW_TEXT("_host"), text, 20), -EINVAL);
        ck_assert_int_eq(name_record_subject(NAME_RECORD_SSH, VIEW_TEXT(""), text, 20), 0);
        ck_assert_str_eq(text, "_ssh");
        ck_assert_int_eq(name_record_of_key_text(VIEW_TEXT("_user.alice.ssh"), text, 11, &f), -ENOENT);
} END_TEST

START_TEST(a_field_of_another_shape_has_no_key) {
        char text[100];

        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("pump1"), RECORD_ROLE, text, 100), -EINVAL);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("_user.alice"), RECORD_SSH_HOST, text, 100),
                        -EINVAL);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("_host.gw1"), RECORD_DEVICE, text, 100), -EINVAL);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("_ssh.gw1"), RECORD_SSH, text, 100), -EINVAL);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("pump1"), RECORD_WG_KEY, text, 100), -EINVAL);
        ck_assert_int_eq(name_record_key_text(VIEW_TEXT("_wg.gw1"), RECORD_PORT, text, 100), -EINVAL);
} END_TEST

START_TEST(the_slots_are_those_of_the_key_texts) {
        static const char longest[] = "_user." L32;
        static const char *const subjects[] = { "", "pump1", "_user.alice", longest, "_host.gw1", "_ssh.gw1", "_ssh",
                "_wg.gw1", "_wg" };

        for (size_t i = 0; i < ELEMENTSOF(subjects); i++) {
                const struct name_record_shape *shape = name_record_shape_of(VIEW_TEXT(subjects[i]));
                struct hash32 slots[NAME_RECORD_FIELDS], key, want;
                char text[100];

                ck_assert_int_eq(name_record_slots(VIEW_TEXT(subjects[i]), 7, slots), 0);
                for (size_t k = 0; k < NAME_RECORD_FIELDS; k++) {
                        if (k >= shape->n) {
                                ck_assert(hash32_is_zero(&slots[k]));
                                continue;
                        }
                        ck_assert_int_eq(name_record_key_text(VIEW_TEXT(subjects[i]), shape->field[k],
                                                         text, sizeof(text)),
                                        0);
                        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT(text), &key), 0);
                        slot_of_mapping(&key, 7, &want);
                        ck_assert(hash32_eq(&want, &slots[k]));
                }
        }
} END_TEST

START_TEST(a_name_has_the_shape_of_its_first_label) {
        static const struct {
                const char *name;
                int kind;
        } names[] = {
                { "pump1.plant.fleet", NAME_RECORD_HOST },
                { "", NAME_RECORD_HOST },
                { "_user.alice.plant.fleet", NAME_RECORD_USER },
                { "_host.plant.fleet", NAME_RECORD_HOST_ROLE },
                { "_ssh.gw1.plant.fleet", NAME_RECORD_SSH },
                { "_wg.gw1.plant.fleet", NAME_RECORD_WG },
                { "_wg0.gw1.plant.fleet", -1 },
                { "_zone.plant.fleet", -1 },
                { "_users.plant.fleet", -1 },
                { "_user.", -1 },
                { "_", -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_msg(name_record_shape_of_name(VIEW_TEXT(names[i].name)) ==
                                              (names[i].kind < 0 ? NULL : name_record_shape(names[i].kind)),
                                "%s", names[i].name);
} END_TEST

/* ENS reads as many texts as a record has room for, and they are a host's. */
START_TEST(a_host_has_all_the_fields_there_is_room_for) {
        ck_assert_uint_eq(name_record_shape(NAME_RECORD_HOST)->n, NAME_RECORD_FIELDS);
        for (enum name_record_kind kind = 0; kind < NAME_RECORD_KINDS; kind++) {
                const struct name_record_shape *shape = name_record_shape(kind);

                ck_assert(shape->kind == kind && shape->n > 0 && shape->n <= NAME_RECORD_FIELDS);
                ck_assert((shape->label == NULL) == (kind == NAME_RECORD_HOST));
        }
} END_TEST

/* ---- judgements ---- */

static struct hash32 value(unsigned x) {
        struct hash32 h = { 0 };

        h.b[30] = (uint8_t) (x >> 8);
        h.b[31] = (uint8_t) x;
        return h;
}

static struct name_record_values both(enum name_record_kind kind, enum record_field f, unsigned x) {
        const struct name_record_shape *shape = name_record_shape(kind);
        struct name_record_values v = { .final_at = { .number = 100 }, .head_at = { .number = 110 } };

        v.head_at.hash.b[0] = 1;
        for (size_t i = 0; i < shape->n; i++)
                if (shape->field[i] == f)
                        v.final[i] = v.head[i] = value(x);
        return v;
}

START_TEST(a_users_record_is_read_by_its_own_fields) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_USER);
        struct name_record_values v = both(NAME_RECORD_USER, RECORD_ROLE, 9);
        struct name_record n;

        v.final[2] = v.head[2] = value(0x77); /* his SSH key */
        v.final[6] = value(1); /* is no field of his */
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert_int_eq(n.verdict, NAME_RECORD_PRESENT);
        ck_assert(n.served.record.field[RECORD_ROLE].present &&
                        n.served.record.field[RECORD_ROLE].raw.b[31] == 9);
        ck_assert(n.served.record.field[RECORD_SSH].present);
        ck_assert(!n.served.record.field[RECORD_DEVICE].present &&
                        !n.served.record.field[RECORD_DEVICE_NEXT].present);
} END_TEST

START_TEST(a_bit_that_head_has_not_is_revoked_alone) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_USER);
        struct name_record_values v = both(NAME_RECORD_USER, RECORD_ROLE, 0x10b);
        struct name_record n;

        v.head[4] = value(0x103);
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert_int_eq(n.verdict, NAME_RECORD_PRESENT);
        ck_assert_mem_eq(n.served.record.field[RECORD_ROLE].raw.b, value(0x103).b, HASH32_SIZE);
        ck_assert_int_eq(n.served.why[RECORD_ROLE], SERVED_GRANTED_PARTLY);
        ck_assert_uint_eq(n.served.revocations.n, 1);
        ck_assert_mem_eq(n.served.revocations.r[0].key.b, value(8).b, HASH32_SIZE);
} END_TEST

START_TEST(a_record_that_head_has_not_is_absent) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_SSH);
        struct name_record_values v = both(NAME_RECORD_SSH, RECORD_SSH_HOST, 5);
        struct name_record n;

        memset(v.head, 0, sizeof(v.head));
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert_int_eq(n.verdict, NAME_RECORD_ABSENT);
        ck_assert_int_eq(n.served.record_why, SERVED_REVOKED_AT_HEAD);
} END_TEST

/* The key can go while the host, and its address, stays. */
START_TEST(a_key_of_wireguard_is_revoked_alone) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_WG);
        struct name_record_values v = both(NAME_RECORD_WG, RECORD_WG_KEY, 5);
        struct name_record n;

        memcpy(v.final[3].b, "192.0.2.7", 9);
        v.head[3] = v.final[3];
        v.head[5] = value(6);
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert_int_eq(n.verdict, NAME_RECORD_PRESENT);
        ck_assert(n.served.record.field[RECORD_SERVER_IP].present);
        ck_assert(!n.served.record.field[RECORD_WG_KEY].present);
        ck_assert_int_eq(n.served.why[RECORD_WG_KEY], SERVED_REVOKED_AT_HEAD);
        v.head[6] = value(5); /* as wg_key_next it is still the host's */
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert(n.served.record.field[RECORD_WG_KEY].present);
} END_TEST

START_TEST(an_address_with_bytes_before_it_makes_the_record_invalid) {
        const struct name_record_shape *shape = name_record_shape(NAME_RECORD_USER);
        struct name_record_values v = both(NAME_RECORD_USER, RECORD_DEVICE, 5);
        struct name_record n;

        v.head[0].b[11] = 1;
        ck_assert_int_eq(name_record_judge(shape, &v, NULL, &n), 0);
        ck_assert_int_eq(n.verdict, NAME_RECORD_INVALID);
        ck_assert_int_eq(n.bad_field, RECORD_DEVICE);
        ck_assert_uint_eq(n.bad_at.number, 110);
} END_TEST

int main(void) {
        Suite *s = suite_create("name_record");
        TCase *t = tcase_create("name_record");

        tcase_add_loop_test(t, a_subject_has_one_shape_or_none, 0, ELEMENTSOF(subject_cases));
        tcase_add_loop_test(t, a_key_text_says_whose_field_it_is, 0, ELEMENTSOF(subject_cases));
        tcase_add_test(t, other_key_texts_are_nobodys);
        tcase_add_test(t, texts_fit_or_are_refused);
        tcase_add_test(t, a_field_of_another_shape_has_no_key);
        tcase_add_test(t, the_slots_are_those_of_the_key_texts);
        tcase_add_test(t, a_name_has_the_shape_of_its_first_label);
        tcase_add_test(t, a_host_has_all_the_fields_there_is_room_for);
        tcase_add_test(t, a_users_record_is_read_by_its_own_fields);
        tcase_add_test(t, a_bit_that_head_has_not_is_revoked_alone);
        tcase_add_test(t, a_record_that_head_has_not_is_absent);
        tcase_add_test(t, a_key_of_wireguard_is_revoked_alone);
        tcase_add_test(t, an_address_with_bytes_before_it_makes_the_record_invalid);
        suite_add_tcase(s, t);
        return unit_run(s);
}
