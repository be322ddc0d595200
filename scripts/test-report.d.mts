/** What became of one test. `message` is that of its failure, also of the first one of a test that is unsteady. */
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

export interface TestRuntime {
  readonly label?: string | undefined;
  readonly nodeMajor: number;
  readonly isRoot: boolean;
  readonly isLong: boolean;
}

export declare function readReport(path: string, runtime: TestRuntime): TestFile[] | undefined;
export declare function reportLines(files: readonly TestFile[]): string[];
export declare function forbiddenSkips(files: readonly TestFile[]): TestOutcome[];
export declare function staleSkips<E extends { readonly file: string; readonly test: RegExp }>(
  files: readonly TestFile[],
  entries?: readonly E[],
): E[];
export declare function withSecondRun(files: readonly TestFile[], again: readonly TestFile[]): TestFile[];
export declare function failedPaths(files: readonly TestFile[]): string[];
export declare function countOf(files: readonly TestFile[]): {
  passed: number;
  failed: number;
  skipped: number;
  unsteady: number;
};
