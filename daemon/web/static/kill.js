// One trip as four stops with measured times.

import { el, keyed, setAttribute, setOptional, setText } from "./dom.js";
import { clock, seconds } from "./format.js";

export function killRail() {
  const stops = el("ol", { class: "rail" });
  const total = el("p", { class: "total" });
  const failure = el("p", { class: "failure" });
  const node = el("div", { class: "kill" }, stops, total, failure);
  return {
    node,
    update(kill) {
      node.hidden = kill === null;
      if (kill === null) return;
      keyed(stops, stopsOf(kill), (stop) => stop.label, makeStop);
      setOptional(failure, kill.failure);
      setOptional(total, totalOf(kill));
    },
  };
}

function totalOf(kill) {
  if (kill.verified_after_s === null) return "";
  const from = kill.first_failed_at ? "From the first failed run to proof" : "From the order to proof";
  return `${from}: ${seconds(kill.verified_after_s)}`;
}

function stopsOf(kill) {
  const stops = [
    { label: "Decided", at: kill.decided_at, after: kill.decided_after_s },
    { label: "Written", at: kill.written_at, after: kill.written_after_s },
    { label: "Verified", at: kill.verified_at, after: kill.verified_after_s },
  ];
  if (kill.first_failed_at) stops.unshift({ label: "First failed run", at: kill.first_failed_at, after: 0 });
  const next = stops.find((stop) => !stop.at);
  if (next) next.state = kill.failed_at ? "failed" : "next";
  return stops;
}

function makeStop({ label }) {
  const after = el("span", { class: "after" });
  const at = el("time");
  const node = el("li", {}, el("span", { class: "stop" }, label), after, at);
  return {
    node,
    update(stop) {
      node.dataset.state = stop.at ? "done" : (stop.state ?? "later");
      const waiting = { next: "waiting…", failed: "not yet", later: "" };
      const first = stop.after === 0;
      setText(after, stop.at ? (first ? "0 s" : `+${seconds(stop.after)}`) : waiting[node.dataset.state]);
      setAttribute(at, "datetime", stop.at);
      setText(at, stop.at ? clock(stop.at) : "");
    },
  };
}
