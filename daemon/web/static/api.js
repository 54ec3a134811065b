// The way to the daemon. The token lives in this tab's session storage and goes nowhere else.

const KEY = "tripflag.token";
const READ_MS = 10_000;
// A write waits for a slow store, and is then still owed, not lost.
const ACT_MS = 45_000;

export const token = () => sessionStorage.getItem(KEY);
export const keepToken = (value) => sessionStorage.setItem(KEY, value);
export const forgetToken = () => sessionStorage.removeItem(KEY);

/** What the daemon refused, in its own words; `status` 0: it did not answer. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options, limitMs) {
  const headers = { Accept: "application/json", ...options.headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let answer;
  try {
    const signal = AbortSignal.timeout(limitMs);
    answer = await fetch(`/api/v1/${path}`, { ...options, headers, signal, cache: "no-store" });
  } catch (cause) {
    throw new Refused(0, cause.name === "TimeoutError" ? "no answer in time" : "no connection");
  }
  if (answer.ok) return answer;
  let detail = `the daemon answered ${answer.status}`;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // Something in between answered, not the daemon.
  }
  throw new Refused(answer.status, detail);
}

async function reading(answer, how) {
  try {
    return await answer[how]();
  } catch {
    throw new Refused(0, "the answer broke off");
  }
}

export const get = async (path) => reading(await ask(path, {}, READ_MS), "json");

export const getBlob = async (path) => reading(await ask(path, {}, ACT_MS), "blob");

export const post = async (path, body) =>
  reading(
    await ask(
      path,
      { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
      ACT_MS,
    ),
    "json",
  );
