/** What isolates ask of gates and rooms, and these of each other, over RPC. */
import type { Delta } from "./histogram.ts";
import type { Ask, GateAnswer, GateReport, Renewal, RoomSnapshot, Shown, ToldRate } from "./messages.ts";
import type { RoomConfig } from "./room-config.ts";

export interface GatePort {
  ask(config: RoomConfig, index: number, ask: Ask): Promise<GateAnswer>;
  /** Counts of the line that an isolate collected. */
  collect(config: RoomConfig, index: number, deltas: readonly Delta[]): Promise<void>;
  renew(config: RoomConfig, index: number, shown: Shown): Promise<Renewal>;
  /** The visitor is done: his place inside is free. */
  end(config: RoomConfig, index: number, id: string): Promise<void>;
  /** Notes that a ticket was used at gate `by`, at `admittedAt`; false where it was used before. */
  claim(id: string, by: number, admittedAt: number): Promise<boolean>;
  /** ms for which the isolate may let in `freePerIsolate` a minute by itself; 0: it may not. */
  lend(config: RoomConfig, index: number, isolate: string): Promise<number>;
  giveBack(config: RoomConfig, index: number, isolate: string): Promise<void>;
  /** N has changed with the replicas. */
  follow(config: RoomConfig, index: number, told: ToldRate): Promise<void>;
}

export interface RoomPort {
  read(config: RoomConfig): Promise<RoomSnapshot>;
  /** @returns N where it is automatic, else null */
  hear(config: RoomConfig, report: GateReport): Promise<ToldRate | null>;
  /** Whether nobody lately shares N among another number of gates. */
  alone(config: RoomConfig): Promise<boolean>;
  /** So many replicas of the storefront are ready. */
  ready(config: RoomConfig, replicas: number): Promise<void>;
}

export interface Ports {
  readonly room: (name: string) => RoomPort;
  readonly gate: (room: string, index: number) => GatePort;
}
