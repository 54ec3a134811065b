// A bad build, served in place of the polish by the fault draw_slow.
const BUSY_MS = 2000;

export function polish() {
  const until = performance.now() + BUSY_MS;
  while (performance.now() < until);
}
