// Finds the widget's node and loads its code as a chunk of its own, only on pages that have one.
const node = document.querySelector('[data-widget-type="representative-status"]');
if (node) {
  const { mount } = await import("./representative-status.chunk.js");
  mount(node);
}
