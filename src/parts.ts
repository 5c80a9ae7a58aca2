/** What the line is made of. */
import type { EdgeBlueprint } from "./blueprint.ts";
import type { EdgeCache, PurgeView } from "./cache/index.ts";
import type { Control, Snapshot } from "./control/index.ts";
import type { Access, Fabric } from "./fabric/index.ts";
import type { Gateway } from "./gateway/index.ts";
import type { Insight } from "./insight/index.ts";
import type { Life } from "./life.ts";
import type { Queue } from "./queue/index.ts";
import type { Sentinel, SentinelSettings } from "./sentinel/index.ts";

/** Everything the line asks, wired once an isolate by app.ts. */
export interface EdgeParts {
  readonly blueprint: EdgeBlueprint;
  /** Authorities, lower-case, that are the store: the domain, and on one machine its stand-ins. */
  readonly authorities: ReadonlySet<string>;
  /** Scheme of the client where the listener in front knows better than the URL. */
  readonly scheme: "https" | undefined;
  /** Whether plain http is redirected to https. */
  readonly redirectToHttps: boolean;
  /** Origins whose pages may change things behind the Fabric. */
  readonly ownOrigins: readonly string[];
  readonly gateway: Gateway;
  readonly control: Control;
  readonly fabric: Fabric;
  readonly cache: EdgeCache;
  readonly queue: Queue;
  readonly insight: Insight;
  /** The engine with the rules that the snapshot names. */
  readonly sentinel: (snapshot: Snapshot) => Sentinel | Promise<Sentinel>;
  /** Takes one from the limit that `binding` names for `key`; false where there is none left. */
  readonly takeFromLimit: (binding: string, key: string) => Promise<boolean>;
  readonly sentinelSettings: (snapshot: Snapshot) => SentinelSettings;
  readonly purges: (snapshot: Snapshot) => PurgeView;
  /** The private API and console: a request that the Fabric let in. */
  readonly operate: (request: Request, access: Access, life: Life, waitUntil: WaitUntil) => Promise<Response>;
  readonly now: () => number;
}

export type WaitUntil = (work: Promise<unknown>) => void;
