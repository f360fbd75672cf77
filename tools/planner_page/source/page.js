// The page: sliders in, words and chart out, state in the address.

import { CONTROLS, accepts, commandOf, inputsOf, positionOf, read, startOf, valueAt, write } from "./controls.js";
import { planOf } from "./model.js";
import { Chart } from "./chart.js";

const byId = (id) => document.getElementById(id);
const WORTH = 0.01; // a saving below one per cent of the bill is none

let state = read(location.hash);
const fields = new Map();

function money(value, decimals = 0) {
  return value.toLocaleString("en-US", { style: "currency", currency: "USD", minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function percent(value, places = 1) {
  return `${(100 * value).toFixed(places)}\u202f%`;
}

/** A share with as many nines as it has, rounded down, seven places at most. */
function nines(value) {
  if (value >= 1) return "100\u202f%";
  const places = Math.min(7, Math.max(2, Math.ceil(-Math.log10(1 - value))));
  return `${(Math.floor(value * 10 ** (places + 2)) / 10 ** places).toFixed(places)}\u202f%`;
}

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function clock(seconds) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  return `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}`;
}

function plural(count, word) {
  return `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;
}

function text(id, value) {
  if (byId(id).textContent !== value) byId(id).textContent = value;
}

// Sliders.

function build(control) {
  const id = `in-${control.name}`;
  const row = byId("control").content.firstElementChild.cloneNode(true);
  const [label, number, slider, unit, hint] = ["label", ".number", ".slider", ".unit", ".hint"].map((at) => row.querySelector(at));
  label.textContent = control.title;
  label.htmlFor = id;
  unit.textContent = control.unit;
  unit.id = `${id}-unit`;
  hint.id = `${id}-hint`;
  number.id = id;
  number.setAttribute("aria-describedby", `${unit.id} ${hint.id}`);
  slider.setAttribute("aria-label", `${control.title}, ${control.unit}`);
  const [low, high, step] = control.curve ? [0, POSITIONS, 1] : [control.low, control.high, control.step];
  Object.assign(slider, { min: low, max: high, step });
  slider.addEventListener("input", () => change(control, valueAt(control, Number(slider.value)), slider));
  number.addEventListener("input", () => change(control, number.value.trim() === "" ? NaN : Number(number.value), number));
  number.addEventListener("blur", () => fill(control, null));
  fields.set(control.name, { row, number, slider, hint });
  byId(control.more ? "more" : "main-controls").append(row);
}

function change(control, value, source) {
  const { number, hint } = fields.get(control.name);
  const fine = accepts(control, value);
  number.setAttribute("aria-invalid", String(!fine));
  if (!fine) {
    const [low, high] = BOUNDS[control.name];
    hint.textContent = `expected ${control.whole ? "a whole number" : "a number"} from ${low}${high < 1e9 ? ` to ${high}` : ""}`;
    return;
  }
  state.values[control.name] = value;
  fill(control, source);
  show();
}

/** Writes a value into its two fields, but not into the one that it comes from. */
function fill(control, source) {
  const { number, slider } = fields.get(control.name);
  const value = state.values[control.name];
  if (source !== number) number.value = String(value);
  if (source !== slider) slider.value = String(positionOf(control, value));
  number.setAttribute("aria-invalid", "false");
  fields.get(control.name).hint.textContent = "";
  const [low, high] = [Number(slider.min), Number(slider.max)];
  slider.style.setProperty("--filled", `${(100 * (Number(slider.value) - low)) / (high - low)}%`);
  slider.setAttribute("aria-valuetext", `${value} ${control.unit}`);
}

// Results.

function show() {
  const plan = planOf(inputsOf(state));
  document.body.dataset.plan = plan ? "made" : "impossible";
  history.replaceState(null, "", `#${write(state)}`);
  text("command", commandOf(state));
  if (!plan) {
    text("headline", "No plan for this");
    text("note", "More than 10,000 replicas, or no number of spares reaches the target: check the capacity and the GPUs per replica.");
    byId("verdict").dataset.tone = "unknown";
    return;
  }
  const bill = state.autoscaling ? plan.scaled.bill : plan.fixed;
  showNote(plan);
  showBill(plan, bill);
  showFleet(plan);
  chart.show(plan, state.autoscaling);
}

function showNote(plan) {
  const { fixed, scaled, saving } = plan;
  const worth = saving > WORTH * fixed.usd;
  const ahead = duration(scaled.lead);
  byId("verdict").dataset.tone = state.autoscaling || !worth ? "ok" : "near";
  if (!worth) {
    text("headline", "The load is too even to follow");
    text("note", `What stands idle is the spares, the headroom and rounding: ${percent(fixed.idleShare)} of the bill, ${money(fixed.idleUsd)} a month.`);
  } else if (state.autoscaling) {
    text("headline", `Autoscaling saves ${money(saving)} a month. Mind the cold start.`);
    text("note", `A replica serves ${ahead} after the decision. At its steepest, demand grows by ${scaled.rise.toFixed(2)} replicas in that time: start them when load passes ${percent(scaled.trigger)} of what warm replicas carry. A scaler that only reacts comes too late.`);
  } else {
    text("headline", "You pay for peak 24/7.");
    text("note", `${percent(fixed.idleShare)} of the bill, ${money(fixed.idleUsd)} a month, is for capacity that serves nothing. Following the load would save ${money(saving)} of it, if replicas start ${ahead} ahead.`);
  }
}

function showBill(plan, bill) {
  const { spares, headroom } = plan.size;
  text("bill", money(bill.usd));
  text("bill-why", `a month of 730 hours, ${bill.replicas.toLocaleString("en-US", { maximumFractionDigits: 1 })} replicas ${state.autoscaling ? "on average" : "always"}`);
  text("idle", percent(bill.idleShare));
  text("idle-why", `${money(bill.idleUsd)} a month serves nothing`);
  text("tokens", money(bill.usdPerMillion, 3));
  const shares = { served: 1 - bill.idleShare, spares: spares / bill.replicas, headroom: headroom / bill.replicas };
  const kept = Math.min(1, bill.idleShare / Math.max(1e-12, shares.spares + shares.headroom));
  const parts = [shares.served, shares.spares * kept, shares.headroom * kept];
  parts.push(Math.max(0, 1 - parts.reduce((sum, part) => sum + part, 0)));
  const names = ["served", "spares", "headroom", "slack"];
  names.forEach((name, index) => {
    byId(`part-${name}`).style.flexGrow = String(parts[index]);
    text(`share-${name}`, `${percent(parts[index])}, ${money(bill.usd * parts[index])}`);
  });
}

function showFleet(plan) {
  const { size, redundancy, failures } = plan;
  text("replicas", String(size.replicas));
  text("sum", `${size.need} peak need + ${plural(size.spares, "spare")} + ${size.headroom} headroom`);
  text("availability", nines(redundancy.availability));
  text("availability-why", `${nines(1 - redundancy.shortfall)} against independent failures; correlated ones take ${percent(redundancy.floor, 4)}, and no k buys that back`);
  text("failures", `${plural(size.gpus, "GPU")}: ${failures.toPrecision(2)} failures a day expected`);
  const target = nines(state.values.target_availability).replace(/\.?0+(?=\u202f)/, "");
  const enough = redundancy.spares >= redundancy.wanted;
  text("advice", `${target} against independent failures takes k = ${redundancy.wanted}${enough ? "" : ": too few spares"}`);
  byId("advice").dataset.state = enough ? "ok" : "near";
  fields.get("spares").hint.textContent = enough ? "" : `${target} takes ${redundancy.wanted}`;
}

function reading(at) {
  byId("reading").textContent = at === null
    ? "Point at the chart, or focus it and use the arrow keys."
    : `${clock(at.time)}: ${at.demand.toPrecision(3)} requests/s of demand, ${plural(at.replicas, "replica")} for ${at.provisioned.toPrecision(3)}; ${percent(1 - Math.min(1, at.demand / at.provisioned), 0)} idle`;
}

function fillAll() {
  for (const control of CONTROLS) fill(control, null);
  byId("autoscaling").checked = state.autoscaling;
  show();
}

const chart = new Chart(byId("chart"), reading);
CONTROLS.forEach(build);
byId("autoscaling").addEventListener("change", (event) => {
  state.autoscaling = event.target.checked;
  show();
});
byId("reset").addEventListener("click", () => {
  state = read("");
  fillAll();
});
byId("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    text("copied", "copied");
  } catch {
    text("copied", "copy it from the address bar");
  }
});
addEventListener("hashchange", () => {
  if (location.hash.slice(1) === write(state)) return;
  state = read(location.hash);
  fillAll();
});
if (CONTROLS.some((control) => control.more && state.values[control.name] !== startOf(control))) byId("assumptions").open = true;
if (location.protocol.startsWith("http")) byId("status-link").hidden = false;
fillAll();
globalThis.forewarn = { planOf, defaults: DEFAULTS };
