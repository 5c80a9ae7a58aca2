import type { Collection } from "../variables.ts";
import type { CollectionPlan, Condition, Group, Plan, Rule, Selector } from "./plan.ts";

interface GroupDraft extends Group {
  readonly always: Condition[];
}

/** Groups the first conditions of rules by what they look at. */
export class PlanBuilder {
  private readonly wanted = new Set<Collection>();
  private readonly byLiteral: Condition[][] = [];
  private groups = 0;
  private readonly counts = new Map<string, { selector: Selector; conditions: Condition[] }>();
  private readonly drafts = new Map<
    Collection,
    { all: Drafts; byEntry: Map<string, Drafts>; byPattern: Map<RegExp, Drafts> }
  >();

  index(condition: Condition): void {
    for (const literal of condition.literals ?? []) (this.byLiteral[literal] ??= []).push(condition);
  }

  want(collections: readonly Collection[]): void {
    for (const collection of collections) this.wanted.add(collection);
  }

  place(condition: Condition, selector: Selector): void {
    if (selector.count) this.placeCount(condition, selector);
    else for (const collection of selector.collections) this.placeValue(condition, selector, collection);
  }

  private placeValue(condition: Condition, selector: Selector, collection: Collection): void {
    const newId = (): number => this.groups++;
    const draft = entryOf(this.drafts, collection, () => ({
      all: new Drafts(newId),
      byEntry: new Map<string, Drafts>(),
      byPattern: new Map<RegExp, Drafts>(),
    }));
    if (selector.entry !== null)
      entryOf(draft.byEntry, selector.entry, () => new Drafts(newId)).add(condition);
    else if (selector.pattern !== null)
      entryOf(draft.byPattern, selector.pattern, () => new Drafts(newId)).add(condition);
    else draft.all.add(condition);
  }

  private placeCount(condition: Condition, selector: Selector): void {
    const key = `${selector.collections.join()} ${selector.entry ?? ""} ${selector.pattern?.source ?? ""}`;
    entryOf(this.counts, key, () => ({ selector, conditions: [] as Condition[] })).conditions.push(condition);
  }

  finish(sequenced: readonly Rule[]): Plan {
    const collections = new Map<Collection, CollectionPlan>();
    for (const [collection, draft] of this.drafts) {
      const byEntry = new Map([...draft.byEntry].map(([entry, drafts]) => [entry, drafts.groups] as const));
      const byPattern = [...draft.byPattern].map(([pattern, drafts]) => ({ pattern, groups: drafts.groups }));
      collections.set(collection, {
        all: rawFirst(draft.all.groups),
        byEntry: byEntry.size > 0 ? byEntry : null,
        byPattern,
      });
    }
    return {
      collections,
      counts: [...this.counts.values()],
      wanted: this.wanted,
      byLiteral: this.byLiteral,
      sequenced,
    };
  }
}

/** What looks at values as they are takes little, and may make a verdict sure before their forms are made. */
function rawFirst(groups: readonly Group[]): readonly Group[] {
  return groups.toSorted((a, b) => Number(a.peel) - Number(b.peel));
}

class Drafts {
  readonly groups: GroupDraft[] = [];
  private readonly newId: () => number;

  constructor(newId: () => number) {
    this.newId = newId;
  }

  add(condition: Condition): void {
    const { node, peel, literals } = condition;
    let group = this.groups.find((draft) => draft.node === node && draft.peel === peel);
    if (group === undefined) {
      group = { id: this.newId(), node, peel, always: [] };
      this.groups.push(group);
    }
    condition.groups[group.id] = true;
    if (literals === null) group.always.push(condition);
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = create();
  map.set(key, made);
  return made;
}
