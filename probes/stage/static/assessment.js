// Walks a person through the assessment's steps, one address per step, without page loads.
import { hasSession } from "./assessment-api.js";
import { fallback } from "./assessment-fallback.js";
import { steps } from "./assessment-steps.js";
import { el } from "./dom.js";
import { fetchToggles } from "./toggles.js";

const FLAG = "assessment_fallback_enabled";
const NAMES = Object.keys(steps);
const root = document.getElementById("assessment");

const address = (step) => (step === "landing" ? "/assessment/" : `/assessment/${step}`);

function progress(step) {
  const place = NAMES.indexOf(step);
  const label = `Step ${place + 1} of ${NAMES.length}`;
  return el("ol", { class: "steps", role: "img", "aria-label": label },
    NAMES.map((_, at) => el("li", { class: at <= place ? "done" : null })));
}

function problem(error) {
  return el("div", { class: "problem", role: "alert" },
    el("h2", {}, "Something went wrong"), el("p", {}, error.message));
}

// Every showing has a number, so that a slow step cannot overwrite the one shown after it.
let turn = 0;

async function show(step) {
  const mine = ++turn;
  const title = el("h1", { tabindex: "-1" }, steps[step].title);
  const body = el("div", {}, el("p", { role: "status", class: "loading-message" }, "Loading"));
  const act = (work) => run(work, body, () => mine === turn);
  root.replaceChildren(progress(step), title, body);
  title.focus();
  let nodes;
  try {
    nodes = await steps[step].body(act);
  } catch (error) {
    nodes = [problem(error)];
  }
  if (mine === turn) body.replaceChildren(...nodes);
}

async function run(work, body, stillShown) {
  const buttons = [...body.querySelectorAll("button")];
  for (const pressed of buttons) pressed.disabled = true;
  body.querySelector(".problem")?.remove();
  try {
    const next = await work();
    if (!stillShown()) return;
    history.pushState({ step: next }, "", address(next));
    await show(next);
  } catch (error) {
    if (stillShown()) body.prepend(problem(error));
  } finally {
    for (const pressed of buttons) pressed.disabled = false;
  }
}

function stepOfAddress() {
  const asked = location.pathname.split("/").filter(Boolean)[1] ?? "landing";
  const open = asked === "landing" || asked === "start" || hasSession();
  return open && asked in steps ? asked : "landing";
}

async function begin() {
  let toggles = {};
  try {
    toggles = await fetchToggles();
  } catch {
    // Not knowing the flags, offer the assessment itself: the fallback is the exception.
  }
  if (toggles[FLAG] === true) {
    root.replaceChildren(...fallback());
    return;
  }
  window.addEventListener("popstate", () => show(stepOfAddress()));
  const step = stepOfAddress();
  history.replaceState({ step }, "", address(step));
  await show(step);
}

begin();
