import * as bit from "../engine/signature.ts";
import { base64Decode, hexDecode, sqlHexDecode } from "./base64.ts";
import { removeComments, sqlComments } from "./comments.ts";
import { cDecode, jsDecode } from "./escapes.ts";
import { cssDecode, htmlDecode } from "./markup.ts";
import { normalizePath, normalizePathWindows } from "./path.ts";
import { formDecode, percentDecode, percentDecodeWide } from "./percent.ts";
import { shell } from "./shell.ts";
import * as text from "./text.ts";
import { utf8Decode } from "./utf8.ts";

/** Pure, total, and at most linear in its input. */
export interface Transformation {
  /** Bits of the signature without any of which the text stays as it is; 0: it may always change. */
  readonly needs: number;
  readonly apply: (text: string) => string;
}

const ALWAYS = 0;

/** Every transformation by the name that rules use. */
export const TRANSFORMATIONS: ReadonlyMap<string, Transformation> = new Map(
  Object.entries({
    lowercase: { needs: bit.UPPER, apply: text.lowercase },
    trim: { needs: bit.SPACE, apply: text.trim },
    "trim-left": { needs: bit.SPACE, apply: text.trimLeft },
    "trim-right": { needs: bit.SPACE, apply: text.trimRight },
    length: { needs: ALWAYS, apply: text.length },
    "compress-whitespace": { needs: bit.WIDE_SPACE, apply: text.compressWhitespace },
    "remove-whitespace": { needs: bit.SPACE, apply: text.removeWhitespace },
    "remove-nulls": { needs: bit.NUL, apply: text.removeNulls },
    "replace-nulls": { needs: bit.NUL, apply: text.replaceNulls },
    "percent-decode": { needs: bit.PERCENT, apply: percentDecode },
    "form-decode": { needs: bit.PERCENT | bit.PLUS, apply: formDecode },
    "percent-decode-wide": { needs: bit.PERCENT | bit.PLUS, apply: percentDecodeWide },
    "html-decode": { needs: bit.AMPERSAND, apply: htmlDecode },
    "js-decode": { needs: bit.BACKSLASH, apply: jsDecode },
    "css-decode": { needs: bit.BACKSLASH, apply: cssDecode },
    "c-decode": { needs: bit.BACKSLASH, apply: cDecode },
    "base64-decode": { needs: ALWAYS, apply: base64Decode },
    "hex-decode": { needs: ALWAYS, apply: hexDecode },
    "sql-hex-decode": { needs: bit.DIGIT, apply: sqlHexDecode },
    "utf8-decode": { needs: bit.HIGH, apply: utf8Decode },
    "sql-comments": { needs: bit.STAR, apply: sqlComments },
    "remove-comments": { needs: bit.STAR | bit.DASH | bit.HASH, apply: removeComments },
    "normalize-path": { needs: bit.SLASH, apply: normalizePath },
    "normalize-path-windows": { needs: bit.SLASH | bit.BACKSLASH, apply: normalizePathWindows },
    shell: {
      needs:
        bit.DOLLAR |
        bit.BACKSLASH |
        bit.QUOTE |
        bit.CARET |
        bit.WIDE_SPACE |
        bit.COMMA |
        bit.UPPER |
        bit.SLASH |
        bit.PAREN,
      apply: shell,
    },
  }),
);
