/**
 * Control's door: what operators decide, kept in one object, read by everyone.
 * Fails to the last known good decisions, and with none at all to the built-in
 * policy (the blueprint's mode); changes fail closed.
 */
export { ControlObject } from "./object.ts";
export type { InvalidationEvent } from "./outbox.ts";
export type { Invalidation, Purge } from "./purge-log.ts";
export { createControl, type Control, type ControlOptions, type Snapshot } from "./snapshot.ts";
export type { AuditEntry, Override, OverrideAction, PurgeKind } from "./state.ts";
