// Times in the viewer's zone, with UTC on hover; ages that count.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

// The viewer's clock may be minutes wrong: the daemon's own time came with the page.
let ahead = 0;

export function now() {
  return Date.now() - ahead;
}

export function setClock(iso) {
  const told = Date.parse(iso);
  if (Number.isFinite(told)) ahead = Date.now() - told;
}

// As `wording.span` writes it.
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(whole, 60, "min", 1, "s");
  return whole < 86400 ? two(whole, 3600, "h", 60, "min") : two(whole, 86400, "d", 3600, "h");
}

function two(whole, big, unit, part, small) {
  const rest = Math.floor((whole % big) / part);
  return `${Math.floor(whole / big)} ${unit}` + (rest ? ` ${rest} ${small}` : "");
}

function local(at) {
  const today = new Date(now());
  if (at.toDateString() === today.toDateString()) return clock.format(at);
  const date = at.getFullYear() === today.getFullYear() ? day : year;
  return `${date.format(at)}, ${clock.format(at)}`;
}

// Also for a page just fetched, before it is compared with the one that is shown.
export function showTimes(root) {
  const told = root.body?.dataset.now;
  if (told) setClock(told);
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.getAttribute("datetime"));
    if (Number.isNaN(at.getTime())) continue;
    const text = time.hasAttribute("data-age") ? span((now() - at.getTime()) / 1000) : local(at);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const text = span((now() - Date.parse(time.getAttribute("datetime"))) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}, 1000);
