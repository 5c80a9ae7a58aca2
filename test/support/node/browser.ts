import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const EXECUTABLE = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

/** Why browser tests cannot run here; null where they can. In CI a missing browser is a failure, never a skip. */
export const noBrowser: string | null =
  EXECUTABLE === undefined && !process.env["CI"]
    ? "no Chromium on this machine (apt-get install chromium)"
    : null;

/** A real Chromium without its background traffic. */
export function launchBrowser(): Promise<Browser> {
  if (EXECUTABLE === undefined) throw new Error("there is no Chromium; install Debian's package chromium");
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
