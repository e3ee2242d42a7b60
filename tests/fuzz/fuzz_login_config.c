/* agent/kedged/login_config: the text of login.conf.
 *
 * A text is taken whole or refused with a line that names the file; what is taken keeps every limit,
 * reading it once more gives the same, and whoever asks us and reads it for himself, leniently,
 * judges every user as we would. */

#include "fuzz.h"

#include <string.h>

#include "agent/kedged/login.h"

static struct config config;

static void zones(void) {
        static const char *const suffixes[] = { "plant.fleet", "hall.plant.fleet", "alice.eth" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                strcpy(config.zone[i].suffix, suffixes[i]);
                config.zone[i].kind = i == 2 ? ZONE_ENS : ZONE_MAP;
        }
        config.n_zones = ELEMENTSOF(suffixes);
}

static void check_role(const struct login_role *r) {
        static const struct hash32 none;

        MUST(r->any_service || r->n_services > 0);
        MUST(r->n_services <= LOGIN_SERVICES_MAX && r->n_groups <= LOGIN_GROUPS_MAX);
        MUST(r->has_hosts == !hash32_eq(&r->hosts, &none));
        for (size_t i = 0; i < r->n_services; i++)
                MUST(user_service_valid(VIEW_TEXT(r->service[i])));
}

static void check(const struct login_config *c) {
        MUST(c->on == (c->zone[0] != 0));
        MUST(c->on || c->n_users + c->n_groups + c->n_roles == 0);
        MUST(!c->on || strcmp(c->zone, "plant.fleet") == 0 ||
                        strcmp(c->zone, "hall.plant.fleet") == 0);
        MUST(c->life_ms >= 10000 && c->life_ms <= 600000);
        MUST(c->n_users <= LOGIN_USERS_MAX && c->n_denied <= LOGIN_USERS_MAX);
        MUST(c->n_groups <= LOGIN_GROUPS_MAX && c->n_roles <= LOGIN_ROLES_MAX);
        for (size_t i = 0; i < c->n_users; i++)
                MUST(user_name_valid(VIEW_TEXT(c->user[i])));
        for (size_t i = 0; i < c->n_denied; i++)
                MUST(user_name_valid(VIEW_TEXT(c->denied[i])));
        for (size_t i = 0; i < c->n_roles; i++) {
                check_role(&c->role[i]);
                for (size_t k = 0; k < i; k++)
                        MUST(c->role[k].bit != c->role[i].bit);
        }
}

/* By their first letters; no group of theirs is asked of the machine. */
static bool in_group(void *userdata _unused_, const char *user, const char *group) {
        return ((user[0] ^ group[0]) & 3) == 0;
}

static bool listed(const char (*list)[LOGIN_USER_MAX + 1], size_t n, const char *user) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i], user) == 0)
                        return true;
        return false;
}

static bool is_glass(const struct login_config *c, const char *user, bool console) {
        for (size_t i = 0; i < c->n_glass; i++)
                if (strcmp(c->glass[i].user, user) == 0 && (console || !c->glass[i].console))
                        return true;
        return c->n_glass == 0 && !c->no_glass && console && strcmp(user, "root") == 0;
}

static void agree(struct view text, const struct login_config *c, const char *user, bool console) {
        const struct login_who who = { .user = user, .console = console, .in_group = in_group };
        enum login_managed is, want = LOGIN_NOT_OURS;
        bool denied = listed(c->denied, c->n_denied, user), is_denied;

        if (denied || listed(c->user, c->n_users, user))
                want = LOGIN_MANAGED;
        for (size_t i = 0; i < c->n_groups; i++)
                if (in_group(NULL, user, c->group[i]))
                        want = LOGIN_MANAGED;
        if (is_glass(c, user, console)) {
                want = LOGIN_BREAK_GLASS;
                denied = false;
        }
        is = login_judge(text, &who, &is_denied);
        MUST(is == want);
        MUST(is_denied == denied);
}

static void agree_on_all(struct view text, const struct login_config *c) {
        static const char *const names[] = { "root", "alice", "bob", "none", "nobody-here", "", "a", "Zone" };

        for (int console = 0; console < 2; console++) {
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        agree(text, c, names[i], console);
                for (size_t i = 0; i < c->n_users; i++)
                        agree(text, c, c->user[i], console);
                for (size_t i = 0; i < c->n_denied; i++)
                        agree(text, c, c->denied[i], console);
                for (size_t i = 0; i < c->n_glass; i++)
                        agree(text, c, c->glass[i].user, console);
                for (size_t i = 0; i < c->n_groups; i++)
                        agree(text, c, c->group[i], console);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct login_config a, b;
        char why[CONFIG_WHY_MAX], again[CONFIG_WHY_MAX];
        int r;

        if (size > CONFIG_FILE_MAX)
                return 0;
        zones();
        r = login_config_read(VIEW(data, size), "login.conf", &config, &a, why);
        MUST(memchr(why, 0, sizeof(why)));
        if (r < 0) {
                MUST(strncmp(why, "login.conf:", 11) == 0);
                return 0;
        }
        MUST(why[0] == 0);
        check(&a);
        MUST(login_config_read(VIEW(data, size), "login.conf", &config, &b, again) == 0);
        MUST(memcmp(&a, &b, sizeof(a)) == 0);
        agree_on_all(VIEW(data, size), &a);
        return 0;
}
