// Open incidents first, unfolded; then the latest closed ones.

import { $, el, keyed, setAttribute, setText } from "./dom.js";
import { age, clock, span } from "./format.js";

export function showIncidents({ incidents }) {
  $("no-incidents").hidden = incidents.length > 0;
  keyed($("incidents"), incidents, ({ incident }) => incident.id, makeIncident);
}

function makeIncident({ incident }) {
  const state = el("span", { class: "pill" });
  const title = el("strong");
  const when = el("span", { class: "about" });
  const lines = el("ol", { class: "timeline" });
  // Its own choice stays: `open` is set once, when it appears, and once more when it closes.
  const node = el("details", { class: "incident" }, el("summary", {}, state, title, when), lines);
  node.open = incident.closed_at === null;
  let wasOpen = node.open;
  return {
    node,
    update({ incident: it, timeline }) {
      const open = it.closed_at === null;
      if (wasOpen && !open) node.open = false;
      wasOpen = open;
      node.dataset.open = open;
      setText(state, open ? "open" : "closed");
      state.dataset.outcome = open ? "failed" : "skipped";
      setText(title, `${it.guard} · ${it.cause} · severity ${it.severity}`);
      const length = open
        ? age(it.opened_at)
        : span((Date.parse(it.closed_at) - Date.parse(it.opened_at)) / 1000);
      setText(when, `${clock(it.opened_at)}, ${open ? "for" : "lasted"} ${length}`);
      const numbered = timeline.map((line, place) => ({ ...line, place }));
      keyed(lines, numbered, (line) => `${line.at} ${line.place}`, makeLine);
    },
  };
}

function makeLine() {
  const at = el("time");
  const said = el("span");
  return {
    node: el("li", {}, at, said),
    update(line) {
      setAttribute(at, "datetime", line.at);
      setText(at, clock(line.at));
      setText(said, line.text);
    },
  };
}
