import type { Random } from './random.ts';
import { TrafficShares } from './shares.ts';
import { bank } from './topologies/bank.ts';
import { mediaPipeline } from './topologies/media-pipeline.ts';
import { notesApp } from './topologies/notes-app.ts';
import { onlineShop } from './topologies/online-shop.ts';
import { randomSystem } from './topologies/random-system.ts';
import { ticketOffice } from './topologies/ticket-office.ts';
import type { Topology } from './topology.ts';

/** Those made by hand. */
export const topologies: readonly Topology[] = [onlineShop, ticketOffice, notesApp, mediaPipeline, bank];

/** What a request may cause on average: more would make incidents large and slow. */
const SPANS_PER_REQUEST_MAX = 28;

function handySystem(seed: string): Topology {
  for (let attempt = 0; ; attempt += 1) {
    const system = randomSystem(`${seed} ${attempt}`);
    if (new TrafficShares(system).spansPerRequest <= SPANS_PER_REQUEST_MAX) return system;
  }
}

/** Every system that may be taken, in the order to try; two of them are of this seed alone. */
export function systemsInTurn(random: Random, seed: string): Topology[] {
  return random.shuffled([...topologies, handySystem(`first ${seed}`), handySystem(`second ${seed}`)]);
}

export function systemOf(random: Random, seed: string): Topology {
  return systemsInTurn(random, seed)[0] as Topology;
}
