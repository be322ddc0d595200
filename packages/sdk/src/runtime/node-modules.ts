/**
 * Modules of Node that take milliseconds to load, and that a process may never need: each is loaded by its first use,
 * not with this package. One that the application has loaded costs nothing.
 */
export const nodeModules = {
  get crypto() {
    return process.getBuiltinModule('node:crypto');
  },
  get http() {
    return process.getBuiltinModule('node:http');
  },
  get https() {
    return process.getBuiltinModule('node:https');
  },
  get net() {
    return process.getBuiltinModule('node:net');
  },
  get tls() {
    return process.getBuiltinModule('node:tls');
  },
  get workerThreads() {
    return process.getBuiltinModule('node:worker_threads');
  },
  get zlib() {
    return process.getBuiltinModule('node:zlib');
  },
};
