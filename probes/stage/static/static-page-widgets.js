// Tells visitors when a widget's script is late or never comes. Knows nothing of any widget: a
// widget that mounts replaces everything in its node, and then there is nothing left to do here.
const SLOW_AFTER_MS = 6000;

for (const node of document.querySelectorAll("[data-widget-type]")) {
  const waiting = () => node.querySelector(".static-widget-content") !== null;
  setTimeout(() => {
    if (!waiting()) return;
    node.querySelector(".loading-message--normal").hidden = true;
    node.querySelector(".loading-message--slow").hidden = false;
  }, SLOW_AFTER_MS);
  const timeoutS = Number(node.dataset.widgetTimeout);
  if (timeoutS > 0) {
    setTimeout(() => {
      if (!waiting()) return;
      node.querySelector(".loading-indicator-container").remove();
      const error = node.querySelector(".sip-application-error");
      if (error) error.hidden = false;
    }, timeoutS * 1000);
  }
}
