// A beacon chain in one process: a consensus client's real state transition, with every signature made and checked, on a real
// execution client over its engine API. Sixty-four validators with well-known keys, the minimal preset. Nobody misbehaves here.
import fs from "node:fs";
import path from "node:path";
import url from "node:url";
import { aggregateSignatures } from "@chainsafe/blst";
import { createBeaconConfig } from "@lodestar/config";
import { chainConfig } from "@lodestar/config/default";
import * as params from "@lodestar/params";
import * as st from "@lodestar/state-transition";
import { ssz } from "@lodestar/types";
import { bytes, genesisHeaderOf, hex, payloadOf, quantity } from "./engine.mjs";
import { LightData, bootstrap } from "./light.mjs";

// Not part of what the package says it offers; needed once, for Fulu's first state.
const { initializeProposerLookahead } = await import(path.join(path.dirname(url.fileURLToPath(import.meta.url)),
        "node_modules/@lodestar/state-transition/lib/util/fulu.js"));

const VALIDATORS = 64;
const BALANCE = 32e9;
const KEEP_STATES = 400; // slots; older states stay for each epoch's first block
const FORKS = ["altair", "bellatrix", "capella", "deneb", "electra", "fulu"];

// fork: what the chain begins with; later: { electra: epoch, fulu: epoch }.
function configOf(o) {
        const epochs = Object.fromEntries(FORKS.map((f) => [f.toUpperCase() + "_FORK_EPOCH",
                o.later[f] ?? (FORKS.indexOf(f) <= FORKS.indexOf(o.fork) ? 0 : Infinity)]));
        return {
                ...chainConfig, ...epochs, PRESET_BASE: "minimal", CONFIG_NAME: "kedge", GLOAS_FORK_EPOCH: Infinity, HEZE_FORK_EPOCH: Infinity,
                SECONDS_PER_SLOT: o.slotSeconds, SLOT_DURATION_MS: o.slotSeconds * 1000, MIN_GENESIS_TIME: o.genesisTime, GENESIS_DELAY: 0,
                TERMINAL_TOTAL_DIFFICULTY: 0n, DEPOSIT_CHAIN_ID: o.chainId, DEPOSIT_NETWORK_ID: o.chainId, BLOB_SCHEDULE: [],
        };
}

function bits(flags) {
        const out = new Uint8Array(Math.ceil(flags.length / 8));
        flags.forEach((on, i) => { if (on) out[i >> 3] |= 1 << (i & 7); });
        return out;
}

export class Chain {
        // o: fork, later, genesisTime, slotSeconds, chainId; engine, rpc: clients of the execution client.
        static async begin(o, engine, rpc) {
                const c = new Chain();
                Object.assign(c, { o, engine, rpc, light: new LightData(), blocks: new Map(), states: new Map() });
                c.keys = st.interopSecretKeys(VALIDATORS);
                c.makeGenesis(await rpc("eth_getBlockByNumber", ["0x0", false]));
                return c;
        }

        makeGenesis(executionBlock) {
                const T = ssz[this.o.fork], base = configOf(this.o);
                const bodyRoot = T.BeaconBlockBody.hashTreeRoot(T.BeaconBlockBody.defaultValue());
                const zero = new Uint8Array(32);
                const s = st.getGenesisBeaconState(createBeaconConfig(base, zero),
                        { depositRoot: zero, depositCount: BigInt(VALIDATORS), blockHash: bytes(executionBlock.hash) },
                        { slot: 0, proposerIndex: 0, parentRoot: zero, stateRoot: zero, bodyRoot });
                s.genesisTime = this.o.genesisTime;
                s.eth1DepositIndex = VALIDATORS;
                this.addValidators(s, T);
                s.latestExecutionPayloadHeader = T.ExecutionPayloadHeader.toViewDU(genesisHeaderOf(executionBlock,
                        ssz.bellatrix.Transactions.hashTreeRoot([]), ssz.capella.Withdrawals.hashTreeRoot([])));
                s.commit();
                this.validatorsRoot = s.genesisValidatorsRoot;
                this.config = createBeaconConfig(base, this.validatorsRoot);
                this.start(s, executionBlock.hash);
        }

        addValidators(s, T) {
                const all = this.keys.map((key, i) => ({
                        pubkey: key.toPublicKey().toBytes(), withdrawalCredentials: Uint8Array.from([1, ...new Uint8Array(30), i]),
                        effectiveBalance: BALANCE, slashed: false, activationEligibilityEpoch: 0, activationEpoch: 0,
                        exitEpoch: Infinity, withdrawableEpoch: Infinity,
                }));
                const fields = T.BeaconState.fields;
                s.validators = fields.validators.toViewDU(all);
                s.balances = fields.balances.toViewDU(all.map(() => BALANCE));
                for (const f of ["previousEpochParticipation", "currentEpochParticipation", "inactivityScores"])
                        s[f] = fields[f].toViewDU(all.map(() => 0));
                s.genesisValidatorsRoot = s.validators.hashTreeRoot();
                if (s.depositRequestsStartIndex !== undefined) s.depositRequestsStartIndex = params.UNSET_DEPOSIT_REQUESTS_START_INDEX;
        }

        // Committees and proposers need a state that can be asked; so it is made twice.
        start(s, executionHash) {
                const context = { config: this.config, pubkeyCache: st.createPubkeyCache() };
                const first = st.createCachedBeaconState(s, context, { skipSyncCommitteeCache: true });
                const { syncCommittee } = st.getNextSyncCommittee(this.config.getForkSeq(0), first,
                        first.epochCtx.currentShuffling.activeIndices, first.epochCtx.effectiveBalanceIncrements);
                s.currentSyncCommittee = ssz.altair.SyncCommittee.toViewDU(syncCommittee);
                s.nextSyncCommittee = ssz.altair.SyncCommittee.toViewDU(syncCommittee);
                if (ssz[this.o.fork].BeaconState.fields.proposerLookahead)
                        s.proposerLookahead = ssz.fulu.ProposerLookahead.toViewDU(initializeProposerLookahead(first));
                s.commit();
                const state = st.createCachedBeaconState(s, context);
                const root = ssz.phase0.BeaconBlockHeader.hashTreeRoot({ ...state.latestBlockHeader.toValue(), stateRoot: state.hashTreeRoot() });
                this.head = { root, state, slot: 0 };
                this.states.set(hex(root), state);
                this.safeHash = this.finalHash = executionHash;
        }

        forkAt(slot) {
                return this.config.getForkName(slot);
        }

        digest(slot) {
                return this.config.forkBoundary2ForkDigest(this.config.getForkBoundaryAtEpoch(Math.floor(slot / params.SLOTS_PER_EPOCH)));
        }

        slotNow() {
                return Math.floor((Date.now() / 1000 - this.o.genesisTime) / this.o.slotSeconds);
        }

        bootstrap(root) {
                const block = this.blocks.get(root), state = this.states.get(root);
                if (!block || !state) return null;
                const fork = this.forkAt(block.slot);
                return { fork, value: bootstrap(fork, block, state) };
        }

        finalized() {
                const root = hex(this.head.state.finalizedCheckpoint.root);
                return { root, slot: this.blocks.get(root)?.slot ?? 0 };
        }

        sign(validator, type, object, domain, slot) {
                return this.keys[validator].sign(st.computeSigningRoot(type, object, this.config.getDomain(slot, domain)));
        }

        // The next slot's block, as its proposer would make it.
        async step() {
                const slot = this.head.slot + 1, fork = this.forkAt(slot), T = ssz[fork];
                const pre = st.processSlots(this.head.state.clone(), slot);
                const proposer = pre.epochCtx.getBeaconProposer(slot), epoch = Math.floor(slot / params.SLOTS_PER_EPOCH);
                const parentRoot = ssz.phase0.BeaconBlockHeader.hashTreeRoot(pre.latestBlockHeader.toValue());
                const built = await this.buildPayload(fork, pre, slot, epoch, parentRoot);
                const body = {
                        ...T.BeaconBlockBody.defaultValue(),
                        randaoReveal: this.sign(proposer, ssz.Epoch, epoch, params.DOMAIN_RANDAO, slot).toBytes(),
                        eth1Data: pre.eth1Data.toValue(),
                        attestations: this.attestations(fork, pre, slot, epoch, parentRoot),
                        syncAggregate: this.aggregate(pre, slot, parentRoot),
                        executionPayload: payloadOf(built.executionPayload),
                };
                const block = { slot, proposerIndex: proposer, parentRoot, stateRoot: new Uint8Array(32), body };
                const state = st.stateTransition(this.head.state, { message: block, signature: new Uint8Array(96) }, {
                        verifyStateRoot: false, verifyProposer: false, verifySignatures: true,
                        executionPayloadStatus: st.ExecutionPayloadStatus.valid, dataAvailabilityStatus: st.DataAvailabilityStatus.Available,
                });
                block.stateRoot = state.hashTreeRoot();
                await this.importPayload(fork, built, parentRoot);
                this.accept(fork, block, state, T.BeaconBlock.hashTreeRoot(block));
                return built.executionPayload;
        }

        async buildPayload(fork, pre, slot, epoch, parentRoot) {
                const expected = st.getExpectedWithdrawals(params.ForkSeq[fork], pre);
                const withdrawals = (expected.expectedWithdrawals ?? expected.withdrawals).map((w) => ({
                        index: quantity(w.index), validatorIndex: quantity(w.validatorIndex), address: hex(w.address), amount: quantity(w.amount),
                }));
                const r = await this.choose(hex(pre.latestExecutionPayloadHeader.blockHash), {
                        timestamp: quantity(this.o.genesisTime + slot * this.o.slotSeconds), prevRandao: hex(st.getRandaoMix(pre, epoch)),
                        suggestedFeeRecipient: "0x" + "42".repeat(20), withdrawals, parentBeaconBlockRoot: hex(parentRoot),
                });
                return this.engine(this.isElectra(fork) ? "engine_getPayloadV4" : "engine_getPayloadV3", [r.payloadId]);
        }

        isElectra(fork) {
                return params.ForkSeq[fork] >= params.ForkSeq.electra;
        }

        choose(headHash, attributes) {
                const state = { headBlockHash: headHash, safeBlockHash: this.safeHash, finalizedBlockHash: this.finalHash };
                return this.engine("engine_forkchoiceUpdatedV3", [state, attributes]);
        }

        async importPayload(fork, built, parentRoot) {
                const p = built.executionPayload;
                const r = this.isElectra(fork)
                        ? await this.engine("engine_newPayloadV4", [p, [], hex(parentRoot), built.executionRequests ?? []])
                        : await this.engine("engine_newPayloadV3", [p, [], hex(parentRoot)]);
                if (r.status !== "VALID") throw new Error("the execution client refuses its own block: " + JSON.stringify(r));
                await this.choose(p.blockHash, null);
        }

        // The whole sync committee signs the parent.
        aggregate(pre, slot, parentRoot) {
                const signers = pre.epochCtx.currentSyncCommitteeIndexed.validatorIndices;
                const root = st.computeSigningRoot(ssz.Root, parentRoot, this.config.getDomain(slot, params.DOMAIN_SYNC_COMMITTEE, Math.max(slot, 1) - 1));
                return {
                        syncCommitteeBits: ssz.altair.SyncCommitteeBits.deserialize(bits(Array(params.SYNC_COMMITTEE_SIZE).fill(true))),
                        syncCommitteeSignature: aggregateSignatures([...signers].map((i) => this.keys[i].sign(root))).toBytes(),
                };
        }

        // Everybody attests to the parent.
        attestations(fork, pre, slot, epoch, parentRoot) {
                const at = slot - 1, atEpoch = Math.floor(at / params.SLOTS_PER_EPOCH), first = atEpoch * params.SLOTS_PER_EPOCH;
                const shuffling = pre.epochCtx.getShufflingAtEpoch(atEpoch);
                const source = atEpoch === epoch ? pre.currentJustifiedCheckpoint : pre.previousJustifiedCheckpoint;
                const data = {
                        slot: at, index: 0, beaconBlockRoot: st.getBlockRootAtSlot(pre, at), source: source.toValue(),
                        target: { epoch: atEpoch, root: first === at ? parentRoot : st.getBlockRootAtSlot(pre, first) },
                };
                const committees = [...Array(shuffling.committeesPerSlot).keys()].map((c) => [...st.getBeaconCommittee(shuffling, at, c)]);
                const make = (d, members, type, more) => {
                        const Bits = type.defaultValue().constructor, set = new Bits(new Uint8Array(Math.ceil(members.length / 8)), members.length);
                        members.forEach((_, i) => set.set(i, true));
                        const root = st.computeSigningRoot(ssz.phase0.AttestationData, d, this.config.getDomain(slot, params.DOMAIN_BEACON_ATTESTER, at));
                        return { aggregationBits: set, data: d, signature: aggregateSignatures(members.map((i) => this.keys[i].sign(root))).toBytes(), ...more };
                };
                if (!this.isElectra(fork))
                        return committees.map((members, index) => make({ ...data, index }, members, ssz.phase0.Attestation.fields.aggregationBits, {}));
                const committeeBits = ssz.electra.CommitteeBits.deserialize(bits([...Array(params.MAX_COMMITTEES_PER_SLOT).keys()].map((c) => c < committees.length)));
                return [make(data, committees.flat(), ssz.electra.AggregationBits, { committeeBits })];
        }

        accept(fork, block, state, root) {
                const attested = this.blocks.get(hex(block.parentRoot)), attestedState = this.states.get(hex(block.parentRoot));
                this.blocks.set(hex(root), block);
                this.states.set(hex(root), state);
                if (attested && attestedState) {
                        const final = attestedState.finalizedCheckpoint, finalBlock = this.blocks.get(hex(final.root));
                        this.light.add(this.forkAt(attested.slot), block.slot, block.body.syncAggregate, attested, attestedState,
                                { none: final.epoch === 0, block: finalBlock, fork: finalBlock && this.forkAt(finalBlock.slot) });
                        if (finalBlock) {
                                const justified = this.blocks.get(hex(attestedState.currentJustifiedCheckpoint.root)) ?? finalBlock;
                                this.finalHash = hex(finalBlock.body.executionPayload.blockHash);
                                this.safeHash = hex(justified.body.executionPayload.blockHash);
                        }
                }
                this.head = { root, state, slot: block.slot };
                for (const [key, old] of this.blocks)
                        if (old.slot < block.slot - KEEP_STATES && old.slot % params.SLOTS_PER_EPOCH) this.states.delete(key);
        }
}

export const readSecret = (file) => Buffer.from(fs.readFileSync(file, "utf8").trim(), "hex");
