/**
 * `npm run bench [NAME...]`: the benchmarks, one after another, as tables with
 * ratios; all of them but the load test where none is named.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = dirname(fileURLToPath(import.meta.url));

const BENCHES: Readonly<Record<string, string>> = {
  sentinel: "CPU a request, by size, by number of rules, at worst; start-up",
  detectors: "the detectors on hostile text: cost of eight times the length",
  cache: "hits a second against a bare Map and the Cache API; crowds; first bytes; memory",
  purge: "10,000 objects under one tag; lists of tags and purges at their largest",
  "queue-gate": "what the gate adds to a request while nobody waits",
  "queue-simulation": "a flash sale by the real decisions, a twentieth of its size",
  "queue-load": "50,000 visitors against the edge on this machine (2 minutes; only when named)",
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  const rows = Object.entries(BENCHES).map(([name, what]) => `  ${name.padEnd(18)}${what}`);
  process.stderr.write(`there is no benchmark ${unknown.join(", ")}; there are:\n${rows.join("\n")}\n`);
  process.exit(2);
}
const chosen = named.length > 0 ? named : Object.keys(BENCHES).filter((name) => name !== "queue-load");
for (const name of chosen) {
  process.stdout.write(`\n== ${name}: ${BENCHES[name]}\n`);
  const { status } = spawnSync(process.execPath, [join(FOLDER, `${name}.ts`)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
