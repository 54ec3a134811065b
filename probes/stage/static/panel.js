// The fault panel: sends what is pressed, and shows what the stage says is so, once a second.
import { cookie, el } from "./dom.js";

const EVERY_MS = 1000;
const summary = document.getElementById("summary");
const flagList = document.getElementById("flags");
const flagTrouble = document.getElementById("flags-trouble");
const switches = [...document.querySelectorAll("input[data-fault]")];
const people = [...document.querySelectorAll("button[data-user]")];
const userCookie = document.body.dataset.cookie;

function showFaults({ faults }) {
  const on = new Map(faults.map((fault) => [fault.name, fault.on]));
  for (const input of switches) input.checked = on.get(input.dataset.fault) === true;
  const names = faults.filter((fault) => fault.on).map((fault) => fault.name);
  const text = names.length ? `Broken now: ${names.join(", ")}` : "Everything works.";
  // Rewriting equal text would make screen readers say it again every second.
  if (summary.textContent !== text) summary.textContent = text;
}

// Presses are numbered, so that a slow answer from before a press cannot undo its display.
let presses = 0;

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

async function press(path, body) {
  const mine = ++presses;
  try {
    const answer = await ask(path, body);
    if (mine === presses) showFaults(answer);
  } catch (error) {
    summary.textContent = `The stage did not take that: ${error.message}`;
  }
}

function showFlags({ flags }) {
  flagTrouble.hidden = true;
  for (const [name, value] of Object.entries(flags)) {
    let row = flagList.querySelector(`[data-flag="${CSS.escape(name)}"]`);
    if (!row) {
      row = el("div", { "data-flag": name }, el("dt", {}, name), el("dd"));
      flagList.append(row);
    }
    const cell = row.querySelector("dd");
    cell.textContent = value ? "on" : "off";
    cell.dataset.value = String(value);
  }
  for (const row of flagList.children) {
    if (!(row.dataset.flag in flags)) {
      const cell = row.querySelector("dd");
      cell.textContent = "not in the store";
      delete cell.dataset.value;
    }
  }
}

async function refreshFaults() {
  const before = presses;
  try {
    const answer = await ask("/stage/fault");
    if (before === presses) showFaults(answer);
  } catch (error) {
    summary.textContent = `The stage does not answer: ${error.message}`;
  }
}

async function refreshFlags() {
  try {
    showFlags(await ask("/stage/flags"));
  } catch (error) {
    flagTrouble.textContent = `The flags cannot be read: ${error.message}`;
    flagTrouble.hidden = false;
  }
}

async function refresh() {
  await Promise.all([refreshFaults(), refreshFlags()]);
  setTimeout(refresh, EVERY_MS);
}

function showPerson() {
  const user = cookie(userCookie) ?? "";
  for (const button of people) {
    button.setAttribute("aria-pressed", String(button.dataset.user === user));
  }
}

document.getElementById("break").addEventListener("click", () =>
  press("/stage/fault", { fault: "api_500", on: true }));
document.getElementById("mend").addEventListener("click", () => press("/stage/mend", {}));
for (const input of switches) {
  input.addEventListener("change", () =>
    press("/stage/fault", { fault: input.dataset.fault, on: input.checked }));
}
for (const button of people) {
  button.addEventListener("click", () => {
    const { user } = button.dataset;
    const life = user ? "" : "; max-age=0";
    document.cookie = `${userCookie}=${user}; path=/; samesite=lax${life}`;
    showPerson();
  });
}
showPerson();
refresh();
