// Forms of acts, sent without leaving the page: a refusal is said in the form, and nothing typed is lost.

import { overtake, soon } from "./live-news.js";
import { Gone, fold, parse } from "./live-page.js";

const NAME = "tripflag.by";

export function followForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("details.act form")) return;
    event.preventDefault();
    if (!form.hasAttribute("data-busy")) send(form);
  });
  document.addEventListener("toggle", opened, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest?.("details.act[open]");
    if (open) close(open);
  });
}

function opened(event) {
  const act = event.target;
  if (!act.matches?.("details.act[open]")) return;
  const by = act.querySelector("input[name=by]");
  if (by && !by.value) by.value = remembered();
  const first = [...act.querySelectorAll("select, input:not([type=hidden]), textarea")];
  (first.find((each) => each.required && !each.value) ?? act.querySelector("button.main"))?.focus();
}

async function send(form) {
  const button = form.querySelector("button.main");
  form.setAttribute("data-busy", "");
  button.setAttribute("aria-disabled", "true");
  form.querySelector(".problem").hidden = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "text/html, application/problem+json" },
    });
    if (!answer.ok) {
      refused(form, await words(answer));
      await renew(form).catch(() => {}); // a page that cannot be had is no reason to hide why
      return soon();
    }
    remember(form.elements.by?.value);
    if (new URL(answer.url).pathname !== location.pathname) return location.assign(answer.url);
    const page = await answer.text();
    form.removeAttribute("data-busy");
    close(form.closest("details"));
    form.reset();
    overtake();
    fold(page);
    const done = document.querySelector("main .done");
    if (done) document.querySelector("#said").textContent = done.textContent;
  } catch (error) {
    if (error instanceof Gone) return location.reload();
    // The same key goes with it again, so that it is done once, whatever became of the first.
    refused(form, `no answer came (${error.message}). Send it again: it is done once only`);
  } finally {
    form.removeAttribute("data-busy");
    button.removeAttribute("aria-disabled");
  }
}

function refused(form, text) {
  const problem = form.querySelector(".problem");
  problem.textContent = `Not done: ${text}`;
  problem.hidden = false;
}

// Someone was first, or a field was wrong: with what is so now, the same words can be sent again.
async function renew(form) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const action = CSS.escape(form.getAttribute("action"));
  const fresh = parse(await answer.text()).querySelector(`form[action="${action}"]`);
  for (const name of ["if_match", "idempotency_key", "csrf_token"]) {
    const found = fresh?.querySelector(`input[name="${name}"]`);
    const field = form.querySelector(`input[name="${name}"]`);
    if (field && found) field.value = found.value;
  }
}

async function words(answer) {
  const body = await answer.json().catch(() => null);
  return body?.detail ?? `the daemon answered ${answer.status}`;
}

function close(details) {
  if (!details) return;
  details.open = false;
  details.querySelector("summary").focus();
}

function remembered() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    if (name) localStorage.setItem(NAME, name);
  } catch {
    // A browser that keeps nothing: it is asked again.
  }
}
