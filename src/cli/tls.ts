import { type Server, type Socket, connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { generate } from "selfsigned";

/** First byte of a TLS record that opens a handshake (RFC 8446 section 5.1). */
const HANDSHAKE = 0x16;

export interface TlsFront {
  close(): Promise<void>;
}

/**
 * Terminates TLS with a self-signed certificate in front of workerd, on the port
 * that also takes plain HTTP (which the edge then redirects). Bytes are passed
 * on as they are: no HTTP is parsed here, so what the edge sees is what was sent.
 */
export async function listenTls(ports: {
  port: number;
  plainPort: number;
  securePort: number;
}): Promise<TlsFront> {
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], {
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const secure = createTlsServer({ key, cert, ALPNProtocols: ["http/1.1"] }, (socket) =>
    join(socket, ports.securePort),
  );
  secure.on("tlsClientError", (_error, socket) => socket.destroy());
  const open = new Set<Socket>();
  const front = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.once("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === HANDSHAKE) secure.emit("connection", socket);
      else join(socket, ports.plainPort);
    });
  });
  await listening(front, ports.port);
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        front.close(() => resolve());
      }),
  };
}

function join(client: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1");
  const drop = (): void => {
    client.destroy();
    upstream.destroy();
  };
  pipeline(client, upstream, (error) => error && drop());
  pipeline(upstream, client, (error) => error && drop());
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}
