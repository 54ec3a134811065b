// What a page gains with scripts: it follows the daemon, counts ages, and keeps what is typed.
// Every page works without this file; nothing here makes markup of text.

import { showCopyButtons } from "./live-copy.js";
import { followForms } from "./live-forms.js";
import { follow } from "./live-news.js";
import { refresh } from "./live-page.js";
import { showTimes } from "./live-times.js";

showTimes(document);
showCopyButtons(document);
followForms();
// A page may say that it is only a form or a text: nothing on it changes by itself.
if (!document.body.hasAttribute("data-still")) follow(refresh);
