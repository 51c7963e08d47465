// Draws the seasons' maps with Plotly in place of the strips that the page brings. A click opens a cell's panel,
// a drag over several offers to plan them, or to accept their gaps. Figures come from the server; colours from the palette of states.

const card = document.getElementById("maps");
const ROW = 18;
const NARROWEST = matchMedia("(pointer: coarse)").matches ? 4 : 3; // pixels a date
const LABELS = 11.5; // pixels, the size of the months' names
const BETWEEN_LABELS = 6;
const GAPS = 3; // from this width on, a gap between dates
const NOTHING = -10; // stands for "no value" on a scale from 0 to 100

// Colours at places from 0 to 100 for the modes that show a number, and how the number reads.
const SCALES = {
  rows: { stops: { 0: "missing", 1: "thin", 50: "complete", 100: "excess" }, low: 0, high: 200, say: (v, at) => (at === "1" ? "above 0 %" : `${Math.round(v)} %`) },
  age: { stops: { 0: "complete", 50: "queued", 100: "accepted" }, low: 0, curve: Math.log1p, back: Math.expm1, say: hours },
  duration: { stops: { 0: "queued", 50: "running", 100: "excess" }, low: 0, say: (v) => `${Number(v.toPrecision(2))} s` },
  quality: { stops: { 0: "thin", 100: "complete" }, say: (v) => v.toFixed(1) },
  fallback: { stops: { 0: "complete", 50: "stale", 100: "thin" }, low: 0, high: 100, say: (v) => `${Math.round(v)} %` },
};
// Colours of a quality below, within and above its band; the server says which, and in what words.
const BANDS = { "<": "thin", "=": "complete", ">": "excess", "?": "queued", " ": "not-expected" };
const KINDS = { rows: "of the rows expected", age: "since the last write", duration: "for the last step", quality: "quality", fallback: "from fallbacks" };

let mode = card.dataset.mode;
const drawn = []; // {element, plot, data, lines}, one a season

function hours(value) {
  return value < 48 ? `${Math.round(value)} h` : `${Math.round(value / 24).toLocaleString("en")} d`;
}

// Rows of the map: a heading for each phase, then its tables.
function linesOf(data) {
  const lines = [];
  for (const row of data.rows) {
    if (row.phase !== lines.at(-1)?.phase) lines.push({ phase: row.phase, heading: data.phases[row.phase] });
    lines.push(row);
  }
  return lines;
}

function names(lines) {
  const column = document.createElement("div");
  column.className = "map-names";
  for (const line of lines) {
    const name = document.createElement(line.heading ? "span" : "a");
    name.textContent = name.title = line.heading || line.name;
    if (line.silence) { name.title = `${line.name}: ${line.silence}`; name.className = "last-known"; }
    if (line.heading) name.className = "map-group";
    else {
      const query = new URLSearchParams(location.search);
      query.set("table", line.table);
      name.href = `?${query}`;
    }
    column.append(name);
  }
  return column;
}

function between(least, most) {
  if (least === null) return "";
  return most === null ? `at least ${least}` : least === most ? `${least}` : `${least} to ${most}`;
}

function againstBand(data, row, at) {
  const band = between(row.quality_least?.[at] ?? null, row.quality_most?.[at] ?? null);
  return band && `, expected ${band}: ${data.qualities[row.quality[at]]}`;
}

// Hover: everything that is known of a cell, in words.
function story(data, row, at) {
  const of = (values) => values?.[at] ?? null;
  const [found, least, most] = [of(row.found), of(row.least), of(row.most)];
  const band = between(least, most);
  const facts = [
    row.name,
    `${data.dates[at]} · ${of(row.marks) ?? data.states[row.shown[at]]}`,
    found === null ? "rows unknown" : `${found.toLocaleString("en")} rows${band === "" ? "" : `, expected ${band}`}`,
  ];
  for (const [kind, words] of Object.entries(KINDS)) {
    const value = of(row.modes[kind]);
    if (value !== null && kind !== "rows") facts.push(`${SCALES[kind].say(value)} ${words}${kind === "quality" ? againstBand(data, row, at) : ""}`);
  }
  if (of(row.run) !== null) facts.push(`run ${of(row.run)}`);
  if (row.silence) facts.push(row.silence.split(": ")[0]);
  return facts.join("<br>");
}

// Numbers for Plotly and the colours that they stand for: a letter a cell, and the token of each letter's colour.
function letterCells(data, lines, tokens, letterAt) {
  const letters = Object.keys(tokens);
  const step = 1 / letters.length;
  return {
    z: lines.map((line) => data.dates.map((_, at) => {
      const place = line.heading || line.shown[at] === " " ? -1 : letters.indexOf(letterAt(line, at));
      return place < 0 ? null : place;
    })),
    zmin: -0.5,
    zmax: letters.length - 0.5,
    colorscale: letters.flatMap((letter, i) => [i, i + 1].map((edge) => [edge * step, tokenColour(tokens[letter])])),
  };
}

function stateCells(data, lines) {
  const tokens = Object.fromEntries(Object.entries(data.states).map(([letter, state]) => [letter, state.replace(" ", "-")]));
  return letterCells(data, lines, tokens, (line, at) => line.shown[at]);
}

// Quality against the bands of the pipeline file; where it has none at all, a bare scale has to do.
const isBanded = () => mode === "quality" && drawn.some(({ data }) => data.rows.some((row) => row.quality));

function qualityAt(row, at) {
  return row.quality ? row.quality[at] : (row.modes.quality?.[at] ?? null) === null ? " " : "?";
}

function cells(data, lines) {
  if (mode === "state") return stateCells(data, lines);
  return isBanded() ? letterCells(data, lines, BANDS, qualityAt) : numberCells(data, lines);
}

function scaleOf(kind) {
  const scale = { curve: (v) => v, back: (v) => v, ...SCALES[kind] };
  const values = drawn.flatMap(({ data }) => data.rows.flatMap((row) => row.modes[kind] || [])).filter((v) => v !== null);
  scale.low ??= values.reduce((a, b) => Math.min(a, b), Infinity);
  scale.high ??= values.reduce((a, b) => Math.max(a, b), scale.low + 1);
  const [low, high] = [scale.curve(scale.low), scale.curve(scale.high)];
  scale.place = (value) => Math.min(Math.max((100 * (scale.curve(value) - low)) / (high - low || 1), 0), 100);
  scale.value = (place) => scale.back(low + (place / 100) * (high - low));
  scale.isEmpty = values.length === 0;
  return scale;
}

function numberCells(data, lines) {
  const scale = scaleOf(mode);
  const at = (place) => (place - NOTHING) / (100 - NOTHING);
  const stops = Object.entries(scale.stops).map(([place, token]) => [at(place), tokenColour(token)]);
  return {
    z: lines.map((line) => data.dates.map((_, i) => {
      if (line.heading || line.shown[i] === " ") return null;
      const value = line.modes[mode]?.[i] ?? null;
      return value === null ? NOTHING : scale.place(value);
    })),
    zmin: NOTHING,
    zmax: 100,
    colorscale: [[0, tokenColour("not-expected")], [at(-1), tokenColour("not-expected")], ...stops],
  };
}

// Gaps between cells let this ground through: it is the border of the white ones. What a filter hides is a pale band.
function ground(data, lines) {
  const band = (y, from, to, token) => ({
    type: "rect", layer: "below", line: { width: 0 }, fillcolor: tokenColour(token),
    x0: from - 0.5, x1: to - 0.5, y0: y - 0.47, y1: y + 0.47,
  });
  return lines.flatMap((line, y) => line.heading ? [] : [
    band(y, 0, data.dates.length, "sunken"),
    ...[...line.shown.matchAll(/[^ ]+/g)].map((run) => band(y, run.index, run.index + run[0].length, "line-strong")),
  ]);
}

// What a strip hatches is hatched here too: stripes along each run of such cells.
const STRIPES = { unknown: [-0.25, 0, 0.25], stale: [-0.15, 0.15], "not expected": [0.1] };
function stripes(data, lines) {
  return lines.flatMap((line, y) => line.heading ? [] : [...line.shown.matchAll(/(.)\1*/g)].flatMap((run) => {
    const state = data.states[run[1]];
    return (STRIPES[state] || []).map((offset) => ({
      type: "line", x0: run.index - 0.5, x1: run.index + run[0].length - 0.5, y0: y + offset, y1: y + offset,
      line: { width: 1, color: tokenColour(`${state.replace(" ", "-")}-line`) },
    }));
  }));
}

// What was known last of a table that does not answer now is pale.
function faded(data, lines) {
  return lines.flatMap((line, y) => line.silence ? [{
    type: "rect", layer: "above", line: { width: 0 }, fillcolor: tokenColour("surface"), opacity: 0.55,
    x0: -0.5, x1: data.dates.length - 0.5, y0: y - 0.5, y1: y + 0.5,
  }] : []);
}

// The cells that a drag chose, snapped to their edges.
function frame(chosen) {
  if (!chosen) return [];
  const { left, right, top, bottom } = chosen;
  return [{ type: "rect", x0: left - 0.5, x1: right + 0.5, y0: top - 0.5, y1: bottom + 0.5, line: { width: 2, color: tokenColour("text") } }];
}

// A label where a month begins, or at the right end where it would not fit; not where it would touch the next.
const pen = document.createElement("canvas").getContext("2d");
function months(dates, width, font) {
  pen.font = font;
  const found = [];
  let free = dates.length * width;
  const starts = dates.map((_, i) => i).filter((i) => !i || dates[i].slice(0, 7) !== dates[i - 1].slice(0, 7));
  for (const start of starts.reverse()) {
    const text = new Date(dates[start]).toLocaleString("en", { month: "short", timeZone: "UTC" });
    const wide = pen.measureText(text).width;
    const left = Math.min(start * width, dates.length * width - wide);
    if (left < 0 || left + wide > free) continue;
    found.push({ text, middle: (left + wide / 2) / width - 0.5 });
    free = left - BETWEEN_LABELS;
  }
  return found;
}

function draw(map) {
  const { plot, data, lines } = map;
  const width = plot.clientWidth / data.dates.length;
  const family = getComputedStyle(document.body).fontFamily;
  const ticks = months(data.dates, width, `${LABELS}px ${family}`);
  const trace = {
    type: "heatmap", showscale: false, hoverongaps: false, xgap: width >= GAPS ? 1 : 0, ygap: 2,
    text: lines.map((line) => data.dates.map((_, at) => (line.heading ? "" : story(data, line, at)))),
    hovertemplate: "%{text}<extra></extra>",
    ...cells(data, lines),
  };
  const layout = {
    width: plot.clientWidth, height: lines.length * ROW + 22, margin: { l: 0, r: 0, t: 0, b: 22 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, size: LABELS, color: tokenColour("muted") },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "select",
    hoverlabel: { bgcolor: tokenColour("surface"), bordercolor: tokenColour("line-strong"), font: { family, color: tokenColour("text"), size: 12.5 }, align: "left" },
    newselection: { line: { color: tokenColour("text"), width: 1, dash: "solid" } }, selections: [],
    xaxis: {
      range: [-0.5, data.dates.length - 0.5], fixedrange: true, showgrid: false, zeroline: false, ticks: "",
      tickvals: ticks.map((tick) => tick.middle), ticktext: ticks.map((tick) => tick.text), tickangle: 0, ticklabeloverflow: "allow",
    },
    yaxis: { range: [lines.length - 0.5, -0.5], fixedrange: true, showgrid: false, zeroline: false, visible: false },
    shapes: [...ground(data, lines), ...(mode === "state" ? stripes(data, lines) : []), ...faded(data, lines), ...frame(map.chosen)],
  };
  return Plotly.react(plot, [trace], layout, { displayModeBar: false });
}

function bandItems() {
  const isThere = (letter) => drawn.some(({ lines }) => lines.some((line) => !line.heading && [...line.shown].some((_, at) => qualityAt(line, at) === letter)));
  return Object.entries(drawn[0].data.qualities).filter(([letter]) => isThere(letter)).map(([letter, words]) => [BANDS[letter], words]);
}

function showScale() {
  const legend = document.getElementById("legend");
  let scaleList = document.getElementById("scale");
  scaleList?.remove();
  legend.hidden = mode !== "state";
  if (mode === "state") return;
  const scale = scaleOf(mode);
  scaleList = document.createElement("ul");
  scaleList.id = "scale";
  scaleList.className = "legend";
  const items = isBanded() ? bandItems() : scale.isEmpty ? [] : Object.entries(scale.stops).map(([place, token]) => [token, scale.say(scale.value(place), place)]);
  for (const [token, words] of [...items, ["not-expected", scale.isEmpty ? "no table here says this" : "not known"]]) {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.className = "swatch";
    swatch.style.backgroundColor = tokenColour(token);
    item.append(swatch, words);
    scaleList.append(item);
  }
  legend.after(scaleList);
}

function drawAll() {
  drawn.forEach(draw);
  showScale();
}

function open(map, { x, y }) {
  const row = map.lines[y];
  if (!row || row.heading) return;
  Plotly.Fx.hover(map.plot, []); // the map gets narrower, and a label would stay at its old place
  const url = `${card.dataset.partition}${encodeURIComponent(row.table)}/${map.data.dates[x]}/`;
  htmx.ajax("GET", url, { target: "#panel", swap: "innerHTML" });
}

const bar = document.getElementById("selection");
function choose(map, range) {
  const within = (value, last) => Math.min(Math.max(Math.round(value), 0), last);
  const [left, right] = range.x.map((x) => within(x, map.data.dates.length - 1)).sort((a, b) => a - b);
  const [top, bottom] = range.y.map((y) => within(y, map.lines.length - 1)).sort((a, b) => a - b);
  forget();
  map.chosen = { left, right, top, bottom };
  Plotly.Fx.hover(map.plot, []);
  draw(map);
  const lines = map.lines.slice(top, bottom + 1).filter((line) => !line.heading);
  const rows = lines.filter((line) => line.planned);
  const among = (some, wanted) => some.reduce((sum, line) => sum + [...line.shown.slice(left, right + 1)].filter(wanted).length, 0);
  const cells = among(rows, (letter) => !" nxa".includes(letter));
  const gaps = card.dataset.accept ? among(lines, (letter) => map.data.gaps.includes(letter)) : 0;
  bar.hidden = false;
  if (!cells && !gaps) { bar.textContent = "Nothing to plan here: sources and dates that are left out have no job."; return; }
  const [start, end] = [map.data.dates[left], map.data.dates[right]];
  bar.replaceChildren(
    `${count(lines.length, "table")}, ${count(right - left + 1, "date")}`,
    ...(cells ? [withSteps(offer("btn-primary", card.dataset.plan, rows, start, end, "Plan a run "))] : []),
    ...(gaps ? [offer("", card.dataset.accept, lines, start, end, `Accept ${count(gaps, "gap")}`)] : []),
    clearing(),
  );
  htmx.process(bar);
}
// The launch form says how many steps the plan behind the link has; a cell that is complete is none of them.
function withSteps(link) {
  const steps = document.createElement("span");
  steps.className = "num";
  steps.setAttribute("hx-get", card.dataset.steps + new URL(link.href).search);
  steps.setAttribute("hx-trigger", "load");
  steps.setAttribute("hx-target", "this");
  link.append(steps);
  return link;
}
function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}
function offer(kind, address, lines, start, end, words) {
  const link = document.createElement("a");
  link.className = `btn ${kind} btn-small`;
  link.href = `${address}?${new URLSearchParams([...lines.map((line) => ["table", line.table]), ["start", start], ["end", end]])}`;
  link.textContent = words;
  return link;
}
function clearing() {
  const clear = document.createElement("button");
  clear.type = "button";
  clear.className = "btn btn-quiet btn-small";
  clear.textContent = "Clear";
  clear.addEventListener("click", forget);
  return clear;
}
function forget() {
  bar.hidden = true;
  bar.replaceChildren();
  for (const map of drawn.filter((map) => map.chosen)) {
    map.chosen = null;
    draw(map);
  }
}

async function load(element) {
  const answer = await fetch(element.dataset.heatmap, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

// Puts the map where the strips were; they stay where there is nothing to draw.
async function start(element) {
  const data = await load(element);
  if (!data.dates.length || !data.rows.length) return;
  const lines = linesOf(data);
  const plot = document.createElement("div");
  plot.className = "plot";
  plot.style.minWidth = `${data.dates.length * NARROWEST}px`;
  const scroll = document.createElement("div");
  scroll.className = "map-scroll";
  scroll.append(plot);
  element.replaceChildren(names(lines), scroll);
  element.classList.add("map-drawn");
  const map = { element, plot, data, lines };
  drawn.push(map);
  await draw(map);
  plot.on("plotly_click", (event) => open(map, event.points[0]));
  plot.on("plotly_selected", (event) => event?.range && choose(map, event.range));
  new ResizeObserver(() => draw(map)).observe(scroll); // a panel opens, a phone turns
}

async function refresh() {
  for (const map of drawn) {
    map.data = await load(map.element);
    map.lines = linesOf(map.data);
  }
  drawAll();
}

card.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-mode]");
  if (!link) return;
  event.preventDefault();
  mode = link.dataset.mode;
  history.replaceState(null, "", link.href);
  for (const other of card.querySelectorAll("a[data-mode]")) other.toggleAttribute("aria-current", other === link);
  for (const input of document.querySelectorAll('input[name="mode"]')) input.value = mode;
  drawAll();
});
document.addEventListener("themechange", drawAll);
document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "live") refresh(); });

Promise.allSettled([...document.querySelectorAll("[data-heatmap]")].map(start)).then((results) => {
  showScale();
  if (drawn.length && mode !== "state") drawAll(); // one scale for all seasons
  const problem = results.find((result) => result.status === "rejected");
  if (problem) console.warn(`A map could not be drawn, its strips stay: ${problem.reason.message}`);
});
