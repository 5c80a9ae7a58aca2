import { z } from "zod";

const DAY = 86_400;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: DAY };
const SIZES: Readonly<Record<string, number>> = { KB: 1024, MB: 1_048_576 };

/** `90s`, `5m`, `2h`, `7d`, in seconds. */
const duration = z
  .string()
  .regex(/^\d{1,6}[smhd]$/, "not a duration; write it as 90s, 5m, 2h or 7d")
  .transform((text) => Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? 1))
  .refine((seconds) => seconds <= 365 * DAY, "longer than a year; write 365d or less");

const size = z
  .string()
  .regex(/^\d{1,6}(?:KB|MB)$/, "not a size; write it as 512KB or 32MB")
  .transform((text) => Number(text.slice(0, -2)) * (SIZES[text.slice(-2)] ?? 1));

const token = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "not a field name; use letters, digits and hyphens")
  .toLowerCase();
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "not a name; use lower-case letters, digits and hyphens");
const value = z.string().min(1).max(64).toLowerCase();

const path = z
  .string()
  .regex(/^\/[^\s?#\\;]*$/, "not a path pattern; begin with / and leave query and spaces out")
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

const cacheClass = z.strictObject({
  match: z.array(path).min(1, "matches nothing; list path patterns"),
  cache: z.enum(["yes", "never"]).default("yes"),
  query: z.union([z.literal("all"), z.array(z.string().min(1).max(64)).max(64)]).default([]),
  headers: z.union([z.literal("all"), z.array(token).max(32)]).default([]),
  dimensions: z.array(name).max(8).default([]),
  statuses: z
    .union([z.literal("all"), z.array(z.int().min(200).max(599)).min(1)])
    .default([200, 203, 204, 300, 301, 308, 404, 410]),
  types: z
    .union([z.literal("all"), z.array(z.string().regex(/^[a-z]+\/(?:\*|[a-z0-9.+-]+)$/)).min(1)])
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
      paths: z.array(z.string().regex(/^\/[^\s?#*]*\/$/, "not a folder; begin and end with /")).default([]),
      depth: z.int().min(1).max(5).default(3),
      count: z.int().min(1).max(256).default(64),
      deadline: duration.default(2),
    })
    .prefault({}),
  dimensions: z.record(name, dimension).default({}),
  classes: z.record(name, cacheClass),
});

export type CacheFile = z.output<typeof cacheFile>;
