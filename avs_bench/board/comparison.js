/* The comparison of two methods: their counts are scripts, loaded when they are first asked for. */

const comparison = document.getElementById("comparison");
const pair = document.getElementById("pair");
const paired = document.getElementById("paired");
const differences = document.getElementById("differences");
const waiting = new Map(); // number -> resolve
const loaded = new Map(); // number -> promise of a set
let asked = 0;

function receive(number, told) {
  waiting.get(number)(packed(told));
}

function load(number) {
  if (!loaded.has(number)) {
    loaded.set(number, new Promise((resolve, reject) => {
      waiting.set(number, resolve);
      const script = document.createElement("script");
      script.src = `counts/${number}.js`;
      script.onerror = () => {
        loaded.delete(number);
        reject(new Error(`counts/${number}.js is not there: copy the whole folder of the board`));
      };
      document.head.append(script);
    }));
  }
  return loaded.get(number);
}

const setsOf = (option) => Promise.all(option.value.split(" ").map((number) => load(Number(number))));
const option = (select) => pair.elements[select].selectedOptions[0];

function refill() {
  const standing = document.getElementById(`s${pair.elements.place.value}`);
  const rows = [...standing.querySelectorAll("tr[data-counts]")];
  for (const name of ["first", "second"]) {
    pair.elements[name].replaceChildren(...rows.map((row) =>
      new Option(row.querySelector("a").textContent, row.dataset.counts)));
  }
  pair.elements.second.selectedIndex = Math.min(1, rows.length - 1);
  forget();
}

function forget() {
  asked += 1;
  differences.hidden = true;
  const isSame = pair.elements.first.value === pair.elements.second.value;
  pair.querySelector("[type=submit]").disabled = isSame;
  paired.textContent = isSame ? "Choose two." : "";
}

const percent = (value) => (Number.isNaN(value) ? "–" : (100 * value).toFixed(2));
const chance = (p) => (Number.isNaN(p) ? "–" : p.toFixed(4));

function cell(name, text, doubt) {
  const node = document.createElement("td");
  node.className = "number";
  node.dataset.name = name;
  const value = document.createElement("span");
  value.textContent = text;
  if (doubt) value.append(Object.assign(document.createElement("span"), { className: "doubt", textContent: doubt }));
  node.append(value);
  return node;
}

function line(figure, one, names) {
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = figure;
  const ends = Number.isNaN(one.low) ? "" : `[${percent(one.low)}, ${percent(one.high)}]`;
  const row = document.createElement("tr");
  row.append(head, cell(names[0], percent(one.first)), cell(names[1], percent(one.second)),
    cell("difference", percent(one.difference), ends),
    cell("p", chance(one.p)), cell("p (Holm)", chance(one.corrected) + (one.corrected < 0.05 ? "*" : "")));
  return row;
}

async function compare() {
  const mine = (asked += 1);
  const place = option("place");
  const family = document.getElementById(`s${place.value}`).dataset.family;
  const [first, second] = [option("first"), option("second")];
  const names = [first.textContent, second.textContent];
  paired.textContent = "Comparing…";
  try {
    const sets = await Promise.all([setsOf(first), setsOf(second)]);
    const found = await compareMethods(family, ...sets, JSON.parse(comparison.dataset.streams));
    if (mine !== asked) return;
    const figures = place.dataset.figures.split(" ");
    differences.caption.textContent = `${place.textContent}: ${names[0]} compared with ${names[1]}`;
    names.forEach((name, n) => { differences.tHead.rows[0].cells[n + 1].textContent = name; });
    differences.tBodies[0].replaceChildren(...figures.map((figure, n) => line(figure, found[n], names)));
    differences.hidden = false;
    paired.textContent = "";
  } catch (error) {
    paired.textContent = error.message;
  }
}

pair.addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});
pair.addEventListener("change", ({ target }) => (target.name === "place" ? refill() : forget()));
refill();
