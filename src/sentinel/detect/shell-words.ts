/**
 * Reads a text as a shell would and hands out its commands, the tricks of hiding one undone: quotes, backslashes and
 * carets inside words, variables that are not set (`c$@at`), variables set before (`a=cat;$a x`), `$IFS` and braces
 * for spaces, `${PATH:0:1}` for a slash, redirections in place of arguments.
 *
 * Hard about it: the text lands in an unknown place of a command line, so whether a quote opens or closes cannot be
 * known. No quote hides a separator here; that shows more commands than there are, never fewer.
 *
 * One pass over the text, never throws.
 */

export interface ShellWord {
  /** In lower case, as the shell would see it. */
  readonly text: string;
  /** Whether something had to be taken out of its middle, or put in for a variable. */
  readonly torn: boolean;
  readonly glob: boolean;
  /** Whether it stands behind `<` or `>`. */
  readonly redirected: boolean;
}

export interface ShellCommand {
  /** What it follows: `^` the beginning, `;`, `|`, `&`, `&&`, a line break, a back quote, `$(`, `(`, `{`. */
  readonly opener: string;
  readonly words: readonly ShellWord[];
}

/** Words of a command and chars of a word that are kept. */
const WORDS = 8;
const WORD = 128;
const VARIABLES = 16;

/** @returns whatever the visitor wants to stop with, or null to go on */
export type CommandVisitor = (command: ShellCommand) => string | null;

/** Calls the visitor with every command of the text. */
export function visitCommands(text: string, visit: CommandVisitor): string | null {
  return new ShellReader(text, visit).read();
}

/** `$IFS` in all its spellings, `%IFS%` is none. */
const FIELD_SEPARATOR = /\$(?:\{IFS[^{}\s]{0,12}\}|IFS\b(?:\$\d)?)/iy;
/** `${PATH:0:1}` and its kin are a slash. */
const FIRST_CHAR = /\$\{(?:PATH|HOME|PWD|SHELL|OLDPWD):0:1\}/iy;
const VARIABLE =
  /\$(?:[@*#?!_$0-9-](?![({])|\{[@*#!]?[0-9a-z_]{0,40}(?:\[[0-9@*]{1,3}\])?\}|([a-z_][a-z0-9_]{0,40}))/iy;
const ASSIGNMENT = /^([a-z_][a-z0-9_]{0,20})=(.*)$/s;
/** `{cat,/etc/passwd}` is `cat /etc/passwd`. */
const BRACES = /\{,?[^\s{}:,'"]{1,40},[^\s{}]{0,80}\}/y;

class ShellReader {
  private readonly text: string;
  private readonly visit: CommandVisitor;
  private found: string | null = null;
  private readonly variables = new Map<string, string>();
  private at = 0;
  private opener = "^";
  private words: ShellWord[] = [];
  private word = "";
  private torn = false;
  /** Something was taken out behind the last char: the word is torn if another follows. */
  private gap = false;
  /** Quotes in the word, and whether one stands in its middle; one alone is an apostrophe and tears nothing. */
  private quotes = 0;
  private quoteBehind = false;
  private quoteInside = false;
  private redirected = false;
  private braces = 0;

  constructor(text: string, visit: CommandVisitor) {
    this.text = text;
    this.visit = visit;
  }

  read(): string | null {
    const { text } = this;
    while (this.at < text.length && this.found === null) this.step(text[this.at] ?? "");
    this.endCommand("^");
    return this.found;
  }

  private step(char: string): void {
    switch (char) {
      case "'":
      case '"':
        this.quote(char);
        return;
      case "`":
        if (this.text[this.at + 1] === char) this.empty(2);
        else this.separate(char, 1);
        return;
      case "\\":
      case "^":
        this.take(1);
        return;
      case "$":
        this.dollar();
        return;
      case "{":
      case "}":
      case ",":
        this.brace(char);
        return;
      case "<":
      case ">":
        this.endWord();
        this.redirected = true;
        this.at += 1;
        return;
      case ";":
      case "\n":
      case "\r":
      case "(":
      case "\0":
        this.separate(char === "\r" || char === "\0" ? "\n" : char, 1);
        return;
      case ")":
        this.separate("^", 1);
        return;
      case "|":
      case "&": {
        const double = this.text[this.at + 1] === char;
        this.separate(double ? "&&" : char, double ? 2 : 1);
        return;
      }
      default:
        this.plain(char);
    }
  }

  private plain(char: string): void {
    this.at += 1;
    if (char <= " " || char === "\xa0") {
      this.endWord();
      return;
    }
    if (this.gap) this.torn = true;
    if (this.quoteBehind) this.quoteInside = true;
    this.gap = false;
    this.quoteBehind = false;
    if (this.word.length < WORD) this.word += char;
  }

  /** Takes out what a shell would not see. */
  private take(length: number): void {
    this.at += length;
    if (this.word !== "") this.gap = true;
  }

  /** An empty pair is there for nothing but tearing. */
  private quote(char: string): void {
    if (this.text[this.at + 1] === char && this.word !== "") this.torn = true;
    this.quotes += 1;
    this.quoteBehind = this.word !== "";
    this.at += 1;
  }

  /** A substitution of nothing, a variable that is not set: nothing is what the shell sees. */
  private empty(length: number): void {
    this.at += length;
    this.torn = this.torn || this.word !== "" || /[a-z/]/i.test(this.text[this.at] ?? "");
  }

  private dollar(): void {
    if (this.match(FIELD_SEPARATOR) !== null) {
      const { word } = this;
      this.endWord();
      if (word !== "")
        this.words = this.words.map((known, at) =>
          at === this.words.length - 1 ? { ...known, torn: true } : known,
        );
      return;
    }
    if (this.text[this.at + 1] === "(") {
      if (this.text[this.at + 2] === ")") this.empty(3);
      else this.separate("$(", 2);
      return;
    }
    if (this.match(FIRST_CHAR) !== null) {
      this.word += "/";
      this.torn = true;
      return;
    }
    const found = this.match(VARIABLE);
    if (found === null) {
      this.take(1);
      return;
    }
    const value = this.variables.get((found[1] ?? "").toLowerCase());
    if (value === undefined) this.empty(0);
    else {
      this.word += value;
      this.torn = true;
    }
  }

  private match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  private brace(char: string): void {
    if (char === "{") {
      BRACES.lastIndex = this.at;
      if (this.word === "" && BRACES.test(this.text)) {
        this.braces += 1;
        this.separate("{", 1);
      } else this.plain(char);
    } else if (this.braces > 0) {
      this.endWord();
      if (char === "}") this.braces -= 1;
      this.at += 1;
    } else this.plain(char);
  }

  private separate(opener: string, length: number): void {
    this.endCommand(opener);
    this.at += length;
  }

  private endWord(): void {
    const { word } = this;
    const torn = this.torn || (this.quoteInside && this.quotes % 2 === 0);
    this.word = "";
    this.torn = false;
    this.gap = false;
    this.quotes = 0;
    this.quoteBehind = false;
    this.quoteInside = false;
    if (word === "") return;
    const text = word.toLowerCase();
    const assignment = this.words.length === 0 ? ASSIGNMENT.exec(text) : null;
    if (assignment !== null && this.variables.size < VARIABLES)
      this.variables.set(assignment[1] ?? "", assignment[2] ?? "");
    if (this.words.length < WORDS)
      this.words.push({ text, torn, glob: /[?*[]/.test(text), redirected: this.redirected });
    this.redirected = false;
  }

  private endCommand(next: string): void {
    this.endWord();
    const nothing = this.words.length === 0;
    if (!nothing) this.found ??= this.visit({ opener: this.opener, words: this.words });
    this.words = [];
    this.redirected = false;
    // `;(id)`: brackets right behind a separator change nothing of where the command stands.
    if (!nothing || next !== "(" || this.opener === "^") this.opener = next;
  }
}
