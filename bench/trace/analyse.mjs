/**
 * One process of `bench/trace.mjs`: builds a trace, analyses it `rounds` times, and prints what each round took and
 * what the last one keeps. Needs `--expose-gc`.
 */
import { criticalPath, tellStory, traceFromOtlp } from '../../packages/trace/dist/index.js';
import { SHAPES } from './shapes.mjs';

const [shape, countText, roundsText] = process.argv.slice(2);
const count = Number(countText);
const data = SHAPES[shape](count);
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

const before = usedBytes();
const trace = traceFromOtlp(data);
const ofTree = usedBytes();
const story = tellStory(trace);
const ofStory = usedBytes();
const bytes = { treeBytes: (ofTree - before) / count, analysisBytes: (ofStory - before) / count };
// Both are in use until here.
if (trace.spanCount < count || story.clauses.length === 0) throw new Error(`${shape}: nothing is kept`);
console.log(JSON.stringify({ rounds, ...bytes }));

function measured(work) {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(cpu);
  return { result, cpuMs: (user + system) / 1_000, ms: performance.now() - begin };
}

function usedBytes() {
  // The second one frees what the first has found to be garbage only through a weak reference.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
