// Writes docs/api.md out of the description that a collector serves: `node scripts/api-reference.mjs`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiMarkdown } from './openapi-markdown.mjs';
import { servedOpenApi } from './served-openapi.mjs';
import { ensureBuilt, ensureInstalled, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
writeFileSync(join(root, 'docs/api.md'), openApiMarkdown(await servedOpenApi()));
