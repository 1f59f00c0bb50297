const DATA = JSON.parse(document.getElementById("data").textContent);
const PAGE_SIZE = 24;
const SIDE_BY_SIDE = 2; // samples of a class and dataset
const MODEL_SECONDS = 3; // the centre of a clip, which models hear

/* Building elements: text is set as text, never read as markup. */

function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function drawing(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/* Sound: each clip is a script that hands over its bytes when it is first played. */

const loading = new Map(); // clip number -> {promise, resolve, reject}
const buffers = new Map(); // clip number -> promise of an AudioBuffer
let context = null;

function receiveClip(number, data) {
  loading.get(number).resolve(Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)).buffer);
}

function clipBytes(number) {
  return new Promise((resolve, reject) => {
    loading.set(number, { resolve, reject });
    document.head.append(element("script", { src: `media/clip-${number}.js`, onerror: reject }));
  });
}

function clipBuffer(number) {
  if (!buffers.has(number)) {
    buffers.set(number, clipBytes(number).then((bytes) => context.decodeAudioData(bytes)));
  }
  return buffers.get(number);
}

/* Published mixing: L = (1 - pan) x, R = pan x, summed over the sources; mono is the plain sum. */
function connect(voice, buffer, stereo) {
  const source = new AudioBufferSourceNode(context, { buffer });
  const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
  for (const [channel, gain] of [[0, stereo ? 1 - voice.pan : 1], [1, stereo ? voice.pan : 1]]) {
    source.connect(new GainNode(context, { gain })).connect(merger, 0, channel);
  }
  merger.connect(context.destination);
  return source;
}

async function openVoices(voices, offset) {
  context ??= new AudioContext();
  await context.resume();
  const loaded = await Promise.all(voices.map((voice) => clipBuffer(voice.clip)));
  const stereo = form.elements.stereo.checked;
  const start = context.currentTime + 0.02;
  const sources = voices.map((voice, n) => connect(voice, loaded[n], stereo));
  for (const source of sources) source.start(start, offset);
  return {
    seconds: Math.max(...loaded.map((buffer) => buffer.duration)),
    time: () => Math.max(0, context.currentTime - start + offset),
    stop: () => { for (const source of sources) source.stop(); },
  };
}

function playVoices(button, voices, offset) {
  play(button, () => openVoices(voices, offset), (time) => {
    for (const voice of voices) voice.show(time);
  }, () => {
    for (const voice of voices) voice.spot?.classList.remove("heard");
  });
  for (const voice of voices) voice.spot?.classList.add("heard");
}

/* A source: what sounds, its waveform, and where it stands between left and right. */

function playButton(label, voices, text) {
  const path = drawing("path", { d: ICONS.play });
  const icon = drawing("svg", { viewBox: "0 0 17 17", "aria-hidden": "true" }, path);
  const button = element("button",
    { type: "button", className: text ? "play all" : "play", "aria-label": label }, icon);
  if (text) button.append(text);
  mark(button, false);
  button.addEventListener("click", () => {
    if (playing?.button === button) stop();
    else playVoices(button, voices, voices.length === 1 ? voices[0].position() : 0);
  });
  return button;
}

function wavePath(peaks) {
  let path = "";
  for (let n = 0; n < peaks.length; n++) {
    const height = 1 + Number(peaks[n]) * 2;
    path += `M${n + 0.15} ${10 - height / 2}h.7v${height}h-.7z`;
  }
  return path;
}

function waveform(clip, category) {
  const count = clip.peaks.length;
  const shape = { viewBox: `0 0 ${count} 20`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const path = wavePath(clip.peaks);
  const width = Math.min(1, MODEL_SECONDS / Math.max(clip.seconds, 0.01)) * count;
  const heard = { class: "window", x: (count - width) / 2, y: 0, width, height: 20 };
  const scrub = element("input", {
    type: "range", min: 0, max: clip.seconds, step: 0.1, value: 0,
    "aria-label": `Position in the recording of ${category}, ${clip.seconds.toFixed(1)} seconds`,
  });
  const done = drawing("svg", { ...shape, class: "done" }, drawing("path", { d: path }));
  const base = drawing("svg", shape, drawing("rect", heard), drawing("path", { class: "base", d: path }));
  const node = element("div", { className: "wave" }, base, done, scrub);
  return { node, scrub, show: (time) => {
    scrub.value = time;
    scrub.setAttribute("aria-valuetext", `${time.toFixed(1)} seconds`);
    node.style.setProperty("--progress", (100 * time) / Math.max(clip.seconds, 0.01));
  } };
}

function side(pan) {
  if (pan < 0.4) return "left";
  return pan > 0.6 ? "right" : "centre";
}

/* Sources of one class are numbered from left to right, and marked so in the picture. */
function named(sources) {
  const ordered = [...sources].sort((a, b) => a.pan - b.pan);
  return sources.map((source) => {
    const alike = ordered.filter((other) => other.category === source.category);
    const number = alike.length > 1 ? alike.indexOf(source) + 1 : 0;
    return { ...source, number, name: number ? `${source.category} ${number}` : source.category };
  });
}

/* The picture lies in a frame of 4 to 3, as wide as its own sides allow. */
function marker(source, sample, level) {
  const width = Math.min(1, (0.75 * sample.width) / sample.height);
  const left = `${100 * ((1 - width) / 2 + width * source.pan)}%`;
  const style = { left, bottom: `${0.4 + 1.7 * level}rem`, "--colour": DATA.colours[source.category] };
  return element("span", { className: "mark", style, "aria-hidden": "true" }, String(source.number));
}

function sourceRow(source, spot) {
  const clip = DATA.clips[source.clip];
  const wave = waveform(clip, source.name);
  const voice = { ...source, spot, show: wave.show, position: () => Number(wave.scrub.value) };
  const button = playButton(`Play ${source.name}`, [voice]);
  wave.scrub.addEventListener("input", () => {
    wave.show(voice.position());
    if (playing?.button === button) playVoices(button, [voice], voice.position());
  });
  const place = element("span", {
    className: "pan", role: "img", "aria-label": `${side(source.pan)}, ${source.pan.toFixed(2)} of 1`,
    style: { "--pan": source.pan },
  }, element("i"));
  const about = element("div", { className: "about" },
    element("span", { className: "name" }, source.name),
    place, element("span", { className: "side" }, source.pan.toFixed(2)));
  if (clip.page || clip.licence) about.append(link(clip.licence ? `recording: ${clip.licence}` : "recording", clip.page));
  const colour = { "--colour": DATA.colours[source.category] };
  const node = element("div", { className: "source", style: colour }, button, wave.node, about);
  return { node, voice };
}

/* A sample: picture, mask, sources, whose they are. */

function link(text, address) {
  if (!/^https?:\/\//.test(address)) return text;
  return element("a", { href: address, rel: "noreferrer", target: "_blank" }, text);
}

function badge(sample) {
  const set = DATA.datasets.length > 1 && DATA.datasets.find((each) => each.samples.includes(sample));
  return set ? `${set.name} ${sample.subset}` : sample.subset;
}

function card(sample, heading) {
  const sources = named(sample.sources);
  const names = [...new Set(sources.map((source) => source.category))].map((category) => {
    const { length } = sources.filter((source) => source.category === category);
    return length > 1 ? `${length} × ${category}` : category;
  }).join(", ");
  const repeated = sources.filter((source) => source.number);
  const marks = new Map(repeated.map((source, n) => {
    const near = repeated.slice(0, n).filter((other) => Math.abs(other.pan - source.pan) < 0.1);
    return [source, marker(source, sample, near.length)];
  }));
  const frame = element("div", { className: "frame" },
    element("img", { src: `media/image-${sample.image}.jpg`, loading: "lazy", alt: `Picture with ${names} sounding` }),
    element("img", { src: `media/mask-${sample.mask}.png`, loading: "lazy", alt: "", className: "overlay" }),
    ...marks.values());
  const body = element("div", { className: "body" }, element("div", { className: "title" },
    element(heading, {}, names), element("span", { className: "badge" }, badge(sample))));
  const rows = sources.map((source) => sourceRow(source, marks.get(source)));
  body.append(...rows.map((row) => row.node));
  if (rows.length > 1) body.append(playButton(`Play ${names} together`, rows.map((row) => row.voice), "together"));
  if (sample.silent.length) {
    body.append(element("p", { className: "note" }, `silent here: ${sample.silent.join(", ")}`));
  }
  const credit = element("p", { className: "note" }, sample.id);
  if (sample.licence) credit.append(" · picture: ", link(sample.licence, sample.page));
  body.append(credit);
  return element("li", { className: "card", "data-id": sample.id, "data-subset": sample.subset }, frame, body);
}

/* Filters: what is chosen is kept in the address, so that a view can be passed on. */

const form = document.getElementById("filters");
const results = document.getElementById("results");
const more = document.getElementById("more");
const FILTERS = ["view", "dataset", "category", "subset", "sources"].filter((name) => name in form.elements);
let pending = [];

function chosen(name) {
  return form.elements[name]?.value ?? "";
}

function matches(sample) {
  const category = chosen("category");
  return (!chosen("subset") || sample.subset === chosen("subset"))
    && (!chosen("sources") || sample.sources.length === Number(chosen("sources")))
    && (!category || sample.sources.some((source) => source.category === category));
}

function matching() {
  const dataset = chosen("dataset");
  return DATA.datasets.map((set, n) => (dataset && Number(dataset) !== n ? [] : set.samples.filter(matches)));
}

function showNext() {
  const grid = results.querySelector(".grid");
  const next = pending.splice(0, PAGE_SIZE).map((sample) => card(sample, "h2"));
  grid.append(...next);
  more.hidden = pending.length === 0;
  return next[0];
}

function showSamples(lists) {
  pending = lists.flat();
  results.replaceChildren(element("ul", { className: "grid" }));
  if (pending.length) showNext();
  else {
    more.hidden = true;
    results.replaceChildren(element("p", { className: "empty" }, "No sample shown here is like that."));
  }
}

function column(set, samples, category) {
  const own = samples.filter((sample) => sample.sources.some((source) => source.category === category));
  const cards = own.slice(0, SIDE_BY_SIDE).map((sample) => card(sample, "h4"));
  const content = cards.length
    ? element("ul", { className: "grid" }, ...cards)
    : element("p", { className: "empty" }, "none");
  return element("div", { className: "column" }, element("h3", {}, set.name), content);
}

function showSideBySide(lists) {
  const all = Object.keys(DATA.colours);
  const shown = chosen("category") ? [chosen("category")] : all;
  const columns = DATA.datasets.map((set, n) => [set, lists[n]])
    .filter((_, n) => !chosen("dataset") || Number(chosen("dataset")) === n);
  const rows = shown
    .filter((category) => lists.flat().some((s) => s.sources.some((source) => source.category === category)))
    .map((category) => element("section", { className: "row", style: { "--colour": DATA.colours[category] } },
      element("h2", {}, element("i"), category),
      element("div", { className: "columns", style: { "--datasets": columns.length } },
        ...columns.map(([set, samples]) => column(set, samples, category)))));
  more.hidden = true;
  results.replaceChildren(element("div", { className: "rows" }, ...rows));
}

function show() {
  stop();
  const lists = matching();
  if (chosen("view") === "side-by-side") showSideBySide(lists);
  else showSamples(lists);
  const count = lists.flat().length;
  document.getElementById("count").textContent = count === 1 ? "1 sample" : `${count} samples`;
}

function restore() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) if (wanted.has(name)) form.elements[name].value = wanted.get(name);
}

function remember() {
  const kept = FILTERS.filter((name) => chosen(name)).map((name) => [name, chosen(name)]);
  try {
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  } catch { /* a browser may refuse this to a file opened from disk */ }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("change", (event) => {
  if (!FILTERS.includes(event.target.name)) return;
  show();
  remember();
});
form.elements.opacity.addEventListener("input", (event) => {
  document.body.style.setProperty("--masks", event.target.value / 100);
});
more.addEventListener("click", () => {
  showNext()?.querySelector("button")?.focus();
});
for (const bar of document.querySelectorAll(".bar")) {
  bar.addEventListener("click", () => {
    form.elements.category.value = bar.dataset.category;
    show();
    remember();
    form.scrollIntoView();
    results.focus({ preventScroll: true });
  });
}
if (matchMedia("(max-width: 760px)").matches) document.querySelector(".charts").open = false;
restore();
show();
