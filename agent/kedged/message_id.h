/* What the journal calls each kind of news, for good: an id is never given to something else.
 * packaging/journal/kedge.catalog says of each what it means and what to do; kedged(8) lists them. */
#pragma once

#define MESSAGE_ID_REVOKED  "6e9f9f57f86f45d4817ba37a995b0f05"
#define MESSAGE_ID_STATE    "10e8c86a5dfb4468a06a01ada71ad3ef"
#define MESSAGE_ID_EVIDENCE "d28cd94453ab45ee8fe1d0e284a6e22e"
#define MESSAGE_ID_LIE      "46032acb154f48dc91b5241b6fff9997"
#define MESSAGE_ID_UPSTREAM "ebd11b2b89b844fabdf75575c67d90ca"
#define MESSAGE_ID_SESSION  "ae8b1b1f12254467a4e7668aff989382"
#define MESSAGE_ID_PEER     "a5674209b76b406f829bc7596398072f"
#define MESSAGE_ID_NETWORK  "19a0c2ccf2214fe2807ef5275c41cdcc"
#define MESSAGE_ID_NOTE     "e99eae27f49a46298f7547a90ce9592c"
#define MESSAGE_ID_ADMITTED "c2d3738321734c4c963b1c96603776ec"
#define MESSAGE_ID_REFUSED  "cddf71cac9454e46843074ed9b1e69d8"
