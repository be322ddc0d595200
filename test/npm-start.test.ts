import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { newDirectory } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';

describe('npm start', () => {
  it('starts what is installed and built at once, prints the address of the UI, and ends with Ctrl-C', async () => {
    const dataDirectory = newDirectory();
    // A process group of its own, so that the signal reaches npm and the collector, as a terminal sends it.
    const npm = spawn(
      'npm',
      [
        'start',
        '--',
        '--http-port',
        '0',
        '--otlp-http-port',
        '0',
        '--otlp-grpc-port',
        '0',
        '--data-dir',
        dataDirectory,
      ],
      {
        cwd: root,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    npm.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise((resolve) => npm.once('close', resolve));
    onTestFinished(async () => {
      endGroup(npm.pid ?? 0);
      await ended;
      rmSync(dataDirectory, { recursive: true, force: true });
    });

    await eventually('it is ready', () => /Ready after \d+ ms/.test(output) || (npm.exitCode !== null && fail(output)));
    expect(output).not.toMatch(/Installing|Building/);
    const uiUrl = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
    const page = await fetch(`${uiUrl}/services`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('<div id="root">');

    const below = descendantsOf(npm.pid ?? 0);
    process.kill(-(npm.pid ?? 0), 'SIGINT');
    await ended;
    await eventually('every process has ended', () => !below.some((pid) => isAlive(pid)));
  });
});

/** Whatever has failed: a collector that is left would run for ever. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended, as it should.
  }
}

function fail(output: string): never {
  throw new Error(`npm start ended:\n${output}`);
}
