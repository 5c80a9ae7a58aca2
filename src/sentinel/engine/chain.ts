import type { Transformation } from "../transformations/index.ts";

/** A step of a transformation chain; chains share their beginnings, so they form a tree. Node 0 is the value as it is. */
export interface ChainNode {
  readonly parent: number;
  readonly name: string;
  readonly transformation: Transformation;
}
