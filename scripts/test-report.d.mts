/** What became of one test. `message` is that of its failure. */
export interface TestOutcome {
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly name: string;
  readonly message: string;
  readonly isUnsteady?: boolean;
}

export interface TestFile {
  readonly path: string;
  readonly label: string | undefined;
  readonly seconds: number;
  readonly tests: readonly TestOutcome[];
}

export declare function readReport(path: string, label?: string): TestFile[] | undefined;
export declare function reportLines(files: readonly TestFile[]): { lines: string[]; forbiddenSkips: number };
export declare function withSecondRun(files: readonly TestFile[], again: readonly TestFile[]): TestFile[];
export declare function failedPaths(files: readonly TestFile[]): string[];
export declare function countOf(files: readonly TestFile[]): { passed: number; failed: number; skipped: number };
