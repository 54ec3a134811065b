// The stand-in component library, a script of its own as on the real site.
import "./va-alerts.js";
import "./va-links.js";
