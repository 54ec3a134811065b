// Wires the form of the questions to what happens when it is sent.
export function wire(form, send) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(new FormData(form));
  });
}
