// What every script of a page shares: the toggles and the signed-in user, loaded once.
import { cookie } from "./dom.js";
import { fetchToggles } from "./toggles.js";

const listeners = new Set();
const state = { togglesLoading: true, toggles: {}, signedIn: false };

function publish(change) {
  Object.assign(state, change);
  for (const listener of listeners) listener(state);
}

export function subscribe(listener) {
  listeners.add(listener);
  listener(state);
}

async function loadToggles() {
  publish({ toggles: await fetchToggles(), togglesLoading: false });
}

// Asked only where a session exists. Until it answers, and if it fails, the user counts as
// signed out: the widget may show the sign-in alert for a moment, as the real one does.
async function loadUser() {
  try {
    const response = await fetch("/v0/user", { credentials: "include" });
    const user = await response.json();
    publish({ signedIn: response.ok && Boolean(user.data) });
  } catch {
    publish({ signedIn: false });
  }
}

export function start() {
  loadToggles();
  if (cookie("stage_user")) loadUser();
}
