// `npm run demo`: a shop in four services, a bounded load, and the story of a slow checkout.
import { ensureBuilt, ensureInstalled, runThroughline } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
await runThroughline(['demo', ...process.argv.slice(2)]);
