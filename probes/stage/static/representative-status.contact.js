// Turns a representative's attributes into what a person can dial, visit or keep.

const US_PHONE = /^\D*1?\D*(\d{3})\D*(\d{3})\D*(\d{4})(?:\D*(?:x|ext)\D*(\d+))?\D*$/i;

// Returns null for anything that is not a US number: then no phone is shown at all.
export function readPhone(text) {
  const found = US_PHONE.exec(text ?? "");
  return found && { contact: found.slice(1, 4).join(""), extension: found[4] ?? null };
}

export function readAddress(attributes) {
  const { addressLine1, addressLine2, addressLine3, city, stateCode, zipCode } = attributes;
  const region = [stateCode, zipCode].filter(Boolean).join(" ");
  return [addressLine1, addressLine2, addressLine3, city, region].filter(Boolean).join(", ");
}

const escaped = (text) => text.replace(/[\\,;]/g, "\\$&").replace(/\n/g, "\\n");

// vCard 3.0 (RFC 2426), as a blob: nothing leaves the page.
export function cardUrl({ name, email, phone }, address) {
  const lines = ["BEGIN:VCARD", "VERSION:3.0", `FN:${escaped(name)}`, `N:${escaped(name)};;;;`];
  if (email) lines.push(`EMAIL:${escaped(email)}`);
  if (phone) lines.push(`TEL:${escaped(phone)}`);
  if (address) lines.push(`ADR:;;${escaped(address)};;;;`);
  lines.push("END:VCARD", "");
  return URL.createObjectURL(new Blob([lines.join("\r\n")], { type: "text/vcard" }));
}
