/**
 * Command injection by reading the text as a shell would (shell-words.ts). What expressions over the bytes cannot see
 * is a command whose name or argument is torn: `c''at`, `/???/p?ss[w]d`, `a=c;b=at;$a$b x`. A word that has to be put together
 * and then is a program, at the place of a command and with arguments of one, is no prose; `rock'n'roll cd` is.
 */
import * as bit from "../engine/signature.ts";
import { globbedFile, globbedName, nameKind, type NameKind, systemFile, WRAPPERS } from "./command-names.ts";
import { type Detect, free, type Seen, type Spend } from "./spend.ts";
import { see } from "./vocabulary.ts";
import { type CommandVisitor, type ShellCommand, type ShellWord, visitCommands } from "./shell-words.ts";

/** What tears a word wherever it stands, what does behind a slash, and what separates commands. */
const TEARING = bit.DOLLAR | bit.BACKSLASH | bit.CARET | bit.BACKTICK | bit.BRACE;
const WILDCARD = bit.QUESTION | bit.STAR;
const SEPARATING =
  bit.SEMICOLON | bit.BAR | bit.AMPERSAND | bit.BACKTICK | bit.ANGLE | bit.PAREN | bit.BRACE | bit.DOLLAR;
/** One of these is in every torn command. Each begins with the char that tears, so that most of a text is passed over. */
const TORN =
  /\$[@*#?!_$0-9{(a-z]|(?<=[a-z])(?:\x27{2}|"{2}|`{2})|(?:\x27{2}|"{2}|`{2})[a-z]|(?<=[a-z/])[\x27"][a-z0-9/]{1,12}[\x27"]|[\x27"][a-z0-9/]{1,12}[\x27"][a-z/]|[\\^][a-z]|\/[a-z]{0,12}[?*[]|\{(?:,[a-z]|[a-z]{2,12},)/i;
/** A plus sign beside a separator is a space that was encoded as forms do. */
const FORM_SPACE = /[;|&]\+|\+[;|&]/;
/** Or nothing but a value stands before the separator. */
const LEADING = /^\s{0,4}["\x27]?[\w.:/-]{0,80}["\x27)]?\s{0,4}(?:[;|&]|\$\()[\s({|&]{0,6}[a-z.]/i;
const SEPARATOR = /[;|&`<>({]/;
const ARGUMENT = /[\s<>](?:--?[a-z]|\/[a-z]|\.{1,2}\/|~\/|https?:|ftp:|\d{1,3}\.\d)/i;

/**
 * The sign of command injection in a text, or null.
 *
 * @returns for example `torn-name`
 */
export const detectCommand: Detect = (value, spend = free, seen = see(value)) => {
  spend(value.length * COST.telling);
  if (value.length < 4 || !mayCommand(value, seen)) return null;
  const text =
    value.includes("+") && (!value.includes(" ") || FORM_SPACE.test(value))
      ? value.replaceAll("+", " ")
      : value;
  spend(value.length * COST.reading);
  return visitCommands(text, judge(text, spend));
};

/** Whether there may be a command worth reading: most of these expressions need not be asked. */
function mayCommand(value: string, { signature, repeated }: Seen): boolean {
  const torn =
    (signature & TEARING) !== 0 ||
    // One quote alone is an apostrophe.
    (repeated & bit.QUOTE) !== 0 ||
    ((signature & WILDCARD) !== 0 && (signature & bit.SLASH) !== 0);
  if (torn && TORN.test(value)) return true;
  if ((signature & SEPARATING) === 0) return false;
  return LEADING.test(value) || (SEPARATOR.test(value) && ARGUMENT.test(value));
}

/** Units a char that each pass takes, and a word with wildcards that is held against all names. */
const COST = { telling: 4, reading: 30, wildcards: 1_500 };

/** What a plain command must stand behind: in prose and manuals they stand in brackets, back quotes and lines of their own. */
const SEPARATORS: ReadonlySet<string> = new Set([";", "|", "&", "&&", "$("]);

/** Judges the commands of one text in turn. */
function judge(text: string, spend: Spend): CommandVisitor {
  let place: Place = "first";
  return (command) => {
    for (const { glob } of command.words) if (glob) spend(COST.wildcards);
    const sign =
      signOf(command) ?? (isWholeLine(command, placeOf(place, command), text) ? "whole-line" : null);
    place = nextPlace(place, command);
    return sign;
  };
}

/** Where a command stands: first of the text, behind nothing but a number or a host, or anywhere else. */
type Place = "first" | "behind-value" | "behind-separator" | "within";

function placeOf(place: Place, { opener }: ShellCommand): Place {
  return place === "first" && opener !== "^" ? "behind-separator" : place;
}

function nextPlace(place: Place, { opener, words }: ShellCommand): Place {
  const value = place === "first" && opener === "^" && words.length === 1 && VALUE.test(words[0]?.text ?? "");
  return value ? "behind-value" : "within";
}

const VALUE = /^(?:\d[\d.:]{0,40}|[\w-]{1,60}(?:\.[\w-]{1,60}){1,6}(?:\/.{0,60})?)$/;

/**
 * Whether a command is all there is behind a separator that nothing stands before. Nobody begins a search with `;`
 * and a program's name; lists do (`en;nl;de`, `| date | sort |`), so names of two letters and tables say nothing.
 */
function isWholeLine({ opener, words: all }: ShellCommand, place: Place, text: string): boolean {
  if (place === "first" || place === "within" || !SEPARATORS.has(opener)) return false;
  const words = upToComment(all);
  const at = commandAt(words);
  const name = words[at]?.text ?? "";
  const kind = nameKind(name);
  if (kind === undefined || (opener === "|" && text.split("|", 4).length > 3)) return false;
  const rest = words.length - at - 1;
  if (place === "behind-value") return kind !== "word" && opener !== "|" && name.length > 2 && rest < 6;
  if (kind === "word") return opener !== "&" && rest < 4;
  return rest < 6 && (name.length > 2 || rest > 0 || at > 0 || text.split(";", 3).length < 3);
}

function signOf({ opener, words: all }: ShellCommand): string | null {
  if (all.some(isTornFile)) return "torn-file";
  const words = upToComment(all);
  const at = commandAt(words);
  const word = words[at];
  if (word === undefined) return null;
  const rest = words.slice(at + 1);
  const hidden = (word.torn || opener === "{") && /[a-z]/.test(word.text);
  const name = programOf(word);
  const kind = name === undefined ? undefined : nameKind(name);
  if (name === undefined || kind === undefined) return null;
  if (word.glob) return "wildcard-name";
  if (hidden && isCommandLine(kind, opener, rest)) return "torn-name";
  if (SEPARATORS.has(opener) && rest.some(kind === "word" ? isSystemRedirection : isSystemArgument))
    return "separated-command";
  return null;
}

function upToComment(words: readonly ShellWord[]): readonly ShellWord[] {
  const comment = words.findIndex(({ text }) => text.startsWith("#"));
  return comment < 0 ? words : words.slice(0, comment);
}

/** Behind the wrappers, their options and assignments. */
function commandAt(words: readonly ShellWord[]): number {
  let at = 0;
  while (at < words.length - 1 && at < 4) {
    const text = words[at]?.text ?? "";
    if (!WRAPPERS.has(text) && !/^[a-z_]\w{0,20}=/.test(text) && !(at > 0 && text.startsWith("-"))) break;
    at++;
  }
  return at;
}

function programOf({ text, glob }: ShellWord): string | undefined {
  const plain = text.replace(/^[a-z_]\w{0,20}=/, "").replace(/\.exe$/, "");
  if (glob)
    return /[a-z]/.test(plain) && /[?*[]/.test(plain) && plain.length <= 32 && plain.includes("/")
      ? globbedName(plain)
      : undefined;
  if (!plain.includes("/")) return plain;
  return systemFile(plain) ? plain.slice(plain.lastIndexOf("/") + 1) : undefined;
}

function isTornFile({ text, torn, glob }: ShellWord): boolean {
  if (!torn && !glob) return false;
  const at = text.indexOf("/");
  if (at < 0 || text.length - at > 48) return false;
  const path = text.slice(at);
  if (torn && systemFile(path.replace(/[?#].*$/, ""))) return true;
  if (glob) return /[a-z].*[a-z]/.test(path) && globbedFile(path);
  return false;
}

/** A name with what belongs to it: nothing more, or arguments of a program; behind a separator few words of any kind. */
function isCommandLine(kind: NameKind, opener: string, rest: readonly ShellWord[]): boolean {
  const separated = opener !== "^" && opener !== "\n";
  if (rest.some(isSystemArgument) || rest.some(isPlainArgument)) return true;
  if (opener === "{") return kind === "sure";
  if (rest.length === 0) return kind !== "word" || separated;
  return kind !== "word" && separated && rest.length < 3;
}

const SYSTEM_ARGUMENT =
  /^(?:--?[a-z][\w-]{0,20}(?:=.*)?$|\/(?:etc|bin|usr|var|tmp|proc|dev|root|opt|home|sbin)\b|\.{1,2}\/|~\/|(?:https?|ftp):\/\/|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d)/;

function isSystemArgument({ text, torn, redirected }: ShellWord): boolean {
  return (
    SYSTEM_ARGUMENT.test(text) ||
    (redirected && /^[&/\w]/.test(text) && text.length > 1) ||
    (torn && text.startsWith("/"))
  );
}

function isSystemRedirection(word: ShellWord): boolean {
  return word.redirected && word.text.startsWith("/") && SYSTEM_ARGUMENT.test(word.text);
}

/** `x.txt`, `evil.example`, `5`, `/x`. */
function isPlainArgument({ text }: ShellWord): boolean {
  return /^[\w-]{1,40}\.[a-z]{2,9}$|^\d{1,4}$|^\/|^\*/.test(text);
}
