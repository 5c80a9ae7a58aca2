/** The console's own files. The policy of its pages allows no other style, script or image. */

export const CONSOLE_CSS = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1b1f24, #e6e9ee);
  --soft: light-dark(#57606a, #9aa4b1);
  --paper: light-dark(#ffffff, #14171c);
  --panel: light-dark(#f5f6f8, #1c2027);
  --line: light-dark(#d5d9e0, #323844);
  --accent: light-dark(#0a5bd3, #6aa7ff);
  --good: light-dark(#1a7f37, #4cc26b);
  --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; }
header form { margin-left: auto; }
h1 { font-size: 1.2rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
a { color: var(--accent); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 0 0 1rem; min-width: 0; }
.grid { display: grid; gap: 0 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.wide { overflow-x: auto; }
.wide:focus-visible { outline-offset: -2px; }
.soft { color: var(--soft); }
.mode { font-size: 1.5rem; font-weight: 700; margin: 0; }
.mode.block, .good { color: var(--good); }
.mode.monitor, .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); border-top: 0; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td { overflow-wrap: break-word; min-width: 5rem; }
td.text { min-width: 12rem; }
td.nowrap, td.number { white-space: nowrap; min-width: 0; }
svg.minutes { display: block; width: 8rem; height: 1.5rem; stroke: var(--accent); fill: none; stroke-width: 1.5; }
label { display: block; margin: 0 0 .6rem; }
input, select, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .3rem; padding: .45rem .6rem; min-height: 2.75rem; max-width: 100%; }
input[name=reason] { width: 100%; }
button { cursor: pointer; font-weight: 600; }
.fields { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.notice { border-left: .3rem solid var(--bad); padding: .5rem 1rem; background: var(--panel); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
pre { overflow-x: auto; padding: .8rem; background: var(--paper); border: 1px solid var(--line); }
meter { width: 6rem; }
`;

/** Renews the live parts every five seconds, but not under the keyboard of who works in one. */
export const CONSOLE_JS = `
const live = document.querySelectorAll("[data-live]");
const state = document.getElementById("live-state");
async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/_edge/?part=live", { redirect: "error", cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of live) {
      const next = fresh.querySelector('[data-live="' + part.dataset.live + '"]');
      if (next && !part.contains(document.activeElement)) part.replaceChildren(...next.childNodes);
    }
    state.textContent = "live";
  } catch {
    state.textContent = "not reachable; shown as last seen";
  }
}
if (live.length > 0) setInterval(renew, 5000);
`;
