/** The objects behind the ports. */
import type { GatePort, RoomPort } from "./ports.ts";

/** The room object of a name, as its port. */
export function roomPort(namespace: DurableObjectNamespace, room: string): RoomPort {
  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is RoomObject that wrangler.toml binds
  return namespace.get(namespace.idFromName(room)) as unknown as RoomPort;
}

/** A gate of a room, as its port. */
export function gatePort(namespace: DurableObjectNamespace, room: string, index: number): GatePort {
  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is GateObject that wrangler.toml binds
  return namespace.get(namespace.idFromName(`${room}/${index}`)) as unknown as GatePort;
}
