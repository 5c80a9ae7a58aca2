/**
 * The names of the catalog's media. A name holds a hash of what the file is
 * made from, so it can be cached for ever: a changed picture is another name.
 */
import { createHash } from "node:crypto";
import { composition } from "./art.ts";

/** What a picture or a data sheet is about. */
export interface MediaSubject {
  readonly slug: string;
  readonly name: string;
  readonly category: string;
  readonly description: string;
}

export const IMAGE_WIDTHS = [320, 640, 1280] as const;
export const IMAGE_FORMATS = ["webp", "jpg", "avif"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** Raised when the encoder or the data sheet's layout changes: every name changes with it. */
const RENDITION = "1";
const hashes = new Map<string, string>();

/** Path of a product's picture, e.g. `/media/products/alba-desk-lamp-640-1f0c9a2b4d.webp`. */
export function imagePath(subject: MediaSubject, width: number, format: ImageFormat): string {
  return `/media/products/${subject.slug}-${width}-${hashOf(subject.slug, () => composition(subject.slug))}.${format}`;
}

/** Path of a product's data sheet, e.g. `/media/docs/alba-desk-lamp-8d0e21c3ff.pdf`. */
export function dataSheetPath(subject: MediaSubject): string {
  const text = `${subject.name}\n${subject.category}\n${subject.description}`;
  return `/media/docs/${subject.slug}-${hashOf(text, () => text)}.pdf`;
}

function hashOf(key: string, content: () => string): string {
  const known = hashes.get(key);
  if (known !== undefined) return known;
  const hash = createHash("sha256").update(RENDITION).update(content()).digest("hex").slice(0, 10);
  hashes.set(key, hash);
  return hash;
}
