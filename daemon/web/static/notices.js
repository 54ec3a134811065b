// What the person on call must know before reading anything else.

import { $, el, keyed, setText } from "./dom.js";
import { onOff } from "./format.js";

export function showNotices(overview) {
  keyed($("notices"), noticesOf(overview), (notice) => notice.key, makeNotice);
}

function makeNotice({ tone }) {
  const node = el("li", { "data-tone": tone });
  return { node, update: ({ text }) => setText(node, text) };
}

function noticesOf(overview) {
  const notices = [];
  const add = (key, tone, text) => notices.push({ key, tone, text });
  if (overview.store_problem) {
    add("store", "alarm", `The flag store is away; flags are as last read. ${overview.store_problem}`);
  }
  for (const [part, text] of Object.entries(overview.problems)) {
    if (part !== "store" || !overview.store_problem) add(`part ${part}`, "alarm", `Not ready: ${part}: ${text}`);
  }
  for (const flip of overview.pending_flips) {
    const error = flip.error ? ` (try ${flip.attempts}: ${flip.error})` : "";
    add(`flip ${flip.flag} ${flip.decided_at}`, "warn", `Decided, not yet written: ${flip.flag} ${onOff(flip.to)}${error}`);
  }
  const named = (holds) => overview.guards.filter(holds).map((guard) => guard.name).join(", ");
  const blind = named((guard) => guard.phase === "blind");
  if (blind) add("blind", "warn", `Blind: ${blind}. Runs cannot judge, so nothing is being protected there.`);
  const observing = named((guard) => guard.mode === "observe");
  if (observing) add("observe", "note", `Observe mode: ${observing}. Decides, but does not act.`);
  if (overview.role === "viewer") {
    add("viewer", "note", "You read with the viewer token. To act, forget it and enter the operator token.");
  }
  if (overview.open_to_all) {
    add("open", "note", "No token is configured: whoever can reach this loopback address is an operator.");
  }
  return notices;
}
