import { configureGlobal } from 'fast-check';

/**
 * Every property test draws the same cases in every run, so that a change and not the draw decides whether one fails.
 * `npm run test:long` draws others; a failing property prints its seed, and THROUGHLINE_TEST_SEED repeats it.
 */
configureGlobal({ seed: Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123) });
