/**
 * Passive ejection: which zone of an origin a request goes to, and what its
 * outcome makes of the zone's standing. A zone that fails several times in a row
 * leaves the rotation; when its time is over, one request at a time tries it. The
 * last zone in rotation is never ejected. Pure; times in milliseconds.
 */
import { backoffMs } from "./breaker.ts";
import type { Backoff } from "./compiled.ts";

export interface ZoneStanding {
  /** Failures in a row. */
  readonly failures: number;
  /** 0: in rotation. Otherwise from then on the zone may be tried. */
  readonly ejectedUntil: number;
  /** How often it was ejected without a success in between. */
  readonly ejections: number;
  /** A trial is under way until then at the latest. */
  readonly trialUntil: number;
}

export const SOUND: ZoneStanding = { failures: 0, ejectedUntil: 0, ejections: 0, trialUntil: 0 };

/** Standings of an origin's zones, in their order. */
export type Standings = readonly ZoneStanding[];

export interface Choice {
  readonly zone: number;
  /** An ejected zone's trial: its standing is to be marked with `beginTrial`. */
  readonly trial: boolean;
}

/**
 * The zone for the next try, or undefined when all have been tried. A request
 * that may be repeated elsewhere takes on a due trial; others only get zones in
 * rotation while there are any. Ejected zones are the last resort.
 * @param random uniform in [0, 1)
 */
export function chooseZone(
  standings: Standings,
  tried: readonly number[],
  repeatable: boolean,
  now: number,
  random: number,
): Choice | undefined {
  const left = standings.flatMap((standing, zone) => (tried.includes(zone) ? [] : [{ standing, zone }]));
  const due = left.find(({ standing }) => isDue(standing, now));
  if (due !== undefined && repeatable && tried.length === 0) return { zone: due.zone, trial: true };
  const sound = left.filter(({ standing }) => standing.ejectedUntil === 0);
  const pool = sound.length > 0 ? sound : left;
  const pick = pool[Math.floor(random * pool.length)];
  return pick && { zone: pick.zone, trial: sound.length === 0 && isDue(pick.standing, now) };
}

function isDue(standing: ZoneStanding, now: number): boolean {
  return standing.ejectedUntil > 0 && now >= standing.ejectedUntil && now >= standing.trialUntil;
}

/** Marks a trial, so that no second request takes the same risk; `trialMs` frees the place of one that never reports. */
export function beginTrial(standings: Standings, zone: number, now: number, trialMs: number): Standings {
  return replace(standings, zone, (standing) => ({ ...standing, trialUntil: now + trialMs }));
}

export function zoneSucceeded(standings: Standings, zone: number): Standings {
  const standing = standings[zone];
  if (standing === undefined || (standing.failures === 0 && standing.ejectedUntil === 0)) return standings;
  return replace(standings, zone, () => SOUND);
}

export function zoneFailed(standings: Standings, zone: number, now: number, policy: Backoff): Standings {
  const rotating = standings.filter((standing) => standing.ejectedUntil === 0).length;
  return replace(standings, zone, (standing) => {
    const failed = { ...standing, failures: standing.failures + 1 };
    const ejected = standing.ejectedUntil > 0;
    // Requests that were under way when the zone was ejected say nothing new.
    if (ejected && now < standing.ejectedUntil) return failed;
    if (!ejected && (failed.failures < policy.after || rotating < 2)) return failed;
    const ejections = standing.ejections + 1;
    return { ...failed, ejections, ejectedUntil: now + backoffMs(policy, ejections), trialUntil: 0 };
  });
}

function replace(
  standings: Standings,
  zone: number,
  change: (standing: ZoneStanding) => ZoneStanding,
): Standings {
  return standings.map((standing, index) => (index === zone ? change(standing) : standing));
}
