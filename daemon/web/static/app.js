// Asks the daemon each second and shows its answer.

import { Refused, forgetToken, get, keepToken, token } from "./api.js";
import { $, setOptional, setText } from "./dom.js";
import { clock, phaseWord, setClock, span } from "./format.js";
import { showFlags } from "./flags.js";
import { showFlips } from "./flips.js";
import { showGuards } from "./guards.js";
import { showIncidents } from "./incidents.js";
import { showNotices } from "./notices.js";
import { showProbes } from "./probes.js";

const PACE_MS = 1000;
const HIDDEN_PACE_MS = 5000;
// A hung flag store makes an answer late by its time-out; the daemon is gone only after that.
const LATE_MS = 8000;

let last = null; // the last overview
let heardAt = 0;
let silence = null; // why there was no answer, null while there is one
let wake = null; // ends the pause between two questions
const phases = new Map();

/** Ask again at once, for example after an act. */
export function refresh() {
  wake?.();
}

async function poll() {
  for (;;) {
    try {
      take(await get("overview"));
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      if (cause.status === 401) lock(cause.message);
      else silence = cause;
    }
    draw();
    await pause();
  }
}

function pause() {
  if (!$("token-form").hidden) return new Promise((resolve) => (wake = resolve));
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, document.hidden ? HIDDEN_PACE_MS : PACE_MS);
  });
}

function take(overview) {
  setClock(overview.now);
  announce(overview.guards);
  last = overview;
  heardAt = Date.now();
  silence = null;
  $("token-form").hidden = true;
  $("main").hidden = false;
  $("forget").hidden = !token();
}

function lock(detail) {
  if (token()) setText($("token-says"), detail);
  forgetToken();
  last = null;
  silence = null;
  $("main").hidden = true;
  $("forget").hidden = true;
  $("token-form").hidden = false;
  $("token").focus();
}

function draw() {
  drawLink();
  if (last === null) return;
  setText($("summary"), summary(last.guards));
  const urgent = last.guards.find((guard) => !["armed", "observe"].includes(guard.phase));
  document.title = urgent ? `${phaseWord(urgent.phase)} · ${urgent.name} · Tripflag` : "Tripflag";
  showNotices(last);
  showGuards(last, refresh);
  showIncidents(last);
  showProbes(last, refresh);
  showFlags(last, refresh);
  showFlips(last);
}

function drawLink() {
  const locked = !$("token-form").hidden;
  const late = last !== null && Date.now() - heardAt > LATE_MS;
  const state = locked ? "locked" : silence || late ? "lost" : last === null ? "connecting" : "live";
  $("link").dataset.state = state;
  setText($("link"), { locked: "locked", lost: "not live", live: "live", connecting: "connecting…" }[state]);
  document.body.classList.toggle("stale", state === "lost");
  setOptional($("trouble"), state === "lost" ? trouble() : "");
}

function trouble() {
  if (silence?.status > 0) return `The daemon cannot show its state: ${silence.message}`;
  const why = silence?.message ?? "no answer in time";
  if (last === null) return `The daemon does not answer (${why}). Nobody may be watching the guards.`;
  // Minutes only: an alert that changes each second would be read out each second.
  const silent = (Date.now() - heardAt) / 1000;
  const length = silent < 60 ? "" : ` for ${span(Math.floor(silent / 60) * 60)}`;
  return (
    `The daemon has stopped answering${length} (${why}). What you see is from ${clock(last.now)}; ` +
    "nobody may be watching the guards."
  );
}

function summary(guards) {
  const counts = new Map();
  for (const { phase } of guards) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  const parts = [...counts].map(([phase, count]) => `${count} ${phaseWord(phase).toLowerCase()}`);
  return guards.length === 0 ? "no guards" : parts.join(" · ");
}

function announce(guards) {
  const news = [];
  for (const { name, phase, says } of guards) {
    const before = phases.get(name);
    if (before !== undefined && before !== phase) news.push(`${name}: ${phaseWord(phase)}. ${says}`);
    phases.set(name, phase);
  }
  if (news.length > 0) setText($("said"), news.join(" "));
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken($("token").value.trim());
  $("token").value = "";
  $("token-form").hidden = true;
  refresh();
});
$("forget").addEventListener("click", () => lock(""));
document.addEventListener("visibilitychange", refresh);
// Ages go on while the daemon is silent.
setInterval(draw, PACE_MS);
poll();
