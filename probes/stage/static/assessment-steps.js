// The six steps. Each has a title and a `body(go)` that resolves to its nodes; `go(act)` runs a
// button's work and shows the step that it resolves to.
import * as api from "./assessment-api.js";
import { wire } from "./assessment-review-button.js";
import { el } from "./dom.js";

const button = (text, onClick) =>
  el("button", { class: "button", type: onClick ? "button" : "submit", click: onClick }, text);

function field({ name, label, kind, min, max, options, max_length: maxLength }, value) {
  const id = `field-${name}`;
  let input;
  if (kind === "select") {
    input = el("select", { id, name, required: true },
      el("option", { value: "" }, "Choose one"),
      options.map((text) => el("option", { value: text, selected: text === value }, text)));
  } else if (kind === "textarea") {
    input = el("textarea", { id, name, rows: 4, maxlength: maxLength }, value ?? "");
  } else {
    input = el("input", { id, name, type: "number", min, max, step: 1, required: true, value });
  }
  return el("div", { class: "field" }, el("label", { for: id }, label), input);
}

function answerList(questions, answers) {
  return el("dl", { class: "answers" }, questions.map(({ name, label }) => {
    const answer = answers[name];
    const text = answer === null || answer === "" ? "Not answered" : String(answer);
    return el("div", {}, el("dt", {}, label), el("dd", {}, text));
  }));
}

const landing = {
  title: "Health needs assessment",
  async body(go) {
    return [
      el("p", { class: "intro" },
        "Three short questions tell us which help fits you. It takes about two minutes."),
      button("Start the assessment", () => go(async () => {
        api.forget();
        return "start";
      })),
    ];
  },
};

const start = {
  title: "Before you start",
  async body(go) {
    const open = (event) => {
      event.preventDefault();
      go(async () => {
        await api.openSession();
        return "questions";
      });
    };
    return [
      el("p", {}, "We keep your answers only as long as this practice server runs."),
      el("form", { submit: open },
        el("div", { class: "tick" },
          el("input", { type: "checkbox", id: "privacy", required: true }),
          el("label", { for: "privacy" }, "I have read the privacy notice")),
        button("Continue")),
    ];
  },
};

const questions = {
  title: "Your questions",
  async body(go) {
    const [asked, answers] = await Promise.all([api.questions(), api.storedAnswers()]);
    const form = el("form", {},
      asked.map((question) => field(question, answers[question.name])), button("Review answers"));
    wire(form, (data) => go(async () => {
      const { age, ...others } = Object.fromEntries(data);
      await api.saveAnswers({ ...others, age: Number(age) });
      return "review";
    }));
    return [form];
  },
};

const review = {
  title: "Check your answers",
  async body(go) {
    const [asked, answers] = await Promise.all([api.questions(), api.storedAnswers()]);
    return [
      el("p", {}, "This is what we have stored."),
      answerList(asked, answers),
      button("Go to submit", () => go(async () => "submit")),
    ];
  },
};

const submit = {
  title: "Submit your assessment",
  async body(go) {
    return [
      el("p", {}, "Once it is submitted, the assessment cannot be changed."),
      button("Submit", () => go(async () => {
        await api.submit();
        return "result";
      })),
    ];
  },
};

const result = {
  title: "Your assessment is complete",
  async body(go) {
    const [asked, { reference, answers }] = await Promise.all([api.questions(), api.result()]);
    return [
      el("p", { class: "receipt" }, "Reference number ", el("strong", {}, reference)),
      el("p", {}, "Keep the number: it finds these answers again."),
      answerList(asked, answers),
      button("Take it again", () => go(async () => "landing")),
    ];
  },
};

export const steps = { landing, start, questions, review, submit, result };
