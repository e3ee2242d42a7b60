/* /etc/kedge/login.conf as the agent reads it: strictly. Whoever asks us reads the same file for
 * itself, leniently, to know who is ours at all (lib/wire/login.c): where it could be read in two
 * ways, we refuse it, so that what we take both read alike.
 *
 * What always holds: the file is taken whole or not at all; a complaint names file, line and key.
 */

#include "agent/kedged/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/kedged/config_read.h"
#include "agent/kedged/config_value.h"
#include "agent/kedged/log.h"
#include "agent/kedged/lookup.h"
#include "agent/kedged/util.h"
#include "core/record.h"
#include "ini/ini_text.h"

#define LIFE_MIN_MS 10000
#define LIFE_MAX_MS 600000

enum login_section { SECTION_BEFORE = 0, SECTION_LOGIN, SECTION_ROLES };

struct login_reader {
        struct ini_text text; /* first: its hooks get it, and mean us */
        struct login_config *config;
        struct login_role *role;
        enum login_section section;
        unsigned seen; /* keys of this section, by their place in the table */
        bool seen_login;
};

/* A local user or group, who need not have a record: letters, digits, '_', '-' and '.'. */
static bool local_name_valid(struct view name) {
        if (name.n == 0 || name.n > LOGIN_USER_MAX)
                return false;
        for (size_t i = 0; i < name.n; i++)
                if (!user_service_valid(VIEW(name.p + i, 1)) &&
                                (i == 0 || (name.p[i] != '-' && name.p[i] != '.')))
                        return false;
        return true;
}

/* Adds a word to a list once. */
static void add_name(struct login_reader *in, const char *key, struct view word,
                char (*list)[LOGIN_USER_MAX + 1], size_t *n, size_t max) {
        for (size_t i = 0; i < *n; i++)
                if (view_eq_text(word, list[i]))
                        return;
        if (*n == max) {
                ini_complain_word(&in->text, key, word, "which is one name too many");
                return;
        }
        memcpy(list[*n], word.p, word.n);
        list[(*n)++][word.n] = 0;
}

static void take_users(struct login_reader *in, const char *key, const char *value) {
        struct login_config *c = in->config;
        bool deny = key[0] == 'D';
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word))
                if (!user_name_valid(word))
                        ini_complain_word(&in->text, key, word,
                                        "a user whom no record can have: a to z, '_', then also 0 "
                                        "to 9 and '-', at most 32");
                else
                        add_name(in, key, word, deny ? c->denied : c->user,
                                        deny ? &c->n_denied : &c->n_users, LOGIN_USERS_MAX);
}

static void take_groups(struct login_reader *in, const char *key, const char *value) {
        struct login_config *c = in->config;
        struct login_role *role = in->role;
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word))
                if (!local_name_valid(word))
                        ini_complain_word(&in->text, key, word, "which is no group's name");
                else
                        add_name(in, key, word, role ? role->group : c->group,
                                        role ? &role->n_groups : &c->n_groups, LOGIN_GROUPS_MAX);
}

static void add_glass(struct login_reader *in, const char *key, struct view word) {
        static const char console[] = "@console";
        size_t n = word.n, tail = sizeof(console) - 1;
        struct login_config *c = in->config;

        if (n > tail && memcmp(word.p + n - tail, console, tail) == 0)
                n -= tail;
        if (!local_name_valid(VIEW(word.p, n)) || view_eq_text(VIEW(word.p, n), "none")) {
                ini_complain_word(&in->text, key, word, "which is neither NAME nor NAME@console");
                return;
        }
        if (c->n_glass == LOGIN_GLASS_MAX) {
                ini_complain_word(&in->text, key, word, "which is one name too many");
                return;
        }
        memcpy(c->glass[c->n_glass].user, word.p, n);
        c->glass[c->n_glass++].console = n < word.n;
}

static void take_break_glass(struct login_reader *in, const char *key, const char *value) {
        struct login_config *c = in->config;
        struct view word;

        if (value[0] == 0)
                ini_complain(&in->text, key, "is empty: write none where nobody is let past us");
        while (!in->text.failed && ini_next_word(&value, &word)) {
                bool none = view_eq_text(word, "none");

                if (c->no_glass || (none && c->n_glass > 0))
                        ini_complain_word(&in->text, key, word, "beside which none cannot stand");
                else if (none)
                        c->no_glass = true;
                else
                        add_glass(in, key, word);
        }
}

static void take_zone(struct login_reader *in, const char *key, const char *value) {
        if (name_normalize(VIEW_TEXT(value), in->config->zone) < 0)
                ini_complain(&in->text, key, "is not a zone's name");
}

static void take_host(struct login_reader *in, const char *key, const char *value) {
        char host[NAME_MAX_LEN + 1] = "";

        if (value[0] && (name_normalize(VIEW_TEXT(value), host) < 0 ||
                                        !record_host_valid(VIEW_TEXT(host))))
                ini_complain(&in->text, key,
                                "is not a host's name: labels of a to z, 0 to 9 and '-'");
        memcpy(in->config->host, host, sizeof(host));
}

static void take_life(struct login_reader *in, const char *key, const char *value) {
        const char *why = config_parse_duration(value, &in->config->life_ms);

        if (!why && (in->config->life_ms < LIFE_MIN_MS || in->config->life_ms > LIFE_MAX_MS))
                why = "is not from 10s to 10min";
        if (why)
                ini_complain(&in->text, key, why);
}

static void take_end_sessions(struct login_reader *in, const char *key, const char *value) {
        const char *why = config_parse_bool(value, &in->config->end_sessions);

        if (why)
                ini_complain(&in->text, key, why);
}

static bool has_capital(struct view word) {
        bool any = false;

        for (size_t i = 0; i < word.n; i++)
                any |= word.p[i] >= 'A' && word.p[i] <= 'Z';
        return any;
}

static void take_services(struct login_reader *in, const char *key, const char *value) {
        struct login_role *role = in->role;
        struct view word;

        while (!in->text.failed && ini_next_word(&value, &word)) {
                if (view_eq_text(word, "*"))
                        role->any_service = true;
                else if (!user_service_valid(word))
                        ini_complain_word(&in->text, key, word,
                                        "which is no service of PAM: write its name, or *");
                else if (has_capital(word)) /* of libpam, which would never ask for it */
                        ini_complain_word(&in->text, key, word,
                                        "but PAM knows services in lower case alone: write it so");
                else if (role->n_services == LOGIN_SERVICES_MAX)
                        ini_complain_word(&in->text, key, word, "which is one service too many: at most 16");
                else
                        memcpy(role->service[role->n_services++], word.p, word.n);
        }
}

static void take_hosts(struct login_reader *in, const char *key, const char *value) {
        struct view word;
        uint8_t bit;

        if (value[0] == 0)
                ini_complain(&in->text, key,
                                "is empty: leave it out where the role is good everywhere");
        while (!in->text.failed && ini_next_word(&value, &word))
                if (!config_word_bit(word, &bit))
                        ini_complain_word(&in->text, key, word, "which is no bit from 0 to 255");
                else
                        in->role->hosts.b[HASH32_SIZE - 1 - bit / 8] |= (uint8_t) (1 << bit % 8);
        in->role->has_hosts = true;
}

static const struct {
        enum login_section section;
        const char *key;
        void (*take)(struct login_reader *in, const char *key, const char *value);
        bool repeats;
} keys[] = {
        { SECTION_LOGIN, "Zone", take_zone, false },
        { SECTION_LOGIN, "Host", take_host, false },
        { SECTION_LOGIN, "ManagedUsers", take_users, true },
        { SECTION_LOGIN, "ManagedGroup", take_groups, true },
        { SECTION_LOGIN, "BreakGlass", take_break_glass, true },
        { SECTION_LOGIN, "DenyUsers", take_users, true },
        { SECTION_LOGIN, "ChallengeLife", take_life, false },
        { SECTION_LOGIN, "EndSessions", take_end_sessions, false },
        { SECTION_ROLES, "Services", take_services, true },
        { SECTION_ROLES, "Groups", take_groups, true },
        { SECTION_ROLES, "Hosts", take_hosts, true },
};

static void take_key(struct ini_text *text, const char *key, const char *value) {
        struct login_reader *in = (struct login_reader *) text;
        size_t i = 0;

        while (i < ELEMENTSOF(keys) &&
                        (keys[i].section != in->section || strcmp(keys[i].key, key) != 0))
                i++;
        if (in->section == SECTION_BEFORE)
                ini_complain(text, key, "stands before any [section]");
        else if (i == ELEMENTSOF(keys))
                ini_complain(text, key, "is not a key that this section knows");
        else if (in->seen & 1u << i && !keys[i].repeats)
                ini_complain(text, key, "stands twice in this section");
        else
                keys[i].take(in, key, value);
        if (i < ELEMENTSOF(keys))
                in->seen |= 1u << i;
}

static void open_role(struct login_reader *in, const char *name) {
        struct login_config *c = in->config;
        uint8_t bit;

        if (!config_word_bit(VIEW_TEXT(name + 5), &bit)) {
                ini_complain(&in->text, name, "is not a role: write [Role N], a bit from 0 to 255");
                return;
        }
        for (size_t i = 0; i < c->n_roles; i++)
                if (c->role[i].bit == bit) {
                        ini_complain(&in->text, name, "is a section that stands twice");
                        return;
                }
        if (c->n_roles == LOGIN_ROLES_MAX) {
                ini_complain(&in->text, name, "is one role too many: at most 32");
                return;
        }
        in->section = SECTION_ROLES;
        in->role = &c->role[c->n_roles++];
        in->role->bit = bit;
}

static void open_section(struct ini_text *text, const char *name) {
        struct login_reader *in = (struct login_reader *) text;
        char shown[INI_WORD_MAX + 3];

        in->role = NULL;
        in->seen = 0;
        if (strcmp(name, "Login") == 0) {
                if (in->seen_login)
                        ini_complain(text, "[Login]", "is a section that stands twice");
                in->seen_login = true;
                in->section = SECTION_LOGIN;
        } else if (strncmp(name, "Role ", 5) == 0) {
                open_role(in, name);
        } else {
                (void) snprintf(shown, sizeof(shown), "[%s]", name);
                ini_complain(text, shown, "is not a section: write [Login] or [Role N]");
        }
}

static int wrong(char *ret_why, const char *path, const char *section, const char *what) {
        (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: [%s] %s", path, section, what);
        return -EINVAL;
}

/* A host's name belongs to the zone with the longest suffix: one that lies between would have it. */
static bool lies_in_zone(const struct config *config, enum name_record_kind kind,
                const struct login_config *c) {
        char name[NAME_MAX_LEN + 1];

        return lookup_record_name(config, kind, c->host, c->zone, name) >= 0;
}

/* gw1.plant.fleet.plant.fleet is nobody's name. */
static bool ends_in_zone(const struct login_config *c) {
        size_t n = strlen(c->host), tail = strlen(c->zone);

        return n >= tail && strcmp(c->host + n - tail, c->zone) == 0 &&
               (n == tail || c->host[n - tail - 1] == '.');
}

static int finish_zone(const struct config *config, const struct login_config *c, const char *path,
                char *ret_why) {
        size_t z = 0;

        while (z < config->n_zones && strcmp(config->zone[z].suffix, c->zone) != 0)
                z++;
        if (z == config->n_zones)
                return wrong(ret_why, path, "Login", "Zone= is no [Zone ...] of kedged.conf");
        if (config->zone[z].kind != ZONE_MAP)
                return wrong(ret_why, path, "Login",
                                "Zone= has Kind=ens, which holds no records of users");
        if (ends_in_zone(c))
                return wrong(ret_why, path, "Login",
                                "Host= ends in the zone: write it without, gw1 for gw1.plant.fleet");
        if (!lies_in_zone(config, NAME_RECORD_HOST_ROLE, c) || !lies_in_zone(config, NAME_RECORD_SSH, c))
                return wrong(ret_why, path, "Login",
                                "Host= lies in another [Zone ...] of kedged.conf");
        return 0;
}

static int finish(const struct login_reader *in, const struct config *config, char *ret_why) {
        const struct login_config *c = in->config;
        const char *path = in->text.path;
        char section[16];

        if (!in->seen_login)
                return wrong(ret_why, path, "Login",
                                "is missing: whoever asks takes the file for a broken one, and "
                                "lets nobody but root past");
        if (c->zone[0] == 0 && c->n_users + c->n_groups + c->n_roles == 0)
                return 0;
        if (c->zone[0] == 0)
                return wrong(ret_why, path, "Login", "has no Zone=");
        for (size_t i = 0; i < c->n_roles; i++)
                if (!c->role[i].any_service && c->role[i].n_services == 0) {
                        (void) snprintf(section, sizeof(section), "Role %u", c->role[i].bit);
                        return wrong(ret_why, path, section,
                                        "has no Services=: it would open nothing");
                }
        return finish_zone(config, c, path, ret_why);
}

int login_config_read(struct view text, const char *path, const struct config *config,
                struct login_config *ret, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(freep) struct login_config *c = calloc(1, sizeof(*c));
        struct login_reader in = {
                .config = c,
                .text = { .path = path, .why = ret_why, .open = open_section, .take = take_key },
        };
        int r;

        ret_why[0] = 0;
        if (!c) {
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: out of memory", path);
                return -ENOMEM;
        }
        c->life_ms = LOGIN_LIFE_MS;
        r = ini_text_read(&in.text, text);
        if (r == -ENOMEM)
                (void) snprintf(ret_why, CONFIG_WHY_MAX, "%.300s: out of memory", path);
        if (r >= 0)
                r = finish(&in, config, ret_why);
        if (r < 0)
                return r;
        c->on = c->zone[0] != 0;
        *ret = *c;
        return 0;
}

/* What whoever asks us demands of the file; of the rest, config_file_read() has refused the worst.
 */
static void warn_of_owner(const char *path) {
        struct stat st;
        const char *what = NULL;

        if (lstat(path, &st) < 0)
                return;
        if (!S_ISREG(st.st_mode))
                what = "is a link, or no plain file";
        else if (st.st_uid != 0)
                what = "does not belong to root";
        else if (st.st_mode & (S_IWGRP | S_IWOTH))
                what = "may be written by others than root";
        if (what)
                log_warning("%s %s: programs that ask who may log in do not believe it, and let "
                            "nobody but root past them",
                                path, what);
}

int login_config_load(const char *config_path, const struct config *config,
                struct login_config *ret, char ret_why[CONFIG_WHY_MAX]) {
        _cleanup_(freep) uint8_t *text = NULL;
        char path[CONFIG_BESIDE_MAX];
        size_t n;
        int r;

        ret_why[0] = 0;
        r = config_file_beside(config_path, LOGIN_FILE, path, ret_why);
        if (r < 0)
                return r;
        r = config_file_read(path, &text, &n, ret_why);
        if (r == -ENOENT) {
                memset(ret, 0, sizeof(*ret));
                return 0;
        }
        if (r >= 0)
                r = login_config_read(VIEW(text, n), path, config, ret, ret_why);
        if (r >= 0)
                warn_of_owner(path);
        return r;
}
