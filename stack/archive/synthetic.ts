/** Large objects for tests: bytes that follow from their place, so that any part can be checked, streamed in pieces. */

const PIECE = 64 * 1024;
const MEGABYTE = 1024 * 1024;
const LARGEST = 4_096;

/** What the archive serves: made, or synthetic. */
export interface StoredObject {
  readonly size: number;
  readonly type: string;
  readonly etag: string;
  readonly lastModified: Date;
  /** The bytes from `start` to `end`, both included. */
  read(start: number, end: number): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** `/media/test/large-<megabytes>mb.bin`. The byte at offset n is `n * 31 + (n >> 8)`, modulo 256. */
export function syntheticObject(path: string): Omit<StoredObject, "lastModified"> | undefined {
  const megabytes = Number(/^\/media\/test\/large-([1-9]\d{0,3})mb\.bin$/.exec(path)?.[1] ?? Number.NaN);
  if (!(megabytes <= LARGEST)) return undefined;
  return {
    size: megabytes * MEGABYTE,
    type: "application/octet-stream",
    etag: `"synthetic-${megabytes}"`,
    read: streamBetween,
  };
}

/** The byte of every synthetic object at `offset`. */
export function syntheticByte(offset: number): number {
  return (offset * 31 + Math.floor(offset / 256)) & 0xff;
}

/** The bytes repeat with this period, so one computed period serves every piece. */
const PERIOD = 64 * 1024;
const period = Uint8Array.from({ length: PERIOD + PIECE }, (_, offset) => syntheticByte(offset));

function streamBetween(start: number, end: number): ReadableStream<Uint8Array> {
  let position = start;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const length = Math.min(PIECE, end + 1 - position);
      const from = position % PERIOD;
      if (length > 0) controller.enqueue(period.subarray(from, from + length));
      position += length;
      if (position > end) controller.close();
    },
  });
}
