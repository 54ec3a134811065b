// When to look again: the daemon's event stream says so; without it, every few seconds.

import { Gone } from "./live-page.js";

const KINDS = ["message", "reset", "run", "guard", "flag", "incident", "circuit", "probe", "drill", "config", "token"];
const POLL_MS = 5000;
const HIDDEN_MS = 15000;
const SETTLE_MS = 150; // one act makes several events
const REST_MS = 500; // between two looks, however much happens: each costs the daemon a page
const STREAM_AGAIN_MS = 60000;
const PATIENCE_MS = 8000;

const OVERTAKEN = "a newer page came";

const WORDS = { live: "live", polling: "live, every 5 s", lost: "The daemon does not answer. What you see is old." };

let look = null;
let stream = null;
let timer = 0;
let due = Infinity; // when the timer fires
let rested = 0; // no look before
let looking = null;
let again = false; // something happened during a look: what it brings may be from before
let streaming = false;
let missed = 0;

export function follow(refresh) {
  look = refresh;
  show("polling");
  listen();
  plan(POLL_MS);
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  addEventListener("online", soon);
  // A stream of a page that is left would hold one of the daemon's few places.
  addEventListener("pagehide", () => stream.close(), { once: true });
  addEventListener("pageshow", (event) => event.persisted && location.reload(), { once: true });
}

// Looks again at once; called after a form was sent, too. Never puts a look off: many probes make
// more events than there are pauses.
export function soon() {
  if (looking) again = true;
  else if (due > performance.now() + SETTLE_MS) plan(SETTLE_MS);
}

// The answer to a form is newer than a look under way: that one must not be folded in over it.
export function overtake() {
  if (!looking) return;
  again = true;
  looking.abort(OVERTAKEN);
}

function plan(ms) {
  const now = performance.now();
  due = Math.max(now + ms, rested);
  clearTimeout(timer);
  timer = setTimeout(run, due - now);
}

async function run() {
  if (looking) return;
  due = Infinity;
  again = false;
  looking = new AbortController();
  const late = setTimeout(() => looking.abort(), PATIENCE_MS);
  try {
    await look(looking.signal);
    missed = 0;
    show(streaming ? "live" : "polling");
  } catch (error) {
    if (error instanceof Gone) return location.reload();
    if (looking.signal.reason !== OVERTAKEN) missed += 1;
    if (missed > 1) show("lost");
  } finally {
    clearTimeout(late);
    looking = null;
    rested = performance.now() + REST_MS;
  }
  if (again) return soon();
  // Ages and limits pass by themselves: also a live page looks now and then.
  plan(missed === 1 ? 1000 : document.hidden || (streaming && missed === 0) ? HIDDEN_MS : POLL_MS);
}

function listen() {
  stream = new EventSource("/api/v1/events");
  stream.addEventListener("open", () => {
    streaming = true;
    show("live");
    soon();
  });
  for (const kind of KINDS) stream.addEventListener(kind, () => document.hidden || soon());
  stream.addEventListener("error", () => {
    streaming = false;
    if (missed === 0) show("polling");
    if (!looking) plan(1000);
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, STREAM_AGAIN_MS); // refused: too many listen
  });
}

function show(state) {
  const link = document.querySelector("#link");
  document.body.dataset.link = state;
  if (!link || link.dataset.state === state) return;
  link.hidden = false;
  link.dataset.state = state;
  link.textContent = WORDS[state];
  if (state === "lost") document.querySelector("#said").textContent = WORDS.lost;
}
