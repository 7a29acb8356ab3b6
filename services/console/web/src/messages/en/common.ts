export const close = "Close";
export const cancel = "Cancel";
export const copy = "Copy";
export const copied = "Copied";
export const loading = "Loading";
export const more = "More";
export const typeName = (name: string) => `Type ${name} to confirm`;

export const denied = {
  administer: "This credential may not manage people.",
  keys: "This credential may not manage API keys.",
  history: "This credential may not read who changed what: Owners and Admins do.",
  signInLinks: "Only an API key that may change the configuration makes sign-in links.",
  configure: "This credential may not change the configuration.",
  act: "This credential may not test, replay, recover or cancel.",
};
