/** The local autoscaler: follows the signal, survives its loss, never does two things at once. */
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { edgeSignal, startAutoscaler, type AutoscalerOptions } from "../../stack/autoscaler.ts";

function fleet(start: number): AutoscalerOptions["target"] & { readonly calls: number[] } {
  let count = start;
  const calls: number[] = [];
  return {
    calls,
    replicas: () => count,
    async scale(wanted) {
      calls.push(wanted);
      count = wanted;
    },
  };
}

test("replicas follow the signal, and an unchanged signal changes nothing", async () => {
  const target = fleet(2);
  const signals = [2, 5, 5, 3, 10_000];
  const changes: [number, number][] = [];
  const scaler = startAutoscaler({
    target,
    desired: async () => signals.shift() ?? 2,
    interval: 1e6,
    changed: (...change) => changes.push(change),
  });
  for (let look = 0; look < 5; look++) await scaler.step();
  await scaler.close();
  expect(changes).toEqual([
    [2, 5],
    [5, 3],
    [3, 64],
  ]);
});

test("a signal that is lost leaves the replicas as they are", async () => {
  const target = fleet(4);
  const scaler = startAutoscaler({
    target,
    desired: () => Promise.reject(new Error("edge down")),
    interval: 1e6,
  });
  await scaler.step();
  await scaler.close();
  expect(target.calls).toEqual([]);
});

test("looks that overlap are one", async () => {
  const target = fleet(1);
  const gate = Promise.withResolvers<number>();
  const scaler = startAutoscaler({ target, desired: () => gate.promise, interval: 1e6 });
  const steps = [scaler.step(), scaler.step(), scaler.step()];
  gate.resolve(3);
  await Promise.all(steps);
  await scaler.close();
  expect(target.calls).toEqual([3]);
});

test("asks the edge with its token, and takes nothing but a sound answer", async () => {
  const answers = ['{"desired": 6, "total": 390}', '{"desired": "many"}', "<html>", '{"desired": 0}'];
  const asked: (string | undefined)[] = [];
  const edge = createServer((request, response) => {
    asked.push(request.url, request.headers.authorization);
    response.end(answers.shift());
  });
  await new Promise<void>((resolve) => edge.listen(0, "127.0.0.1", resolve));
  const address = edge.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const signal = edgeSignal(`http://127.0.0.1:${port}`, "secret");
  expect(await signal(4)).toBe(6);
  expect(asked).toEqual(["/_edge/api/autoscale?replicas=4", "Bearer secret"]);
  for (let bad = 0; bad < 3; bad++) await expect(signal(4)).rejects.toThrow();
  await new Promise((resolve) => edge.close(resolve));
});
