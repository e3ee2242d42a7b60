// A wallet: signs what kedgectl printed and sends it. Reads { to, data } (no "to": a new contract) from standard input.
//   node send.mjs --rpc=URL --chainId=N --key=64HEX     prints the transaction's hash
import { createCustomCommon, Hardfork, Mainnet } from "@ethereumjs/common";
import { createLegacyTx } from "@ethereumjs/tx";
import { bytesToHex, createAddressFromPrivateKey, hexToBytes } from "@ethereumjs/util";
import { client } from "./engine.mjs";

const args = Object.fromEntries(process.argv.slice(2).map((a) => a.replace(/^--/, "").split("=")));
const rpc = client(args.rpc), key = hexToBytes("0x" + args.key);
const chunks = [];
for await (const c of process.stdin) chunks.push(c);
const { to, data } = JSON.parse(Buffer.concat(chunks).toString());

const common = createCustomCommon({ chainId: Number(args.chainId) }, Mainnet, { hardfork: Hardfork.London });
const nonce = await rpc("eth_getTransactionCount", [createAddressFromPrivateKey(key).toString(), "latest"]);
const tx = createLegacyTx({ nonce, gasPrice: 10n ** 10n, gasLimit: 4_000_000n, to, data }, { common }).sign(key);
console.log(await rpc("eth_sendRawTransaction", [bytesToHex(tx.serialize())]));
