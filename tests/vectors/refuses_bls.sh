#!/usr/bin/env bash
# The runner must fail where a vector of BLS12-381 does not hold.
# usage: refuses_bls.sh RUN_VECTORS FOLDER
set -u
. "${0%/*}/refuses_set.sh"
begin eth2-sign

changed eth2-fast_aggregate_verify 's/"output": true/"output": false/' 'FAIL bls eth.*judged valid'
changed eth2-deserialization_G2 's/"output": false/"output": true/' 'FAIL bls eth.*judged invalid'
changed eth2-sign 's/"output": "0xb2/"output": "0xb3/' 'another signature'

end
