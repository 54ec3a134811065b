// `<button type="button" data-copy="SELECTOR" hidden>`: copies an element's text.

const SAID_MS = 2000;

// Shows the buttons where copying can work; elsewhere the text can still be marked by hand.
export function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  const found = button && document.querySelector(button.dataset.copy);
  if (!found) return;
  const said = document.querySelector("#said");
  try {
    await navigator.clipboard.writeText(found.value ?? found.textContent);
    said.textContent = "Copied";
  } catch {
    said.textContent = "Not copied: the browser does not allow it. Mark the text and copy it by hand.";
    return;
  }
  const word = (button.dataset.word ??= button.textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = word; }, SAID_MS);
});
