// Runs before everything else in a page: notes what hostile text must never bring about.

(() => {
  const seen = { violations: [], born: [], opened: [] };
  const DANGEROUS = "script, iframe, frame, object, embed, applet, portal, form, button, base, meta, link, style, template, math, noscript, dialog, input, marquee, video, audio";
  addEventListener("securitypolicyviolation", (event) => {
    seen.violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
  }, true);

  // A browser tells of another window only once it is there.
  window.open = (address) => { seen.opened.push(String(address)); return null; };

  // Updates are asked for one by one: a stream would send some of its own in between.
  window.EventSource = class extends EventTarget { close() {} };

  // Elements that live for a moment only are seen too.
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (!(node instanceof Element)) continue;
        for (const each of [node, ...node.querySelectorAll("*")]) {
          if (each.matches(DANGEROUS)) seen.born.push(signature(each));
        }
      }
    }
  }).observe(document, { childList: true, subtree: true });

  // What an element is, without what it says: digits stand for any number, and keys for any key.
  function plain(text) {
    return text.replace(/[0-9a-f]{12,}[0-9a-f.-]*/gi, "KEY").replace(/\d+/g, "N");
  }

  const ADDRESSES = ["href", "src", "action", "formaction", "data", "poster", "srcset", "xlink:href", "ping", "background"];

  function leads(name, value) {
    if (!ADDRESSES.includes(name)) return "";
    try {
      const url = new URL(value, "http://base.test/");
      return `=${url.protocol}${url.host === "base.test" ? "" : "//elsewhere"}`;
    } catch {
      return "=nowhere";
    }
  }

  function signature(element) {
    const attributes = [...element.attributes].map(({ name, value }) => {
      const lower = name.toLowerCase();
      if (["id", "name", "class", "role", "type", "for"].includes(lower)) return `${lower}=${plain(value)}`;
      if (lower.startsWith("on") || ["style", "srcdoc", "http-equiv"].includes(lower)) return `${lower}=${value}`;
      return `${lower}${leads(lower, value)}`;
    });
    return `${element.localName} ${attributes.sort().join(" ")}`;
  }

  function twice() {
    const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
    return ids.filter((each, index) => ids.indexOf(each) !== index);
  }

  // Everything that somebody sees or hears: text, and attributes that are shown or read out. What a
  // field holds is somebody's to send back, and must stay exactly as it is.
  function told() {
    const words = [document.title, document.body.textContent];
    for (const name of ["title", "alt", "aria-label", "placeholder"]) {
      for (const each of document.querySelectorAll(`[${name}]`)) words.push(each.getAttribute(name));
    }
    return words.join(" ");
  }

  Object.defineProperty(window, "tripflagWatch", {
    value: () => ({
      ...seen,
      elements: [...new Set([...document.querySelectorAll("*")].map(signature))],
      twice: twice(),
      told: told(),
      title: plain(document.title),
      wide: document.documentElement.scrollWidth - innerWidth,
      marked: ["pwned"].filter((name) => name in window || name in {} || document.cookie.includes(name)),
      address: location.href,
    }),
  });
})();
