// The page's own script. It has no part in the widget: with the widget's script gone, the toggles
// are still fetched.
import { start } from "./platform.js";

start();
