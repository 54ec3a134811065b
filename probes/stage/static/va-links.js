// What one presses or follows: button, link, telephone; and the icon beside them.
import { el } from "./dom.js";
import { VaElement } from "./va-element.js";

class VaButton extends VaElement {
  static css = `
    button { font: 700 1.0625rem sans-serif; color: #fff; background: #005ea2; border: 0; border-radius: 4px; padding: 0.75rem 1.25rem; cursor: pointer; }
    button:hover { background: #1a4480; }
  `;
  static observedAttributes = ["text"];

  draw() {
    return [el("button", { type: "button" }, this.getAttribute("text") ?? "")];
  }
}

class VaLink extends VaElement {
  static css = ":host { display: inline; }";
  static observedAttributes = ["href", "text"];

  draw() {
    return [el("a", { href: this.getAttribute("href") }, this.getAttribute("text") ?? "")];
  }
}

class VaTelephone extends VaElement {
  static css = ":host { display: inline; } a { white-space: nowrap; }";
  static observedAttributes = ["contact", "extension"];

  draw() {
    const digits = this.getAttribute("contact") ?? "";
    const extension = this.getAttribute("extension");
    const number = digits.replace(/^(\d{3})(\d{3})(\d{4})$/, "$1-$2-$3");
    const href = `tel:+1${digits}${extension === null ? "" : `,${extension}`}`;
    return [el("a", { href }, extension === null ? number : `${number}, ext. ${extension}`)];
  }
}

const SHAPES = {
  location_on: "M12 2a7 7 0 0 0-7 7c0 5 7 13 7 13s7-8 7-13a7 7 0 0 0-7-7zm0 9.500a2.500 2.500 0 1 1 0-5 2.500 2.500 0 0 1 0 5z",
  mail: "M3 5h18v14H3zM5 7.500v9.500h14V7.500l-7 5z",
  phone: "M7 3l3 5-2 2c1 2.500 3 4.500 5.500 5.500l2-2 5 3c-.5 3-2 4-4 4C10 20 4 13 4 7c0-2 1-3.500 3-4z",
  file_download: "M10 3h4v7h4l-6 6-6-6h4zM4 18h16v3H4z",
};
const SVG = "http://www.w3.org/2000/svg";

class VaIcon extends VaElement {
  static css = ":host { display: inline-block; } svg { width: 1.4rem; height: 1.4rem; fill: currentColor; display: block; }";
  static observedAttributes = ["icon", "srtext"];

  draw() {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", SHAPES[this.getAttribute("icon")] ?? "");
    path.setAttribute("fill-rule", "evenodd");
    svg.setAttribute("viewBox", "0 0 24 24");
    const text = this.getAttribute("srtext");
    svg.setAttribute(text ? "role" : "aria-hidden", text ? "img" : "true");
    if (text) svg.setAttribute("aria-label", text);
    svg.append(path);
    return [svg];
  }
}

customElements.define("va-button", VaButton);
customElements.define("va-link", VaLink);
customElements.define("va-telephone", VaTelephone);
customElements.define("va-icon", VaIcon);
