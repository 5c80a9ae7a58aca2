import { type ClientRequest, request as httpRequest } from "node:http";
import { createSentinel, NO_OVERRIDES } from "../sentinel/index.ts";
import { type InspectionRequest, type SentinelPackage, requestOf } from "../sentinel/compile/index.ts";
import { type EdgeAddress, addressedEdge, noEdge } from "./client.ts";
import { corpusEntries } from "./corpus.ts";
import { Refusal, UsageError } from "./usage.ts";

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

/** A connection that is silent for longer is broken off. */
const SILENCE_MS = 30_000;

/**
 * The edge's judgement over HTTP, by `X-Sentinel`. Rejects where the connection breaks off.
 * @returns null where the request did not get as far as Sentinel (HTTP itself refuses it)
 * @throws Refusal where no edge answers
 */
export function judgedByEdge(sent: InspectionRequest, edge: EdgeAddress): Promise<Judgement | null> {
  return new Promise((resolve, reject) => {
    const call = written(sent, edge);
    if (call === null) return resolve(null);
    call.once("response", (response) => {
      response.resume();
      const field = response.headers["x-sentinel"];
      resolve(typeof field === "string" ? readField(field) : null);
    });
    call.on("error", (cause: NodeJS.ErrnoException) => {
      const connected = cause.syscall !== "connect" && cause.syscall !== "getaddrinfo";
      reject(connected ? cause : noEdge(edge, cause));
    });
    call.setTimeout(SILENCE_MS, () => call.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    call.end(sent.body.byteLength > 0 ? sent.body : undefined);
  });
}

/** The request as Node writes it; null where it is none that HTTP can carry. */
function written({ method, target, headers }: InspectionRequest, edge: EdgeAddress): ClientRequest | null {
  const { hostname, port } = new URL(edge.url);
  const fields = Object.fromEntries(headers);
  try {
    return httpRequest({ hostname, port, method, path: target, headers: fields, agent: false });
  } catch {
    return null;
  }
}

function readField(field: string): Judgement | null {
  const [, outcome, score, matched = ""] =
    /^verdict=(block|pass); score=(\d+); mode=\w+; matched=([^;]*)/.exec(field) ?? [];
  return outcome === undefined ? null : { outcome, score: Number(score), matched };
}

/** The judgement of these rules in this process, over as much of the body as the edge looks at. */
export function judgeHere(pkg: SentinelPackage): (sent: InspectionRequest) => Promise<Judgement> {
  const sentinel = createSentinel(pkg);
  return async (sent) => {
    const { method, headers, body } = sent;
    const looked = method === "GET" || method === "HEAD" ? 0 : sentinel.bodyBytes(method, headers);
    const seen = {
      ...sent,
      body: body.subarray(0, looked),
      bodyComplete: looked === 0 || body.byteLength <= looked,
    };
    const { outcome, score, matches } = await sentinel.inspectRequest(seen, NO_OVERRIDES, Date.now());
    const counted = matches.filter(({ uncounted }) => uncounted === null).map(({ rule }) => rule);
    return { outcome, score, matched: counted.join(",") };
  };
}

type Outcome =
  { readonly kind: "same" } | { readonly kind: "different" | "refused" | "broken"; readonly shown: string };

const REFUSED: Outcome = { kind: "refused", shown: "refused by HTTP before Sentinel" };

/** @throws Refusal where no edge answers */
async function compare(
  recorded: InspectionRequest,
  edge: EdgeAddress,
  here: ReturnType<typeof judgeHere>,
): Promise<Outcome> {
  let sent: InspectionRequest;
  try {
    sent = asSent(recorded, edge);
  } catch {
    return REFUSED;
  }
  try {
    const theirs = await judgedByEdge(sent, edge);
    if (theirs === null) return REFUSED;
    const [edgeSays, weSay] = [JSON.stringify(theirs), JSON.stringify(await here(sent))];
    if (edgeSays === weSay) return { kind: "same" };
    return { kind: "different", shown: `here ${weSay}, edge ${edgeSays}` };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return {
      kind: "broken",
      shown: `broken off (${error instanceof Error ? error.message : String(error)})`,
    };
  }
}

const SHOWN = 20;

/**
 * `edge rules replay FILE...`: exit status 1 where the running edge judges
 * otherwise than these rules, or breaks off.
 * @throws Refusal where no edge answers, or judges nothing
 */
export async function replayCommand(files: readonly string[], pkg: SentinelPackage): Promise<number> {
  if (files.length === 0) throw new UsageError("usage: edge rules replay FILE.jsonl...");
  const edge = addressedEdge();
  const here = judgeHere(pkg);
  const counts = { same: 0, different: 0, refused: 0, broken: 0 };
  for await (const entry of corpusEntries(files)) {
    const outcome = await compare(requestOf(entry), edge, here);
    const count = ++counts[outcome.kind];
    if ("shown" in outcome && count <= SHOWN) process.stdout.write(`${entry.id}: ${outcome.shown}\n`);
  }
  const { same, different, refused, broken } = counts;
  const total = same + different + refused + broken;
  if (total > 0 && same + different === 0) {
    throw new Refusal(`the edge at ${edge.url} judged none of ${total} requests; is ADMIN_TOKEN its token?`);
  }
  process.stdout.write(
    `${total} requests: ${same} judged alike, ${different} differently, ${refused} refused by HTTP before Sentinel, ${broken} broken off\n`,
  );
  return different + broken > 0 ? 1 : 0;
}
