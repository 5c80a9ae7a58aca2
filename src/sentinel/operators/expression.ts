import { RE2JS } from "re2js";
import type { PackageExpression } from "../package.ts";
import type { Matcher } from "./matcher.ts";

/** Compiles an expression for the engine that vetting chose for it. */
export function expressionMatcher(expression: PackageExpression): Matcher {
  switch (expression.engine) {
    case "native":
      return native(expression);
    case "short":
      return short(expression);
    default:
      return linear(expression);
  }
}

function native({ source, flags, weight, worst, burst }: PackageExpression): Matcher {
  const compiled = new RegExp(source, flags);
  return {
    weight,
    worst,
    burst,
    test: (text) => compiled.test(text),
    excerpt: (text) => compiled.exec(text)?.[0] ?? "",
    groups: (text) => compiled.exec(text) ?? [],
  };
}

function short(expression: PackageExpression): Matcher {
  const inner = native(expression);
  const cut = (text: string): string =>
    text.length > expression.limit ? text.slice(0, expression.limit) : text;
  return {
    ...inner,
    test: (text) => inner.test(cut(text)),
    excerpt: (text) => inner.excerpt(cut(text)),
    groups: (text) => inner.groups?.(cut(text)) ?? [],
  };
}

/** Compiled at the first use: most requests never need the slower engine. */
function linear({ source, flags, weight, worst, burst }: PackageExpression): Matcher {
  let compiled: RE2JS | null = null;
  const get = (): RE2JS => (compiled ??= RE2JS.compile(source, re2Flags(flags)));
  return {
    weight,
    worst,
    burst,
    test: (text) => get().test(text),
    excerpt: (text) => {
      const matcher = get().matcher(text);
      return matcher.find() ? (matcher.group() ?? "") : "";
    },
    groups: (text) => {
      const matcher = get().matcher(text);
      if (!matcher.find()) return [];
      return Array.from({ length: matcher.groupCount() + 1 }, (_none, at) => matcher.group(at) ?? undefined);
    },
  };
}

/** RE2's flags for JavaScript's `i` and `s`. */
export function re2Flags(flags: string): number {
  return (flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0) | (flags.includes("s") ? RE2JS.DOTALL : 0);
}
