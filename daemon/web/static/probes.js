// One row for each probe and location.

import { Refused, post } from "./api.js";
import { $, button, clean, el, keyed, setAttribute, setEnabled, setText } from "./dom.js";
import { age, clock, pace, seconds } from "./format.js";
import { showRun } from "./run.js";

export function showProbes(overview, done) {
  const mayAct = overview.role === "operator";
  const rows = overview.probes.flatMap((probe) => probe.locations.map((at) => ({ probe, at })));
  const keyOf = ({ probe, at }) => `${overview.role} ${probe.name} ${at.location}`;
  keyed($("probes"), rows, keyOf, () => row(mayAct, done));
}

function row(mayAct, done) {
  const name = el("strong");
  const about = el("span", { class: "about" });
  const outcome = el("span", { class: "pill" });
  const why = el("span", { class: "reason" });
  const took = el("td", { class: "number", "data-label": "Took" });
  const since = el("td", { class: "number", "data-label": "Age" });
  const marks = el("div", { class: "marks", role: "img" });
  const shot = button("Last failure", () => open(failedRun(current.at)), { class: "small" });
  const details = button("Details", () => open(current.at.last?.id), { class: "small quiet" });
  const run = button("Run now", runNow, { class: "small quiet" });
  const node = el(
    "tr", {},
    el("th", { scope: "row" }, name, about),
    el("td", { "data-label": "Last run" }, outcome),
    el("td", { "data-label": "Why", class: "reason-cell" }, why),
    took, since,
    el("td", { "data-label": "Last 20" }, marks),
    el("td", { class: "row-acts" }, shot, details, mayAct && run),
  );
  let current = null;

  // Ids as they are when the dialog is opened: newest first.
  const open = (id) => id && showRun(id, current.at.recent.map((mark) => mark.id));

  async function runNow() {
    setEnabled(run, "asking…");
    try {
      await post(`probes/${current.probe.name}/run`, {});
      setText($("said"), `${current.probe.name} is running`);
      done();
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause;
      setText($("said"), cause.message);
      setText(why, `Not run: ${cause.message}`);
    }
    // A moment of rest: a second run would only be told that the first is under way.
    setTimeout(() => setEnabled(run, ""), 1500);
  }

  function update({ probe, at }) {
    current = { probe, at };
    setText(name, probe.name);
    setText(about, aboutOf(probe, at));
    const last = at.last;
    setText(outcome, last?.outcome ?? "no run yet");
    outcome.dataset.outcome = last?.outcome ?? "skipped";
    const reason = last?.failed_step ? `${last.failed_step}: ${last.reason}` : (last?.reason ?? "");
    if (run.getAttribute("aria-disabled") !== "true") setText(why, reason);
    setAttribute(why, "title", reason || null);
    setText(took, seconds(last?.duration_s));
    setText(since, age(last?.started_at));
    shot.hidden = !failedRun(at);
    setAttribute(shot, "aria-label", `Last failure of ${probe.name}, with its evidence`);
    setAttribute(details, "aria-label", `Details of ${probe.name}'s last run`);
    setAttribute(run, "aria-label", `Run ${probe.name} now`);
    setEnabled(details, last ? "" : "no run yet");
    showMarks(marks, at.recent, open);
  }
  return { node, update };
}

const failedRun = (at) => at.recent.find((mark) => mark.outcome === "failed")?.id;

function aboutOf(probe, at) {
  const often = {
    on_demand: "on demand",
    fast: `every ${pace(probe.fast_interval_s)}, fast`,
    normal: `every ${pace(probe.interval_s)}`,
  }[probe.pace];
  const where = probe.locations.length > 1 || at.location !== "local" ? ` · ${at.location}` : "";
  return `${probe.what} · ${often}${where}`;
}

function showMarks(parent, recent, open) {
  const counts = {};
  for (const { outcome } of recent) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const words = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  setAttribute(parent, "aria-label", `last ${recent.length} runs: ${words.join(", ") || "none"}`);
  keyed(parent, recent.toReversed(), (mark) => mark.id, (mark) => {
    const title = `${mark.outcome} (${mark.purpose}) at ${clock(mark.started_at)}, ${seconds(mark.duration_s)}`;
    const node = el("i", { "data-outcome": mark.outcome, title: clean(title) });
    node.addEventListener("click", () => open(mark.id));
    return { node, update: () => {} };
  });
}
