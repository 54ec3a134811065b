// Base of our stand-ins for the component library: an open shadow root, redrawn when an
// attribute changes. Constructed sheets, because a strict CSP forbids style elements.

const sheets = new Map();

function sheet(css) {
  if (!sheets.has(css)) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    sheets.set(css, made);
  }
  return sheets.get(css);
}

const SHARED = `
  :host { display: block; }
  :host([hidden]) { display: none; }
  a { color: #005ea2; text-underline-offset: 2px; }
  :focus-visible { outline: 3px solid #face00; outline-offset: 2px; }
  h1, h2, h3, h4, h5, h6 { font: 700 1.25rem/1.3 Georgia, serif; margin: 0 0 0.5rem; }
  p { margin: 0.5rem 0; }
`;

export class VaElement extends HTMLElement {
  static css = "";

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [
      sheet(SHARED),
      sheet(this.constructor.css),
    ];
  }

  connectedCallback() {
    this.shadowRoot.replaceChildren(...this.draw());
  }

  attributeChangedCallback() {
    if (this.isConnected) this.connectedCallback();
  }
}
