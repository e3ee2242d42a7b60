/* kedgectl setup: from an installed kedged that trusts nothing to the first answer that it has
 * proven. It asks for what a chain and a zone need, shows the drop-in, has kedged judge it, writes
 * it, has systemd put it into effect, and waits for the answer.
 *
 * What always holds: before the file is renamed into its place nothing on this machine is another
 * than before, however we end; and it is the only file that is written. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/kedgectl/nsswitch.h"
#include "agent/kedgectl/setup.h"
#include "agent/kedgectl/stage.h"
#include "config.h"

#define NAME     "50-setup.conf"
#define NSSWITCH "/etc/nsswitch.conf"
#define TAKES_MS 5000

static enum ctl_exit find_files(struct setup *s) {
        const char *config = s->ctl->config ? s->ctl->config : KEDGE_CONF_DIR "/kedged.conf";

        if (snprintf(s->main, sizeof(s->main), "%s", config) >= (int) sizeof(s->main) ||
                        snprintf(s->path, sizeof(s->path), "%s.d/" NAME, config) >=
                                        (int) sizeof(s->path))
                return ctl_fail(s->ctl, CTL_USAGE, "'%.80s...' is too long for a path", config);
        return CTL_OK;
}

/* Our drop-in as it is; "" where there is none. */
static enum ctl_exit read_before(struct setup *s) {
        char *text = NULL;
        size_t n = 0;
        int r = ctl_read_file(s->path, SETUP_TEXT_MAX - 1, &text, &n);

        if (r == -ENOENT)
                return CTL_OK;
        if (r == 0 && memchr(text, '\0', n))
                r = -EBADMSG;
        if (r < 0) {
                free(text);
                return ctl_fail(s->ctl, CTL_FAILURE, "%s cannot be read: %s", s->path,
                                r == -EBADMSG ? "it is no text file" : strerrordesc_np(-r));
        }
        memcpy(s->before, text, n);
        s->before[n] = '\0';
        free(text);
        return CTL_OK;
}

static enum ctl_exit read_config(struct setup *s) {
        char why[CONFIG_WHY_MAX] = "";

        if (access(s->main, F_OK) < 0)
                return ctl_fail(s->ctl, CTL_FAILURE,
                                "%s is not there: is kedged installed? (apt install kedged)", s->main);
        if (config_load(s->main, &s->config, why) == 0)
                return CTL_OK;
        s->config = NULL;
        if (!s->ctl->setup.undo) /* what is wrong may stand in the file that goes */
                return ctl_fail(s->ctl, CTL_FAILURE,
                                "the configuration is not good as it is, mend it first: %s", why);
        return CTL_OK;
}

/* Better now than after ten questions. */
static enum ctl_exit may_write(const struct setup *s) {
        char folder[SETUP_PATH_MAX + 4];

        if (s->ctl->setup.print)
                return CTL_OK;
        (void) snprintf(folder, sizeof(folder), "%s.d", s->main);
        if (access(folder, F_OK) < 0)
                *strrchr(folder, '.') = '\0';
        if (access(folder, W_OK) == 0 || errno == ENOENT)
                return CTL_OK;
        return ctl_fail(s->ctl, CTL_FAILURE,
                        "%s cannot be written: %s; type it again with sudo in front, or with --print "
                        "to see what it would be",
                        s->path, strerrordesc_np(errno));
}

static enum ctl_exit compose(struct setup *s) {
        static char block[SETUP_BLOCK_MAX], between[SETUP_TEXT_MAX];
        int r = 0;

        (void) snprintf(between, sizeof(between), "%s", s->before[0] ? s->before : setup_head);
        memcpy(s->after, between, sizeof(between));
        if (s->chain.write) {
                setup_chain_text(&s->chain, block);
                r = s->chain.amend ? setup_amend(between, block, s->after)
                                   : setup_merge(between, block, s->after);
                memcpy(between, s->after, sizeof(between));
        }
        if (r == 0 && s->zone.write) {
                setup_zone_text(&s->zone, s->chain.name, block);
                r = setup_merge(between, block, s->after);
        }
        return r == 0 ? CTL_OK
                      : ctl_fail(s->ctl, CTL_FAILURE, "%s would be larger than 64 kB", s->path);
}

/* With a sign before what is new and what goes. */
static void show(const struct setup *s) {
        bool fresh = false; /* the whole section is */
        const char *end;

        printf("%s%s%s\n", ctl_paint(s->ctl, CTL_BOLD), s->path, ctl_paint(s->ctl, CTL_PLAIN));
        for (const char *line = s->before; *line; line = end) {
                end = line + strcspn(line, "\n") + (strchr(line, '\n') != NULL);
                if (!setup_has_line(s->after, line))
                        printf("  %s- %.*s%s\n", ctl_paint(s->ctl, CTL_RED), (int) strcspn(line, "\n"),
                                        line, ctl_paint(s->ctl, CTL_PLAIN));
        }
        for (const char *line = s->after; *line; line = end) {
                bool had = setup_has_line(s->before, line);

                end = line + strcspn(line, "\n") + (strchr(line, '\n') != NULL);
                if (*line == '\n' || *line == '#')
                        continue;
                fresh = *line == '[' ? !had : fresh;
                had = had && !fresh;
                printf("  %s%s %.*s%s\n", had ? "" : ctl_paint(s->ctl, CTL_GREEN), had ? " " : "+",
                                (int) strcspn(line, "\n"), line, ctl_paint(s->ctl, CTL_PLAIN));
        }
}

static enum ctl_exit not_written(const struct setup *s, int r, const char *why) {
        if (r == -EBADMSG)
                return ctl_fail(s->ctl, CTL_FAILURE,
                                "kedged would not start with%s it, so nothing is changed: %s",
                                s->ctl->setup.undo ? "out" : "", why);
        return ctl_fail(s->ctl, CTL_FAILURE, "%s cannot be written: %s", s->path,
                        strerrordesc_np(-r));
}

static enum ctl_exit write_it(const struct setup *s) {
        char folder[SETUP_PATH_MAX + 4], why[CTL_WHY_MAX] = "";
        bool made;
        int r;

        (void) snprintf(folder, sizeof(folder), "%s.d", s->main);
        made = mkdir(folder, 0755) == 0;
        if (made && chmod(folder, 0755) < 0) /* whatever the umask is */
                return not_written(s, -errno, "");
        r = stage_put(s->main, s->path, s->after, why);
        if (r == 0)
                return CTL_OK;
        if (made)
                (void) rmdir(folder);
        return not_written(s, r, why);
}

/* What was proven before outweighs the checkpoint that is given now, unseen: kedged goes on from
 * it. */
static bool has_state(const struct setup *s) {
        char path[sizeof(s->config->state_dir) + sizeof(s->chain.name) + 16];

        (void) snprintf(path, sizeof(path), "%s/chain-%s.state", s->config->state_dir,
                        s->chain.name);
        return access(path, F_OK) == 0;
}

/* ---- into effect ---- */

/* May a running kedged not take it? By what the files said before. */
static bool needs_restart(const struct setup *s) {
        char why[CONFIG_WHY_MAX] = "";

        return !s->config || !s->next || config_may_replace(s->config, s->next, why) < 0;
}

static void row(const struct setup *s, const char *label, const char *text) {
        if (!s->ctl->json)
                ctl_row(label, "%s", text);
}

/* Does the agent have what the files say? Not where an earlier run was ended before it could tell it,
 * or another hand has written them. */
static bool is_in_effect(const struct setup *s) {
        const struct config_chain *chain = NULL;

        for (size_t i = 0; s->next && i < s->next->n_chains; i++)
                if (strcmp(s->next->chain[i].name, s->chain.name) == 0)
                        chain = &s->next->chain[i];
        return chain && setup_has_chain(s->ctl, chain) &&
               (s->zone.name[0] == '\0' || setup_has_zone(s->ctl, s->chain.name, &s->zone));
}

/* A reload of which it could not say what became: a refusal is told in its journal alone. */
static bool has_taken(const struct setup *s) {
        uint64_t begun = ctl_boottime_ms();

        while (s->chain.name[0] && !is_in_effect(s)) {
                if (ctl_boottime_ms() - begun >= TAKES_MS)
                        return false;
                (void) poll(NULL, 0, 50);
        }
        return true;
}

/* The file as it was. Told, where that cannot be. */
static int put_back(const struct setup *s) {
        char why[CTL_WHY_MAX] = "";
        int r = stage_put(s->main, s->path, s->before[0] ? s->before : NULL, why);

        if (r < 0)
                (void) ctl_fail(s->ctl, CTL_FAILURE, "%s cannot be put back as it was: %s", s->path,
                                r == -EBADMSG ? why : strerrordesc_np(-r));
        return r;
}

/* kedged runs on with what it has. So it is to be what a start finds, too. */
static enum ctl_exit refused(const struct setup *s, bool changed, const char *why) {
        if (changed && put_back(s) < 0)
                return CTL_FAILURE;
        return ctl_fail(s->ctl, CTL_FAILURE,
                        "kedged runs on as it did, and refuses what is new: %s; %s is %s. See: "
                        "journalctl -u kedged",
                        why, s->path, changed ? "as it was before" : "not changed");
}

static enum ctl_exit does_not_come_up(const struct setup *s, bool changed) {
        char why[CTL_WHY_MAX] = "";

        if (!changed)
                return ctl_fail(s->ctl, CTL_FAILURE,
                                "kedged was restarted for what %s says, and does not start. See: "
                                "journalctl -u kedged",
                                s->path);
        if (put_back(s) < 0)
                return CTL_FAILURE;
        return ctl_fail(s->ctl, CTL_FAILURE,
                        "kedged does not start with what is new, so %s is as it was before, and kedged %s. "
                        "See: journalctl -u kedged",
                        s->path,
                        setup_restart(why) == 0 ? "was started again"
                                                : "does not start with that, either");
}

static enum ctl_exit put_into_effect(struct setup *s, bool changed) {
        bool restart, restarted = false;
        char why[CTL_WHY_MAX] = "", wrong[CONFIG_WHY_MAX];
        int r;

        if (config_load(s->main, &s->next, wrong) < 0)
                s->next = NULL;
        if (!changed && is_in_effect(s))
                return CTL_OK;
        restart = !changed || needs_restart(s);
        r = s->ctl->config || geteuid() != 0 ? -ENOENT : setup_effect(needs_restart(s), &restarted, why);
        if (r == -EAGAIN)
                r = has_taken(s) ? 0 : -EBADMSG;
        if (r == -EBADMSG)
                return refused(s, changed, why);
        if (r == -ECANCELED)
                return does_not_come_up(s, changed);
        if (r == -ENOENT)
                row(s, "next", restart ? "type: systemctl restart kedged" : "type: systemctl reload kedged");
        else if (r < 0)
                return ctl_fail(s->ctl, CTL_FAILURE,
                                "%s is %s, but kedged has not taken it: %s", s->path,
                                s->ctl->setup.undo ? "removed" : "written", why);
        else
                row(s, "kedged", restarted ? "restarted for it" : "has read it; it was not restarted");
        return CTL_OK;
}

/* ---- what comes out ---- */

static bool programs_ask_us(void) {
        char word[NSSWITCH_WORD_MAX], *text = NULL;
        enum nsswitch_verdict v = NSSWITCH_MALFORMED;
        size_t n = 0;

        if (ctl_read_file(NSSWITCH, NSSWITCH_FILE_MAX, &text, &n) == 0)
                v = nsswitch_judge(VIEW(text, n), word);
        free(text);
        return v == NSSWITCH_GOOD;
}

static void say_next(const struct setup *s, const struct setup_follow *f) {
        const char *example = f->name[0] ? f->name : s->zone.name;

        putchar('\n');
        if (s->zone.name[0] == '\0') {
                printf("Chain %s is followed, and gives the time: kedgectl time\n"
                       "Next: a zone of names, kedgectl setup --zone NAME --contract 0x...\n",
                                s->chain.name);
                return;
        }
        printf("Names of %s are answered from chain %s, proven on this machine.\n", s->zone.name,
                        s->chain.name);
        if (!programs_ask_us())
                printf("Programs do not ask yet: apt install libnss-kedge, or see: kedgectl doctor\n");
        else if (f->name[0])
                printf("Every program finds them: getent hosts %s\n", example);
        else
                printf("Store a first one: kedgectl record set HOST.%s server_ip=ADDRESS\n", example);
        printf("Next: kedgectl doctor, kedgectl explain %s\n", example);
}

static enum ctl_exit print_json(const struct setup *s, const struct setup_follow *f, bool changed) {
        json_t *o = json_pack("{s:s, s:b, s:s, s:s, s:s}", "file", s->path, "changed", changed,
                        "chain", s->chain.name, "zone", s->zone.name, "text", s->after);

        if (f && f->name[0])
                (void) json_object_set_new(o, "answer",
                                query_json_of_answer(f->name, &f->answer.name, ctl_boottime_ms()));
        if (f) {
                (void) json_object_set_new(o, "status", status_json(&f->status));
                (void) json_object_set_new(o, "took_ms", json_integer(ctl_int(f->answer_ms)));
        }
        return ctl_print_json(CTL_OK, o);
}

static enum ctl_exit follow(const struct setup *s, bool changed) {
        const struct ctl *ctl = s->ctl;
        struct setup_follow f = {
                .ctl = ctl, .chain = s->chain.name, .zone = s->zone.name, .attempt = s->attempt,
                .ens = s->zone.ens, .contract = s->zone.contract, .slot = s->zone.slot,
                .begun_ms = ctl_boottime_ms(),
                .limit_ms = (ctl->wait_s > 0 ? ctl->wait_s : SETUP_WAIT_S) * 1000,
        };
        enum ctl_exit code = setup_follow(&f);

        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return print_json(s, &f, changed);
        say_next(s, &f);
        return CTL_OK;
}

static void say_state(const struct setup *s) {
        char text[512];

        (void) snprintf(text, sizeof(text),
                        "%s goes on from what is saved in %s, and the checkpoint given here is not "
                        "used: kedgectl checkpoint show %s; for another: kedgectl checkpoint "
                        "import %s [NUMBER:]ROOT",
                        s->chain.name, s->config->state_dir, s->chain.name, s->chain.name);
        row(s, "state", text);
}

static enum ctl_exit set_up(struct setup *s) {
        enum ctl_exit code = setup_words(s);
        bool changed, yes = true;

        if (code == CTL_OK)
                code = compose(s);
        if (code != CTL_OK)
                return code;
        changed = (s->chain.write || s->zone.write) && strcmp(s->before, s->after) != 0;
        if (s->ctl->setup.print) {
                if (s->ctl->json)
                        return print_json(s, NULL, false);
                fputs(s->after, stdout);
                return CTL_OK;
        }
        if (changed && !s->ctl->json)
                show(s);
        if (changed && s->asked)
                code = setup_confirm(s, "Write it?", &yes);
        if (code == CTL_OK && !yes)
                return ctl_fail(s->ctl, CTL_FAILURE, "nothing is changed");
        if (code == CTL_OK && changed)
                code = write_it(s);
        if (code == CTL_OK)
                row(s, changed ? "wrote" : "unchanged", s->path);
        if (code == CTL_OK && changed && !hash32_is_zero(&s->chain.checkpoint.hash) && has_state(s))
                say_state(s);
        if (code == CTL_OK)
                code = put_into_effect(s, changed);
        if (code != CTL_OK || s->ctl->setup.no_wait)
                return code == CTL_OK && s->ctl->json ? print_json(s, NULL, changed) : code;
        return follow(s, changed);
}

static enum ctl_exit undo(struct setup *s) {
        char why[CTL_WHY_MAX] = "";
        enum ctl_exit code;
        int r;

        if (s->before[0] == '\0')
                return ctl_fail(s->ctl, CTL_FAILURE, "%s is not there: there is nothing to take back",
                                s->path);
        r = stage_put(s->main, s->path, NULL, why);
        if (r < 0)
                return not_written(s, r, why);
        row(s, "removed", s->path);
        row(s, "state",
                        "what was proven stays saved, and a later setup of the chain goes on from it");
        code = put_into_effect(s, true);
        return code == CTL_OK && s->ctl->json ? print_json(s, NULL, true) : code;
}

static enum ctl_exit run(struct setup *s) {
        const struct ctl_setup *o = &s->ctl->setup;
        enum ctl_exit code = find_files(s);

        if (o->live)
                return o->print || o->undo || o->no_wait
                                       ? ctl_fail(s->ctl, CTL_USAGE,
                                                         "--live has neither --print, --undo nor --no-wait")
                                       : setup_live(s);
        if (code == CTL_OK)
                code = read_before(s);
        if (code == CTL_OK)
                code = read_config(s);
        if (code == CTL_OK)
                code = may_write(s);
        if (code != CTL_OK)
                return code;
        return o->undo ? undo(s) : set_up(s);
}

enum ctl_exit verb_setup(const struct ctl *ctl, int argc _unused_, char **argv _unused_) {
        struct setup *s = calloc(1, sizeof(*s));
        enum ctl_exit code;

        if (!s)
                return ctl_fail(ctl, CTL_FAILURE, "not enough memory");
        s->ctl = ctl;
        s->asks = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !ctl->json;
        code = run(s);
        s->config = config_free(s->config);
        s->next = config_free(s->next);
        free(s);
        return code;
}
