import { EngineError } from '../engine.ts';

/** A server that nobody answers at, or whose answer broke off. The statement may have been carried out. */
export class UnreachableError extends EngineError {
  constructor(message: string, isUnseen: boolean, options?: ErrorOptions) {
    super('unavailable', message, { ...options, isUnseen });
  }
}
