/** A row of a table: a name, then figures with three places behind the point. */
export function print(...cells: readonly (string | number)[]): void {
  const [first = "", ...rest] = cells.map((cell) => (typeof cell === "number" ? cell.toFixed(3) : cell));
  process.stdout.write(`${first.padEnd(44)}${rest.map((cell) => cell.padStart(14)).join("")}\n`);
}
