// 24 hours of demand against what is provisioned; the area between is idle.

const HEIGHT = 300;
const LEFT = 46;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 28;
const SVG = "http://www.w3.org/2000/svg";
const NARROW = 480;

function svg(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Round steps of an axis from 0 to `top`. */
export function ticks(top) {
  const rough = top / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 2.5, 5, 10].find((factor) => factor * unit >= rough);
  const found = [];
  for (let index = 0; index * step <= top * 1.0001; index += 1) found.push(Number((index * step).toPrecision(6)));
  return found;
}

export class Chart {
  constructor(picture, reading) {
    this.picture = picture;
    this.reading = reading;
    this.index = null;
    picture.addEventListener("pointermove", (event) => this.point(event));
    picture.addEventListener("pointerleave", () => this.pick(null));
    picture.addEventListener("keydown", (event) => this.key(event));
    picture.addEventListener("blur", () => this.pick(null));
    new ResizeObserver(() => this.plan && this.draw()).observe(picture);
  }

  show(plan, autoscaling) {
    this.plan = plan;
    this.counts = autoscaling ? plan.scaled.provisioned : plan.scaled.provisioned.map(() => plan.size.replicas);
    this.draw();
    this.pick(this.index);
  }

  draw() {
    const { demand, size } = this.plan;
    const width = Math.max(260, this.picture.clientWidth);
    const top = Math.max(size.replicas * size.capacity, demand.peak) * 1.06;
    this.x = (seconds) => LEFT + ((width - LEFT - RIGHT) * seconds) / DAY;
    this.y = (load) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * load) / top;
    this.width = width;
    const points = Array.from({ length: STEPS + 1 }, (_, index) => [index * STEP, demand.at(index * STEP)]);
    const curve = points.map(([time, load]) => `${this.x(time).toFixed(1)} ${this.y(load).toFixed(1)}`).join("L");
    const floor = this.y(0).toFixed(1);
    const warm = this.stairs((count) => count);
    const need = this.stairs((count) => count - size.spares - size.headroom);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.replaceChildren(
      svg("path", { class: "idle", d: `M${warm}L${this.x(DAY)} ${floor}L${LEFT} ${floor}Z` }),
      svg("path", { class: "reserve", d: `M${warm}L${need.split("L").reverse().join("L")}Z` }),
      svg("path", { class: "served", d: `M${curve}L${this.x(DAY)} ${floor}L${LEFT} ${floor}Z` }),
      ...this.axes(top, width),
      svg("path", { class: "need", d: `M${need}` }),
      svg("path", { class: "demand", d: `M${curve}` }),
      svg("path", { class: "provisioned", d: `M${warm}` }),
      (this.cursor = svg("path", { class: "cursor" })),
    );
  }

  stairs(of) {
    const { capacity } = this.plan.size;
    const corners = this.counts.map((count, index) => {
      const level = this.y(of(count) * capacity).toFixed(1);
      return `${this.x(index * STEP).toFixed(1)} ${level}L${this.x((index + 1) * STEP).toFixed(1)} ${level}`;
    });
    return corners.join("L");
  }

  axes(top, width) {
    const rows = ticks(top).flatMap((load) => [
      svg("path", { class: "grid", d: `M${LEFT} ${this.y(load).toFixed(1)}H${width - RIGHT}` }),
      svg("text", { x: LEFT - 8, y: (this.y(load) + 4).toFixed(1), "text-anchor": "end" }, load.toLocaleString("en-US")),
    ]);
    const step = width < NARROW ? 6 : 3;
    const hours = Array.from({ length: 24 / step + 1 }, (_, index) => index * step);
    const columns = hours.map((hour) => svg("text", {
      x: this.x(hour * 3600).toFixed(1),
      y: HEIGHT - 8,
      "text-anchor": hour === 24 ? "end" : "middle",
    }, `${String(hour).padStart(2, "0")}:00`));
    return [...rows, ...columns];
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.width;
    const index = Math.floor(((at - LEFT) / (this.width - LEFT - RIGHT)) * STEPS);
    this.pick(Math.min(STEPS - 1, Math.max(0, index)));
  }

  key(event) {
    const moves = { ArrowLeft: -6, ArrowRight: 6, Home: -STEPS, End: STEPS };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const from = this.index ?? PEAK_SECONDS / STEP;
    this.pick(Math.min(STEPS - 1, Math.max(0, from + moves[event.key])));
  }

  pick(index) {
    this.index = index;
    this.reading(index === null ? null : {
      time: index * STEP,
      demand: this.plan.demand.at(index * STEP),
      replicas: this.counts[index],
      provisioned: this.counts[index] * this.plan.size.capacity,
    });
    if (index === null) this.cursor.setAttribute("d", "");
    else this.cursor.setAttribute("d", `M${this.x(index * STEP).toFixed(1)} ${TOP}V${this.y(0).toFixed(1)}`);
  }
}
