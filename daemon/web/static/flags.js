// What the store holds, and an operator's own writes.

import { ask } from "./dialog.js";
import { $, button, el, keyed, setAttribute, setOptional, setText } from "./dom.js";

export function showFlags(overview, done) {
  const mayAct = overview.role === "operator";
  keyed($("flags"), overview.flags, (flag) => `${overview.role} ${flag.name}`, () => row(mayAct, done));
}

function row(mayAct, done) {
  const name = el("code");
  const state = el("span", { class: "pill" });
  const about = el("span", { class: "about" });
  const on = button("Turn on", () => flip("enable", "on"), { class: "small quiet" });
  const off = button("Turn off", () => flip("disable", "off"), { class: "small quiet" });
  const acts = el("div", { class: "row-acts" }, mayAct && on, mayAct && off);
  const node = el("li", {}, el("div", {}, name, " ", state, about), acts);
  let current = null;

  function flip(verb, word) {
    const guard = current.guarded_by ? ` ${current.guarded_by} takes that as a person's decision.` : "";
    ask({
      title: `Turn ${current.name} ${word}?`,
      says: `For everybody, in place of the gates that it has now.${guard}`,
      go: `Turn ${word}`, path: `flags/${encodeURIComponent(current.name)}/${verb}`,
    }, done);
  }

  return {
    node,
    update(flag) {
      current = flag;
      setText(name, flag.name);
      setText(state, flag.state);
      state.dataset.outcome = flag.state === "conditional" ? "degraded" : flag.state;
      setOptional(about, aboutOf(flag));
      on.hidden = flag.state === "on";
      off.hidden = flag.state === "off";
      setAttribute(on, "aria-label", `Turn ${flag.name} on`);
      setAttribute(off, "aria-label", `Turn ${flag.name} off`);
    },
  };
}

function aboutOf({ guarded_by: guard, gates, pending, state }) {
  const parts = [];
  if (guard) parts.push(`guarded by ${guard}`);
  if (state === "conditional") parts.push(gates.map(({ gate, value }) => `${gate} ${value}`).join(", "));
  if (pending) parts.push(`a flip to ${pending} waits for the store`);
  return parts.join(" · ");
}
