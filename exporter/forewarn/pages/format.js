// Numbers, durations and names as a person reads them. Pure functions.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A figure with about three digits; `trim` drops the trailing zeros that keep a live value from jumping. */
function figure(value, trim) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.01) return value < 0 ? "\u22120.01" : "<0.01";
  const text = size >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(size >= 10 ? 1 : 2);
  return trim && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function percentFigure(value, trim) {
  const percent = value * 100;
  if (percent === 0) return "0";
  if (percent > 0 && percent < 0.1) return "<0.1";
  const text = percent.toFixed(Math.abs(percent) < 9.95 ? 1 : 0);
  return trim ? text.replace(/\.0$/, "") : text;
}

const milliseconds = (value, trim) => (Math.abs(value) < 10 ? figure(value, trim) : String(Math.round(value)));

const WRITERS = {
  ratio: (value, trim) => [figure(value, trim), "×"],
  percent: (value, trim) => [percentFigure(value, trim), "%"],
  seconds: (value, trim) =>
    Math.abs(value) < 0.9995 ? [milliseconds(value * 1000, trim), "ms"] : [figure(value, trim), "s"],
  requests: (value) => [figure(value, true), value === 1 ? "request" : "requests"],
  per_second: (value, trim) => [figure(value, trim), "/s"],
  usd_per_million_tokens: (value, trim) => [`$${figure(value, trim)}`, "per 1M tokens"],
};

/** The pair [number, unit] for a value of the API; an unknown unit is shown as it is named. */
export function quantity(value, unit, trim = false) {
  const write = WRITERS[unit] ?? ((plain, short) => [figure(plain, short), unit]);
  return write(value, trim);
}

/** One string for a value, `number` and unit joined as typography wants it. */
export function phrase(value, unit) {
  const [number, suffix] = quantity(value, unit, true);
  return suffix === "×" ? number + suffix : `${number}\u00a0${suffix}`;
}

/** A span of time in its one or two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}\u00a0s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}\u00a0min`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}\u00a0h ${Math.floor((whole % HOUR) / MINUTE)}\u00a0min`;
  return `${Math.floor(whole / DAY)}\u00a0d ${Math.floor((whole % DAY) / HOUR)}\u00a0h`;
}

/** The reader's wall clock, 24 hours, for a Unix time. */
export function clock(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleTimeString("en-GB", { hour12: false });
}

/** A title inside a sentence: "Queue pressure" loses its capital, "KV cache usage" keeps it. */
export function inSentence(title) {
  return /^[A-Z][a-z]/.test(title) ? title[0].toLowerCase() + title.slice(1) : title;
}

/** A phrase of the API as a sentence: capital first, full stop last; "" stays "". */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "";
}

/** The ranks with a unique `key`, a `name` for sentences and a `label` to stand alone; several models are named too. */
export function namedRanks(ranks) {
  const severalModels = new Set(ranks.map((rank) => rank.model)).size > 1;
  return ranks.map((rank) => ({
    ...rank,
    key: severalModels ? `${rank.model}/${rank.engine}` : rank.engine,
    name: severalModels ? `${rank.model} · rank\u00a0${rank.engine}` : `rank\u00a0${rank.engine}`,
    label: severalModels ? `${rank.model} · rank\u00a0${rank.engine}` : `Rank\u00a0${rank.engine}`,
  }));
}

/** "a, b, c and 2 more", with at most `limit` names. */
export function list(names, limit = 3) {
  const rest = names.length - limit;
  return rest > 0 ? `${names.slice(0, limit).join(", ")} and ${rest} more` : names.join(", ");
}

/** "1 signal" or "3 signals". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
