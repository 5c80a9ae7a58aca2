/** What operators may say to control, and what is refused of it by shape alone. */
import * as z from "zod"; // the namespace: `{ z }` would bring all of its languages along
import { reasonSchema } from "../../http/operator.ts";

const MAX_PURGED = 4096;

const LASTING: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WEEK_MS = 7 * 86_400_000;

/** "90s", "30m", "8h", "2d" as ms. */
const durationSchema = z
  .string()
  .regex(/^[1-9]\d{0,5}[smhd]$/, "is not a duration; write it as 90s, 30m, 8h or 2d")
  .transform((text) => Number(text.slice(0, -1)) * (LASTING[text.slice(-1)] ?? 0))
  .refine((ms) => ms <= WEEK_MS, "is longer than 7d; make it shorter, or lasting");

const meta = { reason: reasonSchema, version: z.int().min(0).optional() };
const ruleId = z.string().regex(/^(?:tag:)?[A-Za-z0-9._/-]{1,64}$/, "is not a rule id or tag:name");
const path = z
  .string()
  .max(1024)
  .regex(/^\/[^*\s]*(?<=\/)\*$|^\/[^*\s]*$/, "is not a path; write /exact or /under/*");

export const modeInput = z.strictObject({
  ...meta,
  mode: z.enum(["block", "monitor"]),
  for: durationSchema.optional(),
});

export const overrideInput = z
  .strictObject({
    ...meta,
    rule: ruleId.optional(),
    path: path.optional(),
    /** null takes the override away. */
    action: z.enum(["block", "monitor", "off"]).nullable(),
    for: durationSchema.optional(),
  })
  .refine(
    (input) => (input.rule === undefined) !== (input.path === undefined),
    "must name a rule or a path, and not both",
  );

const values = (longest: number) => z.array(z.string().min(1).max(longest)).min(1).max(MAX_PURGED).optional();
export const purgeInput = z
  .strictObject({
    reason: reasonSchema,
    tags: values(1024),
    urls: values(8192),
    prefixes: values(8192),
    all: z.literal(true).optional(),
    soft: z.boolean().default(false),
  })
  .refine(
    ({ tags, urls, prefixes, all }) => (tags ?? urls ?? prefixes ?? all) !== undefined,
    "names nothing to purge; give tags, urls, prefixes or all",
  );

export const roomName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "is not a room's name");
/** The settings themselves are judged by the rooms' desk. */
export const roomInput = z.looseObject(meta);

export const rulesInput = z.strictObject({
  ...meta,
  package: z.union([z.string().min(1), z.record(z.string(), z.unknown())]),
});
export const rollbackInput = z.strictObject({
  ...meta,
  to: z
    .string()
    .regex(
      /^[0-9a-f]{64}$/,
      "is no version of a rules package; give the 64 digits that GET /rules lists, or null",
    )
    .nullable()
    .optional(),
});
export const undoInput = z.strictObject({ reason: reasonSchema, version: z.int().min(1) });
export const auditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.coerce.number().int().min(1).optional(),
  /** `false` leaves out purges, of which a busy store makes many. */
  purges: z.enum(["true", "false"]).default("true"),
});
