// `npm run build`: every package to its dist/, the UI and the demo's services into what the server ships.
import { ensureBuilt, ensureInstalled } from './workspace.mjs';

ensureInstalled();
ensureBuilt({ force: true });
