// The representative status widget: decides which state to show, and shows it.
import { el } from "./dom.js";
import { subscribe } from "./platform.js";
import { fetchRepresentative } from "./representative-status.api.js";
import { isGateOpen } from "./representative-status.gate.js";
import { polish } from "./representative-status.polish.js";
import * as views from "./representative-status.views.js";

function stateOf({ togglesLoading, toggles, signedIn }) {
  if (togglesLoading || !isGateOpen(toggles)) return "off";
  return signedIn ? "signedIn" : "signedOut";
}

function askToSignIn() {
  const url = new URL(location.href);
  url.searchParams.set("next", "loginModal");
  url.searchParams.set("oauth", "true");
  history.pushState({}, "", url);
  const dialog = el("dialog", { class: "sign-in-dialog", "aria-label": "Sign in" },
    el("h2", {}, "Sign in"),
    el("p", {}, "Nobody can type a password on this practice page. Its fault panel signs you in."),
    el("va-button", { text: "Close", click: () => dialog.remove() }));
  document.body.append(dialog);
  dialog.showModal();
}

async function showSignedIn(node, level) {
  const display = el("div",
    { class: "poa-display", "aria-live": "polite", "aria-atomic": "true", tabindex: "-1" },
    views.loading());
  node.replaceChildren(display);
  if (new URLSearchParams(location.search).get("postLogin") === "true") display.focus();
  let view;
  try {
    const data = await fetchRepresentative();
    view = data ? views.current(level, data) : views.nobody(level);
  } catch {
    view = views.trouble(level);
  }
  display.replaceChildren(view);
}

// Takes the node over at once: the page's own spinner goes even where nothing is shown after it.
export function mount(node, level = 3) {
  let shown = null;
  subscribe((state) => {
    const next = stateOf(state);
    if (next === shown) return;
    shown = next;
    if (next === "off") {
      node.replaceChildren();
      return;
    }
    if (next === "signedOut") node.replaceChildren(views.signedOut(level, askToSignIn));
    else showSignedIn(node, level);
    polish(node);
  });
}
