import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const path = (file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

/** Runs one tracer against a sink of its own; answers what it cost and what arrived. */
export async function overTheWire(
  rival,
  { rate, seconds, ddTrace = '', standard3 = '', batchSpans = 0, countIds = false },
) {
  const sink = fork(path('sink.mjs'), countIds ? ['--ids'] : [], { execArgv: [] });
  const [{ port }] = await once(sink, 'message');
  const args = [
    path('wire-worker.mjs'),
    rival,
    String(port),
    String(rate),
    String(seconds),
    String(batchSpans),
    ddTrace,
    standard3,
  ];
  const { stdout } = await run(process.execPath, args);
  sink.send('figures');
  const [seen] = await once(sink, 'message');
  sink.disconnect();
  return { ...JSON.parse(stdout.trim().split('\n').at(-1)), seen };
}
