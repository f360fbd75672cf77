// Indicator cards of one rank, and the tabs that choose the rank.

import { el, replaceWhenChanged, safeLink, setText } from "./dom.js";
import { phrase, quantity, sentence } from "./format.js";
import { mark } from "./marks.js";
import { Sparkline } from "./sparkline.js";
import { shownState, worst } from "./verdict.js";

const STATE_WORDS = {
  ok: "OK", near: "Near objective", over: "Past objective", open: "Not judged", unknown: "No data",
};

const TAB_WORDS = { ...STATE_WORDS, near: "Near", over: "Past" };

const GROUPS = [
  { leading: true, title: "Leading indicators: before users feel it" },
  { leading: false, title: "What users feel" },
];

/** Three or four columns, whichever leaves the smaller hole in the last row. */
const columns = (number) => ((3 - (number % 3)) % 3 < (4 - (number % 4)) % 4 ? 3 : 4);

export const cardId = (rank, indicator) => `card-${encodeURIComponent(rank)}-${encodeURIComponent(indicator.id)}`;

class Card {
  constructor(rank, indicator) {
    const id = cardId(rank, indicator);
    this.title = el("h3", { id: `${id}-title` });
    this.state = el("p", { class: "state" });
    this.value = el("span", { class: "value" });
    this.unit = el("span", { class: "unit" });
    this.objective = el("p", { class: "objective" });
    this.sparkline = new Sparkline();
    this.why = el("p", { class: "why" });
    this.meaning = el("p", { class: "meaning" });
    this.first = el("p", { class: "first" });
    this.links = el("p", { class: "links" });
    this.node = el("article", { class: "card", id, tabindex: "-1", "aria-labelledby": `${id}-title` },
      el("div", { class: "card-head" }, this.title, this.state),
      el("div", { class: "reading" }, el("p", { class: "number" }, this.value, this.unit), this.objective),
      this.sparkline.node, this.why, this.first, this.meaning, this.links);
  }

  update(indicator, now) {
    const state = shownState(indicator);
    this.node.dataset.state = state;
    setText(this.title, indicator.title);
    replaceWhenChanged(this.state, state, () => [mark(state), STATE_WORDS[state] ?? state]);
    this.updateReading(indicator);
    this.sparkline.update(indicator, now);
    const urgent = indicator.state === "over" || indicator.state === "near";
    const why = indicator.missing_because ?? "the reason is not known";
    showText(this.why, indicator.value === null ? sentence(why) : "");
    showText(this.first, urgent ? indicator.first_step : "");
    setText(this.meaning, indicator.meaning);
    const { runbook, alert, series } = indicator;
    replaceWhenChanged(this.links, JSON.stringify([runbook, alert, series]), () => links(indicator));
  }

  updateReading(indicator) {
    const { value, objective, unit, exact } = indicator;
    const [number, suffix] = value === null ? ["\u2013", ""] : quantity(value, unit);
    setText(this.value, value !== null && !exact ? `\u2248\u2009${number}` : number);
    setText(this.unit, suffix);
    const aim = objective === null ? "no objective" : `objective\u00a0${phrase(objective, unit)}`;
    setText(this.objective, value === null ? aim : `${aim} ·\u00a0${exact ? "exact" : "estimated"}`);
  }
}

function showText(node, text) {
  node.hidden = text === "";
  setText(node, text);
}

function links(indicator) {
  const name = indicator.alert ? `Runbook: ${indicator.alert}` : "Runbook";
  const runbook = safeLink(indicator.runbook, name, { "aria-label": `${name}, for ${indicator.title}` });
  return [runbook, el("code", {}, indicator.series ?? "")].filter(Boolean);
}

/** The tabs and the cards of the rank in view. */
export class Ranks {
  constructor(tabs, panel) {
    this.tabs = tabs;
    this.panel = panel;
    this.chosen = null;
    this.shown = null;
    this.cards = new Map();
    tabs.addEventListener("keydown", (event) => this.onKey(event));
  }

  update(status) {
    this.status = status;
    const { ranks } = status;
    this.shown = this.pick(ranks);
    this.updateTabs(ranks);
    const rank = ranks.find((candidate) => candidate.key === this.shown);
    this.updateCards(rank ?? { key: "", indicators: [] }, status.now);
  }

  /** The reader's choice; else the rank in view, unless another one is worse: the page moves only towards trouble. */
  pick(ranks) {
    const has = (name) => ranks.some((rank) => rank.key === name);
    if (has(this.chosen)) return this.chosen;
    const badness = (rank) => ["ok", "unknown", "near", "over"].indexOf(worst(rank.indicators));
    const worstRank = ranks.reduce((best, rank) => (best && badness(best) >= badness(rank) ? best : rank), null);
    const current = ranks.find((rank) => rank.key === this.shown);
    return current && badness(current) >= badness(worstRank) ? current.key : worstRank?.key ?? null;
  }

  choose(name) {
    this.chosen = name;
    this.update(this.status);
  }

  updateTabs(ranks) {
    this.tabs.hidden = ranks.length < 2;
    this.panel.setAttribute("role", ranks.length < 2 ? "presentation" : "tabpanel");
    const key = JSON.stringify(ranks.map((rank) => rank.key));
    replaceWhenChanged(this.tabs, key, () => ranks.map((rank) => this.makeTab(rank)));
    ranks.forEach((rank, index) => {
      const tab = this.tabs.children[index];
      const selected = rank.key === this.shown;
      const state = worst(rank.indicators);
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      tab.dataset.state = state;
      if (selected) this.panel.setAttribute("aria-labelledby", tab.id);
      replaceWhenChanged(tab.firstElementChild, state, () => [mark(state)]);
      setText(tab.lastElementChild, TAB_WORDS[state]);
    });
  }

  makeTab({ key, label }) {
    const id = `rank-${encodeURIComponent(key)}`;
    const tab = el("button", { type: "button", role: "tab", id, "aria-controls": this.panel.id },
      el("span", { class: "tab-mark" }),
      el("span", { class: "tab-name" }, label),
      el("span", { class: "tab-word" }));
    tab.addEventListener("click", () => this.choose(key));
    return tab;
  }

  onKey(event) {
    const all = [...this.tabs.children];
    const at = all.indexOf(document.activeElement);
    const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (target === undefined || at < 0) return;
    event.preventDefault();
    const tab = all[(target + all.length) % all.length];
    tab.click();
    tab.focus();
  }

  updateCards(rank, now) {
    const key = JSON.stringify([rank.key, rank.indicators.map((indicator) => [indicator.id, indicator.leading])]);
    replaceWhenChanged(this.panel, key, () => {
      this.cards = new Map(rank.indicators.map((indicator) => [indicator.id, new Card(rank.key, indicator)]));
      return GROUPS.map((group) => this.section(group, rank)).filter(Boolean);
    });
    rank.indicators.forEach((indicator) => this.cards.get(indicator.id).update(indicator, now));
  }

  section({ leading, title }, rank) {
    const members = rank.indicators.filter((indicator) => indicator.leading === leading);
    if (members.length === 0) return null;
    const id = leading ? "leading-title" : "trailing-title";
    return el("section", { "aria-labelledby": id },
      el("h2", { id }, title),
      el("div", { class: "grid", "data-columns": columns(members.length) },
        ...members.map((indicator) => this.cards.get(indicator.id).node)));
  }
}
