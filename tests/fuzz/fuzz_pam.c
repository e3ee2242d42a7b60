/* The module's entry points, with any user, service, terminal, configuration and answer typed, and
 * an agent that replies anything: what can be reached before anybody has authenticated. What must
 * hold: PAM_SUCCESS only for a user who is ours and whom the last reply admitted; PAM_IGNORE only
 * for one who is not ours, and the agent is not asked about him; no code but those of the table;
 * what the journal gets is printable. */

#include "fuzz.h"

#include <errno.h>

#include "../pam_stub.h"
#include "pam/ask.h"
#include "pam/groups.h"
#include "wire/login_unix.h"

/* Cut from the input, in this order; each ends at a zero byte, or where the input does. */
static struct view input;
static struct view conf;
static enum login_managed managed;
static bool denied;
static unsigned n_asked, n_groups;
static struct query_reply last;
static uint16_t last_verb;

static uint8_t take_byte(void) {
        struct view one;

        return view_take(&input, 1, &one) ? one.p[0] : 0;
}

static const char *take_text(char *ret, size_t cap) {
        size_t n = 0;
        uint8_t c;

        while (n + 1 < cap && input.n > 0 && (c = take_byte()) != 0)
                ret[n++] = (char) c;
        ret[n] = '\0';
        return ret;
}

static bool odd_letter(void *userdata _unused_, const char *user _unused_, const char *group) {
        return group[0] % 2;
}

enum login_managed login_unix_read(const char *path _unused_, const char *user, bool console,
                bool *ret_denied, int *ret_why) {
        struct login_who who = { .user = user,
                .is_root = strcmp(user, "root") == 0,
                .console = console,
                .in_group = odd_letter };

        managed = login_judge(conf, &who, ret_denied);
        denied = *ret_denied;
        *ret_why = managed == LOGIN_UNKNOWN ? EBADMSG : 0;
        return managed;
}

int login_unix_group(const char *group, bool *ret_known, gid_t *ret_gid) {
        *ret_known = group[0] % 2;
        *ret_gid = (gid_t) group[0];
        return 0;
}

int groups_add(const gid_t *gids _unused_, size_t n) {
        MUST(n <= LOGIN_GROUPS_MAX);
        n_groups = (unsigned) n;
        return 0;
}

/* A challenge that fits the question, else anything, as it comes from a socket. */
int ask_agent(const char *folder _unused_, struct query_request *q, int timeout_ms,
                struct query_reply *ret) {
        struct query_reply a = { .magic = QUERY_MAGIC, .version = QUERY_VERSION };
        uint8_t how = take_byte();
        struct login_text t = { .host = "gw1", .expires_s = 1 };
        int r;

        n_asked++;
        last_verb = q->verb;
        memset(&last, 0, sizeof(last));
        MUST(timeout_ms >= 100 && timeout_ms <= 10000);
        MUST(user_name_valid(VIEW_TEXT(q->name)) && user_service_valid(VIEW_TEXT(q->service)));
        MUST(managed == LOGIN_MANAGED && !denied);
        if (how == 0)
                return -ETIMEDOUT;
        a.result = how % 16;
        for (size_t i = 0; i < 200 && input.n > 0; i++)
                ((uint8_t *) &a.login)[i < 40 ? i : i * 5] = take_byte();
        if (q->verb == QUERY_CHALLENGE && (how & 16)) {
                a.result = QUERY_OK;
                memcpy(t.user, q->name, sizeof(t.user));
                memcpy(t.service, q->service, sizeof(t.service));
                memset(&a.challenge, 0, sizeof(a.challenge));
                MUST(login_text_write(&t, a.challenge.text) == 0);
        }
        if (q->verb != QUERY_CHALLENGE && (how & 32)) {
                a.result = QUERY_OK;
                memset(&a.login, 0, sizeof(a.login));
                a.login.verdict = LOGIN_ADMITTED;
                a.login.n_groups = how >> 6;
                a.login.group[0][0] = 'a';
        }
        r = query_reply_check(VIEW(&a, sizeof(a)), 0, ret);
        if (r < 0 || query_reply_check_body(ret, q->verb) < 0)
                return -EBADMSG;
        last = *ret;
        return 0;
}

static void check_log(const struct pam_handle *h) {
        for (const char *p = h->log; *p; p++)
                MUST((*p >= ' ' && *p <= '~') || h->n_logged == 0);
}

static void check(const struct pam_handle *h, int r, int no) {
        bool ours = managed == LOGIN_MANAGED && h->user;

        check_log(h);
        if (r == PAM_SUCCESS)
                MUST(ours && !denied && n_asked > 0 && last.result == QUERY_OK &&
                                last.login.verdict == LOGIN_ADMITTED);
        if (r == PAM_IGNORE)
                MUST((managed == LOGIN_NOT_OURS || managed == LOGIN_BREAK_GLASS) && n_asked == 0);
        if (ours && denied)
                MUST(r == no && n_asked == 0);
        MUST(r == PAM_SUCCESS || r == PAM_IGNORE || r == no || r == PAM_AUTHINFO_UNAVAIL ||
                        r == PAM_CONV_ERR || r == PAM_SERVICE_ERR || r == PAM_USER_UNKNOWN);
        if (r == PAM_SERVICE_ERR)
                MUST(n_asked == 0);
}

static void fresh(struct pam_handle *h) {
        n_asked = n_groups = 0;
        managed = LOGIN_UNKNOWN;
        denied = false;
        h->n_prompts = h->n_logged = 0;
        h->log[0] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char user[300], service[64], tty[32], rhost[32], answer[200], text[1024], word[40];
        struct pam_handle h = { .user = user };
        const char *argv[] = { "nodelay", word };
        uint8_t how;
        int r, argc;

        input = VIEW(data, size);
        how = take_byte();
        (void) take_text(user, sizeof(user));
        h.service = how & 1 ? "sshd" : take_text(service, sizeof(service));
        h.tty = how & 2 ? NULL : take_text(tty, sizeof(tty));
        h.rhost = how & 4 ? NULL : take_text(rhost, sizeof(rhost));
        h.answer = how & 8 ? NULL : take_text(answer, sizeof(answer));
        argc = how & 16 ? 1 : 2;
        (void) take_text(word, sizeof(word));
        conf = VIEW_TEXT(
                        how & 32 ? "[Login]\nManagedUsers=alice\n" : take_text(text, sizeof(text)));

        fresh(&h);
        r = pam_sm_acct_mgmt(&h, 0, argc, argv);
        check(&h, r, PAM_PERM_DENIED);
        MUST(h.n_prompts == 0);

        fresh(&h);
        r = pam_sm_authenticate(&h, 0, argc, argv);
        if (argc == 2 && strcmp(word, "groups") == 0)
                MUST(r == PAM_IGNORE && n_asked == 0);
        else
                check(&h, r, PAM_AUTH_ERR);
        if (r == PAM_SUCCESS)
                MUST(h.n_prompts == 1 && last_verb == QUERY_RESPONSE);

        fresh(&h);
        r = pam_sm_setcred(&h, PAM_ESTABLISH_CRED, argc, argv);
        MUST(r == PAM_SUCCESS || r == PAM_IGNORE);
        if (r == PAM_SUCCESS)
                check(&h, r, PAM_CRED_ERR);
        MUST(r == PAM_SUCCESS || n_groups == 0);
        return 0;
}
