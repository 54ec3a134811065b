// The web client under the web SDK, in a page of another origin than the flags'.
// Puts on `window`: `start(options, targetingKey)`, `ask(flag)` with a code default of true, and
// `changes`, which counts how often the client told that flags changed.
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

window.changes = 0;
window.start = async (options, targetingKey) => {
  await OpenFeature.setContext({ targetingKey });
  await OpenFeature.setProviderAndWait(new OFREPWebProvider(options, console));
  OpenFeature.getClient().addHandler(ProviderEvents.ConfigurationChanged, () => window.changes++);
};
window.ask = (flag) => OpenFeature.getClient().getBooleanDetails(flag, true);
