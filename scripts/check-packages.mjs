// `npm run check:packages`: looks at what npm would publish of each package as publint does. Packed first, since what is published of the SDK
// is made then.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run, runTool } from './workspace.mjs';

const folder = mkdtempSync(join(tmpdir(), 'throughline-packages-'));
try {
  for (const name of ['trace', 'sdk', 'server']) {
    const into = mkdtempSync(join(folder, `${name}-`));
    const cwd = join(root, 'packages', name);
    const { version, name: full } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));
    const tarball = join(into, `${full.replace('@', '').replace('/', '-')}-${version}.tgz`);
    process.exitCode ||=
      run('npm', ['pack', '--silent', '--pack-destination', into], { cwd }) ||
      runTool('publint', ['run', tarball, '--strict']);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
