/**
 * The objects: pictures and data sheets, made from the catalog when somebody
 * asks for them first and kept from then on (in a folder, or in memory).
 * What is hard here: two requests for a cold picture must encode it once, and
 * a name whose hash is not the current one must not be made at all.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { seedProducts, type SeedProduct } from "../catalog/index.ts";
import { composition } from "../catalog/art.ts";
import { dataSheetPath, IMAGE_FORMATS, IMAGE_WIDTHS, imagePath, type ImageFormat } from "../catalog/media.ts";
import { dataSheet } from "./data-sheet.ts";
import { type StoredObject, syntheticObject } from "./synthetic.ts";

export interface ObjectsOptions {
  /** Where made objects are kept; in memory without it. */
  readonly directory?: string;
  /** Whether `/media/test/large-<n>mb.bin` exists. */
  readonly testObjects?: boolean;
}

/** When the collection was last changed: objects are immutable, so one date serves all. */
const LAST_MODIFIED = new Date("2026-11-01T00:00:00Z");
/** Bytes of made objects kept in memory. */
const MEMORY_BYTES = 64 * 1024 * 1024;
const TYPES: Readonly<Record<ImageFormat, string>> = {
  webp: "image/webp",
  jpg: "image/jpeg",
  avif: "image/avif",
};

interface Maker {
  readonly type: string;
  readonly make: () => Promise<Buffer>;
}

/** Finds objects by the path they are served under. */
export function openObjects(options: ObjectsOptions): {
  find(path: string): Promise<StoredObject | undefined>;
} {
  const makers = index();
  const making = new Map<string, Promise<Buffer>>();
  const memory = memoryOf(MEMORY_BYTES);

  const bytesOf = async (path: string, { make }: Maker): Promise<Buffer> => {
    const held = memory.get(path);
    if (held !== undefined) return held;
    const pending = making.get(path) ?? kept(options.directory, path, make);
    making.set(path, pending);
    try {
      const bytes = await pending;
      memory.set(path, bytes);
      return bytes;
    } finally {
      making.delete(path);
    }
  };
  return {
    async find(path) {
      if (options.testObjects === true) {
        const synthetic = syntheticObject(path);
        if (synthetic !== undefined) return { ...synthetic, lastModified: LAST_MODIFIED };
      }
      const maker = makers.get(path);
      return maker === undefined ? undefined : stored(maker.type, await bytesOf(path, maker));
    },
  };
}

/** Every path there is, with what makes it. */
function index(): Map<string, Maker> {
  const makers = new Map<string, Maker>();
  for (const product of seedProducts()) {
    for (const width of IMAGE_WIDTHS) {
      for (const format of IMAGE_FORMATS) {
        makers.set(imagePath(product, width, format), {
          type: TYPES[format],
          make: () => encode(product, width, format),
        });
      }
    }
    makers.set(dataSheetPath(product), {
      type: "application/pdf",
      make: async () => dataSheet(product, await encode(product, 640, "jpg")),
    });
  }
  return makers;
}

async function encode(product: SeedProduct, width: number, format: ImageFormat): Promise<Buffer> {
  const image = sharp(Buffer.from(composition(product.slug)), { density: (72 * width) / 800 }).resize(
    width,
    width,
  );
  switch (format) {
    case "webp":
      return image.webp({ quality: 82 }).toBuffer();
    case "jpg":
      return image.jpeg({ quality: 84, mozjpeg: true }).toBuffer();
    case "avif":
      return image.avif({ quality: 60, effort: 2 }).toBuffer();
    default:
      return format satisfies never;
  }
}

/** The object from the folder, or made and put there: whole or not at all. */
async function kept(directory: string | undefined, path: string, make: Maker["make"]): Promise<Buffer> {
  if (directory === undefined) return make();
  // The path is one of the index's own keys, so its last part is a plain file name.
  const file = join(directory, path.slice(path.lastIndexOf("/") + 1));
  try {
    return await readFile(file);
  } catch {
    const bytes = await make();
    await mkdir(directory, { recursive: true });
    await writeFile(`${file}.${process.pid}`, bytes);
    await rename(`${file}.${process.pid}`, file);
    return bytes;
  }
}

function stored(type: string, bytes: Buffer): StoredObject {
  return {
    size: bytes.length,
    type,
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
    lastModified: LAST_MODIFIED,
    read: (start, end) => new Uint8Array(bytes.subarray(start, end + 1)),
  };
}

/** The objects asked for last, within `limit` bytes. */
function memoryOf(limit: number): {
  get(path: string): Buffer | undefined;
  set(path: string, bytes: Buffer): void;
} {
  const held = new Map<string, Buffer>();
  let size = 0;
  const drop = (path: string): void => {
    size -= held.get(path)?.length ?? 0;
    held.delete(path);
  };
  const set = (path: string, bytes: Buffer): void => {
    drop(path);
    held.set(path, bytes);
    size += bytes.length;
    for (const oldest of held.keys()) {
      if (size <= limit) return;
      drop(oldest);
    }
  };
  return {
    get(path) {
      const bytes = held.get(path);
      if (bytes !== undefined) set(path, bytes);
      return bytes;
    },
    set,
  };
}
