/* Records what a machine of the simulators is told, as a proof bundle. It writes the events down
 * by itself: kedged's way of making a bundle has no part in it. */
#pragma once

#include "chain/bundle.h"

struct tap {
        struct chain chain; /* stands for the machine */
        struct chain *machine;
        struct buf out;
        uint64_t last_ms;
        bool more;   /* the next tick is the simulator's own */
        bool asking; /* questions are one event, which is written already */
        struct bundle_play *play; /* or NULL */
        struct chain_out *now;    /* of the step that is played */
        struct bundle bundle;
        uint8_t bytes[BUNDLE_MAX];
};

/* Takes machine_take over, and returns what the simulator steps in its place; head is the bundle's
 * head. */
struct chain *tap_chain(struct tap *t, struct chain *machine_take, const struct bundle *head);

/* The other way, kedged's own: the machine is stepped by the player, which asks by itself where it
 * is told CHAIN_EV_ASK. */
struct chain *tap_player(struct tap *t, const struct bundle *head, const struct bundle_trust *trust);

/* The event BUNDLE_ASK; the questions that follow are told to the machine by the caller. */
void tap_ask(struct tap *t, uint64_t now_ms);

/* The whole bundle, in t. */
struct view tap_end(struct tap *t);

/* bundle_attack.c: what a changed bundle may still prove. False: a claim is false. */
typedef bool attack_true_fn(void *userdata, const struct bundle *b, const struct bundle_claims *c);

struct attack {
        struct view bundle;
        struct bundle_trust trust;
        attack_true_fn *is_true;
        void *userdata;
        size_t stride; /* of bytes that are changed; 1: every one */
        size_t refused, same, other;
};

/* Every attack on a good bundle; how many of them made it say what is false. */
size_t attack_all(struct attack *a);
