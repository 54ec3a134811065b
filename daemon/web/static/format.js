// Numbers and times as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

// The daemon's clock is the one that counts: this machine's may be wrong.
let skewMs = 0;

export function setClock(serverNow) {
  skewMs = Date.parse(serverNow) - Date.now();
}

export const now = () => Date.now() + skewMs;

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  return value < 9.95 ? `${value.toFixed(1)} s` : span(value);
}

export function span(value) {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(whole, 60, "min", 1, "s");
  if (whole < 86400) return two(whole, 3600, "h", 60, "min");
  return two(whole, 86400, "d", 3600, "h");
}

function two(value, big, bigUnit, small, smallUnit) {
  const rest = Math.floor((value % big) / small);
  return `${Math.floor(value / big)} ${bigUnit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

/** A configured duration, as somebody wrote it. */
export const pace = (value) => (value < 60 ? `${value} s` : span(value));

export const age = (iso) => (iso ? span((now() - Date.parse(iso)) / 1000) : "–");

export const left = (iso) => span((Date.parse(iso) - now()) / 1000);

export function clock(iso) {
  const at = new Date(iso);
  const today = new Date(now()).toDateString() === at.toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)} ${CLOCK.format(at)}`;
}

export const onOff = (value) => (value === null || value === undefined ? "unknown" : value ? "on" : "off");

const WORDS = { killed_unverified: "killed, unverified" };

export const phaseWord = (phase) => (WORDS[phase] ?? phase.replaceAll("_", " ")).toUpperCase();
