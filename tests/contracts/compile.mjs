// Compiles packaging/contracts/Fleet.sol as packaging/contracts/Fleet.json has it. With --write, writes that file.
// KEDGE_SOURCE names the project's folder.
import fs from "node:fs";
import path from "node:path";
import url from "node:url";
import solc from "solc";

const folder = path.join(process.env.KEDGE_SOURCE, "packaging/contracts");

// Constantinople: Diode's chain has no later rules; up to Paris the compiler makes the same code of it, from Shanghai on it
// would use what Diode lacks. Without the hash of the metadata, which would change with each word of a comment.
export const settings = {
        evmVersion: "constantinople",
        optimizer: { enabled: true, runs: 200 },
        metadata: { bytecodeHash: "none", appendCBOR: false },
};

export function compile(evmVersion = settings.evmVersion) {
        const input = {
                language: "Solidity",
                sources: { "Fleet.sol": { content: fs.readFileSync(path.join(folder, "Fleet.sol"), "utf8") } },
                settings: {
                        ...settings,
                        evmVersion,
                        outputSelection: {
                                "*": {
                                        "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object",
                                              "evm.methodIdentifiers", "storageLayout"],
                                },
                        },
                },
        };
        const output = JSON.parse(solc.compile(JSON.stringify(input)));
        const said = (output.errors ?? []).filter((e) => !/EVM versions older than london/.test(e.message));
        if (said.length > 0 || !output.contracts)
                throw new Error(said.map((e) => e.formattedMessage).join("\n"));

        const c = output.contracts["Fleet.sol"].Fleet;
        return {
                contract: "Fleet",
                compiler: solc.version(),
                settings,
                storage: c.storageLayout.storage.map((s) => ({ slot: Number(s.slot), name: s.label, type: s.type })),
                selectors: c.evm.methodIdentifiers,
                abi: c.abi,
                bytecode: "0x" + c.evm.bytecode.object,
                deployedBytecode: "0x" + c.evm.deployedBytecode.object,
        };
}

export const artefact = () => JSON.parse(fs.readFileSync(path.join(folder, "Fleet.json"), "utf8"));

// One line for each entry, so that a diff shows what changed.
function text(artefact) {
        const lines = Object.entries(artefact).map(([name, value]) => {
                let shown = JSON.stringify(value);
                if (Array.isArray(value))
                        shown = "[\n" + value.map((v) => "    " + JSON.stringify(v)).join(",\n") + "\n  ]";
                else if (name === "selectors")
                        shown = JSON.stringify(value, null, 4).replace("\n}", "\n  }");
                return `  "${name}": ${shown}`;
        });
        return "{\n" + lines.join(",\n") + "\n}\n";
}

if (process.argv[1] === url.fileURLToPath(import.meta.url) && process.argv[2] === "--write")
        fs.writeFileSync(path.join(folder, "Fleet.json"), text(compile()));
