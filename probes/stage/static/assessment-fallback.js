import { el } from "./dom.js";

// Shown instead of all steps while the fallback flag is on; asks the API for nothing.
export function fallback() {
  return [
    el("h1", { tabindex: "-1" }, "Use the paper assessment"),
    el("p", { class: "intro" }, "The online assessment is closed for now. The paper one asks the same."),
    el("p", {}, el("a", { href: "/assets/assessment-paper-form.txt", download: true }, "Download the paper form")),
    el("p", {}, "Or answer by phone: ", el("a", { href: "tel:+18005550199" }, "800-555-0199")),
  ];
}
