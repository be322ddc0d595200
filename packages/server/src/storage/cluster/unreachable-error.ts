import { EngineError } from '../engine.ts';

/** A server that nobody answers at, or whose answer broke off. The statement may have been carried out. */
export class UnreachableError extends EngineError {
  /** Of an answer that is not ClickHouse's; 0 where there was none. */
  readonly httpStatus: number;

  constructor(
    message: string,
    isUnseen: boolean,
    { httpStatus = 0, ...options }: ErrorOptions & { readonly httpStatus?: number } = {},
  ) {
    super('unavailable', message, { ...options, isUnseen });
    this.httpStatus = httpStatus;
  }
}

/** A server has stopped to respond, and another one can be asked. This one may still carry the statement out. */
export class GivenUpError extends UnreachableError {
  constructor(message: string) {
    super(message, false);
  }
}
