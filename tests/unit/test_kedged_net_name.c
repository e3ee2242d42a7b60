/* agent/kedged/net_name: what a name answers where a network has Names=tunnel: a member in force its
 * tunnel addresses, a member that is not in force nothing, whoever is none what its record says. */

#include "unit.h"

#include <stdio.h>

#include "agent/kedged/net_desk.h"

static struct config config;
static struct watch watch;
static struct net_desk desk;
static struct net_network *const nets = desk.config.network;
static struct net_member member[4];
static struct net_standing standing;
static struct net_row row[5];
static struct name_answer got;
static char why[NET_WHY_MAX];

/* In place of members.c: the list, or that nothing is proven. */
static struct member list[3];
static bool is_proven;

bool members_list(const struct members *m, const struct member **ret, size_t *ret_n,
                struct block_ref *ret_final, struct block_ref *ret_head, uint64_t *ret_proven_ms,
                const char **ret_why) {
        ck_assert_ptr_eq(m, (struct members *) &list);
        *ret_why = "";
        *ret = list;
        *ret_n = ELEMENTSOF(list);
        *ret_proven_ms = 1;
        memset(ret_final, 0, sizeof(*ret_final));
        memset(ret_head, 0, sizeof(*ret_head));
        return is_proven;
}

static void add_row(size_t i, const char *host, enum net_fate fate, bool stands, const char *because) {
        (void) snprintf(member[i].host, sizeof(member[i].host), "%s", host);
        row[i] = (struct net_row){ .member = &member[i], .fate = fate, .stands = stands };
        row[i].peer.tunnel[0] = (struct ip){ 4, { 10, 77, 0, (uint8_t) (i + 1) } };
        row[i].peer.tunnel[1] = (struct ip){ 6, { 0xfd, 0x77, [15] = (uint8_t) (i + 1) } };
        (void) snprintf(row[i].why, sizeof(row[i].why), "%s", because);
}

static void setup(void) {
        memset(&config, 0, sizeof(config));
        memset(&desk, 0, sizeof(desk));
        strcpy(config.zone[0].suffix, "plant.fleet");
        strcpy(config.zone[1].suffix, "hall.plant.fleet");
        config.n_zones = 2;
        config.role[ROLE_NET].stale = STALE_KEEP;
        watch_init(&watch, &config, NULL, NULL, NULL, NULL, NULL);

        strcpy(nets[0].name, "plant");
        strcpy(nets[0].link, "kedge0");
        strcpy(nets[0].host, "gw1");
        nets[0].all_members = nets[0].tunnel_names = true;
        strcpy(nets[1].name, "hall");
        nets[1].all_members = true;
        strcpy(nets[0].zone, "plant.fleet");
        strcpy(nets[1].zone, "hall.plant.fleet");
        nets[0].zone_index = 7; /* of another configuration: not looked at */
        for (size_t i = 0; i < 2; i++) {
                desk.network[i].config = &nets[i];
                desk.network[i].members = (struct members *) &list;
        }
        desk.n = desk.config.n = 2;
        desk.network[0].link_up = true;

        add_row(0, "gw1", NET_SELF, false, "");
        add_row(1, "gw2", NET_STAYS, true, "");
        add_row(2, "gw3", NET_HELD, false, "over AddPerHour=");
        add_row(3, "gw4", NET_KEPT, true, "");
        strcpy(standing.host, "gw5");
        row[4] = (struct net_row){ .standing = &standing, .fate = NET_GOES };
        desk.network[0].plan.row = row;
        desk.network[0].plan.n = ELEMENTSOF(row);

        is_proven = true;
        memset(list, 0, sizeof(list));
        strcpy(list[0].label, "gw2");
        strcpy(list[1].label, "gw9"); /* new: not planned yet */
        strcpy(list[2].label, "pump");
}

static bool ask(const char *name) {
        memset(&got, 0x55, sizeof(got));
        return net_desk_name(&desk, &watch, name, &got, why);
}

static void is_unproven(const char *name, const char *says) {
        ck_assert_msg(ask(name), "%s", name);
        ck_assert_int_eq(got.verdict, NAME_UNPROVEN);
        ck_assert(got.n_addrs == 0 && got.addr[0].family == 0);
        ck_assert_msg(strstr(why, says), "%s: %s", name, why);
}

START_TEST(member_in_force_has_its_tunnel_addresses) {
        ck_assert(ask("gw2.plant.fleet"));
        ck_assert_int_eq(got.verdict, NAME_PRESENT);
        ck_assert_uint_eq(got.n_addrs, 2);
        ck_assert(got.addr[0].family == 4 && got.addr[0].b[0] == 10 && got.addr[0].b[3] == 2);
        ck_assert(got.addr[1].family == 6 && got.addr[1].b[0] == 0xfd && got.addr[1].b[15] == 2);
        ck_assert_str_eq(why, "answers its tunnel address, because network plant has Names=tunnel");
        ck_assert_uint_eq(got.deadline_ms, UINT64_MAX);

        memset(&row[1].peer.tunnel[0], 0, sizeof(struct ip)); /* one family */
        ck_assert(ask("gw2.plant.fleet"));
        ck_assert(got.n_addrs == 1 && got.addr[0].family == 6);
} END_TEST

START_TEST(what_was_kept_is_stale) {
        ck_assert(ask("gw4.plant.fleet"));
        ck_assert_int_eq(got.verdict, NAME_PRESENT);
        ck_assert_uint_eq(got.fresh_ms, 0);
        config.role[ROLE_NET].stale = STALE_DENY; /* and with another Stale= it ends */
        ck_assert(ask("gw4.plant.fleet"));
        ck_assert_uint_eq(got.deadline_ms, 0);
} END_TEST

START_TEST(member_that_is_not_in_force_is_unproven) {
        is_unproven("gw3.plant.fleet", "its tunnel is not in force: over AddPerHour=");
        is_unproven("gw5.plant.fleet", "its tunnel is not in force: "); /* goes */
        is_unproven("gw9.plant.fleet", "its tunnel is not in force yet");
        is_unproven("pump.plant.fleet", "its tunnel is not in force yet");
        desk.network[0].link_up = false;
        is_unproven("gw2.plant.fleet", "kedge-netd has not said yet that kedge0 is up");
} END_TEST

START_TEST(nobody_is_told_while_the_members_are_not_known) {
        is_proven = false;
        is_unproven("other.plant.fleet", "not proven yet who the members of network plant are");
        is_unproven("plant.fleet", "not proven yet who the members");
        ck_assert(ask("gw2.plant.fleet")); /* it has a row: it stood before */
        ck_assert_int_eq(got.verdict, NAME_PRESENT);
        ck_assert(!ask("gw1.plant.fleet"));
        desk.network[0].members = NULL;
        is_unproven("other.plant.fleet", "not proven yet who the members");
} END_TEST

START_TEST(others_answer_as_their_records_say) {
        ck_assert(!ask("gw1.plant.fleet")); /* ourselves */
        ck_assert(!ask("other.plant.fleet"));
        ck_assert(!ask("plant.fleet"));
        ck_assert(!ask("gw2.hall.plant.fleet")); /* Names=records there */
        ck_assert(!ask("gw2.other.fleet"));
        nets[0].tunnel_names = false;
        ck_assert(!ask("gw2.plant.fleet"));
} END_TEST

/* A reload for which there was no memory. */
START_TEST(network_that_could_not_be_opened) {
        char named[1][NET_HOST_MAX + 1] = { "gw2" };

        desk.network[0] = desk.network[1];
        desk.n = 1;
        is_unproven("gw2.plant.fleet", "network plant could not be opened");
        is_unproven("other.plant.fleet", "network plant could not be opened");
        ck_assert(!ask("gw1.plant.fleet"));
        ck_assert(!ask("gw2.hall.plant.fleet"));
        nets[0].all_members = false;
        nets[0].n_named = 1;
        nets[0].named = named;
        is_unproven("gw2.plant.fleet", "network plant could not be opened");
        ck_assert(!ask("other.plant.fleet"));
} END_TEST

START_TEST(members_by_name) {
        char named[2][NET_HOST_MAX + 1] = { "gw8", "gw2" };

        nets[0].all_members = false;
        nets[0].n_named = 2;
        nets[0].named = named;
        desk.network[0].members = NULL;
        desk.network[0].plan.n = 0;
        is_unproven("gw8.plant.fleet", "not in force yet");
        is_unproven("gw2.plant.fleet", "not in force yet");
        ck_assert(!ask("gw3.plant.fleet"));
} END_TEST

int main(void) {
        Suite *suite = suite_create("kedged net_name");
        TCase *tc = tcase_create("net_name");

        tcase_add_checked_fixture(tc, setup, NULL);
        tcase_add_test(tc, member_in_force_has_its_tunnel_addresses);
        tcase_add_test(tc, what_was_kept_is_stale);
        tcase_add_test(tc, member_that_is_not_in_force_is_unproven);
        tcase_add_test(tc, nobody_is_told_while_the_members_are_not_known);
        tcase_add_test(tc, others_answer_as_their_records_say);
        tcase_add_test(tc, network_that_could_not_be_opened);
        tcase_add_test(tc, members_by_name);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
