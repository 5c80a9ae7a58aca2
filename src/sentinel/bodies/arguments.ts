import type { Transaction } from "../engine/transaction.ts";
import { addGraphql, looksLikeGraphql } from "./graphql.ts";
import { type JsonEnd, type JsonSink, looksLikeJson, parseJson } from "./json.ts";

export type ArgsCollection = "args.query" | "args.body";

/** Adds parameters and what hides in them. Throws `Exceeded`. */
export function addArgs(
  tx: Transaction,
  collection: ArgsCollection,
  pairs: Iterable<readonly [string, string]>,
): void {
  for (const [name, value] of pairs) {
    tx.add(`${collection}.names`, "", name);
    addArg(tx, collection, name, value, 0);
    if (value !== "" && name.length <= LONGEST_NAME && NO_NAME.test(name))
      tx.add(collection, "", `${name}=${value}`);
  }
}

/** What is no parameter's name: the text behind `?` or `&` is a value, and its `=` is a part of it. */
const NO_NAME = /['"`<(;|\s]/;
const LONGEST_NAME = 1024;

/**
 * Adds one parameter: a GraphQL document as its arguments, JSON as its leaves
 * beside the text itself, anything else as it is. `depth` counts how deep it stands.
 */
export function addArg(
  tx: Transaction,
  collection: ArgsCollection,
  name: string,
  value: string,
  depth: number,
): void {
  if (looksLikeGraphql(name, value) && addGraphql(tx, collection, name, value)) return;
  tx.add(collection, name, value);
  if (looksLikeJson(value)) addJson(tx, collection, name, value, depth);
}

/** Adds the leaves and keys of JSON. Returns where it ended. */
export function addJson(
  tx: Transaction,
  collection: ArgsCollection,
  prefix: string,
  text: string,
  depth: number,
): JsonEnd {
  const sink: JsonSink = {
    nesting: tx.limits.nesting,
    leaf: (name, value, at) => addArg(tx, collection, name, value, at + 1),
    key: (name) => tx.add(`${collection}.names`, "", name),
    duplicate: () => tx.fault("duplicate-key"),
  };
  return parseJson(text, prefix, depth, sink);
}
