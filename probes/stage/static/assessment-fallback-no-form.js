// A bad build, served in place of the fallback by the fault assessment_fallback_broken.
import { el } from "./dom.js";

export function fallback() {
  return [
    el("h1", { tabindex: "-1" }, "Use the paper assessment"),
    el("p", { class: "intro" }, "The online assessment is closed for now. The paper one asks the same."),
  ];
}
