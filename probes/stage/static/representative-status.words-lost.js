// A bad build, served in place of the widget's words by the fault widget_wrong_content.
export const words = {};
