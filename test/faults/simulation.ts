/** Something that takes time: it yields what it waits for, and returns its result. */
export type Process<T = void> = Generator<Wait, T, unknown>;

/** Milliseconds to sleep, or what calls back once it is over. */
export type Wait = number | ((resume: () => void) => void);

interface Event {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock in milliseconds, and what happens by it: events in the order of time, and of their making where equal. */
export class Simulation {
  now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  at(time: number, action: () => void): void {
    const heap = this.#heap;
    const event = { at: Math.max(time, this.now), order: (this.#order += 1), action };
    let place = heap.push(event) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(event, heap[above] as Event)) break;
      heap[place] = heap[above] as Event;
      place = above;
    }
    heap[place] = event;
  }

  after(ms: number, action: () => void): void {
    this.at(this.now + ms, action);
  }

  /** Lets time pass until then. */
  run(until: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#removeFirst();
      this.now = next.at;
      next.action();
    }
    this.now = Math.max(this.now, until);
  }

  /** Starts a process; it runs at once, up to its first wait. */
  start<T>(process: Process<T>): Task<T> {
    const task = new Task<T>();
    const step = (): void => {
      const { done, value } = process.next();
      if (done === true) task.settle(value);
      else if (typeof value === 'number') this.after(value, step);
      else value(step);
    };
    step();
    return task;
  }

  /** Waits for a task, no longer than that; false if it was not done by then. It goes on regardless. */
  *within<T>(task: Task<T>, ms: number): Process<boolean> {
    if (task.isDone) return true;
    let isOver = false;
    yield (resume) => {
      const once = (): void => {
        if (isOver) return;
        isOver = true;
        resume();
      };
      task.whenDone(once);
      this.after(ms, once);
    };
    return task.isDone;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Event, heap[below] as Event)) below += 1;
      if (!isBefore(heap[below] as Event, last)) break;
      heap[place] = heap[below] as Event;
      place = below;
    }
    heap[place] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A process that runs beside the one that started it. */
export class Task<T> {
  #result: { readonly value: T } | undefined;
  #waiting: (() => void)[] = [];

  get isDone(): boolean {
    return this.#result !== undefined;
  }

  /** @throws Error before it is done */
  get result(): T {
    if (!this.#result) throw new Error('a task was asked for its result before it was done');
    return this.#result.value;
  }

  whenDone(action: () => void): void {
    if (this.#result) action();
    else this.#waiting.push(action);
  }

  settle(value: T): void {
    this.#result = { value };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const action of waiting) action();
  }

  *join(): Process<T> {
    if (!this.isDone) yield (resume) => this.whenDone(resume);
    return this.result;
  }
}

/** What only so many may hold at once, such as workers, connections or a lock; the others wait in turn. */
export class Slots {
  #capacity: number;
  #held = 0;
  readonly #waiting: { resume: () => void; hasLeft: boolean }[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get held(): number {
    return this.#held;
  }

  /** Fewer take effect as those that are held come back; at 0 nobody gets any. */
  set capacity(capacity: number) {
    this.#capacity = capacity;
    this.#admit();
  }

  /** Returns false if none came free in that time; by default there is no end of waiting. */
  *acquire(simulation?: Simulation, withinMs?: number): Process<boolean> {
    if (this.#held < this.#capacity && this.#waiting.length === 0) {
      this.#held += 1;
      return true;
    }
    const waiter = { resume: (): void => undefined, hasLeft: false };
    let isHeld = false;
    yield (resume) => {
      waiter.resume = () => {
        isHeld = true;
        resume();
      };
      this.#waiting.push(waiter);
      if (simulation && withinMs !== undefined) {
        simulation.after(withinMs, () => {
          if (isHeld || waiter.hasLeft) return;
          waiter.hasLeft = true;
          resume();
        });
      }
    };
    return isHeld;
  }

  release(): void {
    this.#held -= 1;
    this.#admit();
  }

  #admit(): void {
    while (this.#held < this.#capacity) {
      const next = this.#waiting.shift();
      if (!next) return;
      if (next.hasLeft) continue;
      this.#held += 1;
      next.resume();
    }
  }
}
