import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { newDirectory } from './support/collector.ts';

describe('what a user installs works as it is', () => {
  const scratch = newDirectory();
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it(
    'packs the packages, installs the tarballs in an empty folder, and runs the demo there',
    { timeout: 600_000 },
    async () => {
      const tarballs = join(scratch, 'tarballs');
      mkdirSync(tarballs);
      for (const name of ['trace', 'sdk', 'server']) {
        npm(['pack', '--pack-destination', tarballs], join(root, 'packages', name));
      }
      const files = readdirSync(tarballs);
      expect(files).toHaveLength(3);

      const home = join(scratch, 'empty');
      mkdirSync(home);
      writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'a-user', private: true, type: 'module' }));
      npm(
        ['install', '--no-audit', '--no-fund', '--prefer-offline', ...files.map((file) => join(tarballs, file))],
        home,
      );

      const demo = spawn(
        join(home, 'node_modules/.bin/throughline'),
        ['demo', '--exit', '--json', '--load-seconds', '5'],
        {
          cwd: home,
          env: {
            ...process.env,
            THROUGHLINE_DATA_DIR: join(scratch, 'data'),
            THROUGHLINE_HTTP_PORT: '0',
            THROUGHLINE_OTLP_HTTP_PORT: '0',
            THROUGHLINE_OTLP_GRPC_PORT: '0',
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let stdout = '';
      let stderr = '';
      demo.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      demo.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const code = await new Promise((resolve) => demo.once('close', resolve));
      expect(code, stderr + stdout).toBe(0);
      const told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { headline: string };
      expect(told.headline).toMatch(/fraud/);
      expect(told.headline).toMatch(/recovered: payment .* fraud SELECT orders/);
    },
  );
});

function npm(args: readonly string[], cwd: string): void {
  // The variables of the npm that runs the tests would point this one at the workspace.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const result = spawnSync('npm', args, { cwd, env, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${result.stderr}\n${result.stdout}`);
}
