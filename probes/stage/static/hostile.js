// Puts planted texts, exactly as they are, into everything that a probe may write down.

const LINE = 2000; // what a URL can carry

// In this order at the end, so that a journey sees that everything was tried.
async function plant() {
  const texts = await (await fetch("/stage/hostile/texts")).json();
  const text = texts[0];
  const line = text.slice(0, LINE);
  const tries = [
    () => { document.title = text; },
    () => { document.querySelector("h1").textContent = text; },
    () => { for (const each of texts) accuse(each); },
    () => { document.querySelector("#save").download = line; },
    () => { console.error(text); },
    () => { console.error("said: %s", text, { [line]: line }); },
    () => { setTimeout(() => { throw new Error(text); }); },
    () => { Promise.reject(new Error(text)); },
    () => { confirm(line); },
    // Before the address changes: Chromium loads nothing relative to one with a line break and a tag.
    () => fetch(`/v0/feature_toggles?hostile=1&cookie_id=${encodeURIComponent(line.toWellFormed())}`)
      .then((answer) => answer.json()),
    () => { history.replaceState(null, "", `?${line}`); },
    () => fetch(`/stage/hostile/answer/${line}`).then(say),
    () => fetch(`/stage/hostile/answer/?${line}`).then(say),
    () => fetch(`/stage/hostile/nowhere/${encodeURIComponent(line)}#${line}`),
    () => fetch("/stage/hostile/answer/", { headers: { [line]: line } }),
  ];
  for (const each of tries) {
    try {
      await each();
    } catch (error) {
      console.error(error); // what cannot be put there is told by the browser in its own words
    }
  }
  document.body.dataset.planted = "yes";
}

async function say(answer) {
  const body = await answer.text();
  document.querySelector("#said").textContent = body;
  console.error(answer.statusText, body);
}

// An element that accessibility rules find fault with, named by the text.
function accuse(text) {
  const name = text.slice(0, LINE);
  const image = document.createElement("img");
  for (const [key, value] of [["id", name], ["class", name], ["name", name], ["data-said", name]]) {
    image.setAttribute(key, value);
  }
  const link = document.createElement("a");
  link.setAttribute("href", name);
  link.className = name;
  document.querySelector("section").append(image, link);
}

plant();
