// One run whole, with its evidence, in a dialog.

import { Refused, get, getBlob } from "./api.js";
import { $, button, el, setEnabled, setText } from "./dom.js";
import { clock, onOff, seconds } from "./format.js";

let ids = []; // newest first
let shown = "";
let picture = null; // object URL, released when another run is shown

export async function showRun(id, all) {
  ids = all;
  if (!$("run").open) $("run").showModal();
  await show(id);
}

async function show(id) {
  shown = id;
  const place = ids.indexOf(id);
  setEnabled($("run-newer"), place > 0 ? "" : "this is the newest shown");
  setEnabled($("run-older"), place >= 0 && place < ids.length - 1 ? "" : "this is the oldest shown");
  let body;
  try {
    const { run } = await get(`runs/${encodeURIComponent(id)}`);
    if (shown !== id) return; // another one was asked for meanwhile
    setText($("run-title"), `${run.probe} at ${clock(run.started_at)}`);
    body = parts(run);
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    body = [text("p", cause.message, "problem")];
  }
  forgetPicture();
  $("run-body").replaceChildren(...body.filter(Boolean));
}

function parts(run) {
  return [
    el("p", { class: "run-line" }, el("span", { class: "pill", "data-outcome": run.outcome }, run.outcome),
      ` ${run.purpose} · took ${seconds(run.duration_s)} · ${run.location}`),
    run.reason && text("p", run.reason, "why"),
    evidence(run),
    run.exposure && text("p", exposureOf(run.exposure)),
    section("Steps", run.steps, (step) => [
      el("span", { class: "pill", "data-outcome": step.outcome }, step.outcome),
      text("span", ` ${step.name} · ${seconds(step.duration_s)}${step.message ? ` · ${step.message}` : ""}`),
    ]),
    section("Failed requests", run.failed_requests, (it) => [
      text("code", `${it.method} ${it.url}`), text("span", ` → ${it.status ?? (it.error || "no answer")}`),
    ]),
    section("Console errors", run.console_errors, (line) => [text("code", line)]),
    section("Vitals", vitalsOf(run.vitals), (line) => [line]),
    text("p", `${run.id} · ${run.browser || "no browser"}`, "hint"),
  ];
}

function text(tag, content, kind) {
  const node = el(tag, kind ? { class: kind } : {});
  setText(node, content);
  return node;
}

function section(title, items, line) {
  if (items.length === 0) return null;
  return el("section", {}, el("h3", {}, title), el("ul", {}, items.map((item) => el("li", {}, line(item)))));
}

function exposureOf({ flag, value, rendered, reason }) {
  const seen = { true: "the widget was rendered", false: "no widget was rendered", null: "nobody could look" };
  return `The page was told ${flag} is ${onOff(value)}; ${seen[rendered]}${reason ? ` (${reason})` : ""}`;
}

function vitalsOf(vitals) {
  return Object.entries(vitals ?? {})
    .filter(([, value]) => value !== null)
    .map(([name, value]) => (name === "cls" ? `CLS ${value.toFixed(3)}` : `${name.slice(0, -2).toUpperCase()} ${seconds(value)}`));
}

function evidence(run) {
  if (run.artifacts.length === 0) return null;
  const node = el("div", { class: "evidence" });
  for (const { kind } of run.artifacts) {
    const path = `runs/${encodeURIComponent(run.id)}/artifacts/${encodeURIComponent(kind)}`;
    if (kind === "screenshot") showPicture(node, path, run);
    else node.append(button(`Download ${kind}`, () => download(node, path, `${run.probe}-${kind}.zip`), { class: "small" }));
  }
  return node;
}

// Fetched with the token, which an <img> or a link could not send.
async function showPicture(node, path, run) {
  const image = el("img", { alt: `What the browser of ${run.probe} showed when its run ended` });
  node.prepend(image);
  try {
    const url = URL.createObjectURL(await getBlob(path));
    if (shown !== run.id) return URL.revokeObjectURL(url);
    picture = url;
    image.src = url;
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    image.replaceWith(text("p", `No screenshot: ${cause.message}`, "problem"));
  }
}

async function download(node, path, name) {
  try {
    const url = URL.createObjectURL(await getBlob(path));
    el("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    node.append(text("p", `Not downloaded: ${cause.message}`, "problem"));
  }
}

function forgetPicture() {
  if (picture) URL.revokeObjectURL(picture);
  picture = null;
}

function step(by) {
  const next = ids[ids.indexOf(shown) + by];
  if (next) show(next);
}

$("run-close").addEventListener("click", () => $("run").close());
$("run-newer").addEventListener("click", () => step(-1));
$("run-older").addEventListener("click", () => step(1));
$("run").addEventListener("close", () => {
  shown = "";
  forgetPicture();
  $("run-body").replaceChildren();
});
