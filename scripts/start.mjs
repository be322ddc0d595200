// `npm start`: installs what is missing, builds what is stale, starts the collector with the embedded store.
import { ensureBuilt, ensureInstalled, runThroughline } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
await runThroughline(['up', ...process.argv.slice(2)]);
