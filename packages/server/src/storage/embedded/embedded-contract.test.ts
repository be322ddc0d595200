import { engineContract } from '../engine.contract.ts';
import { startEngine } from '../testing/start-engine.ts';

engineContract('the embedded ClickHouse', (limits) => startEngine(limits));
