/** What operators have decided, and the pure rules for changing it. Nothing here does I/O; times are ms. */
import type { Mode } from "../blueprint.ts";

/** An operator's mode. With `until`, `after` takes over at that time; `after: null` is the blueprint's mode. */
export interface ModeSetting {
  readonly mode: Mode;
  readonly until: number | null;
  readonly after: Mode | null;
}

export type OverrideAction = "block" | "monitor" | "off";

/** A departure from the mode: for one rule (an id, or `tag:name`), or for one path (exact, or all under it: `/x/*`). The other is null. */
export interface Override {
  readonly rule: string | null;
  readonly path: string | null;
  readonly action: OverrideAction;
  readonly until: number | null;
}

export type PurgeKind = "tag" | "url" | "prefix" | "all";

/** A published rules package; `active: null` is the one built into the Worker. */
export interface RulesSetting {
  readonly active: string | null;
}

/**
 * A thing that is decided on its own: it has its own history, and two operators
 * collide only when they change the same one.
 */
export type Subject = "mode" | "rules" | `override:${string}` | `room:${string}`;

export function overrideSubject(rule: string | null, path: string | null): Subject {
  return `override:${rule ?? path ?? ""}`;
}

export type Change =
  | { readonly kind: "mode"; readonly mode: Mode; readonly forMs: number | null }
  | {
      readonly kind: "override";
      readonly rule: string | null;
      readonly path: string | null;
      /** null removes the override. */
      readonly action: OverrideAction | null;
      readonly forMs: number | null;
    }
  | { readonly kind: "room"; readonly room: string; readonly value: unknown }
  | { readonly kind: "rules"; readonly active: string | null };

/** Who changes what and why. `expected` is the version of the subject the caller has seen; null accepts any. */
export interface ChangeMeta {
  readonly actor: string;
  readonly reason: string;
  readonly expected: number | null;
}

export interface AuditEntry {
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly subject: Subject | "purge";
  /** JSON values; null is "nothing decided". */
  readonly before: unknown;
  readonly after: unknown;
  /** The version this entry took back, where it is an undo. */
  readonly undoes: number | null;
}

export type ChangeRefusal = "conflict" | "unknown-version" | "not-undoable" | "unknown-package" | "too-many";

export type ChangeResult =
  | { readonly ok: true; readonly entry: AuditEntry }
  /** `current` is the version of the subject now in force (0: never changed). */
  | {
      readonly ok: false;
      readonly refusal: ChangeRefusal;
      readonly detail: string;
      readonly current: number;
    };

/** The mode in force at `now`. */
export function effectiveMode(setting: ModeSetting | null, builtin: Mode, now: number): Mode {
  if (setting === null) return builtin;
  if (setting.until === null || now < setting.until) return setting.mode;
  return setting.after ?? builtin;
}

export function subjectOf(change: Change): Subject {
  switch (change.kind) {
    case "mode":
    case "rules":
      return change.kind;
    case "override":
      return overrideSubject(change.rule, change.path);
    case "room":
      return `room:${change.room}`;
    default:
      return change satisfies never;
  }
}

/** The new value of the change's subject; null where nothing is decided any more. `mode` is the setting in force. */
export function decide(change: Change, mode: ModeSetting | null, now: number): unknown {
  switch (change.kind) {
    case "mode":
      return nextMode(change, mode, now);
    case "override": {
      const { rule, path, action, forMs } = change;
      const until = forMs === null ? null : now + forMs;
      return action === null ? null : ({ rule, path, action, until } satisfies Override);
    }
    case "room":
      return change.value;
    case "rules":
      return { active: change.active } satisfies RulesSetting;
    default:
      return change satisfies never;
  }
}

function nextMode(
  change: Extract<Change, { kind: "mode" }>,
  before: ModeSetting | null,
  now: number,
): ModeSetting {
  if (change.forMs === null) return { mode: change.mode, until: null, after: null };
  // "Then back" is to the lasting mode: a second temporary change does not make the first one last.
  const lasting = before === null ? null : before.until === null ? before.mode : before.after;
  return { mode: change.mode, until: now + change.forMs, after: lasting };
}
