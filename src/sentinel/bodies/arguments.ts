import type { Transaction } from "../engine/transaction.ts";
import { looksLikeJson, parseJson } from "./json.ts";

/** Adds parameters, and the leaves of JSON that hides in one. Throws `Exceeded`. */
export function addArgs(
  tx: Transaction,
  collection: "args.query" | "args.body",
  pairs: Iterable<readonly [string, string]>,
): void {
  for (const [name, value] of pairs) {
    tx.add(`${collection}.names`, "", name);
    tx.add(collection, name, value);
    if (looksLikeJson(value)) parseJson(value, name, collection, tx);
  }
}
