// One function per state of the widget; each returns the nodes that stand for it.
import { el } from "./dom.js";
import { cardUrl, readAddress, readPhone } from "./representative-status.contact.js";
import { words } from "./representative-status.words.js";

const LEARN = "https://www.va.gov/resources/va-accredited-representative-faqs/";
const HELP_LINE = "8008271000";

const heading = (level, props, text) => el(`h${level}`, props, `${text}`);

const learnLink = () =>
  el("div", { class: "learn" },
    el("va-link", { href: LEARN, text: "Learn about accredited representatives" }));

export function signedOut(level, onSignIn) {
  return el("va-alert-sign-in",
    { variant: `${words.signInVariant}`, visible: true, "heading-level": level },
    el("span", { slot: "SignInButton" },
      el("va-button", { text: "Sign in or create an account", click: onSignIn })));
}

export function loading() {
  return el("va-card", { "show-shadow": true },
    el("va-loading-indicator", { label: "Loading", message: "Loading your information..." }));
}

export function nobody(level) {
  return el("va-card", { "show-shadow": true },
    heading(level, { class: "auth-no-rep-header" }, words.nobody), learnLink());
}

export function trouble(level) {
  return el("va-alert", { status: "error", visible: true },
    heading(level, { slot: "headline" }, words.trouble),
    el("p", {}, "Something on our side isn’t working. Try again later, or call us at ",
      el("va-telephone", { contact: HELP_LINE, extension: 0 }), "."));
}

export function current(level, { attributes }) {
  const address = readAddress(attributes);
  const phone = readPhone(attributes.phone);
  const isPerson = attributes.type === "representative";
  const email = isPerson ? attributes.email : null;
  return el("va-card", { "show-shadow": true },
    el("div", { class: "auth-card" },
      el("div", { class: "auth-rep-text" },
        heading(level, { class: "auth-rep-header" },
          isPerson ? words.representative : words.organization),
        heading(level + 1, { class: "auth-rep-subheader" }, attributes.name),
        isPerson ? null : el("p", {}, "You can work with any accredited representative at this organization"),
        address ? contact("location_on", "address", addressLink(address)) : null,
        email ? contact("mail", "email", el("a", { href: `mailto:${email}` }, email)) : null,
        phone ? contact("phone", "phone", el("va-telephone", phone)) : null,
        isPerson && (email || attributes.phone)
          ? contact("file_download", null, el("va-link", {
              href: cardUrl(attributes, address),
              text: "Download your accredited representative's contact information",
            }))
          : null,
        learnLink())));
}

function contact(icon, kind, node) {
  const srtext = kind && `Representative ${kind}`;
  return el("div", { class: "contact" }, el("va-icon", { icon, srtext }), node);
}

function addressLink(address) {
  return el("div", { class: "address-link" },
    el("a", {
      href: `https://maps.google.com?daddr=${encodeURIComponent(address)}`,
      target: "_blank",
      rel: "noreferrer",
    }, `${address} (opens in a new tab)`));
}
