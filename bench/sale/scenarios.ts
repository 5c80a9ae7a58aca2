/** Flash sales to simulate: settings, failures, and what each is held to. */
import { defaultGates, type RoomPolicy } from "../../src/queue/room-config.ts";

export interface Scenario {
  readonly name: string;
  readonly arrivalsPerMinute: number;
  readonly arrivalMinutes: number;
  readonly minutes: number;
  /** N. */
  readonly perMinute: number;
  readonly gates?: number;
  readonly isolates: number;
  readonly sites: number;
  /** Mean time after which somebody gives up, ms. */
  readonly patienceMs: number;
  /** Share of visitors who take a ticket and never come back. */
  readonly ghosts: number;
  /** Share of messages between objects and isolates that are lost. */
  readonly loss: number;
  /** Clocks of isolates and objects are off by up to this, ms. */
  readonly skewMs: number;
  /** Way of a message, ms: this to three times this. */
  readonly latencyMs: number;
  readonly fault?: Fault;
  readonly seed?: number;
}

export type Fault =
  | { readonly kind: "room-down"; readonly from: number; readonly to: number }
  | { readonly kind: "room-restart"; readonly at: number }
  | { readonly kind: "gates-restart"; readonly every: number }
  | { readonly kind: "gate-down"; readonly from: number; readonly to: number }
  | { readonly kind: "watermark-open"; readonly from: number; readonly to: number };

/** The room of a scenario. */
export function policyOf({ perMinute, gates }: Scenario): RoomPolicy {
  return {
    name: "sale",
    title: "Sale",
    paths: [],
    bypass: [],
    state: "queue-all",
    rate: perMinute,
    auto: { headroom: 1, requestsPerVisitor: 60 },
    freePerIsolate: 0,
    gates: gates ?? defaultGates(perMinute),
    activeCap: null,
    passIdleMs: 1_200_000,
    passMaxMs: 14_400_000,
    returnWithinMs: 600_000,
    ticketsPerAddress: 1e9,
    statusPage: 200,
    statusJson: 429,
    events: [],
  };
}

/** The flash sale of the design at a share of its size. */
export function flashSale(scale: number, over: Partial<Scenario> = {}): Scenario {
  return {
    name: "1M arrivals a minute",
    arrivalsPerMinute: 1_000_000 * scale,
    arrivalMinutes: 3.4,
    minutes: 12,
    perMinute: 300_000 * scale,
    isolates: Math.max(20, 10_000 * scale),
    sites: Math.max(5, 300 * scale),
    patienceMs: 480_000,
    ghosts: 0.05,
    loss: 0.01,
    skewMs: 2000,
    latencyMs: 40,
    ...over,
  };
}

/** Every setting and failure the cap is promised for. */
export function scenarios(scale: number): Scenario[] {
  const minute = 60_000;
  const failing = (name: string, fault: Fault, over: Partial<Scenario> = {}): Scenario =>
    flashSale(scale, { name, fault, ...over });
  // With fewer gates one that is gone would be more of the rate than may be lost at all.
  const manyGates = { gates: Math.max(12, defaultGates(300_000 * scale)) };
  return [
    flashSale(scale, {
      name: "100k arrivals a minute",
      arrivalsPerMinute: 100_000 * scale,
      arrivalMinutes: 8,
      perMinute: 30_000 * scale,
    }),
    flashSale(scale, {
      name: "300k arrivals a minute",
      arrivalsPerMinute: 300_000 * scale,
      arrivalMinutes: 6,
      perMinute: 100_000 * scale,
    }),
    flashSale(scale),
    flashSale(scale, { name: "1M, no loss, true clocks", loss: 0, skewMs: 0 }),
    flashSale(scale, { name: "1M, 20% ghosts, slow objects", ghosts: 0.2, latencyMs: 200 }),
    failing("room object down for 1 min", { kind: "room-down", from: 3 * minute, to: 4 * minute }),
    failing("room object restarted", { kind: "room-restart", at: 3 * minute }),
    failing("a gate restarted every 5 s", { kind: "gates-restart", every: 5000 }),
    failing("a gate down for 2 min", { kind: "gate-down", from: 2 * minute, to: 4 * minute }, manyGates),
    failing("watermark stuck open 2 min", { kind: "watermark-open", from: 2 * minute, to: 4 * minute }),
  ];
}
