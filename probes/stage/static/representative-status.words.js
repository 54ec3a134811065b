// The widget's headings, and the variant of the sign-in alert that has its own.
export const words = {
  signInVariant: "signInRequired",
  representative: "Your current accredited representative",
  organization: "Your current Veteran Service Organization (VSO)",
  nobody: "You don’t have an accredited representative",
  trouble: "We can’t check if you have an accredited representative.",
};
