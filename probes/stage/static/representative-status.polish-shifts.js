// A bad build, served in place of the polish by the fault draw_shifts: room is made above everything
// once the page has been painted.
import { el } from "./dom.js";

export function polish() {
  if (performance.getEntriesByType("paint").length === 0) {
    requestAnimationFrame(polish);
    return;
  }
  const room = el("div", { "aria-hidden": "true" });
  room.style.height = "40rem";
  document.querySelector("main").prepend(room);
}
