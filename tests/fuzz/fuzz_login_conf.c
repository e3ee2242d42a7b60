/* Any login.conf, as it is judged by whoever asks. What must hold: it ends, with an answer; nobody
 * but root is let past a file that is not believed; a line more that names a user makes him ours
 * unless he is break-glass; at a terminal of the network nobody is let past by "@console". */

#include "fuzz.h"

#include <string.h>

#include "wire/login.h"

static bool odd_letter(void *userdata, const char *user, const char *group) {
        unsigned *asked = userdata;

        MUST(++*asked <= 256);
        MUST(user[0] != '\0' && group[0] != '\0');
        return group[0] % 2;
}

static enum login_managed judge(const uint8_t *data, size_t size, const char *user, bool is_root,
                bool console, bool *ret_denied) {
        unsigned asked = 0;
        struct login_who who = { .user = user,
                .is_root = is_root,
                .console = console,
                .in_group = odd_letter,
                .userdata = &asked };
        enum login_managed m = login_judge(VIEW(data, size), &who, ret_denied);

        MUST(m == LOGIN_UNKNOWN || m == LOGIN_MANAGED || m == LOGIN_NOT_OURS ||
                        m == LOGIN_BREAK_GLASS);
        MUST(!*ret_denied || m == LOGIN_MANAGED);
        MUST(!(is_root && m == LOGIN_UNKNOWN));
        return m;
}

/* The text, and a line behind it. */
static void check_one_more(const uint8_t *data, size_t size, const char *line, bool want_denied) {
        size_t n = strlen(line);
        uint8_t *more = malloc(size + n);
        enum login_managed m;
        bool denied;

        MUST(more);
        if (size > 0)
                memcpy(more, data, size);
        memcpy(more + size, line, n);
        m = judge(more, size + n, "alice", false, false, &denied);
        MUST(m != LOGIN_NOT_OURS);
        MUST(m != LOGIN_MANAGED || denied >= want_denied);
        free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        bool denied, zero = size > 0 && memchr(data, 0, size);
        enum login_managed far = judge(data, size, "alice", false, false, &denied);
        enum login_managed near = judge(data, size, "alice", false, true, &denied);

        MUST(far == near || near == LOGIN_BREAK_GLASS);
        MUST(judge(data, size, "root", true, false, &denied) != LOGIN_UNKNOWN);
        MUST((!zero && size > 0) || (far == LOGIN_UNKNOWN && near == LOGIN_UNKNOWN));
        check_one_more(data, size, "\nManagedUsers=alice\n", false);
        check_one_more(data, size, "\nDenyUsers=alice\n", true);
        return 0;
}
