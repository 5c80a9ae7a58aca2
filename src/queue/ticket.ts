/**
 * A ticket is a place in line, a pass a way in. Both are signed cookies: issuing
 * and reading them needs no object, and nothing that fails at the edge loses one.
 */
import { sign, type TicketKeys, toHex, verify } from "./signing.ts";

export interface Ticket {
  readonly room: string;
  readonly epoch: string;
  /** 96 random bits, hex. */
  readonly id: string;
  /** ms; the order of the line. */
  readonly issuedAt: number;
  /** ms; the next poll that counts. */
  readonly dueAt: number;
  /** ms; the turn as last promised to the visitor, so that it does not creep. 0: none was. */
  readonly promisedAt: number;
  /** The place the alive histogram has the ticket at; see `Delta`. */
  readonly bin: number;
}

export interface Pass {
  readonly room: string;
  readonly epoch: string;
  /** The ticket's id. */
  readonly id: string;
  readonly admittedAt: number;
  readonly expiresAt: number;
  /** The gate that let the visitor in and answers for the pass; null: an isolate did, while nobody waited. */
  readonly gate: number | null;
  /** Kind of browser it was given to: see `browserOf`. */
  readonly browser: string;
}

/** Why a cookie is not (any more) a place in line; visitors are told. */
export type TicketFault = "not-ours" | "other-epoch" | "left-too-long" | "spent" | "copied";

export function newTicketId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(12)));
}

export function writeTicket(keys: TicketKeys, ticket: Ticket): Promise<string> {
  const times = [ticket.issuedAt, ticket.dueAt, ticket.promisedAt].map(base36);
  const fields = ["t", ticket.room, ticket.epoch, ticket.id, ...times, ticket.bin.toString(36)];
  return sign(keys, fields.join("."));
}

/** Where a ticket must belong. */
export interface Expected {
  readonly room: string;
  readonly epoch: string;
  readonly returnWithinMs: number;
}

/** Reads a ticket cookie. */
export async function readTicket(
  keys: TicketKeys,
  value: string,
  expected: Expected,
  now: number,
): Promise<Ticket | TicketFault> {
  const fields = await verify(keys, value);
  if (fields === null || fields.length !== 8) return "not-ours";
  const [kind = "", room = "", epoch = "", id = "", ...times] = fields;
  const [issuedAt = 0, dueAt = 0, promisedAt = 0, bin = 0] = times.map(fromBase36);
  if (kind !== "t") return "not-ours";
  return judgeTicket({ room, epoch, id, issuedAt, dueAt, promisedAt, bin }, expected, now);
}

/** A ticket of ours, if it is a place in the line at hand. */
export function judgeTicket(ticket: Ticket, expected: Expected, now: number): Ticket | TicketFault {
  if (ticket.room !== expected.room) return "not-ours";
  if (ticket.epoch !== expected.epoch) return "other-epoch";
  return now > ticket.dueAt + expected.returnWithinMs ? "left-too-long" : ticket;
}

export function writePass(keys: TicketKeys, pass: Pass): Promise<string> {
  const { room, epoch, id, admittedAt, expiresAt, gate, browser } = pass;
  const times = [admittedAt, expiresAt].map(base36);
  return sign(keys, ["p", room, epoch, id, ...times, gate ?? "-", browser].join("."));
}

/** Reads a pass cookie; null where it is not ours, of another room or epoch. Expiry is the caller's to judge. */
export async function readPass(
  keys: TicketKeys,
  value: string,
  expected: { readonly room: string; readonly epoch: string },
): Promise<Pass | null> {
  const fields = await verify(keys, value);
  if (fields === null || fields.length !== 8) return null;
  const [kind = "", room = "", epoch = "", id = "", admitted = "", expires = "", by = "", browser = ""] =
    fields;
  if (kind !== "p" || room !== expected.room || epoch !== expected.epoch) return null;
  const gate = by === "-" ? null : Number(by);
  return { room, epoch, id, admittedAt: fromBase36(admitted), expiresAt: fromBase36(expires), gate, browser };
}

/** How long a pass lasts without a request, and at all, ms. */
export interface PassLimits {
  readonly passIdleMs: number;
  readonly passMaxMs: number;
}

/** A pass is renewed once in this part of its idle time, and ends later by as much: so it outlasts any request by all of it. */
const RENEWED_EVERY = 0.25;

/** When the pass of a visitor who asks at `now` ends, ms. */
export function passEnd({ passIdleMs, passMaxMs }: PassLimits, admittedAt: number, now: number): number {
  return Math.min(now + Math.round(passIdleMs * (1 + RENEWED_EVERY)), admittedAt + passMaxMs);
}

/** The pass after a request at `now`; null: nothing to renew. */
export function renewedPass(pass: Pass, limits: PassLimits, now: number): Pass | null {
  const expiresAt = passEnd(limits, pass.admittedAt, now);
  const worthIt = pass.expiresAt - now < limits.passIdleMs && expiresAt > pass.expiresAt;
  return worthIt ? { ...pass, expiresAt } : null;
}

function base36(time: number): string {
  return Math.max(0, Math.round(time)).toString(36);
}

function fromBase36(text: string): number {
  const time = Number.parseInt(text, 36);
  return Number.isSafeInteger(time) ? time : 0;
}
