// A bad build, served in place of the wiring by the fault assessment_step_stuck: the form is
// kept from reloading the page, and then nobody does anything.
export function wire(form) {
  form.addEventListener("submit", (event) => event.preventDefault());
}
