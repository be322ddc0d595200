// Loaded into a process before everything else: SIGUSR2 sets the clock that JavaScript sees to the next of the offsets from
// the real one, in milliseconds, round and round. What elapses (`performance.now`, timers) is not touched, as by the system.
const offsetsMs = (process.env.CLOCK_OFFSETS_MS ?? '0').split(',').map(Number);
const RealDate = globalThis.Date;
let jumps = 0;

const now = () => RealDate.now() + offsetsMs[jumps % offsetsMs.length];

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(now());
    else super(...given);
  }

  static now() {
    return now();
  }
};

process.on('SIGUSR2', () => {
  jumps += 1;
});
