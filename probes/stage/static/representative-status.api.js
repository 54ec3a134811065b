// The widget's one request. Resolves to the person's data, or null where they have no
// representative; rejects where it cannot be known.

export async function fetchRepresentative() {
  const response = await fetch("/representation_management/v0/power_of_attorney", {
    mode: "cors",
    credentials: "include",
    headers: { "Content-Type": "application/json", "X-Key-Inflection": "camel" },
  });
  const text = await response.text();
  if (response.status === 422) return null;
  if (!response.ok) throw new Error(`power of attorney: status ${response.status}`);
  const body = JSON.parse(text);
  return body.data?.id ? body.data : null;
}
