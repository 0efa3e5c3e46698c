// Headings become buttons here, so that without a script nothing looks like a button.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows], sign = descending ? -1 : 1;
      const numbers = rows.every((row) => !isNaN(key(row, column)));
      rows.sort((left, right) => {
        const a = key(left, column), b = key(right, column);
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (numbers ? a - b : a.localeCompare(b, "en", { numeric: true }));
      });
      body.append(...rows);
    });
  });
}

// A region that shows all of its table needs no focus.
const regions = [...document.querySelectorAll(".wide")];
const labels = new Map(regions.map((region) => [region, region.getAttribute("aria-label")]));
const fitRegions = () => regions.forEach((region) => {
  if (region.scrollWidth > region.clientWidth) {
    region.tabIndex = 0;
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", labels.get(region));
  } else {
    ["tabindex", "role", "aria-label"].forEach((name) => region.removeAttribute(name));
  }
});
fitRegions();
addEventListener("resize", fitRegions);
document.addEventListener("toggle", fitRegions, true);

// Paper has nothing to click.
const allDetails = () => [...document.querySelectorAll("details")];
let openBefore = [];
addEventListener("beforeprint", () => {
  openBefore = allDetails().map((details) => details.open);
  allDetails().forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => {
  allDetails().forEach((details, index) => { details.open = openBefore[index]; });
});

// A link to what is folded away opens it.
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("details")) target.closest("details").open = true;
};
openTarget();
addEventListener("hashchange", openTarget);
