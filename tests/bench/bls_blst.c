/* core/bls over libblst, under names of its own: so that one program has it beside another. */

#define KEDGE_BLS_BLST
#define bls_verdict_text          blst_peer_verdict_text
#define bls_implementation        blst_peer_implementation
#define bls_key_check             blst_peer_key_check
#define bls_signature_check       blst_peer_signature_check
#define bls_fast_aggregate_verify blst_peer_fast_aggregate_verify
#define bls_committee_verify      blst_peer_committee_verify
#define bls_key_decode            blst_peer_key_decode
#define bls_key_clear             blst_peer_key_clear
#define bls_key_add               blst_peer_key_add
#define bls_key_sub               blst_peer_key_sub
#define bls_key_is_identity       blst_peer_key_is_identity
#define bls_key_verify            blst_peer_key_verify

#include "core/bls.c"
#include "core/bls_blst.c"
