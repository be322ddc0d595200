import type { Random } from './random.ts';
import { bank } from './topologies/bank.ts';
import { mediaPipeline } from './topologies/media-pipeline.ts';
import { notesApp } from './topologies/notes-app.ts';
import { onlineShop } from './topologies/online-shop.ts';
import { randomSystem } from './topologies/random-system.ts';
import { ticketOffice } from './topologies/ticket-office.ts';
import type { Topology } from './topology.ts';

/** Those made by hand. */
export const topologies: readonly Topology[] = [onlineShop, ticketOffice, notesApp, mediaPipeline, bank];

/** Every system that may be taken, in the order to try; two of them are of this seed alone. */
export function systemsInTurn(random: Random, seed: string): Topology[] {
  return random.shuffled([...topologies, randomSystem(`first ${seed}`), randomSystem(`second ${seed}`)]);
}

export function systemOf(random: Random, seed: string): Topology {
  return systemsInTurn(random, seed)[0] as Topology;
}
