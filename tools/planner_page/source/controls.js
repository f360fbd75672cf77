// The sliders: what each means, how far it goes, and how its value stands in the address.

/** `curve: "log"` spreads small values; `whole` has no fractions. The defaults are the command's, but for those given. */
export const CONTROLS = [
  { name: "average_load", title: "Average load", unit: "requests/s", low: 0.1, high: 5000, curve: "log" },
  { name: "swing", title: "Diurnal swing", unit: "× the mean at the peak", low: 1, high: 10, step: 0.1 },
  { name: "replica_requests_per_second", title: "Capacity per replica", unit: "requests/s within objectives", low: 0.1, high: 200, curve: "log", start: 4 },
  { name: "spares", title: "Spares, k", unit: "replicas", low: 0, high: 10, step: 1, whole: true, start: 1 },
  { name: "deploy_headroom", title: "Deploy headroom", unit: "replicas", low: 0, high: 10, step: 1, whole: true },
  { name: "gpus_per_replica", title: "GPUs per replica", unit: "fail as one", low: 1, high: 16, step: 1, whole: true },
  { name: "usd_per_gpu_hour", title: "Price", unit: "USD per GPU-hour", low: 0, high: 15, step: 0.05 },
  { name: "cold_start_seconds", title: "Cold start", unit: "s to load and warm up", low: 10, high: 7200, curve: "log", start: 130, more: true },
  { name: "scale_delay_seconds", title: "Autoscaler's delay", unit: "s before a replica starts", low: 0, high: 600, step: 5, more: true },
  { name: "gpu_failures_per_day", title: "GPU failures", unit: "per GPU and day", low: 0, high: 0.02, step: 0.0005, more: true },
  { name: "repair_hours", title: "Repair", unit: "hours", low: 0.1, high: 72, curve: "log", more: true },
  { name: "target_availability", title: "Target availability", unit: "of full capacity", low: 0.9, high: 0.99999, curve: "nines", more: true },
  { name: "correlated_failures_per_year", title: "Correlated failures", unit: "a year", low: 0, high: 52, step: 1, more: true },
  { name: "correlated_minutes", title: "each lasting", unit: "min", low: 0, high: 480, step: 5, more: true },
  { name: "prompt_tokens", title: "Prompt", unit: "tokens a request", low: 0, high: 20000, step: 50, more: true },
  { name: "output_tokens", title: "Output", unit: "tokens a request", low: 1, high: 4000, step: 1, more: true },
];

const POSITIONS = 1000;
const SWITCH = "autoscaling";

export function startOf(control) {
  return control.start ?? DEFAULTS[control.name];
}

/** Position of a slider, 0 to 1000 on a curve or the value itself, for a value. */
export function positionOf(control, value) {
  if (!control.curve) return value;
  const [low, high, at] = ends(control, value);
  return Math.round((POSITIONS * (at - low)) / (high - low));
}

export function valueAt(control, position) {
  if (!control.curve) return position;
  const [low, high] = ends(control, control.low);
  const at = low + ((high - low) * position) / POSITIONS;
  return control.curve === "log" ? tidy(Math.exp(at)) : Number((1 - 10 ** -at).toPrecision(5));
}

function ends(control, value) {
  const scale = control.curve === "log" ? Math.log : (share) => -Math.log10(1 - share);
  const within = Math.min(control.high, Math.max(control.low, value));
  return [scale(control.low), scale(control.high), scale(within)];
}

/** Three significant digits: what a slider can mean. */
function tidy(value) {
  return Number(value.toPrecision(3));
}

/** Whether the command would take `value` for this input. */
export function accepts(control, value) {
  const [low, high, above] = BOUNDS[control.name];
  if (!Number.isFinite(value) || (control.whole && !Number.isInteger(value))) return false;
  if (control.name === "target_availability" && value >= 1) return false;
  return (above ? value > low : value >= low) && value <= high;
}

/** The state in an address' fragment; what it leaves out or gets wrong starts as it always does. */
export function read(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const values = {};
  for (const control of CONTROLS) {
    const text = given.get(control.name);
    const value = text === null || text.trim() === "" ? NaN : Number(text);
    values[control.name] = accepts(control, value) ? value : startOf(control);
  }
  return { values, autoscaling: given.get(SWITCH) === "on" };
}

/** The fragment that `read` turns back into this state: only what differs from the start. */
export function write(state) {
  const differs = CONTROLS.filter((control) => state.values[control.name] !== startOf(control));
  const pairs = differs.map((control) => `${control.name}=${state.values[control.name]}`);
  if (state.autoscaling) pairs.push(`${SWITCH}=on`);
  return pairs.join("&");
}

/** Complete inputs of a plan. */
export function inputsOf(state) {
  return { ...DEFAULTS, ...state.values };
}

/** The same plan on the command line. */
export function commandOf(state) {
  const always = ["average_load", "swing", "replica_requests_per_second", "spares"];
  const told = CONTROLS.filter(({ name }) => always.includes(name) || state.values[name] !== DEFAULTS[name]);
  return `forewarn plan ${told.map(({ name }) => `--${name.replaceAll("_", "-")} ${state.values[name]}`).join(" ")}`;
}
