/** Conditional and range requests (RFC 9110 sections 13 and 14) for one strong validator: decided first, sent after. */

export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

export type Delivery =
  | { readonly status: 200 | 304 | 412 }
  | { readonly status: 416 }
  /** Bytes `start` to `end`, both included. */
  | { readonly status: 206; readonly start: number; readonly end: number };

/** What a GET or HEAD with these headers gets of an object of `size` bytes. */
export function decideDelivery(headers: Headers, { etag, lastModified }: Validators, size: number): Delivery {
  const modified = Math.floor(lastModified.getTime() / 1_000);
  const ifMatch = headers.get("If-Match");
  const ifUnmodified = seconds(headers.get("If-Unmodified-Since"));
  if (
    ifMatch !== null ? !matches(ifMatch, etag, true) : ifUnmodified !== undefined && modified > ifUnmodified
  ) {
    return { status: 412 };
  }
  const ifNoneMatch = headers.get("If-None-Match");
  const ifModified = seconds(headers.get("If-Modified-Since"));
  if (
    ifNoneMatch !== null
      ? matches(ifNoneMatch, etag, false)
      : ifModified !== undefined && modified <= ifModified
  ) {
    return { status: 304 };
  }
  const range = headers.get("Range");
  if (range === null || !rangeStillHolds(headers.get("If-Range"), etag, modified)) return { status: 200 };
  return decideRange(range, size);
}

/** One range is honoured; several, another unit or a malformed one mean the whole object (section 14.2). */
function decideRange(range: string, size: number): Delivery {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(range);
  const [first, last] = [match?.[1] ?? "", match?.[2] ?? ""];
  if (first === "" && last === "") return { status: 200 };
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? { status: 416 } : { status: 206, start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return { status: 200 };
  if (start >= size) return { status: 416 };
  return { status: 206, start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}

/** If-Range takes a strong validator only; a date counts when it is exactly the object's. */
function rangeStillHolds(ifRange: string | null, etag: string, modified: number): boolean {
  if (ifRange === null) return true;
  const validator = ifRange.trim();
  return validator.endsWith('"') ? validator === etag : seconds(validator) === modified;
}

function matches(list: string, etag: string, strong: boolean): boolean {
  if (list.trim() === "*") return true;
  return [...list.matchAll(/(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)].some(
    ([, weak, tag]) => tag === etag && !(strong && weak !== undefined),
  );
}

function seconds(date: string | null): number | undefined {
  const time = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1_000);
}
