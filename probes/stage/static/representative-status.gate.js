// The flag that the widget stands behind.
const FLAG = "representative_status_enabled";

export const isGateOpen = (toggles) => toggles[FLAG] === true;
