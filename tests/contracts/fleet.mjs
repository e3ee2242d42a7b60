// The fleet contract on a real EVM, under the rules of the oldest and the newest chain that it is for. KEDGE_SOURCE names the
// project's folder, KEDGECTL the program whose transactions are tried here too.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, describe, test } from "node:test";
import fs from "node:fs";
import path from "node:path";
import { createBlock } from "@ethereumjs/block";
import { Common, Mainnet } from "@ethereumjs/common";
import { createLegacyTx } from "@ethereumjs/tx";
import { bytesToHex as hex, createAccount, createAddressFromPrivateKey, createAddressFromString, hexToBytes as bytes }
        from "@ethereumjs/util";
import { createVM, runTx } from "@ethereumjs/vm";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";
import { createContract } from "micro-eth-signer/abi";
import { artefact, compile } from "./compile.mjs";

const built = artefact();
const abi = createContract(built.abi);
const utf8 = (text) => new TextEncoder().encode(text);
const ZERO = "0x" + "00".repeat(32);
const word = (n) => "0x" + BigInt(n).toString(16).padStart(64, "0");
const pad = (text) => hex(utf8(text)).padEnd(66, "0");

const [OWNER, ALICE, BOB, EVE] = [1, 2, 3, 4].map((i) => {
        const key = new Uint8Array(32).fill(i);
        return { key, address: createAddressFromPrivateKey(key), text: createAddressFromPrivateKey(key).toString() };
});

// A text's key as design and kedgectl have it; written down apart from the contract's own.
const keyOf = (text) => (text.length <= 32 ? pad(text) : hex(keccak(utf8(text))));
// The storage slot of records[key]: what kedge proves.
const slotOf = (key) => keccak(bytes(key + word(0).slice(2)));

class Chain {
        static async start(hardfork) {
                const c = new Chain();
                c.common = new Common({ chain: Mainnet, hardfork });
                c.vm = await createVM({ common: c.common });
                for (const who of [OWNER, ALICE, BOB, EVE])
                        await c.vm.stateManager.putAccount(who.address, createAccount({ balance: 10n ** 24n }));
                const r = await c.run(OWNER, undefined, built.bytecode);
                c.at = r.createdAddress;
                return c;
        }

        // A whole transaction, from its signature to its receipt.
        async run(who, to, data) {
                const account = await this.vm.stateManager.getAccount(who.address);
                const tx = createLegacyTx({ nonce: account.nonce, gasLimit: 10_000_000, gasPrice: 10n ** 9n, to, data },
                                          { common: this.common }).sign(who.key);
                const block = createBlock({ header: { gasLimit: 30_000_000, baseFeePerGas: this.common.isActivatedEIP(1559) ? 7n : undefined } },
                                          { common: this.common });
                const r = await runTx(this.vm, { tx, block, skipHardForkValidation: true });
                const error = r.execResult.exceptionError;
                this.gas = Number(r.totalGasSpent);
                this.logs = r.receipt.logs;
                this.refusal = error ? nameOfError(r.execResult.returnValue) ?? error.error : undefined;
                return r;
        }

        async call(who, name, args) {
                return this.run(who, this.at, encode(name, args));
        }

        async ok(who, name, args) {
                await this.call(who, name, args);
                assert.equal(this.refusal, undefined, `${name} is refused`);
        }

        async refused(who, name, args, why) {
                await this.call(who, name, args);
                assert.equal(this.refusal, why, name);
                assert.equal(this.logs.length, 0);
        }

        async view(name, args) {
                const r = await this.vm.evm.runCall({ to: this.at, caller: EVE.address, data: bytes(encode(name, args)), gasLimit: 10_000_000n });
                assert.equal(r.execResult.exceptionError, undefined, name);
                return abi[name].decodeOutput(r.execResult.returnValue);
        }

        // What a proof of the record's slot would show.
        async stored(text) {
                const value = await this.vm.stateManager.getStorage(this.at, slotOf(keyOf(text)));
                return "0x" + hex(value).slice(2).padStart(64, "0");
        }

        async storedAre(table) {
                for (const [text, value] of Object.entries(table)) assert.equal(await this.stored(text), value, text);
        }

        // The list as a client would read it.
        async members() {
                const n = Number(await this.stored("_members"));
                const out = [];
                for (let i = 0; i < n; i++) out.push(Buffer.from((await this.stored(`_member.${i}`)).slice(2), "hex").toString().replace(/\0+$/, ""));
                assert.equal(await this.stored(`_member.${n}`), ZERO);
                return out;
        }

        eventsOf() {
                const names = Object.fromEntries(built.abi.filter((e) => e.type === "event").map((e) => [signature(e), e.name]));
                return this.logs.map(([, topics]) => names[hex(topics[0])]);
        }
}

const signature = (e) => hex(keccak(utf8(`${e.name}(${e.inputs.map((i) => i.type).join(",")})`)));

function nameOfError(data) {
        const selector = hex(data.slice(0, 4));
        return built.abi.find((e) => e.type === "error" && signature(e).slice(0, 10) === selector)?.name;
}

function encode(name, args) {
        const inputs = built.abi.find((e) => e.type === "function" && e.name === name).inputs;
        const f = abi[name];
        // This library takes one argument bare, several as an object by name, none as nothing.
        const value = (x) => (typeof x === "string" && /^0x([0-9a-f]{64})$/.test(x) ? bytes(x)
                : Array.isArray(x) ? x.map(value) : x);
        if (inputs.length === 0) return hex(f.encodeInput());
        if (inputs.length === 1) return hex(f.encodeInput(value(args[0])));
        return hex(f.encodeInput(Object.fromEntries(inputs.map((input, i) => [input.name, value(args[i])]))));
}

test("Fleet.json is what the compiler makes of Fleet.sol", () => assert.deepEqual(compile(), built));

test("records are at slot 0, everything else behind it", () => {
        assert.deepEqual(built.storage.map((s) => [s.slot, s.name]).slice(0, 2), [[0, "records"], [1, "owner"]]);
        assert.equal(built.storage.filter((s) => s.slot === 0).length, 1);
});

test("it is within the limit of a contract's size", () => assert.ok(built.deployedBytecode.length / 2 - 1 <= 24576));

const rules = ["constantinople", "prague"];
const one = word(0x1111), two = word(0x2222), three = word(0x3333);
const long = "line-two.a-rather-long-host.signature";

for (const hardfork of rules) describe(hardfork, () => {
        test("the owner sets, changes and clears a record, and each leaves an event", async () => {
                const c = await Chain.start(hardfork);
                assert.deepEqual([(await c.view("owner")).toLowerCase()], [OWNER.text]);
                await c.ok(OWNER, "set", [keyOf("server_ip"), pad("10.1.2.3")]);
                assert.deepEqual(c.eventsOf(), ["RecordChanged"]);
                await c.ok(OWNER, "set", [keyOf(long), one]);
                await c.storedAre({ server_ip: pad("10.1.2.3"), [long]: one });
                assert.equal(hex(await c.view("records", [keyOf(long)])), one);
                await c.ok(OWNER, "clear", [keyOf(long)]);
                await c.storedAre({ server_ip: pad("10.1.2.3"), [long]: ZERO });
        });

        test("many records are set together or not at all", async () => {
                const c = await Chain.start(hardfork);
                const keys = ["port", "pump1.signature"].map(keyOf);
                await c.ok(OWNER, "setMany", [keys, [one, two]]);
                assert.deepEqual(c.eventsOf(), ["RecordChanged", "RecordChanged"]);
                await c.storedAre({ port: one, "pump1.signature": two });
                await c.refused(OWNER, "setMany", [[keys[0], keyOf("_members")], [three, three]], "ReservedKey");
                await c.refused(OWNER, "setMany", [keys, [three]], "LengthsDiffer");
                await c.storedAre({ port: one });
                await c.ok(OWNER, "clearMany", [keys]);
                await c.storedAre({ port: ZERO, "pump1.signature": ZERO });
        });

        test("a batch has its limit, and one of that length fits in a block", async () => {
                const c = await Chain.start(hardfork);
                const keys = [...Array(257).keys()].map((i) => keyOf(`h${i}.port`));
                await c.refused(OWNER, "setMany", [keys, keys], "BatchTooLong");
                await c.refused(OWNER, "clearMany", [keys], "BatchTooLong");
                const fields = keys.map((_, i) => `f${i}`);
                await c.refused(OWNER, "setHost", ["", fields, keys], "BatchTooLong");
                await c.ok(OWNER, "setMany", [keys.slice(1), keys.slice(1)]);
        });

        test("keys are made of texts as kedge makes them", async () => {
                const c = await Chain.start(hardfork);
                for (const text of ["port", "x".repeat(32), "x".repeat(33), long, "~".repeat(1024)])
                        assert.equal(hex(await c.view("keyOf", [text])), keyOf(text), text.slice(0, 40));
                for (const text of ["", "a b", "ä", "a\0", "x".repeat(1025)])
                        await c.refused(OWNER, "keyOf", [text], "BadText");
        });

        test("strangers may do nothing", async () => {
                const c = await Chain.start(hardfork);
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                const key = keyOf("port");
                for (const [name, args, why] of [
                        ["set", [key, one], "NotAllowed"], ["setMany", [[key], [one]], "NotAllowed"],
                        ["clear", [key], "NotAllowed"], ["clearMany", [[key]], "NotAllowed"],
                        ["setHost", ["pump1", ["port"], [one]], "NotAllowed"], ["setHost", ["", ["port"], [one]], "NotAllowed"],
                        ["publishNext", ["pump1", "role", one], "NotAllowed"], ["promote", ["pump1", "role"], "NotAllowed"],
                        ["revokeHost", ["pump1"], "NotAllowed"], ["addHost", ["pump2", [], []], "NotAllowed"],
                        ["removeHost", ["pump1"], "NotAllowed"], ["setOperator", [EVE.text, 1n], "NotOwner"],
                        ["setHostOperator", ["pump1", EVE.text, true], "NotOwner"], ["offerOwnership", [EVE.text], "NotOwner"],
                        ["acceptOwnership", [], "NotOwner"], ["setUser", ["eve", ["role"], [one]], "NotAllowed"],
                        ["promoteUser", ["eve", "role"], "NotAllowed"], ["revokeUser", ["eve"], "NotAllowed"],
                        ["setHostRole", ["pump1", one], "NotAllowed"],
                ])
                        await c.refused(EVE, name, args, why);
        });

        test("an operator may do what its role says and no more", async () => {
                const c = await Chain.start(hardfork);
                const key = keyOf("port");
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                await c.ok(OWNER, "setOperator", [ALICE.text, 1n]);
                assert.deepEqual(c.eventsOf(), ["OperatorChanged"]);
                await c.ok(ALICE, "set", [key, one]);
                await c.ok(ALICE, "setHost", ["pump1", ["port"], [one]]);
                await c.refused(ALICE, "addHost", ["pump2", [], []], "NotAllowed");
                await c.refused(ALICE, "setOperator", [ALICE.text, 7n], "NotOwner");

                await c.ok(OWNER, "setOperator", [ALICE.text, 2n]);
                await c.ok(ALICE, "addHost", ["pump2", [], []]);
                await c.refused(ALICE, "addHost", ["pump3", ["port"], [one]], "NotAllowed");
                await c.refused(ALICE, "set", [key, two], "NotAllowed");
                await c.refused(ALICE, "clear", [key], "NotAllowed");
                await c.ok(ALICE, "removeHost", ["pump2"]);

                await c.ok(OWNER, "setOperator", [ALICE.text, 4n]);
                await c.ok(ALICE, "clear", [key]);
                await c.ok(ALICE, "clearMany", [[key]]);
                await c.ok(ALICE, "revokeHost", ["pump1"]);
                await c.refused(ALICE, "set", [key, two], "NotAllowed");
                await c.refused(ALICE, "removeHost", ["pump1"], "NotAllowed");
                await c.refused(OWNER, "setOperator", [ALICE.text, 16n], "NoSuchRole");

                await c.ok(OWNER, "setOperator", [ALICE.text, 0n]);
                await c.refused(ALICE, "clear", [key], "NotAllowed");
        });

        test("an operator for users sets theirs, and no other record", async () => {
                const c = await Chain.start(hardfork);
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                await c.ok(OWNER, "setOperator", [ALICE.text, 8n]);
                await c.ok(ALICE, "setUser", ["bob", ["device", "role"], [one, two]]);
                assert.deepEqual(c.eventsOf(), ["RecordChanged", "RecordChanged"]);
                await c.storedAre({ "_user.bob.device": one, "_user.bob.role": two });
                await c.ok(ALICE, "setUser", ["bob", ["device_next"], [three]]);
                await c.ok(ALICE, "promoteUser", ["bob", "device"]);
                await c.storedAre({ "_user.bob.device": three, "_user.bob.device_next": ZERO });
                await c.ok(ALICE, "revokeUser", ["bob"]);
                for (const [name, args] of [
                        ["set", [keyOf("_user.bob.role"), one]], ["clear", [keyOf("_user.bob.role")]], ["setHost", ["pump1", ["role"], [one]]],
                        ["setHost", ["", ["role"], [one]]], ["setHostRole", ["pump1", one]], ["addHost", ["pump2", [], []]],
                        ["revokeHost", ["pump1"]], ["publishNext", ["pump1", "role", one]],
                ])
                        await c.refused(ALICE, name, args, "NotAllowed");
                for (const role of [1n, 4n]) {
                        await c.ok(OWNER, "setUser", ["bob", ["role"], [two]]);
                        await c.ok(OWNER, "setOperator", [ALICE.text, role]);
                        await c.ok(ALICE, "revokeUser", ["bob"]);
                        await c.storedAre({ "_user.bob.role": ZERO });
                }
                await c.refused(ALICE, "setUser", ["bob", ["role"], [one]], "NotAllowed");
                await c.refused(ALICE, "promoteUser", ["bob", "role"], "NotAllowed");
                await c.refused(ALICE, "setHostRole", ["pump1", one], "NotAllowed");
                await c.ok(OWNER, "setOperator", [ALICE.text, 2n]);
                for (const [name, args] of [["setUser", ["bob", ["role"], [one]]], ["promoteUser", ["bob", "role"]],
                                            ["revokeUser", ["bob"]], ["setHostRole", ["pump1", one]]])
                        await c.refused(ALICE, name, args, "NotAllowed");
                await c.ok(OWNER, "setOperator", [ALICE.text, 1n]);
                await c.ok(ALICE, "setUser", ["bob", ["role"], [one]]);
                await c.ok(ALICE, "setHostRole", ["pump1", one]);
        });

        test("revoking a user takes all that there is of him, and nobody else's", async () => {
                const c = await Chain.start(hardfork);
                const fields = ["device", "ssh", "role"].flatMap((f) => [f, f + "_next"]), values = fields.map(() => one);
                const other = "b".repeat(32);
                for (const user of ["a", "_", "a-b", other]) await c.ok(OWNER, "setUser", [user, fields, values]);
                await c.ok(OWNER, "revokeUser", ["a"]);
                assert.deepEqual(c.eventsOf(), fields.map(() => "RecordChanged"));
                for (const f of fields) await c.storedAre({ [`_user.a.${f}`]: ZERO, [`_user.a-b.${f}`]: one, [`_user._.${f}`]: one, [`_user.${other}.${f}`]: one });
                await c.ok(OWNER, "revokeUser", [other]);
                for (const f of fields) await c.storedAre({ [`_user.${other}.${f}`]: ZERO });
                await c.ok(OWNER, "revokeUser", ["a"]);
                assert.equal(c.logs.length, 0);
                await c.ok(OWNER, "setUser", ["a-b", ["role"], [ZERO]]);
                await c.storedAre({ "_user.a-b.role": ZERO, "_user.a-b.device": one });
        });

        test("a user's name and fields are such that kedge reads", async () => {
                const c = await Chain.start(hardfork);
                for (const user of ["", "A", "1a", "-a", "a.b", "a b", "\u00e4", "a/", "a:", "a`", "a{", "a\0", "a".repeat(33)]) {
                        await c.refused(OWNER, "setUser", [user, ["role"], [one]], "BadUser");
                        await c.refused(OWNER, "promoteUser", [user, "role"], "BadUser");
                        await c.refused(OWNER, "revokeUser", [user], "BadUser");
                }
                for (const field of ["", "port", "signature", "Role", "role_next_next", "b.role", "roles"])
                        await c.refused(OWNER, "setUser", ["alice", [field], [one]], "BadField");
                for (const field of ["", "port", "role_next"]) await c.refused(OWNER, "promoteUser", ["alice", field], "BadField");
                await c.refused(OWNER, "promoteUser", ["alice", "role"], "NothingToPromote");
                await c.refused(OWNER, "setUser", ["alice", ["role"], []], "LengthsDiffer");
                const many = Array(257);
                await c.refused(OWNER, "setUser", ["alice", many.fill("role"), many.slice().fill(one)], "BatchTooLong");
        });

        test("a host's role is not for its own operator, and goes with the host", async () => {
                const c = await Chain.start(hardfork);
                const other = "line2.a-rather-long-host-name";
                for (const host of ["pump1", other]) await c.ok(OWNER, "addHost", [host, [], []]);
                await c.ok(OWNER, "setHostOperator", ["pump1", BOB.text, true]);
                for (const host of ["pump1", other, ""]) await c.ok(OWNER, "setHostRole", [host, one]);
                await c.ok(OWNER, "set", [keyOf("_host.pump1.role_next"), two]);
                await c.storedAre({ "_host.pump1.role": one, [`_host.${other}.role`]: one, "_host.role": one });
                await c.refused(BOB, "setHostRole", ["pump1", two], "NotAllowed");
                await c.refused(OWNER, "setHostRole", ["pump2", one], "NotMember");
                await c.refused(OWNER, "setHostRole", ["Pump1", one], "BadHost");
                await c.ok(OWNER, "revokeHost", ["pump1"]);
                await c.storedAre({ "_host.pump1.role": one });
                await c.ok(OWNER, "removeHost", ["pump1"]);
                await c.storedAre({ "_host.pump1.role": ZERO, "_host.pump1.role_next": ZERO, [`_host.${other}.role`]: one });
                await c.ok(OWNER, "setHostRole", ["", ZERO]);
                await c.storedAre({ "_host.role": ZERO });
        });

        test("rights over one host reach no other, and end with its membership", async () => {
                const c = await Chain.start(hardfork);
                for (const host of ["pump1", "pump1.b", "pump2"]) await c.ok(OWNER, "addHost", [host, [], []]);
                await c.ok(OWNER, "setHostOperator", ["pump1", BOB.text, true]);
                assert.deepEqual(c.eventsOf(), ["HostOperatorChanged"]);
                assert.equal(await c.view("isHostOperator", ["pump1", BOB.text]), true);
                await c.ok(BOB, "setHost", ["pump1", ["port", "signature"], [one, two]]);
                await c.storedAre({ "pump1.port": one, "pump1.signature": two });
                await c.refused(BOB, "setHost", ["pump2", ["port"], [one]], "NotAllowed");
                await c.refused(BOB, "setHost", ["pump1", ["b.port"], [one]], "BadText");
                await c.refused(BOB, "setHost", ["pump1.b", ["port"], [one]], "NotAllowed");
                await c.refused(BOB, "setHost", ["", ["port"], [one]], "NotAllowed");
                await c.refused(BOB, "set", [keyOf("pump1.port"), one], "NotAllowed");
                await c.refused(BOB, "revokeHost", ["pump1"], "NotAllowed");
                await c.ok(OWNER, "removeHost", ["pump1"]);
                await c.refused(OWNER, "setHostOperator", ["pump1", BOB.text, true], "NotMember");
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                await c.refused(BOB, "setHost", ["pump1", ["port"], [one]], "NotAllowed");
                assert.equal(await c.view("isHostOperator", ["pump1", BOB.text]), false);
                await c.ok(OWNER, "setHostOperator", ["pump2", BOB.text, true]);
                await c.ok(OWNER, "setHostOperator", ["pump2", BOB.text, false]);
                await c.refused(BOB, "setHost", ["pump2", ["port"], [one]], "NotAllowed");
        });

        test("the list of members is always whole", async () => {
                const c = await Chain.start(hardfork);
                const want = [];
                assert.deepEqual(await c.members(), want);
                for (let i = 0; i < 12; i++) {
                        await c.ok(OWNER, "addHost", [`pump${i}`, ["port"], [word(i + 1)]]);
                        want.push(`pump${i}`);
                }
                assert.deepEqual(c.eventsOf(), ["RecordChanged", "RecordChanged", "MemberAdded", "RecordChanged"]);
                assert.deepEqual(await c.members(), want);
                for (const host of ["pump3", "pump11", "pump0"]) {
                        const last = want.pop();
                        if (want.includes(host)) want[want.indexOf(host)] = last;
                        await c.ok(OWNER, "removeHost", [host]);
                        assert.deepEqual(await c.members(), want);
                        assert.equal(Number(await c.view("memberPlace", [pad(host)])), 0);
                        assert.equal(await c.stored(`${host}.port`), ZERO);
                }
                for (const [i, host] of want.entries()) assert.equal(Number(await c.view("memberPlace", [pad(host)])), i + 1);
                for (const host of [...want]) await c.ok(OWNER, "removeHost", [host]);
                assert.deepEqual(await c.members(), []);
                await c.refused(OWNER, "addHost", ["pump1", ["port"], []], "LengthsDiffer");
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                await c.refused(OWNER, "addHost", ["pump1", [], []], "AlreadyMember");
                await c.refused(OWNER, "removeHost", ["pump2"], "NotMember");
                await c.refused(OWNER, "setHost", ["pump2", ["port"], [one]], "NotMember");
                for (const text of ["_members", "_member.0", "_member.77", "_memberx"]) {
                        await c.refused(OWNER, "set", [keyOf(text), one], "ReservedKey");
                        await c.refused(OWNER, "clear", [keyOf(text)], "ReservedKey");
                }
                await c.refused(OWNER, "setHost", ["", ["_members"], [one]], "ReservedKey");
        });

        test("more members than kedge reads are not taken", async () => {
                const c = await Chain.start(hardfork);
                const count = (n) => c.vm.stateManager.putStorage(c.at, slotOf(keyOf("_members")), bytes("0x" + n.toString(16).padStart(4, "0")));
                await count(16383);
                await c.ok(OWNER, "addHost", ["pump1", [], []]);
                assert.equal(await c.stored("_member.16383"), pad("pump1"));
                await c.refused(OWNER, "addHost", ["pump2", [], []], "TooManyMembers");
        });

        test("a host's name is one that kedge would ask for", async () => {
                const c = await Chain.start(hardfork);
                for (const host of ["a", "0", "a-b", "a--b", "line2.pump-1", "x".repeat(32)]) await c.ok(OWNER, "addHost", [host, [], []]);
                for (const host of ["", "A", "-a", "a-", "a.", ".a", "a..b", "a.-b", "a-.b", "_a", "a_b", "a b", "ä", "a/b", "a:b", "a`", "a{", "x".repeat(33)])
                        await c.refused(OWNER, "addHost", [host, [], []], "BadHost");
        });

        test("a key is rotated: published, then promoted", async () => {
                const c = await Chain.start(hardfork);
                await c.ok(OWNER, "addHost", ["pump1", ["signature"], [one]]);
                await c.refused(OWNER, "promote", ["pump1", "signature"], "NothingToPromote");
                await c.ok(OWNER, "publishNext", ["pump1", "signature", two]);
                await c.storedAre({ "pump1.signature": one, "pump1.signature_next": two });
                await c.ok(OWNER, "promote", ["pump1", "signature"]);
                assert.deepEqual(c.eventsOf(), ["RecordChanged", "RecordChanged"]);
                await c.storedAre({ "pump1.signature": two, "pump1.signature_next": ZERO });
                await c.ok(OWNER, "publishNext", ["", "device", one]);
                await c.ok(OWNER, "publishNext", ["", "device", ZERO]);
                await c.storedAre({ device_next: ZERO });
                await c.refused(OWNER, "publishNext", ["pump2", "signature", two], "NotMember");
                await c.refused(OWNER, "publishNext", ["pump1", "", two], "BadText");
        });

        test("revoking takes every key of a host, removing takes all of it", async () => {
                const c = await Chain.start(hardfork);
                const keys = ["signature", "device", "wg_key", "ssh_host", "role"].flatMap((f) => [f, f + "_next"]);
                const places = ["server_ip", "server_ip6", "port", "wg_endpoint", "wg_port", "wg_ip"];
                for (const host of ["pump1", "pump2"])
                        await c.ok(OWNER, "addHost", [host, [...keys, ...places], [...keys, ...places].map(() => one)]);
                await c.ok(OWNER, "revokeHost", ["pump1"]);
                assert.equal(c.eventsOf().length, keys.length);
                for (const f of keys) await c.storedAre({ [`pump1.${f}`]: ZERO, [`pump2.${f}`]: one });
                for (const f of places) await c.storedAre({ [`pump1.${f}`]: one });
                await c.ok(OWNER, "revokeHost", ["pump1"]);
                assert.equal(c.logs.length, 0);
                await c.refused(OWNER, "revokeHost", ["Pump1"], "BadHost");
                await c.ok(OWNER, "removeHost", ["pump2"]);
                for (const f of [...keys, ...places]) await c.storedAre({ [`pump2.${f}`]: ZERO });
                await c.ok(OWNER, "set", [keyOf("signature"), one]);
                await c.ok(OWNER, "revokeHost", [""]);
                await c.storedAre({ signature: ZERO });
        });

        test("ownership moves in two steps", async () => {
                const c = await Chain.start(hardfork);
                await c.ok(OWNER, "offerOwnership", [ALICE.text]);
                assert.deepEqual(c.eventsOf(), ["OwnershipOffered"]);
                assert.equal((await c.view("owner")).toLowerCase(), OWNER.text);
                await c.refused(BOB, "acceptOwnership", [], "NotOwner");
                await c.ok(ALICE, "acceptOwnership", []);
                assert.deepEqual(c.eventsOf(), ["OwnershipTransferred"]);
                assert.equal((await c.view("owner")).toLowerCase(), ALICE.text);
                await c.refused(OWNER, "set", [keyOf("port"), one], "NotAllowed");
                await c.ok(ALICE, "set", [keyOf("port"), one]);
                await c.refused(ALICE, "acceptOwnership", [], "NotOwner");
                await c.ok(ALICE, "offerOwnership", [BOB.text]);
                await c.ok(ALICE, "offerOwnership", ["0x" + "00".repeat(20)]);
                await c.refused(BOB, "acceptOwnership", [], "NotOwner");
        });
});

// kedgectl's transactions, on the contract: what it printed is what is stored, at the slot that it printed.
describe("kedgectl", { skip: process.env.KEDGECTL ? false : "KEDGECTL names no program" }, () => {
        const make = (c, ...argv) => JSON.parse(execFileSync(process.env.KEDGECTL,
                ["--json", "--zone", "plant.fleet", "--contract", c.at.toString(), "--chain-id", "1", "record", ...argv]));
        const sent = async (c, ...argv) => {
                const made = make(c, ...argv);
                assert.deepEqual([made.to, made.value, made.chain_id], [c.at.toString(), "0x0", 1]);
                await c.run(OWNER, createAddressFromString(made.to), made.data);
                assert.equal(c.refusal, undefined, argv.join(" "));
                for (const r of made.records) {
                        assert.equal(r.slot, hex(slotOf(r.key)));
                        assert.equal(r.key, keyOf(r.key_text));
                        assert.equal(await c.stored(r.key_text), r.value, r.key_text);
                }
                return made;
        };

        test("each verb does what it says", async () => {
                const c = await Chain.start("prague");
                await sent(c, "set", "plant.fleet", "server_ip=10.1.2.3");
                await sent(c, "set", "plant.fleet", "port=8883", "role=0x5", `signature=${one}`, "server_ip6=2001:db8::7");
                assert.equal(await c.stored("port"), word(8883));
                await sent(c, "clear", "plant.fleet", "role");
                await sent(c, "clear", "plant.fleet", "port", "signature");
                await c.storedAre({ port: ZERO, role: ZERO, signature: ZERO, server_ip: pad("10.1.2.3") });
                await sent(c, "add", "line2.pump1.plant.fleet", "server_ip=10.1.2.4", `signature=${one}`, `wg_key=${two}`);
                await sent(c, "add", "pump2.plant.fleet");
                assert.deepEqual(await c.members(), ["line2.pump1", "pump2"]);
                await sent(c, "set", "line2.pump1.plant.fleet", `signature_next=${three}`);
                await sent(c, "promote", "line2.pump1.plant.fleet", "signature");
                await c.storedAre({ "line2.pump1.signature": three, "line2.pump1.signature_next": ZERO });
                await sent(c, "revoke", "line2.pump1.plant.fleet");
                await c.storedAre({ "line2.pump1.signature": ZERO, "line2.pump1.wg_key": ZERO, "line2.pump1.server_ip": pad("10.1.2.4") });
                await sent(c, "remove", "line2.pump1.plant.fleet");
                assert.deepEqual(await c.members(), ["pump2"]);
                await sent(c, "revoke", "plant.fleet");
        });

        test("a user is set, rotated and revoked, and a host has its role", async () => {
                const c = await Chain.start("prague");
                const device = "0x" + "00".repeat(12) + "11".repeat(20);
                await sent(c, "user", "set", "alice", `device=0x${"11".repeat(20)}`, `ssh=${one}`, "role=bits:0,3");
                await c.storedAre({ "_user.alice.device": device, "_user.alice.ssh": one, "_user.alice.role": word(9) });
                await sent(c, "user", "set", "alice", `ssh_next=${two}`);
                await sent(c, "user", "promote", "alice", "ssh");
                await c.storedAre({ "_user.alice.ssh": two, "_user.alice.ssh_next": ZERO });
                await sent(c, "user", "clear", "alice", "device", "ssh");
                await c.storedAre({ "_user.alice.device": ZERO, "_user.alice.ssh": ZERO, "_user.alice.role": word(9) });
                const long = "a-user-whose-name-is-32-bytes-xx";
                await sent(c, "user", "set", long, "role=1");
                for (const user of ["alice", long]) await sent(c, "user", "revoke", user);
                await c.storedAre({ "_user.alice.role": ZERO, [`_user.${long}.role`]: ZERO });
                await sent(c, "add", "gw1.plant.fleet");
                await sent(c, "host-role", "gw1.plant.fleet", "bits:0,4");
                await c.storedAre({ "_host.gw1.role": word(17) });
                await sent(c, "host-role", "gw1.plant.fleet", "0");
                await sent(c, "host-role", "plant.fleet", "1");
                await c.storedAre({ "_host.gw1.role": ZERO, "_host.role": word(1) });
        });

        test("a call reads as the interface has it", async () => {
                const c = await Chain.start("prague");
                for (const argv of [["set", "a.plant.fleet", "port=1"], ["set", "a.plant.fleet", "port=1", "wg_port=2"],
                                    ["clear", "a.plant.fleet", "port"], ["clear", "a.plant.fleet", "port", "wg_port"],
                                    ["add", "a.plant.fleet", "port=1", "a-field-that-is-longer-than-a-word-is=" + one], ["remove", "a.plant.fleet"],
                                    ["revoke", "a.plant.fleet"], ["promote", "a.plant.fleet", "device"],
                                    ["user", "set", "alice", "role=1"], ["user", "revoke", "alice"], ["user", "promote", "alice", "ssh"],
                                    ["host-role", "a.plant.fleet", "1"]]) {
                        const made = make(c, ...argv);
                        assert.equal(made.data.slice(2, 10), built.selectors[made.call], made.call);
                }
        });
});

// What packaging/contracts/README.md says a transaction costs.
test("the price list is right", async () => {
        const c = await Chain.start("prague");
        const paid = { deploy: c.gas };
        const cost = async (what, name, args) => {
                await c.ok(OWNER, name, args);
                paid[what] = c.gas;
        };
        await cost("`set`, a new record", "set", [keyOf("port"), one]);
        await cost("`set`, another value", "set", [keyOf("port"), two]);
        await cost("`clear`", "clear", [keyOf("port")]);
        await cost("`setMany`, 4 new records", "setMany", [["server_ip", "port", "signature", "device"].map(keyOf), [one, one, one, one]]);
        await cost("`addHost` without records", "addHost", ["pump0", [], []]);
        await cost("`addHost` with 2 records", "addHost", ["pump1", ["server_ip", "signature"], [one, one]]);
        await cost("`setHost`, 1 new record", "setHost", ["pump1", ["port"], [one]]);
        await cost("`publishNext`", "publishNext", ["pump1", "signature", two]);
        await cost("`promote`", "promote", ["pump1", "signature"]);
        await cost("`revokeHost`, 1 key", "revokeHost", ["pump1"]);
        await cost("`removeHost`, the last, 2 records", "removeHost", ["pump1"]);
        await cost("`setOperator`", "setOperator", [ALICE.text, 1n]);
        await cost("`setUser`, 3 new records", "setUser", ["alice", ["device", "ssh", "role"], [one, one, one]]);
        await cost("`setUser`, 1 changed record", "setUser", ["alice", ["role"], [two]]);
        await cost("`setHostRole`", "setHostRole", ["pump0", one]);
        await cost("`revokeUser`, 3 records", "revokeUser", ["alice"]);
        const page = fs.readFileSync(path.join(process.env.KEDGE_SOURCE, "packaging/contracts/README.md"), "utf8");
        const said = Object.fromEntries([...page.matchAll(/^\| (.*?) \| ([0-9 ]+) \|$/gm)].map((m) => [m[1], Number(m[2].replaceAll(" ", ""))]));
        assert.deepEqual(said, paid);
});
