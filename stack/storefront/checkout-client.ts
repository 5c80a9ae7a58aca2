/** Asks checkout-api over HTTP. */
import * as z from "zod";
import { orderSchema, type Order } from "../checkout/index.ts";

/** checkout-api could not be reached, was too slow, or failed: 503 for whoever asked, and worth another try. */
export class CheckoutUnavailable extends Error {}

/** Every call throws `CheckoutUnavailable` when it gets no answer, or one that blames the server. */
export interface CheckoutClient {
  /** Sends an order; the answer is checkout-api's own, with its status and JSON or problem document. */
  order(key: string, request: unknown): Promise<Response>;
  find(orderId: string): Promise<Order | undefined>;
  recent(): Promise<readonly Order[]>;
  stock(productIds: readonly number[]): Promise<Map<number, number>>;
  changeStock(productId: number, amount: number): Promise<boolean>;
}

const stockSchema = z.record(z.string(), z.int());

/** Milliseconds for an answer: shorter than the edge's own deadline, so that the shopper gets our page. */
const DEADLINE = 8_000;

export function checkoutClient(url: string): CheckoutClient {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = await fetch(new URL(path, url), { ...init, signal: AbortSignal.timeout(DEADLINE) }).catch(
      (cause: unknown) => {
        throw new CheckoutUnavailable(`no answer to ${path}`, { cause });
      },
    );
    if (answer.status >= 500) throw new CheckoutUnavailable(`${answer.status} to ${path}`);
    return answer;
  };
  const send = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const read = async <Value>(path: string, schema: z.ZodType<Value>): Promise<Value> => {
    const answer = await ask(path);
    if (!answer.ok) throw new Error(`checkout-api answered ${answer.status} to ${path}`);
    return schema.parse(await answer.json());
  };
  return {
    order: (key, request) => send("/orders", request, { "Idempotency-Key": key }),
    async find(orderId) {
      const answer = await ask(`/orders/${encodeURIComponent(orderId)}`);
      return answer.ok ? orderSchema.parse(await answer.json()) : undefined;
    },
    recent: () => read("/orders", z.array(orderSchema)),
    async stock(productIds) {
      if (productIds.length === 0) return new Map();
      const stock = await read(`/stock?id=${productIds.join(",")}`, stockSchema);
      return new Map(Object.entries(stock).map(([id, amount]) => [Number(id), amount]));
    },
    changeStock: async (productId, amount) => (await send(`/stock/${productId}`, { amount })).ok,
  };
}
