/**
 * Product pictures as SVG: a drawing of the kind in the colours of the line,
 * on a quiet stage. The archive turns a composition into WebP, JPEG or AVIF.
 */
import { DRAWINGS } from "./drawings.ts";

interface Palette {
  /** The wall behind, from the top left to the bottom right. */
  readonly wall: readonly [string, string];
  readonly floor: string;
  /** The product's body, from lit to shaded. */
  readonly body: readonly [string, string];
  readonly dark: string;
  readonly accent: string;
  readonly light: string;
  readonly wood: string;
}

const ALBA: Palette = {
  wall: ["#f3eee4", "#dfe6e6"],
  floor: "#d3d8d4",
  body: ["#eef2f2", "#a9b6ba"],
  dark: "#48565c",
  accent: "#e3a94f",
  light: "#fffaf0",
  wood: "#d9b98a",
};

const PALETTES: Readonly<Record<string, Palette>> = {
  alba: ALBA,
  norte: {
    wall: ["#dfe5ea", "#b8c6d2"],
    floor: "#9fb0bf",
    body: ["#5f7d95", "#2d465a"],
    dark: "#1c2a36",
    accent: "#e5674a",
    light: "#f0f4f6",
    wood: "#8d9aa5",
  },
  ocaso: {
    wall: ["#f6dcc4", "#e9a983"],
    floor: "#d58f6a",
    body: ["#c8603b", "#8a3620"],
    dark: "#3c2019",
    accent: "#f4c76a",
    light: "#fff1df",
    wood: "#6d4430",
  },
  brisa: {
    wall: ["#e5f1ee", "#b9d9d4"],
    floor: "#a0c8c2",
    body: ["#6fb7ae", "#34807c"],
    dark: "#1f4a4d",
    accent: "#f2907b",
    light: "#fbfdf8",
    wood: "#d8c7a6",
  },
  terra: {
    wall: ["#ece5d6", "#c9c2a3"],
    floor: "#b3ab88",
    body: ["#8b9a5b", "#53633a"],
    dark: "#2f3423",
    accent: "#d08a3c",
    light: "#f8f4e6",
    wood: "#b98d5c",
  },
};

/** For kinds that nobody has drawn yet: a parcel. */
const PARCEL = `<path class="w" d="M90 150H310V340H90Z"/><path class="l" d="M178 150h44v190h-44Z"/><path class="a" d="M70 110H330V156H70Z"/>`;

/** The picture of a product by its slug, `<line>-<kind>`: 800 by 800 units, nothing in it from outside. */
export function composition(slug: string): string {
  const [line = ""] = slug.split("-", 1);
  const palette = PALETTES[line] ?? ALBA;
  const drawing = DRAWINGS[slug.slice(line.length + 1)] ?? PARCEL;
  const { wall, floor, body } = palette;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800"><defs>
${gradient("wall", wall)}${gradient("body", body)}
<radialGradient id="glow"><stop offset="0" stop-color="#fff" stop-opacity=".75"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient>
<radialGradient id="shade"><stop offset="0" stop-color="#000" stop-opacity=".32"/><stop offset="1" stop-color="#000" stop-opacity="0"/></radialGradient>
<style>${styles(palette)}</style></defs>
<rect width="800" height="800" fill="url(#wall)"/>
<path d="M0 600Q400 560 800 600V800H0Z" fill="${floor}"/>
<circle cx="400" cy="330" r="330" fill="url(#glow)"/>
<ellipse cx="410" cy="664" rx="290" ry="36" fill="url(#shade)"/>
<g transform="translate(94 140) scale(1.53)">${drawing}</g></svg>`;
}

function gradient(id: string, [from, to]: readonly [string, string]): string {
  return `<linearGradient id="${id}" x2=".8" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient>`;
}

function styles({ dark, accent, light, wood, body }: Palette): string {
  const fills = { a: "url(#body)", b: dark, c: accent, l: light, w: wood, g: "#6f8f4e" };
  const lines = { sa: body[1], sb: dark, sc: accent, sl: light, sw: wood };
  return [
    ...Object.entries(fills).map(([name, colour]) => `.${name}{fill:${colour}}`),
    ...Object.entries(lines).map(
      ([name, colour]) => `.${name}{fill:none;stroke:${colour};stroke-linecap:round;stroke-linejoin:round}`,
    ),
  ].join("");
}
