import { parseArgs } from "node:util";
import { commitment, draw } from "../queue/compile/index.ts";
import { callApi } from "./client.ts";
import { reasonOf } from "./operate.ts";
import { UsageError } from "./usage.ts";

export const USAGE = `usage: edge room status [ROOM]
       edge room open|queue-all|hold|suspend|sold-out ROOM
       edge room rate ROOM RATE                     as 600/min or 10/s
       edge room message ROOM TEXT                  said on the waiting page; "" removes it
       edge room event ROOM NAME --start TIME --end TIME [--prequeue 30m] [--in-order]
       edge room event ROOM NAME --remove
       edge room verify --seed SEED --commitment HASH TICKET...
   each change: [--reason TEXT] [--version N]`;

const STATES: Readonly<Record<string, string>> = {
  open: "open",
  "queue-all": "queue-all",
  hold: "hold",
  suspend: "suspended",
  "sold-out": "sold-out",
};

const OPTIONS = {
  reason: { type: "string" },
  version: { type: "string" },
  start: { type: "string" },
  end: { type: "string" },
  prequeue: { type: "string" },
  "in-order": { type: "boolean" },
  remove: { type: "boolean" },
  seed: { type: "string" },
  commitment: { type: "string" },
} as const;

type Values = ReturnType<typeof parse>["values"];

function parse(args: string[]) {
  return parseArgs({ args: glued(args), allowPositionals: true, options: OPTIONS });
}

/** Seeds and hashes are base64url, and one in 64 begins with a hyphen: they are values all the same. */
function glued(args: readonly string[]): string[] {
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    const value = /^--(?:seed|commitment)$/.test(word) ? args[at + 1] : undefined;
    words.push(value === undefined ? word : `${word}=${value}`);
    if (value !== undefined) at++;
  }
  return words;
}

/** `edge room ...`: see `USAGE`. Exit status 1 where a draw does not verify. */
export async function roomCommand(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [verb = "", room, ...rest] = positionals;
  if (verb === "status") return status(room);
  if (verb === "verify") return verify(values, positionals.slice(1));
  if (room === undefined) throw new UsageError(USAGE);
  const change = changeOf(verb, rest, values);
  const version = versionOf(values.version);
  const answer = await callApi(`rooms/${encodeURIComponent(room)}`, {
    ...change,
    ...version,
    reason: reasonOf(values.reason),
  });
  print(answer);
  return 0;
}

function versionOf(text: string | undefined): { readonly version?: number } {
  if (text === undefined) return {};
  if (!/^\d+$/.test(text)) throw new UsageError(`--version ${text} is not a version; "audit" shows them`);
  return { version: Number(text) };
}

function changeOf(verb: string, [first, ...rest]: string[], values: Values): Record<string, unknown> {
  if (rest.length > 0) throw new UsageError(USAGE);
  const state = STATES[verb];
  if (state !== undefined && first === undefined) return { state };
  if (first === undefined) throw new UsageError(USAGE);
  if (verb === "rate") return { rate: first };
  if (verb === "message") return { message: first === "" ? null : first };
  if (verb !== "event") throw new UsageError(USAGE);
  if (values.remove) return { removeEvent: first };
  const { start, end, prequeue } = values;
  if (start === undefined || end === undefined) throw new UsageError(USAGE);
  const shuffle = !values["in-order"];
  return { event: { name: first, start, end, shuffle, ...(prequeue === undefined ? {} : { prequeue }) } };
}

async function status(room: string | undefined): Promise<number> {
  const answer = await callApi("rooms");
  const rooms = Array.isArray(answer) ? answer : roomsOf(answer);
  const shown = room === undefined ? rooms : rooms.filter((each) => nameOf(each) === room);
  if (room !== undefined && shown.length === 0) throw new UsageError(`there is no room ${room}`);
  print(shown);
  return 0;
}

function roomsOf(answer: unknown): unknown[] {
  if (typeof answer !== "object" || answer === null || !("rooms" in answer)) return [];
  return Array.isArray(answer.rooms) ? answer.rooms : [];
}

function nameOf(room: unknown): unknown {
  return typeof room === "object" && room !== null && "room" in room ? room.room : undefined;
}

/** Checks a draw from what was published: that the seed is the one promised, and the order of the given tickets. */
async function verify({ seed, commitment: promised }: Values, tickets: readonly string[]): Promise<number> {
  if (seed === undefined || promised === undefined) throw new UsageError(USAGE);
  const actual = await commitment(seed);
  if (actual !== promised) {
    process.stdout.write(`NOT the promised seed: SHA-256 of it is ${actual}, promised was ${promised}\n`);
    return 1;
  }
  process.stdout.write("the seed is the promised one\n");
  const lots = draw(seed);
  const drawn = await Promise.all(tickets.map(async (ticket) => ({ ticket, lot: await lots(ticket) })));
  for (const { ticket, lot } of drawn.toSorted((a, b) => a.lot - b.lot)) {
    process.stdout.write(`${lot.toFixed(6)}  ${ticket}\n`);
  }
  return 0;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
