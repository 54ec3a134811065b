// What is done to the widget's node once it shows something. A good build does nothing.
export function polish() {}
