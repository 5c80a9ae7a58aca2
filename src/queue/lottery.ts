/**
 * The draw at the start of an event. A ticket's lot is HMAC-SHA-256(seed, id);
 * SHA-256(seed) is published when the pre-queue opens and the seed at the start,
 * so that anybody can check that places were drawn, and his own.
 */
import { fromBase64Url, toBase64Url } from "./signing.ts";
import type { RoomEvent } from "./room-config.ts";

const encoder = new TextEncoder();

/** 256 random bits, base64url. */
export function newSeed(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

/** SHA-256 of the seed's bytes, base64url. @throws Error where `seed` is not base64url */
export async function commitment(seed: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(seed))));
}

/** The lot of a ticket: 0 (first) to 1, uniform. */
export type Lots = (id: string) => Promise<number>;

/** The draw of a seed: a lot is the first 48 bits of the ticket's MAC. @throws Error where `seed` is not base64url */
export function draw(seed: string): Lots {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = crypto.subtle.importKey("raw", bytesOf(seed), algorithm, false, ["sign"]);
  return async (id) => {
    const mac = new DataView(await crypto.subtle.sign("HMAC", await key, encoder.encode(id)));
    return (mac.getUint32(0) * 0x10000 + mac.getUint16(4)) / 0x1000000000000;
  };
}

/** Where a lot stands in line: within the pre-queue's time, so before everybody who came later. */
export function placeOfLot(event: RoomEvent, lot: number): number {
  return event.prequeueAt + lot * (event.startsAt - event.prequeueAt);
}

/** Whether a ticket takes part in a draw. */
export function isDrawn(event: RoomEvent | null, issuedAt: number): event is RoomEvent {
  return event !== null && event.shuffle && issuedAt < event.startsAt;
}

function bytesOf(seed: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(seed);
  if (bytes === null) throw new Error("the seed is not base64url");
  return bytes;
}
