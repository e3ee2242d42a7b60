// The local network's beacon node: makes slots when it is told to, or in real time, and serves light clients.
//   node network.mjs --jwt=FILE --engine=URL --rpc=URL --port=N --genesisTime=S [--slotSeconds=2] [--fork=fulu] [--electra=EPOCH] [--fulu=EPOCH]
// POST /slots/N makes N slots at once, as far as the clock has got; POST /live goes on in real time.
import http from "node:http";
import { Chain, readSecret } from "./beacon.mjs";
import { client, hex } from "./engine.mjs";
import { json, serve } from "./light.mjs";

const CHAIN_ID = 3151908;
const args = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, "").split("=")));
const later = Object.fromEntries(["electra", "fulu"].filter((f) => args[f]).map((f) => [f, Number(args[f])]));
const chain = await Chain.begin(
        { fork: args.fork ?? "fulu", later, genesisTime: Number(args.genesisTime), slotSeconds: Number(args.slotSeconds ?? 2), chainId: CHAIN_ID },
        client(args.engine, readSecret(args.jwt)), client(args.rpc));

let queue = Promise.resolve();

// One slot after another, whoever asks.
function slots(n) {
        queue = queue.then(async () => {
                for (let i = 0; i < n && chain.head.slot < chain.slotNow(); i++) await chain.step();
        });
        return queue;
}

const told = () => ({ slot: chain.head.slot, root: hex(chain.head.root), finalized: chain.finalized(), behind: chain.slotNow() - chain.head.slot });

function fail(e) {
        console.error(e);
        process.exit(1);
}

const forks = () => chain.config.forksAscendingEpochOrder.filter((f) => Number.isFinite(f.epoch));

const GET = {
        "/eth/v1/beacon/genesis": () => ({
                genesis_time: String(chain.o.genesisTime), genesis_validators_root: hex(chain.validatorsRoot),
                genesis_fork_version: hex(chain.config.GENESIS_FORK_VERSION),
        }),
        "/eth/v1/beacon/headers/finalized": () => {
                const f = chain.finalized();
                return { root: f.root, canonical: true, header: { message: { slot: String(f.slot) }, signature: "0x" } };
        },
        "/eth/v1/config/fork_schedule": () => forks().map((f) => ({
                previous_version: hex(f.prevVersion), current_version: hex(f.version), epoch: String(f.epoch),
        })),
};

http.createServer((req, res) => {
        const m = /^\/slots\/(\d+)$/.exec(req.url);
        try {
                if (req.method === "POST" && m) slots(Number(m[1])).then(() => json(res, told()), fail);
                else if (req.method === "POST" && req.url === "/live") {
                        setInterval(() => slots(64).catch(fail), 200);
                        json(res, told());
                } else if (req.url === "/told") json(res, told());
                else if (GET[req.url]) json(res, { finalized: true, data: GET[req.url]() });
                else if (!serve(chain, req, res)) json(res, { code: 404, message: "no such route" }, 404);
        } catch (e) {
                json(res, { code: 500, message: e.message }, 500);
        }
}).listen(Number(args.port), "127.0.0.1", () => console.log("ready"));
