#!/usr/bin/env bash
# The runner must fail where a vector of the execution layer does not hold.
# usage: refuses_exec.sh RUN_VECTORS FOLDER
set -u
. "${0%/*}/refuses_set.sh"
begin execution/negative-account-proofs

block=execution/mainnet-deneb-getproof-22217844
lists=execution/mainnet-electra-receipts-22432102
chain=execution/testchain-all-forks
devnet=devnet/minimal-fulu-devnet-a
changed $block 's/("el_header_rlp": *"0xf9025da05f)3/\14/' 'FAIL exec_block header'
changed $block 's/("block_hash": *"0xe4)c/\1d/' 'FAIL exec_block header: another hash'
changed $block 's/("gasUsed": *"0x2)1/\12/' 'the fields give another header'
changed $block 's/("balance": *"0x)4/\15/' "other words than the proof's"
changed $block 's/("nonce": *"0x)1"/\12"/' "other words than the proof's"
changed $block 's/("value": *"0xa377aa)6/\17/' "another value than the proof's"
changed $block 's/("slots": *)2/\13/' '2 slots'
changed $lists 's/("cumulativeGasUsed": *"0x)a23e/\1a23f/' 'another root of 215 receipts'
changed $lists 's/"0x02f8b40183ad9f3984/"0x02f8b40183ad9f3985/' 'FAIL exec_block transactions'
changed $lists 's/("transactionHash": *"0x)c/\1d/' 'another hash'
changed $chain 's/("hash": *"0x)80e911/\180e912/' 'not the header of this hash'
changed $chain 's/("header_fields": *)15/\116/' '15 fields'
changed $chain 's/"0x7435ed30a8b4/"0x7435ed30a8b5/' 'another sender'
changed execution/negative-account-proofs 's/"expect": *"reject"/"expect": "ok"/' 'FAIL exec_answers'
changed execution/negative-account-proofs 's/"expect": *"ok"/"expect": "reject"/' 'is not refused'
changed execution/negative-account-proofs 's/"reason_seen": *"extra"/"reason_seen": "nonce"/' 'for another reason'
changed $devnet 's/("ttl": *)3600/\13601/' 'another ttl'
changed $devnet 's/(https:..short.invali)d/\1e/' 'another text_url'
changed $devnet 's/("node2_text_url_after_clear": *")v/\1w/' 'another node2_text_url_after_clear'
changed $devnet 's/("finalized_block_number": *)248/\1249/' 'another number'
changed rlp/rlptest 's/"0x83646f67"/"0x83646f68"/' 'written as other bytes'
changed rlp/invalidRLPTest 's/"b801ff"/"81ff"/' 'is not refused'
changed trie/trietest 's/"verb"/"noun"/' 'another root'
changed transactions/tx-tests 's/"sender": *"0xc00ed9/"sender": "0xc00ed8/' 'another sender'

end
