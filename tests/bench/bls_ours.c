/* core/bls over our own arithmetic, under names of its own: so that one program has it beside
 * another. */

#define bls_verdict_text          ours_verdict_text
#define bls_implementation        ours_implementation
#define bls_key_check             ours_key_check
#define bls_signature_check       ours_signature_check
#define bls_fast_aggregate_verify ours_fast_aggregate_verify
#define bls_committee_verify      ours_committee_verify
#define bls_key_decode            ours_key_decode
#define bls_key_clear             ours_key_clear
#define bls_key_add               ours_key_add
#define bls_key_sub               ours_key_sub
#define bls_key_is_identity       ours_key_is_identity
#define bls_key_verify            ours_key_verify

#include "core/bls.c"
#include "core/bls_builtin.c"
