// A bad build, served in place of the gate by the fault widget_ungated: nobody asks the flag.
export const isGateOpen = () => true;
