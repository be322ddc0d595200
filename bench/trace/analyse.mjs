/**
 * One process of `bench/trace.mjs`: builds a trace, analyses it `rounds` times, and prints what each round took and
 * what an analysis keeps. Needs `--expose-gc`.
 */
import { criticalPath, tellStory, traceFromOtlp } from '../../packages/trace/dist/index.js';
import { setTimeout as delay } from 'node:timers/promises';
import { SHAPES } from './shapes.mjs';

const [shape, countText, roundsText] = process.argv.slice(2);
const count = Number(countText);
const data = SHAPES[shape](count);
const first = await keptBytes();
const rounds = [];
for (let at = 0; at < Number(roundsText); at++) {
  globalThis.gc();
  const tree = measured(() => traceFromOtlp(data));
  const path = measured(() => criticalPath(tree.result));
  // The story finds the path again, and has what both need already: the analysis is the tree and the story alone.
  const fresh = traceFromOtlp(data);
  const story = measured(() => tellStory(fresh));
  if (tree.result.spanCount < count || story.result.headline === '') throw new Error(`${shape}: not analysed`);
  rounds.push({
    treeCpuMs: tree.cpuMs,
    pathCpuMs: path.cpuMs,
    storyCpuMs: story.cpuMs,
    analysisCpuMs: tree.cpuMs + story.cpuMs,
    analysisMs: tree.ms + story.ms,
  });
}
console.log(JSON.stringify({ rounds, ...first }));

/** The first analysis of this size. Not after the rounds: what they leave behind would be freed meanwhile. */
async function keptBytes() {
  tellStory(traceFromOtlp(SHAPES[shape](1_000)));
  const before = await usedBytes();
  const { result: trace, cpuMs: treeCpuMs } = measured(() => traceFromOtlp(data));
  const ofTree = await usedBytes();
  const { result: story, cpuMs: storyCpuMs } = measured(() => tellStory(trace));
  const ofStory = await usedBytes();
  // Both are in use until here.
  if (trace.spanCount < count || story.clauses.length === 0) throw new Error(`${shape}: nothing is kept`);
  return {
    firstCpuMs: treeCpuMs + storyCpuMs,
    treeBytes: (ofTree - before) / trace.spanCount,
    analysisBytes: (ofStory - before) / trace.spanCount,
  };
}

function measured(work) {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(cpu);
  return { result, cpuMs: (user + system) / 1_000, ms: performance.now() - begin };
}

async function usedBytes() {
  // Between turns of the event loop, when nothing is left on the stack; the second one frees what the first has found
  // to be garbage only through a weak reference.
  for (let at = 0; at < 3; at++) {
    await delay(20);
    globalThis.gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
