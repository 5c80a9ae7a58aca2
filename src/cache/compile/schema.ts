import { z } from "zod";
import { canonicalize } from "../../http/canonical.ts";
import { isAmbiguous } from "../classify.ts";

const DAY = 86_400;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: DAY };
const SIZES: Readonly<Record<string, number>> = { KB: 1024, MB: 1_048_576 };

/** `90s`, `5m`, `2h`, `7d`, in seconds. */
const NO_DURATION = "not a duration; write it as 90s, 5m, 2h or 7d";
const duration = z
  .string(NO_DURATION)
  .regex(/^\d{1,6}[smhd]$/, NO_DURATION)
  .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 1))
  .refine((seconds) => seconds <= 365 * DAY, "longer than a year; write 365d or less");

const NO_SIZE = "not a size; write it as 512KB or 32MB";
const size = z
  .string(NO_SIZE)
  .regex(/^[1-9]\d{0,5}(?:KB|MB)$/, NO_SIZE)
  .transform((text) => Number(text.slice(0, -2)) * (SIZES[text.slice(-2)] ?? 1));

const token = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "not a field name; use letters, digits and hyphens")
  .toLowerCase();
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "not a name; use lower-case letters, digits and hyphens");
const value = z.string().min(1).max(64).toLowerCase();

/** Whether a request can have this path as the cache sees it: any other would never match. */
function canMatch(path: string): boolean {
  return canonicalize(`https://-${path}`).path === path && !isAmbiguous(path);
}

const NO_MATCH =
  "no request has such a path; write it as edge cache explain shows it (/caf%C3%A9, no // or ..)";

const path = z
  .string()
  .regex(/^\/[^\s?#\\;]*$/, "not a path pattern; begin with / and leave query and spaces out")
  .refine(canMatch, NO_MATCH)
  .refine(
    (pattern) => !/\*[^/*]/.test(pattern) && !/\*\*\/./.test(pattern) && !/\*{3}/.test(pattern),
    "a pattern by suffix lets /account/x.css be cached (web cache deception); name the folder, as in /static/**",
  );

const dimension = z
  .strictObject({
    header: token.optional(),
    cookie: token.optional(),
    values: z.array(value).max(64).default([]),
    contains: z.record(value, z.array(value).min(1).max(64)).default({}),
    default: value,
  })
  .refine(
    (given) => (given.header === undefined) !== (given.cookie === undefined),
    "names a header and a cookie, or neither; give exactly one",
  )
  .refine(
    (given) => given.values.length > 0 || Object.keys(given.contains).length > 0,
    "has no values; list those that responses differ by",
  );

const NEVER_STORED: readonly number[] = [206, 304, 412, 416];

const cacheClass = z.strictObject({
  match: z.array(path).min(1, "matches nothing; list path patterns"),
  cache: z
    .enum(["yes", "never"], "neither yes nor never; write never for what is not to be kept")
    .default("yes"),
  query: z
    .union(
      [z.literal("all"), z.array(z.string().min(1).max(64)).max(64)],
      "neither a list of parameters nor `all`; write [q, page] or all",
    )
    .default([]),
  headers: z
    .union(
      [z.literal("all"), z.array(token).max(32)],
      "neither a list of header names nor `all`; write [accept-language] or all",
    )
    .default([]),
  dimensions: z.array(name).max(8).default([]),
  statuses: z
    .union(
      [
        z.literal("all"),
        z
          .array(
            z
              .int()
              .min(200)
              .max(599)
              .refine(
                (status) => !NEVER_STORED.includes(status),
                "never kept, as it answers somebody's own question; remove it",
              ),
          )
          .min(1),
      ],
      "neither a list of statuses nor `all`; write [200, 404]",
    )
    .default([200, 203, 204, 300, 301, 308, 404, 410]),
  types: z
    .union(
      [
        z.literal("all"),
        z
          .array(
            z
              .string()
              .regex(
                /^[a-z]+\/(?:\*|[a-z0-9.+-]+)$/,
                "not a media type; write it in lower case as image/* or text/html",
              ),
          )
          .min(1),
      ],
      "neither a list of media types nor `all`; write [text/html, image/*] in lower case",
    )
    .default("all"),
  "follow-client-directives": z.boolean().default(false),
  lifetime: z
    .strictObject({
      default: duration.nullable().default(null),
      max: duration.nullable().default(null),
      heuristic: z.boolean().default(false),
      negative: duration.nullable().default(null),
    })
    .prefault({}),
  stale: z
    .strictObject({ "while-revalidate": duration.default(0), "if-error": duration.default(0) })
    .prefault({}),
  jitter: z.int().min(0).max(50, "more than half; write a share of 0 to 50 percent").default(0),
  fragments: z.boolean().default(false),
});

/** The shape of `rules/cache.yaml`. */
export const cacheFile = z.strictObject({
  version: z.literal(1, "unknown version; write 1"),
  limits: z.strictObject({ memory: size.default(33_554_432), object: size.default(2_097_152) }).prefault({}),
  fragments: z
    .strictObject({
      paths: z
        .array(
          z
            .string()
            .regex(/^\/[^\s?#*]*\/$/, "not a folder; begin and end with /")
            .refine(canMatch, NO_MATCH),
        )
        .default([]),
      depth: z.int().min(1).max(5).default(3),
      count: z.int().min(1).max(256).default(64),
      deadline: duration
        .refine(
          (seconds) => seconds >= 1 && seconds <= 60,
          "no time to fetch anything, or too much; write 1s to 60s",
        )
        .default(2),
    })
    .prefault({}),
  dimensions: z.record(name, dimension).default({}),
  classes: z.record(name, cacheClass),
});

export type CacheFile = z.output<typeof cacheFile>;
