/** The form of rules/routes.yaml, as its authors write it. */
import { z } from "zod";

/** `/a` or `/a/*`, in the form that a canonical path has. */
const pathPattern = z
  .string()
  .regex(
    /^\/(?:(?:[A-Za-z0-9_~-][A-Za-z0-9._~!$&'()+,=:@-]*\/)*(?:[A-Za-z0-9_~-][A-Za-z0-9._~!$&'()+,=:@-]*|\*)?)$/,
    "not a path pattern; write /a for one path or /a/* for it and everything below, without escapes, query or other wildcards",
  )
  .refine((path) => path !== "/*", "would take every path; name the paths, or use `page` for all others");

const prefixPattern = pathPattern.refine((path) => path.endsWith("/*"), "not a folder; end it in /*");

const paths = z.array(pathPattern).min(1, "no path; list at least one");

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  B: 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
};

function quantity(text: string, units: string): number {
  const match = new RegExp(`^(\\d{1,9})(${units})$`).exec(text);
  return Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
}

/** Text such as `300ms`, `10s` or `2m` to milliseconds, 1 ms to 10 minutes. */
const duration = z
  .string("not a duration; write it as 300ms, 10s or 2m")
  .transform((text) => quantity(text, "ms|s|m"))
  .refine((ms) => ms >= 1 && ms <= 600_000, "not a duration up to 10m; write it as 300ms, 10s or 2m");

/** Text such as `64KB` or `10MB` to bytes. */
const size = z
  .string("not a size; write it as 64KB or 10MB")
  .transform((text) => quantity(text, "B|KB|MB|GB"))
  .refine((bytes) => bytes >= 1, "not a size; write it as 64KB or 10MB");

const limits = { deadline: duration, try: duration };

const backoff = z.strictObject({
  after: z.int().min(1, "must be at least 1; give a number of failures in a row").max(1000),
  for: duration,
  at_most: duration,
});

const mediaPattern = z
  .string()
  .regex(
    /^[a-z0-9.+-]+\/(?:\*|[a-z0-9.+-]+)$/,
    "not a media type; write it in lower case as image/* or application/pdf",
  );

/** A field value that goes out as it is: no control bytes, nothing that could end a header. */
const fieldValue = z
  .string()
  .regex(/^[\x20-\x7e]{1,500}$/, "not a header value; use 1 to 500 printable ASCII characters");

export const routesSchema = z.strictObject({
  private: paths,
  media: z.strictObject({ paths, ...limits }),
  classes: z.array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,30}$/, "not a route class; use lower-case letters, digits and hyphens"),
      paths,
      ...limits,
    }),
  ),
  page: z.strictObject(limits),
  origin: z.strictObject({
    retry: z.strictObject({
      percent: z
        .number("not a number of percent; write 0 to 100 without a unit")
        .min(0)
        .max(100, "more than every request; give 0 to 100"),
      reserve: z.int().min(0).max(10_000),
    }),
    eject: backoff,
    breaker: backoff,
    stall: duration,
  }),
  compute: z.strictObject({
    large_body: size,
    refused_types: z.array(mediaPattern),
    except: z.array(pathPattern),
    moved: z.array(z.strictObject({ from: prefixPattern, to: prefixPattern })),
  }),
  headers: z.strictObject({
    hsts: fieldValue.refine(
      (value) => /^max-age=\d+/i.test(value),
      "no max-age; begin with max-age=<seconds>",
    ),
    frame_ancestors: fieldValue.refine(
      (value) => !/[;,]/.test(value),
      "more than one directive; give sources only",
    ),
    referrer_policy: z.enum(
      [
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
      ],
      "not a referrer policy; use one of the W3C Referrer Policy's values",
    ),
  }),
});

export type RoutesFile = z.output<typeof routesSchema>;
