// The server client under the server SDK: evaluates each flag named on a line of standard input,
// with a code default of true, and answers one line of JSON.
import readline from 'node:readline';
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const [baseUrl, targetingKey] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, timeoutMs: 5000 }));
const client = OpenFeature.getClient();

for await (const flag of readline.createInterface({ input: process.stdin })) {
  const context = targetingKey ? { targetingKey } : {};
  console.log(JSON.stringify(await client.getBooleanDetails(flag, true, context)));
}
