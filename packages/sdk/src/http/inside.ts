/** Of all copies of this package in a process: one request is traced once, by however many of them. */
const shared = globalThis as { [mark: symbol]: boolean | undefined };

/** `mark`: of `Symbol.for`. Whether one of them is in `inside` with it at the moment. */
export function isInside(mark: symbol): boolean {
  return shared[mark] === true;
}

/** Calls what the package has wrapped, which may lead to what a copy of it has wrapped. */
export function inside<Result>(mark: symbol, fn: () => Result): Result {
  shared[mark] = true;
  try {
    return fn();
  } finally {
    shared[mark] = false;
  }
}
