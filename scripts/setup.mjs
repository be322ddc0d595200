// `npm run setup`: installs what `npm test` needs, programs of the system included (as root on Debian).
import { ensureSenders } from './senders.mjs';
import { ensureBuilt, ensureInstalled, ensureSystemPrograms, ensureToolchains } from './workspace.mjs';

ensureInstalled();
ensureToolchains();
ensureBuilt();
ensureSystemPrograms({ mayInstall: true });
ensureSenders();
