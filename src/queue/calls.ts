/** What operators see of a room's last minute: calls of its objects, admissions. */

/** Calls are counted by slots of so many ms. */
const SLOT_MS = 2000;

export class Calls {
  readonly #bySlot = new Map<string, number>();
  /** Admissions by second, of the last minute. */
  readonly #admissions = new Map<number, number>();

  /** `object` was called: "room", or "gate" and its number. */
  called(object: string, calls: number, now: number): void {
    const slot = `${Math.floor(now / SLOT_MS)}/${object}`;
    this.#bySlot.set(slot, (this.#bySlot.get(slot) ?? 0) + calls);
  }

  admitted(count: number, now: number): void {
    const second = Math.floor(now / 1000);
    this.#admissions.set(second, (this.#admissions.get(second) ?? 0) + count);
  }

  /** Calls a second in the last whole slot: of the busiest gate, and of the room object. */
  load(now: number): { readonly gate: number; readonly room: number } {
    const last = Math.floor(now / SLOT_MS) - 1;
    const load = { gate: 0, room: 0 };
    for (const [slot, calls] of this.#bySlot) {
      const at = Number.parseInt(slot, 10);
      if (at < last) this.#bySlot.delete(slot);
      const kind = slot.endsWith("/room") ? "room" : "gate";
      if (at === last) load[kind] = Math.max(load[kind], (calls * 1000) / SLOT_MS);
    }
    return load;
  }

  admittedLastMinute(now: number): number {
    let sum = 0;
    for (const [second, count] of this.#admissions) {
      if (second * 1000 < now - 60_000) this.#admissions.delete(second);
      else sum += count;
    }
    return sum;
  }
}
