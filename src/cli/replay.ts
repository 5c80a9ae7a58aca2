import { createReadStream } from "node:fs";
import { request as httpRequest } from "node:http";
import { createInterface } from "node:readline";
import { createSentinel, NO_OVERRIDES } from "../sentinel/index.ts";
import {
  type InspectionRequest,
  type SentinelPackage,
  parseEntry,
  requestOf,
} from "../sentinel/compile/index.ts";
import { type EdgeAddress, addressedEdge } from "./client.ts";
import { UsageError } from "./usage.ts";

/** What an engine makes of a request; what its answer shows is no part of it. */
export interface Judgement {
  readonly outcome: string;
  readonly score: number;
  /** Ids of the rules that counted, in order. */
  readonly matched: string;
}

/** Headers that the connection of the replay sets itself. */
const OWN = /^(?:host|connection|content-length|transfer-encoding|x-edge-debug|expect)$/i;

/**
 * The request as it goes over the wire to that edge: the headers of the
 * connection in place of those it was recorded with, in the form in which
 * workerd hands them on (sorted, one line a name).
 */
export function asSent(recorded: InspectionRequest, edge: EdgeAddress): InspectionRequest {
  const sent = new Headers();
  for (const [name, value] of recorded.headers) if (!OWN.test(name)) sent.append(name, value);
  sent.set("host", new URL(edge.url).host);
  sent.set("connection", "close");
  sent.set("x-edge-debug", edge.token);
  if (recorded.body.byteLength > 0) sent.set("content-length", String(recorded.body.byteLength));
  return { ...recorded, headers: [...sent], protocol: "HTTP/1.1", clientIp: "127.0.0.1" };
}

/**
 * The edge's judgement over HTTP, by `X-Sentinel`.
 * @returns null where the request did not get as far as Sentinel (HTTP itself refuses it)
 */
export function judgedByEdge(sent: InspectionRequest, edge: EdgeAddress): Promise<Judgement | null> {
  const { hostname, port } = new URL(edge.url);
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      {
        hostname,
        port,
        method: sent.method,
        path: sent.target,
        headers: Object.fromEntries(sent.headers),
        agent: false,
      },
      (response) => {
        response.resume();
        const field = response.headers["x-sentinel"];
        resolve(typeof field === "string" ? readField(field) : null);
      },
    );
    call.once("error", reject);
    call.end(sent.body.byteLength > 0 ? sent.body : undefined);
  });
}

function readField(field: string): Judgement | null {
  const [, outcome, score, matched = ""] =
    /^verdict=(block|pass); score=(\d+); mode=\w+; matched=([^;]*)/.exec(field) ?? [];
  return outcome === undefined ? null : { outcome, score: Number(score), matched };
}

/** The judgement of these rules in this process. */
export function judgeHere(pkg: SentinelPackage): (sent: InspectionRequest) => Promise<Judgement> {
  const sentinel = createSentinel(pkg);
  return async (sent) => {
    const { outcome, score, matches } = await sentinel.inspectRequest(sent, NO_OVERRIDES, Date.now());
    const counted = matches.filter(({ uncounted }) => uncounted === null).map(({ rule }) => rule);
    return { outcome, score, matched: counted.join(",") };
  };
}

const SHOWN = 20;

/** `edge rules replay FILE...`: exit status 1 where the running edge judges otherwise than these rules. */
export async function replayCommand(files: readonly string[], pkg: SentinelPackage): Promise<number> {
  if (files.length === 0) throw new UsageError("usage: edge rules replay FILE.jsonl...");
  const edge = addressedEdge();
  const here = judgeHere(pkg);
  const counts = { same: 0, different: 0, refused: 0 };
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      if (line.trim() === "") continue;
      const entry = parseEntry(line);
      const sent = asSent(requestOf(entry), edge);
      const theirs = await judgedByEdge(sent, edge).catch(() => null);
      const ours = await here(sent);
      const kind =
        theirs === null ? "refused" : JSON.stringify(theirs) === JSON.stringify(ours) ? "same" : "different";
      counts[kind]++;
      if (kind === "different" && counts.different <= SHOWN) {
        process.stdout.write(`${entry.id}: here ${JSON.stringify(ours)}, edge ${JSON.stringify(theirs)}\n`);
      }
    }
  }
  const { same, different, refused } = counts;
  process.stdout.write(
    `${same + different + refused} requests: ${same} judged alike, ${different} differently, ${refused} refused by HTTP before Sentinel\n`,
  );
  return different > 0 ? 1 : 0;
}
