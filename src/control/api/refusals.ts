/** What is well-formed and refused all the same, with what to do about it. */
import { EdgeError } from "../../http/errors.ts";

/** An override of what is not there would hold nothing, and nobody would notice. */
export function requireRule(rule: string, names: ReadonlySet<string> | null, active: string | null): void {
  if (names === null || names.has(rule)) return;
  const detail = `The rules in force (${active ?? "the built-in ones"}) have no ${rule.startsWith("tag:") ? rule : `rule ${rule}`}; correct the name, or publish the rules that have it first.`;
  throw refusal("payload-invalid", 400, detail);
}

/** A purge of what cannot be there would succeed and do nothing. */
export function requireTag(tag: string): void {
  if (/[\s,]/.test(tag))
    throw refusal(
      "payload-invalid",
      400,
      `No tag is ${tag}: commas and spaces part tags; give them one by one.`,
    );
}

export function requireOwnUrl(url: string, ownOrigins: readonly string[]): void {
  const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]?.toLowerCase();
  if (authority === undefined || ownOrigins.some((origin) => origin.endsWith(`://${authority}`))) return;
  const detail = `${authority} is not this store; give an address of ${ownOrigins[0] ?? "it"}, or a path.`;
  throw refusal("payload-invalid", 400, detail);
}

export function refusal(
  code: EdgeError["code"],
  status: number,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): EdgeError {
  return new EdgeError({ code, source: "client", status, detail, extensions });
}
