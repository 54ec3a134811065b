// The one question before every act: why, and who asks.

import { Refused, post } from "./api.js";
import { $, setOptional, setText } from "./dom.js";

const WHO = "tripflag.by";
let asked = null; // { path, more, done }

/** Ask for a reason, then do it. `question`: {title, says, go, tone, path, more}. */
export function ask(question, done) {
  asked = { ...question, done };
  setText($("act-title"), question.title);
  setText($("act-says"), question.says);
  setText($("act-go"), question.go);
  $("act-go").dataset.tone = question.tone ?? "";
  setOptional($("act-problem"), "");
  $("act-reason").value = "";
  $("act-by").value = localStorage.getItem(WHO) ?? "";
  $("act").showModal();
  $("act-reason").focus();
}

async function carryOut() {
  const { path, more, done } = asked;
  const by = $("act-by").value.trim();
  localStorage.setItem(WHO, by);
  $("act-go").disabled = true;
  setOptional($("act-problem"), "");
  try {
    await post(path, { reason: $("act-reason").value.trim(), by, ...more });
    $("act").close();
    done();
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
    const doubt = cause.status === 0 ? ". Look at the guard before you ask again" : "";
    setOptional($("act-problem"), `Not done: ${cause.message}${doubt}`);
  } finally {
    $("act-go").disabled = false;
  }
}

$("act-form").addEventListener("submit", (event) => {
  event.preventDefault();
  carryOut();
});
$("act-cancel").addEventListener("click", () => $("act").close());
