// JSON-RPC to the execution client: its public methods, and the engine's with a token.
import crypto from "node:crypto";

const base64 = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");

function token(secret) {
        const text = base64({ alg: "HS256", typ: "JWT" }) + "." + base64({ iat: Math.floor(Date.now() / 1000) });
        return text + "." + crypto.createHmac("sha256", secret).update(text).digest("base64url");
}

// A function (method, params) => result; secret: bytes, or nothing.
export function client(url, secret) {
        let id = 0;
        return async (method, params) => {
                const headers = { "content-type": "application/json" };
                if (secret) headers.authorization = "Bearer " + token(secret);
                const r = await fetch(url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }) });
                const answer = await r.json();
                if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
                return answer.result;
        };
}

export const hex = (bytes) => "0x" + Buffer.from(bytes).toString("hex");
export const bytes = (text) => Uint8Array.from(Buffer.from(text.slice(2), "hex"));
export const quantity = (n) => "0x" + BigInt(n).toString(16);

// A payload of the engine's JSON as the beacon chain's container, and a block of eth_getBlockByNumber as its header.
export function payloadOf(p) {
        return {
                ...commonOf(p, p.feeRecipient, p.prevRandao),
                blockNumber: Number(p.blockNumber),
                blockHash: bytes(p.blockHash),
                transactions: p.transactions.map(bytes),
                withdrawals: p.withdrawals.map((w) => ({
                        index: Number(w.index), validatorIndex: Number(w.validatorIndex),
                        address: bytes(w.address), amount: BigInt(w.amount),
                })),
                blobGasUsed: BigInt(p.blobGasUsed),
                excessBlobGas: BigInt(p.excessBlobGas),
        };
}

export function genesisHeaderOf(b, emptyTransactions, emptyWithdrawals) {
        return {
                ...commonOf(b, b.miner, b.mixHash),
                blockNumber: Number(b.number),
                blockHash: bytes(b.hash),
                transactionsRoot: emptyTransactions,
                withdrawalsRoot: emptyWithdrawals,
                blobGasUsed: 0n,
                excessBlobGas: 0n,
        };
}

function commonOf(b, recipient, randao) {
        return {
                parentHash: bytes(b.parentHash), feeRecipient: bytes(recipient), stateRoot: bytes(b.stateRoot),
                receiptsRoot: bytes(b.receiptsRoot), logsBloom: bytes(b.logsBloom), prevRandao: bytes(randao),
                gasLimit: Number(b.gasLimit), gasUsed: Number(b.gasUsed), timestamp: Number(b.timestamp),
                extraData: bytes(b.extraData), baseFeePerGas: BigInt(b.baseFeePerGas),
        };
}
