// What the verdict rests on: the signals table, the events, the facts in the footer.

import { el, replaceWhenChanged, setText } from "./dom.js";
import { clock, duration, sentence } from "./format.js";
import { mark } from "./marks.js";

const SIGNAL_STATES = {
  missing: { order: 0, mark: "near", word: "Missing" },
  estimated: { order: 1, mark: "unknown", word: "Estimated" },
  found: { order: 2, mark: "ok", word: "Found" },
  "not offered": { order: 3, mark: "unknown", word: "Not offered" },
};

const LEVELS = ["info", "warning", "error"];

/** An optional signal depends on an engine feature, so its absence is no defect. */
const nameOf = ({ state, optional }) => (state === "missing" && optional ? "not offered" : state);
const stateOf = (signal) => SIGNAL_STATES[nameOf(signal)] ?? SIGNAL_STATES.missing;

/** Fills the table, worst first. It opens by itself whenever another signal goes missing. */
export function showSignals(details, summary, body, signals) {
  const sorted = [...signals].sort((a, b) => stateOf(a).order - stateOf(b).order);
  const tally = ["found", "estimated", "missing", "not offered"]
    .map((state) => [signals.filter((signal) => nameOf(signal) === state).length, state])
    .filter(([number]) => number > 0).map(([number, state]) => `${number} ${state}`);
  details.hidden = signals.length === 0;
  setText(summary, tally.join(", "));
  const missing = signals.filter((signal) => nameOf(signal) === "missing").map((signal) => signal.signal).join(" ");
  if (details.dataset.missing !== missing) details.open = missing !== "";
  details.dataset.missing = missing;
  replaceWhenChanged(body, JSON.stringify(sorted), () => sorted.map(row));
}

function row(signal) {
  const { mark: shape, word } = stateOf(signal);
  const tells = sentence(nameOf(signal) === "missing" ? `you are blind to ${signal.blind}` : signal.blind);
  return el("tr", { role: "row", "data-state": nameOf(signal) },
    el("th", { role: "rowheader", scope: "row" }, signal.signal),
    el("td", { role: "cell", class: "signal-state", "data-shape": shape }, mark(shape), word),
    el("td", { role: "cell", class: "source" }, signal.source ? el("code", {}, signal.source) : "\u2013"),
    el("td", { role: "cell", class: "tells" }, `${tells} ${sentence(signal.reason)}`.trim()));
}

/** Lists events, newest first. */
export function showEvents(target, events) {
  replaceWhenChanged(target, JSON.stringify(events), () => {
    if (events.length === 0) return [el("li", { class: "none" }, "None since the sidecar started.")];
    return [...events].reverse().map(eventRow);
  });
}

function eventRow({ time, level, text }) {
  const word = LEVELS.includes(level) ? level : "note";
  return el("li", { "data-level": word },
    el("time", { datetime: new Date(time * 1000).toISOString() }, clock(time)),
    el("span", { class: "level" }, word), el("span", {}, text));
}

function pollText({ mode, fast_seconds: fast, full_seconds: full }) {
  return mode === "two-speed" ? `gauges every ${fast} s, full page every ${full} s` : `full page every ${full} s`;
}

function warmupText({ state, progress, reason, duration: took }) {
  if (state === "warming") return `${Math.round(100 * progress)} %: ${reason}`;
  return took === null ? reason : `${reason}, in ${took.toFixed(1)} s`;
}

function livenessText({ result, at, idle_after: every }, now) {
  return result === null ? `none yet, after ${every} s without progress` : `${result}, ${duration(now - at)} ago`;
}

const suiteText = ({ suite, score, problem }) => `${suite} ${score === null ? problem || "no score" : score.toFixed(3)}`;

/** The probes that are turned on; answers of an older sidecar have none. */
function probeFacts({ probes, now }) {
  if (!probes) return [];
  return [
    ["Warm-up", probes.warmup && warmupText(probes.warmup)],
    ["Liveness probe", probes.liveness && livenessText(probes.liveness, now)],
    ["Quality", [...probes.suites.map(suiteText), ...probes.errors].join("; ")],
  ].filter(([, text]) => text);
}

/** Engine and sidecar facts; the ages change with every answer, the rest hardly ever. */
export function showFacts(target, status) {
  const { engine, forewarn, now } = status;
  const age = engine.sample_age_seconds;
  const facts = [
    ["Engine", `${engine.kind} ${engine.version || "of unknown version"}`],
    ["Address", engine.url],
    ["Up for", engine.start_time === null ? "unknown" : duration(now - engine.start_time)],
    ["Source", engine.source],
    ["Polls", pollText(engine.poll)],
    ["Sample age", age === null ? "no sample" : `${age.toFixed(1)} s`],
    ...probeFacts(status),
    ["forewarn", `${forewarn.version}, schema ${forewarn.schema}`],
    ["Running for", duration(now - forewarn.started)],
  ];
  replaceWhenChanged(target, JSON.stringify(facts), () =>
    facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** Who this replica is, as far as it is known. */
export function showIdentity(target, { deployment, model, version, track }) {
  const name = deployment || model || "unnamed";
  const rest = [["model", model], ["version", version], ["track", track === "stable" ? "" : track]]
    .filter(([, value]) => value && value !== name);
  replaceWhenChanged(target, JSON.stringify([name, rest]), () =>
    [el("strong", {}, name), ...rest.map(([label, value]) => el("span", {}, `${label} ${value}`))]);
}
