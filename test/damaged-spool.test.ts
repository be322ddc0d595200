import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isSpoolEmpty, startCollector } from './support/collector.ts';
import { eventually } from './support/processes.ts';
import { flipByte } from './support/store-files.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

it.each(['.native', '.index'])(
  'the newest block of a spool that was acknowledged, and of which a byte is wrong in %s, is kept as it was found and named',
  async (suffix) => {
    const first = await startCollector({ args: ['--spool-segment-age-ms', '1m'] });
    const { dataDirectory } = first;
    expect((await postJson(first.otlpUrl, aRequest('before', 40))).status).toBe(200);
    expect((await postJson(first.otlpUrl, aRequest('newest', 40))).status).toBe(200);
    process.kill(first.pid, 'SIGKILL');
    await first.stop({ keepData: true });
    const spool = join(dataDirectory, 'spool');
    const files = readdirSync(spool).filter((file) => file.endsWith(suffix));
    const file = files.map((name) => join(spool, name)).find((path) => statSync(path).size > 0) ?? '';
    // In the last of two blocks.
    flipByte(file, Math.floor(statSync(file).size * 0.8));

    const second = await startCollector({ dataDirectory });
    await eventually('what is intact is stored', () => isSpoolEmpty(second));
    const statusOf = async (name: string): Promise<number> =>
      (await fetch(`${second.apiUrl}/api/v1/traces/${traceIdOf(`${name}-0`)}`)).status;
    expect([await statusOf('before'), await statusOf('newest')]).toEqual([200, 404]);
    const { warnings } = (await (await fetch(`${second.apiUrl}/readyz`)).json()) as { warnings: { code: string }[] };
    expect(warnings.map(({ code }) => code)).toEqual(['segments_quarantined']);
    const metrics = await (await fetch(`${second.apiUrl}/metrics`)).text();
    expect(metrics).toMatch(/^throughline_spool_damaged_blocks_total 1$/m);
    const kept = readdirSync(join(spool, 'rejected'));
    expect(kept.filter((name) => name.endsWith(`.damaged${suffix}`))).toHaveLength(1);
    expect(second.output()).not.toContain('not reached the disk');
    expect(second.output()).toMatch(/segment .*damaged/);
    await second.stop();
  },
);
