// A guard is a card: what is so, since when, what it waits for, and what you can do.

import { ask } from "./dialog.js";
import { $, button, el, keyed, setAttribute, setEnabled, setOptional, setText } from "./dom.js";
import { age, clock, left, onOff, phaseWord } from "./format.js";
import { killRail } from "./kill.js";

const TONES = {
  armed: "calm", observe: "note", suspect: "watch", killing: "watch", killed_unverified: "watch",
  killed: "acted", blind: "warn", site_down: "alarm", powerless: "alarm", kill_failed: "alarm",
  latched: "alarm", held: "person", human_off: "person", human_on: "person",
};
// A shape for each tone: colour alone does not tell everybody.
const SHAPES = { calm: "●", note: "○", watch: "◐", acted: "■", warn: "▲", alarm: "✖", person: "◆" };

export function showGuards(overview, done) {
  const mayAct = overview.role === "operator";
  keyed($("guards"), overview.guards, (guard) => `${overview.role} ${guard.name}`, (guard) =>
    card(guard.name, mayAct, done));
}

function card(name, mayAct, done) {
  const shape = el("span", { class: "shape", "aria-hidden": "true" });
  const word = el("span", { class: "word" });
  const since = el("span", { class: "since" });
  const says = el("p", { class: "says" });
  const flag = el("code");
  const value = el("span", { class: "pill" });
  const mode = el("span", { class: "pill", "data-outcome": "note" }, "observes only");
  const unproven = el("span", { class: "pill", "data-outcome": "note" }, "unproven");
  const kills = el("dd");
  const why = el("p", { class: "why" });
  const rail = killRail();
  const people = el("p", { class: "people" });
  const waits = el("ul");
  const waiting = el("div", { class: "waits" }, el("h4", {}, "It waits for"), waits);
  const acts = el("div", { class: "acts" });
  const buttons = mayAct ? makeButtons(() => current, done) : {};
  acts.append(...Object.values(buttons));
  const title = el("h3", { id: `guard-${name}` }, name);
  const facts = el(
    "dl", { class: "facts" },
    el("div", {}, el("dt", {}, "Flag"), el("dd", {}, flag, " ", value)),
    el("div", {}, el("dt", {}, "Kills in 24 h"), kills),
  );
  const node = el(
    "article", { class: "guard", "aria-labelledby": `guard-${name}` },
    el("header", {}, el("p", { class: "phase" }, shape, word), since),
    el("div", { class: "name" }, title, mode, unproven),
    says, facts, why, rail.node, people, waiting, acts,
  );
  let current = null;

  function update(guard) {
    current = guard;
    const tone = TONES[guard.phase] ?? "warn";
    node.dataset.tone = tone;
    node.dataset.phase = guard.phase;
    setText(shape, SHAPES[tone]);
    setText(word, phaseWord(guard.phase));
    setText(since, guard.since ? `for ${age(guard.since)}` : "");
    setAttribute(since, "title", guard.since);
    setText(says, guard.says);
    setText(flag, guard.flag);
    setText(value, onOff(guard.flag_value));
    value.dataset.outcome = onOff(guard.flag_value);
    mode.hidden = guard.mode !== "observe";
    unproven.hidden = !guard.unproven;
    setAttribute(unproven, "title", guard.drill?.says ?? "no drill yet");
    setText(kills, `${guard.kills_24h} of ${guard.spec.kills_per_day}`);
    setOptional(why, whyOf(guard));
    rail.update(guard.kill);
    setOptional(people, peopleOf(guard));
    // Once it has acted there is nothing to wait for but a person.
    waiting.hidden = guard.kill !== null || guard.suspicion === null;
    keyed(waits, guard.blockers, (text) => text, (text) => line(text));
    if (mayAct) enable(buttons, guard);
  }
  return { node, update };
}

const line = (text) => {
  const node = el("li");
  setText(node, text);
  return { node, update: () => {} };
};

function whyOf({ suspicion, kill }) {
  if (kill) return kill.by === "guard" ? kill.reason : `Tripped by ${kill.by}: ${kill.reason}`;
  if (!suspicion) return "";
  const control = suspicion.control_reason ? ` Control: ${suspicion.control_reason}` : "";
  return `${suspicion.reason}${control}`;
}

function peopleOf({ hold, human, flag, latched, kill }) {
  const parts = [];
  if (hold) {
    const end = hold.until ? `until ${clock(hold.until)}, ${left(hold.until)} left` : "until released";
    parts.push(`Held by ${hold.by} ${end}: ${hold.reason}`);
  }
  if (human) {
    const end = human.until ? `; hands off for another ${left(human.until)}` : "";
    parts.push(`A person turned ${flag} ${onOff(human.value)} at ${clock(human.since)}${end}`);
  }
  if (latched) parts.push(`Latched: ${latched}`);
  if (kill?.resetting) parts.push("A reset is under way");
  return parts.join(" · ");
}

function makeButtons(current, done) {
  const asking = (verb, label, question, attributes) =>
    button(label, () => {
      const guard = current();
      const act = guard.spec.act === "fallback" ? "on" : "off";
      ask({ ...question(guard, act), go: label, path: `guards/${guard.name}/${verb}` }, done);
    }, { class: "act", "data-verb": verb, ...attributes });
  return {
    trip: asking("trip", "Trip", (guard, act) => ({
      title: `Trip ${guard.name}?`, tone: "alarm",
      says: `Turns ${guard.flag} ${act} for everybody, now. Its gates are kept for the reset.`,
    })),
    reset: asking("reset", "Reset", (guard) => ({
      title: `Reset ${guard.name}?`, tone: "acted",
      says: guard.kill
        ? `Puts ${guard.flag} back exactly as it was before the trip: users are exposed again.`
        : "Unlatches the guard: it may act again.",
    })),
    hold: asking("hold", "Hold 1 h", (guard) => ({
      title: `Hold ${guard.name} for an hour?`, more: { for_s: 3600 },
      says: "It goes on watching, but will not act, whatever breaks.",
    })),
    release: asking("release", "Release", (guard) => ({
      title: `Release ${guard.name}?`, says: "It may act again, at once.",
    })),
  };
}

function enable(buttons, guard) {
  const tripped = guard.kill !== null;
  setEnabled(buttons.trip, tripped ? "already tripped" : "");
  const resettable = (tripped && !guard.kill.resetting) || Boolean(guard.latched);
  setEnabled(buttons.reset, resettable ? "" : "nothing to reset");
  setEnabled(buttons.release, guard.hold ? "" : "not held");
}
