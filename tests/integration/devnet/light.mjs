// What light clients are served, cut from the real states and bodies with the library's Merkle proofs.
import { ProofType, createProof } from "@chainsafe/persistent-merkle-tree";
import * as params from "@lodestar/params";
import { executionPayloadToPayloadHeader } from "@lodestar/state-transition";
import { ssz } from "@lodestar/types";

const witnesses = (node, gindex) => createProof(node, { type: ProofType.single, gindex: BigInt(gindex) }).witnesses;
const isElectra = (fork) => params.ForkSeq[fork] >= params.ForkSeq.electra;
const gindexOf = (fork) => (isElectra(fork) ? { finalized: 169, current: 86, next: 87 } : { finalized: 105, current: 54, next: 55 });
const EXECUTION_GINDEX = 25;

export const periodOf = (slot) => Math.floor(slot / (params.SLOTS_PER_EPOCH * params.EPOCHS_PER_SYNC_COMMITTEE_PERIOD));

function stateNode(state) {
        state.commit();
        return state.node;
}

function header(fork, block) {
        const body = ssz[fork].BeaconBlockBody.toView(block.body);
        return {
                beacon: {
                        slot: block.slot, proposerIndex: block.proposerIndex, parentRoot: block.parentRoot,
                        stateRoot: block.stateRoot, bodyRoot: body.hashTreeRoot(),
                },
                execution: executionPayloadToPayloadHeader(params.ForkSeq[fork], block.body.executionPayload),
                executionBranch: witnesses(body.node, EXECUTION_GINDEX),
        };
}

export function bootstrap(fork, block, state) {
        return {
                header: header(fork, block),
                currentSyncCommittee: state.currentSyncCommittee.toValue(),
                currentSyncCommitteeBranch: witnesses(stateNode(state), gindexOf(fork).current),
        };
}

const participants = (u) => u.syncAggregate.syncCommitteeBits.getTrueBitIndexes().length;

// Which of two updates of a period is served: the first difference decides.
function isBetter(a, b) {
        const measures = (u) => {
                const n = participants(u), most = n * 3 >= params.SYNC_COMMITTEE_SIZE * 2;
                const final = u.finalizedHeader.beacon.slot;
                return [most, most ? 0 : n, final > 0, final > 0 && periodOf(final) === periodOf(u.attestedHeader.beacon.slot), n,
                        -u.attestedHeader.beacon.slot, -u.signatureSlot].map(Number);
        };
        const [x, y] = [measures(a), measures(b)];
        const i = x.findIndex((v, k) => v !== y[k]);
        return i >= 0 && x[i] > y[i];
}

export class LightData {
        constructor() {
                this.updates = new Map(); // by period
                this.finality = this.optimistic = null;
        }

        // A block at `slot` whose aggregate signs `attested`, with that block's state; finalized: the block that this state
        // calls final, if we have it.
        add(fork, slot, syncAggregate, attested, state, finalized) {
                const g = gindexOf(fork), empty = ssz[fork].LightClientUpdate.defaultValue();
                const u = { ...empty, attestedHeader: header(fork, attested), syncAggregate, signatureSlot: slot };
                const period = periodOf(attested.slot);

                if (finalized.block) u.finalizedHeader = header(finalized.fork, finalized.block);
                if (finalized.block || finalized.none) u.finalityBranch = witnesses(stateNode(state), g.finalized);
                if (period === periodOf(slot)) {
                        u.nextSyncCommittee = state.nextSyncCommittee.toValue();
                        u.nextSyncCommitteeBranch = witnesses(stateNode(state), g.next);
                        const before = this.updates.get(period);
                        if (!before || isBetter(u, before.value)) this.updates.set(period, { fork, value: u });
                }
                this.optimistic = { fork, value: u };
                if (finalized.block) this.finality = { fork, value: u };
        }
}

const SSZ = "application/octet-stream";

// Answers a light client's GET; false where the path is none of its routes.
export function serve(chain, req, res) {
        const url = new URL(req.url, "http://localhost"), wantsSsz = (req.headers.accept ?? "").includes(SSZ);
        const m = /^\/eth\/v1\/beacon\/light_client\/([a-z_]+)(?:\/(0x[0-9a-f]{64}))?$/.exec(url.pathname);
        const object = (type, o) => {
                if (!o) return json(res, { code: 404, message: "not available" }, 404);
                res.setHeader("Eth-Consensus-Version", o.fork);
                if (wantsSsz) return send(res, 200, SSZ, ssz[o.fork][type].serialize(o.value));
                return json(res, { version: o.fork, data: ssz[o.fork][type].toJson(o.value) });
        };

        if (!m) return false;
        if (m[1] === "bootstrap") object("LightClientBootstrap", chain.bootstrap(m[2]));
        else if (m[1] === "finality_update") object("LightClientFinalityUpdate", chain.light.finality);
        else if (m[1] === "optimistic_update") object("LightClientOptimisticUpdate", chain.light.optimistic);
        else if (m[1] === "updates") updates(chain, url, wantsSsz, res);
        else return false;
        return true;
}

function updates(chain, url, wantsSsz, res) {
        const first = Number(url.searchParams.get("start_period")), count = Math.min(128, Number(url.searchParams.get("count")));
        const found = [];
        for (let p = first; p < first + count && chain.light.updates.has(p); p++) found.push(chain.light.updates.get(p));
        if (!wantsSsz)
                return json(res, found.map((o) => ({ version: o.fork, data: ssz[o.fork].LightClientUpdate.toJson(o.value) })));
        const parts = found.flatMap((o) => {
                const body = ssz[o.fork].LightClientUpdate.serialize(o.value), length = Buffer.alloc(8);
                length.writeBigUInt64LE(BigInt(body.length + 4));
                return [length, Buffer.from(chain.digest(o.value.attestedHeader.beacon.slot)), Buffer.from(body)];
        });
        return send(res, 200, SSZ, Buffer.concat(parts));
}

export function send(res, status, type, body) {
        res.writeHead(status, { "content-type": type });
        res.end(body);
}

export const json = (res, value, status = 200) => send(res, status, "application/json", JSON.stringify(value));
