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
