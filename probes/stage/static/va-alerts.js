// Boxes: alert, sign-in alert, card, loading indicator.
import { el } from "./dom.js";
import { VaElement } from "./va-element.js";

const BOX = `
  .box { display: flex; gap: 1rem; padding: 1.1rem 1.25rem; border-left: 0.5rem solid #00bde3; background: #e7f6f8; }
  .box.error { border-color: #b50909; background: #f4e3db; }
  .box.continue { border-color: #005ea2; background: #eff6fb; }
  .mark { flex: none; width: 1.7rem; height: 1.7rem; border-radius: 50%; background: #1b1b1b; color: #fff; font: 700 1.1rem/1.7rem sans-serif; text-align: center; }
`;

class VaAlert extends VaElement {
  static css = `${BOX} ::slotted([slot="headline"]) { font: 700 1.25rem/1.3 Georgia, serif !important; margin: 0 0 0.5rem !important; }`;
  static observedAttributes = ["status", "visible"];

  draw() {
    if (!this.hasAttribute("visible")) return [];
    const status = this.getAttribute("status") ?? "info";
    return [
      el("div", { class: `box ${status}` },
        el("span", { class: "mark", "aria-hidden": "true" }, status === "error" ? "!" : "i"),
        el("div", {}, el("slot", { name: "headline" }), el("slot"))),
    ];
  }
}

// All words of this alert belong to the library, not to the page that uses it.
const SIGN_IN = {
  signInRequired: {
    heading: "Sign in with a verified account",
    text: "To see who speaks for you, sign in with an account whose identity is confirmed.",
  },
};

class VaAlertSignIn extends VaElement {
  static css = BOX;
  static observedAttributes = ["variant", "visible", "heading-level"];

  draw() {
    if (!this.hasAttribute("visible")) return [];
    const words = SIGN_IN[this.getAttribute("variant")];
    return [
      el("div", { class: "box continue" },
        el("span", { class: "mark", "aria-hidden": "true" }, "i"),
        el("div", {},
          el(`h${this.getAttribute("heading-level") ?? 2}`, {}, `${words?.heading}`),
          el("p", {}, words?.text ?? ""),
          el("slot", { name: "SignInButton" }),
          el("p", {},
            el("a", { href: "https://www.va.gov/resources/creating-an-account-for-vagov" },
              "Learn about creating an account")))),
    ];
  }
}

class VaCard extends VaElement {
  static css = `
    .card { padding: 1.25rem 1.5rem; border: 1px solid #dfe1e2; border-radius: 4px; background: #fff; }
    :host([show-shadow]) .card { border-color: transparent; box-shadow: 0 2px 10px #0003; }
  `;

  draw() {
    return [el("div", { class: "card" }, el("slot"))];
  }
}

class VaLoadingIndicator extends VaElement {
  static css = `
    .wait { text-align: center; padding: 0.75rem; }
    .ring { width: 3rem; height: 3rem; margin: 0 auto 0.75rem; border: 5px solid #dfe1e2; border-top-color: #005ea2; border-radius: 50%; animation: turn 1.2s linear infinite; }
    @keyframes turn { to { transform: rotate(1turn); } }
  `;
  static observedAttributes = ["label", "message"];

  draw() {
    const message = this.getAttribute("message") ?? "";
    const label = this.getAttribute("label") ?? "Loading";
    return [
      el("div", { class: "wait" },
        el("div", { class: "ring", role: "progressbar", "aria-label": label, "aria-valuetext": message }),
        el("p", {}, message)),
    ];
  }
}

customElements.define("va-alert", VaAlert);
customElements.define("va-alert-sign-in", VaAlertSignIn);
customElements.define("va-card", VaCard);
customElements.define("va-loading-indicator", VaLoadingIndicator);
