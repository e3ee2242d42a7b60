/* agent/kedged/answer_login, login_desk: LOGIN, CHALLENGE, RESPONSE and KEY from question to answer,
 * over a scripted chain. */

#include "desk_world.h"

START_TEST(admits_and_says_by_what) {
        const struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_reply *r = ask_q(&q);

        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_str_eq(r->reason, "role 3 brings sshd (final block 100, head 101)");
        ck_assert_str_eq(r->login.record, "_user.alice.plant.fleet");
        ck_assert_uint_eq(r->login.final.number, 100);
        ck_assert_uint_eq(r->login.head.number, 101);
        ck_assert_uint_eq(r->login.head.hash.b[0], 101);
        ck_assert_uint_eq(r->login.role.b[31], 0x88);
        ck_assert_uint_eq(r->login.n_groups, 1);
        ck_assert_str_eq(r->login.group[0], "dialout");
        ck_assert_uint_eq(r->login.age_ms, 0);
        ck_assert_uint_eq(r->login.state, STATE_FOLLOWING);
        ck_assert_uint_eq(n_delivered, 1); /* the chain was asked */
        clock_ms += 5000;
        r = ask_q(&q);
        ck_assert_uint_eq(r->login.age_ms, 5000);
        ck_assert_uint_eq(n_delivered, 1); /* and now it was not */
        ck_assert_uint_eq(ag->login.decided[LOGIN_ADMITTED], 2);
}
END_TEST

START_TEST(denies_and_says_why) {
        ck_assert_int_eq(login("alice", "login"), LOGIN_NO_ROLE);
        ck_assert_int_eq(login("bob", "sshd"), LOGIN_NO_RECORD);
        ck_assert_int_eq(login("mallory", "sshd"), LOGIN_DENIED_HERE);
        ck_assert_uint_eq(n_delivered, 2); /* nobody was asked about mallory */
        ck_assert_uint_eq(ag->login.decided[LOGIN_DENIED_HERE], 1);
}
END_TEST

START_TEST(whole_record_gone_at_head) {
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        set("_user.alice.ssh", RECORD_SSH, NULL, "");
        set("_user.alice.role", RECORD_ROLE, NULL, "");
        set("_user.alice.device", RECORD_DEVICE, NULL, "");
        chain_moves(100, 102);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_REVOKED);
        ck_assert_uint_eq(n_delivered, 1);
        set("_user.alice.ssh", RECORD_SSH, "", NULL);
        set("_user.alice.role", RECORD_ROLE, "", NULL);
        set("_user.alice.device", RECORD_DEVICE, "", NULL);
        chain_moves(103, 104);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_NO_RECORD);
}
END_TEST

START_TEST(one_bit_gone_at_head) {
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_int_eq(login("alice", "sudo"), LOGIN_ADMITTED);
        set("_user.alice.role", RECORD_ROLE, NULL, ROLE_3);
        chain_moves(100, 102);
        ck_assert_int_eq(login("alice", "sudo"), LOGIN_NO_ROLE);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        /* one that head gives counts when it is final */
        set("_user.alice.role", RECORD_ROLE, ROLE_3, "0x208");
        set("_host.gw1.role", RECORD_ROLE, "0x10", "0x10");
        chain_moves(104, 105);
        ck_assert_int_eq(login("alice", "login"), LOGIN_NO_ROLE);
        set("_user.alice.role", RECORD_ROLE, "0x208", NULL);
        chain_moves(106, 107);
        ck_assert_int_eq(login("alice", "login"), LOGIN_ADMITTED);
}
END_TEST

START_TEST(role_for_one_kind_of_host) {
        const struct query_request q = question(QUERY_LOGIN, "alice", "login");
        struct query_reply *r;

        set("_user.alice.role", RECORD_ROLE, "0x200", "0x200");
        set("_host.gw1.role", RECORD_ROLE, "0x10", "0x10");
        r = ask_q(&q);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->login.host_role.b[31], 0x10);
        ck_assert_uint_eq(n_delivered, 1); /* both records, one answer */
        set("_host.gw1.role", RECORD_ROLE, NULL, "");
        chain_moves(100, 102);
        ck_assert_int_eq(login("alice", "login"), LOGIN_NO_ROLE);
}
END_TEST

/* Nobody waits for the host's role where another role, or none, has decided. */
START_TEST(host_is_waited_for_where_it_decides) {
        static struct login_config next;
        const struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_reply r;

        configure("[Login]\nZone=plant.fleet\nHost=gw1\n[Role 3]\nServices=sshd\n[Role 9]\nServices=sshd su\n"
                  "Groups=dialout\nHosts=4\n",
                        &next);
        login_desk_replace(ag, &next);
        set("_user.alice.role", RECORD_ROLE, "0x208", "0x208");
        set("_host.gw1.role", RECORD_ROLE, "0x10", "0x10");
        ck_assert_int_eq(watch_ask(&ag->watch, "_user.alice.plant.fleet", LOGIN_CLIENT, 0, now_ms()), 0);
        pump_desk();
        w.fake.silent = true;
        ck_assert_int_eq(put_as(0, &q, &r), 1); /* role 3, at once */
        ck_assert(r.result == QUERY_OK && r.login.n_groups == 0);
        ck_assert_int_eq(login("alice", "sudo"), LOGIN_NO_ROLE);
        ck_assert_uint_eq(n_delivered, 0);
        w.fake.silent = false;
        ck_assert_int_eq(login("alice", "su"), LOGIN_ADMITTED); /* role 9, and only it */
        ck_assert_uint_eq(n_delivered, 1);
        ck_assert_str_eq(delivered[0].login.group[0], "dialout");
}
END_TEST

/* The first of two records that are asked for decides, if it can. */
START_TEST(first_record_may_decide) {
        const struct query_request q = question(QUERY_LOGIN, "bob", "login");
        struct query_reply r;

        ck_assert_int_eq(put_as(0, &q, &r), 0);
        ck_assert_uint_eq(ag->watch.n, 2);
        for (struct watch_entry *e = ag->watch.groups->entries; e; e = e->group_next)
                if (strcmp(e->name, "_user.bob.plant.fleet") == 0) {
                        watch_answer(&ag->watch, e, "not proven", now_ms());
                        break;
                }
        ck_assert_uint_eq(n_delivered, 1); /* not proven: the host's role would not help him */
        ck_assert_int_eq(delivered[0].result, QUERY_UNPROVEN);
        pump_desk();
        ck_assert_uint_eq(n_delivered, 1);
}
END_TEST

/* What waits for finality is known, and nothing is asked for it. */
START_TEST(host_role_that_is_not_final) {
        set("_user.alice.role", RECORD_ROLE, "0x200", "0x200");
        set("_host.gw1.role", RECORD_ROLE, "", "0x10");
        ck_assert_int_eq(login("alice", "login"), LOGIN_UNPROVEN);
        ck_assert_uint_eq(n_delivered, 1);
        ck_assert_int_eq(login("alice", "login"), LOGIN_UNPROVEN);
        ck_assert_uint_eq(n_delivered, 1);
        set("_user.bob.role", RECORD_ROLE, "", "0x200");
        ck_assert_int_eq(login("bob", "login"), LOGIN_UNPROVEN);
        ck_assert_int_eq(login("bob", "login"), LOGIN_UNPROVEN);
        ck_assert_uint_eq(n_delivered, 2);
}
END_TEST

START_TEST(not_proven_is_no_no) {
        w.fake.fail = "the upstream lies";
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_UNPROVEN);
        ck_assert(strstr(delivered[0].reason, "the upstream lies"));
        w.fake.fail = NULL;
        w.fake.silent = true;
        ck_assert_int_eq(login("mallory", "sshd"), LOGIN_DENIED_HERE);
}
END_TEST

START_TEST(stale_is_told_at_once) {
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        w.fake.silent = true;
        clock_ms += 3600001;
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_STALE);
        ck_assert_uint_eq(n_delivered, 1); /* without asking a chain that stands */
        w.fake.silent = false;
        heads(100, 102);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_uint_eq(n_delivered, 2); /* it moves: asked */
}
END_TEST

START_TEST(stale_is_served_where_it_is_configured) {
        const struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct config_role *pam = &w.config.role[ROLE_PAM];
        struct query_reply *r;

        pam->stale = STALE_SERVE;
        pam->stale_max_ms = 7200000;
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        w.fake.silent = true;
        clock_ms += 3600001;
        r = ask_q(&q);
        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert(r->login.stale == 1 && r->login.age_ms == 3600001);
        clock_ms += 7200000;
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_STALE);
}
END_TEST

START_TEST(a_value_that_is_none) {
        struct hash32 key, slot;

        ck_assert_int_eq(slot_key_of_text(VIEW_TEXT("_user.alice.device"), &key), 0);
        slot_of_mapping(&key, 0, &slot);
        memset(fake_slot(&w.fake, &slot)->final.b, 0xff, HASH32_SIZE);
        memset(fake_slot(&w.fake, &slot)->head.b, 0xff, HASH32_SIZE);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_INVALID);
        ck_assert(strstr(delivered[0].reason, "device"));
}
END_TEST

static struct query_request answer_of(const char *name, const char *service, const uint8_t key[32]) {
        struct query_request q = question(QUERY_CHALLENGE, name, service);
        struct query_reply *r = ask_q(&q);

        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_uint_eq(r->challenge.life_ms, LOGIN_LIFE_MS);
        q.verb = QUERY_RESPONSE;
        memcpy(q.nonce, r->challenge.nonce, sizeof(q.nonce));
        ck_assert_int_eq(eip191_sign(VIEW_TEXT(r->challenge.text), key, q.signature), 0);
        return q;
}

static enum login_verdict verdict_of(const struct query_request *q) {
        return (enum login_verdict) ask_q(q)->login.verdict;
}

START_TEST(response_is_good_once) {
        struct query_request q = answer_of("alice", "sudo", key_a);
        struct query_reply *r = ask_q(&q);

        ck_assert_int_eq(r->result, QUERY_OK);
        ck_assert_str_eq(r->login.record, "_user.alice.plant.fleet");
        ck_assert_int_eq(verdict_of(&q), LOGIN_REPLAYED);
        q = answer_of("alice", "sudo", key_a);
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
        /* who he is, whatever he may */
        q = answer_of("alice", "login", key_a);
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
}
END_TEST

START_TEST(response_of_another_key) {
        struct query_request q = answer_of("alice", "sudo", key_b);

        ck_assert_int_eq(verdict_of(&q), LOGIN_NO_KEY);
        ck_assert_int_eq(verdict_of(&q), LOGIN_NO_KEY);
        ck_assert_uint_eq(ag->login.challenges.n_used, 0);
        set_device("_user.alice.device_next", key_b, true, true);
        chain_moves(102, 103);
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
        q = answer_of("bob", "sudo", key_a);
        ck_assert_int_eq(verdict_of(&q), LOGIN_NO_RECORD);
        q = answer_of("mallory", "sudo", key_a);
        ck_assert_int_eq(verdict_of(&q), LOGIN_DENIED_HERE);
}
END_TEST

START_TEST(response_of_a_revoked_key) {
        struct query_request q = answer_of("alice", "sudo", key_a);

        ck_assert_int_eq(login("alice", "sudo"), LOGIN_ADMITTED);
        set("_user.alice.device", RECORD_DEVICE, NULL, "");
        chain_moves(100, 102);
        ck_assert_int_eq(verdict_of(&q), LOGIN_NO_KEY);
        ck_assert_int_eq(login("alice", "sudo"), LOGIN_ADMITTED); /* the rest of him stands */
}
END_TEST

START_TEST(response_to_what_was_not_asked) {
        const struct query_request good = answer_of("alice", "sudo", key_a);
        struct query_request q = good;
        struct query_reply r;

        q.nonce[39] ^= 1;
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_CHALLENGE);
        q = good;
        strcpy(q.service, "sshd");
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_CHALLENGE);
        q = good;
        strcpy(q.name, "bob");
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_CHALLENGE);
        ck_assert_int_eq(put_as(1000, &good, &r), 1); /* another uid */
        ck_assert_int_eq(r.login.verdict, LOGIN_BAD_CHALLENGE);
        q = good;
        q.signature[64] = 26;
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_SIGNATURE);
        q = good;
        q.signature[65] = 1; /* 66 bytes of one */
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_SIGNATURE);
        q = good;
        q.signature[71] = 1;
        ck_assert_int_eq(verdict_of(&q), LOGIN_BAD_SIGNATURE);
        ck_assert_uint_eq(n_delivered, 0); /* for none of them was the chain asked */
        clock_ms += LOGIN_LIFE_MS;
        ck_assert_int_eq(verdict_of(&good), LOGIN_EXPIRED);
        clock_ms -= 1;
        ck_assert_int_eq(verdict_of(&good), LOGIN_ADMITTED);
}
END_TEST

START_TEST(response_expires_while_it_waits) {
        const struct query_request q = answer_of("alice", "sudo", key_a);
        struct query_reply r;

        ck_assert_int_eq(put_as(0, &q, &r), 0);
        clock_ms += LOGIN_LIFE_MS;
        pump_desk();
        ck_assert_uint_eq(n_delivered, 1);
        ck_assert_int_ne(delivered[0].result, QUERY_OK);
}
END_TEST

START_TEST(response_spends_nothing_while_the_chain_is_away) {
        const struct query_request q = answer_of("alice", "sudo", key_a);

        w.fake.fail = "no answer";
        ck_assert_int_eq(verdict_of(&q), LOGIN_UNPROVEN);
        w.fake.fail = NULL;
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
}
END_TEST

START_TEST(two_at_once_with_one_nonce) {
        const struct query_request q = answer_of("alice", "sudo", key_a);
        struct query_reply r;

        ck_assert_int_eq(put_as(0, &q, &r), 0);
        ck_assert_int_eq(put_as(0, &q, &r), 0);
        pump_desk();
        ck_assert_uint_eq(n_delivered, 2);
        ck_assert_int_eq((delivered[0].login.verdict == LOGIN_ADMITTED) + (delivered[1].login.verdict == LOGIN_ADMITTED), 1);
        ck_assert_int_eq((delivered[0].login.verdict == LOGIN_REPLAYED) + (delivered[1].login.verdict == LOGIN_REPLAYED), 1);
}
END_TEST

START_TEST(one_user_spends_his_own_alone) {
        struct query_request q;

        for (unsigned i = 0; i < CHALLENGE_USED_USER; i++) {
                q = answer_of("alice", "sudo", key_a);
                ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
        }
        q = answer_of("alice", "sudo", key_a);
        ck_assert_int_eq(verdict_of(&q), LOGIN_UNPROVEN);
        set_device("_user.bob.device", key_b, true, true);
        q = answer_of("bob", "sudo", key_b);
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
}
END_TEST

START_TEST(who_asks_what_he_would_be_told_is_no_event) {
        struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        unsigned before;

        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        before = (unsigned) ag->login.decided[LOGIN_ADMITTED];
        q.item = QUERY_LOGIN_WHO;
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
        ck_assert_uint_eq(ag->login.decided[LOGIN_ADMITTED], before);
        q.item = QUERY_LOGIN_ENTER;
        ck_assert_int_eq(verdict_of(&q), LOGIN_ADMITTED);
        ck_assert_uint_eq(ag->login.decided[LOGIN_ADMITTED], before + 1);
}
END_TEST

START_TEST(challenge_is_no_oracle) {
        static const char *const names[] = { "alice", "bob", "nobody", "mallory", "root" };

        w.fake.silent = true;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const struct query_request q = question(QUERY_CHALLENGE, names[i], "sshd");
                struct query_reply r;
                struct login_text t;

                ck_assert_int_eq(put_as(1000, &q, &r), 1);
                ck_assert_int_eq(r.result, QUERY_OK);
                ck_assert_int_eq(login_text_parse(VIEW_TEXT(r.challenge.text), &t), 0);
                ck_assert_str_eq(t.user, names[i]);
                ck_assert_str_eq(t.host, "gw1.plant.fleet");
                ck_assert_uint_ge(t.expires_s, 1795350000 + LOGIN_LIFE_MS / 1000);
        }
        ck_assert_uint_eq(ag->watch.n, 0);
}
END_TEST

static enum login_verdict key_of(const char *name, const char *service, uint32_t item, const char *hex) {
        struct query_request q = question(QUERY_KEY, name, service);

        q.item = item;
        q.key = value_of(RECORD_SSH, hex);
        return verdict_of(&q);
}

START_TEST(ssh_key_of_a_user) {
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_A), LOGIN_ADMITTED);
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_B), LOGIN_NO_KEY);
        ck_assert_int_eq(key_of("alice", "sshd", 0, ""), LOGIN_NO_KEY);
        ck_assert_int_eq(key_of("alice", "login", 0, SSH_A), LOGIN_NO_ROLE);
        ck_assert_int_eq(key_of("bob", "sshd", 0, SSH_A), LOGIN_NO_RECORD);
        ck_assert_int_eq(key_of("mallory", "sshd", 0, SSH_A), LOGIN_DENIED_HERE);
        set("_user.alice.ssh_next", RECORD_SSH, SSH_B, SSH_B);
        chain_moves(102, 103);
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_B), LOGIN_ADMITTED);
        set("_user.alice.ssh", RECORD_SSH, NULL, "");
        chain_moves(104, 105);
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_A), LOGIN_NO_KEY);
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_B), LOGIN_ADMITTED);
        /* a certificate's hash is no SSH key */
        set("alice.signature", RECORD_SIGNATURE, SSH_A, SSH_A);
        ck_assert_int_eq(key_of("alice", "sshd", 0, SSH_A), LOGIN_NO_KEY);
}
END_TEST

START_TEST(ssh_key_of_a_host) {
        set("gw2.ssh_host", RECORD_SSH_HOST, SSH_A, SSH_A);
        set("ssh_host", RECORD_SSH_HOST, SSH_B, SSH_B);
        ck_assert_int_eq(key_of("gw2.plant.fleet", "", 1, SSH_A), LOGIN_ADMITTED);
        ck_assert_int_eq(key_of("GW2.Plant.Fleet", "", 1, SSH_A), LOGIN_ADMITTED);
        ck_assert_int_eq(key_of("gw2.plant.fleet", "", 1, SSH_B), LOGIN_NO_KEY);
        ck_assert_int_eq(key_of("plant.fleet", "", 1, SSH_B), LOGIN_ADMITTED);
        ck_assert_int_eq(key_of("gw3.plant.fleet", "", 1, SSH_A), LOGIN_NO_RECORD);
        ck_assert_int_eq(key_of("gw3.plant.fleet", "", 1, ""), LOGIN_NO_RECORD);
        set("gw2.ssh_host", RECORD_SSH_HOST, NULL, "");
        chain_moves(100, 102);
        ck_assert_int_ne(key_of("gw2.plant.fleet", "", 1, SSH_A), LOGIN_ADMITTED);
        for (unsigned v = 0; v < LOGIN_VERDICTS; v++)
                ck_assert_uint_eq(ag->login.decided[v], 0); /* no login */
}
END_TEST

START_TEST(ssh_key_of_a_host_needs_no_login_conf) {
        memset(&ag->login.config, 0, sizeof(ag->login.config));
        set("gw2.ssh_host", RECORD_SSH_HOST, SSH_A, SSH_A);
        ck_assert_int_eq(key_of("gw2.plant.fleet", "", 1, SSH_A), LOGIN_ADMITTED);
}
END_TEST

static enum query_result result_of(enum query_verb verb, const char *name, const char *service, uint32_t item) {
        struct query_request q = question(verb, name, service);
        struct query_reply r;

        q.item = item;
        ck_assert_int_eq(put_as(1000, &q, &r), 1);
        ck_assert(r.reason[0] && r.login.verdict == LOGIN_UNPROVEN);
        return (enum query_result) r.result;
}

START_TEST(refuses_what_is_no_question) {
        static const char *const users[] = { "", "Alice", "a.b", "_user.alice", "alice.plant.fleet", "-a",
                "abcdefghijklmnopqrstuvwxyz0123456", "a b", "a\n", "../x" };
        static const char *const services[] = { "", "ss hd", ".sshd", "a/b", "sshd\n" };
        static const enum query_verb verbs[] = { QUERY_LOGIN, QUERY_CHALLENGE, QUERY_RESPONSE, QUERY_KEY };

        for (size_t v = 0; v < ELEMENTSOF(verbs); v++) {
                for (size_t i = 0; i < ELEMENTSOF(users); i++)
                        ck_assert_int_eq(result_of(verbs[v], users[i], "sshd", 0), QUERY_REFUSED);
                for (size_t i = 0; i < ELEMENTSOF(services); i++)
                        ck_assert_int_eq(result_of(verbs[v], "alice", services[i], 0), QUERY_REFUSED);
        }
        ck_assert_int_eq(result_of(QUERY_KEY, "alice", "sshd", 2), QUERY_UNKNOWN);
        ck_assert_int_eq(result_of(QUERY_LOGIN, "alice", "sshd", 2), QUERY_UNKNOWN);
        ck_assert_int_eq(result_of(QUERY_KEY, "gw1.example.org", "", 1), QUERY_UNKNOWN);
        ck_assert_int_eq(result_of(QUERY_KEY, "_user.alice.plant.fleet", "", 1), QUERY_REFUSED);
        ck_assert_int_eq(result_of(QUERY_KEY, "", "", 1), QUERY_REFUSED);
        ag->config->zone[1].kind = ZONE_ENS;
        ck_assert_int_eq(result_of(QUERY_KEY, "gw1.hall.plant.fleet", "", 1), QUERY_UNKNOWN);
        memset(&ag->login.config, 0, sizeof(ag->login.config));
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++)
                ck_assert_int_eq(result_of(verbs[v], "alice", "sshd", 0), QUERY_UNKNOWN);
        ck_assert_uint_eq(ag->watch.n, 0);
}
END_TEST

/* Made-up names cost whoever asks for them. */
START_TEST(unknown_names_are_charged) {
        struct query_request q = question(QUERY_LOGIN, "u0", "sshd");
        struct query_reply r;
        unsigned n = 0;

        for (; n < 1000 && put_as(1000, &q, &r) == 0; n++) {
                (void) sprintf(q.name, "u%u", n + 1);
                n_delivered = 0;
                pump_desk();
        }
        ck_assert_uint_eq(n, 200);
        n_delivered = 0;
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED); /* root is not refused for it */
        strcpy(q.name, "alice");
        ck_assert_int_eq(put_as(1000, &q, &r), 1);
        ck_assert_int_eq(r.result, QUERY_OK); /* nor is what is known */
}
END_TEST

START_TEST(so_many_may_wait) {
        struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_reply r;
        unsigned n = 0;

        w.fake.silent = true;
        for (; n < 1000 && put_as(1000, &q, &r) == 0; n++)
                ;
        ck_assert_uint_eq(n, QUERY_OPEN_UID);
        for (; n < 1000 && put_as(0, &q, &r) == 0; n++)
                ;
        ck_assert_uint_eq(n, LOGIN_OPEN_MAX);
        ck_assert_int_eq(r.result, QUERY_REFUSED);
        clock_ms += 60000; /* nobody waits for ever */
        pump_desk();
        ck_assert_uint_eq(n_delivered, LOGIN_OPEN_MAX);
        n_delivered = 0;
        w.fake.silent = false;
        heads(100, 102);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
}
END_TEST

START_TEST(another_configuration_while_somebody_waits) {
        static struct login_config next;
        const struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_request response = answer_of("alice", "sudo", key_a);
        struct query_reply r;

        w.fake.silent = true;
        ck_assert_int_eq(put_as(0, &q, &r), 0);
        configure("[Login]\nZone=plant.fleet\nHost=gw2\nDenyUsers=alice\n", &next);
        login_desk_replace(ag, &next);
        ck_assert_uint_eq(n_delivered, 1);
        ck_assert_int_eq(delivered[0].result, QUERY_UNPROVEN);
        w.fake.silent = false;
        pump_desk();
        clock_ms += 60000;
        pump_desk();
        ck_assert_uint_eq(n_delivered, 1); /* once */
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_DENIED_HERE);
        /* and another host's challenge is none of ours */
        configure("[Login]\nZone=plant.fleet\nHost=gw2\n", &next);
        login_desk_replace(ag, &next);
        ck_assert_int_eq(verdict_of(&response), LOGIN_BAD_CHALLENGE);
}
END_TEST

/* What a question waited for that is answered already is not taken for another's. */
START_TEST(late_records_are_nobody_elses) {
        static struct login_config next;
        struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_reply r;

        w.fake.silent = true;
        ck_assert_int_eq(put_as(0, &q, &r), 0);
        next = ag->login.config;
        login_desk_replace(ag, &next);
        ck_assert_uint_eq(n_delivered, 1);
        clock_ms += PROOF_DEADLINE_MS / 2;
        strcpy(q.name, "bob"); /* in the place of the first */
        ck_assert_int_eq(put_as(0, &q, &r), 0);
        clock_ms += PROOF_DEADLINE_MS / 2 + 1;
        pump_desk(); /* alice's proof has failed */
        ck_assert_uint_eq(n_delivered, 1);
        clock_ms += PROOF_DEADLINE_MS;
        pump_desk();
        ck_assert_uint_eq(n_delivered, 2);
}
END_TEST

START_TEST(who_has_gone_is_not_answered) {
        const struct query_request q = question(QUERY_LOGIN, "alice", "sshd");
        struct query_reply r;
        uint64_t client;

        ck_assert_int_eq(query_put(&ag->query, 0, &q, on_deliver, NULL, &r, &client), 0);
        query_forget(&ag->query, client);
        pump_desk();
        ck_assert_uint_eq(n_delivered, 0);
        ck_assert_ptr_null(ag->query.clients);
        for (size_t i = 0; i < LOGIN_OPEN_MAX; i++)
                ck_assert(!ag->login.open[i].used);
}
END_TEST

START_TEST(ours_are_kept_proven) {
        static struct login_config next;
        char text[1024] = "[Login]\nZone=plant.fleet\nHost=gw1\nDenyUsers=u1\n";

        login_desk_keep(ag, now_ms());
        ck_assert_uint_eq(ag->watch.n, 3); /* alice, bob, and the host for role 9; not mallory */
        pump_desk();
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        ck_assert_int_eq(login("bob", "sshd"), LOGIN_NO_RECORD);
        ck_assert_int_eq(login("alice", "login"), LOGIN_NO_ROLE);
        ck_assert_uint_eq(n_delivered, 0);
        ck_assert_uint_eq(w.fake.asks, 6);
        for (unsigned i = 0; i < 30; i++) { /* a month, with nobody at the door */
                clock_ms += 86400000;
                login_desk_keep(ag, now_ms());
                watch_expire(&ag->watch, now_ms());
        }
        ck_assert_uint_eq(ag->watch.n, 3);
        for (unsigned i = 0; i < 40; i++)
                (void) sprintf(text + strlen(text), "ManagedUsers=u%u\n", i);
        configure(text, &next);
        login_desk_replace(ag, &next);
        ck_assert_uint_eq(ag->login.users.n, 39);
        login_desk_keep(ag, now_ms());
        ck_assert_uint_eq(ag->watch.n, 3 + LOGIN_HOLD_ROUND); /* not all at once */
        memset(&next, 0, sizeof(next));
        login_desk_replace(ag, &next);
        login_desk_keep(ag, now_ms()); /* off */
        ck_assert_uint_eq(ag->watch.n, 3 + LOGIN_HOLD_ROUND);
}
END_TEST

START_TEST(what_stands_is_told_without_asking) {
        struct query_login l;
        char why[LOOKUP_WHY_MAX];

        login_stands(ag, "alice", "sshd", &l, why);
        ck_assert_int_eq(l.verdict, LOGIN_UNPROVEN);
        ck_assert_uint_eq(ag->watch.n, 0);
        ck_assert_int_eq(login("alice", "sshd"), LOGIN_ADMITTED);
        login_stands(ag, "alice", "sshd", &l, why);
        ck_assert_int_eq(l.verdict, LOGIN_ADMITTED);
        ck_assert_uint_eq(l.head.number, 101);
        clock_ms += 3600001;
        login_stands(ag, "alice", "sshd", &l, why);
        ck_assert_int_eq(l.verdict, LOGIN_STALE);
        login_stands(ag, "a.b", "sshd", &l, why);
        ck_assert_int_eq(l.verdict, LOGIN_UNPROVEN);
        login_stands(ag, "mallory", "sshd", &l, why);
        ck_assert_int_eq(l.verdict, LOGIN_DENIED_HERE);
        ck_assert_uint_eq(ag->login.decided[LOGIN_ADMITTED], 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("kedged desk");
        TCase *tc = tcase_create("desk");

        tcase_add_checked_fixture(tc, desk_setup, desk_teardown);
        tcase_add_test(tc, admits_and_says_by_what);
        tcase_add_test(tc, denies_and_says_why);
        tcase_add_test(tc, whole_record_gone_at_head);
        tcase_add_test(tc, one_bit_gone_at_head);
        tcase_add_test(tc, role_for_one_kind_of_host);
        tcase_add_test(tc, host_is_waited_for_where_it_decides);
        tcase_add_test(tc, first_record_may_decide);
        tcase_add_test(tc, host_role_that_is_not_final);
        tcase_add_test(tc, not_proven_is_no_no);
        tcase_add_test(tc, stale_is_told_at_once);
        tcase_add_test(tc, stale_is_served_where_it_is_configured);
        tcase_add_test(tc, a_value_that_is_none);
        tcase_add_test(tc, response_is_good_once);
        tcase_add_test(tc, response_of_another_key);
        tcase_add_test(tc, response_of_a_revoked_key);
        tcase_add_test(tc, response_to_what_was_not_asked);
        tcase_add_test(tc, response_expires_while_it_waits);
        tcase_add_test(tc, response_spends_nothing_while_the_chain_is_away);
        tcase_add_test(tc, two_at_once_with_one_nonce);
        tcase_add_test(tc, one_user_spends_his_own_alone);
        tcase_add_test(tc, who_asks_what_he_would_be_told_is_no_event);
        tcase_add_test(tc, challenge_is_no_oracle);
        tcase_add_test(tc, ssh_key_of_a_user);
        tcase_add_test(tc, ssh_key_of_a_host);
        tcase_add_test(tc, ssh_key_of_a_host_needs_no_login_conf);
        tcase_add_test(tc, refuses_what_is_no_question);
        tcase_add_test(tc, unknown_names_are_charged);
        tcase_add_test(tc, so_many_may_wait);
        tcase_add_test(tc, another_configuration_while_somebody_waits);
        tcase_add_test(tc, late_records_are_nobody_elses);
        tcase_add_test(tc, who_has_gone_is_not_answered);
        tcase_add_test(tc, ours_are_kept_proven);
        tcase_add_test(tc, what_stands_is_told_without_asking);
        suite_add_tcase(suite, tc);
        return unit_run(suite);
}
