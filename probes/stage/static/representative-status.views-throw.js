// A bad build, served in place of the widget's views by the fault draw_throws.
function draw() {
  const words = undefined;
  return words.heading;
}

export { draw as current, draw as loading, draw as nobody, draw as signedOut, draw as trouble };
