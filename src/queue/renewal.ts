/**
 * Whether a pass lives on. Of all copies of a pass only the latest does: each
 * renewal makes the one before worthless, but for requests that were under way
 * together with the one that renewed it.
 */
import { passEnd, type PassLimits } from "./ticket.ts";
import type { Renewal, Shown } from "./messages.ts";

/** What a gate remembers of a visitor it let in. Times are ms. */
export interface PassRecord {
  /** 0: ended. */
  readonly expiresAt: number;
  /** The expiry of the pass before, and when it was renewed; 0: never. */
  readonly renewedFrom: number;
  readonly renewedAt: number;
  /** Who renewed it. */
  readonly browser: string;
  readonly network: string;
}

/** Requests of one page arrive together, all with the pass from before its renewal; or its answer was lost. */
const TOGETHER_MS = 60_000;
/** The same where something says that there are copies. */
const TOGETHER_STRICTLY_MS = 3000;

export interface Decided {
  readonly answer: Renewal;
  /** To be remembered; null: nothing changed. */
  readonly record: PassRecord | null;
  /** Passes that end before this are copies, and everybody should know; null: no sign of any. */
  readonly revokedBefore: number | null;
}

/**
 * @param record null: the gate does not know the pass
 */
export function renewal(record: PassRecord | null, shown: Shown, limits: PassLimits, now: number): Decided {
  const { browser, network, strict } = shown;
  const known = record ?? (shown.unknown ? firstSeen(shown) : null);
  const dead: Decided = { answer: { kind: "dead" }, record: null, revokedBefore: known?.expiresAt ?? null };
  if (known === null || known.expiresAt === 0) return dead;
  if (known.expiresAt === shown.expiresAt) {
    const expiresAt = passEnd(limits, shown.admittedAt, now);
    return {
      answer: { kind: "renewed", expiresAt },
      record: { expiresAt, renewedFrom: shown.expiresAt, renewedAt: now, browser, network },
      revokedBefore: strict ? expiresAt : null,
    };
  }
  const together = now - known.renewedAt < (strict ? TOGETHER_STRICTLY_MS : TOGETHER_MS);
  if (known.renewedFrom !== shown.expiresAt || !together) return dead;
  if (known.browser === browser && known.network === network) {
    return {
      answer: { kind: "renewed", expiresAt: known.expiresAt },
      record: null,
      revokedBefore: null,
    };
  }
  return strict ? dead : { answer: { kind: "unclear" }, record: null, revokedBefore: null };
}

function firstSeen({ expiresAt, browser, network }: Shown): PassRecord {
  return { expiresAt, renewedFrom: 0, renewedAt: 0, browser, network };
}
