// The latest acknowledged writes.

import { $, el, keyed, setAttribute, setText } from "./dom.js";
import { clock, seconds } from "./format.js";

export function showFlips({ flips }) {
  $("no-flips").hidden = flips.length > 0;
  keyed($("flips"), flips, (flip) => flip.id, makeFlip);
}

function makeFlip() {
  const at = el("time");
  const flag = el("code");
  const change = el("span", { class: "change" });
  const why = el("span", { class: "about" });
  return {
    node: el("li", {}, el("div", {}, flag, " ", change, why), at),
    update(flip) {
      const took = (Date.parse(flip.applied_at) - Date.parse(flip.decided_at)) / 1000;
      setAttribute(at, "datetime", flip.applied_at);
      setText(at, clock(flip.applied_at));
      setText(flag, flip.flag);
      setText(change, `${flip.before} → ${flip.after}`);
      setText(why, `${flip.by}, written in ${seconds(took)}: ${flip.reason}`);
    },
  };
}
