/**
 * Closes the loop on one machine: asks the edge how many replicas there should
 * be and starts or stops them, as KEDA or an HPA would in a cluster. The
 * arithmetic and its patience are the edge's; here a signal that cannot be had
 * leaves everything as it is.
 */
import * as z from "zod";

export interface AutoscalerOptions {
  /** How many replicas there should be, given how many there are. */
  readonly desired: (replicas: number) => Promise<number>;
  /** What is scaled. */
  readonly target: { readonly replicas: () => number; readonly scale: (count: number) => Promise<void> };
  /** Milliseconds between looks; 5 s by default. */
  readonly interval?: number;
  /** Called after every change. */
  readonly changed?: (from: number, to: number) => void;
}

export interface Autoscaler {
  /** Looks and acts once; also done by itself at every interval. */
  step(): Promise<void>;
  close(): Promise<void>;
}

/** More than one machine should run, whatever a signal says. */
const MOST_REPLICAS = 64;
const DEADLINE = 5_000;

/** Starts looking. */
export function startAutoscaler(options: AutoscalerOptions): Autoscaler {
  const { desired, target, interval = 5_000, changed } = options;
  let stepping: Promise<void> | undefined;

  const act = async (): Promise<void> => {
    const from = target.replicas();
    const to = Math.min(await desired(from).catch(() => from), MOST_REPLICAS);
    if (to === from) return;
    await target.scale(to);
    changed?.(from, target.replicas());
  };
  const step = (): Promise<void> => {
    stepping ??= act().finally(() => (stepping = undefined));
    return stepping;
  };
  // A replica that cannot be started now is asked for again at the next look.
  const timer = setInterval(() => void step().catch(() => undefined), interval);

  return {
    step,
    async close() {
      clearInterval(timer);
      await stepping?.catch(() => undefined);
    },
  };
}

const signalSchema = z.object({ desired: z.int().min(1) });

/** The edge's own signal, `GET /_edge/api/autoscale`. Throws when the edge does not give one. */
export function edgeSignal(edgeUrl: string, token: string): (replicas: number) => Promise<number> {
  return async (replicas) => {
    const answer = await fetch(new URL(`/_edge/api/autoscale?replicas=${replicas}`, edgeUrl), {
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(DEADLINE),
    });
    if (!answer.ok) throw new Error(`the edge answered ${answer.status} when asked for its autoscale signal`);
    return signalSchema.parse(await answer.json()).desired;
  };
}
