// Ten minutes of one indicator: a line with gaps where nothing was seen, and its objective.

import { el, setText, svg } from "./dom.js";
import { duration, phrase } from "./format.js";

const WIDTH = 300;
const HEIGHT = 60;
const INSET = 3;
const LINE_HALF = 2;
const WINDOW_SECONDS = 600;

let made = 0;

/** Runs of consecutive values as [{t, v}, …]; a null ends a run. */
export function runs(history) {
  const found = [];
  let open = null;
  history.values.forEach((value, index) => {
    if (value === null) open = null;
    else {
      if (!open) found.push((open = []));
      open.push({ t: history.start + index * history.step, v: value });
    }
  });
  return found;
}

/** The top of the scale: room above the objective and above the peak; a share never needs more than 100 %. */
function scaleTop(values, objective, unit) {
  const top = Math.max((objective ?? 0) * 1.25, Math.max(0, ...values) * 1.08);
  if (unit === "percent" && top > 1) return Math.max(1, ...values);
  return top > 0 ? top : 1;
}

export class Sparkline {
  constructor() {
    const clip = `past-objective-${(made += 1)}`;
    this.gaps = svg("g", { class: "spark-gaps" });
    this.area = svg("path", { class: "spark-area" });
    this.line = svg("path", { class: "spark-line" });
    this.past = svg("path", { class: "spark-line spark-past", "clip-path": `url(#${clip})` });
    this.clip = svg("rect", { x: 0, y: -INSET, width: WIDTH });
    this.objective = svg("path", { class: "spark-objective" });
    this.last = svg("path", { class: "spark-last" });
    this.cursor = svg("path", { class: "spark-cursor" });
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
      svg("clipPath", { id: clip }, this.clip),
      this.gaps, this.area, this.objective, this.line, this.past, this.last, this.cursor);
    this.middle = el("span", { class: "spark-middle" });
    this.node = el("figure", { class: "spark" }, this.picture,
      el("figcaption", {}, el("span", {}, "\u221210\u00a0min"), this.middle, el("span", {}, "now")));
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => this.unpoint());
  }

  update(indicator, now) {
    const history = indicator.history ?? { start: now, step: 1, values: [] };
    const lines = runs(history);
    const values = lines.flat().map((sample) => sample.v);
    const top = scaleTop(values, indicator.objective, indicator.unit);
    this.unit = indicator.unit;
    this.history = history;
    this.now = now;
    this.x = (t) => (WIDTH * (t - now + WINDOW_SECONDS)) / WINDOW_SECONDS;
    this.y = (v) => HEIGHT - INSET - ((HEIGHT - 2 * INSET) * v) / top;
    this.drawLines(lines);
    this.drawGaps(lines, history.step);
    this.drawObjective(indicator.objective);
    this.summary = values.length > 0 ? `peak ${phrase(Math.max(...values), indicator.unit)}` : "no data";
    this.picture.setAttribute("aria-label", this.describe(indicator, values));
    if (!this.pointing) setText(this.middle, this.summary);
  }

  trace(run) {
    const [head, ...tail] = run.map(({ t, v }) => `${this.x(t).toFixed(1)} ${this.y(v).toFixed(1)}`);
    return `M${head}L${tail.length > 0 ? tail.join("L") : head}`;
  }

  drawLines(lines) {
    const line = lines.map((run) => this.trace(run)).join("");
    const floor = HEIGHT - INSET;
    const close = (run) => `L${this.x(run.at(-1).t).toFixed(1)} ${floor}L${this.x(run[0].t).toFixed(1)} ${floor}Z`;
    this.line.setAttribute("d", line);
    this.past.setAttribute("d", line);
    this.area.setAttribute("d", lines.map((run) => this.trace(run) + close(run)).join(""));
    const end = lines.at(-1)?.at(-1);
    const current = end && end.t >= this.now - 2 * this.history.step - 1;
    this.last.setAttribute("d", current ? this.trace([end]) : "");
  }

  /** Shades every stretch of the window that no value covers. */
  drawGaps(lines, step) {
    const edges = [this.now - WINDOW_SECONDS, ...lines.flatMap((run) => [run[0].t, run.at(-1).t]), this.now];
    const bands = [];
    for (let i = 0; i < edges.length; i += 2) {
      if (edges[i + 1] - edges[i] > 1.5 * step) bands.push([this.x(edges[i]), this.x(edges[i + 1])]);
    }
    this.gaps.replaceChildren(...bands.map(([from, to]) =>
      svg("rect", { x: from.toFixed(1), y: 0, width: (to - from).toFixed(1), height: HEIGHT })));
  }

  drawObjective(objective) {
    const level = objective === null ? -INSET : this.y(objective);
    this.objective.setAttribute("d", objective === null ? "" : `M0 ${level.toFixed(1)}H${WIDTH}`);
    const reach = level - LINE_HALF; // a line that lies on its objective is not past it
    this.clip.setAttribute("height", Math.max(0, reach + INSET).toFixed(1));
  }

  describe(indicator, values) {
    const absent = this.history.values.length - values.length;
    if (values.length === 0) return `${indicator.title}, last 10 minutes: no data`;
    const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => phrase(value, this.unit));
    const gaps = absent > 0 ? `; no data in ${absent} of ${this.history.values.length} samples` : "";
    return `${indicator.title}, last 10 minutes: from ${low} to ${high}${gaps}`;
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    const at = this.now - WINDOW_SECONDS * (1 - (event.clientX - box.left) / box.width);
    const index = Math.round((at - this.history.start) / this.history.step);
    const value = this.history.values[index] ?? null;
    this.pointing = true;
    this.cursor.setAttribute("d", `M${this.x(at).toFixed(1)} 0V${HEIGHT}`);
    setText(this.middle, `\u2212${duration(this.now - at)}: ${value === null ? "no data" : phrase(value, this.unit)}`);
  }

  unpoint() {
    this.pointing = false;
    this.cursor.setAttribute("d", "");
    setText(this.middle, this.summary);
  }
}
