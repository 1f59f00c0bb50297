/* Filters and order; what is chosen is kept in the address, so that a view can be passed on. */

const form = document.getElementById("filters");
const standings = [...document.querySelectorAll("[data-standing]")];
const rowsOf = (standing) => [...standing.querySelectorAll("tbody tr")];
const chosen = (name) => form.elements[name].value;
const FILTERS = ["dataset", "family", "year"];

function filter() {
  let [rows, tables] = [0, 0];
  for (const standing of standings) {
    const isAsked = ["dataset", "family"].every((name) => !chosen(name) || standing.dataset[name] === chosen(name));
    let shown = 0;
    for (const row of rowsOf(standing)) {
      row.hidden = !isAsked || (chosen("year") && row.dataset.year !== chosen("year"))
        || (form.elements.verified.checked && !row.dataset.counts);
      if (!row.hidden) shown += 1;
    }
    for (const spot of standing.querySelectorAll(".spot")) {
      spot.hidden = document.getElementById(spot.dataset.row).hidden;
    }
    standing.hidden = shown === 0;
    document.querySelector(`nav [href="#${standing.id}"]`).hidden = standing.hidden;
    rows += shown;
    tables += Number(shown > 0);
  }
  document.getElementById("empty").hidden = rows > 0;
  document.getElementById("count").textContent =
    `${rows} ${rows === 1 ? "row" : "rows"} in ${tables} ${tables === 1 ? "table" : "tables"}`;
}

/* Empty values come last, in whatever direction. */
function compareCells(a, b) {
  if (a === b || (a === "" && b === "")) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

function order(standing, place, isDescending) {
  const value = (row) => row.cells[place].dataset.value;
  const sign = (a, b) => (isDescending && a !== "" && b !== "" ? -1 : 1);
  const rows = rowsOf(standing).sort((a, b) => sign(value(a), value(b)) * compareCells(value(a), value(b)));
  standing.querySelector("tbody").append(...rows);
  [...standing.querySelector("thead tr").cells].forEach((head, n) => {
    head.setAttribute("aria-sort", n !== place ? "none" : isDescending ? "descending" : "ascending");
  });
  const button = standing.querySelector(`[data-sort="${place}"]`);
  standing.querySelector("[name=order]").value = String(place);
  standing.querySelector(".turn").setAttribute("aria-pressed", String(isDescending !== startsDescending(button)));
}

/* Names, costs and what is better lower begin with the smallest, everything else with the largest. */
function startsDescending(button) {
  const place = Number(button.dataset.sort);
  const count = button.closest("tr").cells.length;
  const isCost = place === count - 3 || place === count - 2;
  return place !== 0 && !isCost && !("lower" in button.dataset);
}

function sortedBy(standing) {
  const heads = [...standing.querySelector("thead tr").cells];
  const place = heads.findIndex((head) => head.getAttribute("aria-sort") !== "none");
  return { place, isDescending: heads[place].getAttribute("aria-sort") === "descending" };
}

function remember() {
  const kept = FILTERS.filter(chosen).map((name) => [name, chosen(name)]);
  if (form.elements.verified.checked) kept.push(["verified", "1"]);
  for (const standing of standings) {
    const { place, isDescending } = sortedBy(standing);
    if (place !== 2 || !isDescending) kept.push([standing.id, `${isDescending ? "-" : ""}${place}`]);
  }
  try {
    history.replaceState(null, "", kept.length ? `#${new URLSearchParams(kept)}` : location.pathname);
  } catch { /* a browser may refuse this to a file opened from disk */ }
}

function restore() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) {
    const { options } = form.elements[name];
    if ([...options].some((option) => option.value === wanted.get(name))) form.elements[name].value = wanted.get(name);
  }
  form.elements.verified.checked = wanted.get("verified") === "1";
  for (const standing of standings) {
    const [, sign, place] = /^(-?)(\d+)$/.exec(wanted.get(standing.id) ?? "") ?? [];
    if (place && standing.querySelector(`[data-sort="${Number(place)}"]`)) order(standing, Number(place), sign === "-");
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", () => {
  filter();
  remember();
});
for (const standing of standings) {
  standing.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-sort]");
    const { place, isDescending } = sortedBy(standing);
    if (button) {
      const next = Number(button.dataset.sort);
      order(standing, next, next === place ? !isDescending : startsDescending(button));
    } else if (target.closest(".turn")) order(standing, place, !isDescending);
    else return;
    remember();
  });
  standing.addEventListener("change", ({ target }) => {
    if (target.name === "order") {
      const button = standing.querySelector(`[data-sort="${target.value}"]`);
      order(standing, Number(target.value), startsDescending(button));
      remember();
    } else if (target.name === "plane") {
      for (const plane of standing.querySelectorAll("[data-plane]")) plane.hidden = plane.dataset.plane !== target.value;
    }
  });
}
restore();
filter();
