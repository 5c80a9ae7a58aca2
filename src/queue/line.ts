/**
 * Who stands at a gate: tickets that the watermark let come and that found no
 * token yet. The gate keeps a token for everybody earlier who is there, or about
 * to be, so that a late poll does not cost a place; nobody waits for one who left.
 */
export interface Standing {
  readonly id: string;
  /** Place in line: smaller is earlier. */
  readonly key: number;
  /** ms; when the visitor will ask again. */
  readonly dueAt: number;
  /** ms; until then he is waited for. */
  readonly keptUntil: number;
  /** The request is being held at the gate. */
  readonly held: boolean;
}

const MAX_STANDING = 4000;
const SWEEP_MS = 200;

export class GateLine {
  readonly #byId = new Map<string, Standing>();
  /** The same, earliest first. */
  #order: Standing[] = [];
  #sweptAt = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** Notes that a visitor asked. Over `MAX_STANDING` newcomers are not noted: they keep their places by their tickets. */
  stand(standing: Standing): void {
    this.leave(standing.id);
    if (this.#byId.size >= MAX_STANDING) return;
    this.#byId.set(standing.id, standing);
    this.#order.splice(this.#indexOf(standing.key, standing.id), 0, standing);
  }

  /** The place of the one who stands behind `count` others; undefined where so many do not. */
  placeOf(count: number): number | undefined {
    return this.#order[count]?.key;
  }

  leave(id: string): void {
    const standing = this.#byId.get(id);
    if (standing === undefined) return;
    this.#byId.delete(id);
    this.#order.splice(this.#indexOf(standing.key, id), 1);
  }

  /**
   * Who stands before a place: all who have not left, and of those the ones for whom
   * a token is kept at `now`, counted up to `enough`.
   * @param soonMs how long before they are due a token is kept for them
   */
  before(
    key: number,
    id: string,
    now: number,
    { soonMs, enough }: { readonly soonMs: number; readonly enough: number },
  ): { readonly expected: number; readonly all: number } {
    if (now - this.#sweptAt > SWEEP_MS || now < this.#sweptAt) this.#sweep(now);
    const all = this.#indexOf(key, id);
    let expected = 0;
    for (let index = 0; index < all && expected < enough; index++) {
      const other = this.#order[index];
      if (other !== undefined && other.dueAt - soonMs <= now && !left(other, now)) expected += 1;
    }
    return { expected, all };
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    this.#order = this.#order.filter((standing) => {
      const gone = left(standing, now);
      if (gone) this.#byId.delete(standing.id);
      return !gone;
    });
  }

  /** Where the place is, or would be, in the order. */
  #indexOf(key: number, id: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#order[middle];
      if (other !== undefined && (other.key < key || (other.key === key && other.id < id))) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function left(standing: Standing, now: number): boolean {
  return !standing.held && standing.keptUntil < now;
}
