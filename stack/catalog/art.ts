/**
 * Product pictures as SVG: a drawing of the kind in the colours of the line,
 * on a quiet stage. The archive turns a composition into WebP, JPEG or AVIF.
 */
import type { MediaSubject } from "./media.ts";

/** The picture of a product, 800 by 800 units, without text or anything from outside. */
export function composition(subject: MediaSubject): string {
  const line = subject.slug.split("-")[0] ?? "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800"><rect width="800" height="800" fill="#e8ddcf"/><circle cx="400" cy="380" r="${200 + line.length * 10}" fill="#b5651d"/></svg>`;
}
