import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** A tool's own variables, of the npm that runs the tests and of its test runner, would change what is started here. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|JEST_)/i.test(name)),
);

/** What a command has written, and how it ended. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** A project outside of this repository, with the package as npm publishes it, and OpenTelemetry's API. */
export class PackedProject {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'throughline-packed-')));
  /** Where the package is installed. */
  readonly home = join(this.folder, 'node_modules/@throughline/sdk');

  /** @throws where the package cannot be packed. */
  constructor() {
    // A copy is compiled and packed, since packing puts what is published in the place of what the other tests run.
    const work = mkdtempSync(join(ROOT, 'node_modules', '.throughline-pack-'));
    try {
      const source = fileURLToPath(new URL('../..', import.meta.url));
      for (const part of ['package.json', 'tsconfig.json', 'scripts', 'src']) {
        cpSync(join(source, part), join(work, part), { recursive: true });
      }
      this.#succeeded(process.execPath, [tool('typescript/bin/tsc'), '-p', '.'], work);
      const [tarball = ''] = this.#succeeded('npm', ['pack', '--silent', '--pack-destination', this.folder], work)
        .trim()
        .split('\n')
        .slice(-1);
      mkdirSync(this.home, { recursive: true });
      this.#succeeded('tar', ['-xzf', join(this.folder, tarball), '--strip-components=1', '-C', this.home], work);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    const api = join(this.folder, 'node_modules/@opentelemetry/api');
    cpSync(join(ROOT, 'node_modules/@opentelemetry/api'), api, { recursive: true });
    this.write('package.json', '{"private":true}');
  }

  write(path: string, text: string): string {
    const file = join(this.folder, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Runs a file of the project, or one of this repository's tools, by the Node that runs the tests. */
  node(file: string, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}): Ran {
    return this.run(process.execPath, [file, ...args], more);
  }

  run(command: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Ran {
    const { stdout, stderr, status } = spawnSync(command, args, {
      cwd: this.folder,
      env: { ...env, ...more },
      encoding: 'utf8',
      timeout: 240_000,
    });
    return { stdout, stderr, status };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #succeeded(command: string, args: readonly string[], cwd: string): string {
    const { stdout, stderr, status } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}\n${stdout}`);
    return stdout;
  }
}

/** A tool's file below `node_modules`; other test runners and compilers than our own are in a folder of their own. */
export function tool(path: string): string {
  const isOther = /^(jest|typescript)-/.test(path);
  return join(ROOT, isOther ? 'test/toolchains' : '.', 'node_modules', path);
}
