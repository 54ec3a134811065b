// A bad build, served in place of the widget's chunk by the fault script_throws.
export function mount() {
  const settings = undefined;
  return settings.headingLevel;
}
