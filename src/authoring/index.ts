/**
 * What authors of policy files (rules/, blueprint.json) meet: every fault at
 * once, each with file, line, column and remedy. Build time and CLI only; never
 * in the Worker's bundle. Fails closed: a file with a fault yields no value.
 */
export { type Fault, type Located, FaultList, formatFault } from "./faults.ts";
export { type PolicyFile, readPolicy, readSound, parsePolicy, shownPath } from "./policy-file.ts";
export { respelled } from "./spelling.ts";
export { decodeUtf8 } from "./utf8.ts";
export { blueprintSchema, readBlueprint } from "./blueprint.ts";
