import type { Transaction } from "../engine/transaction.ts";
import { addArgs } from "./arguments.ts";
import { looksLikeJson, parseJson } from "./json.ts";
import { formPairs } from "./urlencoded.ts";

export interface BodyInput {
  readonly headers: readonly (readonly [string, string])[];
  /** One char a byte, decompressed. */
  readonly text: string;
  readonly complete: boolean;
}

export type BodyKind = "none" | "form" | "multipart" | "json" | "xml" | "graphql" | "text" | "binary";

/** Adds what a body holds. Throws `Exceeded`. */
export function parseBody(input: BodyInput, tx: Transaction): void {
  const { text, headers, complete } = input;
  const kind = kindOf(headers, text);
  tx.add("body.kind", "", kind);
  tx.add("body.size", "", String(text.length));
  if (!complete) tx.add("body.faults", "", "truncated");
  if (text === "") return;
  if (kind !== "multipart") tx.add("body", "", text);
  switch (kind) {
    case "form":
      addArgs(tx, "args.body", formPairs(text));
      break;
    case "json":
      if (!parseJson(text, "", "args.body", tx) && complete) tx.add("body.faults", "", "malformed-json");
      break;
    default:
      break;
  }
}

function kindOf(headers: BodyInput["headers"], text: string): BodyKind {
  if (text === "") return "none";
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1].toLowerCase() ?? "";
  if (type.includes("json")) return "json";
  if (type.includes("x-www-form-urlencoded")) return "form";
  if (looksLikeJson(text)) return "json";
  return "text";
}
