/**
 * Sessions: a signed, random id in the cookie `sid`, a record in the key-value
 * store. A visitor gets one when something is put in the cart and not before,
 * so that pages for everybody stay the same for everybody.
 */
import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import { MAX_QUANTITY, type Order } from "../checkout/index.ts";
import type { KeyValue } from "../datastore/index.ts";

const COOKIE = "sid";
/** Seconds a cart waits for its owner. */
const SESSION_SECONDS = 7 * 24 * 3600;
const MAX_LINES = 50;

/** A visitor's cart and orders. */
export interface Session {
  /** Quantity by product id, in the order they were added. */
  cart(): Promise<Map<number, number>>;
  /** Ids of the orders placed in this session, newest first. */
  orders(): Promise<string[]>;
  /** The order that was placed with this form, if it was sent before. */
  orderOf(formKey: string): Promise<string | undefined>;
  /** Adds to the cart, up to the limits; begins a session if there is none. */
  add(productId: number, quantity: number): Promise<void>;
  /** Sets a quantity; 0 removes. */
  change(productId: number, quantity: number): Promise<void>;
  /** Remembers the order and empties the cart. */
  ordered(formKey: string, order: Order): Promise<void>;
}

export interface SessionStore {
  /** The session of the request, or an empty one that nothing is stored for yet. */
  open(context: Context): Promise<Session>;
}

/** Sessions in `store`, signed with `secret`, which all replicas share. */
export function openSessions(store: KeyValue, secret: string): SessionStore {
  return {
    async open(context) {
      const signed = await getSignedCookie(context, secret, COOKIE);
      return session(store, typeof signed === "string" ? signed : undefined, async (id) => {
        await setSignedCookie(context, COOKIE, id, secret, {
          path: "/",
          httpOnly: true,
          sameSite: "Lax",
          // The edge says how the client reached it; on plain http a Secure cookie would be dropped.
          secure: context.req.header("X-Forwarded-Proto") === "https",
          maxAge: SESSION_SECONDS,
        });
      });
    },
  };
}

function session(store: KeyValue, known: string | undefined, begun: (id: string) => Promise<void>): Session {
  let id = known;
  const begin = async (): Promise<string> => {
    if (id === undefined) {
      id = randomBytes(18).toString("base64url");
      await begun(id);
    }
    return `session:${id}`;
  };
  const fields = async (prefix: string): Promise<[string, string][]> => {
    if (id === undefined) return [];
    return Object.entries(await store.fields(`session:${id}`)).flatMap(([field, value]) =>
      field.startsWith(prefix) ? [[field.slice(prefix.length), value] as [string, string]] : [],
    );
  };
  const cart = async (): Promise<Map<number, number>> =>
    new Map((await fields("item:")).map(([productId, quantity]) => [Number(productId), Number(quantity)]));

  const change = async (productId: number, quantity: number): Promise<void> => {
    if (id === undefined) return;
    if (quantity <= 0) return store.removeFields(`session:${id}`, [`item:${productId}`]);
    const limited = String(Math.min(quantity, MAX_QUANTITY));
    await store.setField(`session:${id}`, `item:${productId}`, limited, SESSION_SECONDS);
  };
  return {
    cart,
    change,
    orders: async () =>
      (await fields("order:"))
        .toSorted(([, left], [, right]) => Number(right) - Number(left))
        .map(([order]) => order),
    orderOf: async (formKey) => (await fields("form:")).find(([key]) => key === formKey)?.[1],
    async add(productId, quantity) {
      const held = await cart();
      if (!held.has(productId) && held.size >= MAX_LINES) return;
      const sum = await store.addToField(await begin(), `item:${productId}`, quantity, SESSION_SECONDS);
      if (sum > MAX_QUANTITY) await change(productId, MAX_QUANTITY);
    },
    async ordered(formKey, order) {
      const key = await begin();
      await store.setField(key, `order:${order.id}`, String(Date.now()), SESSION_SECONDS);
      await store.setField(key, `form:${formKey}`, order.id, SESSION_SECONDS);
      await store.removeFields(
        key,
        order.items.map(({ productId }) => `item:${productId}`),
      );
    },
  };
}
