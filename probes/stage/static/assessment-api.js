// The assessment's requests, and the session they belong to. Each rejects with ApiError where the
// API does not answer as it should.

const BASE = "/assessment/api";
const KEY = "assessment_session";

export class ApiError extends Error {}

async function call(method, path, body) {
  let response;
  let answer;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    answer = await response.json();
  } catch (cause) {
    throw new ApiError("The service could not be reached.", { cause });
  }
  if (!response.ok) throw new ApiError(answer.detail ?? `The service answered ${response.status}.`);
  return answer;
}

const own = (path) => `/sessions/${encodeURIComponent(sessionStorage.getItem(KEY))}${path}`;

export const hasSession = () => sessionStorage.getItem(KEY) !== null;
export const forget = () => sessionStorage.removeItem(KEY);

export async function openSession() {
  const { id } = await call("POST", "/sessions", { privacy_notice_read: true });
  sessionStorage.setItem(KEY, id);
}
export const questions = async () => (await call("GET", "/questions")).questions;
export const storedAnswers = async () => (await call("GET", own("/answers"))).answers;
export const saveAnswers = (answers) => call("PUT", own("/answers"), answers);
export const submit = () => call("POST", own("/submit"));
export const result = () => call("GET", own("/result"));
