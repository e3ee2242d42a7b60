#!/usr/bin/env bash
# The runner must fail where a vector of the light client does not hold.
# usage: refuses_lc.sh RUN_VECTORS FOLDER
set -u
. "${0%/*}/refuses_set.sh"
begin lightclient/minimal-gloas-synthetic

main=lightclient/mainnet-deneb-1394
changed $main 's/("trusted_block_root": *"0x)6/\17/' 'bootstrap: refused'
changed $main 's/("current_sync_committee_root": *"0x)d/\1e/' 'another committee'
changed $main 's/("next_sync_committee_root": *"0x)3/\14/' 'another next committee'
changed $main 's/("fork_digest": *"0x6a95a1)a9/\1a8/' 'another fork by its digest'
changed $main 's/("participants": *)510/\1511/' 'participants'
changed $main 's/("optimistic_slot": *)11419714/\111419715/' 'optimistic slot is 11419714'
changed $main 's/("current_slot": *)1000000000/\111419714/' 'a signature from the future'
scenario=lightclient/spec-minimal-electra-light_client_sync
changed $scenario 's/("execution_root": *"0x)3/\14/' 'execution root'
changed $scenario 's/("op": *"force_)update"/\1nothing"/' 'FAIL lightclient_scenario'
changed $scenario 's/("current_slot": *)194/\1160/' 'finalized slot is 96'
changed lightclient/minimal-fulu-local-multiperiodclientupdatet 's/("signing_root": *"0x)4/\15/' 'signing root'
changed lightclient/minimal-fulu-local-multiperiodclientupdatet 's/("sync_committee_bits": *"0xffff)ffff/\1fffe/' 'signature'
gloas=lightclient/minimal-gloas-synthetic
changed $gloas 's/("attested_root": *"0x)9/\1a/' 'beacon root'
changed $gloas 's/("next_sync_committee_root": *"0x)8/\19/' 'next committee'
negative=lightclient/negative-finality-updates
changed $negative 's/("expect": *")finalize"/\1reject"/' 'taken'
changed $negative 's/("reason_seen": *")slot order/\1signature/' 'refused as'
changed $negative 's/"optimistic-only"/"finalize"/' 'finality'
changed lightclient/update-ranking 's/("participants": *)512/\11/' 'row'
changed ssz-roots 's/("root": *"0x)0e27/\10e28/' 'FAIL ssz_roots extra data'
changed networks 's/("419072": *"0x8c9f62f)e/\1f/' 'another digest'
changed devnet/minimal-fulu-devnet-a 's/("finalized_slot": *)248/\1249/' 'finalized slot is 248'
changed execution/mainnet-deneb-balance-22196223 's/("committee_period": *)1393/\11392/' 'another period'

end
