// The same page anew, folded into the one that is shown: focus, open parts and typed text stay.

import { Idiomorph } from "/assets/idiomorph.js";
import { showCopyButtons } from "./live-copy.js";
import { showTimes } from "./live-times.js";

// How long a message about what was done stays although the daemon no longer sends it.
const DONE_MS = 12000;
// An open form is somebody's: what they read is what they decide upon, ETag and all.
const OPEN = "details.act[open], form[data-busy]";

// The one place where text becomes markup: a whole page of our own, from our own origin.
const policy = globalThis.trustedTypes?.createPolicy("tripflag", { createHTML: (text) => text });

export class Gone extends Error {}

// Fetches the page that is shown. Throws `Gone` where a whole load must say what is so now.
export async function refresh(signal) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal });
  if (answer.redirected) throw new Gone("signed out");
  if (!answer.ok && answer.status >= 500) throw new Error(`the daemon answered ${answer.status}`);
  fold(await answer.text());
}

export function parse(text) {
  const markup = policy ? policy.createHTML(text) : text;
  return new DOMParser().parseFromString(markup, "text/html");
}

export function fold(text) {
  const fresh = parse(text);
  const main = fresh.querySelector("main");
  if (main === null) throw new Gone("no page of ours");
  // Markup of another release, in the styles and scripts of this one. What is open is read first.
  if (script(fresh) !== script(document) && !document.querySelector(OPEN)) throw new Gone("another release");
  showTimes(fresh);
  showCopyButtons(fresh);
  const before = phases(document);
  Idiomorph.morph(document.querySelector("main"), main, {
    morphStyle: "outerHTML",
    restoreFocus: true,
    callbacks: { beforeNodeMorphed, beforeNodeRemoved, beforeAttributeUpdated },
  });
  if (document.title !== fresh.title) document.title = fresh.title;
  say(before, phases(document));
}

// Its path changes with any file of ours.
function script(root) {
  return root.querySelector("script[type=module]")?.getAttribute("src");
}

function beforeNodeMorphed(old, fresh) {
  if (!(old instanceof Element)) return true;
  if (old.matches(OPEN)) return false;
  if (old.matches("input, textarea") && old.value !== old.defaultValue) return false;
  if (old.matches("select") && [...old.options].some((each) => each.selected !== each.defaultSelected)) return false;
  return !old.isEqualNode(fresh) || old.matches("main");
}

function beforeNodeRemoved(node) {
  if (!(node instanceof Element)) return true;
  if (node.matches(".done")) {
    node.dataset.until ??= String(Date.now() + DONE_MS);
    return Date.now() > Number(node.dataset.until);
  }
  return node.querySelector("details.act[open]") === null && !node.matches("details.act[open]");
}

function beforeAttributeUpdated(name, node, change) {
  return !(name === "open" && node.matches("details") && change === "remove");
}

function phases(root) {
  const found = [...root.querySelectorAll("[data-guard]")];
  return new Map(found.map((each) => [each.dataset.guard, each.querySelector(".phase[data-phase]")?.dataset.phase]));
}

function say(before, after) {
  const said = [];
  for (const [guard, phase] of after) {
    if (phase && before.has(guard) && before.get(guard) !== phase) said.push(`${guard}: ${phase.replaceAll("_", " ").toUpperCase()}`);
  }
  if (said.length > 0) document.querySelector("#said").textContent = said.join(". ");
}
