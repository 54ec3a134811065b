// A bad build, served in place of the polish by the fault draw_logs_error.
export function polish() {
  console.error("representative status: settings are missing");
}
