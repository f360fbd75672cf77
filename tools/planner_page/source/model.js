// The planner's arithmetic, line for line that of exporter/forewarn/planner: demand, redundancy, fleet, bill.
// A browser test compares both on a grid of inputs. Names of inputs are those of the command's flags.

const DAY = 86400;
const STEP = 300;
const STEPS = DAY / STEP;
const PEAK_SECONDS = 14 * 3600;
const HALVINGS = 60;
const HOLD = 1800;
const HOURS_PER_MONTH = 730;
const MOST_SPARES = 1000;
const MOST_REPLICAS = 10000;
const ROUNDING = 1e-9;
const NEGLIGIBLE = -745;

function shape(seconds, swing, power) {
  const cosine = Math.cos((2 * Math.PI * (seconds - PEAK_SECONDS)) / DAY);
  return swing <= 2 ? 1 + (swing - 1) * cosine : swing * ((1 + cosine) / 2) ** power;
}

function powerFor(swing) {
  if (swing <= 2) return 1;
  let [low, high] = [1, 2 * swing * swing];
  for (let turn = 0; turn < HALVINGS; turn += 1) {
    const middle = (low + high) / 2;
    let sum = 0;
    for (let index = 0; index < STEPS; index += 1) sum += shape(index * STEP, swing, middle);
    if (sum / STEPS > 1) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A day of demand: `at(seconds)`, its `peak`, and the `highest(start, end)` of an interval. */
export function demandOf(average, swing) {
  const power = powerFor(swing);
  const peak = average * swing;
  const at = (seconds) => average * shape(seconds, swing, power);
  const highest = (start, end) => {
    const next = PEAK_SECONDS + DAY * Math.ceil((start - PEAK_SECONDS) / DAY);
    return next <= end ? peak : Math.max(at(start), at(end));
  };
  return { average, peak, at, highest };
}

/** Probability that more than `spares` of `replicas` are down, each up with probability `up`. */
export function moreThanDown(replicas, spares, up) {
  if (up >= 1) return 0;
  const step = Math.log((1 - up) / up);
  let logTerm = replicas * Math.log(up);
  let tail = 0;
  for (let down = 0; down <= replicas; down += 1) {
    if (down > spares && logTerm > NEGLIGIBLE) tail += Math.exp(logTerm);
    if (down < replicas) logTerm += Math.log((replicas - down) / (down + 1)) + step;
  }
  return Math.min(tail, 1);
}

function sparesFor(need, up, target) {
  for (let spares = 0; spares <= MOST_SPARES; spares += 1) {
    if (moreThanDown(need + spares, spares, up) <= 1 - target) return spares;
  }
  return null;
}

function redundancyOf(inputs, need) {
  const gpu = inputs.gpu_availability ?? 1 / (1 + (inputs.gpu_failures_per_day * inputs.repair_hours) / 24);
  const replica = gpu ** inputs.gpus_per_replica;
  const wanted = sparesFor(need, replica, inputs.target_availability);
  const spares = inputs.spares ?? wanted;
  const shortfall = moreThanDown(need + spares, spares, replica);
  const floor = Math.min(1, (inputs.correlated_failures_per_year * inputs.correlated_minutes) / 525600);
  return { gpu, replica, wanted, spares, shortfall, floor, availability: (1 - shortfall) * (1 - floor) };
}

function capacityOf(inputs) {
  if (inputs.replica_requests_per_second !== null) return inputs.replica_requests_per_second;
  if (inputs.replica_tokens_per_second !== null) {
    return inputs.replica_tokens_per_second / (inputs.prompt_tokens + inputs.output_tokens);
  }
  return inputs.replica_concurrency / inputs.request_seconds;
}

function replicasFor(load, ofOne) {
  return Math.max(1, Math.ceil(load / ofOne - ROUNDING));
}

function billOf(inputs, capacity, replicas) {
  const off = inputs.reserved_share * inputs.reserved_discount + inputs.spot_share * inputs.spot_discount;
  const hourly = replicas * (inputs.gpus_per_replica * inputs.usd_per_gpu_hour * (1 - off));
  const tokens = inputs.average_load * (inputs.prompt_tokens + inputs.output_tokens);
  const usd = hourly * HOURS_PER_MONTH;
  const idleShare = 1 - Math.min(1, inputs.average_load / (capacity * replicas));
  return { replicas, usd, idleShare, idleUsd: usd * idleShare, usdPerMillion: (hourly / (tokens * 3600)) * 1e6 };
}

function autoscalingOf(inputs, size, demand) {
  const cold = inputs.cold_start_seconds ?? inputs.weights_gb / inputs.load_gb_per_second + inputs.warmup_seconds;
  const lead = cold + inputs.scale_delay_seconds;
  const ahead = Math.max(HOLD, lead);
  const provisioned = [];
  let [rise, trigger] = [-Infinity, 1];
  for (let index = 0; index < STEPS; index += 1) {
    const time = index * STEP;
    const load = demand.highest(time - HOLD, time + ahead);
    provisioned.push(replicasFor(load, size.capacity) + size.spares + size.headroom);
    const [now, then] = [demand.at(time), demand.at(time + lead)];
    if (then - now > rise) [rise, trigger] = [then - now, Math.min(1, now / then)];
  }
  const mean = provisioned.reduce((sum, count) => sum + count, 0) / STEPS;
  const bill = billOf(inputs, size.capacity, mean);
  return { bill, provisioned, cold, lead, trigger, rise: Math.max(0, rise) / size.capacity };
}

/** The plan of complete inputs; null where the command refuses: too large a fleet, a target out of reach. */
export function planOf(inputs) {
  const demand = demandOf(inputs.average_load, inputs.swing);
  const capacity = capacityOf(inputs);
  if (demand.peak / capacity > MOST_REPLICAS) return null;
  const need = replicasFor(demand.peak, capacity);
  const redundancy = redundancyOf(inputs, need);
  if (redundancy.wanted === null) return null;
  const [spares, headroom] = [redundancy.spares, inputs.deploy_headroom];
  const replicas = need + spares + headroom;
  const size = { capacity, need, spares, headroom, replicas, gpus: replicas * inputs.gpus_per_replica };
  const fixed = billOf(inputs, capacity, replicas);
  const scaled = autoscalingOf(inputs, size, demand);
  const failures = size.gpus * inputs.gpu_failures_per_day;
  return { demand, size, redundancy, failures, fixed, scaled, saving: fixed.usd - scaled.bill.usd };
}
