// Writes the types of the client, packages/trace/src/client/api-types.ts, out of the description that a collector
// serves: `node scripts/api-types.mjs`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiTypes } from './openapi-types.mjs';
import { servedOpenApi } from './served-openapi.mjs';
import { ensureInstalled, root, runTool, say } from './workspace.mjs';

ensureInstalled();
// What the compiler objects to may be what the new types mend; it writes the collector all the same.
if (runTool('typescript', ['-b', 'packages/server']) !== 0)
  say('The collector is used as it is; the compiler may accept it with the new types.');
writeFileSync(join(root, 'packages/trace/src/client/api-types.ts'), await openApiTypes(await servedOpenApi()));
