// The few things that the page does to the document. Text goes in as text, never as markup; and
// nodes live on between answers, so that nothing flickers and the focus stays where it is.

// Control characters and direction overrides out of a target's text could hide or reorder what
// the person on call reads.
// eslint-disable-next-line no-control-regex
const TRICKS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;

export const $ = (id) => document.getElementById(id);

export const clean = (text) => String(text ?? "").replace(TRICKS, "\ufffd");

/** Make an element; `attributes` with false, null or undefined are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

export function setAttribute(node, name, value) {
  if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else {
    const text = value === true ? "" : clean(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

export function setText(node, text) {
  const wanted = clean(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Show text in a node of its own, or hide that node where there is none. */
export function setOptional(node, text) {
  node.hidden = !text;
  if (text) setText(node, text);
}

/** A button that knows why it cannot be pressed; it keeps the focus when it becomes so. */
export function setEnabled(button, why) {
  setAttribute(button, "aria-disabled", why ? "true" : null);
  setAttribute(button, "title", why || null);
}

export function button(label, press, attributes = {}) {
  const node = el("button", { type: "button", ...attributes }, label);
  node.addEventListener("click", () => {
    if (node.getAttribute("aria-disabled") !== "true") press();
  });
  return node;
}

const known = new WeakMap();

/**
 * Let `parent` hold one node per item, in order. `make(item)` returns `{node, update}`; `update`
 * is called with every later item of the same key.
 */
export function keyed(parent, items, keyOf, make) {
  const before = known.get(parent) ?? new Map();
  const after = new Map();
  const wanted = new Set(items.map(keyOf));
  for (const [key, kept] of before) if (!wanted.has(key)) kept.node.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const kept = before.get(key) ?? make(item);
    after.set(key, kept);
    kept.update(item);
    // Moving a node takes the focus out of it: only those at the wrong place are moved.
    if (kept.node === place) place = place.nextElementSibling;
    else parent.insertBefore(kept.node, place);
  }
  known.set(parent, after);
}
