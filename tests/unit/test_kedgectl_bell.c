/* agent/kedgectl/bell on a bus of the test's own: the agent's signals end a wait, nobody else's do. */

#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kedgectl/bell.h"

#define LONG_MS 60000 /* nobody waits so long where it rings */

static char folder[64];
static pid_t daemon_pid;
static sd_bus *agent, *other;

static bool bus_is_here(void) {
        return system("command -v dbus-daemon >/dev/null 2>&1") == 0;
}

static sd_bus *connection(void) {
        sd_bus *bus = NULL;
        int r = -1;

        for (int i = 0; i < 400 && r < 0; i++) {
                r = sd_bus_open_system(&bus);
                if (r >= 0)
                        r = sd_bus_get_unique_name(bus, &(const char *){ NULL });
                if (r < 0) {
                        bus = sd_bus_close_unref(bus);
                        usleep(50000);
                }
        }
        ck_assert_int_ge(r, 0);
        return bus;
}

static void setup(void) {
        char socket[96], address[128];

        strcpy(folder, "/tmp/kedge-bell-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        (void) snprintf(socket, sizeof(socket), "--address=unix:path=%s/bus", folder);
        (void) snprintf(address, sizeof(address), "unix:path=%s/bus", folder);
        ck_assert_int_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
        daemon_pid = fork();
        ck_assert_int_ge(daemon_pid, 0);
        if (daemon_pid == 0) {
                (void) execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile", socket, (char *) NULL);
                _exit(1);
        }
        agent = connection();
        other = connection();
        ck_assert_int_ge(sd_bus_request_name(agent, "org.kedge.Agent1", 0), 0);
}

static void teardown(void) {
        char path[96];

        agent = sd_bus_close_unref(agent);
        other = sd_bus_close_unref(other);
        (void) kill(daemon_pid, SIGTERM);
        (void) waitpid(daemon_pid, NULL, 0);
        (void) snprintf(path, sizeof(path), "%s/bus", folder);
        (void) unlink(path);
        (void) rmdir(folder);
}

static void emit(sd_bus *from) {
        ck_assert_int_ge(sd_bus_emit_signal(from, "/org/kedge/Agent1", "org.kedge.Agent1", "HeadChanged", "st", "diode",
                                         UINT64_C(7)), 0);
        ck_assert_int_ge(sd_bus_flush(from), 0);
}

static uint64_t waited(struct bell *b, uint64_t ms) {
        uint64_t begun = ctl_boottime_ms();

        bell_wait(b, ms);
        return ctl_boottime_ms() - begun;
}

/* Until the bus knows what we listen for. */
static void begin(struct bell *b) {
        bell_open(b);
        ck_assert_ptr_nonnull(b->bus);
        for (int i = 0; i < 400 && !b->heard; i++) {
                emit(agent);
                bell_wait(b, 50);
        }
        ck_assert(b->heard);
        do /* what is left of these */
                b->heard = false;
        while (waited(b, 500) < 400);
}

START_TEST(bell_rings_when_the_agent_signals) {
        _cleanup_(bell_done) struct bell b = { 0 };

        begin(&b);
        emit(agent);
        ck_assert_uint_lt(waited(&b, LONG_MS), LONG_MS / 2);
        ck_assert(b.heard && !b.rang);
        for (int i = 0; i < 100; i++)
                emit(agent);
        (void) waited(&b, LONG_MS);
        emit(agent);
        ck_assert_uint_ge(waited(&b, LONG_MS), BELL_GAP_MS - 10);
} END_TEST

START_TEST(bell_hears_nobody_else) {
        _cleanup_(bell_done) struct bell b = { 0 };

        begin(&b);
        emit(other);
        ck_assert_uint_ge(waited(&b, 500), 400);
        ck_assert(!b.heard);
} END_TEST

START_TEST(bell_rings_when_the_agent_goes) {
        _cleanup_(bell_done) struct bell b = { 0 };

        begin(&b);
        emit(agent);
        (void) waited(&b, LONG_MS);
        ck_assert_int_ge(sd_bus_release_name(agent, "org.kedge.Agent1"), 0);
        ck_assert_uint_lt(waited(&b, LONG_MS), BELL_SELDOM_MS / 2);
        ck_assert(!b.heard);
} END_TEST

START_TEST(without_a_bus_it_is_looked_now_and_then) {
        _cleanup_(bell_done) struct bell b = { 0 };

        begin(&b);
        (void) kill(daemon_pid, SIGKILL);
        for (int i = 0; i < 10 && b.bus; i++)
                bell_wait(&b, 50);
        ck_assert_ptr_null(b.bus);
        ck_assert_uint_ge(waited(&b, 300), 250);
        bell_done(&b);
        bell_open(&b);
        ck_assert_ptr_null(b.bus);
        ck_assert_uint_ge(waited(&b, 300), 250);
} END_TEST

int main(void) {
        Suite *s = suite_create("kedgectl_bell");
        TCase *t = tcase_create("kedgectl_bell");

        if (!bus_is_here()) {
                puts("skipped: dbus-daemon is not installed");
                return 77;
        }
        tcase_set_timeout(t, 100);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, bell_rings_when_the_agent_signals);
        tcase_add_test(t, bell_hears_nobody_else);
        tcase_add_test(t, bell_rings_when_the_agent_goes);
        tcase_add_test(t, without_a_bus_it_is_looked_now_and_then);
        suite_add_tcase(s, t);
        return unit_run(s);
}
