// The one sentence that answers "is anything about to break, and what do I do first". Pure functions.

import { clock, count, duration, inSentence, list, sentence } from "./format.js";

const ENGINE_STATES = {
  starting: {
    tone: "unknown", headline: "Nothing to judge yet: waiting for the engine", timed: false,
    first: "Wait for its first answer. If that takes longer than a normal start, read the end of the engine's log.",
  },
  unreachable: {
    tone: "over", headline: "Engine unreachable", timed: true,
    first: "See whether the engine process is alive and listens on its port; read the end of its log.",
  },
  slow: {
    tone: "near", headline: "Engine slow to answer", timed: true,
    first: "Look at the CPU of the engine's API process. Until it answers in time, every value here may be late.",
  },
  bad_page: {
    tone: "over", headline: "Engine metrics unreadable", timed: true,
    first: "Open the engine's /metrics yourself: is it vLLM, and does nothing in between rewrite it?",
  },
  no_series: {
    tone: "over", headline: "Engine answers without vLLM metrics", timed: true,
    first: "Check that the address is the vLLM server and that it does not run with --disable-log-stats.",
  },
  stalled: {
    tone: "over", headline: "Engine stalled: nothing advances", timed: true,
    first: "Take the replica out of rotation, keep its log and a stack dump, then restart it.",
  },
};

const UNREADY = {
  warming: {
    tone: "near", headline: "Warming up: no traffic yet",
    first: "Wait: most replicas are warm in a minute or two.",
  },
  failed: {
    tone: "over", headline: "Warm-up failed: no traffic",
    first: "Mend what the note names; the warm-up goes on trying and opens the gate by itself.",
  },
  other: {
    tone: "near", headline: "Not ready for traffic",
    first: "Read the reason; the replica comes back by itself once it holds no more.",
  },
};

const LOUDNESS = ["ok", "unknown", "near", "over"];
const louder = (a, b) => (LOUDNESS.indexOf(a) >= LOUDNESS.indexOf(b) ? a : b);

/** The state to show: a value without an objective is `open`, neither good nor bad. */
export const shownState = ({ state, objective }) => (state === "ok" && objective === null ? "open" : state);

/** The worst state among indicators; `unknown` only when nothing is known. */
export function worst(indicators) {
  const states = indicators.map((indicator) => indicator.state);
  return ["over", "near", "ok"].find((state) => states.includes(state)) ?? "unknown";
}

/** Verdict on a status: tone, headline, duration, note, first step, runbook and the signals to look at. */
export function judge(status) {
  const cells = status.ranks.flatMap((rank) => rank.indicators.map((indicator) => ({ rank, indicator })));
  const signals = judgeSignals(cells, status);
  const engine = ENGINE_STATES[status.engine.state];
  if (engine) return judgeEngine(status, engine, signals);
  const verdict = judgeQuality(status, signals);
  return status.ready.ready ? verdict : judgeUnready(status, verdict);
}

/** A replica without traffic is not quiet, whatever its signals say. */
function judgeUnready({ ready, probes }, verdict) {
  const gate = probes?.warmup;
  const unready = UNREADY[gate?.state] ?? UNREADY.other;
  const note = [verdict.note, `Not ready for traffic${ready.reason ? `: ${ready.reason}` : ""}.`];
  const kept = { ...verdict, note: note.filter(Boolean).join(" ") };
  if (verdict.tone === "near" || verdict.tone === "over") return { ...kept, tone: louder(verdict.tone, unready.tone) };
  return { ...kept, ...unready, runbook: gate?.runbook ?? null, alert: gate?.alert ?? null };
}

/** A model that is up, fast and wrong shows in no other signal. */
function judgeQuality({ probes }, verdict) {
  const low = (probes?.suites ?? []).filter(({ score, gate }) => score !== null && gate !== null && score < gate);
  if (low.length === 0 || verdict.tone === "over") return verdict;
  const names = low.map(({ suite, score }) => `${suite} ${score.toFixed(3)}`);
  return {
    ...verdict, tone: "over", headline: `Quality below its gate of ${low[0].gate}: ${list(names)}`,
    first: "Compare with the time of the last deploy; roll back if it began there.",
    runbook: low[0].runbook, alert: low[0].alert,
  };
}

function judgeEngine(status, state, signals) {
  const { engine, now } = status;
  const detail = engine.detail ? `${engine.detail} · ` : "";
  return {
    tone: louder(state.tone, signals.tone),
    headline: state.headline,
    duration: state.timed ? duration(now - engine.since) : null,
    note: `${detail}${engine.url} · since ${clock(engine.since)}`,
    first: state.first,
    runbook: engine.runbook ?? null,
    alert: engine.alert ?? null,
    cells: signals.cells,
  };
}

function judgeSignals(cells, status) {
  for (const state of ["over", "near"]) {
    const hits = inLeadOrder(cells.filter((cell) => cell.indicator.state === state));
    if (hits.length > 0) return attention(state, hits, status);
  }
  const judged = cells.filter((cell) => shownState(cell.indicator) === "ok");
  if (judged.length === 0) {
    const lacks = cells.some((cell) => cell.indicator.state === "ok") ? "has a value and an objective" : "has a value";
    return quietVerdict("unknown", `Nothing to judge yet: no indicator ${lacks}`, "");
  }
  const blind = blindSpots(cells, status);
  if (blind.length > 0) {
    const why = new Set(blind.map(({ indicator }) => sentence(indicator.missing_because)));
    return quietVerdict("unknown", `Quiet, but blind to ${list(titles(blind).map(inSentence))}`, [...why].join(" "));
  }
  const number = count(titles(judged).length, "indicator");
  return quietVerdict("ok", "All quiet", `${number} judged, none past its objective.`);
}

function attention(state, hits, status) {
  const names = titles(hits);
  const whose = names.length === 1 ? "its" : "their";
  const relation = state === "over" ? "past" : "near";
  const where = whichRanks(hits, status.ranks.length);
  const lead = hits[0].indicator;
  return {
    tone: state,
    headline: `${count(names.length, "signal")} ${relation} ${whose} objective${where}: ${list(names.map(inSentence))}`,
    duration: null, note: "", first: lead.first_step, runbook: lead.runbook, alert: lead.alert, cells: hits,
  };
}

const quietVerdict = (tone, headline, note) =>
  ({ tone, headline, note, duration: null, first: null, runbook: null, alert: null, cells: [] });

const titles = (cells) => [...new Set(cells.map((cell) => cell.indicator.title))];

/** The earliest warning first: the API lists indicators by lead, so the place within a rank decides, not the rank. */
function inLeadOrder(cells) {
  const order = titles(cells);
  return [...cells].sort((a, b) => order.indexOf(a.indicator.title) - order.indexOf(b.indicator.title));
}

function whichRanks(hits, total) {
  if (total < 2) return "";
  const ranks = [...new Set(hits.map((cell) => cell.rank))];
  return ranks.length === 1 ? ` on ${ranks[0].name}` : ` on ${ranks.length} of ${total} ranks`;
}

/** Leading indicators without a value because their signal is missing; on an idle engine a mean is merely absent. */
function blindSpots(cells, status) {
  const missing = new Set(status.signals.filter((signal) => signal.state === "missing").map((signal) => signal.signal));
  return cells.filter(({ indicator }) =>
    indicator.leading && indicator.state === "unknown" && missing.has(indicator.signal ?? indicator.id));
}

/** Verdict when the sidecar itself gives no usable answer. */
export function lostContact(reason, since, now, hasValues) {
  const kept = hasValues
    ? `The values below are from ${clock(since)} and may be wrong.`
    : "No value has been seen yet.";
  return {
    tone: "gone", headline: "No contact with forewarn", duration: duration(now - since),
    note: `${reason} · since ${clock(since)}. ${kept}`,
    first: "Check the sidecar container. The engine may be fine: this page cannot tell.",
    runbook: null, alert: null, cells: [],
  };
}
