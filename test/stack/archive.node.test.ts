/** The Archive over real HTTP: what it makes, how it answers conditions and ranges, and what it never gives away. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createArchive } from "../../stack/archive/index.ts";
import { decideDelivery } from "../../stack/archive/ranges.ts";
import { syntheticByte } from "../../stack/archive/synthetic.ts";
import { seedProducts } from "../../stack/catalog/index.ts";
import { composition } from "../../stack/catalog/art.ts";
import { DRAWINGS } from "../../stack/catalog/drawings.ts";
import { dataSheetPath, IMAGE_FORMATS, IMAGE_WIDTHS, imagePath } from "../../stack/catalog/media.ts";
import { listen, type Listener } from "../../stack/compute.ts";

const [lamp] = seedProducts();
if (lamp === undefined) throw new Error("no products");
const picture = imagePath(lamp, 320, "webp");
let archive: Listener;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "archive-"));
  archive = await listen(createArchive({ directory, testObjects: true }).fetch);
});
afterAll(async () => {
  await archive.close();
  await rm(directory, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
  fetch(archive.url + path, { headers, method });
const bytes = async (answer: Response): Promise<Uint8Array> => new Uint8Array(await answer.arrayBuffer());

/** Sends the target as it is written: `fetch` would tidy it first. */
function raw(target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: archive.port, path: target }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}

describe("what it holds", () => {
  test("every product has a drawing, and names differ", () => {
    const products = seedProducts();
    const paths = products.map((product) => imagePath(product, 640, "webp"));
    expect(new Set(paths).size).toBe(200);
    expect(Object.keys(DRAWINGS).length).toBe(40);
    for (const { slug } of products)
      expect(Object.keys(DRAWINGS)).toContain(slug.slice(slug.indexOf("-") + 1));
    expect(composition("unheard-of")).toContain("<svg");
  });

  test.each(IMAGE_WIDTHS.flatMap((width) => IMAGE_FORMATS.map((format) => ({ width, format }))))(
    "a $format picture of $width pixels",
    async ({ width, format }) => {
      const answer = await get(imagePath(lamp, width, format));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("Content-Type")).toBe(format === "jpg" ? "image/jpeg" : `image/${format}`);
      expect(answer.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
      expect(answer.headers.get("ETag")).toMatch(/^"[\w-]{22}"$/);
      expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
      const image = await sharp(await bytes(answer)).metadata();
      expect([image.width, image.height]).toEqual([width, width]);
    },
  );

  test("a data sheet whose cross-references point at its objects", async () => {
    const answer = await get(dataSheetPath(lamp));
    expect(answer.headers.get("Content-Type")).toBe("application/pdf");
    const text = Buffer.from(await bytes(answer)).toString("latin1");
    expect(text.slice(0, 9)).toBe("%PDF-1.4\n");
    const table = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)?.[1]);
    const entries = [...text.slice(table).matchAll(/(\d{10}) 00000 n \n/g)].map((entry) => Number(entry[1]));
    expect(text.slice(table, table + 9)).toBe("xref\n0 9\n");
    expect(entries.map((offset) => text.slice(offset, offset + 7))).toEqual(
      Array.from({ length: 8 }, (_, index) => `${index + 1} 0 obj`),
    );
    for (const [, length, body] of text.matchAll(/\/Length (\d+) >>\nstream\n([^]*?)\nendstream/g)) {
      expect(body?.length).toBe(Number(length));
    }
  });

  test("a made object is kept under its name and served again with the same validator", async () => {
    const before = (await get(picture)).headers.get("ETag");
    expect(await readdir(directory)).toContain(picture.slice(picture.lastIndexOf("/") + 1));
    const restarted = createArchive({ directory });
    expect((await restarted.request(picture)).headers.get("ETag")).toBe(before);
  });

  test("an old hash is not made", async () => {
    expect((await get(picture.replace(/-[0-9a-f]{10}\./, "-0123456789."))).status).toBe(404);
  });

  test("no large test objects unless asked for", async () => {
    expect((await createArchive({}).request("/media/test/large-1mb.bin")).status).toBe(404);
  });
});

describe("what it never gives away", () => {
  const name = picture.slice("/media/products/".length);
  test.each([
    "/media/",
    "/media",
    "/media/products",
    "/media/products/",
    "/",
    "/etc/passwd",
    "/media/../etc/passwd",
    "/media/%2e%2e/etc/passwd",
    "/media/..%2fpackage.json",
    "/media/..\\package.json",
    `/media/products/../products/..%2f${name}`,
    `/media//products/${name}`,
    `/media/products/${name}%00.pdf`,
    `/media/products/${name}/`,
    `/media/products/${name.toUpperCase()}`,
    "/media/products/__proto__",
    "/media/test/large-0mb.bin",
    "/media/test/large-99999mb.bin",
    "/media/test/large-1e3mb.bin",
  ])("%s", async (target) => {
    expect([400, 404]).toContain(await raw(target));
  });

  test.each(["POST", "PUT", "DELETE", "PATCH"])("%s", async (method) => {
    const answer = await get(picture, {}, method);
    expect(answer.status).toBe(405);
    expect(answer.headers.get("Allow")).toBe("GET, HEAD");
  });
});

describe("ranges and conditions", () => {
  const large = "/media/test/large-1mb.bin";
  const size = 1024 * 1024;

  test.each([
    ["bytes=0-0", 206, 0, 0],
    ["bytes=100-199", 206, 100, 199],
    ["bytes=1048570-", 206, 1_048_570, size - 1],
    ["bytes=1048570-9999999", 206, 1_048_570, size - 1],
    ["bytes=-5", 206, size - 5, size - 1],
    ["bytes=-9999999", 206, 0, size - 1],
    ["BYTES=5-9", 206, 5, 9],
    ["bytes=65530-65550", 206, 65_530, 65_550],
    ["bytes=1048576-", 416, 0, 0],
    ["bytes=-0", 416, 0, 0],
    ["bytes=9-5", 200, 0, size - 1],
    ["bytes=0-1,5-6", 200, 0, size - 1],
    ["bytes=-", 200, 0, size - 1],
    ["bytes=a-b", 200, 0, size - 1],
    ["lines=0-5", 200, 0, size - 1],
    ["bytes=0-0x10", 200, 0, size - 1],
  ])("%s gives %i", async (range, status, first, last) => {
    const answer = await get(large, { Range: range });
    expect(answer.status).toBe(status);
    const body = await bytes(answer);
    if (status === 416) {
      expect(answer.headers.get("Content-Range")).toBe(`bytes */${size}`);
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
      return;
    }
    expect(body.length).toBe(last - first + 1);
    expect(answer.headers.get("Content-Length")).toBe(String(body.length));
    if (status === 206) expect(answer.headers.get("Content-Range")).toBe(`bytes ${first}-${last}/${size}`);
    expect([body[0], body.at(-1)]).toEqual([syntheticByte(first), syntheticByte(last)]);
  });

  test("HEAD tells everything and sends nothing", async () => {
    const whole = await get(large, {}, "HEAD");
    expect([whole.status, whole.headers.get("Content-Length")]).toEqual([200, String(size)]);
    expect((await bytes(whole)).length).toBe(0);
    const missing = await get("/media/nothing.jpg", {}, "HEAD");
    expect(missing.status).toBe(404);
  });

  test("conditions, in the order of RFC 9110", async () => {
    const etag = (await get(picture)).headers.get("ETag") ?? "";
    const date = (await get(picture)).headers.get("Last-Modified") ?? "";
    const old = "Mon, 01 Jan 2024 00:00:00 GMT";
    const cases: [Record<string, string>, number][] = [
      [{ "If-None-Match": etag }, 304],
      [{ "If-None-Match": `"x", W/${etag}` }, 304],
      [{ "If-None-Match": "*" }, 304],
      [{ "If-None-Match": '"x"' }, 200],
      [{ "If-None-Match": '"x"', "If-Modified-Since": date }, 200],
      [{ "If-Modified-Since": date }, 304],
      [{ "If-Modified-Since": old }, 200],
      [{ "If-Modified-Since": "yesterday" }, 200],
      [{ "If-Match": etag }, 200],
      [{ "If-Match": `W/${etag}` }, 412],
      [{ "If-Match": '"x"' }, 412],
      [{ "If-Unmodified-Since": old }, 412],
      [{ "If-Unmodified-Since": date }, 200],
      [{ Range: "bytes=0-1", "If-Range": etag }, 206],
      [{ Range: "bytes=0-1", "If-Range": `W/${etag}` }, 200],
      [{ Range: "bytes=0-1", "If-Range": '"x"' }, 200],
      [{ Range: "bytes=0-1", "If-Range": date }, 206],
      [{ Range: "bytes=0-1", "If-Range": old }, 200],
      [{ Range: "bytes=0-1", "If-None-Match": etag }, 304],
    ];
    const statuses = await Promise.all(cases.map(async ([headers]) => (await get(picture, headers)).status));
    expect(statuses).toEqual(cases.map(([, status]) => status));
    expect(cases.length).toBe(19);
  });

  test("any header text is decided without an exception and within the object", () => {
    const text = fc.string({ unit: "binary-ascii" }).map((value) => value.replaceAll(/[\0\r\n]/g, ""));
    const range = fc.oneof(
      text,
      fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    );
    fc.assert(
      fc.property(
        range,
        text,
        text,
        fc.integer({ min: 1, max: 5_000 }),
        (Range, IfRange, IfNoneMatch, length) => {
          const headers = new Headers({ Range, "If-Range": IfRange, "If-None-Match": IfNoneMatch });
          const delivery = decideDelivery(headers, { etag: '"e"', lastModified: new Date(0) }, length);
          if (delivery.status !== 206) return;
          expect(delivery.start).toBeGreaterThanOrEqual(0);
          expect(delivery.start).toBeLessThanOrEqual(delivery.end);
          expect(delivery.end).toBeLessThan(length);
        },
      ),
    );
  });

  test("two cold requests for one picture make it once", async () => {
    const cold = imagePath(lamp, 1280, "webp");
    const app = createArchive({});
    const answers = await Promise.all([app.request(cold), app.request(cold), app.request(cold)]);
    expect(new Set(answers.map((answer) => answer.headers.get("ETag"))).size).toBe(1);
  });
});
