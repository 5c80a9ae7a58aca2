import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { launchBrowser, noBrowser } from "../support/node/browser.ts";
import { operate } from "../support/node/edge.ts";
import { type ServedRooms, serveRooms } from "../support/node/rooms.ts";

/** Folder that pictures of the page are written to; unset: none are. */
const SCREENSHOTS = process.env["SCREENSHOTS"];
const PHONE = { viewport: { width: 360, height: 740 } };

const ROOM = `  flash-sale: { title: Acme Flash Sale, paths: ["/sale*"], state: queue-all, rate: 1/s }`;

let rooms: ServedRooms;
let edge: RunningEdge;
let browser: Browser;

beforeAll(async () => {
  if (noBrowser !== null) return;
  rooms = await serveRooms(
    ROOM,
    (_request, response) =>
      void response
        .writeHead(200, { "content-type": "text/html" })
        .end("<title>Sale</title><h1>The sale</h1>"),
  );
  edge = rooms.edge;
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  if (noBrowser !== null) return;
  await browser.close();
  await rooms.close();
});

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  // A blocked script or style is reported here: the page's CSP must allow its own, and only that.
  page.on("console", (message) => void (message.type() === "error" && errors.push(message.text())));
  page.on("close", () => expect(errors).toEqual([]));
  await page.goto(`${edge.url}/sale`);
  return page;
}

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** Visitors without a browser who stand before the next one. */
async function crowd(people: number): Promise<void> {
  await Promise.all(
    Array.from({ length: people }, () => fetch(`${edge.url}/sale`).then((answer) => answer.text())),
  );
}

/** The lowest contrast of any text on the page against what is behind it (WCAG 2.2, 1.4.3). */
function lowestContrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const parse = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (color: readonly number[]): number => {
      const [red = 0, green = 0, blue = 0] = color.map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element | null): number[] => {
      if (element === null) return [255, 255, 255];
      const color = parse(getComputedStyle(element).backgroundColor);
      return color.length === 3 || color[3] === 1 ? color.slice(0, 3) : behind(element.parentElement);
    };
    const ratios = [...document.querySelectorAll("main *")]
      .filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()),
      )
      .filter((element) => element.checkVisibility() && element.tagName !== "SCRIPT")
      .map((element) => {
        const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      });
    return Math.min(...ratios);
  });
}

declare global {
  interface Window {
    /** What screen readers were given to say, and when, ms. */
    announced: { readonly text: string; readonly at: number }[];
  }
}

async function recordAnnouncements(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.announced = [];
    const status = document.getElementById("status");
    if (status === null) throw new Error("no live region");
    const note = (): void => void window.announced.push({ text: status.textContent ?? "", at: Date.now() });
    new MutationObserver(note).observe(status, { childList: true, characterData: true, subtree: true });
  });
}

function gaps(announced: readonly { readonly at: number }[]): number[] {
  return announced.slice(1).map(({ at }, index) => at - (announced[index]?.at ?? 0));
}

/** How far the page can be scrolled sideways, in CSS pixels. */
function sideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** The operators' change, in force. */
async function change(settings: Record<string, unknown>, seen: string): Promise<void> {
  expect((await operate(edge, "rooms/flash-sale", { ...settings, reason: "test" })).status).toBe(200);
  await expect
    .poll(async () => (await (await fetch(`${edge.url}/sale`)).text()).includes(seen), { timeout: 6000 })
    .toBe(true);
}

describe.skipIf(noBrowser !== null)("the waiting page in a real browser", () => {
  it.each([
    ["phone-light", { ...PHONE, colorScheme: "light" }],
    ["phone-dark", { ...PHONE, colorScheme: "dark", locale: "pt-BR" }],
    ["desktop-light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" }],
  ] as const)(
    "%s: shows place and wait, in contrast, without sideways scrolling, and lets in by itself",
    { timeout: 90_000 },
    async (name, options) => {
      await crowd(6);
      const page = await open(options);
      const heading = page.getByRole("heading", { level: 1 });
      await expect.poll(() => page.locator("#position").innerText(), { timeout: 15_000 }).toMatch(/^\d+$/);
      expect(await heading.innerText()).toBe(name === "phone-dark" ? "Você está na fila" : "You are in line");
      expect(await page.locator("#status").getAttribute("aria-live")).toBe("polite");
      expect(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5);
      expect(await sideways(page)).toBeLessThanOrEqual(0);
      await picture(page, `${name}-waiting`);
      // Reached with the keyboard, and kept while the page changes around it.
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("A");
      await recordAnnouncements(page);
      await page.waitForFunction(() => document.title.startsWith("✓"), undefined, { timeout: 60_000 });
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("A");
      const announced = await page.evaluate(() => window.announced);
      expect(announced.at(-1)?.text).toMatch(name === "phone-dark" ? /sua vez/i : /your turn/i);
      expect(gaps(announced.slice(0, -1)).filter((ms) => ms < 29_000)).toEqual([]);
      expect(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5);
      expect(await page.locator("#icon").getAttribute("href")).toContain("117a3e");
      await picture(page, `${name}-turn`);
      await page.getByRole("heading", { name: "The sale" }).waitFor({ timeout: 15_000 });
      await page.context().close();
    },
  );

  it("keeps the place over a reload and in a new tab", { timeout: 60_000 }, async () => {
    await change({ state: "hold" }, "paused");
    const page = await open({ colorScheme: "dark" });
    const ticket = async (): Promise<string | undefined> =>
      (await page.context().cookies()).find(({ name }) => name.startsWith("ticket"))?.value.split(".")[3];
    const id = await ticket();
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    await page.reload();
    const tab = await page.context().newPage();
    await tab.goto(`${edge.url}/sale`);
    expect(await ticket()).toBe(id);
    expect(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5);
    await page.context().close();
  });

  // WCAG 2.2, 1.4.10: 1280 pixels at 400% are 320 wide; 1.4.4: text alone at 200%.
  it.each([
    ["200%", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, "100%"],
    ["400%", { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }, "100%"],
    ["text at 200%", { viewport: { width: 1280, height: 800 } }, "200%"],
  ] as const)(
    "at a zoom of %s nothing is cut off, moves or scrolls sideways",
    async (_name, options, text) => {
      await change({ state: "hold" }, "paused");
      const page = await open({ ...options, reducedMotion: "reduce" });
      await page.evaluate((size) => void (document.documentElement.style.fontSize = size), text);
      expect(await page.locator(".bar").isVisible()).toBe(true);
      expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
      expect(await sideways(page)).toBeLessThanOrEqual(0);
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll("main p, main h1, main dt, main dd")]
          .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1)
          .map(({ id, className }) => id || className),
      );
      expect(cut).toEqual([]);
      await page.context().close();
    },
  );

  it("says what the operator has to say, as text, without a reload, and no longer than he wants", async () => {
    const message = "Checkout is <b>slow</b>; back by 10:30.";
    await change({ state: "hold", message: null }, "paused");
    const page = await open(PHONE);
    const shown = page.locator("#message");
    expect(await shown.isVisible()).toBe(false);
    // The live region is there before it has something to say.
    expect(await page.getByRole("status").count()).toBe(2);
    await change({ message }, "Checkout is &lt;b&gt;slow&lt;/b&gt;");
    await expect.poll(() => shown.innerText(), { timeout: 40_000 }).toBe(message);
    expect(await page.getByRole("status").allInnerTexts()).toContain(message);
    expect(await lowestContrast(page)).toBeGreaterThanOrEqual(4.5);
    const told = await fetch(`${edge.url}/sale`, { headers: { accept: "application/json" } });
    expect(await told.json()).toMatchObject({ state: "queued", message });
    await change({ message: null }, '<p id="message" class="notice" role="status"></p>');
    await expect.poll(() => shown.isVisible(), { timeout: 40_000 }).toBe(false);
    await page.context().close();
  }, 120_000);

  it("says honestly that all is sold", { timeout: 60_000 }, async () => {
    await change({ state: "sold-out" }, "sold out");
    const page = await open(PHONE);
    expect(await page.locator("#status").innerText()).toMatch(/sold out/);
    await picture(page, "phone-sold-out");
    await page.context().close();
  });
});
