const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const LONG_DAY = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";

const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d{2}) ([a-z]{3}) (\\d{4}) ${TIME} gmt$`, "i");
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-([a-z]{3})-(\\d{2}) ${TIME} gmt$`, "i");
const ASCTIME = new RegExp(`^${DAY} ([a-z]{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`, "i");
const CENTURY = 100;
const FUTURE_YEARS = 50;

/**
 * An HTTP-date (RFC 9110 section 5.6.7: IMF-fixdate, RFC 850, asctime) in ms,
 * letter case aside; undefined for anything else, as a lenient reading of a bad
 * `Expires` would serve what the origin meant to be stale.
 */
export function parseHttpDate(text: string | null, now: number): number | undefined {
  if (text === null) return undefined;
  const imf = IMF_FIXDATE.exec(text);
  if (imf) return instant(imf[3], imf[2], imf[1], imf.slice(4, 7));
  const rfc850 = RFC_850.exec(text);
  if (rfc850)
    return instant(String(fullYear(Number(rfc850[3]), now)), rfc850[2], rfc850[1], rfc850.slice(4, 7));
  const asctime = ASCTIME.exec(text);
  if (asctime) return instant(asctime[6], asctime[1], asctime[2]?.trim(), asctime.slice(3, 6));
  return undefined;
}

/** RFC 9110 section 5.6.7: a two-digit year more than 50 years ahead is of the past century. */
function fullYear(year: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const full = thisYear - (thisYear % CENTURY) + year;
  return full > thisYear + FUTURE_YEARS ? full - CENTURY : full;
}

function instant(
  year?: string,
  month?: string,
  day?: string,
  time: readonly string[] = [],
): number | undefined {
  const monthIndex = MONTHS.indexOf((month ?? "").toLowerCase());
  const [hour, minute, second] = time.map(Number);
  if (monthIndex < 0 || hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const at = Date.UTC(Number(year), monthIndex, Number(day), hour, minute, second);
  return new Date(at).getUTCDate() === Number(day) || second === 60 ? at : undefined;
}
