"""How the page looks, and the few lines of script that sort its tables."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --back: #fff; --panel: #f6f7f9; --text: #16191d; --soft: #525a66;
  --line: #dde1e6; --bar: #b7cdf0; --accent: #1a57b3; --pass: #0f6135; --pass-back: #e3f4e9;
  --fail: #a11228; --fail-back: #fdebed; --worse: #eda5ae; --stale: #7a5200;
  --stale-back: #fdf1d8; }
@media (prefers-color-scheme: dark) { :root { --back: #131619; --panel: #1c2025; --text: #e8eaed;
  --soft: #a9b1bc; --line: #343a42; --bar: #31517f; --accent: #8ab6ff; --pass: #8be0ab;
  --pass-back: #14331f; --fail: #ffa9b2; --fail-back: #43191f; --worse: #8d3640; --stale: #f1cf87;
  --stale-back: #3a2d10; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, body > header, body > footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
body > header { padding-top: 2rem; }
body > footer { padding-top: 2rem; padding-bottom: 3rem; }
h1 { font-size: 1.9rem; line-height: 1.15; letter-spacing: -.01em; margin: 0 0 1rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 3rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 1.75rem 0 .4rem; }
p, ul { margin: .4rem 0; max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.soft, .note, figcaption { color: var(--soft); }
.note { display: block; font-weight: 400; font-size: .875rem; overflow-wrap: anywhere; }
.verdict { border-left: .4rem solid; border-radius: .35rem; padding: .9rem 1.1rem; }
.verdict strong { font-size: 1.45rem; line-height: 1.2; display: block; }
.verdict p { color: var(--text); max-width: none; }
.verdict.pass { color: var(--pass); background: var(--pass-back); }
.verdict.fail { color: var(--fail); background: var(--fail-back); }
.failed { padding: 0; list-style: none; max-width: none; }
.failed li { border-left: 3px solid var(--fail); padding: .1rem 0 .1rem .8rem; margin: .7rem 0;
  overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr));
  gap: 1px; border: 1px solid var(--line); border-radius: .5rem;
  overflow: hidden; margin: 1.25rem 0 0; }
.tiles div { box-shadow: 0 0 0 1px var(--line); padding: .8rem 1rem; }
.tiles dt { color: var(--soft); font-size: .875rem; }
.tiles dd { margin: 0; }
.tiles .big { font-size: 1.3rem; font-weight: 650; line-height: 1.3; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; list-style: none; padding: 0;
  margin: 1rem 0 0; max-width: none; }
nav a { display: inline-block; padding: .25rem 0; }
.mark { display: inline-block; font-weight: 600; font-size: .875rem; line-height: 1.5;
  padding: 0 .55rem; border-radius: 1rem; }
.mark.pass { color: var(--pass); background: var(--pass-back); }
.mark.fail { color: var(--fail); background: var(--fail-back); }
.mark.absent { color: var(--soft); background: var(--panel); }
.mark.stale { color: var(--stale); background: var(--stale-back); }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem; font-size: .875rem; }
th, td { padding: .5rem 1.1rem .5rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: .875rem; vertical-align: bottom;
  border-bottom-color: var(--soft); }
tbody th { font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.named { display: block; width: max-content; max-width: min(52vw, 24rem); overflow-wrap: anywhere; }
.first { position: sticky; left: 0; background: var(--back); }
.first .named { max-width: min(38vw, 16rem); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
thead button { font: inherit; color: inherit; background: none; border: 0; padding: 0;
  cursor: pointer; text-align: inherit; }
thead button:hover { color: var(--text); text-decoration: underline; }
thead button::after { content: "↕"; opacity: .45; padding-left: .25em; }
[aria-sort=ascending] button::after { content: "↑"; opacity: 1; }
[aria-sort=descending] button::after { content: "↓"; opacity: 1; }
.bar { display: block; height: .3rem; min-width: 1px; margin: .25rem 0 0 auto;
  border-radius: .15rem; background: var(--bar); }
.bar.left { margin-left: 0; height: .6rem; }
.bar.worse { background: var(--worse); }
.bars td:last-child { width: 40%; min-width: 9rem; vertical-align: middle; }
.bars th:last-child { white-space: nowrap; }
.any { overflow-wrap: anywhere; min-width: 8rem; }
.short { white-space: nowrap; }
figure { margin: .75rem 0; max-width: 34rem; }
figcaption { font-size: .875rem; margin-top: .4rem; }
.beside { max-width: none; display: grid; gap: .5rem 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.narrow { max-width: 48rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 13px; fill: var(--soft); }
svg .name { fill: var(--text); paint-order: stroke; stroke: var(--back); stroke-width: 3px; }
.axis, .grid { stroke: var(--line); }
.axis { stroke: var(--soft); }
.lead { stroke: var(--soft); stroke-width: .7; }
.source { stroke: var(--soft); stroke-dasharray: 5 4; }
.limit { stroke: var(--fail); stroke-dasharray: 2 3; stroke-width: 1.5; }
svg .limit-name { fill: var(--fail); paint-order: stroke; stroke: var(--back); stroke-width: 3px; }
.front { stroke: var(--accent); stroke-width: 1.5; fill: none; opacity: .55; }
.fill { fill: var(--accent); }
.whisker { stroke: var(--accent); stroke-width: 2; }
circle.pass { fill: var(--accent); }
path.fail { stroke: var(--fail); stroke-width: 2.5; fill: none; }
details summary { cursor: pointer; padding: .35rem 0; }
.variant { border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; }
.variant > summary { display: flex; flex-wrap: wrap; gap: .2rem .9rem; align-items: baseline;
  padding: .8rem 1rem; list-style: none; }
.variant > summary::-webkit-details-marker { display: none; }
.variant > summary::before { content: "▸"; color: var(--soft); width: .7em; }
.variant[open] > summary::before { content: "▾"; }
.variant > div { padding: 0 1rem 1rem; border-top: 1px solid var(--line); }
.columns { display: grid; gap: 0 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); }
.columns > div { min-width: 0; }
.heat td, .heat th { text-align: right; padding: .2rem .45rem; border: 1px solid var(--line); }
.heat .right { background: var(--panel); }
.heat .changed { background: var(--fail-back); color: var(--fail); font-weight: 600; }
code, pre { font: .84rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); border-radius: .4rem; padding: .8rem 1rem; overflow-x: auto;
  white-space: pre-wrap; max-width: 46rem; }
@media (max-width: 40rem) { body { font-size: 15.5px; } th, td { padding-right: .8rem; }
  .bars:not(.keep) :is(th, td):last-child { display: none; } h1 { font-size: 1.6rem; }
  main, body > header, body > footer { padding-left: 1rem; padding-right: 1rem; }
  body > header { padding-top: 1.25rem; } .variant > div { padding: 0 .8rem .8rem; } }
@media print { :root { --back: #fff; --panel: #f5f6f8; --text: #000; --soft: #444; --line: #bbb;
  --pass: #0f6135; --pass-back: #fff; --fail: #a11228; --fail-back: #fff; --bar: #b7cdf0;
  --accent: #1a57b3; --stale: #7a5200; --stale-back: #fff; }
  html { font-size: 10px; } body { font-size: 1rem; }
  h2 { margin-top: 1.6rem; break-after: avoid; } figure { max-width: 24rem; }
  .beside { grid-template-columns: 24rem 1fr; }
  h4 { break-after: avoid; } main, body > header, body > footer { max-width: none; padding: 0; }
  nav, thead button::after { display: none; } .wide { overflow: visible; }
  tr, figure, .tiles { break-inside: avoid; } a { color: inherit; text-decoration: none; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

# Headings become buttons, so that without a script nothing claims to be one. A region that shows
# all of its table needs no focus. Paper has nothing to click.
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const key = (row, at) => row.cells[at].dataset.sort ?? row.cells[at].textContent.trim();
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows], sign = down ? -1 : 1;
      const numbers = rows.every((row) => !isNaN(key(row, at)));
      rows.sort((one, other) => {
        const a = key(one, at), b = key(other, at);
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (numbers ? a - b : a.localeCompare(b, "en", { numeric: true }));
      });
      body.append(...rows);
    });
  });
}
const regions = [...document.querySelectorAll(".wide")];
const labels = new Map(regions.map((one) => [one, one.getAttribute("aria-label")]));
const fit = () => regions.forEach((one) => {
  if (one.scrollWidth > one.clientWidth) {
    one.tabIndex = 0;
    one.setAttribute("role", "region");
    one.setAttribute("aria-label", labels.get(one));
  } else {
    ["tabindex", "role", "aria-label"].forEach((name) => one.removeAttribute(name));
  }
});
fit();
addEventListener("resize", fit);
document.addEventListener("toggle", fit, true);
const folded = () => [...document.querySelectorAll("details")];
let open = [];
addEventListener("beforeprint", () => {
  open = folded().map((one) => one.open);
  folded().forEach((one) => { one.open = true; });
});
addEventListener("afterprint", () => folded().forEach((one, at) => { one.open = open[at]; }));
const show = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("details")) target.closest("details").open = true;
};
show();
addEventListener("hashchange", show);
"""
