// The toggle request of a page: made once per load, never repeated while the page stays open.
import { cookie } from "./dom.js";

const THIRTY_DAYS_S = 30 * 24 * 60 * 60;

// Percentage rollouts go by this cookie; one that is already there, pinned by a probe, is kept.
export function flipperId() {
  let id = cookie("FLIPPER_ID");
  if (!id) {
    const random = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    );
    id = cookie("_vagovRollup_gid") || random.join("");
    document.cookie = `FLIPPER_ID=${encodeURIComponent(id)}; path=/; max-age=${THIRTY_DAYS_S}; samesite=lax`;
  }
  return id;
}

// Resolves to {} where the service fails: off and broken look alike to the page. Rejects where
// the answer is a 200 that is not JSON, which the real page does not catch either.
export async function fetchToggles() {
  let response;
  try {
    response = await fetch(`/v0/feature_toggles?&cookie_id=${encodeURIComponent(flipperId())}`, {
      credentials: "include",
      headers: { "X-CSRF-Token": String(localStorage.getItem("csrfToken")) },
    });
  } catch {
    return {};
  }
  const token = response.headers.get("X-CSRF-Token");
  if (token) localStorage.setItem("csrfToken", token);
  // Read even what is thrown away: a body that nobody reads keeps its request open.
  const text = await response.text();
  if (!response.ok) return {};
  const body = JSON.parse(text);
  return Object.fromEntries(body.data.features.map(({ name, value }) => [name, value]));
}
