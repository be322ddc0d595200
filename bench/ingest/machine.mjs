/** How fast the machine is just now: on one that others share, the same code takes several times as long from one hour to the next. */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { median, round } from './statistics.mjs';

const ROUNDS = 5;
const STEPS = 20_000_000;
const WAKES = 200;
const WAKE_EVERY_MS = 5;
const FAULTS_MB = 64;

/**
 * Beside what it is: `loopMs`, the CPU time of a loop over integers; `wakeUs`, that of a timer that fires and does nothing, which a virtual machine may
 * be charged its host's waits for; `faultUs`, that of touching a page of memory for the first time. Compare figures only where these are near each other.
 */
export async function describeMachine() {
  const loop = [];
  const faults = [];
  for (let at = 0; at < ROUNDS; at++) {
    loop.push(cpuMsOf(countUp));
    faults.push((cpuMsOf(touchPages) * 1_000) / (FAULTS_MB * 256));
  }
  const begin = process.cpuUsage();
  for (let at = 0; at < WAKES; at++) await delay(WAKE_EVERY_MS);
  const { user, system } = process.cpuUsage(begin);
  return {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    date: new Date().toISOString(),
    loopMs: round(median(loop), 1),
    wakeUs: round((user + system) / WAKES, 1),
    faultUs: round(median(faults), 2),
  };
}

function cpuMsOf(work) {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1_000;
}

function countUp() {
  let sum = 0;
  for (let at = 0; at < STEPS; at++) sum = (sum + (at ^ (sum >>> 3))) | 0;
  return sum;
}

function touchPages() {
  const bytes = Buffer.allocUnsafeSlow(FAULTS_MB * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = 1;
  return bytes;
}
