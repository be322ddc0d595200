import { FileReplacement } from '../durable-file.ts';

/** Writes totals to a file, a piece at each step, so that everything else goes on between the pieces. */
export class TotalsSnapshot {
  readonly #path: string;
  readonly #pieces: Iterator<string, void>;
  #file: FileReplacement | null = null;

  constructor(path: string, pieces: Iterator<string, void>) {
    this.#path = path;
    this.#pieces = pieces;
  }

  /**
   * Makes the next piece, at once, and resolves when it is written; true when the file has, durably, taken the place of
   * the one before. Rejects with what the file system says, and then nothing is left of it.
   */
  async step(): Promise<boolean> {
    const piece = this.#pieces.next();
    this.#file ??= await FileReplacement.begin(this.#path);
    if (piece.done === true) {
      await this.#file.commit();
      return true;
    }
    await this.#file.write(piece.value);
    return false;
  }
}
