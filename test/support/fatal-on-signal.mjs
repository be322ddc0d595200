/** Loaded into a collector: fails as only a bug would, when a signal says so. */
process.on('SIGUSR2', () => {
  void Promise.reject(new Error('a promise that nobody awaits'));
});
process.on('SIGHUP', () => {
  throw new Error('an error that nobody catches');
});
