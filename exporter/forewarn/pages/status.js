// The status page: asks ./api/status every two seconds while somebody looks, and shows the answer.

import { Ranks, cardId } from "./cards.js";
import { el, replaceWhenChanged, safeLink, setText } from "./dom.js";
import { showEvents, showFacts, showIdentity, showSignals } from "./evidence.js";
import { namedRanks, phrase } from "./format.js";
import { icon, letter, mark } from "./marks.js";
import { judge, lostContact } from "./verdict.js";

const POLL_MILLISECONDS = 2000;
const TIMEOUT_MILLISECONDS = 5000;
const MOST_PILLS = 6;

const $ = (id) => document.getElementById(id);
const ranks = new Ranks($("ranks"), $("indicators"));
const opened = Date.now() / 1000;
let lastAnswer = null; // {status, at}: `at` by this browser's clock, which need not agree with the sidecar's.
let timer = null;
let asking = false;

function showVerdict(verdict, { identity, ranks: { length: rankCount } }) {
  const name = identity.deployment || identity.model;
  $("verdict").dataset.tone = verdict.tone;
  replaceWhenChanged($("verdict-mark"), verdict.tone, () => [mark(verdict.tone)]);
  setText($("headline"), verdict.headline);
  setText($("headline-duration"), verdict.duration ? ` for ${verdict.duration}` : "");
  setText($("verdict-note"), verdict.note);
  $("verdict-note").hidden = !verdict.note;
  showFirstStep(verdict);
  showPills(verdict.cells, rankCount > 1);
  document.title = `${letter(verdict.tone)} ${verdict.headline}${name ? ` · ${name}` : ""}`;
  const favicon = icon(verdict.tone);
  if ($("favicon").href !== favicon) $("favicon").href = favicon;
}

function showFirstStep({ first, runbook, alert }) {
  $("verdict-first").hidden = !first;
  replaceWhenChanged($("verdict-first"), String(first), () => [el("strong", {}, "Do first: "), first ?? ""]);
  const link = safeLink(runbook, alert ? `Runbook: ${alert}` : "Runbook", { class: "runbook" });
  $("verdict-runbook").hidden = link === null;
  replaceWhenChanged($("verdict-runbook"), JSON.stringify([runbook, alert]), () => [link].filter(Boolean));
}

function showPills(cells, severalRanks) {
  const shown = cells.slice(0, MOST_PILLS);
  $("pills").hidden = shown.length === 0;
  const names = shown.map(({ rank, indicator }) => [rank.key, indicator.id, indicator.title]);
  const key = JSON.stringify([severalRanks, names]);
  replaceWhenChanged($("pills"), key, () => shown.map((cell) => pill(cell, severalRanks)));
  shown.forEach(({ indicator }, index) => {
    const text = indicator.value === null ? "" : phrase(indicator.value, indicator.unit);
    setText($("pills").children[index].querySelector("b"), text);
  });
}

function pill({ rank, indicator }, severalRanks) {
  const id = cardId(rank.key, indicator);
  const name = severalRanks ? `${rank.label} · ${indicator.title} ` : `${indicator.title} `;
  const link = el("a", { href: `#${encodeURIComponent(id)}` }, name, el("b", {}));
  link.addEventListener("click", (event) => {
    event.preventDefault();
    if (severalRanks) ranks.choose(rank.key);
    $(id).focus({ preventScroll: true });
    $(id).scrollIntoView({ block: "center" });
  });
  return el("li", {}, link);
}

function showStatus(answer) {
  const status = { ...answer, ranks: namedRanks(answer.ranks) };
  showVerdict(judge(status), status);
  ranks.update(status);
  showIdentity($("identity"), status.identity);
  const signals = status.engine.state === "starting" ? [] : status.signals; // nothing was looked for yet
  showSignals($("signals"), $("signals-summary"), $("signal-rows"), signals);
  showEvents($("event-rows"), status.events);
  showFacts($("facts"), status);
  $("evidence").hidden = false;
  setText($("live"), "Live");
  document.body.dataset.contact = "live";
  lastAnswer = { status, at: Date.now() / 1000 };
}

function showLost(reason) {
  const verdict = lostContact(reason, lastAnswer?.at ?? opened, Date.now() / 1000, lastAnswer !== null);
  showVerdict(verdict, lastAnswer?.status ?? { identity: {}, ranks: [] });
  setText($("live"), "Not live");
  document.body.dataset.contact = "lost";
}

async function ask() {
  let response;
  try {
    response = await fetch("./api/status", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  } catch (error) {
    const late = error.name === "TimeoutError" ? " in time" : "";
    throw new Error(`It does not answer${late}`, { cause: error });
  }
  if (!response.ok) throw new Error(`It answers with HTTP ${response.status}`);
  return response.json().catch((error) => {
    throw new Error("Its answer is not JSON", { cause: error });
  });
}

async function refresh() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const status = await ask();
    try {
      showStatus(status);
    } catch (error) {
      throw new Error(`Its answer makes no sense to this page (${error.message})`, { cause: error });
    }
  } catch (error) {
    showLost(error.message);
  }
  asking = false;
  if (!document.hidden) timer = setTimeout(refresh, POLL_MILLISECONDS);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else refresh();
});

refresh();
